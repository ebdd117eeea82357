"""A Sovereign's view of its domain: what it asks for, whether money may be spent, and what an error is called."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from catalyst_operator.api import labels
from catalyst_operator.api.conditions import CONDITIONS, DOMAIN_CONDITIONS, ConditionType, Reason
from catalyst_operator.api.domain_reservation import DomainReservation
from catalyst_operator.core.domains import of_sovereign
from catalyst_operator.core.domains.decide import decide
from catalyst_operator.core.domains.delegating import DELEGATION_PATIENCE
from catalyst_operator.core.domains.observation import (
    Claim,
    DnsAnswer,
    DomainObservation,
    RegistrarProblem,
    Trouble,
    ZoneView,
)
from catalyst_operator.core.domains.of_sovereign import DomainStanding, differs, errors_of, manifest, standing
from catalyst_operator.core.errors import codes
from catalyst_operator.core.record import ErrorEntry
from tests.support import gen
from tests.support.reservations import (
    ADDRESS,
    APEX,
    BY_API,
    HELD,
    NAME,
    OLD,
    answered,
    asked,
    by_api,
    look,
    manual,
    our_zone,
    pool,
    pooled,
    ready,
    reservation,
    reserved,
    served,
    told,
)

DOMAIN = {
    "mode": "byo-api",
    "fqdn": APEX,
    "registrar": {"name": "ovh", "credentialsSecretRef": {"name": "ovh"}, "acknowledgeLiveRecords": True},
}
REGISTRARS_OWN = gen.spec(domain=DOMAIN)
SOVEREIGN = gen.sovereign()
REASONS = {doc.type: doc.reasons.keys() for doc in CONDITIONS}


def asks(**spec: Any) -> DomainReservation:
    """What the registrar's Sovereign asked for, but for what is named; a value of None is left out."""
    registrar = {**BY_API["registrar"], "acknowledgeLiveRecords": True}
    whole = {"mode": "byo-api", "registrar": registrar, "loadBalancerIP": ADDRESS, **spec}
    return reservation(APEX, spec={field: value for field, value in whole.items() if value is not None})


# --- what it asks for -------------------------------------------------------------------------------------------------


def test_what_it_asks_for() -> None:
    made = manifest(gen.sovereign(REGISTRARS_OWN), ADDRESS)
    assert made["metadata"]["name"] == APEX
    assert made["metadata"]["labels"][labels.LABEL_SOVEREIGN_UID] == gen.UID
    assert made["spec"] == {
        "mode": "byo-api",
        "sovereignRef": {"namespace": "team-a", "name": "omantel", "uid": gen.UID},
        "registrar": {
            "name": "ovh",
            "credentialsSecretRef": {"namespace": "team-a", "name": "ovh"},
            "acknowledgeLiveRecords": True,
        },
        "loadBalancerIP": ADDRESS,
    }
    assert "loadBalancerIP" not in manifest(SOVEREIGN, None)["spec"]


@pytest.mark.parametrize("mods", [(), (REGISTRARS_OWN,)], ids=["pool", "registrar"])
@pytest.mark.parametrize("address", [None, ADDRESS])
def test_what_was_asked_for_does_not_differ(mods: tuple[gen.RawMod, ...], address: str | None) -> None:
    """Else it would be written anew with every look."""
    sovereign = gen.sovereign(*mods)
    made = manifest(sovereign, address)
    made["metadata"] |= {"uid": "u", "generation": 1, "resourceVersion": "1"}
    assert not differs(sovereign, address, DomainReservation.parse(made))


OTHER = {**BY_API["registrar"], "acknowledgeLiveRecords": True}


