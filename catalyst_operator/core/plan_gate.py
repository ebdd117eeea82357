"""Judging a plan: what it would do, its digest, and whether someone has to approve it first (DESIGN §4).

Input is the JSON of `tofu show -json` for a saved plan. It holds secrets: nothing of it leaves these functions but
counts, addresses and hashes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from catalyst_operator.core.naming import canonical_json, digest_of

EXIT_APPROVAL_NEEDED = 3
"""The plan is fine but nobody approved it yet; nothing was touched."""
EXIT_REFUSED = 4
"""The plan must not be applied, approved or not."""
EXIT_DIGEST_MISMATCH = 5
"""An approval was given, but for another plan."""

MAX_ADDRESSES = 10
MAX_BYTES = 1500
"""Of a termination message: the kubelet keeps 12 KiB for all containers of a Pod."""
TAINTED = "replace_because_tainted"
FIRST_CONTROL_PLANE = "hcloud_server.control_plane[0]"


@dataclass(frozen=True)
class Change:
    """One resource that the plan would touch. `actions` is OpenTofu's list, such as ("delete", "create")."""

    address: str
    type: str
    actions: tuple[str, ...]
    reason: str
    power_off: bool

    @property
    def touches(self) -> bool:
        """Whether anything is done to it; reading and leaving alone do not count."""
        return self.creates or self.destroys or self.updates

    @property
    def creates(self) -> bool:
        """Whether a new object is made."""
        return "create" in self.actions

    @property
    def destroys(self) -> bool:
        """Whether an existing object goes."""
        return "delete" in self.actions

    @property
    def updates(self) -> bool:
        """Whether an object is changed in place."""
        return "update" in self.actions


@dataclass(frozen=True)
class Judgement:
    """What the gate found: counts, replaced addresses, why approval is needed, and why it is refused altogether."""

    digest: str
    add: int
    change: int
    destroy: int
    replacing: tuple[str, ...]
    approval: tuple[str, ...] = ()
    unfinished: tuple[str, ...] = ()
    """Replaced without asking: an earlier run left them half made, and they never carried anything."""
    refusals: tuple[str, ...] = ()
    destroy_run: bool = False


def judge(plan: Mapping[str, Any], *, uid: str, destroy_run: bool = False, replicas: int = 1) -> Judgement:
    """Judge the plan of the Sovereign with this UID, which has `replicas` control planes.

    A destroy run needs no approval: the admitted DELETE is the approval.
    """
    touched = [raw for raw in plan.get("resource_changes") or [] if _change(raw).touches]
    changes = [_change(raw) for raw in touched]
    return Judgement(
        digest=_digest(touched, uid),
        add=sum(c.creates for c in changes),
        change=sum(c.updates for c in changes),
        destroy=sum(c.destroys for c in changes),
        replacing=tuple(c.address for c in changes if c.creates and c.destroys),
        approval=() if destroy_run else tuple(_approval_reasons(changes)),
        unfinished=tuple(c.address for c in changes if c.destroys and c.reason == TAINTED),
        refusals=() if destroy_run else tuple(_refusals(changes, replicas)),
        destroy_run=destroy_run,
    )


def verdict(judgement: Judgement, *, manual: bool, approved: str) -> tuple[int, str]:
    """Exit code of the gate (0 lets the apply start) and the sentence that explains it."""
    if judgement.destroy_run:
        return 0, "the deletion of the Sovereign is the approval"
    if judgement.refusals:
        return EXIT_REFUSED, "; ".join(judgement.refusals)
    empty = not (judgement.add or judgement.change or judgement.destroy)
    reasons = judgement.approval + (("approval mode is Manual",) if manual and not empty else ())
    if not reasons:
        names = ", ".join(judgement.unfinished)
        return 0, "no approval needed" + (f"; left unfinished by an earlier run: {names}" if names else "")
    if approved == judgement.digest:
        return 0, "approved by spec.approvePlan"
    if approved:
        return EXIT_DIGEST_MISMATCH, "; ".join((*reasons, "spec.approvePlan names another plan"))
    return EXIT_APPROVAL_NEEDED, "; ".join(reasons)


def termination_message(judgement: Judgement, explanation: str) -> str:
    """What the operator reads from the container's end: as many addresses as fit, and the count of the others."""
    sizes = range(min(len(judgement.replacing), MAX_ADDRESSES), -1, -1)
    return next(text for n in sizes if len(text := _message(judgement, explanation, n)) <= MAX_BYTES)


def _message(judgement: Judgement, explanation: str, entries: int) -> str:
    """With at most so many entries for what is replaced; the last one is a count if there is more."""
    total = len(judgement.replacing)
    named = entries if entries == total else max(0, entries - 1)
    more = [f"and {total - named} more"] if named < total else []
    words = {
        "digest": judgement.digest,
        "add": judgement.add,
        "change": judgement.change,
        "destroy": judgement.destroy,
        "replacing": [*(name[:80] for name in judgement.replacing[:named]), *more],
        "explanation": re.sub(r"[^ -~]", "?", explanation[:300]),
    }
    return json.dumps(words, separators=(",", ":"))


def _change(raw: Mapping[str, Any]) -> Change:
    change = raw.get("change") or {}
    before, after = change.get("before") or {}, change.get("after") or {}
    resized = raw.get("type") == "hcloud_server" and before.get("server_type") != after.get("server_type")
    actions = tuple(change.get("actions") or ())
    return Change(
        address=str(raw.get("address", "")),
        type=str(raw.get("type", "")),
        actions=actions if raw.get("mode") != "data" else (),
        reason=str(raw.get("action_reason", "")),
        power_off=resized and actions == ("update",),
    )


def _approval_reasons(changes: list[Change]) -> list[str]:
    return [reason for reason in map(_approval_reason, changes) if reason]


def _approval_reason(change: Change) -> str:
    if change.destroys and change.reason != TAINTED:
        return f"{change.address} would be {'replaced' if change.creates else 'destroyed'}"
    if change.power_off:
        return f"{change.address} would be powered off to change its size"
    return ""


def _refusals(changes: list[Change], replicas: int) -> list[str]:
    if replicas < 3:
        return []
    return [
        f"{c.address} would be replaced: the first control plane of a cluster of three is never replaced in place, "
        "since it would start a second cluster"
        for c in changes
        if c.address == FIRST_CONTROL_PLANE and c.creates and c.destroys and c.reason != TAINTED
    ]


def _digest(touched: list[Mapping[str, Any]], uid: str) -> str:
    changes = sorted((_normal(raw) for raw in touched), key=canonical_json)
    return digest_of({"uid": uid, "changes": changes})


def _normal(raw: Mapping[str, Any]) -> dict[str, Any]:
    change = raw.get("change") or {}
    return {
        "address": raw.get("address"),
        "deposed": raw.get("deposed"),
        "actions": change.get("actions"),
        "id": (change.get("before") or {}).get("id"),
        "import": (change.get("importing") or {}).get("id"),
        "after": digest_of(change.get("after")),
        "unknown": change.get("after_unknown"),
        "replace": change.get("replace_paths"),
    }
