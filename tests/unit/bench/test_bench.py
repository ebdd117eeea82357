"""The benchmark's arithmetic and its floor: a mistake here would be believed, since nothing else checks a figure."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from catalyst_operator.api.phases import RunVerb
from catalyst_operator.core import manifests
from catalyst_operator.core.record import RunEntry
from catalyst_operator.core.runs import job
from e2e.bench import floor, idle, pods, report, steps, tables, targets
from e2e.bench.__main__ import BEGIN, END, parser, write_between
from e2e.bench.errors import BenchError
from e2e.bench.figures import Comparison, Spread, Tail, percentile
from e2e.bench.idle import Idle
from e2e.bench.pairs import Series
from e2e.bench.provisioning import Provisioned
from e2e.bench.steps import PodTimes, RunTimes, Span, Told
from e2e.bench.streams import ContainerEvent, Stream, container_event
from e2e.bench.surroundings import Surroundings
from tests.support import gen

# --- figures ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "percent", "expected", "reason"),
    [
        (1, 95, 1, "the only value is every percentile"),
        (19, 95, 19, "with fewer than twenty values the largest one counts"),
        (20, 95, 19, "one of twenty may be larger"),
        (4, 50, 2, "a value that was measured, not one in between"),
        (5, 0, 1, "the smallest, not the last one by index -1"),
    ],
)
def test_percentile_is_the_nearest_rank(count: int, percent: float, expected: float, reason: str) -> None:
    assert percentile(list(range(count, 0, -1)), percent) == expected, reason


def test_percentile_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing"):
        percentile([], 95)


def test_comparison_is_made_within_pairs() -> None:
    # The machine was slow during the second pair; the operator's own share was one second throughout.
    found = Comparison.of([10, 20, 11], [11, 21, 12])
    assert found.over == Spread(1, 1, 1)
    assert found.floor == Spread(11, 10, 20)
    assert found.ratio == Spread(12 / 11, 21 / 20, 11 / 10)


def test_comparison_refuses_an_unpaired_run() -> None:
    with pytest.raises(ValueError, match="shorter"):
        Comparison.of([10, 11], [12])


# --- steps ------------------------------------------------------------------------------------------------------------

RUN_POD = PodTimes(
    created=100.5,
    started=101.0,
    executed=101.25,
    phases={
        "tofu-init": Span(101.5, 102.0),
        "tofu-plan": Span(103.0, 104.0),
        "plan-gate": Span(104.5, 105.0),
        "tofu-apply": Span(106.0, 110.0),
        "tofu-output": Span(110.25, 110.5),
    },
)
RUN = steps.of_run(100.0, RUN_POD, 111.0)
FLOOR = steps.of_floor(
    100.0,
    PodTimes(created=100.25, started=100.75, phases={"tofu": Span(100.75, 107.0)}),
    {steps.LAID_OUT: 101.0, "tofu-init": 101.5, "tofu-plan": 102.5, "tofu-apply": 106.5, "tofu-output": 107.0},
    108.0,
)


@pytest.mark.parametrize("times", [RUN, FLOOR], ids=["operator", "plain Pod"])
def test_steps_add_up_to_the_total(times: RunTimes) -> None:
    assert sum(times.steps.values()) == times.total
    assert list(times.steps) == [name for name in steps.STEPS if name in times.steps], "not in the table's order"


def test_pauses_between_containers_are_summed_up() -> None:
    assert RUN.steps[steps.BETWEEN] == 0.25 + 1.0 + 0.5 + 1.0 + 0.25
    assert steps.BETWEEN not in FLOOR.steps


def test_a_run_whose_hook_was_not_seen_is_no_measurement() -> None:
    with pytest.raises(ValueError, match="hook"):
        steps.of_run(100.0, PodTimes(100.5, 101.0, RUN_POD.phases), 111.0)


# --- what is heard ----------------------------------------------------------------------------------------------------


def test_start_of_a_container_is_read() -> None:
    line = '2026-11-22 03:21:23.178049302 +0000 UTC k8s.io /tasks/start {"container_id":"916c","pid":7117}\n'
    event = container_event(line)
    assert event is not None
    assert (event.kind, event.container, event.process) == ("start", "916c", "916c")
    assert event.at % 60 == pytest.approx(23.178049, abs=1e-6)


def test_end_counts_from_when_it_happened_not_from_when_it_was_told() -> None:
    line = (
        "2026-11-22 03:21:25.5 +0000 UTC k8s.io /tasks/exit "
        '{"container_id":"916c","id":"exec-1","pid":7,"exited_at":"2026-11-22T03:21:24.18483462Z"}'
    )
    event = container_event(line)
    assert event is not None
    assert (event.kind, event.container, event.process) == ("exit", "916c", "exec-1")
    assert event.at % 60 == pytest.approx(24.184834, abs=1e-6)


def test_other_events_are_passed_over() -> None:
    assert container_event('2026-11-22 03:21:23.17 +0000 UTC k8s.io /tasks/create {"container_id":"916c"}') is None


def test_what_was_heard_before_is_found() -> None:
    stream: Stream[int] = Stream()
    for at, what in ((1.0, 10), (2.0, 20), (3.0, 20)):
        stream.add(at, what)
    assert stream.first(lambda n: n == 20, "a twenty", seconds=0).at == 2.0


def test_a_stream_that_ended_is_not_waited_for() -> None:
    stream: Stream[int] = Stream()
    stream.end("the connection was reset")
    with pytest.raises(BenchError, match=r"a twenty.*reset"):
        stream.first(lambda n: n == 20, "a twenty", seconds=60)


def test_waiting_has_an_end() -> None:
    stream: Stream[int] = Stream()
    with pytest.raises(BenchError, match="waited"):
        stream.first(lambda n: n == 20, "a twenty", seconds=0.01)


def pod(name: str, **ended: bool) -> dict[str, Any]:
    """A Pod with a sidecar and these containers."""
    state: dict[bool, Any] = {True: {"terminated": {}}, False: {"running": {}}}
    listed = [
        {"name": c.replace("_", "-"), "containerID": f"containerd://{c}", "state": state[e]} for c, e in ended.items()
    ]
    return {
        "metadata": {"name": name},
        "status": {"initContainerStatuses": listed[:-1], "containerStatuses": listed[-1:]},
    }


def test_times_of_a_pod_come_from_containerd() -> None:
    seen: Stream[dict[str, Any]] = Stream()
    seen.add(1.0, {"metadata": {"name": "p"}})
    seen.add(6.0, pod("p", keeper=False, one=True, two=False))
    seen.add(9.0, pod("p", keeper=False, one=True, two=True))
    events: Stream[ContainerEvent] = Stream()
    for kind, container, process, at in (
        ("start", "keeper", "keeper", 2.0),
        ("exit", "keeper", "hook", 2.5),
        ("start", "one", "one", 3.0),
        ("exit", "one", "one", 5.0),
        ("start", "two", "two", 7.0),
        ("exit", "two", "two", 8.0),
    ):
        events.add(at, ContainerEvent(kind, container, process, at))
    found = pods.times(seen, events, last="two", sidecar="keeper")
    assert found == PodTimes(1.0, 2.0, {"one": Span(3.0, 5.0), "two": Span(7.0, 8.0)}, executed=2.5)


def test_two_pods_in_one_run_are_not_measured_as_one() -> None:
    seen: Stream[dict[str, Any]] = Stream()
    seen.add(1.0, pod("p", two=False))
    seen.add(2.0, pod("q", two=True))
    with pytest.raises(BenchError, match=r"\['p', 'q'\]"):
        pods.times(seen, Stream(), last="two")


# --- the floor --------------------------------------------------------------------------------------------------------


def run_pod(verb: RunVerb) -> dict[str, Any]:
    """The Pod of the operator's own Job."""
    entry = RunEntry(verb, "d" * 64, 1, "", 1, gen.NOW, "run-1")
    spec: dict[str, Any] = job.job(gen.sovereign(), entry, gen.SETTINGS)["spec"]["template"]["spec"]
    return spec


