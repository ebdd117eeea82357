"""What the lab's stand-ins read and write, without a cluster: durations, faults, the drafts of a status."""

import json
from typing import Any

import pytest

from e2e.lab.standins.console import fqdn_of
from e2e.lab.standins.durations import parse, show
from e2e.lab.standins.faults import BadFaults, Fail, Faults, Flap, ReleaseFault
from e2e.lab.standins.faults import parse as parse_faults
from e2e.lab.standins.objects import Draft, difference, is_ready, trigger
from e2e.lab.standins.storage import has_default

OLD, NOW = "2026-01-01T00:00:00Z", "2026-01-01T00:10:00Z"


def _obj(generation: int = 1, **status: Any) -> dict[str, Any]:
    return {"metadata": {"name": "x", "namespace": "flux-system", "generation": generation}, "status": status}


def _ready(status: str = "True", reason: str = "Succeeded", generation: int = 1) -> dict[str, Any]:
    entry = {"type": "Ready", "status": status, "reason": reason, "message": "m"}
    return {**entry, "observedGeneration": generation, "lastTransitionTime": OLD}


def _config_map(content: Any) -> dict[str, Any]:
    return {"data": {"faults.json": content if isinstance(content, str) else json.dumps(content)}}


@pytest.mark.parametrize(
    ("text", "seconds", "shown"),
    [
        ("5m", 300, "5m0s"),
        ("1h30m", 5400, "1h30m0s"),
        ("45s", 45, "45s"),
        ("1500ms", 1.5, "1s"),
        ("15m0s", 900, "15m0s"),
    ],
)
def test_durations_are_go_s(text: str, seconds: float, shown: str) -> None:
    """Messages carry the timeout as Go prints it."""
    assert (parse(text), show(parse(text))) == (seconds, shown)


def test_faults_are_read_from_the_config_map() -> None:
    """Every fault that stories may ask for."""
    wish = {"fail": "for-good", "message": "no", "hold": True, "degrade": True, "pvc_pending": True, "rollback": True}
    content = {"install_seconds": 1, "console": 404, "releases": {"bp-a": {**wish, "flap": {"times": 3, "seconds": 2}}}}
    found = parse_faults(_config_map(content))
    expected = ReleaseFault(Fail.FOR_GOOD, "no", True, Flap(3, 2), True, True, True)
    assert (found.install_seconds, found.console, found.of("bp-a")) == (1, 404, expected)
    assert found.of("bp-b") == ReleaseFault()


@pytest.mark.parametrize("config_map", [None, {}, {"data": {}}, _config_map({})])
def test_without_a_wish_nothing_is_wrong(config_map: dict[str, Any] | None) -> None:
    """Faults end when the ConfigMap goes, or its key."""
    assert parse_faults(config_map) == Faults()


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        {"console": "up"},
        {"release": {}},
        {"releases": {"bp-a": {"fails": "once"}}},
        {"releases": {"bp-a": {"fail": "twice"}}},
        {"releases": {"bp-a": {"flap": {"time": 1}}}},
    ],
)
def test_a_misspelt_fault_is_refused(content: Any) -> None:
    """A story whose fault has no effect would pass for the wrong reason."""
    with pytest.raises(BadFaults):
        parse_faults(_config_map(content))


def test_a_condition_keeps_its_time_until_it_says_something_else() -> None:
    """As Flux' own: status, reason or message move the time, a new generation alone does not."""
    draft = Draft(_obj(2, conditions=[_ready()]), NOW)
    draft.mark("Ready", "True", "Succeeded", "m")
    assert draft.find("Ready") == {**_ready(generation=2), "lastTransitionTime": OLD}
    draft.mark("Ready", "True", "Succeeded", "other")
    assert draft.status["conditions"][0]["lastTransitionTime"] == NOW


def test_reconciling_and_stalled_are_never_both() -> None:
    """kstatus allows one of them."""
    draft = Draft(_obj(), NOW)
    draft.mark("Ready", "False", "InstallFailed", "m")
    draft.stalled("RetriesExceeded", "m")
    draft.reconciling("Progressing", "m")
    assert [entry["type"] for entry in draft.status["conditions"]] == ["Reconciling", "Ready"]
    draft.stalled("RetriesExceeded", "m")
    assert [entry["type"] for entry in draft.status["conditions"]] == ["Stalled", "Ready"]


def test_nothing_is_written_when_nothing_changed() -> None:
    """A quiet cluster stays quiet."""
    draft = Draft(_obj(conditions=[_ready()], observedGeneration=1), NOW)
    draft.mark("Ready", "True", "Succeeded", "m")
    draft.observed()
    assert draft.patch is None
    assert Draft(_obj(), NOW).patch is None


def test_a_request_is_answered() -> None:
    """`flux reconcile` waits for this."""
    obj = _obj()
    obj["metadata"]["annotations"] = {"reconcile.fluxcd.io/requestedAt": "now"}
    draft = Draft(obj, NOW)
    draft.observed()
    assert draft.patch == {"observedGeneration": 1, "lastHandledReconcileAt": "now"}


@pytest.mark.parametrize(
    ("old", "new", "patch"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, {"b": None}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, {"a": {"c": None}}),
        ({"a": [1, 2]}, {"a": [1]}, {"a": [1]}),
        ({}, {"conditions": []}, {}),
        ({"conditions": [1]}, {"conditions": []}, {"conditions": []}),
    ],
)
def test_a_patch_holds_the_difference(old: dict[str, Any], new: dict[str, Any], patch: dict[str, Any]) -> None:
    """What was taken away has to go on the server too."""
    assert difference(old, new) == patch


@pytest.mark.parametrize(
    ("obj", "ready"),
    [
        (_obj(conditions=[_ready()], observedGeneration=1), True),
        (_obj(2, conditions=[_ready()], observedGeneration=1), False),
        (_obj(conditions=[_ready("Unknown")], observedGeneration=1), False),
        (_obj(), False),
    ],
)
def test_a_dependency_is_ready_at_its_present_generation(obj: dict[str, Any], ready: bool) -> None:
    """An upgrade that was only asked for is none yet."""
    assert is_ready(obj) is ready


def test_a_controller_is_not_woken_by_its_own_status() -> None:
    """Else it would write for ever."""
    assert trigger(_obj(observedGeneration=1)) == trigger(_obj(observedGeneration=2))
    assert trigger(_obj(1)) != trigger(_obj(2))


@pytest.mark.parametrize(
    ("names", "fqdn"),
    [(["infrastructure", "a.example.org-bootstrap-kit"], "a.example.org"), (["infrastructure"], None), ([], None)],
)
def test_the_gateway_knows_the_domain_from_the_kit(names: list[str], fqdn: str | None) -> None:
    """Nothing else on the cluster has it in a fixed place."""
    assert fqdn_of([{"metadata": {"name": name}} for name in names]) == fqdn


@pytest.mark.parametrize(("value", "default"), [("true", True), ("false", False), (None, False)])
def test_only_a_default_class_serves_claims_without_one(value: str | None, default: bool) -> None:
    """A class that is there but not the default leaves the kit stuck."""
    annotations = {"storageclass.kubernetes.io/is-default-class": value} if value else {}
    assert has_default([{"metadata": {"name": "local-path", "annotations": annotations}}]) is default
