"""What Hetzner's metadata service tells a server."""

from __future__ import annotations

from dataclasses import dataclass, field

import yaml

from e2e.boot.layout import GATEWAY, PUBLIC_NIC, public_address
from e2e.boot.serving import Answer, Request

PREFIX = "/hetzner/v1/"


@dataclass(frozen=True)
class Told:
    """Of one server."""

    name: str
    number: int
    instance: int
    """Its id: cloud-init takes a server with another one for another server."""
    user_data: str = field(repr=False)

    def answer(self, request: Request) -> Answer:
        texts = {"metadata": self._document(), "userdata": self.user_data, "metadata/instance-id": str(self.instance)}
        found = texts.get(request.path.removeprefix(PREFIX).rstrip("/"))
        return Answer(404, b"not found") if found is None else Answer(200, found.encode())

    def _document(self) -> str:
        subnet = {"type": "dhcp", "ipv4": True, "dns_nameservers": [GATEWAY]}
        network = {"version": 1, "config": [{"type": "physical", "name": PUBLIC_NIC, "subnets": [subnet]}]}
        return yaml.safe_dump(
            {
                "availability-zone": "fsn1-dc14",
                "hostname": self.name,
                "instance-id": self.instance,
                "local-ipv4": "",
                "network-config": network,
                "public-ipv4": public_address(self.number),
                "public-keys": [],
                "region": "eu-central",
                "vendor_data": "",
            }
        )
