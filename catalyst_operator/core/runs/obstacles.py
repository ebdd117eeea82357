"""What may stand in the way of a run, whatever it is for: an unsaved state, a lost key, a lock, an earlier Pod.

Provisioning and deletion ask the same questions here and put the answers into their own words for status.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from catalyst_operator.api.conditions import Reason
from catalyst_operator.api.enums import Sweep
from catalyst_operator.core import naming
from catalyst_operator.core.actions import Action, ForgetSavedState, ReleaseLock, RestoreState
from catalyst_operator.core.errors import codes
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.project import identity
from catalyst_operator.core.project.identity import ProjectReport
from catalyst_operator.core.record import ErrorEntry, Record
from catalyst_operator.core.runs import locks, own_project
from catalyst_operator.core.runs.attempts import has_usable_token, store_of
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
    retry_at: datetime | None = None
    """When it is tried again, where that is at a time."""
    looking: bool = False
    """Whether it is only a look that is waited for: a run whose turn had come keeps it."""


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
    message = f"Secret {o.cluster_secrets_name}, which holds the authorities and join tokens of the cluster, is gone."
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


def store_closed(o: Observation, record: Record) -> Obstacle | None:
    """What opens the store of states is not there: an administrator puts it beside the operator."""
    backend = store_of(o, record)
    if backend is None or not o.backend_lacks:
        return None
    error = codes.STATE_BACKEND.entry(f"Secret {o.settings.operator_namespace}/{backend.secret} {o.backend_lacks}")
    message = f"{error.code}: nothing was started: {error.message}. {error.remedy}"
    return Obstacle(message, None, (error,), requeue_after=o.settings.poll)


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


def other_project(o: Observation, record: Record) -> Obstacle | None:
    """The token is another than the one that was seen to open the Sovereign's project: nothing is run with it before it
    was seen to do so, too."""
    if not own_project.lacking(o, record):
        return None
    looked = own_project.standing(o, record)
    if looked.report is None:
        message = "Looking whether the token opens the project that this Sovereign is in."
        return Obstacle(message, actions=looked.ask, requeue_after=o.settings.poll, looking=True)
    if looked.report.error:
        return _not_answered(o, looked.report, looked.report.error, looked.ask)
    if looked.report.answer and looked.report.answer.found:
        return None
    message = _mismatch_words(o, record)
    return replace(_lasting(o, codes.PROJECT_MISMATCH, Reason.PROJECT_MISMATCH, message), actions=looked.ask)


def foreign_members(o: Observation, record: Record) -> Obstacle | None:
    """Somebody else's servers, load balancers or volumes hang on what a destroy would take away from them. With sweep
    All only those count that serve others as well."""
    looked = own_project.members(o, record)
    if looked.report is None:
        message = "Looking whether somebody else uses the Sovereign's network or firewall."
        return Obstacle(message, actions=looked.ask, requeue_after=o.settings.poll, looking=True)
    if looked.report.error:
        return _not_answered(o, looked.report, looked.report.error, looked.ask)
    sweep_all = o.sovereign.spec.decommission.sweep is Sweep.ALL
    seen = looked.report.answer.foreign if looked.report.answer else ()
    found = tuple(member for member in seen if member.shared or not sweep_all)
    if not found:
        return None
    swept = " To have those deleted that only this Sovereign uses, set spec.decommission.sweep to All."
    message = (
        f"Nothing is destroyed, because somebody else uses what would go: {identity.named(found)}. Remove them, or "
        "take them out of the network, from its servers and from behind the firewall."
        f"{'' if all(member.shared for member in found) else swept}"
    )
    error = codes.LEFTOVERS.entry(message, remedy="It goes on by itself once they are gone.", lasting=True)
    told = f"{error.code}: {message} {error.remedy}"
    return Obstacle(told, Reason.LEFTOVERS, (error,), looked.ask, o.settings.poll)


def _not_answered(o: Observation, report: ProjectReport, error: ErrorEntry, ask: tuple[Action, ...]) -> Obstacle:
    """Unknown is not wrong: unless the token is refused, it is asked again."""
    message = f"{error.code}: nothing was started: {error.message.rstrip('.')}. {error.remedy}"
    if error.terminal:
        return Obstacle(message, Reason.CREDENTIALS_INVALID, (error,), ask, o.settings.poll)
    pause = min(report.retry_at - o.now, o.settings.poll) if report.retry_at and not ask else o.settings.poll
    return Obstacle(message, None, (error,), ask, pause, report.retry_at)


def _mismatch_words(o: Observation, record: Record) -> str:
    """Both projects, as far as they are known."""
    where = o.credentials_name if has_usable_token(o) else f"{o.run_namespace}/{naming.TOKEN_SECRET}"
    called, before = o.sovereign.spec.project_id or "", record.project.project_id if record.project else ""
    id_ = record.outputs.network_id if record.outputs else ""
    network = f"neither its network {id_} nor anything else" if id_ else "nothing"
    return (
        f"The token in Secret {where} opens another project{f' (spec.projectID {called})' if called else ''} than the "
        f"one that this Sovereign is in{f' (spec.projectID was {before})' if before else ''}: {network} with its label "
        "is there. Nothing was started."
    )


Check = Callable[[Observation, Record], Obstacle | None]
ABOUT_STATE: tuple[Check, ...] = (saved_state, state_key_lost)
"""Asked always: the sooner a person knows, the better."""
BEFORE_NEW_NODES: tuple[Check, ...] = (cluster_secrets_lost,)
"""Asked before what may create servers; a destroy does without."""
BEFORE_A_RUN: tuple[Check, ...] = (store_closed, state_locked, earlier_pod, other_project)
BEFORE_A_DESTROY: tuple[Check, ...] = (*BEFORE_A_RUN, foreign_members)


def first(checks: tuple[Check, ...], o: Observation, record: Record) -> Obstacle | None:
    """The first obstacle that is there."""
    return next((found for check in checks if (found := check(o, record))), None)


def _lasting(o: Observation, code: codes.Code, reason: Reason, message: str) -> Obstacle:
    error = code.entry(message)
    return Obstacle(f"{code.code}: {message} {error.remedy}", reason, (error,), requeue_after=o.settings.poll)
