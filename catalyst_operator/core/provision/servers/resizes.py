"""One resize after the other: the next server is powered off once the cluster has got over the one before it.

Why: docs/explanation.md#preflight-and-sizes
"""

from __future__ import annotations

from catalyst_operator.api.phases import RunVerb
from catalyst_operator.core.project import sizing
from catalyst_operator.core.project.sizing import Server
from catalyst_operator.core.provision.servers import turns
from catalyst_operator.core.record import RunState
from catalyst_operator.core.scene import Answer, Scene

TROUBLED = (RunState.FAILED, RunState.INTERRUPTED, RunState.LOST, RunState.CANCELLED)
WHY = "Servers are resized one after the other, because each is powered off for it."


def not_its_turn(scene: Scene) -> Answer | None:
    """The next run would power a server off, and the nodes that have to be there meanwhile are not known to be."""
    server, last = _turn(scene), scene.record.last_of(RunVerb.APPLY)
    if scene.verb is not RunVerb.APPLY or server is None or last is None or last.state in TROUBLED:
        # After a run that broke off a server may be off, and it is the next one that starts it.
        return None
    return turns.wait(scene, server.key, f"The resize of {server.key}", WHY)


def _turn(scene: Scene) -> Server | None:
    """The server that the next run is to resize."""
    wanted, record = sizing.servers(scene.o.sovereign.spec), scene.record
    waiting = sizing.later(wanted, record.sizes, record.made)
    due = sizing.resizes(wanted, record.sizes, record.made)
    return next((server for server in due if server not in waiting), None)
