"""PowerDNS in memory, behind the transport of httpx: it speaks the API's shapes, so that the real adapter is used.

What it keeps of the real server is what the operator relies on: an account for each zone, comments for each record set,
409 for a zone that exists, 404 for one that does not, 422 for an alias beside other records, one name's record sets
where only these are asked for, and changes that are made whole or not at all.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

Object = dict[str, Any]
Snapshot = dict[str, tuple[str, dict[tuple[str, str], tuple[str, ...]]]]


@dataclass
class FakePowerDns:
    """One server. `before` is called with the method and path of each request, and may raise."""

    zones: dict[str, Object] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    before: Callable[[str], None] = lambda _: None
    after: Callable[[str], None] = lambda _: None
    down: bool = False
    denies: bool = False
    """Whether it accepts the key no more."""
    selects: bool = True
    """Whether it gives the record sets of one name alone when asked for them; 4.7 gives all."""

    def client(self) -> httpx.AsyncClient:
        """What the adapter sends with."""
        return httpx.AsyncClient(transport=httpx.MockTransport(self._answer))

    def snapshot(self) -> Snapshot:
        """All that it holds, but for SOA records, whose serial counts changes."""
        return {name: (zone["account"], _contents(zone)) for name, zone in self.zones.items()}

    def put(self, name: str, account: str = "", *rrsets: tuple[str, str, str]) -> None:
        """A zone that somebody else made."""
        sets = {
            (owner, type_): {"name": owner, "type": type_, "ttl": 60, "records": [{"content": content}], "comments": []}
            for owner, type_, content in rrsets
        }
        self.zones[name] = {"name": name, "account": account, "rrsets": sets}

    def _answer(self, request: httpx.Request) -> httpx.Response:
        what = f"{request.method} {request.url.path.partition('/zones')[2]}"
        self.requests.append(what)
        self.before(what)
        if self.down:
            raise httpx.ConnectError("connection refused")
        if self.denies:
            return httpx.Response(401, json={"error": "Unauthorized"})
        body = json.loads(request.content) if request.content else {}
        only = request.url.params.get("rrset_name", "")
        answer = self._handle(request.method, request.url.path.rpartition("/")[2], body, only)
        self.after(what)
        return answer

    def _handle(self, method: str, name: str, body: Object, only: str) -> httpx.Response:
        if method == "POST":
            return self._create(body)
        zone = self.zones.get(name)
        if zone is None:
            return httpx.Response(404, json={"error": "Not Found"})
        if method == "DELETE":
            del self.zones[name]
            return httpx.Response(204)
        if method == "PATCH":
            return self._change(zone, body["rrsets"])
        shown = [rrset for rrset in zone["rrsets"].values() if not self.selects or only in ("", rrset["name"])]
        return httpx.Response(200, json={**zone, "rrsets": shown})

    def _create(self, body: Object) -> httpx.Response:
        if body["name"] in self.zones:
            return httpx.Response(409, text="Conflict")
        sets = {(rrset["name"], rrset["type"]): rrset for rrset in body["rrsets"]}
        self.zones[body["name"]] = {"name": body["name"], "account": body["account"], "rrsets": sets}
        return httpx.Response(201, json={})

    @staticmethod
    def _change(zone: Object, changes: list[Object]) -> httpx.Response:
        """All of them, or none."""
        after = dict(zone["rrsets"])
        for change in changes:
            key = (change["name"], change["type"])
            after.pop(key, None)
            if change["changetype"] == "REPLACE":
                after[key] = {k: v for k, v in change.items() if k != "changetype"}
        names = [name for name, _ in after]
        crowded = [name for name, type_ in after if type_ == "CNAME" and names.count(name) > 1]
        if crowded:
            return httpx.Response(422, json={"error": f"RRset {crowded[0]} IN CNAME: Conflicts with another RRset"})
        zone["rrsets"] = after
        return httpx.Response(204)


def _contents(zone: Object) -> dict[tuple[str, str], tuple[str, ...]]:
    sets = ((key, rrset) for key, rrset in zone["rrsets"].items() if key[1] != "SOA")
    return {key: tuple(record["content"] for record in rrset["records"]) for key, rrset in sets}
