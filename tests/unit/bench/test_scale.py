"""The section scale: what is made is at rest by the operator's own decision, and what is told of it is right."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import pytest

from catalyst_operator.api import labels
from catalyst_operator.api.phases import Phase
from catalyst_operator.core import naming
from catalyst_operator.core.record import from_json
from e2e.bench import targets
from e2e.bench.changes import Sent
from e2e.bench.fleet.load import Load
from e2e.bench.fleet.run import Begin, Stretch
from e2e.bench.scale import clearing, edits, picture, report, requests, settled
from e2e.bench.scale.edits import Editor, Edits, Heard
from e2e.bench.scale.making import OF_ONE_OWNER, Settler, Wanted
from e2e.bench.scale.measure import Rest, Scale, Stage
from e2e.bench.scale.population import LEAST, Population, spread, stages
from e2e.bench.scale.reading import Reading
from e2e.bench.scale.requests import Requests
from e2e.bench.streams import Stamped
from tests.support import gen

# --- who they are -----------------------------------------------------------------------------------------------------


def test_most_were_handed_off_and_all_are_counted() -> None:
    assert Population.of(5000) == Population(4000, 900, 100)
    assert [stage.total for stage in stages(5000)] == [1000, 2500, 5000]


def test_also_the_smallest_stage_has_a_hostile_cluster_and_a_good_one() -> None:
    assert all(stage.in_phase_1 >= 2 for stage in stages(LEAST))


@pytest.mark.parametrize(
    ("count", "wanted", "expected"),
    [(5, 9, (0, 1, 2, 3, 4)), (10, 4, (0, 3, 6, 9)), (101, 2, (0, 100))],
    ids=["all of few", "first, last, and between", "only the ends"],
)
def test_some_of_many_lie_all_over_the_place(count: int, wanted: int, expected: tuple[int, ...]) -> None:
    assert spread(count, wanted) == expected


def test_an_owner_holds_no_more_than_the_marks_that_fit() -> None:
    owners = [Wanted(number, suspended=False).namespace for number in range(3 * OF_ONE_OWNER)]
    assert [owners.count(owner) for owner in sorted(set(owners))] == [OF_ONE_OWNER] * 3
    assert Wanted(0, suspended=True).namespace not in owners


# --- what they leave behind -------------------------------------------------------------------------------------------

SETTINGS = gen.SETTINGS


def raw(**spec: Any) -> dict[str, Any]:
    made = gen.raw_sovereign()
    made["metadata"]["finalizers"] = [labels.FINALIZER_SOVEREIGN]
    return {**made, "status": {}, "spec": {**made["spec"], **spec}}


def test_what_was_handed_off_is_left_alone_and_keeps_no_key() -> None:
    left = settled.handed_off(raw(), SETTINGS, gen.NOW)
    assert left.status["phase"] == Phase.HANDED_OFF.value
    assert left.status["components"], "the kit as it was seen last"
    names = {(made["kind"], made["metadata"]["name"]) for made in left.objects}
    assert ("Secret", naming.ARCHIVED_STATE_SECRET) in names
    for key in (naming.STATE_SECRET, naming.TOKEN_SECRET, naming.BOOT_SECRETS, naming.cluster_secrets(gen.UID)):
        assert ("Secret", key) not in names
    (record,) = (made for made in left.objects if made["kind"] == "ConfigMap")
    assert from_json(record["data"]["record.json"]).handed_off


def test_what_was_suspended_from_the_beginning_has_a_status_and_nothing_else() -> None:
    left = settled.suspended(raw(suspend=True), SETTINGS, gen.NOW)
    assert left.objects == ()
    (ready,) = (c for c in left.status["conditions"] if c["type"] == "Ready")
    assert ready["reason"] == "Suspended"


def test_what_the_operator_would_not_leave_alone_is_refused() -> None:
    with pytest.raises(ValueError, match="would not leave"):
        settled.suspended(raw(), SETTINGS, gen.NOW)


# --- taking them away -------------------------------------------------------------------------------------------------


def test_only_what_begins_with_the_sections_name_is_taken_away() -> None:
    begin, end = "/registry/secrets/sov-bench-scale", clearing.after("/registry/secrets/sov-bench-scale")
    assert begin <= "/registry/secrets/sov-bench-scale-d1-abcde/record" < end
    for others in ("/registry/secrets/sov-bench-fleet-1", "/registry/secrets/sov-bench-scalf", "/registry/secrets/sov"):
        assert not begin <= others < end


# --- edits ------------------------------------------------------------------------------------------------------------


def heard(at: float, generation: int, observed: int, key: str = "n/a") -> Stamped[Heard]:
    return Stamped(at, Heard(key, generation, observed))


def test_an_edit_is_told_once_a_status_speaks_of_it() -> None:
    sent = [Sent("n/a", 2, 10.0), Sent("n/b", 5, 11.0)]
    events = [heard(9.0, 1, 1), heard(10.25, 2, 1), heard(10.5, 2, 2), heard(11.5, 5, 4, "n/b")]
    assert Edits.of(sent, events) == Edits(2, 1, (0.25, 0.5), (0.5,))
    assert edits.untold(sent, events) == 1
    assert edits.untold(sent, [*events, heard(12.0, 5, 5, "n/b")]) == 0


def test_of_an_event_the_generations_are_kept() -> None:
    found = {"metadata": {"namespace": "n", "name": "a", "generation": 3}, "status": {"observedGeneration": 2}}
    assert edits.heard(found) == Heard("n/a", 3, 2)
    assert edits.heard({"metadata": found["metadata"]}) == Heard("n/a", 3, 0)


def test_each_edit_makes_a_generation() -> None:
    told: list[bool] = []

    def client(_method: str, _path: str, body: Any, _content: str) -> Any:
        told.append(body["spec"]["deletionProtection"])
        return {"metadata": {"generation": len(told)}}

    editor, settler = Editor(client), Settler("n", "a", "")  # type: ignore[arg-type]
    assert [editor.edit(settler).number for _ in range(3)] == [1, 2, 3]
    assert told == [True, False, True], "what is so already would be no edit"


# --- requests ---------------------------------------------------------------------------------------------------------

METRICS = """\
# TYPE apiserver_flowcontrol_dispatched_requests_total counter
apiserver_flowcontrol_dispatched_requests_total{flow_schema="bench-scale-handed-off",priority_level="workload-low"} 120
apiserver_flowcontrol_dispatched_requests_total{flow_schema="bench-scale-cluster-wide",priority_level="x"} 3e+01
apiserver_flowcontrol_dispatched_requests_total{flow_schema="service-accounts",priority_level="workload-low"} 999
"""


def test_requests_are_read_from_the_api_servers_metrics() -> None:
    assert requests.counted(METRICS) == Requests(handed_off=120, cluster_wide=30, elsewhere=0)


def test_what_nobody_can_be_charged_with_counts_for_those_at_rest() -> None:
    found = requests.counted(METRICS).since(Requests(20, 10, 0))
    assert found.per_hour(sovereigns=40, seconds=600) == 18


def test_the_lease_is_counted_apart_and_all_schemas_are_of_the_operator() -> None:
    made = [requests.schema(name, n, rule) for n, (name, rule) in enumerate(requests.rules(["sov-a", "n"]).items())]
    assert [schema["spec"]["matchingPrecedence"] for schema in made] == [250, 251, 252, 253]
    lease, done, wide, _ = (schema["spec"]["rules"][0]["resourceRules"][0] for schema in made)
    assert lease["resources"] == ["leases"]
    assert done["namespaces"] == ["sov-a", "n"]
    assert wide["clusterScope"]
    assert "namespaces" not in wide


# --- the report -------------------------------------------------------------------------------------------------------


def stage(count: int, **values: Any) -> Stage:
    stretch = Stretch("1 %", 10, 60, 0.5, 2, 0, 0, (0.01,), (0.1, 0.2), 180.0, 30.0)
    rest = Rest(60, Load(count / 10, 3.0), Requests(40, 20, 10), 2, ("patch /x", "patch /y"))
    given: dict[str, Any] = {
        "population": Population.of(count),
        "made_seconds": 30,
        "first": Begin(10, 20, 150, 4.0),
        "rest": rest,
        "stretch": stretch,
        "edits": Edits(3, 1, (0.01, 0.02), (0.3, 0.4)),
        "floor": Reading(9 * count, 1.5),
        "restart": Begin(9, 11, 190, 4.0),
    }
    return Stage(**(given | values))


SCALE = Scale(0.1, (stage(1000), stage(2500), stage(5000)))


def test_the_largest_stage_is_held_against_the_targets() -> None:
    assert dict(report.held(SCALE)) == {
        targets.SCALE_RESIDENT: 500.0,
        targets.SCALE_RARE: 0.4,
        targets.SCALE_BACK: 11,
        targets.SCALE_REQUESTS: 0.9,
        targets.SCALE_WRITES: 2,
    }
    assert report.held(None) == []


def test_report_has_a_row_for_each_stage() -> None:
    text = report.as_text(SCALE)
    for words in ("1,000: bare watcher", "5,000: operator", "500 MiB", "2 in 60 s", "45,000", "1.50 s", "11.0 s"):
        assert words in text
    assert json.loads(json.dumps(report.as_json(SCALE)))["figures"][2]["requests_per_hour"] == 0.9


# --- the picture ------------------------------------------------------------------------------------------------------


def shapes(drawn: str, name: str) -> list[dict[str, str]]:
    tree = ElementTree.fromstring(drawn)  # noqa: S314 - our own
    return [element.attrib for element in tree.iter(f"{{http://www.w3.org/2000/svg}}{name}")]


def test_picture_has_a_line_through_all_stages_in_each_panel() -> None:
    drawn = picture.draw(SCALE)
    lines = shapes(drawn, "polyline")
    assert [len(line["points"].split()) for line in lines] == [3] * 5, "three figures, two of them with a floor"
    assert "500 MiB with 5,000" in drawn, "read out to whoever does not see it"


@pytest.mark.parametrize(
    ("of", "inside"),
    [(lambda s: s["cx"], picture.WIDTH), (lambda s: s["cy"], picture.HEIGHT)],
    ids=["across", "down"],
)
def test_all_points_are_inside_also_far_beyond_the_goal(of: Callable[[dict[str, str]], str], inside: int) -> None:
    drawn = picture.draw(Scale(0.1, (stage(1000), stage(5000, restart=Begin(9, 900, 190, 4.0)))))
    assert all(0 < float(of(shape)) < inside for shape in shapes(drawn, "circle"))
