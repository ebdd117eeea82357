"""The emulator's lab endpoints: projects, inventory, faults. Only the lab has them; the product never asks."""

from __future__ import annotations

import json
import secrets
import string
import urllib.parse
import urllib.request
from typing import Any

from e2e.lab.layout import HCLOUD_URL

ALPHABET = string.ascii_letters + string.digits
Object = dict[str, Any]


def new_token() -> str:
    """64 letters and digits, as Hetzner's are."""
    return "".join(secrets.choice(ALPHABET) for _ in range(64))


class Project:
    """One project of the emulated cloud, known by its token."""

    def __init__(self, *, readonly: bool = False, **limits: int) -> None:
        self.token = new_token()
        call("POST", "/_lab/projects", {"token": self.token, "readonly": readonly, "limits": limits})

    def inventory(self) -> dict[str, list[Object]]:
        """All objects of the project, by kind; kinds without objects are left out."""
        found = call("GET", f"/_lab/inventory?{urllib.parse.urlencode({'token': self.token})}")
        return {kind: objects for kind, objects in found.items() if objects}


def call(method: str, path: str, body: Object | None = None) -> Any:
    """One request to the emulator."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        HCLOUD_URL + path, data=data, method=method, headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=20) as response:
        return json.loads(response.read() or b"null")
