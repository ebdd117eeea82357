"""Requests to make a server again: whether one can be met, and where it stands until the server's successor is there.

A request is met once. What tells that it was is the server's id in the outputs of the last apply that went well: as
long as it is the old one's, nothing has happened yet. So only an apply that follows such a one takes the server away.

Why: docs/explanation.md#a-server-made-again
"""

from __future__ import annotations

from dataclasses import replace

from catalyst_operator.api import labels
from catalyst_operator.api.phases import RunVerb
from catalyst_operator.core import naming
from catalyst_operator.core.error_text import named
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.project import sizing
from catalyst_operator.core.record import OutputsEntry, RebuildEntry, Record, RunEntry
from catalyst_operator.core.runs.attempts import requested
from catalyst_operator.core.tofu import quorum
from catalyst_operator.core.tofu.quorum import ControlPlanes

SEPARATOR = "@"


def asked(o: Observation) -> str:
    """The annotation's value."""
    return requested(o, labels.ANNOTATION_REBUILD)


def refused(o: Observation, record: Record) -> str:
    """Why what is asked for now cannot be done, as a sentence; empty if it can, or was done."""
    request = asked(o)
    if not request or request == record.handled.get(labels.ANNOTATION_REBUILD):
        return ""
    return refusal(o, record, request)


def refusal(o: Observation, record: Record, request: str) -> str:
    """Why a request cannot be met, as a sentence; empty if it can."""
    prefix, name = _prefix(o), request.partition(SEPARATOR)[0]
    servers = tuple(server.key for server in sizing.servers(o.sovereign.spec))
    server = name.removeprefix(prefix)
    if not name.startswith(prefix) or server not in servers:
        return f"{name} is none of its servers, which are {named(tuple(f'{prefix}{key}' for key in servers))}."
    if server not in record.made:
        return f"{name} was not made yet."
    refusals = quorum.refusals(ControlPlanes(record.members, replaced=(server,) if server in record.members else ()))
    return f"{refusals[0]}." if refusals else ""


def advance(o: Observation, record: Record) -> Record:
    """The record with what is asked for now: a request that can be met is taken, one that was taken back is dropped."""
    if record.outputs is None or record.hand_off is not None or o.sovereign.metadata.deletion_timestamp is not None:
        return record
    request = asked(o)
    if taken_back(o, record) and not (record.last and record.last.active):
        record = replace(record, rebuild=None)
    if not request and labels.ANNOTATION_REBUILD in record.handled:
        # So that the same server can be asked for again.
        rest = {name: value for name, value in record.handled.items() if name != labels.ANNOTATION_REBUILD}
        return replace(record, handled=rest)
    known = request == record.handled.get(labels.ANNOTATION_REBUILD)
    if not request or known or record.rebuild is not None or refusal(o, record, request):
        return record
    server = request.partition(SEPARATOR)[0].removeprefix(_prefix(o))
    handled = {**record.handled, labels.ANNOTATION_REBUILD: request}
    return replace(record, rebuild=RebuildEntry(request, server), handled=handled)


def taken_back(o: Observation, record: Record) -> bool:
    """Whether nobody asks any more for what has not begun."""
    entry = record.rebuild
    return entry is not None and not entry.begun and asked(o) != entry.request


def due(record: Record, digest: str) -> bool:
    """Whether the next run is to take the server away: all else that is wanted, inputs of this digest, was applied. One
    whose id is not known yet is not due; an apply tells it."""
    entry = record.rebuild
    return entry is not None and bool(id_of(record.outputs, entry.server)) and _settled(record, digest)


def _settled(record: Record, digest: str) -> bool:
    if record.applied_digest == digest:
        return True
    # A run for this very thing that ended before its apply, as at the gate, has changed nothing.
    last = record.last_of(RunVerb.APPLY)
    return last is not None and last.replaces and last.digest == digest and not last.active and not record.orphans


def covered(record: Record, digest: str) -> str:
    """The server that the next run may make again without asking: what it does, or puts in order."""
    entry = record.rebuild
    return entry.server if entry and (entry.begun or due(record, digest)) else ""


def announced(record: Record, run: RunEntry) -> RebuildEntry | None:
    """The request once a run was made: what goes with it is known by its id."""
    entry = record.rebuild
    return replace(entry, old=id_of(record.outputs, entry.server)) if entry and run.replaces else entry


def begun(record: Record, run: RunEntry) -> Record:
    """The record once an apply that takes the server away may have done so."""
    entry = record.rebuild
    return replace(record, rebuild=replace(entry, begun=True)) if entry and run.replaces else record


def left_after(record: Record, run: RunEntry, outputs: OutputsEntry | None) -> RebuildEntry | None:
    """What is left to do after an apply that went well."""
    entry = record.rebuild
    if entry is None or not entry.begun:
        return entry
    made = id_of(outputs, entry.server)
    if run.replaces or (made and made != entry.old):
        return None
    return replace(entry, begun=False)


def before_servers(o: Observation, record: Record) -> dict[str, str]:
    """The answered annotations once the first apply went well: a request of before it, as in a manifest that is applied
    anew, is for none of these servers."""
    request = asked(o) if record.outputs is None else ""
    return {**record.handled, labels.ANNOTATION_REBUILD: request} if request else record.handled


def id_of(outputs: OutputsEntry | None, server: str) -> str:
    """The id of a server at Hetzner's; empty while it is not known."""
    return outputs.server_ids.get(server, "") if outputs else ""


def _prefix(o: Observation) -> str:
    return f"{naming.cluster_name(o.sovereign.metadata.name, o.uid)}-"
