"""Where the benchmark works: namespaces of its own, told apart by a label, and cleared also after a crash."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from e2e.bench.errors import BenchError
from e2e.lab.hcloud.delays import Delays
from e2e.lab.layout import Layout
from e2e.lab.timeline import Timeline
from e2e.support import cloud
from e2e.support.kubectl import Kubectl

PREFIX = "bench-"
"""All namespaces of the benchmark begin so, and so do the names of its Sovereigns."""
LABELS = {"app.kubernetes.io/part-of": "catalyst-bench"}
GONE_SECONDS = 120


@dataclass(frozen=True)
class Workplace:
    """What every measurement needs."""

    kubectl: Kubectl
    layout: Layout
    timeline: Timeline

    def namespace(self, name: str) -> str:
        """Make a namespace, which goes with `clear`."""
        if not name.startswith(PREFIX):
            raise ValueError(f"{name} would not be recognised as the benchmark's")
        self.kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": LABELS}})
        return name

    def clear(self) -> None:
        """Remove all namespaces and reservations of the benchmark, those of an earlier one that was killed included."""
        seconds = f"--timeout={GONE_SECONDS}s"
        self.kubectl("delete", "domainreservations", "-l", _selector(), seconds, timeout=2 * GONE_SECONDS)
        names = [n["metadata"]["name"] for n in self.kubectl.items("namespaces", "-l", _selector())]
        if not names:
            return
        self.timeline.say(f"removing the benchmark's namespaces: {len(names)} ...")
        for name in names:
            self._delete_sovereigns(name)
        self.kubectl("delete", "namespaces", *names, seconds, timeout=2 * GONE_SECONDS)

    def _delete_sovereigns(self, namespace: str) -> None:
        place = ("-n", namespace)
        unprotect = json.dumps({"spec": {"deletionProtection": False}})
        for sovereign in self.kubectl.items(*place, "sovereigns"):
            if not sovereign["spec"].get("deletionProtection", True):
                continue
            name = sovereign["metadata"]["name"]
            self.kubectl(*place, "patch", "sovereign", name, "--type=merge", "-p", unprotect)
        seconds = f"--timeout={GONE_SECONDS}s"
        self.kubectl(*place, "delete", "sovereigns", "--all", seconds, timeout=2 * GONE_SECONDS)


def _selector() -> str:
    return ",".join(f"{key}={value}" for key, value in LABELS.items())


@contextmanager
def servers_take(seconds: float | None) -> Iterator[float]:
    """Have the emulated cloud take so long to create a server, and set it back afterwards; None changes nothing.
    Yields the time that is in force."""
    before = Delays.model_validate(cloud.call("GET", "/_lab/delays"))
    if seconds is None:
        yield before.server_create_seconds
        return
    _set(before.model_copy(update={"server_create_seconds": seconds}))
    try:
        yield seconds
    finally:
        _set(before)


def _set(delays: Delays) -> None:
    now = Delays.model_validate(cloud.call("POST", "/_lab/delays", delays.model_dump()))
    if now != delays:
        raise BenchError(f"the emulator was told {delays} and says {now}")
