"""From a change of a HelmRelease on a new cluster to the Sovereign's status, beside a bare watcher on that cluster.

The new cluster is one of the lab's that boot: a real API server, over the very network path of any other. The kit is
installed but for one release that is held back, so that Phase 1 is open; then that one is let go, and the same is
measured after the verdict.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from catalyst_operator.api import labels
from e2e.bench import changes, surroundings
from e2e.bench.apis import MERGE, Api, Client, Object
from e2e.bench.changes import Numbers, Sent
from e2e.bench.errors import BenchError
from e2e.bench.streams import Stream, watch_as
from e2e.bench.workplace import PREFIX, Workplace
from e2e.lab.standins.objects import stamp
from e2e.support.cloud import Project
from e2e.support.new_cluster import FLUX, NewCluster
from e2e.support.sovereigns import Sovereign, component

NAME = f"{PREFIX}new"
HELD = "bp-catalyst-platform"
"""Held back at first: nothing depends on it."""
CHANGED = "bp-external-secrets"
"""Changed: nothing depends on it either, so that the stand-in for helm-controller has no reason to do anything."""
RELEASES = f"/apis/helm.toolkit.fluxcd.io/v2/namespaces/{FLUX}/helmreleases"
PER_SECOND = 4.0
READY_SECONDS = 240
ARRIVAL_SECONDS = 30
OPEN, JUDGED = "Phase 1 open", "after the verdict"


@dataclass(frozen=True)
class Followed:
    """One change, in seconds."""

    floor: float
    """From just before it was sent to the event of a bare watch on the new cluster."""
    operator: float
    """From that event to the Sovereign's watch event that has it."""

    @property
    def whole(self) -> float:
        """From just before it was sent to the Sovereign's watch event."""
        return self.floor + self.operator


@dataclass(frozen=True)
class Series:
    """Changes at one stage of the new cluster's life."""

    stage: str
    components: int
    busy: float
    """Share of the processors in use just before, by anyone."""
    changes: tuple[Followed, ...]
    overtaken: int
    """Changes of which only a later one's event told."""


def measure(workplace: Workplace, *, count: int, per_second: float = PER_SECOND) -> list[Series]:
    """`count` changes with Phase 1 open, and as many after the verdict. Raises BenchError."""
    project = Project(boots=True)
    project.kit_faults(releases={HELD: {"hold": True}})
    with _sovereign(workplace, project) as sovereign:
        workplace.timeline.say("waiting for the new cluster to have its kit but for one release ...")
        sovereign.until("all but one release", _all_but_held, seconds=READY_SECONDS)
        cluster = NewCluster(project)
        follow = partial(_series, workplace, sovereign, Api.of_kubeconfig(project.kubeconfig()), per_second)
        found = [follow(OPEN, range(1, count + 1))]
        cluster.faults()
        sovereign.ready(seconds=READY_SECONDS)
        return [*found, follow(JUDGED, range(count + 1, 2 * count + 1))]


def _all_but_held(status: Object) -> bool:
    known = status.get("components", ())
    waiting = [c["name"] for c in known if c["state"] != "installed"]
    return waiting == [HELD] and bool(component(status, CHANGED))


@contextmanager
def _sovereign(workplace: Workplace, project: Project) -> Iterator[Sovereign]:
    """One of a single server, which nobody hands over; destroyed afterwards."""
    sovereign = Sovereign(workplace.kubectl, NAME, project.token, workers={"replicas": 0}, handOff={"mode": "Manual"})
    sovereign.namespace = workplace.namespace(f"{PREFIX}new-cluster")
    sovereign.put_token(project.token)
    workplace.kubectl.apply(sovereign.manifest)
    try:
        yield sovereign
    finally:
        sovereign.delete(seconds=READY_SECONDS)
        project.end_servers()


def _series(
    workplace: Workplace, sovereign: Sovereign, there: Api, per_second: float, stage: str, numbers: range
) -> Series:
    busy = surroundings.busy()
    workplace.timeline.say(f"{len(numbers)} changes, {stage}, about {len(numbers) / per_second:.0f} s ...")
    here = Api.of_lab(workplace.layout)
    place = f"/apis/{labels.API_VERSION}/namespaces/{sovereign.namespace}/sovereigns"
    in_release = partial(changes.in_release, NAME)
    with (
        watch_as(there, RELEASES, in_release, fieldSelector=f"metadata.name={CHANGED}") as releases,
        watch_as(here, place, changes.in_sovereign, fieldSelector=f"metadata.name={NAME}") as statuses,
        Client(there) as client,
    ):
        before = client("GET", f"{RELEASES}/{CHANGED}")
        sent = _send(client, before, numbers, per_second)
        for stream in (releases, statuses):
            _await(stream, sent[-1])
        _change(client, before["status"]["conditions"])
        followed, overtaken = match(sent, releases, statuses)
    return Series(stage, len(sovereign.status["components"]), busy, tuple(followed), overtaken)


def _send(client: Client, release: Object, numbers: range, per_second: float) -> list[Sent]:
    """Change the release, each time a little earlier or later than the beat, so that no rhythm of anybody's counts."""
    sent = []
    chance = random.Random(numbers.start)  # noqa: S311 - no secret; the same spacing each time
    for number in numbers:
        conditions = changes.with_change(release, number, stamp())
        sent.append(Sent(f"{NAME}/{CHANGED}", number, time.time()))
        _change(client, conditions)
        time.sleep(chance.uniform(0.75, 1.25) / per_second)  # the spacing is the subject here
    return sent


def _change(client: Client, conditions: list[Object]) -> None:
    client("PATCH", f"{RELEASES}/{CHANGED}/status", {"status": {"conditions": conditions}}, MERGE)


def _await(stream: Stream[Numbers], last: Sent) -> None:
    stream.first(
        lambda told: told.get(last.key, 0) >= last.number, f"change {last.number} to arrive", seconds=ARRIVAL_SECONDS
    )


def match(sent: list[Sent], releases: Stream[Numbers], statuses: Stream[Numbers]) -> tuple[list[Followed], int]:
    """The changes as they arrived, and how many were overtaken on their way into the status. Raises BenchError."""
    followed, overtaken = [], 0
    seen, told = changes.arrivals(sent, releases.heard), changes.arrivals(sent, statuses.heard)
    for change, there, here in zip(sent, seen, told, strict=True):
        if there is None or here is None:
            raise BenchError(f"change {change.number} never arrived")
        followed.append(Followed(there.at - change.at, here.at - there.at))
        overtaken += here.number > change.number
    return followed, overtaken
