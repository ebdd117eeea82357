"""One operator acts at a time: the Lease that says which, and until when.

As client-go's leader election does it: whoever holds the Lease renews it, and whoever waits counts from when it last
saw it change, by its own clock, so that no two clocks have to agree. The holder stops before another may begin: it may
act for two thirds of the Lease's duration after a renewal, and another takes the Lease only after all of it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

from catalyst_operator.adapters import kube
from catalyst_operator.adapters.kube import Kube, Object
from catalyst_operator.api import labels
from catalyst_operator.clock import Clock
from catalyst_operator.errors import ApiError, Conflict, LeaseLost

log = logging.getLogger(__name__)
NAME = labels.OPERATOR_NAME
MICROSECONDS = "%Y-%m-%dT%H:%M:%S.%fZ"


class Lease:
    """Held by at most one `identity`. `elapsed` counts seconds and never goes back."""

    def __init__(
        self,
        client: Kube,
        namespace: str,
        identity: str,
        duration: timedelta,
        clock: Clock,
        elapsed: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._kube = client
        self._namespace = namespace
        self._identity = identity
        self._duration = duration.total_seconds()
        self._clock = clock
        self._elapsed = elapsed
        self._sleep = sleep
        self._pause = self._duration / 5
        self._may_act = self._duration * 2 / 3
        self._renewed: float | None = None
        """When the last renewal that succeeded was begun; None while it is not ours."""
        self._version = ""
        self._seen = ("", 0.0)
        """Version of another's Lease, and when that was first seen."""
        self._words = "The operator is starting."

    def standing(self) -> tuple[bool, str]:
        """Whether this operator acts, and a sentence for people."""
        return self._renewed is not None, self._words

    def check(self) -> None:
        """Raises LeaseLost unless the Lease is ours for certain."""
        if not self._left:
            raise LeaseLost(f"the Lease {self._where} was not renewed in time: another operator may act by now")

    async def acquire(self) -> None:
        """Wait until it is ours."""
        while not await self._take():
            await self._sleep(self._pause)
        self._say(f"This operator acts: it holds the Lease {self._where}.")

    async def keep(self) -> None:
        """Renew it for ever. Raises LeaseLost once that cannot be done, or another has it."""
        while True:
            await self._sleep(min(self._pause, self._left))
            self.check()
            await self._renew()

    async def release(self) -> None:
        """Let the next one begin at once."""
        if self._renewed is not None:
            self._renewed = None
            with suppress(ApiError):
                await self._write({"holderIdentity": None})

    @property
    def _left(self) -> float:
        """For how many seconds it is ours without another renewal."""
        return 0.0 if self._renewed is None else max(0.0, self._renewed + self._may_act - self._elapsed())

    @property
    def _where(self) -> str:
        return f"{self._namespace}/{NAME}"

    async def _take(self) -> bool:
        began = self._elapsed()
        try:
            found = await self._kube.find(kube.LEASES, self._namespace, NAME)
            if found is None:
                made = await self._kube.create(self._manifest())
            elif self._is_free(found):
                self._version = found["metadata"]["resourceVersion"]
                transitions = int((found.get("spec") or {}).get("leaseTransitions") or 0) + 1
                made = await self._write({**self._spec(), "acquireTime": self._now(), "leaseTransitions": transitions})
            else:
                return False
        except ApiError as error:
            self._say(f"This operator waits: the Lease {self._where} could not be taken: {error}")
            return False
        self._version, self._renewed = made["metadata"]["resourceVersion"], began
        return True

    def _is_free(self, found: Object) -> bool:
        spec = found.get("spec") or {}
        holder = spec.get("holderIdentity") or ""
        if holder in ("", self._identity):
            return True
        version = kube.version_of(found)
        if version != self._seen[0]:
            self._seen = (version, self._elapsed())
        if self._elapsed() >= self._seen[1] + float(spec.get("leaseDurationSeconds") or self._duration):
            log.warning("%s did not renew the Lease %s: this operator takes over.", holder, self._where)
            return True
        self._say(
            f"This operator waits and does nothing: {holder} holds the Lease {self._where}. It takes over when that "
            "one ends, or does not renew the Lease any more."
        )
        return False

    async def _renew(self) -> None:
        began = self._elapsed()
        try:
            async with asyncio.timeout(min(self._pause, self._left)):
                made = await self._write(self._spec())
        except Conflict:
            await self._look_whose()
        except (ApiError, TimeoutError) as error:
            log.warning("the Lease %s was not renewed: %s", self._where, error or "no answer")
        else:
            self._version, self._renewed = made["metadata"]["resourceVersion"], began

    async def _look_whose(self) -> None:
        """Somebody wrote it. A renewal of our own whose answer was lost is no reason to stop."""
        try:
            found = await self._kube.get(kube.LEASES, self._namespace, NAME)
        except ApiError as error:
            log.warning("the Lease %s cannot be read: %s", self._where, error)
            return
        holder = (found.get("spec") or {}).get("holderIdentity")
        if holder != self._identity:
            self._renewed = None
            raise LeaseLost(f"the Lease {self._where} is {holder or 'nobody'}'s now")
        self._version = found["metadata"]["resourceVersion"]

    async def _write(self, spec: Object) -> Object:
        patch: Object = {"metadata": {"resourceVersion": self._version}, "spec": spec}
        return await self._kube.merge(kube.LEASES, self._namespace, NAME, patch)

    def _manifest(self) -> Object:
        spec = {**self._spec(), "acquireTime": self._now(), "leaseTransitions": 0}
        meta = {"name": NAME, "namespace": self._namespace}
        return {"apiVersion": kube.LEASES.api_version, "kind": "Lease", "metadata": meta, "spec": spec}

    def _spec(self) -> Object:
        seconds = max(1, round(self._duration))
        return {"holderIdentity": self._identity, "leaseDurationSeconds": seconds, "renewTime": self._now()}

    def _now(self) -> str:
        return self._clock().strftime(MICROSECONDS)

    def _say(self, words: str) -> None:
        if words != self._words:
            log.info("%s", words)
        self._words = words
