"""What is said of an object that this version of the operator cannot read.

Its rules became stricter since, or a newer operator knows more of it. All else of the status stays as it is: it was
true, and nobody knows better. Why: docs/decisions/0099-what-cannot-be-read-is-told.md
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from catalyst_operator.api.common import Truth
from catalyst_operator.api.conditions import ConditionType, Reason
from catalyst_operator.api.scalars import format_time
from catalyst_operator.core import conditions
from catalyst_operator.core.errors import codes
from catalyst_operator.core.errors.last_errors import last_error
from catalyst_operator.core.record import ErrorEntry
from catalyst_operator.core.telling.status import short

MAX_NAMED = 5
_SUMMARY = (ConditionType.READY.value, ConditionType.RECONCILING.value, ConditionType.STALLED.value)
_OURS = "Value error, "
"""Pydantic's words before a sentence of ours."""


@dataclass(frozen=True)
class Illegible:
    """Why an object cannot be read."""

    why: str
    """A sentence that names the fields."""
    newer: bool
    """Whether all of it comes from a version that knows more: nothing that its owner could correct."""

    @property
    def error(self) -> ErrorEntry:
        """As status and people are told."""
        return (codes.NEWER_VERSION if self.newer else codes.SPEC_INVALID).entry(self.why)


def unreadable(error: ValidationError) -> Illegible:
    """What pydantic found, for people. Its own texts never hold a value of the object."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    named = [f"{_place(one)} {_words(one)}" for one in found[:MAX_NAMED]]
    more = [f"and {len(found) - MAX_NAMED} more"] if len(found) > MAX_NAMED else []
    return Illegible(f"{'; '.join([*named, *more])}.", all(map(_is_newer, found)))


def status(raw: Mapping[str, Any], found: Illegible, runbook_url: str, now: datetime) -> dict[str, Any]:
    """The status on the wire of the object `raw`, which says that nothing is done, and keeps the rest."""
    meta, before = raw["metadata"], raw.get("status") or {}
    entry = found.error
    marks = {"{namespace}": meta.get("namespace", ""), "{name}": meta["name"]}
    message = f"{entry.code}: {entry.message} Nothing is done for it until then. {entry.remedy}"
    known = {one["type"]: one for one in before.get("conditions") or ()}
    was_ready = known.get(ConditionType.READY.value, {}).get("status", "False") != "False"
    told: tuple[tuple[ConditionType, Truth], ...] = (
        # What was ready may still be.
        (ConditionType.READY, "Unknown" if was_ready else "False"),
        (ConditionType.STALLED, "True"),
    )
    made = [_condition(type_, truth, message, meta, known.get(type_.value), now) for type_, truth in told]
    kept = [one for one in known.values() if one["type"] not in _SUMMARY]
    errors = [last_error(entry, runbook_url, marks).to_wire()]
    # Only a Sovereign has a column for it.
    summary = {"summary": short(message)} if raw.get("kind") == "Sovereign" else {}
    return {**before, **summary, "conditions": [*made, *kept], "lastErrors": errors}


def _condition(
    type_: ConditionType,
    truth: Truth,
    message: str,
    meta: Mapping[str, Any],
    before: Mapping[str, Any] | None,
    now: datetime,
) -> dict[str, Any]:
    """As of now, or of when its status became what it is."""
    generation = meta.get("generation", 0)
    made = conditions.condition(type_, truth, Reason.INVALID_SPEC, message, generation=generation, now=now).to_wire()
    since = before["lastTransitionTime"] if before and before["status"] == truth else format_time(now)
    return {**made, "lastTransitionTime": since}


def _is_newer(one: ErrorDetails) -> bool:
    """Whether it is a field that this version does not know, or a status, which only operators write."""
    return one["type"] == "extra_forbidden" or one["loc"][:1] == ("status",)


def _place(one: ErrorDetails) -> str:
    """`spec.components[0]`."""
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in one["loc"])
    return place.removeprefix(".")


def _words(one: ErrorDetails) -> str:
    if one["type"] == "extra_forbidden":
        return "is not known to this version of the operator"
    if _is_newer(one):
        return "was written by another version of the operator"
    said = one["msg"]
    return said.removeprefix(_OURS) if said.startswith(_OURS) else f"is not valid: {said[:1].lower()}{said[1:]}"
