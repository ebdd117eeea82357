"""Who has which name: all claims, listed once and kept up from then on, because nobody but this process gives any out.

Whoever judges a name, or believes the proof of one, does so under `lock`: it sees all that was given out before, so
that of two related ones one is refused.
"""

from __future__ import annotations

import asyncio

from catalyst_operator.adapters import kube
from catalyst_operator.adapters.kube import Kube
from catalyst_operator.api.domain_reservation import DomainReservation, DomainReservationStatus
from catalyst_operator.core.domains.claims.names import related
from catalyst_operator.core.domains.claims.proof import claim_of
from catalyst_operator.core.domains.observation import Claim


class Claims:
    """Built once, for the reconcilers of domains and of Sovereigns."""

    def __init__(self, client: Kube) -> None:
        self._kube = client
        self._known: dict[str, Claim] | None = None
        """By name, those that are held or proven; None until they were listed."""
        self.lock = asyncio.Lock()

    async def around(self, name: str) -> tuple[Claim, ...]:
        """The claims above and below the name. Each is looked at once more, because a watch that broke off tells of no
        end. Raises ApiError."""
        return await self._fresh(related_names(name, await self._all()))

    async def held_in(self, namespace: str, besides: str, most: int) -> int:
        """How many other names the namespace's Sovereigns hold; looked at once more where that is `most` or more."""
        known = await self._all()
        names = [c.name for c in known.values() if c.held and c.namespace == namespace and c.name != besides]
        if not namespace or len(names) < most:
            return len(names)
        return sum(claim.held for claim in await self._fresh(names))

    def note(self, reservation: DomainReservation, status: DomainReservationStatus) -> bool:
        """What a reservation has of its name once it has this status. Returns whether that is something new."""
        if self._known is None:
            return False
        name = reservation.metadata.name
        before, after = self._known.get(name), _claim(reservation, status)
        if after.held or after.proven:
            self._known[name] = after
        else:
            self._known.pop(name, None)
        return before != self._known.get(name)

    def forget(self, name: str) -> None:
        """The reservation is gone."""
        if self._known is not None:
            self._known.pop(name, None)

    def related(self, name: str) -> list[str]:
        """The names above and below that are known to be claimed."""
        return related_names(name, self._known or {})

    async def _all(self) -> dict[str, Claim]:
        if self._known is None:
            listed = map(claim_of, await self._kube.list(kube.DOMAIN_RESERVATIONS))
            # Somebody else may have listed them meanwhile, and given one out since.
            if self._known is None:
                self._known = {claim.name: claim for claim in listed if claim.held or claim.proven}
        return self._known

    async def _fresh(self, names: list[str]) -> tuple[Claim, ...]:
        found = {name: await self._kube.find(kube.DOMAIN_RESERVATIONS, "", name) for name in names}
        known = await self._all()
        for name, raw in found.items():
            claim = claim_of(raw) if raw else None
            if claim is not None and (claim.held or claim.proven):
                known[name] = claim
            else:
                known.pop(name, None)
        return tuple(known[name] for name in names if name in known)


def related_names(name: str, known: dict[str, Claim]) -> list[str]:
    """Those of the known names that lie above or below."""
    return [other for other in known if related(other, name)]


def is_changed(reservation: DomainReservation, after: DomainReservationStatus) -> bool:
    """Whether a status gives its name out, believes its proof, or takes either back."""
    return _claim(reservation, reservation.status) != _claim(reservation, after)


def _claim(reservation: DomainReservation, status: DomainReservationStatus) -> Claim:
    return claim_of(reservation.model_copy(update={"status": status}).to_wire())