@pytest.mark.parametrize(
    ("found", "address", "different"),
    [
        (asks(), ADDRESS, False),
        (asks(loadBalancerIP=None), ADDRESS, True),
        (asks(), "203.0.113.99", True),
        (asks(), None, False),
        (asks(mode="byo-manual", registrar=None), ADDRESS, True),
        (asks(registrar={**OTHER, "name": "dynadot"}), ADDRESS, True),
        (asks(registrar={**OTHER, "credentialsSecretRef": {"namespace": "team-a", "name": "new"}}), ADDRESS, True),
        (asks(registrar={**OTHER, "acknowledgeLiveRecords": False}), ADDRESS, True),
        (asks(rollbackNameservers=["ns1.old.test"]), ADDRESS, False),
        (asks(ttl="1h"), ADDRESS, False),
    ],
    ids=[
        "the same",
        "no address yet",
        "another address",
        "an address is not taken back",
        "another mode",
        "another registrar",
        "another Secret",
        "live records may go now",
        "a way back is the reservation's own",
        "so is its time",
    ],
)
def test_what_differs(found: DomainReservation, address: str | None, different: bool) -> None:
    assert differs(gen.sovereign(REGISTRARS_OWN), address, found) is different


# --- how it stands ----------------------------------------------------------------------------------------------------


def after(o: DomainObservation) -> DomainReservation:
    """The reservation once its own status says what was decided for it."""
    decision = decide(o)
    assert decision.status is not None
    return o.reservation.model_copy(update={"status": decision.status})


def late(o: DomainObservation) -> DomainReservation:
    """The same once it has stood so for longer than such a thing takes."""
    found = after(o)
    return after(replace(o, reservation=found, now=o.now + DELEGATION_PATIENCE + timedelta(seconds=1)))


def first_error(found: DomainReservation | None, stands: DomainStanding) -> ErrorEntry | None:
    return next(iter(errors_of(SOVEREIGN, found, stands)), None)


def trouble(kind: Trouble) -> RegistrarProblem:
    return RegistrarProblem(kind, "it says no", "Do this.")


def before_address(o: DomainObservation) -> DomainObservation:
    """The same before there is an address, when nothing has been spent."""
    spec = o.reservation.spec.model_copy(update={"load_balancer_ip": None})
    meta = o.reservation.metadata.model_copy(update={"finalizers": ()})
    return replace(o, reservation=o.reservation.model_copy(update={"spec": spec, "metadata": meta}), zone=ZoneView())


LIVE = ("MX 10 mail.bank.com.",)
FOREIGN = ZoneView(replace(our_zone().zone, mark="somebody"))  # type: ignore[type-var]

STANDS: list[tuple[str, DomainObservation, str, bool, str]] = [
    # what is decided for the name, DomainReserved, whether a person has to act, code of the error if it takes long
    ("given", look(reservation()), "True Reserved", False, ""),
    ("served and delegated", pooled(), "True Reserved", False, ""),
    ("kept by the pool", look(reservation("www.omani.works")), "False NameReserved", True, "ERR_DOMAIN_NAME"),
    ("in no pool", look(reservation("a.example.com")), "False NotInPool", True, "ERR_DOMAIN_NAME"),
    (
        "under a pool",
        look(reservation(spec={"mode": "byo-manual"})),
        "False UnderPool",
        True,
        "ERR_DOMAIN_NAME",
    ),
    (
        "a public suffix",
        look(reservation("co.uk", spec={"mode": "byo-manual"}), registered=""),
        "False InvalidSpec",
        True,
        "ERR_DOMAIN_NAME",
    ),
    (
        "beside another owner's",
        look(reservation(APEX, spec={"mode": "byo-manual"}), claims=(Claim(f"a.{APEX}", "another"),)),
        "False DomainTaken",
        True,
        "ERR_DOMAIN_TAKEN",
    ),
    ("no Secret", before_address(by_api()), "False CredentialsMissing", True, "ERR_REGISTRAR_CREDENTIALS"),
    (
        "a Secret that lacks a key",
        before_address(asked(by_api(), problem=trouble(Trouble.INCOMPLETE))),
        "False CredentialsMissing",
        True,
        "ERR_REGISTRAR_CREDENTIALS",
    ),
    (
        "refused credentials",
        before_address(asked(by_api(), problem=trouble(Trouble.UNAUTHORIZED))),
        "False CredentialsInvalid",
        True,
        "ERR_REGISTRAR_CREDENTIALS",
    ),
    (
        "a right is missing",
        before_address(asked(by_api(), problem=trouble(Trouble.FORBIDDEN))),
        "False RegistrarDenied",
        True,
        "ERR_REGISTRAR_DENIED",
    ),
    (
        "a registrar that is down",
        before_address(asked(by_api(), problem=trouble(Trouble.UNAVAILABLE))),
        "Unknown RegistrarUnreachable",
        False,
        "ERR_REGISTRAR_UNAVAILABLE",
    ),
    (
        "PowerDNS is down",
        pooled(zone=ZoneView(problem="it did not answer")),
        "True Reserved",
        False,
        "ERR_DNS_UNAVAILABLE",
    ),
    ("a foreign zone", pooled(zone=FOREIGN), "True Reserved", True, "ERR_ZONE_FOREIGN"),
    ("the pool does not delegate yet", pooled(parent=pool()), "True Reserved", False, "ERR_NS_NOT_DELEGATED"),
    (
        "by hand, and not there",
        manual(delegation=(DnsAnswer("a", "1", OLD),)),
        "True Reserved",
        False,
        "ERR_NS_NOT_DELEGATED",
    ),
]


