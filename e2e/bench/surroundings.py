"""Under which conditions something was measured: figures from a busy machine say little, so they carry its load."""

from __future__ import annotations

import json
import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path

from e2e.bench.errors import BenchError
from e2e.bench.workplace import PREFIX
from e2e.lab import images
from e2e.lab.layout import Layout
from e2e.support import operator
from e2e.support.kubectl import Kubectl, Object

BUSY_SAMPLE_SECONDS = 1.0


@dataclass(frozen=True)
class Surroundings:
    """What else could explain a figure."""

    measured_at: str
    processors: int
    memory_gib: float
    kernel: str
    kubernetes: str
    operator_image: str
    """Digest of the lab's image."""
    sovereigns_of_others: int


def look(kubectl: Kubectl, layout: Layout) -> Surroundings:
    """As they are now, before anything is measured."""
    version = json.loads(kubectl("get", "--raw", "/version"))
    others = [s for s in kubectl.items("sovereigns", "-A") if not s["metadata"]["namespace"].startswith(PREFIX)]
    return Surroundings(
        measured_at=time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        processors=os.cpu_count() or 0,
        memory_gib=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        kernel=platform.release(),
        kubernetes=version["gitVersion"],
        operator_image=images.record(layout)[images.OPERATOR_IMAGE],
        sovereigns_of_others=len(others),
    )


def busy() -> float:
    """Share of the processors' time that was in use during the last second, by anyone: 0 to 1."""
    before = ticks()
    time.sleep(BUSY_SAMPLE_SECONDS)  # the length of time is what is sampled
    return busy_since(before)


def busy_since(before: list[int]) -> float:
    """The same, since `ticks` were asked for."""
    spent = [new - old for old, new in zip(before, ticks(), strict=True)]
    idle = spent[3] + spent[4]  # idle, iowait
    return 1 - idle / max(1, sum(spent))


def ticks() -> list[int]:
    """What the processors did since they were started, by kind."""
    # Fields 9 and 10 (guest time) are counted in user time already.
    return [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]


def operator_pod(kubectl: Kubectl) -> Object:
    """The Pod of the operator that acts."""
    pod = operator.acting(kubectl)
    if pod is None:
        raise BenchError("no operator Pod acts: is a rollout going on?")
    return pod


def identity(pod: Object) -> tuple[str, int]:
    """Changes when the operator's process does."""
    (status,) = pod["status"]["containerStatuses"]
    return pod["metadata"]["uid"], int(status["restartCount"])
