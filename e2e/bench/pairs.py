"""Pairs of the plain Pod and the operator, one after the other, so that both meet the same machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from catalyst_operator.core.settings import CoreSettings
from e2e.bench import surroundings
from e2e.bench.floor import Floor
from e2e.bench.provisioning import Provisioned, Provisioning
from e2e.bench.steps import RunTimes
from e2e.bench.workplace import PREFIX, Workplace, servers_take
from e2e.lab import images
from e2e.lab.layout import HCLOUD_URL

T = TypeVar("T")
RUN_SECONDS = 120.0
"""How long a run may take over the time that servers take to be created, before it counts as stuck."""


@dataclass
class Series:
    """Runs under one setting of the emulated cloud. `floor` is empty when only the operator was asked for."""

    server_seconds: float
    floor: list[RunTimes] = field(default_factory=list)
    operator: list[Provisioned] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)
    """Share of the processors in use just before each run, by anyone."""
    replaced: bool = False
    """Whether the operator was replaced or restarted meanwhile: then the figures are of two operators."""


def measure(
    workplace: Workplace, *, count: int, with_floor: bool = True, server_seconds: float | None = None
) -> Series:
    """`count` pairs. What a run made is taken back before the next is measured."""
    before = surroundings.identity(surroundings.operator_pod(workplace.kubectl))
    with servers_take(server_seconds) as seconds:
        series = Series(seconds)
        pairs = _Pairs(workplace, series, f"{PREFIX}{'usual' if server_seconds is None else 'slow'}")
        for number in range(1, count + 1):
            if with_floor:
                series.floor.append(pairs.floor(number))
            series.operator.append(pairs.operator(number))
    series.replaced = surroundings.identity(surroundings.operator_pod(workplace.kubectl)) != before
    return series


class _Pairs:
    def __init__(self, workplace: Workplace, series: Series, name: str) -> None:
        self._workplace = workplace
        self._series = series
        self._name = name
        self._patience = RUN_SECONDS + series.server_seconds
        self._settings = CoreSettings(
            image=images.OPERATOR_IMAGE, image_pull_policy="Never", hcloud_endpoint=f"{HCLOUD_URL}/v1"
        )

    def floor(self, number: int) -> RunTimes:
        namespace = self._workplace.namespace(f"{self._name}-raw-{number}")
        floor = Floor(self._workplace.kubectl, self._workplace.layout, self._settings, namespace)
        floor.prepare()
        try:
            times = self._measured(floor.measure)
        finally:
            floor.destroy(seconds=self._patience)
        self._tell(number, "plain Pod", times)
        return times

    def operator(self, number: int) -> Provisioned:
        namespace = self._workplace.namespace(f"{self._name}-runs")
        run = Provisioning(self._workplace.kubectl, self._workplace.layout, namespace, f"{self._name}-sov-{number}")
        run.prepare()
        try:
            provisioned = self._measured(run.measure)
        finally:
            run.remove(seconds=self._patience)
        self._tell(number, "operator", provisioned.times)
        return provisioned

    def _measured(self, measure: Callable[..., T]) -> T:
        self._series.busy.append(surroundings.busy())
        return measure(seconds=self._patience)

    def _tell(self, number: int, what: str, times: RunTimes) -> None:
        busy = f"{self._series.busy[-1]:.0%}"
        self._workplace.timeline.say(f"{number}: {what} {times.total:.2f} s (processors {busy} busy before)")
