"""Prometheus metrics: what an alert can be written on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from catalyst_operator.api.sovereign_status import SovereignStatus


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

    def forget(self, namespace: str, name: str) -> None:
        """Drops the series of a Sovereign that is gone."""
        for type_ in self._known.pop((namespace, name), set()):
            self._condition.remove(namespace, name, type_)
