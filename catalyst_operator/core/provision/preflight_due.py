"""Where the preflight of what is wanted now stands: known, to be asked, or to be waited for; and when it is repeated
although nothing is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from catalyst_operator.api import labels
from catalyst_operator.core import naming
from catalyst_operator.core.actions import AskPreflight
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.project import preflight, sizing
from catalyst_operator.core.project.identity import fingerprint
from catalyst_operator.core.project.preflight import Report
from catalyst_operator.core.record import UNSUCCESSFUL, Record
from catalyst_operator.core.runs.attempts import has_usable_token, requested
from catalyst_operator.core.scene import Scene

REPEATED_EVERY, SPREAD = timedelta(minutes=15), 5
"""How long a look that nothing waits for is good for; for each Sovereign up to a fifth longer, so that those that began
at the same time are not looked at at the same time for ever."""
PASSED_FOR = timedelta(minutes=10)
"""How long a look without failures is good for: other people use the project too."""


@dataclass(frozen=True)
class PreflightStanding:
    """The report on what is wanted now, if there is one that is still good; whether to ask; and until when to wait
    because the cloud said so."""

    report: Report | None
    ask: tuple[AskPreflight, ...] = ()
    wait_until: datetime | None = None
    answered: bool = True
    """Whether the project was ever asked for this, however long ago."""


def standing(o: Observation, variables: Mapping[str, Any], record: Record) -> PreflightStanding:
    """What is known of the project, and whether to look again."""
    ask = (_ask(o, variables, record),)
    report = o.preflight
    if report is None or report.key != ask[0].key:
        return PreflightStanding(None, ask, answered=False)
    if report.retry_at:
        waiting = o.now < report.retry_at
        return PreflightStanding(report, (), report.retry_at) if waiting else PreflightStanding(None, ask)
    if is_fresh(o, report) and not _failed_since(record, report, o.now):
        return PreflightStanding(report)
    # A check that failed goes on to be told until the next look says otherwise.
    return PreflightStanding(report if report.failed else None, ask)


@dataclass(frozen=True)
class Repetition:
    """The look to take now although nothing waits for it, and when to see again whether one is due."""

    ask: tuple[AskPreflight, ...] = ()
    look_by: timedelta | None = None


def repetition(scene: Scene) -> Repetition:
    """Tokens are revoked and projects change while nothing is to be done: what was checked once is checked again as
    long as the operator has a use for the token. Another token is looked at when it is seen."""
    o, last = scene.o, _last_look(scene.o)
    if scene.record.hand_off is not None or last is None or not scene.variables:
        return Repetition()
    if not has_usable_token(o):
        return Repetition(look_by=o.settings.preflight_interval)
    due = _due(o, last)
    if o.now >= due:
        return Repetition((replace(_ask(o, scene.variables, scene.record), patient=True),))
    refused = o.preflight is not None and any(check.name == preflight.TOKEN for check in o.preflight.failed)
    return Repetition(look_by=min(due - o.now, o.settings.preflight_interval) if refused else due - o.now)


def _last_look(o: Observation) -> datetime | None:
    """By the report, or by what status says of one that was lost."""
    told = (check.checked_at for check in o.sovereign.status.preflight if check.name == preflight.TOKEN)
    # What was told without a date was no look: one is due.
    return o.preflight.at if o.preflight else next((at or o.now - 2 * REPEATED_EVERY for at in told), None)


def _due(o: Observation, last: datetime) -> datetime:
    report = o.preflight
    if report and o.run_token and report.mark != fingerprint(o.uid, o.run_token):
        return o.now
    due = last + REPEATED_EVERY * (1 + naming.share(o.uid) / SPREAD)
    return max(due, report.retry_at) if report and report.retry_at else due


def _ask(o: Observation, variables: Mapping[str, Any], record: Record) -> AskPreflight:
    ladders = {
        f"{variables['cluster_name']}-{server.key}": sizing.tried_next(server, record.sizes)
        for server in sizing.servers(o.sovereign.spec)
    }
    # Only a look that asks for what it would get says whether a server may be taken away.
    remade = (f"{variables['cluster_name']}-{record.rebuild.server}",) if record.rebuild else ()
    wanted = preflight.wanted(o.sovereign, dict(variables), ladders, remade)
    version = o.credentials.version if o.credentials else ""
    return AskPreflight(preflight.key_of(wanted, version, requested(o, labels.ANNOTATION_RETRY)), wanted)


def is_fresh(o: Observation, report: Report) -> bool:
    """Whether a look, at the project or at Git, is not too old to be believed."""
    return o.now - report.at <= (o.settings.preflight_interval if report.failed else PASSED_FOR)


def _failed_since(record: Record, report: Report, now: datetime) -> bool:
    """Whether a run failed after the look: it met something that the look did not see."""
    last = record.last
    return last is not None and last.state in UNSUCCESSFUL and last.over_at(now) > report.at
