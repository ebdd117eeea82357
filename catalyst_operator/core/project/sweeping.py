"""What a destroy run does about each object that OpenTofu does not know of, and how the operator is told of it.

Every step may be repeated. What is told from others only by where it hangs is marked with the UID label before it is
taken from there: a sweep that is killed in between finds it again.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum
from itertools import accumulate, pairwise
from typing import Any

from catalyst_operator.api.labels import LABEL_SOVEREIGN_UID
from catalyst_operator.core.project.belongings import (
    CERTIFICATES,
    FLOATING_IPS,
    IMAGES,
    PRIMARY_IPS,
    VOLUMES,
    Reference,
    Thing,
    Whose,
)
from catalyst_operator.core.tofu import termination

Ids = dict[str, tuple[int, ...]]
"""Kind to the ids of objects, in order."""

MARK_LABEL = LABEL_SOVEREIGN_UID
DETACHES = {VOLUMES: "detach", FLOATING_IPS: "unassign"}
"""Kinds that are taken from their server before they go, and the action that does it."""
LAST_TO_GO = frozenset({VOLUMES, FLOATING_IPS, PRIMARY_IPS, CERTIFICATES, IMAGES})
"""Kinds of which one may be in use until OpenTofu has removed what uses it."""
_MAX_WORDS = 600
_TOLD_BY_PLACE = frozenset({VOLUMES, CERTIFICATES})
"""Kinds that stop hanging anywhere before they can be deleted."""


class SweepStep(StrEnum):
    """The next thing to do about an object."""

    MARK = "mark"
    """Label it with the Sovereign's UID."""
    DETACH = "detach"
    """Take it from the server that it hangs on."""
    DELETE = "delete"
    WAIT = "wait"
    """Something else has to go first, which OpenTofu or a later step removes."""


def step(thing: Thing, what: Whose, *, sweep_all: bool) -> SweepStep | None:
    """What to do about an object next; None for one that is left alone."""
    if not is_swept(what, sweep_all=sweep_all) or thing.protected:
        return None
    if what is not Whose.LABELLED and thing.kind in _TOLD_BY_PLACE:
        return SweepStep.MARK
    if thing.members and thing.kind in DETACHES:
        return SweepStep.DETACH
    if thing.members and thing.kind in (CERTIFICATES, PRIMARY_IPS):
        return SweepStep.WAIT
    return SweepStep.DELETE


def is_swept(what: Whose, *, sweep_all: bool) -> bool:
    """Whether such an object is removed, apart from what OpenTofu removes."""
    return what in (Whose.LABELLED, Whose.MADE_INSIDE) or (what is Whose.FOREIGN and sweep_all)


def in_the_way_words(foreign: Sequence[Thing], protected: Sequence[Thing], *, sweep_all: bool) -> str:
    """What is in the way of a destroy, and what to do about it, in sentences."""
    words = []
    if foreign:
        more = "" if sweep_all else ", or set spec.decommission.sweep to All if only this Sovereign uses them"
        words.append(f"not only this Sovereign's: {some_of(map(str, foreign))}. Remove or detach them{more}.")
    if protected:
        words.append(f"protected from being deleted: {some_of(map(str, protected))}. Take the protection off.")
    return f"in the way of the destroy are objects that are {' And objects that are '.join(words)}"


def some_of(names: Iterable[str]) -> str:
    """The first few names, and how many more."""
    listed = list(names)
    more = len(listed) - termination.MAX_NAMES
    return ", ".join(listed[: termination.MAX_NAMES]) + (f" and {more} more" if more > 0 else "")


# --- what a container tells -------------------------------------------------------------------------------------------


def ids(references: Iterable[Reference]) -> Ids:
    """Sorted by kind and id."""
    listed: dict[str, list[int]] = {}
    for kind, id_ in sorted(set(references)):
        listed.setdefault(kind, []).append(id_)
    return {kind: tuple(found) for kind, found in listed.items()}


def termination_message(
    words: Mapping[str, str], names: Sequence[str], lists: Mapping[str, Collection[Reference]]
) -> str:
    """JSON of `words`, of the first few `names` as `left` with their `count`, and of as many ids of each list as fit
    into MAX_TERMINATION_BYTES; `more` counts, by list, those that do not. The container's log has all of them."""
    whole = {name: sorted(set(references)) for name, references in lists.items()}
    kept, shown = dict(whole), [_plain(name, termination.MAX_TOLD_NAME) for name in names[: termination.MAX_NAMES]]
    told = {key: _plain(text, _MAX_WORDS) for key, text in words.items()}
    while True:
        more = {name: len(whole[name]) - len(kept[name]) for name in whole if kept[name] != whole[name]}
        packed = {name: _packed(references) for name, references in kept.items() if references}
        content = {**told, "left": shown, "count": len(names), **packed, **({"more": more} if more else {})}
        text = json.dumps(content, separators=(",", ":"))
        if len(text) <= termination.MAX_TERMINATION_BYTES or not (any(kept.values()) or shown):
            return text
        longest = max(kept, key=lambda name: len(kept[name]), default="")
        if longest and kept[longest]:
            kept[longest] = kept[longest][: len(kept[longest]) * 9 // 10]
        else:
            shown = shown[:-1]


def _plain(text: str, length: int) -> str:
    """Cut, and without what takes six bytes for a letter in JSON."""
    return text[:length].encode("ascii", "replace").decode()


def _packed(references: Iterable[Reference]) -> dict[str, list[int]]:
    """Each id but the first as its distance to the one before: objects made together have ids that are close."""
    return {kind: [found[0], *(b - a for a, b in pairwise(found))] for kind, found in ids(references).items()}


def unpacked(packed: Any) -> Ids:
    """The ids of a list of `termination_message`; none of what is none."""
    if not isinstance(packed, dict):
        return {}
    return {
        str(kind): tuple(accumulate(numbers))
        for kind, numbers in packed.items()
        if isinstance(numbers, list) and all(isinstance(number, int) for number in numbers)
    }


def joined(first: Mapping[str, Sequence[int]], second: Mapping[str, Sequence[int]]) -> Ids:
    """The ids of both."""
    return ids((kind, id_) for listed in (first, second) for kind, found in listed.items() for id_ in found)


def without(first: Mapping[str, Sequence[int]], second: Mapping[str, Sequence[int]]) -> Ids:
    """The ids of the first that the second does not have."""
    return ids((kind, id_) for kind, found in first.items() for id_ in found if id_ not in second.get(kind, ()))
