"""Servers are emptied before a run takes them away: for so long and no longer.

Why: docs/explanation.md#servers-are-emptied-before-they-go
"""

from __future__ import annotations

from dataclasses import replace

from catalyst_operator.api.conditions import Reason
from catalyst_operator.api.phases import Phase, RunVerb
from catalyst_operator.core.actions import WriteRecord
from catalyst_operator.core.phase1.expected import listed
from catalyst_operator.core.provision.servers import rebuilds
from catalyst_operator.core.provision.verdicts import working
from catalyst_operator.core.queue import turn
from catalyst_operator.core.ready import draining
from catalyst_operator.core.record import DrainEntry
from catalyst_operator.core.scene import Answer, Scene


def not_empty(scene: Scene) -> Answer | None:
    """The next run takes servers away whose Pods have not moved yet."""
    servers = emptied(scene)
    found = draining.look(scene.o, scene.record, servers) if servers else None
    if found is None or found.over:
        return None
    record = found.record or scene.record
    write = (WriteRecord(record),) if found.record else ()
    until = (record.drain.since if record.drain else scene.o.now) + scene.o.settings.drain_timeout
    message = (
        f"{_subject(servers)} emptied before the next run takes {'it' if len(servers) == 1 else 'them'} away: "
        f"{found.words}. At {until:%H:%M:%S} UTC it goes on in any case."
    )
    # Nodes that nothing may be scheduled on are not to wait for others' runs as well.
    verdict = replace(working(Phase.TOFU_PLAN, Reason.PROGRESSING, message), place=turn.held(scene.o))
    return Answer(verdict, (*write, *found.actions), draining.DRAIN_AGAIN, found.record)


def emptied(scene: Scene) -> tuple[str, ...]:
    """The servers that the next run takes away, if it is one that does."""
    if scene.verb is not RunVerb.APPLY:
        return ()
    servers = draining.wanted(scene.o, scene.record)
    entry = scene.record.rebuild
    # A server that is made again waits until all else was applied.
    of_rebuild = entry is not None and servers == (entry.server,)
    return servers if not of_rebuild or rebuilds.is_next(scene) else ()


def left_behind(scene: Scene) -> str:
    """What did not move, as a sentence; empty if everything did."""
    servers = emptied(scene)
    words = draining.look(scene.o, scene.record, servers).words if servers else ""
    return f"{_subject(servers)} not emptied: {words}." if words else ""


def closed(scene: Scene) -> DrainEntry | None:
    """The drain once a run is made: over, whatever the run is for."""
    entry = scene.record.drain
    return DrainEntry(entry.servers, entry.since, entry.cordoned, ended=True) if entry else None


def _subject(servers: tuple[str, ...]) -> str:
    return f"{listed(servers)} {'is' if len(servers) == 1 else 'are'}"
