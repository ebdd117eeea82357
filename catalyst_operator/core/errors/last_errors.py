"""Errors as status shows them: with a runbook chapter, and with a command that can be run as it stands."""

from __future__ import annotations

from collections.abc import Mapping

from catalyst_operator.api.common import LastError
from catalyst_operator.core.record import ErrorEntry

MAX_ERRORS, MAX_AFFECTED, MAX_ADDRESS, MAX_COMMAND = 10, 10, 253, 1024


def last_error(entry: ErrorEntry, runbook_url: str, marks: Mapping[str, str]) -> LastError:
    """The error as data. `marks`: what stands in the command for what, such as `{namespace}`."""
    command = entry.command
    for mark, value in marks.items():
        command = command.replace(mark, value)
    return LastError(
        code=entry.code,
        message=entry.message,
        remedy=entry.remedy,
        command=command[:MAX_COMMAND],
        affected=tuple(address[:MAX_ADDRESS] for address in entry.addresses[:MAX_AFFECTED]),
        runbook=f"{runbook_url}#{entry.code.lower()}",
    )
