"""Doing, as far as the reservation of a Sovereign's name is concerned."""

from __future__ import annotations

from collections.abc import Callable

from catalyst_operator.adapters import kube
from catalyst_operator.adapters.kube import Kube
from catalyst_operator.core import actions, manifests
from catalyst_operator.core.domains import of_sovereign
from catalyst_operator.core.observation import Observation
from catalyst_operator.reconcilers.outside import Names

DomainAction = (
    actions.ReserveDomain | actions.ReleaseDomain | actions.KeepRegistrarCredentials | actions.AskRegistrarBeforehand
)


class DomainOfSovereign:
    """Carries out the actions about the domain of one observation."""

    def __init__(
        self,
        client: Kube,
        o: Observation,
        names: Names | None = None,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._kube = client
        self._names = names
        self._o = o
        self._changed = changed

    async def run(self, action: DomainAction) -> None:
        """Raises ApiError."""
        match action:
            case actions.ReserveDomain(address=address):
                await self._reserve(address)
            case actions.ReleaseDomain():
                await self._release()
            case actions.KeepRegistrarCredentials():
                await self._keep_credentials()
            case actions.AskRegistrarBeforehand(ask=ask):
                if self._names is not None:
                    await self._names.ask(self._o.sovereign, ask, self._changed)

    async def _reserve(self, address: str | None) -> None:
        """Made, if nobody has; changed only as it was observed, so that nobody else's is ever written to."""
        wanted, found = of_sovereign.manifest(self._o.sovereign, address), self._o.reservation
        if found is None:
            await self._kube.create_once(wanted)
            return
        spec = {"registrar": None, **wanted["spec"]}
        spec.pop("sovereignRef")
        annotations = wanted["metadata"].get("annotations", {})
        meta = {"resourceVersion": found.metadata.resource_version, "annotations": annotations}
        patch = {"metadata": meta, "spec": spec}
        await self._kube.merge(kube.DOMAIN_RESERVATIONS, "", found.metadata.name, patch)

    async def _release(self) -> None:
        """The one that was observed; meanwhile the name may be somebody else's."""
        if self._o.reservation is not None:
            meta = self._o.reservation.metadata
            await self._kube.delete(kube.DOMAIN_RESERVATIONS, "", meta.name, uid=meta.uid)

    async def _keep_credentials(self) -> None:
        sovereign = self._o.sovereign
        name = of_sovereign.needs_credentials(sovereign)
        secret = await self._kube.find(kube.SECRETS, sovereign.metadata.namespace, name) if name else None
        if secret is None:
            return
        home, data = self._o.settings.operator_namespace, secret.get("data") or {}
        await self._kube.apply(manifests.registrar_credentials(sovereign, home, data, kube.version_of(secret)))
