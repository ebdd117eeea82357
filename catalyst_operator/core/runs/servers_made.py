"""What a run that ended made of a Sovereign's servers: which of them exist now, and whose nodes are dead.

A dead node is known by its UID, as seen before the run that took its server away: whatever joins under the same name
afterwards is another node.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from catalyst_operator.core.project import sizing
from catalyst_operator.core.project.sizing import Server
from catalyst_operator.core.record import Record, RunEntry, RunState, SizeChoice
from catalyst_operator.core.tofu.apply_progress import Progress
from catalyst_operator.core.tofu.server_names import is_control_plane, name_of


def noted(
    record: Record, run: RunEntry, progress: Progress | None, wanted: Collection[Server] | None, prefix: str
) -> Record:
    """The record with what an apply that ended made and took away. `wanted` are the servers that it was asked for, None
    if that cannot be told any more; `prefix` is that of the names of nodes."""
    created, gone = _created(run, progress), _gone(record, run, progress, wanted)
    dead = {node: record.nodes[node] for name in (*created, *gone) if (node := f"{prefix}-{name}") in record.nodes}
    made = _made(record, run, created, gone, wanted)
    keys = {**record.keys, **dict.fromkeys(created, run.keys)}
    return replace(
        record,
        made=made,
        keys={name: digest for name, digest in keys.items() if name in made},
        dead={**record.dead, **dead},
        sizes=_sizes(record, run, created, wanted),
    )


def _created(run: RunEntry, progress: Progress | None) -> tuple[str, ...]:
    """A run that succeeded did what it had planned; another one did what its log says."""
    if run.state is RunState.SUCCEEDED:
        return run.plan.creating if run.plan else ()
    return _done(progress, "create")


def _gone(
    record: Record, run: RunEntry, progress: Progress | None, wanted: Collection[Server] | None
) -> tuple[str, ...]:
    """Servers that were made once and are not there any more."""
    if run.state is not RunState.SUCCEEDED:
        return _done(progress, "delete")
    left = {server.key for server in wanted} if wanted is not None else {*record.made}
    return tuple(name for name in record.made if name not in left)


def _made(
    record: Record,
    run: RunEntry,
    created: Collection[str],
    gone: Collection[str],
    wanted: Collection[Server] | None,
) -> tuple[str, ...]:
    """Once all that was wanted is there, that is all there is, control planes of old apart."""
    there = [server.key for server in wanted or ()] if run.state is RunState.SUCCEEDED else []
    before = (name for name in record.made if name not in gone or is_control_plane(name))
    return tuple(dict.fromkeys((*before, *created, *there)))


def _sizes(
    record: Record, run: RunEntry, created: Collection[str], wanted: Collection[Server] | None
) -> dict[str, SizeChoice]:
    """Of what exists: another size in the spec is a resize from now on, also of what was made before a run failed."""
    if wanted is None:
        return record.sizes
    choices = sizing.in_turn(wanted, record.sizes, record.made)
    if run.state is RunState.SUCCEEDED:
        return choices
    return {**record.sizes, **{name: choices[name] for name in created if name in choices}}


def _done(progress: Progress | None, action: str) -> tuple[str, ...]:
    resources = progress.resources.items() if progress else ()
    names = (name_of(address) for address, r in resources if (r.action, r.state) == (action, "done"))
    return tuple(name for name in names if name)
