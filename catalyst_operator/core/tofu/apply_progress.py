"""Live progress of a run, folded from the JSON lines that `tofu apply -json` prints.

The format is OpenTofu's machine-readable UI (version 1.2). Lines that are not JSON objects, or of a type that does not
matter here, change nothing: a new OpenTofu that says more must not break the fold.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from catalyst_operator.core.redact import redact

MAX_DIAGNOSTICS = 200
"""Several a server: what only follows from an error is told apart when it is diagnosed."""
MAX_DIAGNOSTIC = 600


@dataclass(frozen=True)
class ResourceProgress:
    """One resource's operation. `started` is the log line's own time."""

    action: str
    started: datetime
    state: str = "running"  # running | done | failed


@dataclass(frozen=True)
class Diagnostic:
    """One error that OpenTofu reported."""

    summary: str
    detail: str
    address: str = ""


@dataclass(frozen=True)
class Progress:
    """What the log of one container told so far."""

    resources: Mapping[str, ResourceProgress] = field(default_factory=dict)
    errors: tuple[Diagnostic, ...] = ()
    ended: bool = False
    """The log was read to its end: the container is over and nothing more will come."""

    @property
    def done(self) -> int:
        """How many resources are finished."""
        return sum(1 for r in self.resources.values() if r.state == "done")

    def longest_running(self) -> tuple[str, ResourceProgress] | None:
        """The resource that has been in work for the longest time."""
        running = [(a, r) for a, r in self.resources.items() if r.state == "running"]
        return min(running, key=lambda item: item[1].started, default=None)


def fold_lines(lines: Iterable[str], progress: Progress | None = None) -> Progress:
    """Fold many lines; see `fold`."""
    result = progress or Progress()
    for line in lines:
        result = fold(result, line)
    return result


def fold(progress: Progress, line: str) -> Progress:
    """The progress after one more line."""
    event = _parse(line)
    handler = _HANDLERS.get(str(event.get("type", "")))
    return handler(progress, event) if handler else progress


def _parse(line: str) -> dict[str, Any]:
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def _part(event: dict[str, Any], name: str) -> dict[str, Any]:
    part = event.get(name)
    return part if isinstance(part, dict) else {}


def _address(event: dict[str, Any]) -> str:
    return str(_part(_part(event, "hook"), "resource").get("addr") or "")


def _time(event: dict[str, Any]) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(event.get("@timestamp", "")))
    except ValueError:
        return None
    return at if at.tzinfo else None


def _on_start(progress: Progress, event: dict[str, Any]) -> Progress:
    address, at = _address(event), _time(event)
    if not address or at is None:
        return progress
    action = str(_part(event, "hook").get("action", ""))
    return _with(progress, address, ResourceProgress(action, at))


def _on_end(state: str) -> Any:
    def handle(progress: Progress, event: dict[str, Any]) -> Progress:
        address = _address(event)
        known = progress.resources.get(address)
        return _with(progress, address, replace(known, state=state)) if known else progress

    return handle


def _with(progress: Progress, address: str, resource: ResourceProgress) -> Progress:
    return replace(progress, resources={**progress.resources, address: resource})


def _on_diagnostic(progress: Progress, event: dict[str, Any]) -> Progress:
    found = _part(event, "diagnostic")
    if found.get("severity") != "error" or len(progress.errors) >= MAX_DIAGNOSTICS:
        return progress
    error = Diagnostic(
        redact(str(found.get("summary", "")))[:MAX_DIAGNOSTIC],
        redact(str(found.get("detail", "")))[:MAX_DIAGNOSTIC],
        str(found.get("address", "")),
    )
    return progress if error in progress.errors else replace(progress, errors=(*progress.errors, error))


_HANDLERS: dict[str, Any] = {
    "apply_start": _on_start,
    "apply_complete": _on_end("done"),
    "apply_errored": _on_end("failed"),
    "diagnostic": _on_diagnostic,
}
