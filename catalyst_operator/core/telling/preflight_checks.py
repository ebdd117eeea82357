"""What the checks before anything is spent found, as status tells it: one by one, and summed up in a condition."""

from __future__ import annotations

from datetime import datetime

from catalyst_operator.api.conditions import ConditionType, Reason
from catalyst_operator.api.phases import PreflightResult, RunVerb
from catalyst_operator.api.sovereign_status import PreflightCheck
from catalyst_operator.core import conditions
from catalyst_operator.core.domains import of_sovereign
from catalyst_operator.core.errors import codes
from catalyst_operator.core.kit.repository import GIT, is_asked
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.project.preflight import CHECKS, SIZES, SOLD_OUT, TOKEN, Check
from catalyst_operator.core.record import ErrorEntry, PhaseState, Record, RunEntry
from catalyst_operator.core.redact import shorten
from catalyst_operator.core.telling.messages import lacking_token
from catalyst_operator.core.telling.phase_conditions import Told
from catalyst_operator.core.telling.verdict_errors import errors_of
from catalyst_operator.core.verdict import Verdict

PROJECT = "project"
USER_DATA = "user-data"
SPEC, SECRETS = "spec", "secrets"
_TOLD_WITH = {SPEC: codes.SPEC_INVALID, SECRETS: codes.SECRET_MISSING, TOKEN: codes.TOKEN_INVALID}
"""Checks that are not looked up anywhere, by the errors that say that they failed."""
USER_DATA_CODES = frozenset({codes.USERDATA_TOO_BIG.code, codes.USERDATA_INVALID.code})
Looked = tuple[tuple[Check, datetime | None], ...]
"""Checks, each with when it was looked at; None for what is judged anew at each look at the Sovereign."""


def mismatch_of(verdict: Verdict) -> ErrorEntry | None:
    """That the token opens another project, if that is so."""
    return next((error for error in verdict.errors if error.code == codes.PROJECT_MISMATCH.code), None)


def condition(o: Observation, record: Record, verdict: Verdict) -> tuple[Told, ...]:
    """What the last look at the project, and at the name, found; before the first, nothing is said. What was found in
    the right project says nothing of another one."""
    if mismatch := mismatch_of(verdict):
        return (("False", Reason.CHECK_FAILED, mismatch.message),)
    name = of_sovereign.preflight_check(o)
    found = _with_verdict(looks(o, record), verdict)
    looked = [check for check, _ in found]
    failed = [check for check in (*looked, *((name,) if name else ())) if check.result is PreflightResult.FAILED]
    if failed:
        words = (part for check in failed for part in (check.message, check.error.remedy if check.error else ""))
        # Two checks that say the same, or have one remedy, say it once.
        told = " ".join(filter(None, dict.fromkeys((*words, _dated("Checked{}.", found)))))
        return (("False", Reason.CHECK_FAILED, told),)
    if o.preflight is None:
        before = conditions.find(o.sovereign.status.conditions, ConditionType.PREFLIGHT_PASSED)
        return ((before.status, before.reason, before.message),) if before else ()
    unknown = [check for check in looked if check.result is PreflightResult.UNKNOWN]
    if unknown:
        return (("Unknown", Reason.NOT_CHECKED, unknown[0].message),)
    told = _dated(f"Checked{{}}: {', '.join(check.name for check in looked)}.", found)
    scarce = " ".join(c.message for c in o.preflight.checks if c.name == SIZES and SOLD_OUT in c.message)
    return (("True", Reason.PASSED, f"{told} {scarce}".rstrip()),)


def _dated(text: str, looked: Looked) -> str:
    """The text with the date of the latest look in its place; nothing where there was none."""
    times = [at for _, at in looked if at]
    return text.format(f" at {max(times):%Y-%m-%d %H:%M:%S} UTC") if times else ""


