"""An operator that has nothing to do writes nothing."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from e2e.stories.conftest import Make
from e2e.support import audit
from e2e.support.kubectl import Kubectl
from e2e.support.waiting import wait_for

pytestmark = pytest.mark.e2e

OBSERVED = "catalyst.openova.io/observed"


@pytest.mark.parametrize("seconds", [45, pytest.param(120, marks=pytest.mark.slow)])
def test_no_write(make: Make, kubectl: Kubectl, seconds: int) -> None:
    sovereign, _ = make("quiet")
    sovereign.apply()
    sovereign.provisioned()

    def let_go() -> bool:
        pods = kubectl.items("-n", sovereign.run_namespace, "pods")
        return not any(OBSERVED in pod["metadata"].get("finalizers", ()) for pod in pods)

    wait_for(let_go, "the run's Pod to be let go: the last write of a run", seconds=30)
    begin = datetime.now(UTC)
    time.sleep(seconds)  # the length of time is the subject here
    assert audit.of_operator(begin) == []
