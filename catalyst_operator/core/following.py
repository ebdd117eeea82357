"""Following a run that is under way: what to say of it, what to warn of, what to listen to, when to look again."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from catalyst_operator.core import diagnosis, locks
from catalyst_operator.core.actions import Action, FollowLog
from catalyst_operator.core.observation import Observation, PodView
from catalyst_operator.core.record import ErrorEntry, RunEntry
from catalyst_operator.core.runs import running_phase, still_creating, waiting_for
from catalyst_operator.core.scene import SAFETY
from catalyst_operator.core.words import run_words, seconds

PATIENCE = timedelta(minutes=2)
"""How long a run may take to start its first container before status asks why."""
LOG_PHASES = ("tofu-apply",)
"""Phases whose log is followed while they run."""


class Following(NamedTuple):
    """What follows from a run under way."""

    message: str
    errors: tuple[ErrorEntry, ...]
    actions: tuple[Action, ...]
    requeue_after: timedelta


def following(o: Observation, run: RunEntry) -> Following:
    """How a run under way stands."""
    pod = o.pod_of(run.job)
    message = run_words(o, run)
    trouble = waiting_for(pod) if pod else ""
    if trouble:
        message = f"{message} {trouble}"
    errors = (*(_not_starting(pod) or _not_started(o, run)), *_slow(o))
    message = locks.unreachable_words(o, run) or message
    phase = running_phase(run)
    if pod and phase and phase.name in LOG_PHASES and phase.started:
        return Following(message, errors, (FollowLog(pod.name, phase.name),), o.settings.progress_interval)
    return Following(message, errors, (), SAFETY)


def _not_starting(pod: PodView | None) -> tuple[ErrorEntry, ...]:
    """Why a Pod that should run does not."""
    if pod is None:
        return ()
    waiting = (c for c in pod.containers.values() if c.state == "waiting")
    found = [diagnosis.waiting(c.reason, c.message) for c in waiting]
    if not pod.node and pod.message:
        found.append(diagnosis.waiting("Unschedulable", pod.message))
    return tuple(error for error in found if error)[:1]


def _not_started(o: Observation, run: RunEntry) -> tuple[ErrorEntry, ...]:
    """Nothing of a run has begun, and nobody said why: a quota, an admission policy, a volume."""
    waited = o.now - run.created
    if waited < PATIENCE or any(phase.started for phase in run.phases):
        return ()
    what = f"nothing of Job {run.job} has started for {seconds(waited)}: see `kubectl -n {o.run_namespace} describe"
    return (diagnosis.entry(diagnosis.RUN_START, f"{what} job/{run.job}` and the events of its Pod"),)


def _slow(o: Observation) -> tuple[ErrorEntry, ...]:
    """A warning when something takes longer to create than anything should."""
    late = still_creating(o.progress, o.now, o.settings.create_warning)
    return (diagnosis.slow(late),) if late else ()
