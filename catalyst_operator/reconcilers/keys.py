"""Doing, as far as the keys of one Sovereign's cluster are concerned: kept beside the operator, given to runs.

Whatever lies in the run namespace a run can read, so what opens the cluster is kept out of it: a run is given what its
new servers are told, for as long as it takes.
"""

from __future__ import annotations

from catalyst_operator.adapters import kube
from catalyst_operator.adapters.kube import Kube
from catalyst_operator.adapters.new_cluster import authorities
from catalyst_operator.core import actions, manifests, naming
from catalyst_operator.core.observation import Observation
from catalyst_operator.errors import Conflict
from catalyst_operator.reconcilers.observe import state_of

OF_RUNS = (
    naming.BOOT_SECRETS,
    naming.TOKEN_SECRET,
    naming.STATE_BACKEND_SECRET,
    naming.STATE_SECRET,
    naming.ERRORED_STATE_SECRET,
)
"""What a hand-off removes from the run namespace: whatever opens the new cluster, the project or a store of states, and
every state but the archived one."""

KeyAction = actions.GiveBootSecrets | actions.TakeBootSecrets | actions.ForgetKeys


class Keys:
    """Carries out the actions about the keys for one observation."""

    def __init__(self, client: Kube, o: Observation) -> None:
        self._kube = client
        self._o = o
        self._home = o.settings.operator_namespace
        self._space = o.run_namespace

    async def run(self, action: KeyAction) -> None:
        """Raises ApiError."""
        match action:
            case actions.GiveBootSecrets(authorities=wanted):
                await self._give(wanted)
            case actions.TakeBootSecrets():
                await self._kube.delete(kube.SECRETS, self._space, naming.BOOT_SECRETS)
            case actions.ForgetKeys():
                await self._forget()

    async def forget_kept(self) -> None:
        """Remove all that is kept beside the operator. Raises ApiError."""
        for name in (naming.cluster_secrets(self._o.uid), naming.registrar_secret(self._o.uid)):
            await self._kube.delete(kube.SECRETS, self._home, name)

    async def _give(self, with_authorities: bool) -> None:
        if not self._o.has_cluster_secrets:
            # Whatever is there by now counts: nodes know it from their first boot on. What was seen a moment ago and is
            # gone is not made anew.
            made = authorities.make(self._o.now).variables
            await self._kube.create_once(manifests.cluster_secrets(self._o.sovereign, self._home, made))
        kept = await authorities.read(self._kube, self._home, self._o.uid)
        given = kept if with_authorities else {**kept, "ca_files": {}}
        await self._kube.apply(manifests.boot_secrets(self._o.sovereign, given))

    async def _forget(self) -> None:
        """No state goes that is not in the archive, whoever wrote it since the decision was made."""
        state = state_of(await self._kube.find(kube.SECRETS, self._space, naming.STATE_SECRET))
        archive = state_of(await self._kube.find(kube.SECRETS, self._space, naming.ARCHIVED_STATE_SECRET))
        if state is not None and not (archive and archive.lineage == state.lineage and archive.serial >= state.serial):
            raise Conflict(409, f"the state in {self._space} is not the one that was archived")
        await self.forget_kept()
        for name in OF_RUNS:
            await self._kube.delete(kube.SECRETS, self._space, name)
