"""Live progress, folded from what OpenTofu 1.12 prints; whatever else it may print one day changes nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from catalyst_operator.core.tofu.apply_progress import MAX_DIAGNOSTICS, Progress, fold, fold_lines
from tests.support.gen import TOKEN

SERVER = "hcloud_server.control_plane[0]"
BALANCER = "hcloud_load_balancer.this"


def line(type_: str, at: str = "2026-11-22T12:00:00.000000Z", **parts: Any) -> str:
    return json.dumps({"@level": "info", "@message": "m", "@timestamp": at, "type": type_, **parts})


def hook(type_: str, address: str, action: str = "create", at: str = "2026-11-22T12:00:00.000000Z") -> str:
    return line(type_, at, hook={"resource": {"addr": address, "module": ""}, "action": action})


def diagnostic(summary: str, severity: str = "error", detail: str = "", address: str = "") -> str:
    return line(
        "diagnostic", diagnostic={"severity": severity, "summary": summary, "detail": detail, "address": address}
    )


def test_a_creation_from_start_to_end() -> None:
    begun = fold_lines([hook("apply_start", SERVER)])
    assert begun.longest_running() == (SERVER, begun.resources[SERVER])
    assert begun.resources[SERVER].started == datetime(2026, 11, 22, 12, tzinfo=UTC)
    ended = fold(begun, hook("apply_complete", SERVER))
    assert (ended.done, ended.longest_running()) == (1, None)


def test_the_longest_running_is_told() -> None:
    lines = [
        hook("apply_start", BALANCER, at="2026-11-22T12:00:05Z"),
        hook("apply_start", SERVER, at="2026-11-22T12:00:01Z"),
    ]
    longest = fold_lines(lines).longest_running()
    assert longest is not None
    assert longest[0] == SERVER


def test_a_failed_resource_is_neither_done_nor_running() -> None:
    progress = fold_lines([hook("apply_start", SERVER), hook("apply_errored", SERVER)])
    assert (progress.done, progress.longest_running()) == (0, None)


def test_a_replaced_resource_is_counted_once() -> None:
    """Destroyed and created under one address: OpenTofu starts it twice."""
    lines = [
        hook("apply_start", SERVER, "delete"),
        hook("apply_complete", SERVER, "delete"),
        hook("apply_start", SERVER, "create"),
    ]
    progress = fold_lines(lines)
    assert (progress.done, progress.resources[SERVER].action) == (0, "create")


def test_errors_are_kept_once_and_warnings_not_at_all() -> None:
    progress = fold_lines([diagnostic("no"), diagnostic("no"), diagnostic("old", "warning"), diagnostic("also no")])
    assert [error.summary for error in progress.errors] == ["no", "also no"]


def test_a_flood_of_errors_is_bounded() -> None:
    progress = fold_lines(diagnostic(f"error {n}") for n in range(1000))
    assert len(progress.errors) == MAX_DIAGNOSTICS
    assert progress.errors[0].summary == "error 0"


def test_a_diagnostic_of_300_kib_is_cut() -> None:
    progress = fold_lines([diagnostic("x" * 300 * 1024, detail="y" * 300 * 1024)])
    assert len(progress.errors[0].summary) + len(progress.errors[0].detail) < 2000


def test_a_token_at_the_cut_does_not_leave_a_part_of_itself() -> None:
    """White space is collapsed later on, so that what is far back in the text may come to the front."""
    progress = fold_lines([diagnostic("no", detail=" " * 570 + TOKEN)])
    assert TOKEN[:20] not in progress.errors[0].detail


def test_what_was_said_twice_is_heard_once() -> None:
    """A broken connection is opened again and the log read from its start."""
    lines = [hook("apply_start", SERVER), hook("apply_complete", SERVER), hook("apply_start", BALANCER)]
    assert fold_lines(lines + lines) == fold_lines(lines)


def test_a_time_without_a_zone_is_no_time() -> None:
    """Comparing it with the clock would end the decision in an exception."""
    progress = fold_lines([hook("apply_start", SERVER, at="2026-11-22T12:00:00")])
    longest = progress.longest_running()
    assert longest is None or longest[1].started - datetime.now(UTC) < timedelta.max


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
known_types = st.sampled_from(["apply_start", "apply_progress", "apply_complete", "apply_errored", "diagnostic", "new"])
events = st.fixed_dictionaries(
    {"type": known_types | anything},
    optional={
        "hook": anything | st.fixed_dictionaries({"resource": anything, "action": anything}),
        "diagnostic": anything | st.fixed_dictionaries({"severity": st.just("error"), "summary": anything}),
        "@timestamp": anything,
    },
)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.lists(events.map(json.dumps) | st.text(max_size=20) | anything.map(json.dumps), max_size=5))
def test_no_line_breaks_the_fold(lines: list[str]) -> None:
    """A new OpenTofu, a provider that writes to stdout: what is not understood is passed over."""
    assert isinstance(fold_lines(lines), Progress)
