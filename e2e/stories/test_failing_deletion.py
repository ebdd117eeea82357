"""A deletion that does not succeed at once: it goes on until everything is gone, and nothing holds it up for long."""

from __future__ import annotations

import pytest

from catalyst_operator.core import naming
from e2e.stories.conftest import Make
from e2e.support import cloud, operator
from e2e.support.kubectl import Kubectl, Object
from e2e.support.sovereigns import codes, condition
from e2e.support.waiting import wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

TIMES = 20
BROKEN = {"code": "service_error", "message": "an error of the service", "status": 503}
LONG = 1200
"""Seconds of a pause that nobody waits out."""


def test_deleted_in_back_off(make: Make, kubectl: Kubectl) -> None:
    """An apply that failed in passing waits long for its next try; a deletion does not wait for that."""
    sovereign, project = make("backing-off")
    with operator.setting(kubectl, "CATALYST_RETRY_BASE", f"{LONG}s"):
        broken = project.fault(BROKEN, times=None, method="POST", path="/load_balancers")
        sovereign.apply()
        status = sovereign.until("a pause", lambda s: s.get("retryAt") and "currentRun" not in s, seconds=240)
        assert codes(status) == ["ERR_CLOUD_UNAVAILABLE"]
        assert broken.struck
        assert project.inventory(), "something was made before it failed"

        sovereign.request_deletion()
        sovereign.gone(seconds=LONG / 3)
        wait_for(lambda: project.inventory() == {}, "nothing to be left", seconds=5)


def test_a_destroy_that_fails_twenty_times_goes_on(make: Make, kubectl: Kubectl) -> None:
    """The finalizer stays and status says why, however often it fails; once the cause is gone, nothing is left."""
    sovereign, project = make("stubborn")
    sovereign.apply()
    sovereign.provisioned(seconds=120)
    # Runs one after the other: what is tried here is how often, not how long the pauses are.
    with operator.setting(kubectl, "CATALYST_RETRY_CAP", "3s"):
        broken = project.fault(BROKEN, times=None, method="DELETE", path=r"/servers/\d+")
        sovereign.request_deletion()
        # Between two runs; while one is at work, nothing is said of the one before.
        status = sovereign.until("many failures", lambda s: codes(s) and tries(s) >= TIMES, seconds=560)
        assert broken.struck >= TIMES
        assert {run["verb"] for run in status["history"]} == {"destroy"}
        assert {run["result"] for run in status["history"]} == {"Failed"}
        assert codes(status) == ["ERR_CLOUD_UNAVAILABLE"]
        assert "ERR_CLOUD_UNAVAILABLE" in condition(status, "Deleting")["message"]
        held = sovereign.read()
        assert held and held["metadata"]["finalizers"]
        assert len(project.inventory()["servers"]) == 2

        cloud.clear_faults()
        sovereign.gone(seconds=120)
    assert project.inventory() == {}
    assert kubectl.find("namespace", naming.run_namespace(sovereign.name, held["metadata"]["uid"])) is None


def tries(status: Object) -> int:
    """How many runs there have been since the one that made the servers."""
    return int(status["history"][0]["attempt"]) - 1 if status.get("history") else 0
