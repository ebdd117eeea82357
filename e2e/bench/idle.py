"""What the operator costs while nothing happens: memory, processor time and writes, alone and with idle Sovereigns."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from prometheus_client.parser import text_string_to_metric_families

from e2e.bench.errors import BenchError
from e2e.bench.surroundings import identity, operator_pod
from e2e.bench.workplace import PREFIX
from e2e.support import audit, operator
from e2e.support.kubectl import Kubectl, Object
from e2e.support.sovereigns import Sovereign
from e2e.support.waiting import wait_for

METRICS_PORT = 8081
SAMPLE_EVERY = 5.0
SETTLED = timedelta(seconds=5)
"""Without a write for this long, what the creation of the Sovereigns caused is over."""
MIB = 2**20


@dataclass(frozen=True)
class Idle:
    """One quiet stretch."""

    sovereigns: int
    seconds: float
    resident_mib: float
    """The most that was seen in it."""
    processor_percent: float
    """Of one processor."""
    writes: int
    """Of the operator, as the audit log has them, but for those in namespaces of others."""
    what: dict[str, int]
    """The writes by `verb uri`."""
    elsewhere: int
    """Writes in namespaces that are none of the benchmark's: other Sovereigns were not idle."""


def measure(kubectl: Kubectl, sovereigns: int, seconds: float) -> Idle:
    """Look at the operator for `seconds`. Raises BenchError when it was replaced meanwhile."""
    before = operator_pod(kubectl)
    begin, (resident, processor) = datetime.now(UTC), process(kubectl, before)
    samples = [resident]
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        time.sleep(min(SAMPLE_EVERY, left))  # the length of time is the subject here
        samples.append(process(kubectl, before)[0])
    spent = process(kubectl, before)[1] - processor
    if identity(operator_pod(kubectl)) != identity(before):
        raise BenchError("the operator's Pod was replaced or restarted while it was measured; measure again")
    elapsed = (datetime.now(UTC) - begin).total_seconds()
    ours, elsewhere = sort_out(audit.of_operator(begin))
    return Idle(
        sovereigns=sovereigns,
        seconds=elapsed,
        resident_mib=max(samples) / MIB,
        processor_percent=100 * spent / elapsed,
        writes=len(ours),
        what=dict(Counter(ours)),
        elsewhere=len(elsewhere),
    )


def sort_out(writes: list[str]) -> tuple[list[str], list[str]]:
    """Which writes count, and which were for Sovereigns of others."""
    elsewhere = [write for write in writes if _namespace(write) and not _ours(_namespace(write))]
    return [write for write in writes if write not in elsewhere], elsewhere


def _namespace(write: str) -> str:
    return write.partition("/namespaces/")[2].partition("/")[0].partition("?")[0]


def _ours(namespace: str) -> bool:
    return namespace == operator.NAMESPACE or namespace.startswith((PREFIX, f"sov-{PREFIX}"))


def process(kubectl: Kubectl, pod: Object) -> tuple[float, float]:
    """Resident bytes and processor seconds of the operator, by its own /metrics."""
    name = pod["metadata"]["name"]
    path = f"/api/v1/namespaces/{operator.NAMESPACE}/pods/{name}:{METRICS_PORT}/proxy/metrics"
    values = {
        sample.name: sample.value
        for family in text_string_to_metric_families(kubectl("get", "--raw", path) + "\n")
        for sample in family.samples
    }
    return values["process_resident_memory_bytes"], values["process_cpu_seconds_total"]


@contextmanager
def suspended(kubectl: Kubectl, namespace: str, count: int) -> Iterator[None]:
    """`count` Sovereigns that start no run, seen by the operator; gone afterwards. `namespace` exists."""
    items = [_suspended(kubectl, namespace, number) for number in range(count)]
    try:
        kubectl.apply({"apiVersion": "v1", "kind": "List", "items": items})
        wait_for(lambda: _seen(kubectl, namespace) == count, f"{count} Sovereigns to be seen", seconds=30 + count)
        _await_silence(namespace)
        yield
    finally:
        kubectl("-n", namespace, "delete", "sovereigns", "--all", f"--timeout={60 + count}s", timeout=120 + count)


def _suspended(kubectl: Kubectl, namespace: str, number: int) -> Object:
    sovereign = Sovereign(kubectl, f"{PREFIX}idle-{number}", "", suspend=True, deletionProtection=False)
    sovereign.namespace = namespace
    return sovereign.manifest


def _seen(kubectl: Kubectl, namespace: str) -> int:
    found = kubectl.items("-n", namespace, "sovereigns")
    reasons = (c["reason"] for s in found for c in s.get("status", {}).get("conditions", ()) if c["type"] == "Ready")
    return sum(reason == "Suspended" for reason in reasons)


def _await_silence(namespace: str) -> None:
    def silent() -> bool:
        lately = audit.of_operator(datetime.now(UTC) - SETTLED)
        return not any(_namespace(write) == namespace for write in lately)

    wait_for(silent, "the operator to fall silent", seconds=60)
