"""Telling of objects that this version cannot read: in their status, for the log is not where their owners look."""

from __future__ import annotations

import logging
from collections.abc import Hashable
from datetime import datetime, timedelta

from pydantic import ValidationError

from catalyst_operator.adapters.kube import Kind, Kube, Object
from catalyst_operator.api import labels
from catalyst_operator.clock import Clock
from catalyst_operator.core.redact import all_visible
from catalyst_operator.core.telling import unreadable

log = logging.getLogger(__name__)

ROLLOUT = timedelta(minutes=10)
"""So long an operator may act beside the manifests of a newer one, which is about to take over: Kubernetes' own time
for a rollout."""


class Unreadables:
    """Those of one kind."""

    def __init__(self, client: Kube, kind: Kind, name: str, runbook_url: str, clock: Clock) -> None:
        self._kube = client
        self._kind = kind
        self._name = name
        self._runbook_url = runbook_url
        self._clock = clock
        self._since: dict[Hashable, datetime] = {}

    async def tell(self, key: Hashable, raw: Object, error: ValidationError) -> timedelta | None:
        """Write why nothing is done into the status of `raw`, unless it says so already. What only a newer version
        knows is told once a rollout would be over: returns when to look again. Raises Conflict."""
        found = unreadable.unreadable(error)
        log.error("%s %s is not valid for this version; nothing is done for it: %s", self._name, key, found.why)
        now = self._clock()
        since = self._since.setdefault(key, now)
        if found.newer and now < since + ROLLOUT:
            return since + ROLLOUT - now
        told = all_visible(unreadable.status(raw, found, self._runbook_url, now))
        if told != raw.get("status"):
            kept = {
                name: raw["metadata"][name]
                for name in ("name", "namespace", "resourceVersion")
                if name in raw["metadata"]
            }
            manifest = {"apiVersion": labels.API_VERSION, "kind": self._name, "metadata": kept, "status": told}
            await self._kube.apply_status(self._kind, manifest)
        return None

    def forget(self, key: Hashable) -> None:
        """It can be read again, or is gone."""
        self._since.pop(key, None)
