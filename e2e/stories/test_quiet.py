"""An operator that has nothing to do writes nothing."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from e2e.stories.conftest import Make
from e2e.support import audit

pytestmark = pytest.mark.e2e

QUIET_SECONDS = 120


def test_no_write_for_two_minutes(make: Make) -> None:
    sovereign, _ = make("quiet")
    sovereign.apply()
    sovereign.provisioned()
    # What the last event of the run woke must have been answered before silence can be expected.
    begin = datetime.now(UTC)
    time.sleep(QUIET_SECONDS)  # the length of time is the subject here
    assert audit.writes(audit.OPERATOR, begin) == []
