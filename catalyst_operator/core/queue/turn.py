"""The turn of one Sovereign's next run: whether it has come, and what is told while it has not."""

from __future__ import annotations

import hashlib
import hmac

from catalyst_operator.core.observation import Observation
from catalyst_operator.core.queue.order import UNKNOWN_PROJECT, Bound, Entry, RunKind, TurnPlace, place
from catalyst_operator.core.verdict import HeldPlace

MARK_LENGTH = 16


def project_mark(o: Observation) -> str:
    """A mark of the project that the next run's token opens, the same for all Sovereigns with that token. Only the
    operator can make it, so that nobody learns anything of a token by it."""
    if o.run_token is None:
        return UNKNOWN_PROJECT
    token = f"project of {o.run_token.get_secret_value()}"
    return hmac.new(o.settings.proof_key.encode(), token.encode(), hashlib.sha256).hexdigest()[:MARK_LENGTH]


def entry(o: Observation, kind: RunKind) -> Entry:
    """The next run, as it stands in the queue. Who waits already waits since then."""
    before = kept(o)
    since = before.since if before else o.now
    return Entry(o.sovereign.metadata.uid_here, o.sovereign.metadata.namespace, project_mark(o), kind, since)


def waits(o: Observation, kind: RunKind) -> HeldPlace | None:
    """Its place, if the run cannot start yet."""
    mine = entry(o, kind)
    found = place(o.queue, o.settings.limits, mine)
    return HeldPlace(found.position, found.of, mine.since, mine.project, words(found)) if found else None


def held(o: Observation) -> HeldPlace:
    """The place that a run keeps, or takes, while something is done before it starts that nobody should undo for want
    of room."""
    return kept(o) or HeldPlace(1, 1, o.now, project_mark(o))


def kept(o: Observation) -> HeldPlace | None:
    """The place that its status tells: kept while something is looked at once more before the run starts."""
    operation = o.sovereign.status.last_operation
    told = operation.queue if operation else None
    if operation is None or told is None:
        return None
    return HeldPlace(told.position, told.of, told.since, operation.project or UNKNOWN_PROJECT)


def words(found: TurnPlace) -> str:
    """`Waiting: 3rd of 12, 2 runs of this project are under way, and at most 3 are at once.`"""
    whose = {Bound.OPERATOR: "", Bound.PROJECT: " of this project", Bound.NAMESPACE: " of this namespace"}[found.bound]
    runs = f"{found.under_way} runs{whose} are" if found.under_way != 1 else f"1 run{whose} is"
    return f"Waiting: {_ordinal(found.position)} of {found.of}, {runs} under way, and at most {found.most} are at once."


def _ordinal(number: int) -> str:
    teens = number % 100 in (11, 12, 13)
    return f"{number}{'th' if teens else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"
