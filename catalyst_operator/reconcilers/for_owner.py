"""Doing, as far as it is written for the owner to read, in the owner's namespace: plans and receipts."""

from __future__ import annotations

import json
import logging
from typing import Any

from catalyst_operator.adapters.kube import Kube
from catalyst_operator.core import actions, manifests
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.redact import readable
from catalyst_operator.errors import NotFound, Refused

log = logging.getLogger(__name__)
MAX_PLAN = 256 * 1024
"""Bytes of a plan's text; a ConfigMap takes four times that."""


class ForOwner:
    """Carries out the actions that tell the owner of one observation something."""

    def __init__(self, client: Kube, o: Observation) -> None:
        self._kube = client
        self._o = o

    async def run(self, action: actions.PublishPlan | actions.WriteReceipt) -> None:
        """Raises ApiError."""
        match action:
            case actions.PublishPlan(job=name, digest=digest):
                await self._plan(name, digest)
            case actions.WriteReceipt(content=content):
                await self._receipt(content)

    async def _plan(self, name: str, digest: str) -> None:
        """What the gate logged. A log that is gone, as after an eviction, does not hold up the approval."""
        space, pod = self._o.run_namespace, self._o.pod_of(name)
        try:
            text = await self._kube.log(space, pod.name, "plan-gate", limit_bytes=MAX_PLAN) if pod else ""
        except (NotFound, Refused) as error:
            log.warning("%s: no text of the plan of %s: %s", space, name, error)
            text = ""
        told = readable(text, MAX_PLAN) or f"The log of {name} is gone, and with it the text of the plan. Plan again."
        await self._kube.apply(manifests.plan(self._o.sovereign, digest, told))

    async def _receipt(self, content: dict[str, Any]) -> None:
        sovereign = self._o.sovereign
        try:
            await self._kube.apply(manifests.receipt(sovereign, json.dumps(content, indent=1)))
        except (NotFound, Refused) as error:
            # The owner's namespace may itself be on its way out: that must not keep the Sovereign.
            log.warning("%s/%s: receipt not written: %s", sovereign.metadata.namespace, sovereign.metadata.name, error)
