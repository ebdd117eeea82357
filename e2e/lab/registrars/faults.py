"""Faults on demand: what a registrar does wrong, to which requests, and how often.

    POST /_lab/faults
    {"vendor": "dynadot", "what": "set_ns", "effect": {"drop_response": true}, "after": 0, "times": 1}

`what` is a regular expression that must match the whole name of a request, as the log has it: `PUT /domain/acme.com`
or, with vendors whose commands are parameters, the command. `after` lets that many requests pass first; `times` is how
often the fault then strikes, null for ever. One request meets the first fault that matches it. `effect` is one of

    limited_seconds  the vendor's answer to too many requests, which asks to wait so long where it says a time
    refuse           the vendor's refusal of this code, from its documents
    drop_request     the connection is closed and nothing is done
    drop_response    the request is done, but the connection is closed without an answer
    hang             "before" or "after" the request is done: no answer until the client goes away
    raw_status       the answer has this status and a page of HTML, as from a broken proxy; with raw_text, this text
                     in the place of the page, as a vendor may answer in a case that no document tells of
    task_error       the change is accepted, but its task ends with this error; only with vendors that have tasks
"""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, NonNegativeInt, PositiveInt, field_validator


class Effect(BaseModel):
    """What goes wrong; see the module's own documentation."""

    model_config = ConfigDict(extra="forbid")

    limited_seconds: PositiveInt | None = None
    refuse: str | None = None
    drop_request: bool = False
    drop_response: bool = False
    hang: Literal["before", "after"] | None = None
    raw_status: int | None = None
    raw_text: str | None = None
    task_error: str | None = None


class Fault(BaseModel):
    """One fault and how often it is still to strike."""

    model_config = ConfigDict(extra="forbid")

    vendor: str
    what: str = ".*"
    effect: Effect
    after: NonNegativeInt = 0
    times: PositiveInt | None = 1
    struck: NonNegativeInt = 0

    @field_validator("what")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        return pattern

    def fits(self, vendor: str, what: str) -> bool:
        """Whether it is about such a request and not spent."""
        spent = self.times is not None and self.struck >= self.times
        return not spent and self.vendor == vendor and re.fullmatch(self.what, what) is not None


class Faults:
    """The faults in the order they were asked for. Spent ones stay listed."""

    def __init__(self) -> None:
        self._all: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Put one into force."""
        self._all.append(fault)

    def clear(self) -> None:
        """Forget all of them."""
        self._all = []

    def listing(self) -> list[dict[str, Any]]:
        """All of them, with how often each struck."""
        return [fault.model_dump() for fault in self._all]

    def strike(self, vendor: str, what: str) -> Effect:
        """The effect on this request; an empty one where no fault matches."""
        for fault in self._all:
            if not fault.fits(vendor, what):
                continue
            if fault.after > 0:
                fault.after -= 1
                continue
            fault.struck += 1
            return fault.effect
        return Effect()
