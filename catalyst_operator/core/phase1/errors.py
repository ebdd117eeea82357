"""How an error of the new cluster is told: what happened, naming the object, and one command."""

from __future__ import annotations

from catalyst_operator.core.errors.codes import Code
from catalyst_operator.core.record import ErrorEntry


def error(code: Code, message: str, remedy: str = "", lasting: bool | None = None) -> ErrorEntry:
    """An entry; remedy and whether it lasts are those of the code, unless more is known."""
    return code.entry(message, remedy=remedy, lasting=lasting)
