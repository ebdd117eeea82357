"""Keeps an eye on new clusters: one watch for HelmReleases, one for Kustomizations, and a survey of the rest.

What it knows is a cache, never the truth: it can be lost at any time, as at a restart, and is then read again. Clusters
share nothing: one that does not answer costs the others nothing.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from catalyst_operator.adapters.kube import Kind
from catalyst_operator.adapters.list_watch import ListWatch
from catalyst_operator.adapters.remote import Connect, RemoteCluster
from catalyst_operator.adapters.survey import survey
from catalyst_operator.core.access import Access
from catalyst_operator.core.phase1.flux import helm_release, kustomization
from catalyst_operator.core.phase1.target import Target
from catalyst_operator.core.phase1.views import (
    FLUX_NAMESPACE,
    ClusterView,
    ConsoleView,
    HelmReleaseView,
    KustomizationView,
    Link,
    LinkView,
    Survey,
)
from catalyst_operator.errors import ApiError, Gone, NotFound, Refused, Unauthorized, Untrusted

log = logging.getLogger(__name__)

HELM_RELEASES = Kind("helm.toolkit.fluxcd.io/v2", "helmreleases")
KUSTOMIZATIONS = Kind("kustomize.toolkit.fluxcd.io/v1", "kustomizations")

AccessSource = Callable[[], Awaitable[Access]]
"""Mints access anew. Raises ApiError."""
Probe = Callable[[str, str], Awaitable[ConsoleView]]
"""Asks at an address for the console of a name."""


@dataclass(frozen=True)
class Timings:
    """All in seconds."""

    silence: float = 75.0
    """Bookmarks come every minute; a link that is silent for longer is dead."""
    watch: int = 540
    """After this the server ends a watch, give or take a third."""
    first_backoff: float = 1.0
    max_backoff: float = 30.0
    refused_backoff: float = 5.0
    """The least pause after a refusal, and after a kind that is not there yet."""
    first_survey: float = 2.0
    """Until Flux was seen; then the target's pace."""
    gather: float = 0.05
    """What changes within this time is told once."""


