"""The reconciler of Sovereigns: observe, decide, apply, and write status once."""

from __future__ import annotations

import logging
import zlib
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple

from pydantic import ValidationError

from catalyst_operator.adapters import kube
from catalyst_operator.adapters.kube import Kube, Object
from catalyst_operator.api.sovereign import Sovereign
from catalyst_operator.api.sovereign_status import SovereignStatus
from catalyst_operator.clock import Clock, now
from catalyst_operator.core.actions import Decision, WriteRecord
from catalyst_operator.core.decide import decide
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.queue.standing import standing
from catalyst_operator.core.ready.resting import RESTS_FOR, first_look, rests
from catalyst_operator.core.settings import CoreSettings
from catalyst_operator.core.telling import events, status
from catalyst_operator.core.telling.trouble import trouble
from catalyst_operator.errors import ApiError, Conflict, Unavailable
from catalyst_operator.metrics import Metrics
from catalyst_operator.reconcilers.execute import Executor
from catalyst_operator.reconcilers.observe import Observer
from catalyst_operator.reconcilers.outside import Outside
from catalyst_operator.reconcilers.unreadable import Unreadables
from catalyst_operator.reconcilers.writing import write_status

log = logging.getLogger(__name__)
UNAVAILABLE_BEFORE_TOLD, CONFLICTS_BEFORE_TOLD = 3, 8
"""One answer that fails to come is the network's everyday life, and that somebody else wrote in between is everybody's;
so many in a row are worth a line in status."""


