"""Faults on demand: what the cloud does wrong, to which requests, and how often.

    POST /_lab/faults
    {"match":  {"method": "POST", "path": "/servers", "name": "demo-.*", "server_type": "cx33", "location": "fsn1",
                "project": "default"},
     "effect": {"code": "resource_unavailable", "message": "error during placement", "status": 412},
     "after": 0, "times": 1}

Every field of `match` is optional; `path` and `name` are regular expressions that must match whole (`path` without
`/v1`). `after` lets that many matching requests pass first; `times` is how often the fault then strikes, null for ever.
One request meets the first fault that matches it. `effect` may hold

    code, message, status   the request is refused with this error, nothing is done
    delay_seconds           the request waits so long first; combines with the others
    drop_response           the request is done, but the connection is closed without an answer
    drop_request            the connection is closed and nothing is done
    action_seconds          the actions it starts take so long
    stuck                   the request is answered, but the actions it starts never end
    action_error            {"code": ..., "message": ...}: the actions it starts fail with this
    raw_status              the answer has this status and no JSON body, as from a broken proxy
"""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, NonNegativeInt, PositiveInt, field_validator

from e2e.lab.hcloud.errors import ApiError
from e2e.lab.hcloud.store import Object, Store


class Match(BaseModel):
    """Which requests; every field that is given must fit."""

    model_config = ConfigDict(extra="forbid")

    method: str | None = None
    path: str | None = None
    name: str | None = None
    server_type: str | None = None
    location: str | None = None
    project: str | None = None

    @field_validator("path", "name")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        try:
            re.compile(pattern or "")
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        return pattern

    def fits(self, project: str, method: str, path: str, body: Object) -> bool:
        exact = (
            (self.method, method),
            (self.project, project),
            (self.server_type, body.get("server_type")),
            (self.location, body.get("location")),
        )
        if any(wanted is not None and wanted != actual for wanted, actual in exact):
            return False
        if self.path is not None and not re.fullmatch(self.path, path):
            return False
        return self.name is None or bool(re.fullmatch(self.name, str(body.get("name", ""))))


class ActionError(BaseModel):
    """What a failing action carries."""

    model_config = ConfigDict(extra="forbid")

    code: str = "action_failed"
    message: str = "Action failed"


class Effect(BaseModel):
    """What goes wrong; see the module's own documentation."""

    model_config = ConfigDict(extra="forbid")

    code: str | None = None
    message: str = "injected by the lab"
    status: int | None = None
    delay_seconds: NonNegativeFloat = 0
    drop_response: bool = False
    drop_request: bool = False
    action_seconds: NonNegativeFloat | None = None
    stuck: bool = False
    action_error: ActionError | None = None
    raw_status: int | None = None

    def error(self) -> ApiError | None:
        return ApiError(self.code, self.message, status=self.status) if self.code else None


class Fault(BaseModel):
    """One fault and how often it is still to strike."""

    model_config = ConfigDict(extra="forbid")

    id: int = 0
    match: Match = Field(default_factory=Match)
    effect: Effect
    after: NonNegativeInt = 0
    times: PositiveInt | None = 1
    struck: NonNegativeInt = 0

    @property
    def spent(self) -> bool:
        return self.times is not None and self.struck >= self.times


class Faults:
    """The faults in the order they were asked for, kept in the store's settings. Spent ones stay listed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._all = [Fault.model_validate(entry) for entry in store.setting("faults") or []]

    def add(self, fault: Fault) -> Fault:
        fault.id = 1 + max((known.id for known in self._all), default=0)
        self._all.append(fault)
        self._save()
        return fault

    def clear(self) -> None:
        self._all = []
        self._save()

    def listing(self) -> list[dict[str, Any]]:
        return [fault.model_dump(exclude_defaults=False) for fault in self._all]

    def strike(self, project: str, method: str, path: str, body: Object) -> Effect:
        """The effect on this request; an empty one where no fault matches."""
        for fault in self._all:
            if fault.spent or not fault.match.fits(project, method, path, body):
                continue
            if fault.after > 0:
                fault.after -= 1
                self._save()
                continue
            fault.struck += 1
            self._save()
            return fault.effect
        return Effect()

    def _save(self) -> None:
        self._store.set_setting("faults", self.listing())
