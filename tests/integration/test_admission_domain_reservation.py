"""Every rule of a DomainReservation, judged by a real API server."""

import pytest

from tests.integration.admission import (
    REMOVED,
    RESERVATIONS,
    Case,
    Edits,
    cases,
    created,
    edited,
    full_reservation,
    refusal,
    reservation,
)
from tests.integration.apiserver import Api, ApiError

pytestmark = pytest.mark.integration

REGISTRAR = {"name": "ovh", "credentialsSecretRef": {"namespace": "customers", "name": "ovh-api"}}
BYO_API: Edits = {"mode": "byo-api", "registrar": REGISTRAR}
ALONE: Edits = {"sovereignRef": REMOVED}
OPERATORS_SECRET: Edits = {"registrar.credentialsSecretRef.namespace": "catalyst-system"}


@cases(
    Case("of a Sovereign", {}),
    Case("stand-alone", ALONE),
    Case("byo-api with a Secret beside the Sovereign", BYO_API),
    Case("stand-alone byo-api with a Secret of the operator", BYO_API | OPERATORS_SECRET | ALONE),
    Case("name of 253 characters", {"/metadata.name": ".".join(["a" * 63] * 3 + ["b" * 61]), "mode": "byo-manual"}),
    Case("two labels", {"/metadata.name": "acme.com", "mode": "byo-manual"}),
)
def test_accepted(api: Api, case: Case) -> None:
    api.create(RESERVATIONS, reservation(case.edits), dryRun="All")


def test_everything_at_once_is_accepted(api: Api) -> None:
    api.create(RESERVATIONS, full_reservation(), dryRun="All")


@cases(
    Case("one label", {"/metadata.name": "localhost", "mode": "byo-manual"}, "metadata.name", "two labels"),
    Case(
        "label of 64 characters",
        {"/metadata.name": "a" * 64 + ".com", "mode": "byo-manual"},
        "metadata.name",
        "at most 63 characters",
    ),
    Case("pool domain itself", {"/metadata.name": "omani.works"}, "metadata.name", "in front of a pool domain"),
    Case("short pool label", {"/metadata.name": "ab.omani.works"}, "metadata.name", "3 to 32"),
    Case("upper case", {"/metadata.name": "Omantel.omani.works"}, "metadata.name", "lowercase"),
    Case("trailing dot", {"/metadata.name": "omantel.omani.works."}, "metadata.name", "lowercase"),
    Case("byo-api without registrar", {"mode": "byo-api"}, "spec.registrar", "is required"),
    Case("pool with registrar", {"registrar": REGISTRAR}, "spec.registrar", "byo-api only"),
    Case(
        "Secret of a third party",
        BYO_API | {"registrar.credentialsSecretRef.namespace": "kube-system"},
        "spec.registrar.credentialsSecretRef.namespace",
        "the Sovereign's namespace",
    ),
    Case(
        "Secret of the operator for a Sovereign",
        BYO_API | OPERATORS_SECRET,
        "spec.registrar.credentialsSecretRef.namespace",
        "the Sovereign's namespace",
    ),
    Case("name as address", {"loadBalancerIP": "lb.example"}, "spec.loadBalancerIP", "IPv4 address"),
    Case("IPv6 address", {"loadBalancerIP": "2001:db8::1"}, "spec.loadBalancerIP", "IPv4 address"),
    Case("ttl of seconds", {"ttl": "10s"}, "spec.ttl", "from 1m to 168h"),
    Case("ttl without unit", {"ttl": "600"}, "spec.ttl", "such as"),
)
def test_refused(api: Api, case: Case) -> None:
    case.expect_refusal(refusal(api, "POST", RESERVATIONS, reservation(case.edits)))


@cases(
    Case("owner", {"sovereignRef.uid": "another"}, "spec.sovereignRef", "immutable"),
    Case("owner removed", ALONE, "spec.sovereignRef", "immutable"),
    Case("from pool", {"mode": "byo-manual"}, "spec.mode", "from or to pool"),
    Case(
        "owner added",
        {"sovereignRef": {"namespace": "customers", "name": "thief", "uid": "1"}},
        "spec.sovereignRef",
        "immutable",
        before=ALONE,
    ),
)
def test_the_owner_is_immutable(api: Api, case: Case) -> None:
    with created(api, reservation(case.before, name="immutable.omani.works")) as before:
        path = f"{RESERVATIONS}/immutable.omani.works"
        case.expect_refusal(refusal(api, "PUT", path, edited(before, case.edits)))


@cases(
    Case("from pool", {"mode": "byo-manual"}, "spec.mode", "from or to pool"),
    Case("to pool", {"mode": "pool"}, "spec.mode", "from or to pool", before={"mode": "byo-manual"}),
)
def test_a_pools_name_stays_one(api: Api, case: Case) -> None:
    with created(api, reservation(case.before, name="mode.omani.works")) as before:
        case.expect_refusal(refusal(api, "PUT", f"{RESERVATIONS}/mode.omani.works", edited(before, case.edits)))


def test_two_owners_of_one_name_are_impossible(api: Api) -> None:
    with created(api, reservation(name="taken.omani.works")):
        with pytest.raises(ApiError) as caught:
            api.create(RESERVATIONS, reservation(ALONE, name="taken.omani.works"))
        assert caught.value.code == 409


def test_default_time_to_live(api: Api) -> None:
    assert api.create(RESERVATIONS, reservation(), dryRun="All")["spec"]["ttl"] == "10m"
