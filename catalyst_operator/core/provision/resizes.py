"""One resize after the other: the next server is powered off once the cluster has got over the one before it.

Why: docs/explanation.md#preflight-and-sizes
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from catalyst_operator.api.conditions import Reason
from catalyst_operator.api.phases import Phase, RunVerb
from catalyst_operator.core import naming
from catalyst_operator.core.actions import LookAgain
from catalyst_operator.core.phase1.expected import listed
from catalyst_operator.core.phase1.views import Link
from catalyst_operator.core.project import sizing
from catalyst_operator.core.project.sizing import Server
from catalyst_operator.core.provision.verdicts import working
from catalyst_operator.core.ready.assessment import assess
from catalyst_operator.core.record import RunEntry, RunState
from catalyst_operator.core.scene import Answer, Scene
from catalyst_operator.core.tofu.server_names import is_control_plane, name_of

RESIZE_SETTLES = timedelta(seconds=60)
"""How long after a resize nodes are believed again. One that fell silent is noticed after 40 seconds, so that a server
may be off while its node is still called ready."""
SEEN_FOR = timedelta(seconds=30)
"""How long a look at the nodes is good for; it takes longer than that until a node that fell silent is called so."""
LOOK_AFTER = timedelta(seconds=5)
"""How soon to come back to a look at the nodes that was asked for."""
TROUBLED = (RunState.FAILED, RunState.INTERRUPTED, RunState.LOST, RunState.CANCELLED)


def not_its_turn(scene: Scene) -> Answer | None:
    """The next run would power a server off, and the nodes that have to be there meanwhile are not known to be."""
    server, last = _turn(scene), scene.record.last_of(RunVerb.APPLY)
    if scene.verb is not RunVerb.APPLY or server is None or last is None or last.state in TROUBLED:
        # After a run that broke off a server may be off, and it is the next one that starts it.
        return None
    before = _last_success(scene)
    resized = tuple(filter(None, map(name_of, before.plan.powering_off))) if before and before.plan else ()
    recently = scene.o.now - SEEN_FOR
    settled = max(before.finished + RESIZE_SETTLES, recently) if before and before.finished and resized else recently
    lacking = next(_lacking(scene, _needed(scene, server, resized), settled), "")
    return _wait(scene, server, lacking, settled) if lacking else None


def _turn(scene: Scene) -> Server | None:
    """The server that the next run is to resize."""
    wanted, record = sizing.servers(scene.o.sovereign.spec), scene.record
    waiting = sizing.later(wanted, record.sizes, record.made)
    due = sizing.resizes(wanted, record.sizes, record.made)
    return next((server for server in due if server not in waiting), None)


def _last_success(scene: Scene) -> RunEntry | None:
    applies = (run for run in reversed(scene.record.runs) if run.verb is RunVerb.APPLY)
    return next((run for run in applies if run.state is RunState.SUCCEEDED), None)


def _needed(scene: Scene, server: Server, resized: tuple[str, ...]) -> tuple[str, ...]:
    """Whose nodes have to be ready: the servers that were resized last, and for a control plane's turn the others. A
    cluster that never came up has nothing to lose."""
    begun = scene.record.bootstrap
    if begun is None or not begun.cluster_uid:
        return ()
    others = (name for name in scene.record.members if name != server.key)
    return (*resized, *(others if is_control_plane(server.key) else ()))


def _lacking(scene: Scene, needed: tuple[str, ...], settled: datetime) -> Iterator[str]:
    """What there is to wait for, as a sentence."""
    if not needed:
        return
    view = scene.o.cluster
    survey = view.survey if view and view.link.state is Link.UP else None
    if survey is None or survey.nodes is None:
        yield "the new cluster cannot be seen at the moment"
        return
    if survey.at < settled:
        resting = settled > scene.o.now - SEEN_FOR
        when = f"{RESIZE_SETTLES.total_seconds():.0f} seconds after the resize before it" if resting else "first"
        yield f"the nodes are looked at {when}"
        return
    prefix = naming.cluster_name(scene.o.sovereign.metadata.name, scene.o.uid)
    ready = {node.name for node in survey.nodes if node.ready}
    absent = tuple(name for name in dict.fromkeys(needed) if f"{prefix}-{name}" not in ready)
    if absent:
        yield f"not ready: {listed(absent)}"


def _wait(scene: Scene, server: Server, lacking: str, settled: datetime) -> Answer:
    assessed = assess(scene.o, scene.record)
    left = settled - scene.o.now
    look = (LookAgain(),) if left <= timedelta(0) and _stale(scene, settled) else ()
    return Answer(
        working(
            Phase.TOFU_PLAN,
            Reason.PROGRESSING,
            f"The resize of {server.key} waits: {lacking}. Servers are resized one after the other, because each is "
            "powered off for it.",
            assessed.errors if assessed else (),
        ),
        look,
        max(left, LOOK_AFTER) if look or left > timedelta(0) else scene.o.settings.poll,
    )


def _stale(scene: Scene, settled: datetime) -> bool:
    view = scene.o.cluster
    return bool(view and view.survey and view.survey.at < settled)
