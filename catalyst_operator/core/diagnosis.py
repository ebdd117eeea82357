"""From what OpenTofu, the kubelet and the backend reported to a code, a cause and a remedy.

Errors of the Hetzner API keep their machine-readable code through the provider: hcloud-go appends it in parentheses.
That code decides wherever there is one; only what has none is told by OpenTofu's own summary line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from catalyst_operator.core.plan_gate import EXIT_REFUSED
from catalyst_operator.core.progress import Diagnostic
from catalyst_operator.core.record import ErrorEntry
from catalyst_operator.core.redact import shorten

UNKNOWN = "ERR_TOFU"


@dataclass(frozen=True)
class Code:
    """One row of the table: what the user has to do, and whether waiting can help."""

    code: str
    remedy: str
    terminal: bool


TOKEN_READONLY = Code(
    "ERR_TOKEN_READONLY",
    "Create a token with Read & Write permission in the project (Security, API tokens) and put it under the key "
    "'token' of the credentials Secret; the run starts again by itself.",
    terminal=True,
)
TOKEN_INVALID = Code(
    "ERR_TOKEN_INVALID",
    "Put a valid Hetzner Cloud API token (64 characters) under the key 'token' of the credentials Secret; the run "
    "starts again by itself.",
    terminal=True,
)
QUOTA_EXCEEDED = Code(
    "ERR_QUOTA_EXCEEDED",
    "Ask Hetzner to raise the project's limits, or free resources, or ask for fewer servers; then edit the spec or "
    "annotate the Sovereign with catalyst.openova.io/retryRequestedAt.",
    terminal=True,
)
CAPACITY = Code(
    "ERR_CAPACITY",
    "The location has no capacity for this size at the moment; another size or location can be set meanwhile.",
    terminal=False,
)
RATE_LIMITED = Code(
    "ERR_RATE_LIMITED", "Nothing to do: the project's request limit refills within the hour.", terminal=False
)
NAME_CONFLICT = Code(
    "ERR_NAME_CONFLICT",
    "An object with this name or this SSH key already exists in the project. Remove it there, or use another key, or "
    "another project; then edit the spec or annotate with catalyst.openova.io/retryRequestedAt.",
    terminal=True,
)
INVALID_INPUT = Code(
    "ERR_INVALID_INPUT",
    "Hetzner refused a value; correct the field that the message names.",
    terminal=True,
)
SIZE_RETIRED = Code(
    "ERR_SIZE_RETIRED",
    "This size cannot be ordered (any more) in this location. Edit spec.controlPlane.size or spec.workers.size; what "
    "exists already stays.",
    terminal=True,
)
STATE_LOCKED = Code("ERR_STATE_LOCKED", "Another run holds the state's lock, and has to end first.", terminal=False)
STATE_WRITE = Code(
    "ERR_STATE_WRITE",
    "The API server of the management cluster did not take the state; see why in the message.",
    terminal=False,
)
STATE_KEY = Code(
    "ERR_STATE_KEY",
    "The state cannot be decrypted with the key in Secret 'state-key' of the run namespace. Restore that Secret from "
    "a backup; the operator never starts with an empty state instead.",
    terminal=True,
)
STATE_LOST = Code(
    "ERR_STATE_LOST",
    "Restore it from a backup: applying without it would create everything a second time.",
    terminal=True,
)
LEFTOVERS = Code(
    "ERR_LEFTOVERS",
    "Objects that carry this Sovereign's label are still in the project; the message lists them. Remove them, or wait "
    "if they are being deleted.",
    terminal=False,
)
PLAN_REFUSED = Code(
    "ERR_PLAN_REFUSED",
    "This plan is never applied, approved or not. Edit the spec so that it plans something else.",
    terminal=True,
)
INTERNAL = Code(UNKNOWN, "Read the run's log (kubectl logs, named in the message) and the runbook.", terminal=False)

BY_HCLOUD_CODE: dict[str, Code] = {
    "token_readonly": TOKEN_READONLY,
    "unauthorized": TOKEN_INVALID,
    # The SDK calls token_readonly deprecated in favour of this one; a token that may do nothing at all is
    # `unauthorized`.
    "forbidden": TOKEN_READONLY,
    "resource_limit_exceeded": QUOTA_EXCEEDED,
    "resource_unavailable": CAPACITY,
    "placement_error": CAPACITY,
    "rate_limit_exceeded": RATE_LIMITED,
    "uniqueness_error": NAME_CONFLICT,
    "invalid_input": INVALID_INPUT,
}
BY_SUMMARY: tuple[tuple[str, Code], ...] = (
    ("must be exactly 64 characters", TOKEN_INVALID),
    ("can no longer be ordered", SIZE_RETIRED),
    ("error acquiring the state lock", STATE_LOCKED),
    ("failed to persist state", STATE_WRITE),
    ("failed to save state", STATE_WRITE),
    ("decryption failed", STATE_KEY),
    ("decrypt", STATE_KEY),
)
BY_EXIT_CODE: dict[tuple[str, int], Code] = {
    ("plan-gate", EXIT_REFUSED): PLAN_REFUSED,
    ("leftovers", 6): LEFTOVERS,
    ("leftovers", 7): TOKEN_INVALID,
}

_UNKNOWN_SIZE = re.compile(r"server type \S+ not found")
_HCLOUD_CODE = re.compile(r"\(([a-z]+(?:_[a-z]+)*)(?:,\s*[0-9a-f]+)?\)")


def diagnose(phase: str, exit_code: int, message: str, diagnostics: Iterable[Diagnostic]) -> tuple[ErrorEntry, ...]:
    """The errors of a failed phase, most telling first, without repeats; never empty."""
    found = tuple(diagnostics) or (
        Diagnostic(summary=message or f"{phase} ended with exit code {exit_code}", detail=""),
    )
    entries: dict[str, ErrorEntry] = {}
    for diagnostic in found:
        entry = _entry(phase, exit_code, diagnostic)
        entries.setdefault(entry.code, entry)
    return tuple(sorted(entries.values(), key=lambda e: (e.code == UNKNOWN, not e.terminal)))


def _entry(phase: str, exit_code: int, diagnostic: Diagnostic) -> ErrorEntry:
    text = ": ".join(part for part in (diagnostic.address, diagnostic.summary, diagnostic.detail) if part)
    code = BY_EXIT_CODE.get((phase, exit_code)) or _by_hcloud_code(text) or _by_summary(text) or INTERNAL
    return ErrorEntry(code.code, shorten(text), code.remedy, code.terminal)


def _by_hcloud_code(text: str) -> Code | None:
    codes = (BY_HCLOUD_CODE.get(code) for code in _HCLOUD_CODE.findall(text))
    return next((code for code in codes if code), None)


def _by_summary(text: str) -> Code | None:
    folded = text.lower()
    if _UNKNOWN_SIZE.search(folded):
        return SIZE_RETIRED
    return next((code for sign, code in BY_SUMMARY if sign in folded), None)


def entry(code: Code, message: str) -> ErrorEntry:
    """An error that the operator itself found."""
    return ErrorEntry(code.code, shorten(message), code.remedy, code.terminal)
