"""The operator as the first process of a container, which hears no signal that it has no handler for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from e2e.support.waiting import OFTEN, wait_for

pytestmark = pytest.mark.integration

SECONDS = 20


@contextmanager
def first_process(*command: str) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """The command as process 1 of a PID namespace: its PID here, and who waits for it."""
    with subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", *command], env={**os.environ}) as around:
        try:
            children = Path(f"/proc/{around.pid}/task/{around.pid}/children")
            yield int(wait_for(lambda: children.read_text().split(), "it to start", seconds=SECONDS)[0]), around
        finally:
            around.kill()


def test_an_operator_that_is_ended_while_it_loads_ends() -> None:
    """A Pod of a rollout that another one overtook: it would become the leader, and be killed a minute later."""
    with first_process(sys.executable, "-m", "catalyst_operator", "operator") as (pid, around):
        loads = Path(f"/proc/{pid}/maps")
        wait_for(lambda: "pydantic_core" in loads.read_text(), "it to load", seconds=SECONDS, every=OFTEN)
        os.kill(pid, signal.SIGTERM)
        assert around.wait(SECONDS) == 0
