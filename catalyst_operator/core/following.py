"""Following a run that is under way: what to say of it, what to warn of, what to listen to, when to look again, and
how to stop it."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from catalyst_operator.core.actions import Action, DeleteJob, FollowLog, WriteRecord
from catalyst_operator.core.errors import codes, diagnosis
from catalyst_operator.core.observation import Observation, PodView
from catalyst_operator.core.record import ErrorEntry, RunEntry, StopCause
from catalyst_operator.core.runs import locks
from catalyst_operator.core.runs.attempts import with_stop
from catalyst_operator.core.runs.reading import running_phase, still_at_work, waiting_for
from catalyst_operator.core.scene import SAFETY, Answer, Scene
from catalyst_operator.core.telling.messages import run_words, seconds
from catalyst_operator.core.verdict import Verdict

START_PATIENCE = timedelta(minutes=2)
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
    errors = (*(_not_starting(pod) or _not_started(o, run)), *_slow(o, run))
    message = locks.unreachable_words(o, run) or message
    phase = running_phase(run)
    if pod and phase and phase.name in LOG_PHASES and phase.started:
        return Following(message, errors, (FollowLog(pod.name, phase.name),), o.settings.progress_interval)
    return Following(message, errors, (), SAFETY)


def tell_to_stop(o: Observation, run: RunEntry) -> tuple[Action, ...]:
    """What tells a run to stop, unless it was told already."""
    job = o.job(run.job)
    return (DeleteJob(run.job),) if job and not job.terminating else ()


def stop(scene: Scene, run: RunEntry, cause: StopCause, verdict: Verdict) -> Answer:
    """A run that is to stop: the record says so before the Job is told."""
    tell = tell_to_stop(scene.o, run)
    if run.stopping is cause:
        return Answer(verdict, tell, SAFETY)
    record = with_stop(scene.o, scene.record, run, cause)
    return Answer(verdict, (WriteRecord(record), *tell), SAFETY, record)


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
    if waited < START_PATIENCE or any(phase.started for phase in run.phases):
        return ()
    what = f"nothing of Job {run.job} has started for {seconds(waited)}: see `kubectl -n {o.run_namespace} describe"
    return (codes.RUN_START.entry(f"{what} job/{run.job}` and the events of its Pod"),)


def _slow(o: Observation, run: RunEntry) -> tuple[ErrorEntry, ...]:
    """A warning when something takes longer to create, or to destroy, than anything should."""
    late = still_at_work(run.verb, o.progress, o.now, o.settings.create_warning)
    return (diagnosis.slow(late, run.verb),) if late else ()
