"""Which servers are to be emptied, how far that is, and what is put back when nothing comes of it.

Part of every look, like what watches the new cluster: a node that was closed to new Pods must not stay so because
somebody thought better of it.

Why: docs/explanation.md#servers-are-emptied-before-they-go
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from catalyst_operator.api.phases import RunVerb
from catalyst_operator.core import naming
from catalyst_operator.core.access import draining
from catalyst_operator.core.access.draining import DrainReport, LeavingNode
from catalyst_operator.core.actions import Action, DrainNodes, OpenNodes
from catalyst_operator.core.error_text import named
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.phase1.expected import listed
from catalyst_operator.core.phase1.views import Link, NodeView
from catalyst_operator.core.project import sizing
from catalyst_operator.core.record import DrainEntry, Record, RunEntry, RunState
from catalyst_operator.core.tofu.server_names import is_control_plane

DRAIN_AGAIN = timedelta(seconds=5)
"""How soon the next round of evictions begins."""
SILENT_FOR = timedelta(minutes=1)
"""How long a cluster that does not answer is waited for: it may be what the server is made again for."""
OPEN_AGAIN = timedelta(seconds=30)
"""How soon it is tried again to let nodes take Pods again."""


@dataclass(frozen=True)
class Emptying:
    """How far it is: over, with what it came to if that is not everything; or what is waited for and done."""

    over: bool
    words: str = ""
    """A clause about the servers."""
    actions: tuple[Action, ...] = ()
    record: Record | None = None


def wanted(o: Observation, record: Record) -> tuple[str, ...]:
    """The servers that a run after this look is to take away, if nothing comes in between: those that leave, once that
    is approved, and the one that is to be made again."""
    spec = o.sovereign.spec
    if spec.suspend or spec.dry_run or record.hand_off is not None:
        return ()
    if _approved(o, record) and (leaving := _leaving(o, record)):
        return leaving
    entry = record.rebuild
    return (entry.server,) if entry and not entry.begun else ()


def _approved(o: Observation, record: Record) -> bool:
    """Whether the spec approves the plan that the last run showed. Without that the next run only asks."""
    last = record.last_of(RunVerb.APPLY)
    shown = last.plan if last and last.state is RunState.AWAITING_APPROVAL else None
    return shown is not None and shown.digest == o.sovereign.spec.approve_plan


def _leaving(o: Observation, record: Record) -> tuple[str, ...]:
    """The workers that the spec has no more."""
    left = {server.key for server in sizing.servers(o.sovereign.spec)}
    return tuple(name for name in record.made if name not in left and not is_control_plane(name))


def look(o: Observation, record: Record, servers: tuple[str, ...]) -> Emptying:
    """How far these servers are."""
    begun = record.bootstrap
    if begun is None or not begun.cluster_uid:
        # A cluster that never came up has nothing that could move.
        return Emptying(over=True)
    nodes = _nodes(o, record, servers)
    if record.drain and record.drain.servers != servers:
        # What others were closed for comes to its end first, unless nobody can be told.
        return Emptying(nodes is None, f"the nodes of {listed(record.drain.servers)} are given their Pods back first")
    entry = record.drain
    if entry is None or entry.ended:
        entry = DrainEntry(servers, o.now, cordoned=entry.cordoned if entry else {})
    if o.now >= entry.since + o.settings.drain_timeout:
        return Emptying(over=True, words=_unfinished(o, entry))
    if nodes is None:
        told = "the new cluster does not answer"
        return Emptying(o.now - entry.since >= SILENT_FOR, told, record=_changed(record, entry))
    present = tuple(LeavingNode(node.name, node.uid) for node in nodes if node.ready and node.uid)
    if not present:
        silent = tuple(node.name for node in nodes)
        return Emptying(
            over=True, words=f"{listed(silent)} was not ready, so that nothing could move" if silent else ""
        )
    closed = {node.name: node.uid for node in nodes if node.ready and node.uid and not node.cordoned}
    # What others have closed stays closed: only what is noted here before it is done is ever opened again.
    entry = replace(entry, cordoned={**closed, **entry.cordoned})
    return _round(o, record, entry, present)


def _round(o: Observation, record: Record, entry: DrainEntry, nodes: tuple[LeavingNode, ...]) -> Emptying:
    key = draining.key_of(nodes, entry.since)
    report = o.drain if o.drain and o.drain.key == key else None
    changed = _changed(record, entry)
    drain = DrainNodes(key, nodes)
    if report is None or changed:
        return Emptying(False, "its Pods are asked to move", (drain,), changed)
    if report.trouble and (report.lasting or o.now - entry.since >= SILENT_FOR):
        return Emptying(over=True, words=report.trouble)
    if not report.left and not report.trouble:
        return Emptying(over=True)
    again = (drain,) if o.now - report.at >= DRAIN_AGAIN else ()
    return Emptying(False, _left(report), again)


def _changed(record: Record, entry: DrainEntry) -> Record | None:
    return replace(record, drain=entry) if entry != record.drain else None


def _left(report: DrainReport) -> str:
    if report.trouble:
        return report.trouble
    by = f"({report.why.rstrip('.')})" if report.why else "by a PodDisruptionBudget"
    held = f", {report.held} of them held {by}" if report.held else ""
    return f"{report.left} Pods are left{held}: {named(report.pods)}"


def _unfinished(o: Observation, entry: DrainEntry) -> str:
    report = o.drain if o.drain and o.drain.at >= entry.since else None
    minutes = o.settings.drain_timeout.total_seconds() / 60
    return f"{_left(report) if report else 'its Pods did not move'} after {minutes:.0f} minutes"


def _nodes(o: Observation, record: Record, servers: tuple[str, ...]) -> tuple[NodeView, ...] | None:
    """The servers' nodes; None where they are not seen."""
    view = o.cluster
    seen = view.survey.nodes if view and view.survey and view.link.state is Link.UP else None
    if seen is None:
        return None
    prefix, dead = naming.cluster_name(o.sovereign.metadata.name, o.uid), set(record.dead.values())
    ours = {f"{prefix}-{server}" for server in servers}
    return tuple(node for node in seen if node.name in ours and node.uid not in dead)