@pytest.mark.parametrize("verb", [RunVerb.APPLY, RunVerb.DESTROY])
def test_floor_runs_the_commands_of_a_run_and_no_others(verb: RunVerb) -> None:
    spec = floor.in_one_container(run_pod(verb), verb)
    assert "initContainers" not in spec
    (container,) = spec["containers"]
    script = container["command"][-1].splitlines()
    tofu = [line for line in script if line.startswith("tofu ")]
    phases = [name for name in job.phases_of(verb) if name.startswith("tofu-")]
    assert [line.split()[1] for line in tofu] == [
        {"tofu-init": "init", "tofu-plan": "plan", "tofu-apply": "apply", "tofu-output": "output"}[name]
        for name in phases
    ]
    for name in phases:
        (command,) = (
            c["command"] for c in (*run_pod(verb)["initContainers"], *run_pod(verb)["containers"]) if c["name"] == name
        )
        assert " ".join(command) in tofu
    assert not any("catalyst_operator" in line for line in script), "the gate is not plain OpenTofu"


def test_floor_has_the_environment_and_volumes_of_a_run() -> None:
    run = run_pod(RunVerb.APPLY)
    (container,) = floor.in_one_container(run, RunVerb.APPLY)["containers"]
    phases = [c for c in (*run["initContainers"], *run["containers"]) if c["name"].startswith("tofu-")]
    for phase in phases:
        assert [e for e in phase["env"] if e not in container["env"]] == [], f"{phase['name']} has more"
        assert [m for m in phase["volumeMounts"] if m not in container["volumeMounts"]] == []
    assert any(e["name"] == "TF_ENCRYPTION" for e in container["env"]), "state and plan must be encrypted alike"
    mounts = [m["name"] for m in container["volumeMounts"]]
    assert sorted(mounts) == sorted({v["name"] for v in run["volumes"]}), "each volume once"


