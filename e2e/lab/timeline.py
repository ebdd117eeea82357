"""Tells the developer what the lab is doing and, at the end, what took how long.

Steps run in parallel, so the table gives each step's start and duration: the longest chain is what to
shorten.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    name: str
    begin: float
    """Seconds after the timeline's start."""
    duration: float


class Timeline:
    """Collects steps from several threads; writes lines to standard error so that output can be piped."""

    def __init__(self) -> None:
        self._origin = time.monotonic()
        self._lock = threading.Lock()
        self._steps: list[Step] = []

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self._origin

    def say(self, text: str) -> None:
        with self._lock:
            print(f"[{self.elapsed:6.1f}s] {text}", file=sys.stderr, flush=True)

    @contextmanager
    def step(self, name: str, *, expected: str = "") -> Iterator[None]:
        """Time a block. `expected` (such as "6 minutes") is for steps worth announcing before they run."""
        begin = self.elapsed
        if expected:
            self.say(f"{name}: takes about {expected} ...")
        yield
        with self._lock:
            self._steps.append(Step(name, begin, self.elapsed - begin))

    def table(self) -> str:
        width = max((len(step.name) for step in self._steps), default=0)
        rows = [
            f"  {step.name:<{width}}  {step.begin:6.1f}  {step.duration:6.1f}"
            for step in sorted(self._steps, key=lambda step: step.begin)
        ]
        header = f"  {'step':<{width}}  {'start':>6}  {'took s':>6}"
        return "\n".join([header, *rows, f"  {'total':<{width}}  {'':>6}  {self.elapsed:6.1f}"])
