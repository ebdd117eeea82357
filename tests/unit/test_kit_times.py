"""The simulation of the kit's installation, and that the page has what comes out of it."""

from __future__ import annotations

import pytest

from docs.kit_times import simulate
from docs.kit_times.simulate import Step, run


def test_the_page_has_its_tables() -> None:
    assert simulate.main(["--check"]) == 0, "run `make generate`"


def test_what_does_not_depend_on_each_other_is_installed_at_the_same_time() -> None:
    steps = {name: Step(5, 20, waits=True) for name in "abcd"}
    assert run(steps) == simulate.Finish(25, 25)


def test_there_are_four_workers() -> None:
    """The fifth waits until one is free."""
    steps = {name: Step(5, 20, waits=True) for name in "abcde"}
    assert run(steps).ready == 50


def test_a_dependency_is_seen_at_the_next_look() -> None:
    """Ready after 25 s, seen at 30."""
    steps = {"a": Step(5, 20, waits=True), "b": Step(5, 20, waits=True, needs=("a",))}
    assert run(steps).ready == 55


def test_who_is_not_waited_for_is_ready_once_applied_and_runs_later() -> None:
    """And what needs it runs later still, but is applied before."""
    steps = {"a": Step(5, 100, waits=False), "b": Step(5, 10, waits=False, needs=("a",))}
    assert run(steps) == simulate.Finish(ready=35, running=115)


@pytest.mark.parametrize("bound", ["least", "most"])
def test_the_graph_takes_half_of_the_time_or_less(bound: str) -> None:
    """Whoever adds a dependency sees here what it costs."""
    whole = run(simulate.chain(bound)).running
    found = run(simulate.graph(bound))
    assert found.ready <= whole / 4
    assert found.running <= whole / 2


def test_every_chart_that_is_always_there_has_times() -> None:
    """The chain has the same charts but the one that it did not know to need."""
    assert set(simulate.graph("least")) - set(simulate.chain("least")) == {"cnpg"}


def test_only_those_that_others_need_running_are_waited_for() -> None:
    """The template says so; cert-manager's chart waits by itself."""
    waited = {name for name, step in simulate.graph("least").items() if step.waits}
    assert waited == {"cert-manager", "crossplane", "cnpg", "external-secrets"}
