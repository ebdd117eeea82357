"""What the benchmark keeps of a Sovereign's watch event: whole ones, a dozen a second, would be too much."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from catalyst_operator.api.conditions import ConditionType, Reason
from catalyst_operator.core.errors.codes import REMOTE_TOO_BIG
from e2e.bench import changes
from e2e.bench.apis import Object
from e2e.bench.changes import Numbers
from e2e.bench.streams import Stamped
from e2e.support.sovereigns import condition


@dataclass(frozen=True)
class Seen:
    """One event."""

    cluster: str
    components: int
    """How many the status tells of."""
    unreachable: bool
    """Whether it says that the new cluster does not answer."""
    too_big: bool
    """Whether it says that the new cluster answers with more than is read."""
    numbers: Numbers


def read(sovereign: Object) -> Seen:
    status = sovereign.get("status") or {}
    reason = condition(status, ConditionType.FLUX_BOOTSTRAP.value).get("reason")
    return Seen(
        cluster=sovereign["metadata"]["name"],
        components=len(status.get("components") or ()),
        unreachable=reason == Reason.API_UNREACHABLE.value,
        too_big=any(error["code"] == REMOTE_TOO_BIG.code for error in status.get("lastErrors") or ()),
        numbers=changes.in_sovereign(sovereign),
    )


def numbers(heard: Iterable[Stamped[Seen]]) -> list[Stamped[Numbers]]:
    """The changes that these events tell of."""
    return [Stamped(item.at, item.what.numbers) for item in heard]


def latest(heard: Iterable[Stamped[Seen]]) -> dict[str, Seen]:
    """The last event of each."""
    return {item.what.cluster: item.what for item in heard}
