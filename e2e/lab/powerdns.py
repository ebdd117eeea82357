"""Real PowerDNS servers: one for the Sovereigns' zones, and two for the zones above them, which can disagree.

Each is a process of its own with its own SQLite file and API. The two parents share nothing: what a registry writes to
one, and not yet to the other, is what a story may want to see. The first of them is also asked as a resolver; it knows
nothing but its own zones, and the lab has no other names.
"""

from __future__ import annotations

import json
import sqlite3
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e.lab.cluster import Component
from e2e.lab.layout import (
    DNS_API_KEY,
    DNS_API_PORT,
    DNS_DOMAIN,
    DNS_SERVERS,
    NAMESERVERS,
    PARENTS,
    POOL_DOMAIN,
    Layout,
)

SCHEMA = Path("/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql")
Object = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """Where one server listens, and where its files are."""

    folder: Path
    address: str
    dns_port: int = 53
    api_port: int = DNS_API_PORT

    @property
    def url(self) -> str:
        """Of its API."""
        return f"http://{self.address}:{self.api_port}"


def prepare(place: Place, key: str = DNS_API_KEY) -> list[str | Path]:
    """Write configuration and database where there are none; returns the command that serves them. Nothing is cached,
    so that a change is seen with the next question."""
    place.folder.mkdir(parents=True, exist_ok=True)
    database = place.folder / "zones.db"
    if not database.exists():
        connection = sqlite3.connect(database)
        try:
            connection.executescript(SCHEMA.read_text(encoding="utf-8"))
        finally:
            connection.close()
    settings = {
        "launch": "gsqlite3",
        "gsqlite3-database": database,
        "gsqlite3-pragma-synchronous": 0,
        "local-address": place.address,
        "local-port": place.dns_port,
        "api": "yes",
        "api-key": key,
        "webserver": "yes",
        "webserver-address": place.address,
        "webserver-port": place.api_port,
        "webserver-allow-from": "0.0.0.0/0",
        "socket-dir": place.folder,
        "daemon": "no",
        "guardian": "no",
        "disable-syslog": "yes",
        "security-poll-suffix": "",
        "receiver-threads": 1,
        "distributor-threads": 1,
        "retrieval-threads": 1,
        **dict.fromkeys(("cache-ttl", "query-cache-ttl", "negquery-cache-ttl", "zone-cache-refresh-interval"), 0),
    }
    configuration = place.folder / "pdns.conf"
    configuration.write_text("".join(f"{name}={value}\n" for name, value in settings.items()), encoding="utf-8")
    configuration.chmod(0o600)
    return command_of(place)


def command_of(place: Place) -> list[str | Path]:
    """What serves a place that is prepared."""
    return ["pdns_server", f"--config-dir={place.folder}"]


def call(url: str, method: str, path: str, body: Object | None = None, key: str = DNS_API_KEY) -> Any:
    """One request to a server's API, below /api/v1/servers/localhost; its JSON, None where there is none."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"X-API-Key": key, "Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/api/v1/servers/localhost{path}", data, headers, method=method)
    with urllib.request.urlopen(request, timeout=10) as response:
        content = response.read()
    return json.loads(content) if content else None


def answers(place: Place) -> bool:
    """Whether its API does; its name server is up by then."""
    try:
        return bool(call(place.url, "GET", ""))
    except OSError:
        return False


# --- the lab's three --------------------------------------------------------------------------------------------------


def place_of(layout: Layout, name: str) -> Place:
    """Of one of the lab's servers."""
    return Place(layout.data / name, DNS_SERVERS[name])


def component(layout: Layout, name: str) -> Component:
    """One of the lab's servers, as a process of the lab."""
    place = place_of(layout, name)
    return Component(
        name,
        command_of(place),
        lambda: answers(place) and _has_its_zones(place, name),
        sources=[Path(__file__)],
        prepare=lambda: prepare(place),
    )


def _has_its_zones(place: Place, name: str) -> bool:
    """The zones that the lab itself has are made as soon as the server answers."""
    for zone in zones_of(name):
        try:
            call(place.url, "POST", "/zones?rrsets=false", zone)
        except urllib.error.HTTPError as error:
            if error.code != 409:
                raise
    return True


def zones_of(name: str) -> list[Object]:
    """What a parent has from the beginning: where all the name servers are, and the pool domain, which only the first
    has."""
    if name not in PARENTS.values():
        return []
    hosts = {**{host: DNS_SERVERS[server] for host, server in PARENTS.items()}, **NAMESERVERS}
    addresses = [rrset(host, "A", address) for host, address in sorted(hosts.items())]
    first = next(iter(PARENTS))
    zones = [zone(DNS_DOMAIN, tuple(PARENTS), *addresses)]
    return [*zones, zone(POOL_DOMAIN, (first,))] if PARENTS[first] == name else zones


def zone(name: str, hosts: tuple[str, ...], *rrsets: Object) -> Object:
    """A zone as the API takes it, served by `hosts`."""
    soa = rrset(name, "SOA", f"{hosts[0]}. hostmaster.{name}. 1 10800 3600 604800 1")
    servers = rrset(name, "NS", *(f"{host}." for host in hosts))
    return {"name": f"{name}.", "kind": "Native", "nameservers": [], "rrsets": [soa, servers, *rrsets]}


def rrset(name: str, type_: str, *values: str) -> Object:
    """A record set as the API takes it."""
    records = [{"content": value, "disabled": False} for value in values]
    return {"name": f"{name}.", "type": type_, "ttl": 60, "records": records}
