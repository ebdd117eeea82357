"""Times as the API writes them."""

from __future__ import annotations

from datetime import UTC, datetime


def rfc3339(seconds: float) -> str:
    """A time in seconds since 1970 as the API writes it, whole seconds in UTC."""
    return datetime.fromtimestamp(int(seconds), UTC).isoformat()
