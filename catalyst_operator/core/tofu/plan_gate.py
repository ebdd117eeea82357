"""Judging a plan: what it would do, its digest, and whether someone has to approve it first.

Input is the JSON of `tofu show -json` for a saved plan. It holds secrets: nothing of it leaves these functions but
counts, addresses and hashes.

Why: docs/explanation.md#what-waits-for-a-person
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from catalyst_operator.core.error_text import named
from catalyst_operator.core.naming import canonical_json, digest_of
from catalyst_operator.core.tofu import given_state, gone, quorum, termination
from catalyst_operator.core.tofu.quorum import ControlPlanes
from catalyst_operator.core.tofu.server_names import address_of, name_of, packed

EXIT_APPROVAL_NEEDED = 3
"""The plan is fine but nobody approved it yet; nothing was touched."""
EXIT_REFUSED = 4
"""The plan must not be applied, approved or not."""
EXIT_DIGEST_MISMATCH = 5
"""An approval was given, but for another plan."""
EXIT_NOTHING_FOUND = 8
"""A destroy would remove nothing although the state holds something: most likely it is in another project."""
EXIT_STATE_REFUSED = 10
"""A destroy must not start from the state that somebody handed in."""
EXIT_CLUSTER_LOST = 9
"""So many control planes are gone that no plan brings the cluster back."""

SERVERS = "hcloud_server."
"""Addresses that begin like this are named first: what else goes, goes because of them."""
TAINTED = "replace_because_tainted"
RESIZE = ("server_type",)
"""What changes in a server that only gets another size."""
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
class Beside:
    """What the gate knows besides the plan."""

    standing: Collection[str] = ()
    """The servers that were made before, by name; none before an apply has succeeded."""
    attached: Mapping[str, str] = field(default_factory=dict)
    """Address of a server -> its private address, as the project has it; of those that `adopt` has found."""
    held: tuple[str, ...] = ()
    """Of a destroy: the addresses that the state holds, before anybody looked for them."""
    gone_confirmed: bool = False
    """Of a destroy: whether a person said that what is not found is really gone."""
    state_given: bool = False
    """Of a destroy: whether somebody handed the state in, so that it may list what is not the Sovereign's."""


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
    id: str = ""
    """Of the object before the change."""
    off: bool = False
    """Whether it is a server that does not run."""

    @property
    def server(self) -> str:
        """The name of the server that it is about; empty for anything else."""
        return name_of(self.address)

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
    """Replaced, or made again after it went from the project."""
    adopt: int = 0
    settling: tuple[str, ...] = ()
    """Shown as changed, while nothing but the state would change: taken in as they are."""
    destroying: tuple[str, ...] = ()
    """Destroyed and not replaced."""
    powering_off: tuple[str, ...] = ()
    bookkeeping: bool = False
    """Whether nothing but the state would change: not even mode Manual asks about that."""
    approval: tuple[str, ...] = ()
    unfinished: tuple[str, ...] = ()
    """Replaced without asking: an earlier run left them half made, and they never carried anything."""
    refusals: tuple[str, ...] = ()
    lost: str = ""
    """Why the cluster is lost, whatever the plan would do."""
    state_given: bool = False
    """Of a destroy: whether somebody handed its state in."""
    strangers: tuple[str, ...] = ()
    """Of a destroy: what is not this Sovereign's, in a state that somebody handed in."""
    creating: tuple[str, ...] = ()
    """Servers that would be made, by name."""
    later: tuple[str, ...] = ()
    """Servers that later runs resize: an approval covers them as well."""
    stopping: Mapping[str, str] = field(default_factory=dict)
    """Address -> id of each server that would be powered off."""
    resize_only: bool = False
    """Whether servers get another size and nothing else is changed."""
    destroy_run: bool = False
    held: int = 0
    missed: tuple[str, ...] = ()
    """Of a destroy: what the state holds and the project does not have."""
    nothing_found: bool = False
    """Of a destroy: whether the project has nothing at all of it, and nobody said that this is right."""


