"""Taking evidence: what ended is recorded first, and only then let go.

Shared by provisioning and deletion, since a run is read alike whatever it is for.

Why: docs/explanation.md#a-run-is-one-job
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from catalyst_operator.api.phases import RunVerb
from catalyst_operator.core import naming
from catalyst_operator.core.actions import Action, DeleteJob, ForgetLogs, ReleasePod, TakeBootSecrets, WriteRecord
from catalyst_operator.core.drift import findings
from catalyst_operator.core.errors import codes, diagnosis
from catalyst_operator.core.observation import JobView, Observation
from catalyst_operator.core.project import sizing, ssh_keys
from catalyst_operator.core.ready import draining, watching
from catalyst_operator.core.record import PhaseState, Record, RunEntry, RunState
from catalyst_operator.core.runs import own_project, reading, rebuild_requests, servers_made

KEPT_RUNS = 3
"""Jobs of the last three runs stay, so that their logs can be read; drift checks, which come often, not counted."""


@dataclass(frozen=True)
class Evidence:
    """The record after this look, the latest run as it stands, and what recording it takes."""

    record: Record
    run: RunEntry | None
    actions: tuple[Action, ...]
    ended: RunEntry | None = None
    """The run, if it is now that its end is recorded."""


def gather(o: Observation) -> Evidence:
    """Read the latest run; write what must not be forgotten; let go of Pods that told all they know."""
    before = _with_keys(o, _with_servers(o.record or Record(uid=o.uid)))
    run = _read(o, before.last)
    record = before
    if run and before.last and run.state is not before.last.state:
        record = _with(o, before, run)
    seen = own_project.advance(o, watching.advance(o, rebuild_requests.advance(o, record)))
    record = findings.advance(o, seen)
    write: tuple[Action, ...] = (WriteRecord(record),) if record != before else ()
    ended = run if run and not run.active and before.last and before.last.active else None
    forget = (ForgetLogs(),) if ended else ()
    actions = (*write, *_releases(o, record), *_needless_jobs(o, record), *_needless_secrets(o, run), *forget)
    return Evidence(record, run, actions, ended)


def _with_servers(record: Record) -> Record:
    """A record of an earlier version of the operator names no servers; each that a success left has its size there."""
    return replace(record, made=tuple(record.sizes)) if record.outputs and not record.made else record


def _with_keys(o: Observation, record: Record) -> Record:
    """Nor the SSH keys that each was made with, which could not be edited then. An edit that nobody has looked at yet
    says nothing about them."""
    meta = o.sovereign.metadata
    if record.outputs is None or record.keys or o.sovereign.status.observed_generation != meta.generation:
        return record
    return replace(record, keys=dict.fromkeys(record.made, ssh_keys.digest(o.sovereign.spec.ssh_public_keys)))


def _read(o: Observation, last: RunEntry | None) -> RunEntry | None:
    if last is None or not last.active:
        return last
    run = reading.read(last, o.job(last.job), o.pod_of(last.job), o.progress, o.now)
    return replace(run, fraction=_fraction(o, run)) if run.active else run


def _fraction(o: Observation, run: RunEntry) -> float:
    total = run.plan.total if run.plan else 0
    return min(1.0, o.progress.done / total) if o.progress and total else 0.0


def _with(o: Observation, record: Record, run: RunEntry) -> Record:
    # Phases and progress of a run in flight are in its Pod; the record only says that the Job was seen.
    kept = run if not run.active else replace(run, phases=(), plan=None, fraction=0.0)
    applying = not run.active and _may_have_applied(run)
    record = replace(
        record.with_run(kept),
        state_serial=max(record.state_serial, o.state.serial if o.state else 0),
        touched=record.touched or (applying and run.verb is RunVerb.APPLY),
        nothing_made=_nothing_made(o, record, run) if applying and run.verb is RunVerb.APPLY else record.nothing_made,
        orphans=record.orphans or applying,
    )
    if not run.active:
        record = findings.noted(o, record, run)
    if applying and run.verb is RunVerb.APPLY:
        record = rebuild_requests.begun(_servers(o, record, run), run)
    if not run.active and run.verb is RunVerb.DESTROY and (pod := o.pod_of(run.job)):
        record = replace(record, sweep=record.sweep.joined(reading.swept(pod)))
    if run.state is RunState.FAILED and run.verb is RunVerb.APPLY:
        return _stepped_down(o, record, run)
    return _succeeded(o, record, run) if run.state is RunState.SUCCEEDED else record


def _servers(o: Observation, record: Record, run: RunEntry) -> Record:
    """Which servers exist after an apply. The spec at hand says what was asked for, unless it was edited since."""
    same = run.generation == o.sovereign.metadata.generation
    wanted = sizing.servers(o.sovereign.spec) if same else None
    prefix = naming.cluster_name(o.sovereign.metadata.name, o.uid)
    return servers_made.noted(record, run, o.progress, wanted, prefix)


def _may_have_applied(run: RunEntry) -> bool:
    """Whether cloud objects may have come or gone in this run. Only one that ended before its apply rules it out."""
    reached = run.phase("tofu-apply")
    if reached is None:
        return run.verb is not RunVerb.PLAN
    told = run.state in (RunState.FAILED, RunState.AWAITING_APPROVAL, RunState.CANCELLED)
    return not (told and reached.state is PhaseState.SKIPPED)


def _nothing_made(o: Observation, record: Record, run: RunEntry) -> bool:
    """Whether this apply, like all before it, was refused for its token's sake before anything came of it. Without its
    log that is not known."""
    never = record.outputs is None and (record.nothing_made or not record.touched)
    told = o.progress is not None and bool(o.progress.errors) and o.progress.done == 0
    return never and told and bool(run.errors) and all(e.code in codes.CREDENTIAL_CODES for e in run.errors)


def _succeeded(o: Observation, record: Record, run: RunEntry) -> Record:
    if run.verb is RunVerb.PLAN:
        return record
    if run.verb is RunVerb.DESTROY:
        return replace(record, destroyed=True, state_serial=0, orphans=False)
    pod = o.pod_of(run.job)
    found = reading.outputs(pod) if pod else None
    return replace(
        record,
        applied_digest=run.digest,
        outputs=found or record.outputs,
        orphans=False,
        resize_approved=_resize_approved(o, record, run),
        rebuild=rebuild_requests.left_after(record, run, found),
        handled=rebuild_requests.before_servers(o, record),
        drain=draining.left_after(record, run),
    )


def _resize_approved(o: Observation, record: Record, run: RunEntry) -> str:
    """What was approved with this run, if it was the first of several resizes, or one of those that followed."""
    approved = run.resize_approved or (run.plan is not None and run.approved == run.plan.digest)
    return sizing.goal(sizing.servers(o.sovereign.spec), record.sizes) if run.later and approved else ""


def _stepped_down(o: Observation, record: Record, run: RunEntry) -> Record:
    """Where a size was not to be had for a new server, the next one of the ladder; unless the spec was edited."""
    refused = diagnosis.addresses_of(codes.CAPACITY, run.errors)
    started = o.progress.resources if o.progress else {}
    failed = {address for address in refused if address in started and started[address].action == "create"}
    sizes = sizing.stepped_down(sizing.servers(o.sovereign.spec), record.sizes, failed)
    lasting = any(error.terminal for error in run.errors if error.code != codes.CAPACITY.code)
    if sizes is None or lasting or run.generation != o.sovereign.metadata.generation:
        return record
    return replace(record.with_run(replace(run, stepped_down=True)), sizes=sizes)


def _releases(o: Observation, record: Record) -> tuple[Action, ...]:
    active = {run.job for run in record.runs if run.active}
    return tuple(ReleasePod(pod.name) for pod in o.pods if pod.held and pod.ended and pod.job not in active)


def _needless_jobs(o: Observation, record: Record) -> tuple[Action, ...]:
    wanted = [run.attempt for run in record.runs if not run.drift_check][-KEPT_RUNS:]
    check = [record.last_check.attempt] if record.last_check else []
    kept = {*wanted, *check}
    needless = (job for job in o.jobs if _is_past(record, job, kept) or _stray(o, record, job))
    return tuple(DeleteJob(job.name) for job in needless if not job.terminating)


def _is_past(record: Record, job: JobView, kept: set[int]) -> bool:
    """Whether nobody reads any more what a Job logged. Of a Sovereign that was handed off the runs before that are over
    for good, and every operator that starts would list them all."""
    before_hand_off = record.handed_off and job.verb is not RunVerb.DESTROY
    return before_hand_off or (job.attempt not in kept and job.attempt <= record.attempts)


def _needless_secrets(o: Observation, run: RunEntry | None) -> tuple[Action, ...]:
    """What a run was given for its new servers, once it is over: a later run is not to read it."""
    needed = run is not None and run.active and run.verb is not RunVerb.DESTROY
    return (TakeBootSecrets(),) if o.has_boot_secrets and not needed else ()


def _stray(o: Observation, record: Record, job: JobView) -> bool:
    """Whether a Job may still start something although its run was given up: the answer to its creation came late."""
    if job.ended or any(run.job == job.name and run.active for run in record.runs):
        return False
    pods = [pod for pod in o.pods if pod.job == job.name]
    return all(reading.at_work(pod) for pod in pods)
