"""What a process takes while it works: sampled from outside, so that the process does nothing for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from e2e.bench.fleet import processes

SAMPLE_EVERY = 0.5


@dataclass
class Load:
    """Of one process between two moments; read it afterwards."""

    resident_mib: float = 0.0
    """The most that was seen."""
    processor_percent: float = 0.0
    """Of one processor."""
    processor_seconds: float = 0.0
    """The same as time: it says something on a busy machine, too."""


@contextmanager
def sampled(pid: int) -> Iterator[Load]:
    """The load of a process while this holds. One that ends meanwhile has what was seen until then."""
    load, over = Load(), threading.Event()

    def sample() -> None:
        with suppress(OSError):
            while not over.wait(SAMPLE_EVERY):
                load.resident_mib = max(load.resident_mib, processes.resident_mib(pid))

    load.resident_mib = processes.resident_mib(pid)
    thread = threading.Thread(target=sample, name=f"memory of {pid}")
    begin, used = time.monotonic(), processes.processor_seconds(pid)
    thread.start()
    try:
        yield load
        load.processor_seconds = processes.processor_seconds(pid) - used
        load.processor_percent = 100 * load.processor_seconds / (time.monotonic() - begin)
    finally:
        over.set()
        thread.join()