class Clusters:
    """One watched cluster for each Sovereign that asks for it."""

    def __init__(
        self,
        connect: Connect,
        probe: Probe,
        clock: Callable[[], datetime],
        timings: Timings | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._connect = connect
        self._probe = probe
        self._clock = clock
        self._timings = timings or Timings()
        self._chance = chance
        self._watched: dict[str, _Watched] = {}

    def view(self, uid: str) -> ClusterView | None:
        """What is known, or None while nobody watches."""
        watched = self._watched.get(uid)
        return watched.view() if watched else None

    def watch(self, uid: str, target: Target, access: AccessSource, changed: Callable[[], None]) -> None:
        """Watch it; `changed` is called when something of the view does. Again, with the same target, is harmless;
        another target is another watch."""
        known = self._watched.get(uid)
        if known and replace(known.target, pace=target.pace) == target:
            known.target = target
            return
        if known:
            known.abandon()
        made = _Watched(target, access, changed, self._connect, self._probe, self._clock, self._timings, self._chance)
        self._watched[uid] = made
        made.start(uid)

    def look_again(self, uid: str) -> None:
        """Survey it soon."""
        watched = self._watched.get(uid)
        if watched:
            watched.hurry.set()

    async def forget(self, uid: str) -> None:
        """Stop watching; no connection is open when this returns."""
        watched = self._watched.pop(uid, None)
        if watched:
            await watched.close()

    async def close(self) -> None:
        """Stop watching all."""
        await asyncio.gather(*(self.forget(uid) for uid in list(self._watched)))


class _Backoff:
    """Doubling pauses with jitter, so that clusters that fell silent together do not come back together."""

    def __init__(self, timings: Timings, chance: Callable[[], float]) -> None:
        self._timings = timings
        self._chance = chance
        self._failures = 0

    def reset(self) -> None:
        self._failures = 0

    def next(self, least: float = 0.0) -> float:
        doublings: int = 2 ** min(self._failures, 16)
        pause = min(self._timings.max_backoff, self._timings.first_backoff * doublings)
        self._failures += 1
        return max(least, pause) * (0.75 + self._chance() / 2)


class _Watched:
    """One cluster."""

    def __init__(
        self,
        target: Target,
        access: AccessSource,
        changed: Callable[[], None],
        connect: Connect,
        probe: Probe,
        clock: Callable[[], datetime],
        timings: Timings,
        chance: Callable[[], float],
    ) -> None:
        self.target = target
        self.hurry = asyncio.Event()
        self._changed = changed
        self._probe = probe
        self._clock = clock
        self._timings = timings
        self._chance = chance
        self._connections = _Connections(connect, access, clock)
        self._releases: ListWatch[HelmReleaseView] = ListWatch(HELM_RELEASES, FLUX_NAMESPACE, helm_release)
        self._kustomizations: ListWatch[KustomizationView] = ListWatch(KUSTOMIZATIONS, FLUX_NAMESPACE, kustomization)
        self._survey: Survey | None = None
        self._console: ConsoleView | None = None
        self._link = LinkView(Link.CONNECTING, clock())
        self._tasks: list[asyncio.Task[None]] = []
        self._telling: asyncio.TimerHandle | None = None
        self._view: ClusterView | None = None

    def start(self, uid: str) -> None:
        loops = (self._keep(self._releases), self._keep(self._kustomizations), self._keep_surveying())
        self._tasks = [asyncio.create_task(loop, name=f"cluster of {uid}") for loop in loops]

    def abandon(self) -> None:
        """Stop without waiting."""
        task = asyncio.create_task(self.close())
        self._tasks.append(task)

    async def close(self) -> None:
        current = asyncio.current_task()
        tasks = [task for task in self._tasks if task is not current]
        for task in tasks:
            task.cancel()
        if self._telling:
            self._telling.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._connections.close()

    def view(self) -> ClusterView:
        if self._view is None:
            self._view = ClusterView(
                link=self._link,
                synced=self._releases.synced and self._kustomizations.synced,
                releases=tuple(sorted(self._releases.objects.values(), key=lambda r: r.name)),
                kustomizations=tuple(sorted(self._kustomizations.objects.values(), key=lambda k: k.key)),
                survey=self._survey,
                console=self._console,
            )
        return self._view

    # --- telling ------------------------------------------------------------------------------------------------------

    def _tell(self) -> None:
        """The first change is told at once, and what follows within a moment together."""
        self._view = None
        loop = asyncio.get_running_loop()
        if self._telling is not None and self._telling.when() > loop.time():
            return
        pause = self._timings.gather if self._telling is not None else 0.0
        self._telling = loop.call_later(pause, self._told)

    def _told(self) -> None:
        self._telling = asyncio.get_running_loop().call_later(self._timings.gather, self._forget_telling)
        self._changed()

    def _forget_telling(self) -> None:
        """A change that came in the meantime is told now."""
        self._telling = None
        if self._view is None:
            self._changed()

    def _linked(self, state: Link, message: str = "") -> None:
        """Whatever a loop met says how the link stands."""
        if (self._link.state, self._link.message) == (state, message):
            return
        since = self._link.since if self._link.state is state else self._clock()
        self._link = LinkView(state, since, message)
        self._tell()

    def _failed(self, error: ApiError) -> None:
        if isinstance(error, Untrusted):
            self._linked(Link.UNTRUSTED, str(error))
        elif isinstance(error, Refused):
            self._linked(Link.UNAUTHORIZED, str(error))
        else:
            self._linked(Link.DOWN, str(error))

    # --- loops --------------------------------------------------------------------------------------------------------

    async def _keep(self, watch: ListWatch[Any]) -> None:
        """Keep one watch going, for ever."""
        backoff = _Backoff(self._timings, self._chance)

        def changed() -> None:
            backoff.reset()
            self._linked(Link.UP)
            self._tell()

        while True:
            seconds = int(self._timings.watch * (0.67 + self._chance() * 0.66))
            least = 0.0
            try:
                async with self._connections.use() as remote:
                    await watch.follow(remote, changed, watch_seconds=seconds, silence=self._timings.silence)
                backoff.reset()
            except NotFound:
                # Flux is not there yet; that the server answers is told by the survey.
                least = self._timings.refused_backoff
            except Gone:
                pass
            except ApiError as error:
                self._failed(error)
                least = self._timings.refused_backoff if isinstance(error, Refused) else 0.0
            except Exception:
                # A defect in reading one cluster's answers must not end the watch of it for ever.
                log.exception("watch of a new cluster")
            await asyncio.sleep(backoff.next(least))

    async def _keep_surveying(self) -> None:
        backoff = _Backoff(self._timings, self._chance)
        while True:
            try:
                async with self._connections.use() as remote:
                    self._surveyed(await survey(remote, self._clock))
                await self._ask_console()
                backoff.reset()
                pause = self._pace() * (0.9 + self._chance() / 5)
            except ApiError as error:
                self._failed(error)
                pause = backoff.next(self._timings.refused_backoff if isinstance(error, Refused) else 0.0)
            except Exception:
                log.exception("survey of a new cluster")
                pause = backoff.next(self._timings.max_backoff)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self.hurry.wait()
            self.hurry.clear()

    def _pace(self) -> float:
        found = self._survey.deployments if self._survey else None
        flux = bool(found) and all(d.available for d in found or ())
        return self.target.pace.total_seconds() if flux else self._timings.first_survey

    def _surveyed(self, found: Survey) -> None:
        before = self._survey
        self._linked(Link.UP)
        if before and before.cluster_uid and found.cluster_uid and before.cluster_uid != found.cluster_uid:
            log.info("%s: another cluster answers now; everything is read again", self.target.fqdn)
            self._releases.reset()
            self._kustomizations.reset()
        self._survey = found
        if before is None or replace(before, at=found.at) != found:
            self._tell()

    async def _ask_console(self) -> None:
        if not self.target.console or not self._releases.objects:
            return
        before, found = self._console, await self._probe(self.target.balancer, self.target.fqdn)
        self._console = found
        if before is None or replace(before, at=found.at) != found:
            self._tell()


class _Connections:
    """The connection in use, and the one before it for as long as something still runs over it: a certificate that
    ends, or was refused, is replaced without cutting what works."""

    def __init__(self, connect: Connect, access: AccessSource, clock: Callable[[], datetime]) -> None:
        self._connect = connect
        self._access = access
        self._clock = clock
        self._current: _Connection | None = None
        self._all: set[_Connection] = set()
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def use(self) -> AsyncIterator[RemoteCluster]:
        connection = await self._fresh()
        connection.users += 1
        try:
            yield connection.remote
        except Unauthorized:
            connection.spent = True
            raise
        finally:
            connection.users -= 1
            await self._drop_unused()

    async def close(self) -> None:
        self._current = None
        while self._all:
            await self._all.pop().remote.close()

    async def _fresh(self) -> _Connection:
        async with self._lock:
            if self._current is None or self._current.spent or self._clock() >= self._current.renew_at:
                access = await self._access()
                remaining = access.expires - self._clock()
                remote = await self._connect(access).__aenter__()
                self._current = _Connection(remote, access.expires - remaining / 4)
                self._all.add(self._current)
            return self._current

    async def _drop_unused(self) -> None:
        for connection in [c for c in self._all if c is not self._current and c.users == 0]:
            self._all.discard(connection)
            await connection.remote.close()


class _Connection:
    def __init__(self, remote: RemoteCluster, renew_at: datetime) -> None:
        self.remote = remote
        self.renew_at = renew_at
        self.users = 0
        self.spent = False
