"""The emulated cloud as the stories see it: projects, what is in them, faults, offers, servers that boot.

What the lab adds to the API is only for the lab; the product never asks for it.
"""

from __future__ import annotations

import json
import secrets
import string
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from e2e.lab.layout import HCLOUD_URL, Layout

ALPHABET = string.ascii_letters + string.digits
Object = dict[str, Any]
Inventory = dict[str, list[Object]]


def new_token() -> str:
    """64 letters and digits, as Hetzner's are."""
    return "".join(secrets.choice(ALPHABET) for _ in range(64))


class Project:
    """One project of the emulated cloud, known by its token. With `boots`, its servers become real control planes."""

    def __init__(self, *, readonly: bool = False, boots: bool = False, **limits: int) -> None:
        self.token = new_token()
        self._readonly, self._boots = readonly, boots
        self.name = self.limit(**limits)

    def limit(self, **limits: int) -> str:
        """Set the project's limits; what is not named has none. Returns the project's name."""
        body = {"token": self.token, "readonly": self._readonly, "limits": limits, "boots": self._boots}
        return str(call("POST", "/_lab/projects", body)["project"])

    def inventory(self) -> Inventory:
        """All objects of the project, by kind; kinds without objects are left out."""
        found = call("GET", f"/_lab/inventory?{urllib.parse.urlencode({'token': self.token})}")
        return {kind: objects for kind, objects in found.items() if objects}

    def writes(self) -> list[Object]:
        """Every request so far that would change something: method, path, status, name, oldest first."""
        return [entry for entry in call("GET", "/_lab/requests")["requests"] if entry["project"] == self.name]

    def request(self, method: str, path: str, body: Object | None = None) -> Any:
        """What anyone who has the project's token can do."""
        return call(method, f"/v1{path}", body, token=self.token)

    def fault(self, effect: Object, *, after: int = 0, times: int | None = 1, **match: str) -> Fault:
        """Something that goes wrong in this project only; see `e2e.lab.hcloud.faults`. `times` None is for ever."""
        body = {"match": {**match, "project": self.name}, "effect": effect, "after": after, "times": times}
        return Fault(call("POST", "/_lab/faults", body)["fault"]["id"])

    def tripwire(self, method: str, path: str, *, nth: int = 1, **effect: Any) -> Fault:
        """Is struck by the nth request to a path (a regular expression), to which nothing happens but `effect`."""
        return self.fault(effect, after=nth - 1, method=method, path=path)

    # --- of a project whose servers boot ---

    def boot_fault(self, match: str = ".*", **effect: Any) -> None:
        """Let something go wrong when servers boot whose names `match`: see `e2e.lab.hcloud.boot.boots.BootEffect`."""
        call("POST", "/_lab/boots", {"project": self.name, "match": match, "effect": effect})

    def clear_boot_faults(self) -> None:
        """Take them back; what they held back goes on."""
        call("DELETE", "/_lab/boots", {"project": self.name})

    def kit_faults(self, **faults: Any) -> None:
        """What goes wrong on the project's clusters, now and later: see `e2e.lab.standins.faults`."""
        call("POST", "/_lab/kit_faults", {"project": self.name, "faults": faults})

    def api(self, action: str, server: str | None = None) -> None:
        """`stop`, `start`, `restart` a server's API server; `cut` it off without notice, `mend` that."""
        call("POST", f"/_lab/servers/{self.server(server)['id']}/api", {"action": action})

    def server(self, name: str | None = None) -> Object:
        """The server of this name; without one, the first control plane."""
        servers = self.inventory().get("servers", [])
        return next(item for item in servers if name == item["name"] or (name is None and is_first(item["name"])))

    def kubeconfig(self, server: str | None = None) -> Path:
        """An administrator's, for a control plane's own API server; there once that is about to start."""
        return Layout.of_checkout().clusters / str(self.server(server)["name"]) / "kubeconfig"

    def end_servers(self) -> None:
        """End what runs on the project's servers, for good. The cloud's objects stay: destroying is another subject."""
        call("POST", "/_lab/discard", {"project": self.name})

    def boot_log(self, server: str | None = None) -> str:
        """What a server's boot has said so far; empty before its start."""
        file = Layout.of_checkout().log / "servers" / f"{self.server(server)['name']}.log"
        return file.read_text() if file.exists() else ""


def is_first(server: str) -> bool:
    """Whether a server of this name begins its cluster."""
    return server.endswith("-control-plane-0")


@dataclass(frozen=True)
class Fault:
    """A fault that the emulator knows of."""

    id: int

    @property
    def struck(self) -> int:
        """How many requests it has struck; a delayed one counts from its beginning."""
        return next(int(known["struck"]) for known in call("GET", "/_lab/faults")["faults"] if known["id"] == self.id)


def clear_faults() -> None:
    """Forget the faults of all projects, those of boots included."""
    call("DELETE", "/_lab/faults")
    call("DELETE", "/_lab/boots")


@contextmanager
def changed_offer(server_type: str, location: str, **change: Any) -> Iterator[None]:
    """Change how a server type is offered, in all projects, and put it back: take one that no other story orders."""
    offer = {"server_type": server_type, "location": location}
    before = _offer(server_type, location)
    call("POST", "/_lab/offers", {**offer, **change})
    try:
        yield
    finally:
        call("POST", "/_lab/offers", {**offer, **before})


def _offer(server_type: str, location: str) -> Object:
    """How a type that is not retired is offered now."""
    found = Project().request("GET", f"/server_types?name={server_type}")["server_types"][0]
    available = next(entry["available"] for entry in found["locations"] if entry["name"] == location)
    net = next(entry["price_monthly"]["net"] for entry in found["prices"] if entry["location"] == location)
    return {"retired": False, "available": available, "monthly": f"{Decimal(net):.2f}"}


def user_data(server_id: int) -> str:
    """What a server was ordered with, as it was sent."""
    return _send("GET", f"/_lab/servers/{server_id}/user_data").decode()


def call(method: str, path: str, body: Object | None = None, *, token: str | None = None) -> Any:
    """One request to the emulator, and its answer's JSON."""
    return json.loads(_send(method, path, body, token) or b"null")


def _send(method: str, path: str, body: Object | None = None, token: str | None = None) -> bytes:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(HCLOUD_URL + path, data=data, method=method, headers=headers)
    with urllib.request.urlopen(request, timeout=20) as response:
        content: bytes = response.read()
    return content
