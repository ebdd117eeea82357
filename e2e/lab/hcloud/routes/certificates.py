"""Certificates of load balancers: uploaded, or managed by the cloud. None of them is one that anybody would accept."""

from __future__ import annotations

from typing import Literal

from e2e.lab.hcloud.cloud import NO_CONTENT, Call, Reply, Request, Route
from e2e.lab.hcloud.errors import ApiError, invalid_field
from e2e.lab.hcloud.kinds import Kind, common_routes, remove_later
from e2e.lab.hcloud.labels import check_labels
from e2e.lab.hcloud.store import Object
from e2e.lab.hcloud.times import rfc3339

_DAYS_90 = 90 * 24 * 3600


def render(call: Call, item: Object) -> Object:
    managed = item["type"] == "managed"
    return {
        "id": item["id"],
        "name": item["name"],
        "labels": item["labels"],
        "type": item["type"],
        "certificate": item["certificate"],
        "created": rfc3339(item["created"]),
        "not_valid_before": rfc3339(item["created"]),
        "not_valid_after": rfc3339(item["created"] + _DAYS_90),
        "domain_names": item["domain_names"],
        "fingerprint": "",
        "status": {"issuance": "completed", "renewal": "scheduled", "error": None} if managed else None,
        "used_by": [{"id": number, "type": "load_balancer"} for number in _users(call, item["id"])],
    }


def _users(call: Call, number: int) -> list[int]:
    """The load balancers that have it in a service."""
    return [
        balancer["id"]
        for balancer in call.all("load_balancers")
        if any(number in (service.get("http") or {}).get("certificates", ()) for service in balancer["services"])
    ]


KIND = Kind("certificates", "certificate", render)


class Create(Request):
    name: str
    type: Literal["uploaded", "managed"] = "uploaded"
    certificate: str | None = None
    private_key: str | None = None
    domain_names: list[str] = []
    labels: dict[str, str] | None = None


def _create(call: Call) -> Reply:
    wanted = call.parse(Create)
    if wanted.type == "uploaded" and not (wanted.certificate and wanted.private_key):
        raise invalid_field("certificate", "certificate and private_key are required for type uploaded")
    if wanted.type == "managed" and not wanted.domain_names:
        raise invalid_field("domain_names", "is required for type managed")
    number = call.store.next_id("certificates")
    item: Object = {
        "id": number,
        "project": call.project,
        "name": KIND.check_name(call, wanted.name),
        "type": wanted.type,
        "certificate": wanted.certificate,
        "domain_names": wanted.domain_names,
        "labels": check_labels(wanted.labels),
        "created": call.cloud.clock(),
    }
    call.store.save("certificates", item)
    action = call.quick("create_certificate", ("certificate", number)) if wanted.type == "managed" else None
    return Reply({**KIND.wrap(call, item), "action": action}, 201)


def _delete(call: Call) -> Reply:
    item = KIND.from_path(call)
    if _users(call, item["id"]):
        raise ApiError("resource_in_use", "certificate is used by a load balancer")
    remove_later(call, KIND, item)
    return NO_CONTENT


ROUTES = [
    Route("POST", "/certificates", _create),
    *common_routes(KIND, delete=False),
    Route("DELETE", "/certificates/{id}", _delete),
]
