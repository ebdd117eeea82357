"""What a plan shows as a difference, told apart by whose doing it is.

People and controllers put labels and firewalls on objects that are not theirs to own, and power servers off. To
OpenTofu the first is a change to undo, and the second is none at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catalyst_operator.api.labels import GROUP

_OURS = f"{GROUP}/"
"""What the labels begin with that only the operator sets."""


def only_of_others(change: Mapping[str, Any]) -> bool:
    """Whether an update, the `change` of a plan, would take away what others added and do nothing else: labels that are
    not the operator's, further firewalls of a server."""
    if list(change.get("actions") or ()) != ["update"] or change.get("importing"):
        return False
    before, after, unknown = (change.get(name) or {} for name in ("before", "after", "after_unknown"))
    differs = {name for name in {*before, *after} if before.get(name) != after.get(name) and not unknown.get(name)}
    return bool(differs) and all(name in _ADDED and _ADDED[name](before, after) for name in differs)


def _more_labels(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    there, wanted = before.get("labels") or {}, after.get("labels") or {}
    ours_too = any(name.startswith(_OURS) for name in there.keys() - wanted.keys())
    return not ours_too and all(there.get(name) == value for name, value in wanted.items())


def _more_firewalls(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    return set(after.get("firewall_ids") or ()) < set(before.get("firewall_ids") or ())


_ADDED = {"labels": _more_labels, "firewall_ids": _more_firewalls}
"""Attributes that others add to, with whether they did nothing else."""
