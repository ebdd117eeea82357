"""A state in a store outside, and its sealed copy in the run namespace: which of the two a run goes on from.

The store is the truth, and the copy what each look, archive and backup is made of. The copy goes up where the store has
nothing, or something older of the same origin: it was saved by a run that the store refused, it comes from a backup, or
the store is a new one. What is of another origin is never overwritten.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

EXIT_FOREIGN = 8
"""Of the container that opens a state: store and copy are of different origins."""
NOT_ANSWERED = "The state backend did not answer as asked"
"""How the containers tell of trouble with a store; what follows is OpenTofu's own text."""


class Source(Enum):
    """What a run goes on from."""

    STORE = auto()
    COPY = auto()
    FOREIGN = auto()
    """Nothing: a person has to say which of the two is right."""


@dataclass(frozen=True)
class StateVersion:
    """Of a state: how new it is, where it comes from, whether it lists anything."""

    serial: int
    lineage: str
    lists: bool = True
    """A sealed one is taken to do so."""

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> StateVersion:
        """Of a state as OpenTofu prints it; of a sealed one as far as it can be read. Raises ValueError and such."""
        lists = "resources" not in state or bool(state["resources"] or state.get("outputs"))
        return cls(int(state["serial"]), str(state["lineage"]), lists)

    @property
    def exists(self) -> bool:
        """OpenTofu prints an empty state of serial 0 and without lineage where there is none."""
        return self.serial > 0 and bool(self.lineage)


def source(store: StateVersion, copy: StateVersion | None) -> Source:
    """What a run goes on from, given what the store has and the copy, if there is one."""
    if copy is None or not copy.exists:
        return Source.STORE
    if store.exists and store.lineage != copy.lineage:
        return Source.FOREIGN if store.lists else Source.COPY
    return Source.COPY if store.serial < copy.serial else Source.STORE


@dataclass(frozen=True)
class LeftLock:
    """A lock, as OpenTofu tells of it when it cannot have it."""

    id: str
    job: str
    """Of the run that holds it: its Pod's name without what makes that unique. Empty: no run of ours."""


def lock_in(text: str) -> LeftLock | None:
    """The lock that OpenTofu says is in its way; None where it names none, as for stores whose locks end by
    themselves."""
    id_ = re.search(r"^\s*ID:\s+(\S+)\s*$", text, re.MULTILINE)
    who = re.search(r"^\s*Who:\s+\S*@(\S+)\s*$", text, re.MULTILINE)
    return LeftLock(id_[1], who[1].rpartition("-")[0] if who else "") if id_ else None


def is_left(lock: LeftLock, over: Collection[str]) -> bool:
    """Whether it may be taken away: its holder is one of the runs that are known to be over."""
    return bool(lock.job) and lock.job in over
