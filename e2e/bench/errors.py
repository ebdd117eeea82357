"""Why a measurement could not be made. A figure that misses its target is not among these."""

from __future__ import annotations


class BenchError(Exception):
    """What was to be measured did not happen, or could not be seen; says what to do about it."""
