"""The decision: a pure function from one observation to what is done and said."""

from __future__ import annotations

from http import HTTPStatus

from catalyst_operator.core import finalize, provision
from catalyst_operator.core.actions import Decision, OpenNamespace
from catalyst_operator.core.moving import decide as moving
from catalyst_operator.core.moving.identity import Standing
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.telling import status
from catalyst_operator.core.telling.trouble import trouble
from catalyst_operator.errors import Refused


def decide(observation: Observation) -> Decision:
    """What follows from an observation. No clock, no I/O: equal observations give equal decisions."""
    if observation.standing is not Standing.OWN:
        return moving.decide(observation)
    if observation.namespace is not None and observation.namespace.closed:
        return _open(observation, observation.namespace.closed)
    going = observation.sovereign.metadata.deletion_timestamp is not None
    return finalize.decide(observation) if going else provision.decide(observation)


def _open(o: Observation, why: str) -> Decision:
    """Nothing is decided on half of what there is: first the rights to read the rest."""
    told = status.of_trouble(o, trouble(Refused(HTTPStatus.FORBIDDEN, why)))
    return Decision((OpenNamespace(),), told, requeue_after=o.settings.poll)
