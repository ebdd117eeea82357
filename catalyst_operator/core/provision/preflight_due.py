"""Where the preflight of what is wanted now stands: known, to be asked, or to be waited for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from catalyst_operator.api import labels
from catalyst_operator.core.actions import AskPreflight
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.project import preflight, sizing
from catalyst_operator.core.project.preflight import Report
from catalyst_operator.core.record import UNSUCCESSFUL, Record
from catalyst_operator.core.runs.attempts import requested

PASSED_FOR = timedelta(minutes=10)
"""How long a look without failures is good for: other people use the project too."""


@dataclass(frozen=True)
class PreflightStanding:
    """The report on what is wanted now, if there is one that is still good; whether to ask; and until when to wait
    because the cloud said so."""

    report: Report | None
    ask: tuple[AskPreflight, ...] = ()
    wait_until: datetime | None = None


def standing(o: Observation, variables: Mapping[str, Any], record: Record) -> PreflightStanding:
    """What is known of the project, and whether to look again."""
    ladders = {
        f"{variables['cluster_name']}-{server.key}": sizing.tried_next(server, record.sizes)
        for server in sizing.servers(o.sovereign.spec)
    }
    wanted = preflight.wanted(o.sovereign, dict(variables), ladders)
    version = o.credentials.version if o.credentials else ""
    key = preflight.key_of(wanted, version, requested(o, labels.ANNOTATION_RETRY))
    ask = (AskPreflight(key, wanted),)
    report = o.preflight
    if report is None or report.key != key:
        return PreflightStanding(None, ask)
    if report.retry_at:
        waiting = o.now < report.retry_at
        return PreflightStanding(report, (), report.retry_at) if waiting else PreflightStanding(None, ask)
    good_for = o.settings.preflight_interval if report.failed else PASSED_FOR
    if o.now - report.at <= good_for and not _failed_since(record, report, o.now):
        return PreflightStanding(report)
    # A check that failed goes on to be told until the next look says otherwise.
    return PreflightStanding(report if report.failed else None, ask)


def _failed_since(record: Record, report: Report, now: datetime) -> bool:
    """Whether a run failed after the look: it met something that the look did not see."""
    last = record.last
    # A node whose clock is ahead ends its run in the future.
    return last is not None and last.state in UNSUCCESSFUL and min(last.finished or last.created, now) > report.at