def test_a_dry_run_does_not_say_that_a_name_is_being_reserved() -> None:
    dry = standing(gen.sovereign(gen.spec(dryRun=True)), None)
    assert "is being reserved" in standing(SOVEREIGN, None).reserved[2]
    assert dry.reserved[:2] == ("False", "Pending")
    assert dry.reserved[2] == "It waits until spec.dryRun is false: omantel.omani.works is reserved then."


@pytest.mark.parametrize(("why", "o", "is_reserved", "stalled", "code"), STANDS, ids=[row[0] for row in STANDS])
def test_how_it_stands(why: str, o: DomainObservation, is_reserved: str, stalled: bool, code: str) -> None:
    found = after(o)
    stands = standing(SOVEREIGN, found)
    assert " ".join(stands.reserved[:2]) == is_reserved, stands
    assert (stands.stalled, stands.is_reserved) == (stalled, is_reserved.startswith("True"))
    told_late = late(o) if code == codes.NS_NOT_DELEGATED.code else found
    error = first_error(told_late, standing(SOVEREIGN, told_late))
    assert (error.code if error else "") == code, stands
    # Its own conditions have only reasons that the Sovereign's documentation has.
    assert stands.reserved[1] in REASONS[ConditionType.DOMAIN_RESERVED]
    assert stands.ready[1] in REASONS[ConditionType.DOMAIN_READY]


def test_live_records_cost_nothing() -> None:
    o = answered(before_address(by_api()), live=LIVE, authority=())
    found = after(asked(o, *OLD))
    stands = standing(SOVEREIGN, found)
    assert (" ".join(stands.reserved[:2]), stands.stalled) == ("False LiveRecords", True)
    error = first_error(found, stands)
    assert error is not None and error.code == "ERR_LIVE_RECORDS" and LIVE[0] in error.message
    assert error.addresses == LIVE


def test_a_delegation_is_no_error_before_it_takes_long() -> None:
    o = manual(delegation=(DnsAnswer("a", "203.0.113.1", OLD),))
    found = after(o)
    assert first_error(found, standing(SOVEREIGN, found)) is None
    found = late(o)
    error = first_error(found, standing(SOVEREIGN, found))
    assert error is not None and "add these NS records" in error.message
    assert error.command == "dig @203.0.113.1 acme.bank.com NS +norecurse"
    assert error.addresses == ("a (203.0.113.1): ns1.old.test, ns2.old.test",)


