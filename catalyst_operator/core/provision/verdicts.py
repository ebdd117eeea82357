"""The verdicts of provisioning, in few words at the place where they are reached."""

from __future__ import annotations

from catalyst_operator.api.conditions import Reason
from catalyst_operator.api.phases import Phase
from catalyst_operator.core.errors import codes
from catalyst_operator.core.record import ErrorEntry, Record, RunEntry
from catalyst_operator.core.runs.job import ADOPT
from catalyst_operator.core.runs.reading import failed_phase, running_phase
from catalyst_operator.core.verdict import Stance, Verdict


def working(phase: Phase, reason: Reason, message: str, errors: tuple[ErrorEntry, ...] = ()) -> Verdict:
    """It goes on by itself."""
    return Verdict(Stance.WORKING, phase, reason, message, errors=errors)


def stalled(reason: Reason, message: str, errors: tuple[ErrorEntry, ...] = ()) -> Verdict:
    """A person has to do something."""
    return Verdict(Stance.STALLED, Phase.FAILED, reason, message, errors=errors)


def reason_of_work(record: Record) -> Reason:
    """Why work is under way: the infrastructure is created, or changed."""
    return Reason.PROGRESSING if record.outputs else Reason.PROVISIONING


def reason_of_failure(errors: tuple[ErrorEntry, ...], otherwise: Reason) -> Reason:
    """Errors that the credentials are to blame for are told apart."""
    blamed = any(error.code in codes.CREDENTIAL_CODES for error in errors)
    return Reason.CREDENTIALS_INVALID if blamed else otherwise


def phase_of(run: RunEntry) -> Phase:
    """The phase that a run is in, or that ended it."""
    phase = running_phase(run) or failed_phase(run)
    name = phase.name if phase else "tofu-init"
    return {"plan-gate": Phase.TOFU_PLAN, ADOPT: Phase.TOFU_PLAN}.get(name) or Phase(name)
