"""The models: what is read from the API server, what is written to it, and that both agree."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from catalyst_operator.api.common import Condition, ObjectMeta
from catalyst_operator.api.conditions import ConditionType, Reason
from catalyst_operator.api.domain_reservation import DomainReservation
from catalyst_operator.api.enums import Location
from catalyst_operator.api.phases import OperationState, OperationType
from catalyst_operator.api.scalars import format_duration, parse_duration
from catalyst_operator.api.schema import wire_name
from catalyst_operator.api.sovereign import Sovereign
from catalyst_operator.api.sovereign_status import LastOperation, Outputs, SovereignStatus
from tests.integration.admission import Edits, full_reservation, full_sovereign, sovereign

NOON = datetime(2026, 1, 1, 12, 0, 0, 999_999, tzinfo=timezone(timedelta(hours=4)))


@pytest.mark.parametrize(
    ("snake", "camel"),
    [
        ("admin_email", "adminEmail"),
        ("ssh_public_keys", "sshPublicKeys"),
        ("ssh_allowed_cidrs", "sshAllowedCIDRs"),
        ("project_id", "projectID"),
        ("issuer_url", "issuerURL"),
        ("control_plane_ips", "controlPlaneIPs"),
        ("load_balancer_ip", "loadBalancerIP"),
        ("uid", "uid"),
        ("phase1_outcome", "phase1Outcome"),
    ],
)
def test_wire_names(snake: str, camel: str) -> None:
    assert wire_name(snake) == camel


def test_the_smallest_sovereign_gets_its_defaults() -> None:
    spec = Sovereign.parse(sovereign()).spec
    assert spec.regions[0].location is Location.FSN1
    assert spec.control_plane.replicas == 1
    assert spec.workers.replicas == 0
    assert spec.deletion_protection
    assert spec.phase1.watch_timeout is None


def test_everything_survives_a_round_trip() -> None:
    """`1h30m` and the like are spelt canonically already, so that nothing may differ."""
    raw = full_sovereign()
    assert Sovereign.parse(raw).spec.to_wire() == raw["spec"]
    raw = full_reservation()
    assert DomainReservation.parse(raw).spec.to_wire() == raw["spec"]


def test_an_object_as_the_api_server_returns_it_is_read() -> None:
    raw = sovereign()
    raw["metadata"] |= {"uid": "1", "generation": 3, "managedFields": [], "creationTimestamp": "2026-01-01T00:00:00Z"}
    raw["status"] = {"phase": "tofu-apply", "fieldOfANewerVersion": 1}
    read = Sovereign.parse(raw)
    assert read.metadata == ObjectMeta(
        name="omantel", uid="1", generation=3, creation_timestamp=datetime(2026, 1, 1, tzinfo=UTC)
    )
    assert read.status.phase == "tofu-apply"


@pytest.mark.parametrize(
    ("edits", "says"),
    [
        ({"spelling": "wrong"}, "spec.spelling"),
        ({"domain.fqdn": "UPPER.example.com"}, "lower-case DNS name"),
        ({"adminEmail": "nobody"}, "e-mail"),
        ({"adminEmail": "admin@omantel.om\n"}, "e-mail"),
        ({"sshPublicKeys": ["-----BEGIN PRIVATE KEY-----"]}, "OpenSSH public key"),
        ({"phase1": {"watchTimeout": "a while"}}, "such as"),
        ({"controlPlane.replicas": 2}, "1 or 3"),
    ],
)
def test_what_admission_would_refuse_is_refused_when_read(edits: Edits, says: str) -> None:
    """An object may be older than the rule."""
    with pytest.raises(ValidationError, match=says):
        Sovereign.parse(sovereign(edits))


@pytest.mark.parametrize(("given", "read"), [("5m", "1h"), ("1h", "1h"), ("36h", "36h"), ("9999h", "720h")])
def test_a_duration_from_before_its_bounds_is_read_as_the_nearest(given: str, read: str) -> None:
    """The API server refuses it in a new object and in an edit; what was there before goes on."""
    spec = Sovereign.parse(sovereign({"driftDetection": {"interval": given}})).spec
    assert spec.drift_detection
    assert spec.to_wire()["driftDetection"]["interval"] == read


def test_models_are_immutable() -> None:
    spec = Sovereign.parse(sovereign()).spec
    with pytest.raises(ValidationError, match="frozen"):
        setattr(spec, "suspend", True)  # noqa: B010 - mypy knows already that it cannot be assigned


def test_times_are_utc_in_whole_seconds() -> None:
    operation = LastOperation(
        type=OperationType.CREATE, state=OperationState.PROCESSING, start_time=NOON, last_update_time=NOON
    )
    assert operation.start_time == datetime(2026, 1, 1, 8, 0, 0, tzinfo=UTC)
    assert operation.to_wire()["startTime"] == "2026-01-01T08:00:00Z"


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValidationError, match="timezone"):
        Condition(type="Ready", status="True", reason="Succeeded", last_transition_time=datetime(2026, 1, 1))


def test_an_empty_status_is_valid_and_small() -> None:
    assert SovereignStatus().to_wire() == {"observedGeneration": 0, "progressPercent": 0, "summary": ""}


def test_the_wire_form_is_plain_json() -> None:
    condition = Condition(
        type=ConditionType.READY, status="False", reason=Reason.PROVISIONING, last_transition_time=NOON
    )
    wire = SovereignStatus(conditions=(condition,), outputs=Outputs(load_balancer_ip="203.0.113.2")).to_wire()
    assert wire["outputs"] == {"loadBalancerIP": "203.0.113.2"}
    assert {type(value) for value in wire["conditions"][0].values()} == {str, int}
    assert SovereignStatus.model_validate(wire).to_wire() == wire


@given(st.integers(min_value=0, max_value=999_999))
def test_durations_are_read_back_as_written(seconds: int) -> None:
    assert parse_duration(format_duration(timedelta(seconds=seconds))) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "15", "1.5h", "-5m", "5 m", "1d", "5m\n", "1h2h3h4h"])
def test_malformed_durations_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="such as"):
        parse_duration(text)
