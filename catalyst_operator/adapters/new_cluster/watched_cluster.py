"""One new cluster, watched: while its API server answers, two watches, a survey and a look at the console run; while it
does not, nothing but one small question is asked, ever more rarely.

That question is for the UID of the cluster itself. So nothing of a cluster is believed that was made anew at the same
address, and a server that refuses everything is asked once and not by everybody.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from catalyst_operator.adapters.kube import Kind
from catalyst_operator.adapters.new_cluster.backoff import REFUSALS, Backoff, rest
from catalyst_operator.adapters.new_cluster.connections import Connections
from catalyst_operator.adapters.new_cluster.list_watch import ListWatch
from catalyst_operator.adapters.new_cluster.notifier import Notifier
from catalyst_operator.adapters.new_cluster.remote import AccessSource
from catalyst_operator.adapters.new_cluster.survey import cluster_uid, survey
from catalyst_operator.adapters.new_cluster.timings import Timings
from catalyst_operator.adapters.new_cluster.transport import NO_ANSWER
from catalyst_operator.api.phases import ComponentState
from catalyst_operator.clock import Clock
from catalyst_operator.core.phase1 import presence
from catalyst_operator.core.phase1.bootstrap import flux_available
from catalyst_operator.core.phase1.components import state
from catalyst_operator.core.phase1.flux import helm_release, kustomization
from catalyst_operator.core.phase1.former import is_at_rest
from catalyst_operator.core.phase1.target import Target
from catalyst_operator.core.phase1.views import ClusterView, ConsoleView, Link, LinkView, Survey
from catalyst_operator.errors import ApiError, NotFound, TooMuch, Unauthorized, Unavailable, Untrusted

log = logging.getLogger(__name__)

HELM_RELEASES = Kind("helm.toolkit.fluxcd.io/v2", "helmreleases")
KUSTOMIZATIONS = Kind("kustomize.toolkit.fluxcd.io/v1", "kustomizations")
TOLERATED = 1
"""Failures in a row that say nothing of the link yet: a watch that broke off is nearly always taken up again. An answer
that is too large comes again."""

_REPLACED = Unavailable(200, "another cluster answers")

Probe = Callable[[str, str], Awaitable[ConsoleView]]
"""Asks at an address for the console of an FQDN."""


class WatchedCluster:
    """What is known of it is in `view`; `changed` is called whenever that says something new."""

    def __init__(
        self,
        target: Target,
        connections: Connections,
        probe: Probe,
        changed: Callable[[], None],
        clock: Clock,
        timings: Timings,
    ) -> None:
        self.target = target
        self.wake = asyncio.Event()
        """Set by whoever does not want to wait for the next look."""
        self._connections = connections
        self._probe = probe
        self._clock = clock
        self._timings = timings
        self._notifier = Notifier(changed, timings)
        # Of all namespaces: the kit may put some anywhere, and what is not watched is not absent.
        self._releases = ListWatch(HELM_RELEASES, "", helm_release, self._moved, timings)
        self._kustomizations = ListWatch(KUSTOMIZATIONS, "", kustomization, self._moved, timings)
        self._survey: Survey | None = None
        self._console: ConsoleView | None = None
        self._uid = ""
        self._link = LinkView(Link.CONNECTING, clock())
        self._unseen_since: datetime | None = self._link.since
        self._faults: dict[str, tuple[int, ApiError]] = {}
        """Of each loop: how often it failed in a row, and with what."""
        self._doubt = asyncio.Event()
        """Set when a loop failed in a way that makes one ask whether the cluster is still there."""
        self._task: asyncio.Task[None] | None = None
        self._view: ClusterView | None = None

    def start(self, uid: str) -> None:
        """Begin; `uid` is for those who look at tasks."""
        self._task = asyncio.create_task(self._keep_watching(), name=f"cluster of {uid}")

    def take_over(self, target: Target, access: AccessSource, changed: Callable[[], None]) -> None:
        """Go on at the pace of the newest target, with the newest access to the cluster and the newest listener."""
        if target.pace < self.target.pace:
            self.wake.set()
        self.target, self._connections.access, self._notifier.changed = target, access, changed

    async def close(self) -> None:
        """Stop; no connection is open when this returns."""
        self._notifier.stop()
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._notifier.stop()
        await self._connections.close()

    def view(self) -> ClusterView:
        """What is known now."""
        if self._view is None:
            self._view = ClusterView(
                link=self._link,
                synced=self._releases.synced and self._kustomizations.synced,
                releases=tuple(sorted(self._releases.objects.values(), key=lambda r: r.key)),
                kustomizations=tuple(sorted(self._kustomizations.objects.values(), key=lambda k: k.key)),
                survey=self._survey,
                console=self._console,
            )
            self._unseen_since = None if self._sees(self._view) else self._unseen_since or self._clock()
            self._view = replace(self._view, unseen_since=self._unseen_since)
        return self._view

    def _sees(self, view: ClusterView) -> bool:
        """Whether everything that there is to look at was looked at, and can be now."""
        looked = view.survey is not None and view.survey.nodes is not None
        asked = view.console is not None or not self.target.console or not view.releases
        return view.seen and looked and asked

    def _tell(self) -> None:
        self._view = None
        self._notifier.notify()

    def _moved(self) -> None:
        """A watched object changed. Causes of trouble are looked for only while there is some, and then soon."""
        self._tell()
        if self._survey is not None and self._survey.pods is None and not self._settled:
            self.wake.set()

    # --- is it there? -------------------------------------------------------------------------------------------------

    async def _keep_watching(self) -> None:
        clock = asyncio.get_running_loop().time
        backoff, replaced = Backoff(self._timings), Backoff(self._timings)
        while True:
            try:
                self._met(await self._ask())
                backoff.reset()
                began = clock()
                await self._watch()
                # One that is another each time it is asked must not be read anew each time.
                if clock() - began >= self._timings.calm:
                    replaced.reset()
                await rest(self._timings, replaced.after(_REPLACED), self.wake)
            except ApiError as error:
                self._lost(error)
                await rest(self._timings, backoff.after(error), self.wake)
            except Exception as error:
                # A defect must not end the watch of a cluster for ever.
                log.exception("%s", self.target.fqdn)
                await rest(self._timings, backoff.after(error), self.wake)

    async def _ask(self) -> str:
        """The UID of the cluster. A refused certificate may just have ended: another one is tried before it counts."""
        try:
            return await self._ask_once()
        except Unauthorized:
            await self._timings.sleep(self._timings.spacing)
            return await self._ask_once()

    async def _ask_once(self) -> str:
        async with self._connections.use() as remote:
            return await cluster_uid(remote)

    def _met(self, uid: str) -> None:
        if self._uid and uid != self._uid:
            log.warning("%s: another cluster answers now; nothing of the one before is believed", self.target.fqdn)
            self._releases.reset()
            self._kustomizations.reset()
            self._survey = self._console = None
            self._tell()
        self._uid = uid
        self._linked(Link.UP)

    def _lost(self, error: ApiError) -> None:
        self._faults.clear()
        self._linked(_state(error), str(error))

    async def _watch(self) -> None:
        """Watch until another cluster answers. Raises ApiError once none does."""
        self._doubt.clear()
        tasks = [asyncio.create_task(loop) for loop in self._loops()]
        try:
            there = True
            while there:
                await self._doubt.wait()
                self._doubt.clear()
                there = await self._still_there()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _still_there(self) -> bool:
        """Whether it is the same cluster. One question without an answer is not held against it."""
        try:
            return await self._ask() == self._uid
        except ApiError as error:
            await self._timings.sleep(Backoff(self._timings).after(error))
            return await self._ask() == self._uid

    # --- how the link stands ------------------------------------------------------------------------------------------

    def _outcome(self, loop: str, error: ApiError | None) -> None:
        """What became of a loop's last attempt. Without an answer, or with a refusal, it is asked whether that is
        all the cluster says; other failures are the loop's own, and so is a 403, but a 401 only wants another
        certificate."""
        if error is None or isinstance(error, NotFound | Unauthorized):
            self._faults.pop(loop, None)
        else:
            self._faults[loop] = (self._faults.get(loop, (0, error))[0] + 1, error)
        if error is not None and error.status in (NO_ANSWER, *REFUSALS):
            self._doubt.set()
        self._linked(*self._verdict())

    def _verdict(self) -> tuple[Link, str]:
        """What the loops make of it together; always of the same one, while several have a fault."""
        for loop in sorted(self._faults):
            count, error = self._faults[loop]
            if count > TOLERATED or isinstance(error, TooMuch):
                return _state(error), str(error)
        return Link.UP, ""

    def _linked(self, state: Link, message: str = "") -> None:
        if (self._link.state, self._link.message) != (state, message):
            since = self._link.since if self._link.state is state else self._clock()
            self._link = LinkView(state, since, message)
            self._tell()

    # --- loops, while it answers --------------------------------------------------------------------------------------

    def _loops(self) -> list[Coroutine[Any, Any, None]]:
        use = self._connections.use
        console = [self._keep_asking_console()] if self.target.console else []
        return [
            self._releases.run(use, partial(self._outcome, "releases")),
            self._kustomizations.run(use, partial(self._outcome, "kustomizations")),
            self._keep_surveying(),
            *console,
        ]

    async def _keep_surveying(self) -> None:
        backoff = Backoff(self._timings)
        while True:
            try:
                async with self._connections.use() as remote:
                    found = await survey(remote, self._clock, kit_settled=self._settled)
                self._surveyed(found)
                pause = self._timings.spread(self._pace())
                if found.too_much:
                    pause = max(pause, backoff.after(TooMuch(found.too_much)))
                else:
                    backoff.reset()
                self._outcome("survey", None)
            except ApiError as error:
                pause = backoff.after(error)
                self._outcome("survey", error)
            except Exception as error:
                log.exception("%s: survey", self.target.fqdn)
                pause = backoff.after(error)
            await rest(self._timings, pause, self.wake)

    def _surveyed(self, found: Survey) -> None:
        if found.cluster_uid != self._uid:
            self._doubt.set()
            return
        before, self._survey, self._view = self._survey, found, None
        if before is None or _essence(before) != _essence(found):
            self._tell()

    @property
    def _settled(self) -> bool:
        released = all(state(r) is ComponentState.INSTALLED for r in self._releases.objects.values())
        return bool(self._releases.objects) and released and all(map(is_at_rest, self._kustomizations.objects.values()))

    def _pace(self) -> float:
        view, pace = self.view(), self.target.pace.total_seconds()
        begun = flux_available(view) and not presence.objects_awaited(view, self.target.fqdn)
        return pace if begun else min(pace, self._timings.eager)

    async def _keep_asking_console(self) -> None:
        """There is no console before there are components."""
        while True:
            try:
                if self._releases.objects:
                    self._asked(await self._probe(self.target.balancer, self.target.fqdn))
            except Exception:
                log.exception("%s: console", self.target.fqdn)
            answers = self._console is not None and self._console.answers
            pace = self.target.pace.total_seconds()
            await self._timings.sleep(self._timings.spread(pace if answers else min(pace, self._timings.eager)))

    def _asked(self, found: ConsoleView) -> None:
        before, self._console, self._view = self._console, found, None
        if before is None or replace(before, at=found.at) != found:
            self._tell()


def _state(error: ApiError) -> Link:
    if isinstance(error, Untrusted):
        return Link.UNTRUSTED
    if isinstance(error, TooMuch):
        return Link.TOO_MUCH
    return Link.UNAUTHORIZED if error.status in REFUSALS else Link.DOWN


def _essence(found: Survey) -> Survey:
    """Without what differs each time: when it was looked, and when a warning was repeated last."""
    events = None if found.events is None else tuple(replace(event, at=None) for event in found.events)
    return replace(found, at=datetime.min, events=events)
