"""The decision: a pure function from one observation to what is done and said."""

from __future__ import annotations

from catalyst_operator.core import finalize, provision
from catalyst_operator.core.actions import Decision
from catalyst_operator.core.observation import Observation


def decide(observation: Observation) -> Decision:
    """What follows from an observation. No clock, no I/O: equal observations give equal decisions."""
    if observation.sovereign.metadata.deletion_timestamp is not None:
        return finalize.decide(observation)
    return provision.decide(observation)
