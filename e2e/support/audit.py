"""The API server's audit log: who wrote what. It keeps every write request, so that silence can be proven."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from e2e.lab.layout import Layout

OPERATOR = "system:serviceaccount:catalyst-system:catalyst-operator"
POD_UID = "authentication.kubernetes.io/pod-uid"
LEASE = "/namespaces/catalyst-system/leases/catalyst-operator"


def of_operator(since: datetime) -> list[str]:
    """What the operator wrote, but for the Lease that it renews all the time."""
    return [write for write in writes(OPERATOR, since) if LEASE not in write]


def of_pod(uid: str, since: datetime) -> list[str]:
    """The same of one Pod of it alone."""
    found = (event for event in _events() if uid in (event["user"].get("extra") or {}).get(POD_UID, ()))
    return [write for write in _told(found, since) if LEASE not in write]


def writes(user: str, since: datetime) -> list[str]:
    """`verb uri` of each write request of a user that completed since then."""
    return _told((event for event in _events() if event["user"]["username"] == user), since)


def _told(events: Iterable[dict[str, Any]], since: datetime) -> list[str]:
    return [
        f"{event['verb']} {event['requestURI']}"
        for event in events
        if datetime.fromisoformat(event["stageTimestamp"]) >= since
    ]


def _events() -> Iterator[dict[str, Any]]:
    with Layout.of_checkout().audit_log.open(encoding="utf-8") as log:
        for line in log:
            # The last line may still be in the writing.
            if line.endswith("\n"):
                yield json.loads(line)
