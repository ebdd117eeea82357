"""SSH keys: unique by name and by fingerprint within a project."""

from __future__ import annotations

import base64
import binascii
import hashlib

from e2e.lab.hcloud.cloud import Call, Reply, Request, Route
from e2e.lab.hcloud.errors import ApiError, invalid_field
from e2e.lab.hcloud.kinds import Kind, common_routes
from e2e.lab.hcloud.labels import check_labels
from e2e.lab.hcloud.store import Object
from e2e.lab.hcloud.times import rfc3339


def render(_call: Call, key: Object) -> Object:
    return {
        "id": key["id"],
        "name": key["name"],
        "fingerprint": key["fingerprint"],
        "public_key": key["public_key"],
        "labels": key["labels"],
        "created": rfc3339(key["created"]),
    }


KIND = Kind("ssh_keys", "ssh_key", render, "SSH key")


class Create(Request):
    name: str
    public_key: str
    labels: dict[str, str] | None = None


def fingerprint(public_key: str) -> str:
    """The MD5 fingerprint of an OpenSSH public key in colon notation, as the API shows it."""
    parts = public_key.split()
    try:
        blob = base64.b64decode(parts[1], validate=True)
        kind = blob[4 : 4 + int.from_bytes(blob[:4], "big")]
    except (IndexError, binascii.Error):
        raise invalid_field("public_key", "is not a valid OpenSSH public key") from None
    if kind.decode("ascii", "replace") != parts[0]:
        raise invalid_field("public_key", "is not a valid OpenSSH public key")
    return hashlib.md5(blob, usedforsecurity=False).digest().hex(":")


def _create(call: Call) -> Reply:
    wanted = call.parse(Create)
    mark = fingerprint(wanted.public_key)
    if any(key["fingerprint"] == mark for key in call.all("ssh_keys")):
        raise ApiError("uniqueness_error", "SSH key with the same fingerprint already exists")
    key = {
        "id": call.store.next_id("ssh_keys"),
        "project": call.project,
        "name": KIND.check_name(call, wanted.name),
        "fingerprint": mark,
        "public_key": wanted.public_key.strip(),
        "labels": check_labels(wanted.labels),
        "created": call.cloud.clock(),
    }
    call.store.save("ssh_keys", key)
    return Reply(KIND.wrap(call, key), 201)


ROUTES = [Route("POST", "/ssh_keys", _create), *common_routes(KIND, filters=("fingerprint",))]
