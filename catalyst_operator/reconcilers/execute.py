"""Doing: each action of a decision as calls to the API. Every one may be repeated."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from catalyst_operator.adapters import kube
from catalyst_operator.adapters.kube import Kube, Object
from catalyst_operator.adapters.secrets import texts as read_secret
from catalyst_operator.api import labels
from catalyst_operator.api.sovereign import Sovereign
from catalyst_operator.clock import Clock
from catalyst_operator.core import actions, manifests, naming, orphans, record
from catalyst_operator.core.observation import CredentialsView, LockView, Observation, StateView
from catalyst_operator.core.runs import job
from catalyst_operator.core.tofu import backends
from catalyst_operator.core.tofu.backends import StateBackend
from catalyst_operator.errors import Conflict, NotFound, Refused, Unavailable
from catalyst_operator.reconcilers import given_state
from catalyst_operator.reconcilers.domains.of_sovereign import DomainOfSovereign
from catalyst_operator.reconcilers.for_owner import ForOwner
from catalyst_operator.reconcilers.keys import Keys
from catalyst_operator.reconcilers.looks import CloudLooks
from catalyst_operator.reconcilers.new_cluster import NewCluster
from catalyst_operator.reconcilers.observe import HTTP_FORBIDDEN, state_of
from catalyst_operator.reconcilers.outside import Outside

log = logging.getLogger(__name__)
STATE_KEY_BYTES = 32


class Executor:
    """Carries out the actions for one observation, in order."""

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
        self._keys = Keys(client, o)
        self._new_cluster = NewCluster(client, outside, o, changed, clock)
        self._domain = DomainOfSovereign(client, o, outside.names, changed)
        self._for_owner = ForOwner(client, o)
        self._looks = CloudLooks(outside, o, changed)
        self._o = o
        self._changed = changed
        self._clock = clock
        self._space = manifests.namespace_of(o.sovereign)
        self.resource_version = o.sovereign.metadata.resource_version
        """Of the Sovereign, after what was done to it here."""
        self._record_version = o.record_version

    @property
    def _sovereign(self) -> Sovereign:
        return self._o.sovereign

    async def run(self, action: actions.Action) -> None:
        """Raises ApiError; what was done before stays done, and the next decision starts from there."""
        match action:
            case actions.AddFinalizer():
                await self._hold()
            case actions.RemoveFinalizer():
                await self._let_go()
            case actions.TakeTurn(entry=entry):
                self._outside.runs.take(entry, self._sovereign.metadata.name, self._o.now)
            case actions.PrepareNamespace(refresh_token=refresh, in_store=in_store):
                await self._prepare(self._o.credentials if refresh else None, in_store=in_store)
            case actions.OpenNamespace():
                await self._kube.apply(manifests.access(self._sovereign, self._o.settings)[0])
            case actions.WriteInputs(name=name, tfvars=variables, in_store=in_store):
                await self._write_inputs(name, variables, in_store=in_store)
            case actions.DeleteInputs(name=name):
                await self._kube.delete(kube.SECRETS, self._space, name)
            case actions.WriteRecord(record=content):
                await self._record(manifests.record(self._sovereign, record.to_json(content)))
            case actions.CreateJob(run=run):
                await self._kube.create_once(job.job(self._sovereign, run, self._o.settings))
            case actions.DeleteJob(name=name):
                await self._kube.delete(kube.JOBS, self._space, name)
            case actions.ReleasePod(name=name):
                await self._release(kube.PODS, name, labels.FINALIZER_OBSERVED)
            case actions.RestoreState(state=before):
                await self._restore_state(before)
            case actions.ForgetSavedState():
                await self._kube.delete(kube.SECRETS, self._space, naming.ERRORED_STATE_SECRET)
            case actions.ReleaseLock(lock=lock):
                await self._release_lock(lock)
            case actions.AskProject() | actions.AskCrossplaneProject() | actions.AskPreflight():
                self._looks.run(action)
            case actions.FollowLog(pod=pod, container=container):
                self._outside.logs.follow(self._space, pod, container, self._changed)
            case actions.ForgetLogs():
                self._outside.logs.forget(self._space)
            case (
                actions.ArchiveState() | actions.RestoreArchive() | actions.TakeGivenState() | actions.DropGivenState()
            ):
                await self._archive(action)
            case actions.GiveBootSecrets() | actions.TakeBootSecrets() | actions.ForgetKeys():
                await self._keys.run(action)
            case (
                actions.ReserveDomain()
                | actions.ReleaseDomain()
                | actions.KeepRegistrarCredentials()
                | actions.AskRegistrarBeforehand()
            ):
                await self._domain.run(action)
            case actions.PublishPlan() | actions.WriteReceipt():
                await self._for_owner.run(action)
            case actions.DeleteNamespace():
                await self._delete_namespace()
            case _:
                await self._new_cluster.run(action)

    async def _hold(self) -> None:
        """Its namespace is marked first: what is held keeps it."""
        await self._mark(self._sovereign.metadata.uid_here)
        await self._finalizers(lambda held: list(dict.fromkeys((*held, labels.FINALIZER_SOVEREIGN))))

    async def _let_go(self) -> None:
        await self._outside.forget(self._o.uid)
        await self._keys.forget_kept()
        with suppress(NotFound):
            await self._mark(None)
        with suppress(NotFound):
            await self._finalizers(lambda held: [name for name in held if name != labels.FINALIZER_SOVEREIGN])

    async def _mark(self, value: str | None) -> None:
        """Say on its owner's namespace that it holds this Sovereign: admission then keeps the namespace."""
        meta = self._sovereign.metadata
        patch: Object = {"metadata": {"annotations": {orphans.mark(meta.name): value}}}
        await self._kube.merge(kube.NAMESPACES, "", meta.namespace, patch)

    async def _finalizers(self, change: Callable[[list[str]], list[str]]) -> None:
        meta = self._sovereign.metadata
        wanted = change(list(meta.finalizers))
        if tuple(wanted) == meta.finalizers:
            return
        patch = {"metadata": {"resourceVersion": self.resource_version, "finalizers": wanted}}
        # One that is gone cannot be held: NotFound ends the decision before anything is made for it.
        after = await self._kube.merge(kube.SOVEREIGNS, meta.namespace, meta.name, patch)
        self.resource_version = after["metadata"]["resourceVersion"]

    async def _record(self, manifest: Object) -> None:
        """Only ever over the record that the decision was made from: a request whose answer was lost may still arrive,
        and must not put an older record over a newer one."""
        if self._record_version:
            manifest["metadata"]["resourceVersion"] = self._record_version
            after = await self._kube.apply(manifest)
        else:
            after = await self._kube.create(manifest)
        self._record_version = after["metadata"]["resourceVersion"]

    async def _write_inputs(self, name: str, variables: Mapping[str, Any], *, in_store: bool) -> None:
        store = self._o.settings.state_backend if in_store else None
        files = {
            "tofu.auto.tfvars.json": json.dumps(variables, indent=1),
            "backend.tf": backends.backend_file(store, self._space, self._o.uid),
            **job.authorities_file(variables),
        }
        await self._kube.create_once(manifests.inputs(self._sovereign, name, files))

    async def _prepare(self, credentials: CredentialsView | None, *, in_store: bool) -> None:
        await self._make_namespace()
        try:
            for manifest in manifests.access(self._sovereign, self._o.settings):
                await self._kube.apply(manifest)
        except Refused as error:
            if self._o.namespace is None and error.status == HTTP_FORBIDDEN:
                # The right that was just bound is in force a moment later; nothing is wrong.
                raise Unavailable(error.status, f"{self._space}: the operator's rights are not in force yet") from error
            raise
        key = manifests.state_key(self._sovereign, secrets.token_bytes(STATE_KEY_BYTES))
        await self._kube.create_once(key)
        if credentials and credentials.token:
            token = credentials.token.get_secret_value()
            await self._kube.apply(manifests.provider_token(self._sovereign, token))
        if in_store and self._o.settings.state_backend:
            await self._give_backend(self._o.settings.state_backend)

    async def _give_backend(self, backend: StateBackend) -> None:
        """Of its Secret nothing but what OpenTofu is to have: it may hold more."""
        found = await self._kube.get(kube.SECRETS, self._o.settings.operator_namespace, backend.secret)
        known = {name: text for name, text in read_secret(found).items() if name in backend.variables}
        await self._kube.apply(manifests.state_backend(self._sovereign, known))

    async def _make_namespace(self) -> None:
        """Made, or brought up to date if it is the very one that was observed to be ours. One that appeared meanwhile
        is a Conflict: whose it is has to be looked at before anything is written to it."""
        manifest = manifests.run_namespace(self._sovereign, self._o.settings)
        if self._o.namespace is None:
            await self._kube.create(manifest)
        else:
            manifest["metadata"]["resourceVersion"] = self._o.namespace.version
            await self._kube.apply(manifest)

    async def _delete_namespace(self) -> None:
        await self._let_record_go()
        with suppress(Conflict):  # What is being deleted already cannot be deleted again.
            await self._kube.delete(kube.NAMESPACES, "", self._space)

    async def _let_record_go(self) -> None:
        """Without reading it first: in a namespace that goes, the right to read may be gone already."""
        with suppress(NotFound):
            patch: Object = {"metadata": {"finalizers": None}}
            await self._kube.merge(kube.CONFIG_MAPS, self._space, naming.RECORD, patch)

    async def _restore_state(self, before: StateView | None) -> None:
        """Only over the state that the decision was made from: a newer one is seen by the next look."""
        saved = await self._kube.get(kube.SECRETS, self._space, naming.ERRORED_STATE_SECRET)
        found = await self._kube.find(kube.SECRETS, self._space, naming.STATE_SECRET)
        if state_of(found) != before:
            raise Conflict(409, f"the state in {self._space} changed while a saved one was to be written back")
        version = found["metadata"]["resourceVersion"] if found else ""
        manifest = manifests.restored_state(self._sovereign, saved["data"]["tfstate"], version)
        await (self._kube.apply(manifest) if found else self._kube.create(manifest))

    async def _archive(
        self, action: actions.ArchiveState | actions.RestoreArchive | actions.TakeGivenState | actions.DropGivenState
    ) -> None:
        match action:
            case actions.ArchiveState():
                await self._archive_state()
            case actions.RestoreArchive():
                await self._restore_archive()
            case actions.TakeGivenState(key=key):
                take = partial(given_state.take, self._kube, self._outside.seal, self._o, key, self._clock)
                owner = self._sovereign.metadata.namespace
                self._outside.takings.run(self._o.uid, key, take, self._changed, owner=owner)
            case actions.DropGivenState(state=state):
                await self._drop_given_state(state)

    async def _archive_state(self) -> None:
        """An archive of an earlier state, which a hand-off that was interrupted left, is made anew."""
        found = await self._kube.get(kube.SECRETS, self._space, naming.STATE_SECRET)
        archive = await self._kube.find(kube.SECRETS, self._space, naming.ARCHIVED_STATE_SECRET)
        if archive is not None and state_of(archive) != state_of(found):
            await self._kube.delete(kube.SECRETS, self._space, naming.ARCHIVED_STATE_SECRET)
        await self._kube.create_once(manifests.archived_state(self._sovereign, found["data"]["tfstate"]))

    async def _restore_archive(self) -> None:
        archive = await self._kube.get(kube.SECRETS, self._space, naming.ARCHIVED_STATE_SECRET)
        await self._kube.create_once(manifests.state(self._sovereign, archive["data"]["tfstate"]))

    async def _drop_given_state(self, state: StateView) -> None:
        """With what a run could not write of it; a newer state is seen by the next look."""
        if state_of(await self._kube.find(kube.SECRETS, self._space, naming.STATE_SECRET)) != state:
            raise Conflict(409, f"the state in {self._space} changed while a refused one was to be put aside")
        for name in (naming.ERRORED_STATE_SECRET, naming.STATE_SECRET):
            await self._kube.delete(kube.SECRETS, self._space, name)

    async def _release_lock(self, lock: LockView) -> None:
        """Taken from this holder only: the API server compares."""
        operations: list[Object] = [
            {"op": "test", "path": "/spec/holderIdentity", "value": lock.id},
            {"op": "remove", "path": "/spec/holderIdentity"},
        ]
        try:
            await self._kube.patch(kube.LEASES, self._space, naming.STATE_LEASE, operations)
        except (NotFound, Refused) as error:
            if error.status not in (404, 422):
                raise
            log.info("%s: the lock is not that holder's any more: %s", self._space, error)

    async def _release(self, kind: kube.Kind, name: str, finalizer: str) -> None:
        found = await self._kube.find(kind, self._space, name)
        held = (found or {}).get("metadata", {}).get("finalizers") or []
        if found is None or finalizer not in held:
            return
        rest = [other for other in held if other != finalizer]
        patch: Object = {"metadata": {"resourceVersion": found["metadata"]["resourceVersion"], "finalizers": rest}}
        try:
            await self._kube.merge(kind, self._space, name, patch)
        except NotFound:
            return
        except Conflict:
            # The kubelet writes to its Pods at any time; only our own finalizer is at stake, so read it afresh.
            await self._release(kind, name, finalizer)
