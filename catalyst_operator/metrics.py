"""Prometheus metrics: what an alert can be written on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from catalyst_operator.api.phases import ComponentState
from catalyst_operator.api.sovereign_status import SovereignStatus
from catalyst_operator.core.orphans import Orphan
from catalyst_operator.core.queue.order import Queue
from catalyst_operator.core.record import RunEntry

PHASE_BUCKETS = (0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 900, 1800)
"""Seconds: from an initialisation to servers that take a quarter of an hour."""


class Metrics:
    """Registered once, in the registry given."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._duration = Histogram("catalyst_reconcile_seconds", "Time of one reconcile", registry=registry)
        self._errors = Counter(
            "catalyst_reconcile_errors_total", "Reconciles that ended in an error", registry=registry
        )
        self._condition = Gauge(
            "catalyst_sovereign_condition",
            "1 while the condition is True, 0 while False, -1 while Unknown",
            ["namespace", "name", "type"],
            registry=registry,
        )
        self._runs = Counter("catalyst_runs_total", "Runs that ended", ["verb", "result"], registry=registry)
        self._phases = Histogram(
            "catalyst_run_phase_seconds",
            "Time of one phase of a run, from the start of its container to its end",
            ["verb", "phase", "result"],
            buckets=PHASE_BUCKETS,
            registry=registry,
        )
        self._components = Gauge(
            "catalyst_sovereign_components",
            "Components of the bootstrap kit by state, while it is watched",
            ["namespace", "name", "state"],
            registry=registry,
        )
        self._orphans = Gauge(
            "catalyst_orphaned_run_namespace",
            "1 for each run namespace whose Sovereign is gone",
            ["run_namespace", "namespace", "name"],
            registry=registry,
        )
        self._queue = Gauge(
            "catalyst_runs", "Runs under way, and runs that wait for their turn", ["state"], registry=registry
        )
        self._known: dict[tuple[str, str], set[str]] = {}

    @contextmanager
    def reconcile(self) -> Iterator[None]:
        """Measures one reconcile."""
        with self._duration.time(), self._errors.count_exceptions():
            yield

    def observe(self, namespace: str, name: str, status: SovereignStatus) -> None:
        """Shows the conditions of a status that was written."""
        present = {c.type: c.status for c in status.conditions}
        for gone in self._known.get((namespace, name), set()) - present.keys():
            self._condition.remove(namespace, name, gone)
        for type_, truth in present.items():
            self._condition.labels(namespace, name, type_).set({"True": 1, "False": 0}.get(truth, -1))
        self._known[namespace, name] = set(present)
        if status.components:
            for state in ComponentState:
                count = sum(component.state is state for component in status.components)
                self._components.labels(namespace, name, state.value).set(count)

    def orphaned(self, found: Iterable[Orphan]) -> None:
        """Shows the run namespaces whose Sovereign is gone, and no other."""
        self._orphans.clear()
        for orphan in found:
            self._orphans.labels(orphan.name, orphan.namespace, orphan.sovereign).set(1)

    def queue(self, runs: Queue) -> None:
        """Shows how many runs there are."""
        self._queue.labels("UnderWay").set(len(runs.under_way))
        self._queue.labels("Waiting").set(len(runs.waiting))

    def run_ended(self, run: RunEntry) -> None:
        """Counts a run whose end was recorded, and how long each of its phases took."""
        self._runs.labels(run.verb.value, run.state.value).inc()
        for phase in run.phases:
            if phase.started and phase.finished:
                seconds = max(0.0, (phase.finished - phase.started).total_seconds())
                self._phases.labels(run.verb.value, phase.name, phase.state.value).observe(seconds)

    def forget(self, namespace: str, name: str) -> None:
        """Drops the series of a Sovereign that is gone."""
        for type_ in self._known.pop((namespace, name), set()):
            self._condition.remove(namespace, name, type_)
        for state in ComponentState:
            with suppress(KeyError):
                self._components.remove(namespace, name, state.value)