def test_floor_does_not_wake_the_operator() -> None:
    bindings = [m for m in manifests.access(gen.sovereign(), gen.SETTINGS) if m["metadata"]["name"] == "run"]
    moved = [floor.plain(m, gen.SPACE, "bench-raw") for m in bindings]
    assert {m["metadata"]["namespace"] for m in moved} == {"bench-raw"}
    assert gen.SPACE not in json.dumps(moved)
    assert "sovereign-uid" not in json.dumps(moved)
    (binding,) = (m for m in moved if m["kind"] == "RoleBinding")
    assert binding["subjects"][0]["namespace"] == "bench-raw"


def test_marks_are_found_among_what_tofu_prints() -> None:
    log = f'{{"@message":"@bench no 1"}}\n@bench {steps.LAID_OUT} 1795317683.18\n@bench tofu-init 1795317684.5\n'
    assert dict(floor.MARK.findall(log)) == {steps.LAID_OUT: "1795317683.18", "tofu-init": "1795317684.5"}


# --- idle -------------------------------------------------------------------------------------------------------------


def test_writes_for_sovereigns_of_others_are_told_apart() -> None:
    own = [
        "patch /apis/catalyst.openova.io/v1alpha1/namespaces/bench-idle/sovereigns/bench-idle-1/status?force=true",
        "patch /api/v1/namespaces/sov-bench-idle-1-abcde?fieldManager=catalyst-operator",
        "create /api/v1/namespaces/catalyst-system/events",
        "create /apis/authorization.k8s.io/v1/selfsubjectreviews",
    ]
    others = ["patch /api/v1/namespaces/sov-omantel-abcde/configmaps/record", "delete /api/v1/namespaces/sov-x-abcde"]
    assert idle.sort_out([*own, *others]) == (own, others)


# --- the report -------------------------------------------------------------------------------------------------------


