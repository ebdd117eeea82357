"""What people read about a run: what it is doing, for `kubectl get -w`, and why it failed."""

from __future__ import annotations

from datetime import datetime, timedelta

from catalyst_operator.api import labels
from catalyst_operator.api.phases import RunVerb
from catalyst_operator.api.scalars import format_duration
from catalyst_operator.core.error_text import named
from catalyst_operator.core.errors import codes
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.project.hetzner import TOKEN_LENGTH, well_formed
from catalyst_operator.core.record import ErrorEntry, PhaseEntry, RunEntry, RunState, StopCause
from catalyst_operator.core.runs.reading import asks_for_approval, failed_phase, running_phase


def seconds(duration: timedelta) -> str:
    """A duration for people: `42s`, `3m5s`."""
    return format_duration(duration)


def lacking_token(o: Observation) -> ErrorEntry | None:
    """That the owner's Secret holds nothing that can be a token; None where it does."""
    name, credentials = o.credentials_name, o.credentials
    if credentials is None or credentials.token is None:
        what = "does not exist" if credentials is None else "has no text under the key 'token'"
        told = f"Secret {name} {what}; create it with a Hetzner Cloud API token under the key 'token'."
        return codes.SECRET_MISSING.entry(told)
    token = credentials.token.get_secret_value()
    if well_formed(token):
        return None
    found = (
        f"has {len(token)} characters"
        if len(token) != TOKEN_LENGTH
        else "holds characters other than letters and digits"
    )
    return codes.TOKEN_INVALID.entry(
        f"The token in Secret {name} {found}; a Hetzner Cloud API token has {TOKEN_LENGTH} letters and digits."
    )


def plan_words(run: RunEntry) -> str:
    """What the plan does: `22 to add, 0 to change, 0 to destroy`."""
    plan = run.plan
    if plan is None:
        return "plan not known"
    adopted = f", {plan.adopt} to adopt" if plan.adopt else ""
    return f"{plan.add} to add, {plan.change} to change, {plan.destroy} to destroy{adopted}"


def failed_words(run: RunEntry) -> str:
    """Which phase ended the run, for a message."""
    failed = failed_phase(run)
    return f"{failed.name} of Job {run.job}" if failed else f"Job {run.job}"


def failure_message(o: Observation, run: RunEntry, exhausted: bool = False, until: datetime | None = None) -> str:
    """What happened, when it is tried again, why, and what to do."""
    attempts = f" ({o.settings.max_attempts} attempts)" if exhausted else ""
    attempts += f", next try at {until:%H:%M:%S} UTC" if until else ""
    further = f" {_NO_MORE}" if exhausted else ""
    if run.state is RunState.INTERRUPTED:
        cause = f": {run.cause.rstrip('.')}" if run.cause else ""
        return f"{failed_words(run)} was interrupted from outside{attempts}{cause}.{further}"
    if run.state is RunState.LOST:
        goes_on = "" if exhausted else " The next run starts with a plan."
        return f"Job {run.job} vanished before its end was seen{attempts}.{goes_on}{further}"
    first = run.errors[0]
    namespace = o.run_namespace
    read = f" Log: `kubectl -n {namespace} logs job/{run.job} --all-containers`." if first.code == codes.UNKNOWN else ""
    what = first.message.rstrip(".")
    said = f"{first.code}: {what}. {failed_words(run)} failed{attempts}."
    return f"{said}{_restarted(run)} {first.remedy}{read}{further}"


def _restarted(run: RunEntry) -> str:
    """That what the run left off runs again."""
    return f" Powered off for it and started again: {named(run.restarted)}." if run.restarted else ""


def stopping_words(run: RunEntry, cause: StopCause, late: tuple[str, ...] = ()) -> str:
    """Why a run is being stopped; `late` is what has been in creation, or in destruction, for too long."""
    doing = "destruction" if run.verb is RunVerb.DESTROY else "creation"
    why = {
        StopCause.REQUESTED: "as requested",
        StopCause.SUPERSEDED: "because the spec was edited before anything was applied; it is planned again",
        StopCause.STUCK: f"because {named(late) or 'something'} has been in {doing} for too long",
    }[cause]
    return f"Job {run.job} is being stopped {why}. OpenTofu writes its state first."


def unproven_words(o: Observation) -> str:
    """A namespace of the name that the run namespace has, which is not used."""
    return (
        f"Namespace {o.run_namespace} exists, and nothing proves that this operator made it for this Sovereign. "
        "Nothing is read from it or written to it."
    )


def cancelled_words(o: Observation, run: RunEntry) -> str:
    """How it goes on after a run, or the tries after one, were stopped on request."""
    what = (
        "was stopped on request" if run.state is RunState.CANCELLED else "failed and is not tried again, as requested"
    )
    meta = o.sovereign.metadata
    return (
        f"{failed_words(run)} {what}. To go on from there: `kubectl -n {meta.namespace} annotate "
        f"sovereign {meta.name} --overwrite {labels.ANNOTATION_RETRY}=$(date +%s)`"
    )


_NO_MORE = (
    "It is not tried again by itself: edit the spec, or annotate the Sovereign with "
    f"{labels.ANNOTATION_RETRY}=<any new value>."
)


def run_words(o: Observation, run: RunEntry) -> str:
    """What a run in progress is doing, for `kubectl get -w`."""
    failed, phase = failed_phase(run), running_phase(run)
    if failed:
        return ending_words(failed)
    if phase is None:
        return f"Waiting for the Pod of Job {run.job}."
    doing = "Destroying" if run.verb is RunVerb.DESTROY else "Applying"
    return {
        "tofu-init": "Initialising OpenTofu.",
        "adopt": "Looking for objects of an earlier run that the state does not know.",
        "tofu-plan": "Planning.",
        "plan-gate": "Checking the plan.",
        "sweep": "Powering the servers off, and removing what the cluster itself made.",
        "tofu-apply": f"{doing}: {_apply_words(o, run)}.",
        "tofu-output": "Reading the outputs.",
        "leftovers": "Checking that nothing is left in the project.",
    }[phase.name]


def ending_words(failed: PhaseEntry) -> str:
    """What is known of a phase that did not go on, while its Pod still ends: why is told once its log was read."""
    if asks_for_approval(failed):
        return "The plan waits for approval; the run is ending."
    return f"{failed.name} ended with exit code {failed.exit_code}; its Pod is ending."


def _apply_words(o: Observation, run: RunEntry) -> str:
    """How far an apply is, and which resource has been in work for the longest time; the plan, until that is known."""
    progress = o.progress
    if progress is None or not progress.resources:
        return plan_words(run)
    done = f"{progress.done} of {run.plan.total if run.plan else 0} done"
    longest = progress.longest_running()
    if longest is None:
        return done
    address, resource = longest
    elapsed = seconds(max(timedelta(0), o.now - resource.started))
    return f"{done}, {_GERUND.get(resource.action, resource.action)} {address} for {elapsed}"


_GERUND = {"create": "creating", "delete": "destroying", "update": "changing", "read": "reading"}
