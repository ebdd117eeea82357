"""Pushes overlays in the background, so that no reconcile ever waits for a Git server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from catalyst_operator.adapters.errands import Errands
from catalyst_operator.adapters.git import Pushed, Repository
from catalyst_operator.core import diagnosis
from catalyst_operator.core.overlay import Change, OverlayReport
from catalyst_operator.core.record import ErrorEntry
from catalyst_operator.errors import GitError, GitUnavailable

log = logging.getLogger(__name__)

Push = Callable[[Repository, Change, Mapping[str, str]], Pushed]
"""Blocks until the repository holds the change. Raises GitError."""
LIMIT_SECONDS = 120.0


class Overlays:
    """The last report of each Sovereign, and at most one push under way for it; those to one repository wait for each
    other, since they would only be in each other's way."""

    def __init__(self, push: Push, template: Mapping[str, str], clock: Callable[[], datetime]) -> None:
        self._push = push
        self._template = template
        self._clock = clock
        self._errands: Errands[OverlayReport] = Errands("push")
        self._locks: dict[str, asyncio.Lock] = {}

    def report(self, uid: str) -> OverlayReport | None:
        """What the last push came to, whatever it was about; `key` tells."""
        return self._errands.report(uid)

    def ask(self, uid: str, key: str, repository: Repository, change: Change, changed: Callable[[], None]) -> None:
        """Push it; `changed` is called once the report is there."""
        self._errands.run(uid, key, lambda: self._report(key, repository, change), changed)

    def forget(self, uid: str) -> None:
        """The Sovereign is gone."""
        self._errands.forget(uid)

    async def close(self) -> None:
        """Give up what is under way; a push that has begun in its thread is left to its own limits."""
        await self._errands.close()

    async def _report(self, key: str, repository: Repository, change: Change) -> OverlayReport:
        try:
            async with self._locks.setdefault(repository.url, asyncio.Lock()), asyncio.timeout(LIMIT_SECONDS):
                pushed = await asyncio.to_thread(self._push, repository, change, self._template)
        except (GitError, TimeoutError) as error:
            return OverlayReport(key, self._clock(), error=_entry(repository, error))
        except Exception as error:
            # Whatever else goes wrong is told where its owner looks, and tried again.
            log.exception("push of %s", change.folder)
            return OverlayReport(key, self._clock(), error=_entry(repository, error))
        return OverlayReport(key, self._clock(), change.digest, pushed.revision)


def _entry(repository: Repository, error: Exception) -> ErrorEntry:
    told = str(error) if isinstance(error, GitError) else type(error).__name__
    where = f"{repository.url}, branch {repository.branch}"
    entry = diagnosis.entry(diagnosis.GIT_PUSH, f"The overlay could not be pushed to {where}: {told}")
    passing = not isinstance(error, GitError) or isinstance(error, GitUnavailable)
    return replace(entry, terminal=not passing)
