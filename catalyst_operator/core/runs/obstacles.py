"""What may stand in the way of a run, whatever it is for: an unsaved state, a lost key, a lock, an earlier Pod.

Provisioning and deletion ask the same questions here and put the answers into their own words for status.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from catalyst_operator.api.conditions import Reason
from catalyst_operator.core import naming
from catalyst_operator.core.actions import Action, ForgetSavedState, ReleaseLock, RestoreState
from catalyst_operator.core.errors import codes
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.record import ErrorEntry, Record
from catalyst_operator.core.runs import locks
from catalyst_operator.core.runs.reading import at_work

AT_ONCE = timedelta(0)


@dataclass(frozen=True)
class Obstacle:
    """Why no run can start now, and what removes the obstacle. With a `reason` a person has to act; without one it
    goes on by itself."""

    message: str
    reason: Reason | None = None
    errors: tuple[ErrorEntry, ...] = ()
    actions: tuple[Action, ...] = ()
    requeue_after: timedelta | None = None


def saved_state(o: Observation, record: Record) -> Obstacle | None:
    """A run's state was not taken by the backend, and was saved beside it: back to its place before anything else."""
    saved, found = o.saved_state, o.state
    if saved is None:
        return None
    if locked := state_locked(o, record):
        return locked
    if found is not None and saved.lineage != found.lineage:
        message = (
            f"Secret {o.run_namespace}/{naming.ERRORED_STATE_SECRET} holds a state of another origin than "
            f"{naming.STATE_SECRET}. Look which of the two lists what exists, and remove the other."
        )
        error = replace(codes.STATE_WRITE.entry(message), remedy="", terminal=True)
        return Obstacle(f"{error.code}: {message}", Reason.STATE_UNREADABLE, (error,), requeue_after=o.settings.poll)
    if found is not None and saved.serial <= found.serial:
        return Obstacle("An older copy of the state is being removed.", None, (), (ForgetSavedState(),), AT_ONCE)
    message = "A state that the last run could not write was saved, and is being written back."
    return Obstacle(message, None, (), (RestoreState(found), ForgetSavedState()), AT_ONCE)


def state_key_lost(o: Observation, record: Record) -> Obstacle | None:
    """The key of the state is gone. A new one would read nothing and make everything a second time."""
    has_state = o.state is not None or record.state_serial > 0
    if o.has_state_key or not has_state:
        return None
    message = f"Secret {o.run_namespace}/{naming.STATE_KEY_SECRET}, the key of the OpenTofu state, is gone."
    return _lasting(o, codes.STATE_KEY, Reason.STATE_UNREADABLE, message)


def cluster_secrets_lost(o: Observation, record: Record) -> Obstacle | None:
    """What the nodes were given at their first boot is gone. Others made anew would let no new node join."""
    if o.has_cluster_secrets or not (record.touched or record.outputs):
        return None
    name = f"{o.run_namespace}/{naming.CLUSTER_SECRETS}"
    message = f"Secret {name}, which holds the authorities and join tokens of the cluster, is gone."
    return _lasting(o, codes.CLUSTER_SECRETS_LOST, Reason.STATE_LOST, message)


def earlier_pod(o: Observation, _: Record) -> Obstacle | None:
    """Something of an earlier run is still at work: two OpenTofus would fight over the state."""
    pod = next((pod for pod in o.pods if at_work(pod)), None)
    if pod is None:
        return None
    if locks.out_of_reach(pod, o.now):
        error = codes.STATE_LOCKED.entry(locks.node_words(pod))
        return Obstacle(error.message, Reason.STATE_LOCKED, (error,), requeue_after=o.settings.poll)
    message = f"Pod {pod.name} of an earlier run is still at work; waiting until it has ended."
    return Obstacle(message, requeue_after=o.settings.poll)


def state_locked(o: Observation, _: Record) -> Obstacle | None:
    """Somebody holds the lock of the state."""
    verdict = locks.judge(o)
    if verdict is None or o.lock is None:
        return None
    if verdict.holder is locks.Holder.DEAD:
        return Obstacle(verdict.message, None, (), (ReleaseLock(o.lock),), AT_ONCE)
    if verdict.holder is locks.Holder.UNKNOWN:
        error = codes.STATE_LOCKED.entry(verdict.message)
        return Obstacle(verdict.message, Reason.STATE_LOCKED, (error,), requeue_after=o.settings.poll)
    return Obstacle(verdict.message, requeue_after=o.settings.poll)


Check = Callable[[Observation, Record], Obstacle | None]
ABOUT_STATE: tuple[Check, ...] = (saved_state, state_key_lost)
"""Asked always: the sooner a person knows, the better."""
BEFORE_NEW_NODES: tuple[Check, ...] = (cluster_secrets_lost,)
"""Asked before what may create servers; a destroy does without."""
BEFORE_A_RUN: tuple[Check, ...] = (state_locked, earlier_pod)


def first(checks: tuple[Check, ...], o: Observation, record: Record) -> Obstacle | None:
    """The first obstacle that is there."""
    return next((found for check in checks if (found := check(o, record))), None)


def _lasting(o: Observation, code: codes.Code, reason: Reason, message: str) -> Obstacle:
    error = code.entry(message)
    return Obstacle(f"{code.code}: {message} {error.remedy}", reason, (error,), requeue_after=o.settings.poll)
