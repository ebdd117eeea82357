"""Pushes overlays in the background, so that no reconcile ever waits for a Git server."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial
from typing import TypeVar

from catalyst_operator.adapters.errands import Errands
from catalyst_operator.adapters.git.push import PUSH_SECONDS, Pushed, Repository
from catalyst_operator.adapters.turns import Turns
from catalyst_operator.clock import Clock
from catalyst_operator.core.errors import codes
from catalyst_operator.core.kit.pushed import OverlayChange, OverlayReport
from catalyst_operator.core.record import ErrorEntry
from catalyst_operator.errors import GitError, GitUnavailable

log = logging.getLogger(__name__)

Push = Callable[[Repository, OverlayChange, Mapping[str, str]], Pushed]
"""Blocks until the repository holds the change. Raises GitError."""
Result = TypeVar("Result")

PUSHES_AT_ONCE, PUSHES_EACH = 3, 1
"""Of all, and of one namespace. A push may need some 50 MiB for a moment, if the repository's owner is unkind."""
PUSH_PATIENCE_SECONDS = PUSH_SECONDS + 30
"""A push ends by itself, except for what it cannot limit: the resolution of names."""


class Overlays:
    """The last report of each Sovereign, and at most one push under way for it. Namespaces take turns, so that nobody's
    repository keeps others waiting; those of one namespace come one after the other."""

    def __init__(
        self,
        push: Push,
        template: Mapping[str, str],
        clock: Clock,
        patience_seconds: float = PUSH_PATIENCE_SECONDS,
    ) -> None:
        self._push = push
        self._template = template
        self._clock = clock
        self._patience = patience_seconds
        self._errands: Errands[OverlayReport] = Errands("push")
        self._turns = Turns(PUSHES_AT_ONCE, PUSHES_EACH)

    def report(self, uid: str) -> OverlayReport | None:
        """What the last push came to, whatever it was about; `key` tells."""
        return self._errands.report(uid)

    def ask(
        self,
        uid: str,
        key: str,
        repository: Repository,
        change: OverlayChange,
        changed: Callable[[], None],
        *,
        owner: str,
    ) -> None:
        """Push it when it is the turn of `owner`, a namespace; `changed` is called once the report is there."""
        self._errands.run(uid, key, lambda: self._report(key, repository, change, owner), changed)

    def forget(self, uid: str) -> None:
        """The Sovereign is gone."""
        self._errands.forget(uid)

    async def close(self) -> None:
        """Give up what is under way; a push that has begun in its thread is left to its own limits."""
        await self._errands.close()

    async def _report(self, key: str, repository: Repository, change: OverlayChange, owner: str) -> OverlayReport:
        try:
            pushed = await self._in_turn(repository, change, owner)
        except (GitError, TimeoutError) as error:
            return OverlayReport(key, self._clock(), error=_entry(repository, error))
        except Exception as error:
            # Whatever else goes wrong is told where its owner looks, and tried again.
            log.exception("push of %s", change.folder)
            return OverlayReport(key, self._clock(), error=_entry(repository, error))
        return OverlayReport(key, self._clock(), change.digest, pushed.revision)

    async def _in_turn(self, repository: Repository, change: OverlayChange, owner: str) -> Pushed:
        """Nothing stops a push that has begun, so its turn ends with it and not with whoever waits: the owner's next
        one, of newer content, would otherwise be overtaken by it."""
        await self._turns.take(owner)
        with ExitStack() as turn:
            turn.callback(self._turns.give_back, owner)
            pushing = _in_thread(partial(self._push, repository, change, self._template))
            over = turn.pop_all()
        pushing.add_done_callback(partial(_end, over))
        async with asyncio.timeout(self._patience):
            return await asyncio.shield(pushing)


def _end(turn: ExitStack, pushing: asyncio.Future[Pushed]) -> None:
    turn.close()
    # Looked at, or asyncio complains where nobody waits for it any more.
    pushing.exception()


def _in_thread(work: Callable[[], Result]) -> asyncio.Future[Result]:
    """What the work comes to, from a thread of its own: those of the event loop are for resolving names as well, and
    the end of the process waits for them."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def run() -> None:
        try:
            settle = partial(future.set_result, work())
        except Exception as error:
            settle = partial(future.set_exception, error)
        # By then the operator may have ended.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(settle)

    threading.Thread(target=run, name="push", daemon=True).start()
    return future


def _entry(repository: Repository, error: Exception) -> ErrorEntry:
    where = f"{repository.url}, branch {repository.branch}"
    entry = codes.GIT_PUSH.entry(f"The overlay could not be pushed to {where}: {_told(error)}")
    passing = not isinstance(error, GitError) or isinstance(error, GitUnavailable)
    return replace(entry, terminal=not passing)


def _told(error: Exception) -> str:
    if isinstance(error, GitError):
        return str(error)
    if isinstance(error, TimeoutError):
        return "it does not come to an end"
    return f"{type(error).__name__}, see the operator's log"