def judge(
    plan: Mapping[str, Any],
    *,
    uid: str,
    destroy_run: bool = False,
    members: Sequence[str] = (),
    later: Sequence[str] = (),
    beside: Beside = Beside(),
) -> PlanJudgement:
    """Judge the plan of the Sovereign with this UID, whose cluster has the control planes `members`; none before it has
    begun. `later` are the servers that runs after this one resize.

    A destroy run needs no approval: the admitted DELETE is the approval.
    """
    listed = plan.get("resource_changes") or []
    touched = [raw for raw in listed if _change(raw, beside).touches]
    changes = sorted((_change(raw, beside) for raw in touched), key=lambda c: not c.address.startswith(SERVERS))
    control_planes = _control_planes([_change(raw, beside) for raw in listed], () if destroy_run else members)
    again = () if destroy_run else gone.made_again(plan, beside.standing)
    missed = gone.missed(plan, beside.held)
    return PlanJudgement(
        digest=_digest(touched, uid, later),
        add=sum(c.creates for c in changes),
        change=sum(c.updates and not c.cosmetic for c in changes),
        destroy=sum(c.destroys for c in changes),
        replacing=(*(c.address for c in changes if c.creates and c.destroys), *again),
        adopt=sum(c.adopts for c in changes),
        settling=tuple(c.address for c in changes if c.updates and c.cosmetic),
        destroying=tuple(c.address for c in changes if c.destroys and not c.creates),
        powering_off=tuple(c.address for c in changes if c.power_off),
        bookkeeping=all(c.cosmetic for c in changes),
        approval=() if destroy_run else (*_approval_reasons(changes), *_made_again_reasons(again)),
        unfinished=tuple(c.address for c in changes if c.destroys and c.reason == TAINTED),
        refusals=quorum.refusals(control_planes),
        lost=quorum.lost(control_planes),
        creating=tuple(c.server for c in changes if c.creates and c.server),
        later=tuple(later),
        stopping={c.address: c.id for c in changes if c.power_off},
        resize_only=all(c.power_off == RESIZE or c.cosmetic for c in changes),
        destroy_run=destroy_run,
        held=len(beside.held),
        missed=missed,
        state_given=beside.state_given,
        strangers=given_state.strangers(plan, uid) if beside.state_given else (),
        nothing_found=len(missed) == len(beside.held) > 0 and not beside.gone_confirmed,
    )


def verdict(
    judgement: PlanJudgement, *, manual: bool, approved: str, dry_run: bool = False, resize_approved: bool = False
) -> tuple[int, str]:
    """Exit code of the gate (0 lets the apply start) and the sentence that explains it. `resize_approved` says that a
    plan before this one was approved, and the resizes that followed it."""
    code, explanation = _verdict(judgement, manual, approved, dry_run, resize_approved)
    if not judgement.settling:
        return code, explanation
    return code, f"{explanation}; shown as changed, but taken in as it is: {named(judgement.settling)}"


def _verdict(
    judgement: PlanJudgement, manual: bool, approved: str, dry_run: bool, resize_approved: bool
) -> tuple[int, str]:
    if judgement.destroy_run:
        return _of_destroy(judgement)
    if refused := judgement.lost or "; ".join(judgement.refusals):
        return EXIT_CLUSTER_LOST if judgement.lost else EXIT_REFUSED, refused
    if resize_approved and judgement.resize_only and judgement.powering_off:
        return 0, f"approved with the resizes before it: {'; '.join(judgement.approval)}"
    asks = manual and not judgement.bookkeeping
    reasons = judgement.approval + (("approval mode is Manual",) if asks else ())
    if not reasons:
        names = ", ".join(judgement.unfinished)
        return 0, "no approval needed" + (f"; left unfinished by an earlier run: {names}" if names else "")
    reasons += _then(judgement.later)
    if dry_run:
        return 0, f"dry run; to apply it would need approval: {'; '.join(reasons)}"
    return _approval(judgement, reasons, approved)


def _of_destroy(judgement: PlanJudgement) -> tuple[int, str]:
    if judgement.nothing_found and judgement.state_given:
        return EXIT_STATE_REFUSED, (
            f"the state that was handed in lists {judgement.held} objects, of which the project has none: nothing was "
            "destroyed"
        )
    if judgement.nothing_found:
        return EXIT_NOTHING_FOUND, (
            f"the state holds {judgement.held} objects, and the project that the token opens has none of them: nothing "
            "was destroyed, and the state stays as it is"
        )
    if judgement.strangers:
        return EXIT_STATE_REFUSED, (
            "the state that was handed in lists what does not carry this Sovereign's label: "
            f"{named(judgement.strangers)}"
        )
    missed = named(judgement.missed)
    already = f"; not in the project any more: {missed}" if missed else ""
    return 0, f"the deletion of the Sovereign is the approval{already}"


def _then(later: Sequence[str]) -> tuple[str, ...]:
    """What an approval covers besides the plan."""
    addresses = tuple(map(address_of, later))
    return (f"the same approval then powers off {named(addresses)}, one after the other",) if later else ()


