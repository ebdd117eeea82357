"""Doing, as far as the new cluster and its Git repository are concerned: connections, Secrets, the end of access.

Whatever takes as long as a network pleases is started here and goes on beside the reconcile.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from pydantic import SecretStr

from catalyst_operator.adapters import kube, secrets
from catalyst_operator.adapters.git.newest import Repository
from catalyst_operator.adapters.kube import Kube
from catalyst_operator.adapters.new_cluster import authorities
from catalyst_operator.adapters.new_cluster.identities import Identities
from catalyst_operator.adapters.new_cluster.writes import (
    corrections,
    dead_nodes,
    draining,
    farewells,
    seeding,
    transferring,
)
from catalyst_operator.adapters.new_cluster.writes.transferring import Estate
from catalyst_operator.clock import Clock
from catalyst_operator.core import actions, manifests, naming
from catalyst_operator.core.access import kubeconfig, module, transfer
from catalyst_operator.core.access.dead_nodes import DeadNode, RemovalReport
from catalyst_operator.core.access.draining import DrainReport, LeavingNode
from catalyst_operator.core.access.farewell import FarewellReport
from catalyst_operator.core.access.git_ref import GitRef
from catalyst_operator.core.access.identity import NODE_REMOVER, OBSERVER, OWNER, SEEDER, Access
from catalyst_operator.core.access.seeds import Seed, SeedReport
from catalyst_operator.core.access.source import CorrectionReport, Followed
from catalyst_operator.core.access.transfer import TransferReport
from catalyst_operator.core.observation import Observation
from catalyst_operator.reconcilers.observe import state_file
from catalyst_operator.reconcilers.outside import Outside

ERRAND_LIFETIME = timedelta(minutes=10)
"""How long a certificate for one errand is valid; the proof of a hand-off needs one that still is."""
OWNER_LIFETIME = timedelta(days=365)
"""As long as k3s makes its own administrator's certificate."""
ADMINISTRATORS = "system:masters"


