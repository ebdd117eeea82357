"""Reads of what is the same for every project: locations, types, prices."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from e2e.lab.hcloud.catalogue import Catalogue, find
from e2e.lab.hcloud.cloud import Call, Reply, Route
from e2e.lab.hcloud.errors import not_found
from e2e.lab.hcloud.kinds import filtered, page
from e2e.lab.hcloud.store import Object

Listing = Callable[[Catalogue], list[Object]]


def _reads(plural: str, singular: str, entries: Listing, filters: Sequence[str] = ("name",)) -> list[Route]:
    def listing(call: Call) -> Reply:
        return page(call, plural, filtered(call, entries(call.cloud.catalogue), filters))

    def read(call: Call) -> Reply:
        entry = find(entries(call.cloud.catalogue), call.path["id"])
        if entry is None:
            raise not_found(f"{singular.replace('_', ' ')} with ID '{call.path['id']}'")
        return Reply({singular: entry})

    return [Route("GET", f"/{plural}", listing), Route("GET", f"/{plural}/{{id}}", read)]


def _pricing(call: Call) -> Reply:
    return Reply({"pricing": call.cloud.catalogue.pricing})


ROUTES = [
    *_reads("locations", "location", lambda catalogue: catalogue.locations),
    *_reads("server_types", "server_type", lambda catalogue: catalogue.server_types),
    *_reads("load_balancer_types", "load_balancer_type", lambda catalogue: catalogue.load_balancer_types),
    Route("GET", "/pricing", _pricing),
]
