"""How long Phase 1 may take, and of how many components a verdict needs to know."""

from __future__ import annotations

from catalyst_operator.core.observation import Observation
from catalyst_operator.core.phase1.outcome import Limits
from catalyst_operator.core.record import Bootstrap


def limits_of(o: Observation, begun: Bootstrap) -> Limits:
    """The Phase-1 values in force: the spec's, else the operator's."""
    asked, settings = o.sovereign.spec.phase1, o.settings
    first_seen = asked.first_seen_timeout or settings.first_seen_timeout
    return Limits(
        first_seen_timeout=first_seen,
        first_seen_deadline=begun.since + first_seen,
        watch_deadline=begun.watch_since + (asked.watch_timeout or settings.watch_timeout),
        min_components=asked.min_components or settings.min_components,
    )
