"""Judging a plan: what it would do, its digest, and whether someone has to approve it first.

Input is the JSON of `tofu show -json` for a saved plan. It holds secrets: nothing of it leaves these functions but
counts, addresses and hashes.

Why: docs/explanation.md#what-waits-for-a-person
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from catalyst_operator.core.error_text import named
from catalyst_operator.core.naming import canonical_json, digest_of
from catalyst_operator.core.tofu import termination

EXIT_APPROVAL_NEEDED = 3
"""The plan is fine but nobody approved it yet; nothing was touched."""
EXIT_REFUSED = 4
"""The plan must not be applied, approved or not."""
EXIT_DIGEST_MISMATCH = 5
"""An approval was given, but for another plan."""

TAINTED = "replace_because_tainted"
FIRST_CONTROL_PLANE = "hcloud_server.control_plane[0]"
PROVIDER_ONLY = frozenset(
    {"allow_deprecated_images", "ignore_remote_firewall_ids", "keep_disk", "shutdown_before_deletion"}
)
"""Attributes that tell the provider how to act and that no cloud object has: an imported one starts without them."""
WHILE_RUNNING = frozenset(
    {
        *("name", "labels", "network", "firewall_ids", "backups", "backup_window"),
        *("delete_protection", "rebuild_protection", "status", "timeouts"),
    }
)
"""Attributes of a server that are changed while it runs: all others are taken to need a power-off."""


@dataclass(frozen=True)
class ResourceChange:
    """One resource that the plan would touch. `actions` is OpenTofu's list, such as ("delete", "create")."""

    address: str
    type: str
    actions: tuple[str, ...]
    reason: str
    power_off: tuple[str, ...]
    """Attributes of a running server whose change may power it off."""
    adopts: bool
    """Whether an object that exists already is taken into the state."""
    cosmetic: bool
    """Whether nothing but the state would change."""

    @property
    def touches(self) -> bool:
        """Whether anything is done to it; reading and leaving alone do not count."""
        return self.creates or self.destroys or self.updates or self.adopts

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
class PlanJudgement:
    """What the gate found: counts, addresses, why approval is needed, and why it is refused altogether."""

    digest: str
    add: int
    change: int
    destroy: int
    replacing: tuple[str, ...]
    adopt: int = 0
    destroying: tuple[str, ...] = ()
    """Destroyed and not replaced."""
    powering_off: tuple[str, ...] = ()
    bookkeeping: bool = False
    """Whether nothing but the state would change: not even mode Manual asks about that."""
    approval: tuple[str, ...] = ()
    unfinished: tuple[str, ...] = ()
    """Replaced without asking: an earlier run left them half made, and they never carried anything."""
    refusals: tuple[str, ...] = ()
    destroy_run: bool = False


def judge(plan: Mapping[str, Any], *, uid: str, destroy_run: bool = False, replicas: int = 1) -> PlanJudgement:
    """Judge the plan of the Sovereign with this UID, which has `replicas` control planes.

    A destroy run needs no approval: the admitted DELETE is the approval.
    """
    touched = [raw for raw in plan.get("resource_changes") or [] if _change(raw).touches]
    changes = [_change(raw) for raw in touched]
    return PlanJudgement(
        digest=_digest(touched, uid),
        add=sum(c.creates for c in changes),
        change=sum(c.updates for c in changes),
        destroy=sum(c.destroys for c in changes),
        replacing=tuple(c.address for c in changes if c.creates and c.destroys),
        adopt=sum(c.adopts for c in changes),
        destroying=tuple(c.address for c in changes if c.destroys and not c.creates),
        powering_off=tuple(c.address for c in changes if c.power_off),
        bookkeeping=all(c.cosmetic for c in changes),
        approval=() if destroy_run else tuple(_approval_reasons(changes)),
        unfinished=tuple(c.address for c in changes if c.destroys and c.reason == TAINTED),
        refusals=() if destroy_run else tuple(_refusals(changes, replicas)),
        destroy_run=destroy_run,
    )