def _approval(judgement: PlanJudgement, reasons: tuple[str, ...], approved: str) -> tuple[int, str]:
    if approved == judgement.digest:
        return 0, "approved by spec.approvePlan"
    if approved:
        # An old approval may stay in the spec: what would be done comes first.
        return EXIT_DIGEST_MISMATCH, "; ".join((reasons[0], "spec.approvePlan names another plan", *reasons[1:]))
    return EXIT_APPROVAL_NEEDED, "; ".join(reasons)


def termination_message(judgement: PlanJudgement, explanation: str) -> str:
    """What the operator reads from the container's end: as many addresses as fit, and the count of the others."""
    words = {
        "digest": judgement.digest,
        "add": judgement.add,
        "change": judgement.change,
        "destroy": judgement.destroy,
        "adopt": judgement.adopt,
        "settling": len(judgement.settling),
        "held": judgement.held,
        "creating": packed(judgement.creating),
        "explanation": re.sub(r"[^ -~]", "?", explanation[:300]),
    }
    lists = {
        "replacing": judgement.replacing,
        "destroying": judgement.destroying,
        "powering_off": judgement.powering_off,
        "missed": judgement.missed,
    }
    return termination.message(words, lists)


def _change(raw: Mapping[str, Any], beside: Beside) -> ResourceChange:
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
        cosmetic=(adopts and actions == ("no-op",)) or (actions == ("update",) and _settles(raw, adopts, beside)),
        id=str((change.get("before") or {}).get("id") or ""),
        off=raw.get("type") == "hcloud_server" and (change.get("before") or {}).get("status") == "off",
    )


def _control_planes(changes: list[ResourceChange], members: Sequence[str]) -> ControlPlanes:
    """How the members of the cluster stand, and what would be done to them."""
    ours = [change for change in changes if change.server in members]
    return ControlPlanes(
        members=members,
        missing={c.server for c in ours if c.creates and not c.destroys},
        replaced={c.server for c in ours if c.creates and c.destroys},
        removed={c.server for c in ours if c.destroys and not c.creates},
        stopped={c.server for c in ours if c.power_off or c.off},
    )


def _risky(change: Mapping[str, Any]) -> tuple[str, ...]:
    """What would change in a server and is not known to be done while it runs."""
    before, after, unknown = (change.get(name) or {} for name in ("before", "after", "after_unknown"))
    differs = {n for n in {*before, *after} if before.get(n) != after.get(n) and not unknown.get(n)}
    return tuple(sorted(differs - WHILE_RUNNING - PROVIDER_ONLY))


def _settles(raw: Mapping[str, Any], adopts: bool, beside: Beside) -> bool:
    """Whether an update of an adopted object only writes down what is so already. A run that was broken off between
    adopting and writing leaves one that the state has, and that `adopt` has found again."""
    change, private_ip = raw.get("change") or {}, beside.attached.get(str(raw.get("address", "")), "")
    known = ("network",) if private_ip and _attaches(change, private_ip) else ()
    return (adopts or bool(known)) and _only_defaults(change, known)


def _attaches(change: Mapping[str, Any], private_ip: str) -> bool:
    """Whether the change gives a server its place in the network, of which an import reads nothing: from none to this
    one."""
    before, after = (change.get(name) or {} for name in ("before", "after"))
    places = after.get("network") or []
    if before.get("network") or len(places) != 1 or places[0].get("alias_ips"):
        return False
    return bool(places[0].get("ip") == private_ip)


def _only_defaults(change: Mapping[str, Any], known: tuple[str, ...] = ()) -> bool:
    """Whether an update only writes down what the provider would assume anyway; what is `known` aside."""
    before, after, unknown = (
        {name: value for name, value in (change.get(part) or {}).items() if name not in known}
        for part in ("before", "after", "after_unknown")
    )
    differs = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    defaults = all(before.get(name) is None and after.get(name) is False for name in differs)
    return differs <= PROVIDER_ONLY and defaults and not _any_true(unknown)


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


def _made_again_reasons(addresses: tuple[str, ...]) -> list[str]:
    if not addresses:
        return []
    return [f"{named(addresses)} would be made again: applied once, and gone from the project since"]


def _harm(change: ResourceChange) -> str:
    """What a change would do that a person has to want; empty if nothing."""
    if change.destroys and change.reason != TAINTED:
        return "replaced" if change.creates else "destroyed"
    return f"powered off to change {', '.join(change.power_off)}" if change.power_off else ""


def _digest(touched: list[Mapping[str, Any]], uid: str, later: Sequence[str]) -> str:
    changes = sorted((_normal(raw) for raw in touched), key=canonical_json)
    return digest_of({"uid": uid, "changes": changes, **({"later": list(later)} if later else {})})


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