def failures(o: Observation, record: Record) -> tuple[ErrorEntry, ...]:
    """The errors that failed checks stand for."""
    return tuple(check.error for check, _ in looks(o, record) if check.error)


def looks(o: Observation, record: Record) -> Looked:
    """What the last looks at the project and at the Git repository found, and when. Once there is a cluster, it tells
    itself what it finds in Git, and the operator what became of the Secret that it had the token from."""
    of_git = o.repository if record.outputs is None and is_asked(o.sovereign.spec) else None
    looked = [(check, report.at) for report in (o.preflight, of_git) if report for check in report.checks]
    lacking = lacking_token(o) if record.outputs is not None and record.hand_off is None else None
    if lacking is None:
        return tuple(looked)
    told = Check(TOKEN, PreflightResult.FAILED, lacking.message, lacking)
    return ((told, None), *((check, at) for check, at in looked if check.name != TOKEN))


def _with_verdict(looked: Looked, verdict: Verdict) -> Looked:
    """What is in the way of a run besides what looks and the name say comes first, by what it is about."""
    errors = () if verdict.deleting else errors_of(verdict)
    by_name = {name: [e.message for e in errors if e.code == code.code] for name, code in _TOLD_WITH.items()}
    told = {name: Check(name, PreflightResult.FAILED, " ".join(said)) for name, said in by_name.items() if said}
    return (*((check, None) for check in told.values()), *(one for one in looked if one[0].name not in told))


def checks(o: Observation, record: Record, run: RunEntry | None, verdict: Verdict) -> tuple[PreflightCheck, ...]:
    """What was found in the project, how the name stands, and what the plan found in what new servers would be told.
    What was not looked at this time stays as it was told, unless it was told of another project."""
    if mismatch := mismatch_of(verdict):
        return (PreflightCheck(name=PROJECT, result=PreflightResult.FAILED, message=mismatch.message),)
    before = o.sovereign.status.preflight
    name = of_sovereign.preflight_check(o)
    looked = (*_with_verdict(looks(o, record), verdict), *(((name, None),) if name else ()))
    told = (
        *(_told(check, at) for check, at in looked),
        *_of_user_data(run),
    )
    ended = {*(check.name for check in told), SPEC, SECRETS}
    not_of_project = {USER_DATA, GIT, of_sovereign.PREFLIGHT_NAME}
    kept = [c for c in before if c.name not in ended and (o.preflight is None or c.name in not_of_project)]
    kept = [c for c in kept if c.name != GIT or c.result is not PreflightResult.FAILED or is_asked(o.sovereign.spec)]
    return tuple(sorted((*told, *kept), key=lambda check: _ORDER.get(check.name, len(_ORDER))))


_ORDER = {name: at for at, name in enumerate((SPEC, SECRETS, *CHECKS, GIT, of_sovereign.PREFLIGHT_NAME, USER_DATA))}
"""In which checks are shown."""


def _told(check: Check, at: datetime | None) -> PreflightCheck:
    """What a check found may be as long as what a project or a Git server holds."""
    message = shorten(check.message, conditions.MAX_MESSAGE)
    return PreflightCheck(name=check.name, result=check.result, message=message, checked_at=at)


def _of_user_data(run: RunEntry | None) -> tuple[PreflightCheck, ...]:
    """The module checks what it renders when it is planned."""
    bad = next((e for e in run.errors if e.code in USER_DATA_CODES), None) if run else None
    if bad:
        return (PreflightCheck(name=USER_DATA, result=PreflightResult.FAILED, message=bad.message),)
    planned = run.phase("tofu-plan") if run and run.verb is not RunVerb.DESTROY else None
    if planned is None or planned.state is not PhaseState.SUCCEEDED:
        return ()
    fine = "What new servers are told at their first boot is valid and fits into Hetzner's 32 KiB."
    return (PreflightCheck(name=USER_DATA, result=PreflightResult.PASSED, message=fine, checked_at=planned.finished),)
