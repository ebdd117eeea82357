"""etcd's majority: what a plan may do to the control planes of a cluster that has begun, whoever approves it.

etcd counts its majority from all members that it has. While one of three is away it works, and the one that is made
anew joins the other two. With fewer nothing works: nobody can join any more, and no approval changes that.

Why: docs/explanation.md#what-waits-for-a-person
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from catalyst_operator.core.error_text import named
from catalyst_operator.core.tofu.server_names import address_of


@dataclass(frozen=True)
class ControlPlanes:
    """The control planes of a cluster by name: those that it has, and what a plan found of them or would do to them."""

    members: Sequence[str]
    missing: Collection[str] = ()
    """Gone without the plan's doing: it would make them again."""
    replaced: Collection[str] = ()
    removed: Collection[str] = ()
    """Destroyed, and not made again."""
    stopped: Collection[str] = ()
    """Powered off, by the plan or before it."""

    @property
    def majority(self) -> int:
        """How many must be there for the cluster to work."""
        return len(self.members) // 2 + 1

    def works_without(self, *away: Collection[str]) -> bool:
        """Whether a majority is there without these; before the cluster has begun there is none to lose."""
        absent = {name for names in away for name in names}
        return not self.members or sum(name not in absent for name in self.members) >= self.majority

    def those(self, *groups: Collection[str]) -> str:
        """The members among these, for people."""
        return named(tuple(address_of(name) for name in self.members if any(name in group for group in groups)))


def lost(found: ControlPlanes) -> str:
    """Why there is no cluster any more that a new server could join; empty while there is one."""
    if found.works_without(found.missing):
        return ""
    if len(found.members) == 1:
        return (
            f"{found.those(found.missing)} is gone, and the cluster with it: it was the only control plane, the "
            "cluster's data was on its disk, and a new server would have nobody to join"
        )
    return (
        f"{found.those(found.missing)} are gone, so that etcd has lost its majority: the control planes that are left "
        "cannot let a new one join"
    )


def refusals(found: ControlPlanes) -> tuple[str, ...]:
    """What must not be done to a cluster that works, one sentence for each kind."""
    return tuple(sentence for sentence in (_fewer(found), _only_one(found), _at_once(found)) if sentence)


def _fewer(found: ControlPlanes) -> str:
    if not found.removed:
        return ""
    return (
        f"{found.those(found.removed)} would be destroyed: a cluster never gets fewer control planes, because etcd "
        f"counts its majority from all that it has had. Set spec.controlPlane.replicas to {len(found.members)} again"
    )


def _only_one(found: ControlPlanes) -> str:
    if len(found.members) != 1 or not found.replaced:
        return ""
    return (
        f"{found.those(found.replaced)} would be replaced: it is the only control plane, the cluster's data is on its "
        "disk, and a new server would have nobody to join"
    )


def _at_once(found: ControlPlanes) -> str:
    """One that is alone may be powered off: its data stays, and nobody else is needed for it to come back."""
    away = (found.missing, found.replaced, found.stopped)
    if len(found.members) == 1 or found.works_without(*away):
        return ""
    return (
        f"{found.those(*away)} would be away at the same time: etcd keeps its majority only while "
        f"{found.majority} of {len(found.members)} control planes run. One that is off has to run again, and one that "
        "is gone has to be made again, before another is changed"
    )
