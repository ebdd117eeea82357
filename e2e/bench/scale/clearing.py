"""Taking thousands of Sovereigns away again.

Not as a person would: the operator would take one leave after the other, and Kubernetes' own controller some sixty
requests for each of thousands of namespaces. What nobody needs any more is taken out of the lab's etcd, by the
beginnings of names that only this section gives; the API server tells its watchers as of any other deletion.
"""

from __future__ import annotations

import base64
import json
import urllib.request

from e2e.bench.scale.making import NAME
from e2e.lab.cluster import ETCD_URL

SECONDS = 60
KINDS = (
    "catalyst.openova.io/sovereigns",
    "configmaps",
    "secrets",
    "serviceaccounts",
    "rolebindings",
    "networkpolicies",
    "leases",
    "events",
    "pods",
    "jobs",
    "namespaces",
)
"""As the API server files them, namespaces last: until then everything is where somebody expects it."""
BEGINNINGS = (NAME, f"sov-{NAME}")


def clear() -> int:
    """Take away whatever this section has made, that of one that was killed included. Returns how many objects."""
    return sum(_delete(f"/registry/{kind}/{beginning}") for kind in KINDS for beginning in BEGINNINGS)


def _delete(prefix: str) -> int:
    body = {"key": _coded(prefix), "range_end": _coded(after(prefix))}
    request = urllib.request.Request(f"{ETCD_URL}/v3/kv/deleterange", json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:
        return int(json.load(answer).get("deleted", 0))


def after(prefix: str) -> str:
    """The first key behind all that begin so."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


def _coded(key: str) -> str:
    return base64.b64encode(key.encode()).decode()
