"""The one place where the shell reads the clocks; core is given the time as data."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def elapsed() -> float:
    """Seconds that never go back, and that go on while the machine is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
