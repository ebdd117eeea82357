"""The `DomainReservation`: a name held for one owner, its zone and its delegation. Its name is the FQDN
itself."""

from datetime import timedelta
from typing import Annotated, ClassVar

from pydantic import Field

from catalyst_operator.api.common import Condition, LastError, Model, Resource, Tolerant
from catalyst_operator.api.enums import DomainMode, RegistrarName
from catalyst_operator.api.scalars import Duration, HostName, Ipv4, NamespaceName, ObjectName, Time, Uid
from catalyst_operator.api.schema import ListMap, Rule, RuleReason

DnsName = Annotated[str, Field(min_length=1, max_length=254)]


class SovereignRef(Model):
    """The Sovereign a reservation is for."""

    namespace: NamespaceName
    """Its namespace."""

    name: ObjectName
    """Its name."""

    uid: Uid
    """Its UID, so that a later Sovereign of the same name is somebody else."""


class NamespacedSecretRef(Model):
    """Names a Secret in a namespace."""

    namespace: NamespaceName
    """Namespace of the Secret."""

    name: ObjectName
    """Name of the Secret."""


class ReservationRegistrar(Model):
    """Access to the registrar that holds the domain; byo-api only."""

    name: RegistrarName
    """The registrar."""

    credentials_secret_ref: NamespacedSecretRef
    """Secret with the registrar's credentials: in the Sovereign's namespace, or in the operator's for a
    reservation without a Sovereign."""

    acknowledge_live_records: bool = False
    """Change the name servers even if the domain carries live MX, A or AAAA records, which stop answering
    then."""


class DomainReservationSpec(Model):
    """What is held, for whom, and where it shall point."""

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.sovereignRef) == has(oldSelf.sovereignRef)",
            "is immutable: delete the reservation to give the name to somebody else",
            field_path=".sovereignRef",
        ),
        Rule(
            "(self.mode == 'pool') == (oldSelf.mode == 'pool')",
            "cannot be changed from or to pool, because the name stays the same: delete the reservation, and apply one "
            "of another name",
            field_path=".mode",
        ),
        Rule(
            "self.mode != 'byo-api' || has(self.registrar)",
            "is required in mode byo-api",
            field_path=".registrar",
            reason=RuleReason.REQUIRED,
        ),
        Rule(
            "self.mode == 'byo-api' || !has(self.registrar)",
            "is for mode byo-api only",
            field_path=".registrar",
        ),
        Rule(
            # Without a Sovereign it has to be the operator's own namespace, which only the operator knows.
            "!has(self.registrar) || !has(self.sovereignRef) "
            "|| self.registrar.credentialsSecretRef.__namespace__ == self.sovereignRef.__namespace__",
            "must be the Sovereign's namespace",
            field_path=".registrar.credentialsSecretRef.namespace",
        ),
    )

    mode: DomainMode
    """pool: under one of the operator's domains. byo-manual and byo-api: a domain of the owner."""

    sovereign_ref: (
        Annotated[
            SovereignRef,
            Rule(
                "self == oldSelf",
                "is immutable: delete the reservation to give the name to somebody else",
            ),
        ]
        | None
    ) = None
    """The Sovereign it is for; none for a reservation that stands alone."""

    registrar: ReservationRegistrar | None = None
    """The registrar, in mode byo-api."""

    load_balancer_ip: Ipv4 | None = None
    """Address the records point to; setting it commits the reservation."""

    ttl: Annotated[timedelta, Duration("1m", "168h")] = timedelta(minutes=10)
    """How long an uncommitted reservation holds; renewed while provisioning runs."""

    rollback_nameservers: Annotated[tuple[HostName, ...], Field(max_length=13)] = ()
    """Name servers to set when the reservation is deleted; default: those found before the change."""


class DnsRecord(Tolerant):
    """A record set of the zone."""

    name: DnsName
    """Owner name, relative to the zone: @, *, console."""

    type: Annotated[str, Field(min_length=1, max_length=10)]
    """Type, such as A."""

    values: Annotated[tuple[Annotated[str, Field(max_length=512)], ...], Field(max_length=32)]
    """Values."""


class Delegation(Tolerant):
    """What the parent zone's own servers say about the name."""

    parent: DnsName
    """The parent zone."""

    seen: Annotated[tuple[DnsName, ...], Field(max_length=32)] = ()
    """Name servers that the parent gives."""

    expected: Annotated[tuple[DnsName, ...], Field(max_length=32)] = ()
    """Name servers that it should give."""


class DomainReservationStatus(Tolerant):
    """What the operator observed and did."""

    observed_generation: Annotated[int, Field(ge=0)] = 0
    """Generation of the spec that this status speaks of."""

    conditions: Annotated[tuple[Condition, ...], Field(max_length=16), ListMap(("type",))] = ()
    """Observations, each with a reason and a sentence."""

    waits_for: Annotated[str, Field(max_length=64)] | None = None
    """Type of the condition that Ready speaks of: what has to become True first; absent once all is."""

    last_errors: Annotated[tuple[LastError, ...], Field(max_length=10)] = ()
    """What keeps the name from being ready, the most telling first; empty while it is only a matter of time."""

    retry_at: Time | None = None
    """When the operator tries again by itself; absent while nothing waits for a time."""

    proven: bool | None = None
    """Whether the name was found to be its owner's: delegated to us, or in the account of the registrar's
    credentials. One that is not gives way to the owner of a name above or below who has proven it."""

    expires_at: Time | None = None
    """When the reservation ends unless it is renewed or committed; absent once committed."""

    nameservers: Annotated[tuple[DnsName, ...], Field(max_length=13)] = ()
    """The NS records that the parent must carry; in mode byo-manual, you set them at your registrar."""

    zone: Annotated[str, Field(max_length=254)] | None = None
    """The zone that is served, with its trailing dot."""

    records: Annotated[tuple[DnsRecord, ...], Field(max_length=64)] = ()
    """The records of the zone."""

    delegation: Delegation | None = None
    """What the parent zone's own servers say about the name."""

    previous_nameservers: Annotated[tuple[DnsName, ...], Field(max_length=13)] = ()
    """Name servers found before the change; set again when the reservation is deleted."""

    last_handled_reconcile_at: Annotated[str, Field(max_length=64)] | None = None
    """Value of reconcile.fluxcd.io/requestedAt that was answered last."""


class DomainReservation(Resource):
    """A domain name held for one owner: reserved, served, delegated, and given back."""

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            r"self.metadata.name.matches('^([a-z0-9-]{1,63}\\.)+[a-z0-9-]{1,63}$')",
            "must be a DNS name of at least two labels of at most 63 characters each: the object's name is the domain",
            field_path=".metadata.name",
        ),
        Rule(
            "self.spec.mode != 'pool' || (self.metadata.name.split('.').size() >= 3 "
            "&& self.metadata.name.split('.')[0].size() >= 3 && self.metadata.name.split('.')[0].size() <= 32)",
            "in mode pool must be one label of 3 to 32 characters in front of a pool domain, such as "
            "omantel.omani.works",
            field_path=".metadata.name",
        ),
    )

    spec: DomainReservationSpec
    """What is held, for whom, and where it shall point."""

    status: DomainReservationStatus = DomainReservationStatus()
    """What the operator observed and did."""
