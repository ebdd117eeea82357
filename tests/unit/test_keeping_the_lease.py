"""An operator that cannot renew its Lease any more ends, whatever the reason: it would act no more, and say nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from catalyst_operator.operator import EXIT_LEASE_LOST

STORY = """
import asyncio
from catalyst_operator import errors, operator

class Broken:
    async def keep(self):
        raise {error}

asyncio.run(operator._keep(Broken()))
print("still there")
"""


@pytest.mark.parametrize("error", ["errors.LeaseLost('another has it')", "KeyError('metadata')"])
def test_an_operator_that_cannot_renew_its_lease_ends(error: str) -> None:
    story = [sys.executable, "-c", STORY.format(error=error)]
    ended = subprocess.run(story, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (EXIT_LEASE_LOST, "")
    assert "This operator ends at once" in ended.stderr


BUSY = """
import asyncio, time
from catalyst_operator import operator

class Short:
    ends = time.monotonic() + 0.2
    def left(self):
        return max(0.0, self.ends - time.monotonic())
    async def keep(self):
        await asyncio.Event().wait()

async def acting():
    time.sleep(600)

asyncio.run(operator._hold(Short(), acting()))
print("still there")
"""


def test_an_operator_whose_event_loop_hangs_ends_with_its_lease() -> None:
    story = [sys.executable, "-c", BUSY]
    ended = subprocess.run(story, capture_output=True, text=True, check=False, timeout=120)
    assert (ended.returncode, ended.stdout) == (EXIT_LEASE_LOST, "")
    assert "This operator ends at once, because its Lease ran out." in ended.stderr
