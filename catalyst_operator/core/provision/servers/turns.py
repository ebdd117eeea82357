"""One server after the other: the next one goes once the cluster has got over the one before it.

Why: docs/explanation.md#preflight-and-sizes
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

from catalyst_operator.api.conditions import Reason
from catalyst_operator.api.phases import Phase, RunVerb
from catalyst_operator.core import naming
from catalyst_operator.core.actions import LookAgain
from catalyst_operator.core.phase1.expected import listed
from catalyst_operator.core.phase1.views import Link
from catalyst_operator.core.project import sizing
from catalyst_operator.core.provision.verdicts import working
from catalyst_operator.core.ready.assessment import assess
from catalyst_operator.core.record import RunEntry, RunState
from catalyst_operator.core.scene import Answer, Scene
from catalyst_operator.core.tofu.server_names import is_control_plane, name_of

SETTLES = timedelta(seconds=60)
"""How long after a server went nodes are believed again. One that fell silent is noticed after 40 seconds, so that a
server may be off while its node is still called ready."""
SEEN_FOR = timedelta(seconds=30)
"""How long a look at the nodes is good for; it takes longer than that until a node that fell silent is called so."""
LOOK_AFTER = timedelta(seconds=5)
"""How soon to come back to a look at the nodes that was asked for."""


def wait(scene: Scene, server: str, waiting: str, why: str) -> Answer | None:
    """The nodes that have to be there while `server` is away are not known to be. `waiting` and `why` are the words
    around what is waited for: a subject, and a sentence."""
    before = _last_success(scene)
    gone = tuple(name for name in _disturbed(scene, before) if name != server)
    recently = scene.o.now - SEEN_FOR
    settled = max(before.finished + SETTLES, recently) if before and before.finished and gone else recently
    lacking = next(_lacking(scene, _needed(scene, server, gone), settled), "")
    return _answer(scene, f"{waiting} waits: {lacking}. {why}", settled) if lacking else None


def _last_success(scene: Scene) -> RunEntry | None:
    applies = (run for run in reversed(scene.record.runs) if run.verb is RunVerb.APPLY)
    return next((run for run in applies if run.state is RunState.SUCCEEDED), None)


def _disturbed(scene: Scene, run: RunEntry | None) -> tuple[str, ...]:
    """The servers that a run powered off or made again, and that are still wanted."""
    if run is None or run.plan is None:
        return ()
    wanted = {server.key for server in sizing.servers(scene.o.sovereign.spec)}
    return tuple(n for n in map(name_of, (*run.plan.powering_off, *run.plan.replacing)) if n in wanted)


def _needed(scene: Scene, server: str, gone: Collection[str]) -> tuple[str, ...]:
    """Whose nodes have to be ready: the servers that were away last, and for a control plane's turn the others. A
    cluster that never came up has nothing to lose."""
    begun = scene.record.bootstrap
    if begun is None or not begun.cluster_uid:
        return ()
    others = (name for name in scene.record.members if name != server)
    return (*gone, *(others if is_control_plane(server) else ()))


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
        when = f"{SETTLES.total_seconds():.0f} seconds after the change before it" if resting else "first"
        yield f"the nodes are looked at {when}"
        return
    prefix = naming.cluster_name(scene.o.sovereign.metadata.name, scene.o.uid)
    # A node whose server is gone may be called ready for a while.
    dead = set(scene.record.dead.values())
    ready = {node.name for node in survey.nodes if node.ready and node.uid not in dead}
    absent = tuple(name for name in dict.fromkeys(needed) if f"{prefix}-{name}" not in ready)
    if absent:
        yield f"not ready: {listed(absent)}"


def _answer(scene: Scene, message: str, settled: datetime) -> Answer:
    assessed = assess(scene.o, scene.record)
    left = settled - scene.o.now
    look = (LookAgain(),) if left <= timedelta(0) and _stale(scene, settled) else ()
    return Answer(
        working(Phase.TOFU_PLAN, Reason.PROGRESSING, message, assessed.errors if assessed else ()),
        look,
        max(left, LOOK_AFTER) if look or left > timedelta(0) else scene.o.settings.poll,
    )


def _stale(scene: Scene, settled: datetime) -> bool:
    view = scene.o.cluster
    return bool(view and view.survey and view.survey.at < settled)
