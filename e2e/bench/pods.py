"""From what the API server and containerd told about one Pod to its times."""

from __future__ import annotations

from e2e.bench.apis import Object
from e2e.bench.errors import BenchError
from e2e.bench.steps import PodTimes, Span
from e2e.bench.streams import ContainerEvent, Stamped, Stream

LATE_SECONDS = 10
"""How far apart two watches, or a watch and containerd, may tell of the same thing."""


def await_end(pods: Stream[Object], container: str) -> Stamped[Object]:
    """The event that carries a container's end, which something else has told of already. Raises BenchError."""
    return pods.first(lambda pod: _terminated(pod, container), f"the end of {container}", seconds=LATE_SECONDS)


def _terminated(pod: Object, name: str) -> bool:
    return any(c["name"] == name and "terminated" in (c.get("state") or {}) for c in _statuses(pod))


def _statuses(pod: Object) -> list[Object]:
    status = pod.get("status") or {}
    return [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]


def times(pods: Stream[Object], events: Stream[ContainerEvent], *, last: str, sidecar: str = "") -> PodTimes:
    """The times of the one Pod of a watch. `last` is the container that ends last but for the sidecar, and it is known
    to have ended. Raises BenchError."""
    ended = await_end(pods, last).what
    heard = pods.heard
    names = {item.what["metadata"]["name"] for item in heard}
    if len(names) != 1:
        raise BenchError(f"expected to see one Pod, saw {sorted(names)}: has something else interfered with the run?")
    ids = {c["name"]: c["containerID"].partition("://")[2] for c in _statuses(ended) if c.get("containerID")}
    phases = {
        name: Span(_started(events, id_), _ended(events, id_, name)) for name, id_ in ids.items() if name != sidecar
    }
    first = _started(events, ids[sidecar]) if sidecar else min(span.start for span in phases.values())
    executed = _executed(events, ids[sidecar]) if sidecar else None
    return PodTimes(created=heard[0].at, started=first, phases=phases, executed=executed)


def _started(events: Stream[ContainerEvent], container: str) -> float:
    return _await(events, "start", container, container).at


def _ended(events: Stream[ContainerEvent], container: str, name: str) -> float:
    return _await(events, "exit", container, name).at


def _executed(events: Stream[ContainerEvent], container: str) -> float:
    """The end of the first thing that was executed in a running container: its postStart hook."""
    heard = events.first(
        lambda e: e.kind == "exit" and e.container == container != e.process, "the hook's end", seconds=LATE_SECONDS
    )
    return heard.what.at


def _await(events: Stream[ContainerEvent], kind: str, container: str, name: str) -> ContainerEvent:
    def wanted(event: ContainerEvent) -> bool:
        return event.kind == kind and event.container == event.process == container

    heard: Stamped[ContainerEvent] = events.first(
        wanted, f"containerd to tell of the {kind} of {name}", seconds=LATE_SECONDS
    )
    return heard.what
