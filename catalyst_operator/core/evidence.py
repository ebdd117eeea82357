"""Taking evidence: what ended is recorded first, and only then let go (DESIGN §4).

Shared by provisioning and deletion, since a run is read alike whatever it is for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from catalyst_operator.api.phases import RunVerb
from catalyst_operator.core import runs
from catalyst_operator.core.actions import Action, DeleteJob, ForgetLogs, ReleasePod, WriteRecord
from catalyst_operator.core.observation import JobView, Observation
from catalyst_operator.core.record import PhaseState, Record, RunEntry, RunState

KEPT_RUNS = 3
"""Jobs of the last three runs stay, so that their logs can be read."""


@dataclass(frozen=True)
class Evidence:
    """The record after this look, the latest run as it stands, and what recording it takes."""

    record: Record
    run: RunEntry | None
    actions: tuple[Action, ...]


def gather(o: Observation) -> Evidence:
    """Read the latest run; write what must not be forgotten; let go of Pods that told all they know."""
    before = o.record or Record(uid=o.uid)
    run = _read(o, before.last)
    record = before
    if run and before.last and run.state is not before.last.state:
        record = _with(o, before, run)
    write: tuple[Action, ...] = (WriteRecord(record),) if record != before else ()
    ended = (ForgetLogs(),) if write and run and not run.active else ()
    return Evidence(record, run, (*write, *_releases(o, record), *_needless_jobs(o, record), *ended))


def _read(o: Observation, last: RunEntry | None) -> RunEntry | None:
    if last is None or not last.active:
        return last
    run = runs.read(last, o.job(last.job), o.pod_of(last.job), o.progress, o.now)
    return replace(run, fraction=_fraction(o, run)) if run.active else run


def _fraction(o: Observation, run: RunEntry) -> float:
    total = run.plan.total if run.plan else 0
    return min(1.0, o.progress.done / total) if o.progress and total else 0.0


def _with(o: Observation, record: Record, run: RunEntry) -> Record:
    # Phases and progress of a run in flight are in its Pod; the record only says that the Job was seen.
    kept = run if not run.active else replace(run, phases=(), plan=None, fraction=0.0)
    record = replace(
        record.with_run(kept),
        state_serial=max(record.state_serial, o.state.serial if o.state else 0),
        touched=record.touched or _may_have_applied(run),
    )
    if run.state is not RunState.SUCCEEDED:
        return record
    return _applied(o, record, run) if run.verb is RunVerb.APPLY else replace(record, destroyed=True, state_serial=0)


def _may_have_applied(run: RunEntry) -> bool:
    """Whether cloud objects may exist because of this run. Only a phase that failed before the apply rules it out."""
    if run.active or run.verb is not RunVerb.APPLY:
        return False
    stopped_before = run.state in (RunState.FAILED, RunState.AWAITING_APPROVAL)
    reached = run.phase("tofu-apply")
    return not (stopped_before and reached is not None and reached.state is PhaseState.SKIPPED)


def _applied(o: Observation, record: Record, run: RunEntry) -> Record:
    pod = o.pod_of(run.job)
    found = runs.outputs(pod) if pod else None
    return replace(record, applied_digest=run.digest, outputs=found or record.outputs)


def _releases(o: Observation, record: Record) -> tuple[Action, ...]:
    active = {run.job for run in record.runs if run.active}
    return tuple(ReleasePod(pod.name) for pod in o.pods if pod.held and pod.ended and pod.job not in active)


def _needless_jobs(o: Observation, record: Record) -> tuple[Action, ...]:
    oldest = record.attempts - KEPT_RUNS + 1
    needless = (job for job in o.jobs if job.attempt < oldest or _stray(o, record, job))
    return tuple(DeleteJob(job.name) for job in needless if not job.terminating)


def _stray(o: Observation, record: Record, job: JobView) -> bool:
    """Whether a Job may still start something although its run was given up: the answer to its creation came late."""
    if job.ended or any(run.job == job.name and run.active for run in record.runs):
        return False
    pods = [pod for pod in o.pods if pod.job == job.name]
    return all(runs.at_work(pod) for pod in pods)
