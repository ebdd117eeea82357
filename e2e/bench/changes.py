"""Changes that carry a number, so that each is found again wherever it arrives: in a HelmRelease, in a status.

Pure functions. Whoever reads a status that has a later change of the same component in it has been told of the earlier
one as well: a change has arrived once it, or a later one, is there.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from e2e.bench.apis import Object
from e2e.bench.streams import Stamped

WORDS = "bench change"
_NUMBER = re.compile(rf"{WORDS} (\d+)")

Numbers = Mapping[str, int]
"""`cluster/component` -> the number of the last change that is seen there."""


@dataclass(frozen=True)
class Sent:
    """One change, and when it was made."""

    key: str
    """`cluster/component`."""
    number: int
    at: float


@dataclass(frozen=True)
class Arrival:
    """Where a change was told of: when, and with which number, its own or a later one's."""

    at: float
    number: int


def ready(number: int, generation: int, now: str) -> Object:
    """The condition Ready after a change: every other one makes the release fail, or recover."""
    return {
        "type": "Ready",
        "status": "False" if number % 2 else "True",
        "reason": "Changed",
        "message": f"{WORDS} {number}",
        "observedGeneration": generation,
        "lastTransitionTime": now,
    }


def with_change(release: Object, number: int, now: str) -> list[Object]:
    """The conditions of a HelmRelease with that change."""
    before = release.get("status", {}).get("conditions") or ()
    others = [condition for condition in before if condition["type"] != "Ready"]
    return [ready(number, release["metadata"].get("generation", 1), now), *others]


def in_release(cluster: str, release: Object) -> Numbers:
    """What a HelmRelease has arrived at."""
    conditions = release.get("status", {}).get("conditions") or ()
    text = next((c.get("message", "") for c in conditions if c["type"] == "Ready"), "")
    return _found(cluster, {release["metadata"]["name"]: text})


def in_sovereign(sovereign: Object) -> Numbers:
    """What the status of a Sovereign has arrived at, each component of it."""
    components = (sovereign.get("status") or {}).get("components") or ()
    return _found(sovereign["metadata"]["name"], {c["name"]: c.get("message", "") for c in components})


def _found(cluster: str, texts: Mapping[str, str]) -> Numbers:
    matches = {name: _NUMBER.search(text) for name, text in texts.items()}
    return {f"{cluster}/{name}": int(match[1]) for name, match in matches.items() if match}


def arrivals(sent: Sequence[Sent], heard: Iterable[Stamped[Numbers]]) -> list[Arrival | None]:
    """For each change, where it was first told of; None for one that was lost."""
    told: dict[str, list[Arrival]] = defaultdict(list)
    for item in heard:
        for key, number in item.what.items():
            if not told[key] or number > told[key][-1].number:
                told[key].append(Arrival(item.at, number))
    return [_first(told[change.key], change.number) for change in sent]


def _first(told: Sequence[Arrival], number: int) -> Arrival | None:
    found = bisect_left(told, number, key=lambda arrival: arrival.number)
    return told[found] if found < len(told) else None
