"""What people read about a run: what it is doing, for `kubectl get -w`, and why it failed."""

from __future__ import annotations

from datetime import timedelta

from catalyst_operator.api import labels
from catalyst_operator.api.phases import RunVerb
from catalyst_operator.core import diagnosis, status
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.record import RunEntry, RunState
from catalyst_operator.core.runs import failed_phase, running_phase


def failure_message(o: Observation, run: RunEntry, exhausted: bool) -> str:
    """What happened, why, and what to do."""
    attempts = f" ({o.settings.max_attempts} attempts)" if exhausted else ""
    further = f" {_NO_MORE}" if exhausted else ""
    if run.state is RunState.INTERRUPTED:
        cause = f": {run.cause.rstrip('.')}" if run.cause else ""
        return f"{status.failed_words(run)} was interrupted from outside{attempts}{cause}.{further}"
    if run.state is RunState.LOST:
        return f"Job {run.job} vanished before its end was seen{attempts}; the next run starts with a plan.{further}"
    first = run.errors[0]
    namespace = o.run_namespace
    read = (
        f" Log: `kubectl -n {namespace} logs job/{run.job} --all-containers`."
        if first.code == diagnosis.UNKNOWN
        else ""
    )
    what = first.message.rstrip(".")
    return f"{first.code}: {status.failed_words(run)} failed{attempts}: {what}. {first.remedy}{read}{further}"


_NO_MORE = (
    "It is not tried again by itself: edit the spec, or annotate the Sovereign with "
    f"{labels.ANNOTATION_RETRY}=<any new value>."
)


def run_words(o: Observation, run: RunEntry) -> str:
    """What a run in progress is doing, for `kubectl get -w`."""
    failed, phase = failed_phase(run), running_phase(run)
    if failed:
        return f"{failed.name} ended with exit code {failed.exit_code}; waiting for the end of its Pod."
    if phase is None:
        return f"Waiting for the Pod of Job {run.job}."
    doing = "Destroying" if run.verb is RunVerb.DESTROY else "Applying"
    return {
        "tofu-init": "Initialising OpenTofu.",
        "tofu-plan": "Planning.",
        "plan-gate": "Checking the plan.",
        "tofu-apply": f"{doing}: {_apply_words(o, run)}.",
        "tofu-output": "Reading the outputs.",
        "leftovers": "Checking that nothing is left in the project.",
    }[phase.name]


def _apply_words(o: Observation, run: RunEntry) -> str:
    """How far an apply is, and which resource has been in work for the longest time; the plan, until that is known."""
    progress = o.progress
    if progress is None or not progress.resources:
        return status.plan_words(run)
    done = f"{progress.done} of {run.plan.total if run.plan else 0} done"
    longest = progress.longest_running()
    if longest is None:
        return done
    address, resource = longest
    elapsed = status.seconds(max(timedelta(0), o.now - resource.started))
    return f"{done}, {_GERUND.get(resource.action, resource.action)} {address} for {elapsed}"


_GERUND = {"create": "creating", "delete": "destroying", "update": "changing", "read": "reading"}
