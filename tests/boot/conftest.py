"""The lives that servers lead for the tests: each in a world of its own, all at the same time.

A life is led once, by whoever needs it first or before that; tests look at what it left as evidence.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest

from e2e.boot import cgroups, cleanup
from tests.boot.lives.cluster import ClusterLife, cluster_life
from tests.boot.lives.interrupted import InterruptedLife, interrupted_in_every_step, interrupted_life
from tests.boot.lives.unlucky import UnluckyLife, downloads_life, lease_life
from tests.boot.stage import Stage
from tests.boot.stage import stage as make_stage

LIVES: dict[str, Callable[[Stage, ExitStack], Any]] = {
    "cluster": cluster_life,
    "interrupted": interrupted_life,
    "interrupted_everywhere": interrupted_in_every_step,
    "late_lease": lease_life,
    "late_downloads": downloads_life,
}
"""By the name of the fixture."""


@pytest.fixture(scope="session", autouse=True)
def root() -> None:
    """Whoever is not root boots nothing."""
    if os.geteuid() != 0:
        pytest.skip("servers that boot need root")


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The machine, to oneself, and what servers are made of."""
    with cleanup.machine():
        yield make_stage(tmp_path_factory.mktemp("tofu"))


@pytest.fixture(scope="session")
def lives(stage: Stage, request: pytest.FixtureRequest) -> Iterator[dict[str, Future[Any]]]:
    """All that the chosen tests ask for, at once: most of a life is waiting."""
    wanted = {name for item in request.session.items for name in getattr(item, "fixturenames", ())}
    with ExitStack() as worlds, ThreadPoolExecutor(len(LIVES)) as pool:
        try:
            yield {name: pool.submit(lead, stage, worlds) for name, lead in LIVES.items() if name in wanted}
        finally:
            # A life that nobody waits for any more ends when its servers do.
            cgroups.end(cgroups.top())


def led(lives: dict[str, Future[Any]], name: str, told: set[str]) -> Any:
    """A life at its end. Why one did not come to it is told once."""
    if name in told:
        pytest.fail(f"the life '{name}' did not come to its end: see the first of its tests", pytrace=False)
    if lives[name].exception():
        told.add(name)
    return lives[name].result()


@pytest.fixture(scope="session")
def told() -> set[str]:
    """Lives that did not come to their end, of which it was said."""
    return set()


@pytest.fixture
def cluster(lives: dict[str, Future[Any]], told: set[str]) -> ClusterLife:
    found: ClusterLife = led(lives, "cluster", told)
    return found


@pytest.fixture
def interrupted(lives: dict[str, Future[Any]], told: set[str]) -> InterruptedLife:
    found: InterruptedLife = led(lives, "interrupted", told)
    return found


@pytest.fixture
def interrupted_everywhere(lives: dict[str, Future[Any]], told: set[str]) -> InterruptedLife:
    found: InterruptedLife = led(lives, "interrupted_everywhere", told)
    return found


@pytest.fixture
def late_lease(lives: dict[str, Future[Any]], told: set[str]) -> UnluckyLife:
    found: UnluckyLife = led(lives, "late_lease", told)
    return found


@pytest.fixture
def late_downloads(lives: dict[str, Future[Any]], told: set[str]) -> UnluckyLife:
    found: UnluckyLife = led(lives, "late_downloads", told)
    return found
