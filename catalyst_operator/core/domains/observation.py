"""What one look at a DomainReservation and the world around it found: the frozen input of `decide`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from catalyst_operator.api import labels
from catalyst_operator.api.domain_reservation import DomainReservation
from catalyst_operator.core.domains.claims.names import plain
from catalyst_operator.core.domains.registrar import Domain, RegistrarView
from catalyst_operator.core.domains.zone import Zone
from catalyst_operator.core.settings import CoreSettings, DomainSettings


@dataclass(frozen=True)
class Claim:
    """What another reservation has of a name: it is held, or proven to be its owner's, or both. `owner` is its
    Sovereign's UID; empty for a reservation that stands alone."""

    name: str
    owner: str
    held: bool = True
    proven: bool = False
    namespace: str = ""
    """The Sovereign's; empty for a reservation that stands alone."""


@dataclass(frozen=True)
class ZoneView:
    """A zone of a name server: what it holds, that there is none, or why that is not known."""

    zone: Zone | None = None
    problem: str = ""
    """Why it could not be read, as a clause."""
    lasting: bool = False
    """Whether somebody has to change something before it can be: a key that is not accepted."""


@dataclass(frozen=True)
class DnsAnswer:
    """What one server answered. Without an `error`, no values means that it has none."""

    server: str
    address: str
    values: tuple[str, ...] = ()
    error: str = ""

    @property
    def words(self) -> str:
        """For people."""
        said = self.error or (", ".join(self.values) if self.values else "nothing")
        return f"{self.server} ({self.address}): {said}" if self.address else f"{self.server}: {said}"


@dataclass(frozen=True)
class DnsQuestion:
    """What to ask the servers about a name."""

    name: str
    parent: str
    """Where to begin to look for the zone that has to delegate: the name above."""
    probe: str = ""
    """A name of the zone whose address our servers are asked for; empty while there is no zone."""
    live: bool = False
    """Whether to look for MX and A records that a change of name servers would take away."""


@dataclass(frozen=True)
class DnsReport:
    """What the servers answered."""

    key: str
    at: datetime
    authority: tuple[DnsAnswer, ...] = ()
    """Our own servers: the addresses of the probe."""
    parent: str = ""
    """The zone that has to delegate; empty when it could not be found."""
    delegation: tuple[DnsAnswer, ...] = ()
    """The parent's own servers: the name servers they give."""
    signed: tuple[str, ...] = ()
    """DS records that the parent gives for the name: it has to be signed, which our zones are not."""
    signed_error: str = ""
    """Why it is not known whether there are any; as a clause."""
    live: tuple[str, ...] = ()
    """Records in use, such as `MX 10 mail.bank.com`."""
    error: str = ""
    """Why the parent's servers could not be found; as a clause."""
    live_error: str = ""
    """Why it is not known whether there are live records; as a clause."""

    @property
    def answers(self) -> tuple[DnsAnswer, ...]:
        """What those of the parent's servers give that answered."""
        return tuple(answer for answer in self.delegation if not answer.error)


class Trouble(Enum):
    """Why a registrar did not do as it was asked."""

    INCOMPLETE = "the Secret lacks a key"
    UNAUTHORIZED = "the credentials are not accepted"
    FORBIDDEN = "the credentials lack a right"
    REFUSED = "the domain or the change is not acceptable"
    RATE_LIMITED = "too many requests"
    UNAVAILABLE = "no answer"
    UNCLEAR = "an answer that nobody knows"

    @property
    def passes(self) -> bool:
        """Whether it is worth trying again by itself, however long it takes."""
        return self in (Trouble.RATE_LIMITED, Trouble.UNAVAILABLE)


@dataclass(frozen=True)
class RegistrarProblem:
    """A registrar's refusal, in words."""

    trouble: Trouble
    message: str
    remedy: str = ""
    until: datetime | None = None


@dataclass(frozen=True)
class RegistrarReport:
    """What a talk with the registrar came to. `view` is what it said last; older than `problem` when there is one."""

    key: str
    at: datetime
    view: RegistrarView | None = None
    problem: RegistrarProblem | None = None
    set_at: datetime | None = None
    """When a change was accepted last, whatever became of it."""
    set_to: tuple[str, ...] = ()
    """What that change was to."""
    tried_at: datetime | None = None
    """When a change was asked for last, accepted or not."""
    tries: int = 1
    """How many talks in a row came to this problem."""
    refused: RegistrarProblem | None = None
    """Why the last change that was asked for was refused, although reading works. Kept until one is accepted."""
    refusals: int = 0
    """How many changes in a row were refused."""

    def accepted(self, hosts: tuple[str, ...], since: datetime) -> bool:
        """Whether a change to `hosts` was accepted since then, and no other one."""
        return self.set_at is not None and self.set_at > since and self.set_to == hosts


@dataclass(frozen=True)
class RegistrarCredentials:
    """The registrar's Secret. `version` changes whenever its content may have."""

    version: str


@dataclass(frozen=True)
class DomainObservation:
    """Everything, read once."""

    now: datetime
    settings: CoreSettings
    reservation: DomainReservation
    registered: str = ""
    """The registered domain of the name; empty for a public suffix, which nobody can own."""
    claims: tuple[Claim, ...] = ()
    """What others have of names above and below; only looked for until this one is held and proven."""
    names_held: int = 0
    """How many other names the Sovereign's namespace holds; only looked for until this one is held."""
    owned: bool = False
    """Whether the Sovereign of spec.sovereignRef exists and asks for this name."""
    credentials: RegistrarCredentials | None = None
    denied: str = ""
    """Why the registrar's Secret is not read although it is named; a sentence."""
    zone: ZoneView | None = None
    """The zone itself; None before it matters."""
    parent: ZoneView | None = None
    """The pool's zone; None for a name that is in no pool."""
    dns: DnsReport | None = None
    registrar: RegistrarReport | None = None
    talking: bool = False
    """Whether a talk with the registrar is under way: what it changes is not in the report yet."""

    @property
    def name(self) -> str:
        """The name."""
        return self.reservation.metadata.name

    @property
    def namespace(self) -> str:
        """The Sovereign's; empty for a reservation that stands alone."""
        reference = self.reservation.spec.sovereign_ref
        return reference.namespace if reference else ""

    @property
    def uid(self) -> str:
        """The mark of what is ours."""
        return self.reservation.metadata.uid

    @property
    def our_zone(self) -> Zone | None:
        """The zone, if it is there and bears our mark. None as well where that is not known."""
        found = self.zone.zone if self.zone else None
        return found if found is not None and found.mark == self.uid else None

    @property
    def domains(self) -> DomainSettings:
        """The settings. Only asked for where there are any."""
        if self.settings.domains is None:
            raise ValueError("the operator serves no domains")
        return self.settings.domains

    @property
    def domain(self) -> Domain:
        """The name and its registered domain."""
        return Domain(self.name, self.registered)

    @property
    def deleting(self) -> bool:
        """Whether it is to go."""
        return self.reservation.metadata.deletion_timestamp is not None

    @property
    def held(self) -> bool:
        """Whether we hold the reservation object, and so may have made something."""
        return labels.FINALIZER_DOMAIN_RESERVATION in self.reservation.metadata.finalizers

    @property
    def previous(self) -> tuple[str, ...] | None:
        """The name servers found at the registrar before the first change; None before one was begun."""
        text = self.reservation.metadata.annotations.get(labels.ANNOTATION_PREVIOUS_NAMESERVERS)
        return None if text is None else tuple(filter(None, map(plain, text.split(","))))