def left_after(record: Record, run: RunEntry) -> DrainEntry | None:
    """What is left of a drain after an apply that went well: nothing, if it was for this one."""
    return None if record.drain and record.drain.servers == run.emptied else record.drain


# --- what is put back -------------------------------------------------------------------------------------------------


def advance(o: Observation, record: Record) -> Record:
    """The record without a drain of which nothing came, once its nodes take Pods again."""
    entry = record.drain
    if entry is None or not _given_up(o, record, entry):
        return record
    opened = o.drain is not None and o.drain.key == _open_key(entry) and not o.drain.trouble
    return replace(record, drain=None) if opened or not entry.cordoned else record


def opening(o: Observation, record: Record) -> tuple[Action, ...]:
    """Lets nodes take Pods again of whose servers nothing is to become, once the cluster answers."""
    entry = record.drain
    if entry is None or not _given_up(o, record, entry) or not entry.cordoned:
        return ()
    if o.cluster is None or o.cluster.link.state is not Link.UP:
        return ()
    key = _open_key(entry)
    waits = o.drain is not None and o.drain.key == key and o.now - o.drain.at < OPEN_AGAIN
    return () if waits else (OpenNodes(key, tuple(LeavingNode(*node) for node in entry.cordoned.items())),)


def _given_up(o: Observation, record: Record, entry: DrainEntry) -> bool:
    last = record.last
    if last is not None and last.active and last.emptied:
        return False
    return entry.ended or wanted(o, record) != entry.servers


def _open_key(entry: DrainEntry) -> str:
    return f"open-{naming.digest_of(entry.cordoned)}"