class Key(NamedTuple):
    """A Sovereign by its place."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class SovereignReconciler:
    """One `reconcile` at a time for one key; the work queue sees to that."""

    def __init__(
        self,
        client: Kube,
        outside: Outside,
        settings: CoreSettings,
        metrics: Metrics,
        clock: Clock = now,
        resync: timedelta | None = None,
    ) -> None:
        self._kube = client
        self._outside = outside
        self._observer = Observer(client, outside, settings)
        self._unreadable = Unreadables(client, kube.SOVEREIGNS, "Sovereign", settings.runbook_url, clock)
        self._metrics = metrics
        self._clock = clock
        self._resync = resync
        self._failures: Counter[Key] = Counter()
        """How often in a row a pass came to nothing."""
        self._uids: dict[Key, str] = {}
        """Of the Sovereigns that were seen: what is kept beside the API server goes by UID."""
        self.wake: Callable[[Key], None] = lambda _: None
        """Set by the composition: called when a followed log says something new."""

    def saw(self, key: Key, raw: Object) -> timedelta | None:
        """What a watch tells of a Sovereign. None when it has to be looked at; else when it is enough to do so: what is
        told of it already is known from here on."""
        try:
            sovereign = Sovereign.parse(raw)
        except ValidationError:
            return None
        uid = sovereign.metadata.uid
        if not rests(sovereign, sovereign.status) or self._uids.get(key, uid) != uid:
            return None
        self._uids[key] = uid
        self._note(sovereign, sovereign.status)
        self._metrics.observe(key.namespace, key.name, sovereign.status)
        return first_look(uid)

    async def reconcile(self, key: Key) -> timedelta | None:
        """Returns when to look again. Raises CatalystError, and is then tried again with backoff."""
        raw = await self._kube.find(kube.SOVEREIGNS, key.namespace, key.name)
        if raw is None:
            await self._forget(key)
            return None
        try:
            sovereign = Sovereign.parse(raw)
        except ValidationError as error:
            self._outside.runs.forget(key.namespace, key.name)
            return await self._unreadable.tell(key, raw, error)
        self._unreadable.forget(key)
        with self._metrics.reconcile():
            return await self._step(key, sovereign)

    async def _forget(self, key: Key) -> None:
        """It is gone, with or without our leave: nothing of it is watched any more."""
        self._metrics.forget(key.namespace, key.name)
        self._failures.pop(key, None)
        self._outside.runs.forget(key.namespace, key.name)
        self._unreadable.forget(key)
        uid = self._uids.pop(key, None)
        if uid:
            await self._outside.forget(uid)

    async def _step(self, key: Key, sovereign: Sovereign) -> timedelta | None:
        try:
            again = await self._pass(key, sovereign)
        except (Conflict, Unavailable) as error:
            # Nearly always the next look is all that it takes.
            self._failures[key] += 1
            often = CONFLICTS_BEFORE_TOLD if isinstance(error, Conflict) else UNAVAILABLE_BEFORE_TOLD
            if self._failures[key] >= often:
                await self._tell(sovereign, error)
            raise
        except Exception as error:
            await self._tell(sovereign, error)
            raise
        self._failures.pop(key, None)
        return again

    def _note(self, sovereign: Sovereign, told: SovereignStatus) -> None:
        """Its part in the queue of runs is what its status says."""
        self._outside.runs.note(sovereign.metadata.uid_here, standing(sovereign, told))
        self._metrics.queue(self._outside.runs.seen())

    def _look_again(self, key: Key, sovereign: Sovereign, decision: Decision) -> timedelta | None:
        """What no watch tells of, such as a state Secret that somebody deleted, is noticed all the same. Not all at the
        same time: each has its own pause, up to a fifth shorter."""
        if self._resync is None:
            return decision.requeue_after
        if decision.status is not None and rests(sovereign, decision.status):
            # What has only just come to rest is looked at once more: its last step may leave something to clear up.
            rested = rests(sovereign, sovereign.status) and not decision.actions
            return RESTS_FOR if rested else self._observer.settings.poll
        share = zlib.crc32(str(key).encode()) / 2**32
        resync = self._resync * (1 - share / 5) if decision.requeue_after is None else None
        pauses = (decision.requeue_after, decision.look_by, resync)
        return min(pause for pause in pauses if pause is not None)

    async def _pass(self, key: Key, sovereign: Sovereign) -> timedelta | None:
        observation = await self._observer.observe(sovereign, self._clock())
        if self._uids.get(key, observation.uid) != observation.uid:
            await self._forget(key)
        self._uids[key] = observation.uid
        decision = decide(observation)
        version = await self._apply(key, observation, decision)
        if decision.status is not None:
            await self._write(sovereign, version, decision.status)
            self._note(sovereign, decision.status)
            self._metrics.observe(key.namespace, key.name, decision.status)
        return self._look_again(key, sovereign, decision)

    async def _apply(self, key: Key, observation: Observation, decision: Decision) -> str:
        """Carry out the actions in order. Returns the Sovereign's resourceVersion after them."""
        executor = Executor(self._kube, self._outside, observation, lambda: self.wake(key), self._clock)
        for action in decision.actions:
            log.debug("%s: %s", key, type(action).__name__)
            await executor.run(action)
            if decision.ended is not None and isinstance(action, WriteRecord):
                self._metrics.run_ended(decision.ended)
        return executor.resource_version

    async def _tell(self, sovereign: Sovereign, error: Exception) -> None:
        """What keeps the operator from going on, in status: the log is not where its owner looks."""
        seen = self._observer.without_namespace(sovereign, self._clock())
        told = status.of_trouble(seen, trouble(error))
        meta = sovereign.metadata
        try:
            raw = await self._kube.get(kube.SOVEREIGNS, meta.namespace, meta.name)
            await self._write(sovereign, raw["metadata"]["resourceVersion"], told)
            self._note(sovereign, told)
        except ApiError as second:
            log.warning("%s/%s: its trouble could not be told: %s", meta.namespace, meta.name, second)

    async def _write(self, sovereign: Sovereign, version: str, after: SovereignStatus) -> None:
        about, news = ("Sovereign", sovereign.metadata), events.between(sovereign, after, self._clock())
        await write_status(self._kube, kube.SOVEREIGNS, about, sovereign.status, after, version, news)
