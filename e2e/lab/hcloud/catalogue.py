"""What can be ordered, read from `catalogue.yaml` and shaped as the API shows it."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from importlib.resources import files
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field

from e2e.lab.hcloud.errors import invalid_field
from e2e.lab.hcloud.store import Object

_HOURS_PER_MONTH = Decimal(730)
_DIGITS = Decimal("0.0000000001")
_RETIREMENT = {"announced": "2025-10-16T00:00:00+00:00", "unavailable_after": "2026-01-01T00:00:00+00:00"}
"""Of what the lab retires while the emulator runs: any dates that are over."""


class OfferChange(BaseModel):
    """A change of the offer while the emulator runs."""

    model_config = ConfigDict(extra="forbid")

    server_type: str
    location: str
    available: bool | None = None
    retired: bool | None = None
    monthly: str | None = Field(None, pattern=r"^\d+\.\d{2}$")


def price(net: str) -> dict[str, str]:
    """A price as the API writes it. Without value-added tax, net and gross are the same."""
    exact = str(Decimal(net).quantize(_DIGITS))
    return {"net": exact, "gross": exact}


def _prices(monthly: dict[str, str]) -> list[Object]:
    return [
        {
            "location": location,
            "price_hourly": price(str(Decimal(net) / _HOURS_PER_MONTH)),
            "price_monthly": price(net),
            "included_traffic": 20 * 1024**4,
            "price_per_tb_traffic": price("1.00"),
        }
        for location, net in monthly.items()
    ]


class Catalogue:
    """The offer, each list in the API's own shape and in the order of the file."""

    def __init__(self, text: str | None = None) -> None:
        raw = yaml.safe_load(text or files(__package__).joinpath("catalogue.yaml").read_text("utf-8"))
        self._groups: dict[str, list[str]] = raw["groups"]
        self._retirements: dict[str, Object] = raw["retirements"]
        self.locations: list[Object] = raw["locations"]
        self.server_types = [self._server_type(entry) for entry in raw["server_types"]]
        self.load_balancer_types = [self._load_balancer_type(entry) for entry in raw["load_balancer_types"]]
        self.images = [self._image(entry) for entry in raw["images"]]
        self.pricing = self._pricing(raw["pricing"])

    def location(self, name: str | int) -> Object | None:
        return find(self.locations, name)

    def server_type(self, name: str | int) -> Object | None:
        return find(self.server_types, name)

    def load_balancer_type(self, name: str | int) -> Object | None:
        return find(self.load_balancer_types, name)

    def image(self, name: str | int, architecture: str) -> Object | None:
        """The image by id, or by name for an architecture."""
        fitting = [image for image in self.images if image["architecture"] == architecture]
        return find(self.images if isinstance(name, int) else fitting, name)

    def change_offer(self, change: OfferChange) -> None:
        """Change what a server type costs in a location, whether it can be had there now, or at all any more."""
        server_type = self.server_type(change.server_type)
        offer = offer_in(server_type, change.location) if server_type else None
        if server_type is None or offer is None:
            raise invalid_field("server_type", f"'{change.server_type}' is not offered in '{change.location}'")
        if change.retired is not None:
            offer["deprecation"] = _RETIREMENT if change.retired else None
            offer["available"] = offer["recommended"] = not change.retired
        if change.available is not None:
            offer["available"] = offer["recommended"] = change.available
        if change.monthly is not None:
            others = [entry for entry in server_type["prices"] if entry["location"] != change.location]
            server_type["prices"] = [*others, *_prices({change.location: change.monthly})]

    def _expand(self, groups: Iterable[str]) -> list[str]:
        return [place for name in groups for place in self._groups[name]]

    def _server_type(self, entry: Object) -> Object:
        offers, retired = self._expand(entry.get("offers", [])), self._expand(entry.get("retired", []))
        sold_out = self._expand(entry.get("sold_out", []))
        retirement = self._retirements.get(entry.get("retirement", ""))
        monthly = {place: net for group, net in entry["monthly"].items() for place in self._groups[group]}
        return {
            "id": entry["id"],
            "name": entry["name"],
            "description": entry["name"].upper(),
            "category": entry["category"],
            "cores": entry["cores"],
            "memory": float(entry["memory"]),
            "disk": entry["disk"],
            "deprecated": not offers,
            "deprecation": None if offers else retirement,
            "prices": _prices({place: monthly.get(place, "0.00") for place in (*offers, *retired)}),
            "storage_type": "local",
            "cpu_type": entry.get("cpu", "shared"),
            "architecture": entry.get("architecture", "x86"),
            "included_traffic": 0,
            "locations": [self._offer(place, place not in sold_out, None) for place in offers]
            + [self._offer(place, False, retirement) for place in retired],
        }

    def _offer(self, place: str, available: bool, retirement: Object | None) -> Object:
        location = self.location(place)
        assert location is not None, f"catalogue.yaml names the unknown location {place}"
        return {
            "id": location["id"],
            "name": place,
            "recommended": available,
            "available": available,
            "deprecation": retirement,
        }

    def _load_balancer_type(self, entry: Object) -> Object:
        return {
            "id": entry["id"],
            "name": entry["name"],
            "description": entry["name"].upper(),
            "max_connections": entry["max_connections"],
            "max_services": entry["max_services"],
            "max_targets": entry["max_targets"],
            "max_assigned_certificates": entry["max_certificates"],
            "deprecated": None,
            "deprecation": None,
            "prices": _prices({location["name"]: entry["monthly"] for location in self.locations}),
        }

    @staticmethod
    def _image(entry: Object) -> Object:
        deprecated = entry.get("deprecated")
        return {
            "id": entry["id"],
            "type": "system",
            "status": "available",
            "name": entry["name"],
            "description": entry["name"].replace("-", " ").title(),
            "image_size": None,
            "disk_size": 5.0,
            "created": "2024-04-25T13:26:27+00:00",
            "created_from": None,
            "bound_to": None,
            "os_flavor": entry["os_flavor"],
            "os_version": entry["os_version"],
            "architecture": entry["architecture"],
            "rapid_deploy": True,
            "protection": {"delete": False},
            "deprecated": deprecated,
            "deprecation": {"announced": deprecated, "unavailable_after": deprecated} if deprecated else None,
            "deleted": None,
            "labels": {},
        }

    def _pricing(self, raw: Object) -> Object:
        def by_type(types: list[Object]) -> list[Object]:
            return [{key: entry[key] for key in ("id", "name", "prices")} for entry in types]

        ipv4 = _prices({location["name"]: raw["primary_ipv4"] for location in self.locations})
        zero = price("0.00")
        return {
            "currency": raw["currency"],
            "vat_rate": raw["vat_rate"],
            "image": {"price_per_gb_month": zero},
            "floating_ip": {"price_monthly": zero},
            "floating_ips": [],
            "primary_ips": [
                {
                    "type": "ipv4",
                    "prices": [{k: p[k] for k in ("location", "price_hourly", "price_monthly")} for p in ipv4],
                }
            ],
            "traffic": {"price_per_tb": zero},
            "server_backup": {"percentage": "20.00"},
            "server_types": by_type(self.server_types),
            "load_balancer_types": by_type(self.load_balancer_types),
            "volume": {"price_per_gb_month": zero},
        }


def find(entries: list[Object], name: str | int) -> Object | None:
    """The entry with this id or name. A string of digits is an id, as everywhere in the API."""
    if isinstance(name, str) and name.isdigit():
        name = int(name)
    key = "id" if isinstance(name, int) else "name"
    return next((entry for entry in entries if entry[key] == name), None)


def offer_in(server_type: Object, location: str) -> dict[str, Any] | None:
    """How a server type is offered in a location; None where it never was."""
    return next((offer for offer in server_type["locations"] if offer["name"] == location), None)
