"""A server that its owner asked to be made again: after all else that is wanted, and one server at a time.

Why: docs/explanation.md#a-server-made-again
"""

from __future__ import annotations

from catalyst_operator.api import labels
from catalyst_operator.api.conditions import Reason
from catalyst_operator.api.phases import RunVerb
from catalyst_operator.core.errors import codes
from catalyst_operator.core.provision.servers import turns
from catalyst_operator.core.provision.verdicts import stalled
from catalyst_operator.core.runs import rebuild_requests
from catalyst_operator.core.scene import Answer, Scene

WHY = "Servers are made again one after the other, so that the cluster goes on meanwhile."


def refused(scene: Scene) -> Answer | None:
    """What is asked for cannot be done, and nothing else is to be done first."""
    record = scene.record
    if scene.verb is not RunVerb.APPLY or record.outputs is None or record.applied_digest != scene.digest:
        return None
    why = rebuild_requests.refused(scene.o, record)
    if record.rebuild is not None or not why:
        return None
    told = f"The annotation {labels.ANNOTATION_REBUILD} asks for what cannot be done: {why}"
    return Answer(stalled(Reason.REBUILD_REFUSED, f"{told} {codes.REBUILD_REFUSED.remedy}"))


def not_its_turn(scene: Scene) -> Answer | None:
    """The next run would take a server away, and the nodes that have to be there meanwhile are not known to be."""
    entry = scene.record.rebuild
    if entry is None or not is_next(scene):
        return None
    return turns.wait(scene, entry.server, f"{entry.server} is made again once it is its turn; it", WHY)


def is_next(scene: Scene) -> bool:
    """Whether the next run is to take the server away."""
    return scene.verb is RunVerb.APPLY and rebuild_requests.due(scene.record, scene.digest)