def results(*, busy: float = 0.1, server_seconds: float = 3) -> report.Results:
    told = tuple(Told(name, kubelet=0.5, operator=0.1) for name in ("TofuInit", "TofuPlan"))
    series = Series(server_seconds, [FLOOR], [Provisioned(RUN, told)], [busy])
    around = Surroundings("2026-11-22 03:00 UTC", 2, 8.0, "6.1", "v1.34.4", "sha256:0123456789abcdef", 0)
    return report.Results(
        around, [series], idle=[Idle(0, 30, 80, 0.1, 0, {}, 0), Idle(50, 30, 160, 0.2, 1, {"x": 1}, 0)]
    )


def test_targets_are_held_against_what_was_measured() -> None:
    found = dict(report.held(results()))
    assert found == {targets.OVER: 3.0, targets.TOLD: 0.1, targets.RESIDENT: 160, targets.WRITES: 2.0}
    assert targets.OVER.verdict(3.0) == "met"
    assert targets.RESIDENT.verdict(160) == "missed by 10.00 MiB"


def test_with_slow_servers_the_ratio_counts() -> None:
    found = dict(report.held(results(server_seconds=90)))
    assert found[targets.RATIO] == 11 / 8
    assert targets.OVER not in found


def test_busy_machine_is_said() -> None:
    assert "distorted" in report.as_text(results(busy=0.6))
    assert "distorted" not in report.as_text(results())


def test_json_holds_every_single_measurement() -> None:
    found = json.loads(json.dumps(report.as_json(results())))
    assert found["runs"][0]["operator"][0]["total"] == 11.0
    assert found["runs"][0]["steps"]["plan-gate"] == {"floor": None, "operator": 0.5}
    assert len(found["latency"]["samples"]) == 2
    assert found["latency"]["whole"]["p95"] == pytest.approx(0.6)


def test_what_was_not_asked_for_is_not_in_the_report() -> None:
    latency_only = report.Results(results().surroundings, [Series(3, [], results().series[0].operator, [0.1])])
    text = report.as_text(latency_only)
    assert "plain Pod" not in text
    assert "at rest" not in text
    assert "2 phases" in text


def test_table_is_aligned() -> None:
    assert tables.table(("", "s"), [("one", "1.00"), ("eleven", "11.00")]).splitlines() == [
        "|        |     s |",
        "| ------ | ----: |",
        "| one    |  1.00 |",
        "| eleven | 11.00 |",
    ]


def test_tail_names_its_count() -> None:
    assert Tail.of([0.1, 0.2, 0.3]) == Tail(3, 0.2, 0.3, 0.3, 0.3)


def test_what_takes_no_time_to_speak_of_is_told_in_milliseconds() -> None:
    assert tables.tail("floor", Tail.of([0.0004, 0.02])) == ("floor", "0.4 ms", "0.020 s", "0.020 s", "0.020 s")


# --- the command line -------------------------------------------------------------------------------------------------


def test_documentation_keeps_what_is_outside_the_marks(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_between(page, "new")
    write_between(page, "newer")
    assert page.read_text() == f"before\n{BEGIN}\n\nnewer\n\n{END}\nafter\n"


def test_documentation_without_marks_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text("no marks\n")
    with pytest.raises(BenchError, match="bench: begin"):
        write_between(page, "new")
    assert page.read_text() == "no marks\n"


@pytest.mark.parametrize(
    "wrong", [["--only", "runs,speed"], ["--pairs", "-1"], ["--pairs", "many"], ["--clusters", "9"]]
)
def test_wrong_arguments_are_refused(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        parser().parse_args(wrong)
    assert refused.value.code == 2
    assert wrong[1].rpartition(",")[2] in capsys.readouterr().err


def test_defaults_are_those_of_the_targets() -> None:
    options = parser().parse_args([])
    assert (options.pairs, options.sovereigns, options.server_seconds) == (5, 50, None)
    assert timedelta(seconds=options.idle_seconds) == timedelta(minutes=1)
    assert (options.clusters, options.fleet_seconds, options.changes) == (100, 60, 200)