def verdict(judgement: PlanJudgement, *, manual: bool, approved: str, dry_run: bool = False) -> tuple[int, str]:
    """Exit code of the gate (0 lets the apply start) and the sentence that explains it."""
    if judgement.destroy_run:
        return 0, "the deletion of the Sovereign is the approval"
    if judgement.refusals:
        return EXIT_REFUSED, "; ".join(judgement.refusals)
    asks = manual and not judgement.bookkeeping
    reasons = judgement.approval + (("approval mode is Manual",) if asks else ())
    if not reasons:
        names = ", ".join(judgement.unfinished)
        return 0, "no approval needed" + (f"; left unfinished by an earlier run: {names}" if names else "")
    if dry_run:
        return 0, f"dry run; to apply it would need approval: {'; '.join(reasons)}"
    return _approval(judgement, reasons, approved)


def _approval(judgement: PlanJudgement, reasons: tuple[str, ...], approved: str) -> tuple[int, str]:
    if approved == judgement.digest:
        return 0, "approved by spec.approvePlan"
    if approved:
        return EXIT_DIGEST_MISMATCH, "; ".join(("spec.approvePlan names another plan", *reasons))
    return EXIT_APPROVAL_NEEDED, "; ".join(reasons)


def termination_message(judgement: PlanJudgement, explanation: str) -> str:
    """What the operator reads from the container's end: as many addresses as fit, and the count of the others."""
    words = {
        "digest": judgement.digest,
        "add": judgement.add,
        "change": judgement.change,
        "destroy": judgement.destroy,
        "adopt": judgement.adopt,
        "explanation": re.sub(r"[^ -~]", "?", explanation[:300]),
    }
    lists = {
        "replacing": judgement.replacing,
        "destroying": judgement.destroying,
        "powering_off": judgement.powering_off,
    }
    return termination.message(words, lists)


def _change(raw: Mapping[str, Any]) -> ResourceChange:
    change = raw.get("change") or {}
    actions = tuple(change.get("actions") or ())
    adopts = bool(change.get("importing"))
    return ResourceChange(
        address=str(raw.get("address", "")),
        type=str(raw.get("type", "")),
        actions=actions if raw.get("mode") != "data" else (),
        reason=str(raw.get("action_reason", "")),
        power_off=_risky(change) if raw.get("type") == "hcloud_server" and actions == ("update",) else (),
        adopts=adopts,
        cosmetic=adopts and (actions == ("no-op",) or (actions == ("update",) and _only_defaults(change))),
    )


def _risky(change: Mapping[str, Any]) -> tuple[str, ...]:
    """What would change in a server and is not known to be done while it runs."""
    before, after, unknown = (change.get(name) or {} for name in ("before", "after", "after_unknown"))
    differs = {n for n in {*before, *after} if before.get(n) != after.get(n) and not unknown.get(n)}
    return tuple(sorted(differs - WHILE_RUNNING - PROVIDER_ONLY))


def _only_defaults(change: Mapping[str, Any]) -> bool:
    """Whether an update only writes down what the provider would assume anyway."""
    before, after = change.get("before") or {}, change.get("after") or {}
    differs = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    defaults = all(before.get(name) is None and after.get(name) is False for name in differs)
    return differs <= PROVIDER_ONLY and defaults and not _any_true(change.get("after_unknown"))


def _any_true(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_any_true, value.values()))
    return any(map(_any_true, value)) if isinstance(value, list) else value is True


def _approval_reasons(changes: list[ResourceChange]) -> list[str]:
    """One reason for each kind of harm, with what it would happen to."""
    harmed: dict[str, list[str]] = {}
    for change in changes:
        if harm := _harm(change):
            harmed.setdefault(harm, []).append(change.address)
    return [f"{named(tuple(addresses))} would be {harm}" for harm, addresses in harmed.items()]


def _harm(change: ResourceChange) -> str:
    """What a change would do that a person has to want; empty if nothing."""
    if change.destroys and change.reason != TAINTED:
        return "replaced" if change.creates else "destroyed"
    return f"powered off to change {', '.join(change.power_off)}" if change.power_off else ""


def _refusals(changes: list[ResourceChange], replicas: int) -> list[str]:
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
