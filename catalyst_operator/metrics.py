"""Prometheus metrics: what an alert can be written on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from sys import intern

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from catalyst_operator.api.phases import ComponentState
from catalyst_operator.api.sovereign_status import Drift, SovereignStatus
from catalyst_operator.core.orphans import Orphan
from catalyst_operator.core.queue.order import Queue
from catalyst_operator.core.record import RunEntry

PHASE_BUCKETS = (0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 900, 1800)
"""Seconds: from an initialisation to servers that take a quarter of an hour."""

DRIFTS = ("add", "change", "destroy", "off")
"""What a cloud object that is not as it was applied would have done to it; `off` is a server that somebody powered
off."""


class Metrics:
    """Registered once, in the registry given."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._duration = Histogram("catalyst_reconcile_seconds", "Time of one reconcile", registry=registry)
        self._errors = Counter(
            "catalyst_reconcile_errors_total", "Reconciles that ended in an error", registry=registry
        )
        self._conditions = _Conditions()
        registry.register(self._conditions)
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
        self._drift = Gauge(
            "catalyst_sovereign_drift",
            "Cloud objects that are not as they were applied, as of the last drift check: add, change, destroy, or off",
            ["namespace", "name", "what"],
            registry=registry,
        )
        self._orphans = Gauge(
            "catalyst_orphaned_run_namespace",
            "1 for each run namespace whose Sovereign is gone",
            ["run_namespace", "namespace", "name"],
            registry=registry,
        )
        self._leads = Gauge(
            "catalyst_is_leader", "1 while this process holds the Lease and acts, 0 while it waits", registry=registry
        )
        self._queue = Gauge(
            "catalyst_run_queue", "Runs under way, and runs that wait for their turn", ["state"], registry=registry
        )

    def leads(self, asked: Callable[[], bool]) -> None:
        """Shows whether this process acts, asked at each scrape."""
        self._leads.set_function(lambda: float(asked()))

    @contextmanager
    def reconcile(self) -> Iterator[None]:
        """Measures one reconcile."""
        with self._duration.time(), self._errors.count_exceptions():
            yield

    def observe(self, namespace: str, name: str, status: SovereignStatus) -> None:
        """Shows the conditions of a status that was written."""
        self._conditions.shown[namespace, name] = tuple(
            (intern(c.type), {"True": 1.0, "False": 0.0}.get(c.status, -1.0)) for c in status.conditions
        )
        self._show_drift(namespace, name, status.drift)
        if status.components:
            for state in ComponentState:
                count = sum(component.state is state for component in status.components)
                self._components.labels(namespace, name, state.value).set(count)

    def _show_drift(self, namespace: str, name: str, drift: Drift | None) -> None:
        if drift is None:
            self._forget_drift(namespace, name)
            return
        found = (drift.add, drift.change, drift.destroy, len(drift.powered_off))
        for what, count in zip(DRIFTS, found, strict=True):
            self._drift.labels(namespace, name, what).set(count)

    def _forget_drift(self, namespace: str, name: str) -> None:
        for what in DRIFTS:
            with suppress(KeyError):
                self._drift.remove(namespace, name, what)

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
        self._conditions.shown.pop((namespace, name), None)
        for state in ComponentState:
            with suppress(KeyError):
                self._components.remove(namespace, name, state.value)
        self._forget_drift(namespace, name)


class _Conditions(Collector):
    """The conditions of all Sovereigns. A gauge has an object for each series, of which there are tens of thousands in
    a large installation; this makes them when it is asked."""

    def __init__(self) -> None:
        self.shown: dict[tuple[str, str], tuple[tuple[str, float], ...]] = {}
        """(namespace, name) -> type and value of each condition."""

    def collect(self) -> Iterator[Metric]:
        """Called at each scrape, in a thread of its own."""
        told = "1 while the condition is True, 0 while False, -1 while Unknown"
        family = GaugeMetricFamily("catalyst_sovereign_condition", told, labels=("namespace", "name", "type"))
        for (namespace, name), conditions in list(self.shown.items()):
            for type_, value in conditions:
                family.add_metric((namespace, name, type_), value)
        yield family
