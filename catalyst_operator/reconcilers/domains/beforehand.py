"""Looking at a name before it is reserved, for its Sovereign: nothing is held, and nobody else's is written to."""

from __future__ import annotations

from collections.abc import Callable

from catalyst_operator.adapters import suffixes
from catalyst_operator.adapters.kube import Kube
from catalyst_operator.adapters.registrars.talks import RegistrarTalks
from catalyst_operator.api.domain_reservation import DomainReservation
from catalyst_operator.api.sovereign import Sovereign
from catalyst_operator.clock import Clock
from catalyst_operator.core.domains import of_sovereign
from catalyst_operator.core.domains.actions import AskRegistrar
from catalyst_operator.core.domains.observation import DomainObservation
from catalyst_operator.core.settings import CoreSettings
from catalyst_operator.reconcilers.domains import credentials
from catalyst_operator.reconcilers.domains.claims import Claims


class NameLook:
    """Built once by the composition; talks with registrars go by the Sovereign's UID here."""

    def __init__(
        self,
        client: Kube,
        claims: Claims,
        talks: RegistrarTalks,
        settings: CoreSettings,
        clock: Clock,
    ) -> None:
        self._kube = client
        self._claims = claims
        self._talks = talks
        self._settings = settings
        self._clock = clock

    async def look(self, sovereign: Sovereign) -> DomainObservation | None:
        """What the reservation that the Sovereign wants would meet. Raises ApiError."""
        if self._settings.domains is None:
            return None
        wanted, meta = _wanted(sovereign), sovereign.metadata
        name, most = wanted.metadata.name, self._settings.domains.most_names
        secret = await credentials.find(self._kube, wanted, sovereign, self._settings.operator_namespace)
        return DomainObservation(
            now=self._clock(),
            settings=self._settings,
            reservation=wanted,
            registered=suffixes.registered(name),
            claims=await self._claims.around(name),
            names_held=await self._claims.held_in(meta.namespace, name, most),
            owned=True,
            credentials=secret.credentials,
            denied=secret.denied,
            registrar=self._talks.report(meta.uid),
            talking=self._talks.under_way(meta.uid),
        )

    async def ask(self, sovereign: Sovereign, ask: AskRegistrar, changed: Callable[[], None]) -> None:
        """Have the registrar asked whether it accepts the credentials; it only reads. Raises ApiError."""
        wanted, meta = _wanted(sovereign), sovereign.metadata
        registrar = wanted.spec.registrar
        if registrar is None:
            return
        secret = await credentials.find(self._kube, wanted, sovereign, self._settings.operator_namespace)
        account = (registrar.name, secret.content)
        self._talks.ask(meta.uid, ask.key, account, ask.domain, None, changed, owner=meta.namespace)

    def forget(self, uid: str) -> None:
        """The Sovereign is gone, or its name is reserved."""
        self._talks.forget(uid)


def _wanted(sovereign: Sovereign) -> DomainReservation:
    """The reservation as it would be made."""
    manifest = of_sovereign.manifest(sovereign, None)
    manifest["metadata"] |= {"uid": sovereign.metadata.uid, "generation": 1}
    return DomainReservation.parse(manifest)
