"""One operator acts at a time: the Lease that says which, and until when.

How it is judged is in core/leadership/election.py. The client's own election (kubernetes.aio.leaderelection) would not
do: it goes by the time of day, counts a renewal from its answer, gives a request five minutes, lets an error of the
connection end it, and releases nothing.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

from catalyst_operator.adapters import kube
from catalyst_operator.adapters.kube import Kube, Object
from catalyst_operator.api import labels
from catalyst_operator.clock import Clock, elapsed
from catalyst_operator.core.leadership.election import MISSING, FoundLease, LeaseState, Sighting, Terms, judge
from catalyst_operator.errors import ApiError, Conflict, LeaseLost

log = logging.getLogger(__name__)
NAME = labels.OPERATOR_NAME
MICROSECONDS = "%Y-%m-%dT%H:%M:%S.%fZ"
LEASE_PATIENCE = 2
"""Pauses that a request may take: two in a row may fail before the Lease is lost."""


class Lease:
    """Held by at most one `identity`. `elapsed` counts seconds, never goes back and does not stand still."""

    def __init__(
        self,
        client: Kube,
        namespace: str,
        identity: str,
        duration: timedelta,
        clock: Clock,
        elapsed: Callable[[], float] = elapsed,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._kube = client
        self._namespace = namespace
        self._identity = identity
        self._terms = Terms(duration.total_seconds())
        self._clock = clock
        self._elapsed = elapsed
        self._sleep = sleep
        self._renewed: float | None = None
        """When the last renewal that succeeded was begun; None while it is not ours."""
        self._version = ""
        self._seen: Sighting | None = None
        self._looked: float | None = None
        """When the Lease was read for the last time."""
        self._words = "The operator is starting."

    def left(self) -> float:
        """For how many seconds it is ours without another renewal; 0 while it is not. May be asked by any thread."""
        return self._terms.left(self._renewed, self._elapsed())

    def check(self) -> float:
        """As `left`. Raises LeaseLost unless the Lease is ours for certain."""
        left = self.left()
        if not left:
            raise LeaseLost(f"the Lease {self._where} was not renewed in time: another operator may act by now")
        return left

    def standing(self) -> tuple[bool, str]:
        """Whether this operator acts or could take over at once, which takes a Lease that it can read; and a sentence
        for people."""
        waits = self._looked is not None and self._elapsed() - self._looked < self._terms.duration
        return bool(self.left()) or (self._renewed is None and waits), self._words

    async def acquire(self) -> None:
        """Wait until it is ours."""
        while not await self._take():
            await self._sleep(self._terms.pause)
        self._say(f"This operator acts: it holds the Lease {self._where}.")

    async def keep(self) -> None:
        """Renew it for ever. Raises LeaseLost once that cannot be done, or another has it."""
        while True:
            await self._sleep(min(self._terms.pause, self.left()))
            await self._renew()

    async def release(self) -> None:
        """Let the next one begin at once. Nothing is written by this one from here on."""
        if self._renewed is None:
            return
        self._renewed = None
        with suppress(ApiError, TimeoutError, LeaseLost):
            async with asyncio.timeout(self._terms.duration):
                await self._over_our_own({"holderIdentity": None})

    @property
    def _where(self) -> str:
        return f"{self._namespace}/{NAME}"

    async def _take(self) -> bool:
        began = self._elapsed()
        try:
            async with asyncio.timeout(self._terms.pause * LEASE_PATIENCE):
                made = await self._taken()
        except (ApiError, TimeoutError) as error:
            self._say(f"This operator waits: the Lease {self._where} could not be taken: {error or 'no answer'}")
            return False
        if made is None:
            return False
        self._version, self._renewed = made["metadata"]["resourceVersion"], began
        return True

    async def _taken(self) -> Object | None:
        """The Lease as it is ours now; None while it is another's."""
        raw = await self._kube.find(kube.LEASES, self._namespace, NAME)
        self._looked = self._elapsed()
        found = MISSING if raw is None else _found(raw)
        state, self._seen = judge(found, self._identity, self._seen, self._looked, self._terms)
        if state is LeaseState.HELD:
            self._say(self._waiting_for(found))
            return None
        if state is LeaseState.EXPIRED:
            log.warning("%s did not renew the Lease %s: this operator takes over.", found.holder, self._where)
        if raw is None:
            return await self._kube.create(self._manifest())
        self._version = raw["metadata"]["resourceVersion"]
        transitions = int((raw.get("spec") or {}).get("leaseTransitions") or 0) + 1
        return await self._write({**self._spec(), "acquireTime": self._now(), "leaseTransitions": transitions})

    def _waiting_for(self, found: FoundLease) -> str:
        if found is MISSING:
            return (
                f"This operator waits and does nothing: somebody took the Lease {self._where} away. It makes another "
                "one when whoever held it has surely stopped."
            )
        return (
            f"This operator waits and does nothing: {found.holder} holds the Lease {self._where}. It takes over when "
            "that one ends, or does not renew the Lease any more."
        )

    async def _renew(self) -> None:
        began = self._elapsed()
        try:
            async with asyncio.timeout(min(self._terms.pause * LEASE_PATIENCE, self.check())):
                made = await self._over_our_own(self._spec())
        except (ApiError, TimeoutError) as error:
            log.warning("the Lease %s was not renewed: %s", self._where, error or "no answer")
        else:
            self._version, self._renewed = made["metadata"]["resourceVersion"], began

    async def _over_our_own(self, spec: Object) -> Object:
        """Somebody may have written it: a renewal of our own whose answer was lost is no reason to stop."""
        try:
            return await self._write(spec)
        except Conflict:
            found = await self._kube.get(kube.LEASES, self._namespace, NAME)
        holder = (found.get("spec") or {}).get("holderIdentity")
        if holder != self._identity:
            self._renewed = None
            raise LeaseLost(f"the Lease {self._where} is {holder or 'nobody'}'s now")
        self._version = found["metadata"]["resourceVersion"]
        return await self._write(spec)

    async def _write(self, spec: Object) -> Object:
        patch: Object = {"metadata": {"resourceVersion": self._version}, "spec": spec}
        return await self._kube.merge(kube.LEASES, self._namespace, NAME, patch)

    def _manifest(self) -> Object:
        spec = {**self._spec(), "acquireTime": self._now(), "leaseTransitions": 0}
        meta = {"name": NAME, "namespace": self._namespace}
        return {"apiVersion": kube.LEASES.api_version, "kind": "Lease", "metadata": meta, "spec": spec}

    def _spec(self) -> Object:
        seconds = math.ceil(self._terms.duration)
        return {"holderIdentity": self._identity, "leaseDurationSeconds": seconds, "renewTime": self._now()}

    def _now(self) -> str:
        return self._clock().strftime(MICROSECONDS)

    def _say(self, words: str) -> None:
        if words != self._words:
            log.info("%s", words)
        self._words = words


def _found(raw: Object) -> FoundLease:
    spec = raw.get("spec") or {}
    holder, duration = spec.get("holderIdentity") or "", spec.get("leaseDurationSeconds") or 0
    return FoundLease(kube.version_of(raw), holder, float(duration))
