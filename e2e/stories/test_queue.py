"""More Sovereigns than may run at once: who waits is told where it stands, and all get their turn, whoever restarts."""

from __future__ import annotations

import itertools
import re

import pytest

from e2e.stories.conftest import Make
from e2e.support import operator
from e2e.support.cloud import Project
from e2e.support.kubectl import Kubectl, Object
from e2e.support.sovereigns import Sovereign, condition

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

MANY = 4
SETTING = "CATALYST_MAX_RUNS_PER_PROJECT"
WAITING = re.compile(r"Waiting: \d(st|nd|rd) of \d, 1 run of this project is under way, and at most 1 are at once\.")


def place(status: Object) -> Object:
    """In the queue; empty for one that does not wait."""
    found: Object = status.get("lastOperation", {}).get("queue", {})
    return found


def spans(sovereigns: list[Sovereign]) -> list[tuple[str, str]]:
    """From when to when the runs were under way, in order."""
    runs = [run for sovereign in sovereigns for run in sovereign.status["history"]]
    return sorted((run["startTime"], run["completionTime"]) for run in runs)


def test_runs_of_one_project_go_one_after_the_other(make: Make, kubectl: Kubectl) -> None:
    project = Project()
    several = [make(f"queued-{number}", project=project, dryRun=True)[0] for number in range(MANY)]
    with operator.setting(kubectl, SETTING, "1"):
        for sovereign in several:
            sovereign.apply()
        last = several[-1].until("its place is told", place)
        told = condition(last, "Ready")
        assert told["reason"] == "Queued"
        assert WAITING.fullmatch(told["message"]), told
        assert place(last)["position"] <= place(last)["of"] < MANY
        operator.kill(kubectl)
        for sovereign in several:
            sovereign.wait("planned", seconds=240, Ready="DryRun")
    assert not any(place(sovereign.status) for sovereign in several)
    ran = spans(several)
    assert len(ran) == MANY, "nobody ran twice, with a new operator neither"
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(ran)), ran