class NewCluster:
    """Carries out the actions about the new cluster of one observation."""

    def __init__(
        self,
        client: Kube,
        outside: Outside,
        o: Observation,
        changed: Callable[[], None],
        clock: Clock,
    ) -> None:
        self._kube = client
        self._outside = outside
        self._o = o
        self._changed = changed
        self._clock = clock

    async def run(self, action: actions.Action) -> None:
        """Raises ApiError."""
        match action:
            case actions.PushOverlay():
                await self._push(action)
            case actions.AskRepository():
                await self._look_at(action)
            case actions.WatchCluster(target=target):
                observer = partial(self._mint, target.addresses, OBSERVER, self._o.settings.observer_lifetime)
                self._outside.clusters.watch(self._o.uid, target, observer, self._changed)
            case actions.LookAgain():
                self._outside.clusters.look_again(self._o.uid)
            case actions.ForgetCluster():
                await self._outside.clusters.forget(self._o.uid)
            case actions.SeedCluster(key=key, seeds=seeds):
                deliver = partial(self._deliver, key, seeds)
                self._outside.seeds.run(self._o.uid, key, deliver, self._changed, owner=self._namespace)
            case actions.CorrectSource(followed=followed):
                correct = partial(self._correct, followed)
                where = (self._o.uid, followed.key, correct, self._changed)
                self._outside.corrections.run(*where, owner=self._namespace)
            case actions.RemoveNodes(key=key, nodes=nodes):
                remove = partial(self._remove, key, nodes)
                self._outside.removals.run(self._o.uid, key, remove, self._changed, owner=self._namespace)
            case actions.DrainNodes(key=key, nodes=nodes) | actions.OpenNodes(key=key, nodes=nodes):
                round_ = partial(self._drain, key, nodes, opens=isinstance(action, actions.OpenNodes))
                self._outside.drains.run(self._o.uid, key, round_, self._changed, owner=self._namespace)
            case actions.TransferState(key=key, variables=variables):
                give = partial(self._transfer, key, variables)
                self._outside.transfers.run(self._o.uid, key, give, self._changed, owner=self._namespace)
            case actions.GiveUpAccess(key=key):
                give_up = partial(self._give_up, key)
                self._outside.farewells.run(self._o.uid, key, give_up, self._changed, owner=self._namespace)
            case actions.WriteOwnerKubeconfig():
                await self._give_owner_access()
            case _:
                raise AssertionError(f"nobody carries out {type(action).__name__}")

    @property
    def _namespace(self) -> str:
        """The owner's: namespaces take turns."""
        return self._o.sovereign.metadata.namespace

    @property
    def _addresses(self) -> tuple[str, ...]:
        outputs = self._o.record.outputs if self._o.record else None
        return outputs.control_plane_ips if outputs else ()

    async def _mint(self, addresses: tuple[str, ...], user: str, lifetime: timedelta, *groups: str) -> Access:
        fqdn = self._o.sovereign.spec.domain.fqdn
        home = self._o.settings.operator_namespace
        identities = Identities(self._kube, self._clock, home, self._o.uid, addresses, fqdn)
        minted = await identities.access(user, lifetime, groups)
        return replace(minted, owner=self._o.sovereign.metadata.namespace)

    def _deliver(self, key: str, seeds: tuple[Seed, ...]) -> Awaitable[SeedReport]:
        return seeding.deliver(
            self._kube,
            self._outside.connect,
            partial(self._mint, self._addresses, SEEDER, ERRAND_LIFETIME),
            namespace=self._o.sovereign.metadata.namespace,
            seeds=seeds,
            key=key,
            clock=self._clock,
        )

    def _correct(self, followed: Followed) -> Awaitable[CorrectionReport]:
        access = partial(self._mint, self._addresses, SEEDER, ERRAND_LIFETIME)
        fqdn = self._o.sovereign.spec.domain.fqdn
        return corrections.correct(self._outside.connect, access, followed=followed, fqdn=fqdn, clock=self._clock)

    def _remove(self, key: str, nodes: tuple[DeadNode, ...]) -> Awaitable[RemovalReport]:
        access = partial(self._mint, self._addresses, NODE_REMOVER, ERRAND_LIFETIME)
        return dead_nodes.remove(self._outside.connect, access, nodes=nodes, key=key, clock=self._clock)

    def _drain(self, key: str, nodes: tuple[LeavingNode, ...], *, opens: bool) -> Awaitable[DrainReport]:
        access = partial(self._mint, self._addresses, NODE_REMOVER, ERRAND_LIFETIME)
        act = draining.reopen if opens else draining.drain
        return act(self._outside.connect, access, nodes=nodes, key=key, clock=self._clock)

    def _transfer(self, key: str, variables: dict[str, Any]) -> Awaitable[TransferReport]:
        access = partial(self._mint, self._addresses, SEEDER, ERRAND_LIFETIME)
        estate = partial(self._estate, variables)
        seal = partial(self._outside.seal, owner=self._namespace)
        timeouts = self._o.transfer.timeouts if self._o.transfer else 0
        return transferring.give(
            self._outside.connect, access, seal, estate, key=key, clock=self._clock, timeouts=timeouts
        )

    async def _estate(self, variables: dict[str, Any]) -> Estate:
        """The state as it was archived, and the module's inputs with the token of its workers."""
        space = self._o.run_namespace
        archive = await self._kube.get(kube.SECRETS, space, naming.ARCHIVED_STATE_SECRET)
        opened_by = await self._kube.get(kube.SECRETS, space, naming.STATE_KEY_SECRET)
        kept = await authorities.read(self._kube, self._o.settings.operator_namespace, self._o.uid)
        inputs = transfer.inputs(variables, kept["agent_token"])
        return Estate(
            state=state_file(archive),
            key=base64.b64decode(opened_by["data"][naming.STATE_KEY]).decode(),
            inputs=json.dumps(inputs, indent=1),
            git_login=await self._module_login(),
        )

    async def _module_login(self) -> str:
        """Of the repository that has the module, if that is the one that the owner's credentials are for."""
        spec = self._o.sovereign.spec
        gitops, (url, _) = spec.gitops, module.repository(spec, self._o.settings)
        if gitops.credentials_secret_ref is None or url != (gitops.url or url):
            return ""
        name = gitops.credentials_secret_ref.name
        values = secrets.texts(await self._kube.get(kube.SECRETS, self._namespace, name))
        return transfer.git_login(url, values.get("username", ""), values.get("password", ""))

    def _give_up(self, key: str) -> Awaitable[FarewellReport]:
        def mint(user: str) -> Awaitable[Access]:
            return self._mint(self._addresses, user, ERRAND_LIFETIME)

        return farewells.give_up(self._outside.connect, mint, key=key, clock=self._clock)

    async def _give_owner_access(self) -> None:
        access = await self._mint(self._addresses, OWNER, OWNER_LIFETIME, ADMINISTRATORS)
        text = kubeconfig.render(access, self._o.sovereign.metadata.name)
        await self._kube.create_once(manifests.owner_kubeconfig(self._o.sovereign, text))

    async def _push(self, action: actions.PushOverlay) -> None:
        reference = self._o.sovereign.spec.gitops.credentials_secret_ref
        repository = await self._repository(
            action.url, GitRef(branch=action.branch), reference.name if reference else ""
        )
        asked = (self._o.uid, action.key, repository, action.change, self._changed)
        self._outside.overlays.ask(*asked, owner=self._namespace)

    async def _look_at(self, action: actions.AskRepository) -> None:
        question = action.question
        repository = await self._repository(question.url, question.ref, question.secret)
        asked = (self._o.uid, action.key, repository, question, self._changed)
        self._outside.repositories.ask(*asked, owner=self._namespace)

    async def _repository(self, url: str, followed: GitRef, secret: str) -> Repository:
        """With what the owner's Secret of this name holds; empty: nobody's."""
        if not secret:
            return Repository(url, followed)
        values = secrets.texts(await self._kube.get(kube.SECRETS, self._namespace, secret))
        return Repository(
            url=url,
            followed=followed,
            username=values.get("username", ""),
            password=SecretStr(values.get("password", "")),
            authority=values.get("ca.crt", ""),
        )
