"""The lab's name servers as stories see them: asked with dig, changed over their API, stopped and started."""

from __future__ import annotations

import subprocess
import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager

from e2e.lab import lifecycle, powerdns, processes
from e2e.lab.layout import DNS_SERVERS, PARENTS, Layout
from e2e.lab.powerdns import Object
from e2e.lab.timeline import Timeline

SOVEREIGNS, PARENT, SECOND = DNS_SERVERS
BOTH = (PARENT, SECOND)
Snapshot = dict[str, tuple[str, dict[tuple[str, str], tuple[str, ...]]]]
"""Zone -> its account and its record sets but for the SOA, whose serial counts changes."""


class Dns:
    """All three servers, by the names of their processes."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def dig(self, server: str, name: str, type_: str, *, tcp: bool = False) -> list[str]:
        """What a server answers, without asking anybody else: of the answer, or for NS of the referral."""
        sections = ["+noall", "+answer", *(["+authority"] if type_ == "NS" else []), *(["+tcp"] if tcp else [])]
        command = ["dig", f"@{DNS_SERVERS[server]}", name, type_, "+norecurse", "+time=2", "+tries=1", *sections]
        shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        fields = (line.split() for line in shown.splitlines() if line and not line.startswith(";"))
        return sorted(words[4] for words in fields if words[0] == f"{name}." and words[3] == type_)

    def call(self, server: str, method: str, path: str, body: Object | None = None) -> Object | list[Object] | None:
        """One request to a server's API."""
        url = powerdns.place_of(self._layout, server).url
        answer: Object | list[Object] | None = powerdns.call(url, method, path, body)
        return answer

    def create_zone(self, name: str, *servers: str) -> None:
        """Have servers serve an empty zone, in which all of them stand as its name servers."""
        hosts = tuple(host for host, server in PARENTS.items() if server in servers) or ("ns1.lab.test",)
        for server in servers:
            self.call(server, "POST", "/zones?rrsets=false", powerdns.zone(name, hosts))

    def delete_zone(self, name: str, *servers: str) -> None:
        """Deleting what is gone is fine."""
        for server in servers:
            try:
                self.call(server, "DELETE", f"/zones/{name}.")
            except urllib.error.HTTPError as error:
                if error.code != 404:
                    raise

    def copy_zone(self, name: str, source: str, target: str) -> None:
        """Have `target` serve a zone as `source` does: what a registry does for its second server, sooner or later."""
        zone = self.call(source, "GET", f"/zones/{name}.")
        assert isinstance(zone, dict)
        self.delete_zone(name, target)
        copied = {key: zone[key] for key in ("name", "kind", "account", "rrsets")}
        self.call(target, "POST", "/zones?rrsets=false", {**copied, "nameservers": []})

    def replace(self, server: str, zone: str, name: str, type_: str, *values: str) -> None:
        """Set a record set as somebody else would, or remove it without values."""
        records = [{"content": value, "disabled": False} for value in values]
        kind = {"changetype": "REPLACE", "ttl": 60, "records": records} if values else {"changetype": "DELETE"}
        self.call(server, "PATCH", f"/zones/{zone}.", {"rrsets": [{"name": f"{name}.", "type": type_, **kind}]})

    def snapshot(self, server: str) -> Snapshot:
        """All that a server holds, to compare."""
        listed = self.call(server, "GET", "/zones")
        assert isinstance(listed, list)
        return {zone["name"]: self._zone(server, zone["name"]) for zone in listed}

    def _zone(self, server: str, name: str) -> tuple[str, dict[tuple[str, str], tuple[str, ...]]]:
        zone = self.call(server, "GET", f"/zones/{name}")
        assert isinstance(zone, dict)
        sets = {
            (rrset["name"], rrset["type"]): tuple(sorted(record["content"] for record in rrset["records"]))
            for rrset in zone["rrsets"]
            if rrset["type"] != "SOA"
        }
        return str(zone.get("account", "")), sets

    @contextmanager
    def stopped(self, server: str) -> Iterator[None]:
        """Without this server; it comes back with what it had."""
        processes.stop(self._layout, server, grace=5)
        try:
            yield
        finally:
            lifecycle.restart(self._layout, Timeline(), server)
