"""The proof of a hand-off: what was seen when the operator gave up its rights on the new cluster.

Why: docs/explanation.md#hand-off
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from catalyst_operator.core.record import ErrorEntry


@dataclass(frozen=True)
class FarewellReport:
    """`refused`: certificates that are still valid, until `valid_until`, were refused after their rights were gone."""

    key: str
    at: datetime
    refused: bool
    valid_until: datetime | None = None
    message: str = ""
    """Why it is not refused yet, as a clause."""
    error: ErrorEntry | None = None
    """Where the new cluster could not be asked; for a while that says nothing."""