def test_a_delegation_is_no_error_because_the_name_waited_long_for_its_address() -> None:
    """The condition was False for an hour, and the zone answers only now."""
    o = manual(delegation=(DnsAnswer("a", "203.0.113.1", OLD),))
    waited = told(Ready="False AwaitingAddress", Reserved="True Reserved", Delegated="False AwaitingAddress")
    zone = {**told(ZoneReady="True Succeeded")[0], "lastTransitionTime": "2026-11-22T11:59:00Z"}
    status = o.reservation.status.to_wire() | {"conditions": [*waited, zone]}
    raw = o.reservation.to_wire() | {"status": status}
    found = after(replace(o, reservation=DomainReservation.parse(raw)))
    assert first_error(found, standing(SOVEREIGN, found)) is None


def test_credentials_that_are_lost_later_are_nobodys_error() -> None:
    """The name is delegated: nobody needs them before it is given back."""
    found = after(answered(by_api(previous=True)))
    stands = standing(SOVEREIGN, found)
    assert (stands.is_reserved, stands.is_ready, first_error(found, stands)) == (True, True, None)


def test_every_reason_of_a_reservation_can_be_told() -> None:
    """None of them may stop the Sovereign's reconciler."""
    for doc in DOMAIN_CONDITIONS:
        if doc.type not in (ConditionType.RESERVED, ConditionType.REGISTRAR_CREDENTIALS_VALID, ConditionType.READY):
            continue
        for reason in doc.reasons:
            conditions = {"Ready": "False Pending", "Reserved": "True Reserved"}
            conditions[doc.type.value] = f"False {reason.value}"
            stands = standing(SOVEREIGN, reservation(status={"conditions": told(**conditions)}))
            assert reason in (stands.reserved[1], stands.ready[1], stands.reason)


@pytest.mark.parametrize("type_", ["Ready", "Reserved", "RegistrarCredentialsValid"])
def test_what_another_version_wrote_is_waited_for(type_: str) -> None:
    """After a downgrade: a reason that this version does not know is no reason to stop, nor to spend anything."""
    conditions = {"Ready": "False Pending", "Reserved": "True Reserved", type_: "False FromTheFuture"}
    stands = standing(SOVEREIGN, reservation(status={"conditions": told(**conditions)}))
    assert stands.ready[0] == "False"
    assert type_ == "Ready" or (stands.reserved[:2], stands.is_reserved) == (("False", Reason.PENDING), False)


# --- whose it is ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("owner", ["", "another"])
def test_what_is_not_ours_is_taken(owner: str) -> None:
    found = ready(owner=owner)
    stands = standing(SOVEREIGN, found)
    assert (stands.reserved[:2], stands.is_ready, stands.stalled) == (("False", Reason.DOMAIN_TAKEN), False, True)
    error = first_error(found, stands)
    assert error is not None and error.code == codes.DOMAIN_TAKEN.code


def test_a_sovereign_of_the_same_name_is_somebody_else() -> None:
    later = gen.sovereign(gen.meta(uid="7b0d9f0e-6f3a-4c57-9a53-0f6f6f1f2a77"))
    assert not of_sovereign.is_ours(later, ready())


def test_what_nobody_has_looked_at_is_not_known() -> None:
    for found in (
        reservation(),
        ready(status={"observedGeneration": 0, "conditions": ready().to_wire()["status"]["conditions"]}),
    ):
        stands = standing(SOVEREIGN, found)
        assert (stands.reserved[0], stands.ready[0], stands.stalled) == ("Unknown", "Unknown", False)


def test_one_that_goes() -> None:
    going = standing(SOVEREIGN, ready(deleted=True))
    assert (going.is_reserved, going.is_ready, going.stalled) == (False, False, False)
    assert "made anew" in going.reserved[2]
    leaving = standing(gen.sovereign(gen.deleting), ready(deleted=True))
    assert leaving.reserved[1] is Reason.DELETING
    assert "made anew" not in leaving.reserved[2]


