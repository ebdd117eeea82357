"""How much is taken from a new cluster, which belongs to a tenant and may answer anything.

The largest kit that there is, 38 components with 200 Pods, needs at most a third of each of these: its largest page has
0.8 MiB and 70,000 values, one survey of it reads 6 MiB. A test holds that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from sys import getsizeof
from typing import Any

MIB = 1024 * 1024


@dataclass(frozen=True)
class IntakeLimits:
    """Of one cluster, whoever reads it. Times are in seconds."""

    connect_seconds: float = 5.0
    request_seconds: float = 15.0
    """From the first byte sent to the last one read, however lively the other side is meanwhile."""
    page: int = 50
    """Objects asked for at a time."""
    page_bytes: int = 2 * MIB
    page_bytes_of: Mapping[str, int] = field(
        default_factory=lambda: {"helmreleases": 4 * MIB, "kustomizations": 4 * MIB}
    )
    """Where that differs: these carry values and inventories of any length."""
    values: int = 256 * 1024
    """JSON values in an answer: `{},` is three bytes to send and a hundred to keep."""
    list_objects: int = 1000
    """Objects of one list that are read."""
    list_seconds: float = 60.0
    survey_bytes: int = 24 * MIB
    survey_seconds: float = 120.0
    event_bytes: int = MIB
    event_values: int = 32 * 1024
    """Of one event of a watch."""
    watch_grace_seconds: float = 30.0
    """How long a watch may last over what was agreed."""
    kept_bytes: int = 2 * MIB
    """Of memory, for what is kept of one watched list, and of one survey."""
    answers_bytes: int = 6 * MIB
    """Of answers that were read in part, all requests to the cluster together."""
    burst_bytes: int = 64 * MIB
    bytes_a_second: int = 2 * MIB
    """What may be read at once, and in the long run. A byte counts as it comes over the network, and as it is read."""
    request_cost: int = 128 * 1024
    event_cost: int = 40 * 1024
    piece_cost: int = 1024
    """As so many bytes a request, an event and a piece of an answer count, however short they are: about what they
    cost."""
    flood_seconds: float = 30.0
    """So long more than that may come, and is only read more slowly; then a watch is given up."""

    def bytes_of(self, plural: str) -> int:
        """Bytes of a page of objects of a kind."""
        return self.page_bytes_of.get(plural, self.page_bytes)

    @property
    def pages(self) -> int:
        """Requests for one list: a page may be short, but not all of them are."""
        return 2 * -(-self.list_objects // self.page) + 2


def weight(thing: Any) -> int:
    """About how many bytes of memory a view takes."""
    if isinstance(thing, str):
        return getsizeof(thing)
    if isinstance(thing, tuple):
        return getsizeof(thing) + sum(map(weight, thing))
    if is_dataclass(thing):
        return getsizeof(thing) + sum(weight(getattr(thing, f.name)) for f in fields(thing))
    return 0
