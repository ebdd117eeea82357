"""The lock of the OpenTofu state: who holds it, and whether the operator may take it away.

OpenTofu's kubernetes backend keeps it in a Lease without expiry: a run that was killed leaves it held for ever. It is
taken away only on proof that the holder is dead, and never from anyone else than a run of this Sovereign.

Why: docs/explanation.md#the-state-and-its-lock
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from catalyst_operator.core.observation import LockView, Observation, PodView
from catalyst_operator.core.record import RunEntry
from catalyst_operator.core.runs import reading

LOCK_PATIENCE = timedelta(minutes=1)
"""How long after its grace period a Pod that is being deleted is still believed to end by itself."""


class Holder(Enum):
    """What is known of the one who holds the lock."""

    ALIVE = auto()
    DEAD = auto()
    UNKNOWN = auto()


@dataclass(frozen=True)
class LockVerdict:
    """The holder, and a sentence about it."""

    holder: Holder
    message: str


def judge(o: Observation) -> LockVerdict | None:
    """What is to be thought of the lock; None when it is free."""
    return _judge(o, o.lock) if o.lock else None


def _judge(o: Observation, lock: LockView) -> LockVerdict:
    name = lock.who.rpartition("@")[2]
    since = f" since {lock.created} UTC" if lock.created else ""
    if not _is_run(name):
        return LockVerdict(
            Holder.UNKNOWN,
            f"{lock.who or 'Somebody'} {'has held' if since else 'holds'} the lock of the OpenTofu state{since}"
            f"{f' ({lock.operation})' if lock.operation else ''}. It is no run of this operator, so it is never taken "
            f"away: let it end or, if it has, release it with `tofu force-unlock {lock.id}`.",
        )
    pod = next((pod for pod in o.pods if pod.name == name), None)
    if pod is None or pod.ended or not reading.at_work(pod):
        return LockVerdict(Holder.DEAD, f"Pod {name} left the OpenTofu state locked and has ended: releasing the lock.")
    if out_of_reach(pod, o.now):
        return LockVerdict(Holder.UNKNOWN, f"The OpenTofu state is locked. {node_words(pod)}")
    return LockVerdict(Holder.ALIVE, f"Pod {name} holds the lock of the OpenTofu state; waiting until it has ended.")


def _is_run(name: str) -> bool:
    """Whether a host name is one that the Job controller gives to Pods of our runs: `apply-1a2b3c4d-7-x9z8y`."""
    verb, _, rest = name.partition("-")
    return verb in ("plan", "apply", "destroy") and rest.count("-") == 2


def node_words(pod: PodView) -> str:
    """What to do about a Pod whose node does not say that it has ended."""
    return (
        f"Pod {pod.name} should have ended by now, but node {pod.node} does not say so: it may be out of reach and "
        "still at work. Once that node is surely off, tell Kubernetes: "
        f"kubectl taint node {pod.node} node.kubernetes.io/out-of-service=nodeshutdown:NoExecute"
    )


def unreachable_words(o: Observation, run: RunEntry) -> str:
    """The same of the Pod of a run; empty while there is nothing to say."""
    pod = o.pod_of(run.job)
    return node_words(pod) if pod and out_of_reach(pod, o.now) else ""


def out_of_reach(pod: PodView, now: datetime) -> bool:
    """A Pod's deletion time is when its grace period ends; after it, only a kubelet that does not answer is left."""
    return pod.deletion is not None and now > pod.deletion + LOCK_PATIENCE