def test_none_yet() -> None:
    stands = standing(SOVEREIGN, None)
    assert (stands.reserved[:2], stands.stalled) == (("False", Reason.PENDING), False)
    assert first_error(None, stands) is None


def test_only_a_registrar_needs_credentials() -> None:
    assert of_sovereign.needs_credentials(gen.sovereign(REGISTRARS_OWN)) == "ovh"
    assert of_sovereign.needs_credentials(SOVEREIGN) == ""


ALL = [
    by_api(),
    *(asked(by_api(previous=True), problem=trouble(kind)) for kind in Trouble),
    asked(by_api(previous=True), *OLD, refused=trouble(Trouble.FORBIDDEN), refusals=1, tried_at=gen.NOW),
    asked(answered(before_address(by_api()), live=LIVE, authority=()), *OLD),
    pooled(zone=FOREIGN),
    pooled(zone=ZoneView(problem="it did not answer")),
]


@pytest.mark.parametrize("o", ALL)
def test_what_is_the_matter_is_data_from_the_reservation_on(o: DomainObservation) -> None:
    """Nobody finds a code by comparing texts: whatever the messages are, the Sovereign tells the same."""
    found = after(o)
    (told_there, *_) = found.status.last_errors
    scrambled = tuple(c.model_copy(update={"message": f"{c.type} in other words"}) for c in found.status.conditions)
    found = found.model_copy(update={"status": found.status.model_copy(update={"conditions": scrambled})})
    stands = standing(SOVEREIGN, found)
    error = first_error(found, stands)
    assert error is not None
    assert (error.code, error.message, error.remedy) == (told_there.code, told_there.message, told_there.remedy)
    assert told_there.remedy and told_there.runbook.endswith(told_there.code.lower())
    matter = next(c for c in found.status.conditions if c.type == found.status.waits_for)
    assert stands.reason == matter.reason


def test_a_vendors_answer_is_data_all_the_way() -> None:
    until = gen.NOW + timedelta(minutes=30)
    problem = RegistrarProblem(Trouble.RATE_LIMITED, "OVHcloud takes no more requests", "Nothing to do.", until)
    found = after(before_address(asked(by_api(), problem=problem)))
    (error,) = found.status.last_errors
    assert (error.code, error.message) == ("ERR_REGISTRAR_UNAVAILABLE", "ovh: OVHcloud takes no more requests.")
    assert error.remedy == "Nothing to do."
    assert found.status.retry_at == standing(SOVEREIGN, found).retry_at == until


def test_the_words_of_one_that_waits_for_an_address() -> None:
    stands = standing(SOVEREIGN, reserved(**HELD))
    assert (
        stands.ready[2]
        == f"{NAME} is reserved; it is served and delegated as soon as the load balancer has an address."
    )


# --- while nothing is started -----------------------------------------------------------------------------------------

SUSPENDED, DRY = gen.spec(suspend=True), gen.spec(dryRun=True)


@pytest.mark.parametrize(("mod", "field"), [(SUSPENDED, "spec.suspend"), (DRY, "spec.dryRun")])
def test_a_name_that_waits_for_its_owner_says_so(mod: gen.RawMod, field: str) -> None:
    """The load balancer's address may have been known for long: what it waits for is another thing."""
    found = reserved()
    for waiting in (None, found):
        ready_told = standing(gen.sovereign(mod), waiting).ready
        assert f"waits until {field} is false" in ready_told[2], waiting
        assert ready_told[:2] == ("False", Reason.AWAITING_ADDRESS)
    deleted = gen.sovereign(mod, gen.deleting)
    assert field not in standing(deleted, found).ready[2], "a deletion is not held up"


def test_a_check_that_passed_does_not_say_until_when() -> None:
    """It stays in status.preflight when the name is in use, which ends that time."""
    o = gen.observation(gen.known(), served(reserved()))
    check = of_sovereign.preflight_check(o)
    assert check is not None
    assert check.message == f"{NAME} is reserved."
