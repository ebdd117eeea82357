"""Waits for components: until they answer, or one of those they need has ended, or time is up."""

from __future__ import annotations

import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable

from e2e.lab import processes
from e2e.lab.errors import LabError, NotReady, ProcessDied
from e2e.lab.layout import Layout

INTERVAL = 0.05


def until(layout: Layout, name: str, probe: Callable[[], bool], *, timeout: float) -> None:
    """Poll `probe` until it is true. Ends early, with the log's last lines, when the component's process ends."""
    deadline = time.monotonic() + timeout
    while not probe():
        if processes.find(layout, name) is None:
            raise _failed(ProcessDied, layout, name, "ended while it started")
        if time.monotonic() > deadline:
            raise _failed(NotReady, layout, name, f"runs but was not ready after {timeout:.0f} s")
        time.sleep(INTERVAL)


def _failed(kind: type[LabError], layout: Layout, name: str, what: str) -> LabError:
    tail = "\n".join(f"    {line}" for line in processes.log_tail(layout, name).splitlines())
    return kind(
        f"{name} {what}; the last lines of its log:\n{tail}",
        f"read {layout.log / name}.log, then `make lab-down` and `make lab-up`: nothing of the lab needs keeping",
    )


def answers(url: str, context: ssl.SSLContext | None = None) -> bool:
    """True when a GET is answered with 200."""
    try:
        with urllib.request.urlopen(url, timeout=2, context=context) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
