"""Durations as Go writes them, which is how Flux reads and prints them."""

from __future__ import annotations

import re

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")


def parse(text: str) -> float:
    """Seconds of a duration like `5m` or `1h30m`."""
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))


def show(seconds: float) -> str:
    """A duration of whole seconds as Go prints it: 300 is `5m0s`."""
    hours, rest = divmod(int(seconds), 3600)
    minutes, left = divmod(rest, 60)
    if hours:
        return f"{hours}h{minutes}m{left}s"
    return f"{minutes}m{left}s" if minutes else f"{left}s"
