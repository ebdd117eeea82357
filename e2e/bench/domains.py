"""Many reservations at once: how long until all are served and delegated, beside the same zones by plain calls.

The floor makes what the operator makes, one after the other, since PowerDNS over SQLite takes one change at a time: the
zone with its records, and the delegation in the pool's zone. It asks nobody whether the name is free, whose the zone
is, and whether it answers.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from catalyst_operator.adapters.powerdns import wire
from catalyst_operator.core.domains import zone as zones
from catalyst_operator.core.domains.zone import RRset, Zone
from catalyst_operator.core.settings import Nameserver
from e2e.bench import idle, surroundings
from e2e.bench.apis import Api, Client, Object
from e2e.bench.errors import BenchError
from e2e.bench.streams import Stream, watch_as
from e2e.bench.workplace import LABELS, PREFIX, Workplace
from e2e.lab.layout import DNS_API_KEY, DNS_API_PORT, DNS_SERVERS, NAMESERVERS, POOL_DOMAIN

ADDRESS = "203.0.113.20"
PATH = "/apis/catalyst.openova.io/v1alpha1/domainreservations"
SERVERS = tuple(Nameserver(host, address) for host, address in NAMESERVERS.items())
SOVEREIGNS, PARENT = list(DNS_SERVERS)[:2]
PATIENCE_SECONDS = 600.0


@dataclass(frozen=True)
class Domains:
    """What was measured. Times are in seconds."""

    count: int
    floor: float
    """To make all zones and delegations by plain calls."""
    operator: float
    """From the first reservation's creation to the last one's being Ready."""
    created: float
    """Of it, until all reservations were created."""
    released: float
    """From deleting all of them to the last one's end."""
    resident_mib: float
    """Of the operator, once all are Ready."""
    before_mib: float

    @property
    def ratio(self) -> float:
        """How many times the floor it takes."""
        return self.operator / self.floor


def measure(workplace: Workplace, *, count: int) -> Domains:
    """Both halves, one after the other; nothing of either is left."""
    names = [f"{PREFIX}{number}.{POOL_DOMAIN}" for number in range(count)]
    workplace.timeline.say(f"{count} zones by plain calls ...")
    floor = _floor(names)
    workplace.timeline.say(f"{count} reservations ...")
    return _operator(workplace, names, floor)


# --- by plain calls ---------------------------------------------------------------------------------------------------


def _floor(names: list[str]) -> float:
    with _PowerDns() as servers:
        try:
            begin = time.monotonic()
            for name in names:
                servers.make(name)
            return time.monotonic() - begin
        finally:
            for name in names:
                servers.remove(name)


class _PowerDns:
    """The two servers, with a connection each."""

    def __init__(self) -> None:
        self._connections = {
            server: http.client.HTTPConnection(DNS_SERVERS[server], DNS_API_PORT, timeout=60)
            for server in (SOVEREIGNS, PARENT)
        }

    def __enter__(self) -> _PowerDns:
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self._connections.values():
            connection.close()

    def make(self, name: str) -> None:
        """The zone, then its delegation."""
        made = zones.new_zone(name, "bench", ADDRESS, SERVERS)
        self._call(SOVEREIGNS, "POST", "", wire(made))
        self._change(zones.delegation(name, "bench", SERVERS))

    def remove(self, name: str) -> None:
        """Whatever of it is there."""
        self._call(SOVEREIGNS, "DELETE", f"/{name}.")
        self._change(tuple(RRset(r.name, r.type, 0, ()) for r in zones.delegation(name, "bench", SERVERS)))

    def _change(self, rrsets: tuple[RRset, ...]) -> None:
        body = wire(Zone(POOL_DOMAIN, "", rrsets))["rrsets"]
        kinds = [{**rrset, "changetype": "REPLACE" if "records" in rrset else "DELETE"} for rrset in body]
        self._call(PARENT, "PATCH", f"/{POOL_DOMAIN}.", {"rrsets": kinds})

    def _call(self, server: str, method: str, path: str, body: Object | None = None) -> None:
        connection = self._connections[server]
        headers = {"X-API-Key": DNS_API_KEY, "Content-Type": "application/json"}
        content = None if body is None else json.dumps(body)
        connection.request(method, f"/api/v1/servers/localhost/zones{path}", content, headers)
        response = connection.getresponse()
        text = response.read()
        if response.status >= http.client.MULTIPLE_CHOICES and response.status != http.client.NOT_FOUND:
            raise BenchError(f"PowerDNS: {method} {path}: {response.status} {text[:300]!r}")


# --- by the operator --------------------------------------------------------------------------------------------------


def _operator(workplace: Workplace, names: list[str], floor: float) -> Domains:
    api = Api.of_lab(workplace.layout)
    pod = surroundings.operator_pod(workplace.kubectl)
    before, _ = idle.process(workplace.kubectl, pod)
    with watch_as(api, PATH, _told) as stream, _made(api, names) as made:
        begin, created = made
        last = max(_ready(stream, name) for name in names)
        resident, _ = idle.process(workplace.kubectl, pod)
        released = _release(api, names)
    return Domains(
        count=len(names),
        floor=floor,
        operator=last - begin,
        created=created - begin,
        released=released,
        resident_mib=resident / idle.MIB,
        before_mib=before / idle.MIB,
    )


def _ready(stream: Stream[tuple[str, bool]], name: str) -> float:
    return stream.first(lambda told: told == (name, True), f"{name} to be Ready", seconds=PATIENCE_SECONDS).at


def _told(reservation: Object) -> tuple[str, bool]:
    conditions = (reservation.get("status") or {}).get("conditions") or ()
    return reservation["metadata"]["name"], any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


@contextmanager
def _made(api: Api, names: list[str]) -> Iterator[tuple[float, float]]:
    """All reservations: when the first was created, and when the last."""
    with Client(api) as client:
        try:
            begin = time.time()
            for name in names:
                client("POST", PATH, _manifest(name))
            yield begin, time.time()
        finally:
            _remove(client)


def _manifest(name: str) -> Object:
    meta = {"name": name, "labels": LABELS}
    spec = {"mode": "pool", "loadBalancerIP": ADDRESS}
    return {"apiVersion": "catalyst.openova.io/v1alpha1", "kind": "DomainReservation", "metadata": meta, "spec": spec}


def _release(api: Api, names: list[str]) -> float:
    """Delete all of them, and wait for the end of the last."""
    begin = time.monotonic()
    with Client(api) as client:
        _remove(client)
        while left := _listed(client):
            if time.monotonic() - begin > PATIENCE_SECONDS:
                raise BenchError(f"{len(left)} of {len(names)} reservations are still there")
            time.sleep(0.2)
    return time.monotonic() - begin


def _listed(client: Client) -> list[str]:
    selector = ",".join(f"{key}%3D{value}" for key, value in LABELS.items())
    return [item["metadata"]["name"] for item in client("GET", f"{PATH}?labelSelector={selector}")["items"]]


def _remove(client: Client) -> None:
    for name in _listed(client):
        client("DELETE", f"{PATH}/{name}")
