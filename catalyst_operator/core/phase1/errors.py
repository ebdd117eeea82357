"""How an error of the new cluster is told: what happened, naming the object, and one command."""

from __future__ import annotations

from catalyst_operator.core.errors.codes import Code
from catalyst_operator.core.record import ErrorEntry
from catalyst_operator.core.redact import shorten

MAX_MESSAGE = 1024


def error(code: Code, message: str, remedy: str = "", lasting: bool | None = None) -> ErrorEntry:
    """An entry; remedy and whether it lasts are those of the code, unless more is known."""
    terminal = code.terminal if lasting is None else lasting
    return ErrorEntry(code.code, shorten(message, MAX_MESSAGE), remedy or code.remedy, terminal)
