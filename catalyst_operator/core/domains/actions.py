"""Effects as data: what a decision about a domain asks the reconciler to do, in order. Each is idempotent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from catalyst_operator.api.domain_reservation import DomainReservationStatus
from catalyst_operator.core.domains.observation import DnsQuestion
from catalyst_operator.core.domains.registrar import Domain
from catalyst_operator.core.domains.zone import RRset, Zone


@dataclass(frozen=True)
class Hold:
    """Put our finalizer on the reservation before anything is made for it."""


@dataclass(frozen=True)
class LetGo:
    """Take our finalizer off: the very last act."""


@dataclass(frozen=True)
class DeleteReservation:
    """Remove a reservation that ran out."""


@dataclass(frozen=True)
class RememberNameservers:
    """Keep what the registrar had before the first change, where nothing loses it."""

    hosts: tuple[str, ...]


@dataclass(frozen=True)
class CreateZone:
    """Have the zone served."""

    zone: Zone


@dataclass(frozen=True)
class ChangeZone:
    """Change record sets of the zone."""

    zone: str
    changes: tuple[RRset, ...]


@dataclass(frozen=True)
class ChangePool:
    """Change record sets of the pool's zone."""

    zone: str
    changes: tuple[RRset, ...]


@dataclass(frozen=True)
class DeleteZone:
    """Serve the zone no longer."""

    zone: str


@dataclass(frozen=True)
class AskDns:
    """Ask the servers in the background."""

    key: str
    question: DnsQuestion


@dataclass(frozen=True)
class AskRegistrar:
    """Talk to the registrar in the background: read, or, with `hosts`, have them set first."""

    key: str
    domain: Domain
    hosts: tuple[str, ...] | None = None


DomainAction = (
    Hold
    | LetGo
    | DeleteReservation
    | RememberNameservers
    | CreateZone
    | ChangeZone
    | ChangePool
    | DeleteZone
    | AskDns
    | AskRegistrar
)


@dataclass(frozen=True)
class DomainDecision:
    """What follows from one observation. `status` None: there is nothing left to write it to."""

    actions: tuple[DomainAction, ...] = ()
    status: DomainReservationStatus | None = None
    requeue_after: timedelta | None = None
