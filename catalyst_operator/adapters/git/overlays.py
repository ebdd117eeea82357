"""Pushes overlays in the background, so that no reconcile ever waits for a Git server."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from catalyst_operator.adapters.errands import Errands
from catalyst_operator.adapters.git.causes import cause_of
from catalyst_operator.adapters.git.newest import Repository
from catalyst_operator.adapters.git.push import PUSH_SECONDS, Pushed
from catalyst_operator.adapters.git.threads import NAMES_SECONDS, in_turn, turns_of_git
from catalyst_operator.adapters.turns import Turns
from catalyst_operator.clock import Clock
from catalyst_operator.core.errors import codes
from catalyst_operator.core.kit.git_causes import remedy
from catalyst_operator.core.kit.pushed import OverlayChange, OverlayReport
from catalyst_operator.core.record import ErrorEntry
from catalyst_operator.errors import GitError, GitUnavailable

log = logging.getLogger(__name__)

Push = Callable[[Repository, OverlayChange, Mapping[str, str]], Pushed]
"""Blocks until the repository holds the change. Raises GitError."""
PUSH_PATIENCE_SECONDS = PUSH_SECONDS + NAMES_SECONDS


class Overlays:
    """The last report of each Sovereign, and at most one push under way for it. Namespaces take turns, so that nobody's
    repository keeps others waiting; those of one namespace come one after the other."""

    def __init__(
        self,
        push: Push,
        template: Mapping[str, str],
        clock: Clock,
        patience_seconds: float = PUSH_PATIENCE_SECONDS,
        turns: Turns | None = None,
    ) -> None:
        """`turns`: shared with whoever else talks to Git servers; its own where there is nobody."""
        self._push = push
        self._template = template
        self._clock = clock
        self._patience = patience_seconds
        self._errands: Errands[OverlayReport] = Errands("push")
        self._turns = turns or turns_of_git()

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
            pushed = await in_turn(
                self._turns,
                owner,
                partial(self._push, repository, change, self._template),
                patience_seconds=self._patience,
                name="push",
            )
        except (GitError, TimeoutError) as error:
            return OverlayReport(key, self._clock(), error=_entry(repository, error))
        except Exception as error:
            # Whatever else goes wrong is told where its owner looks, and tried again.
            log.exception("push of %s", change.folder)
            return OverlayReport(key, self._clock(), error=_entry(repository, error))
        return OverlayReport(key, self._clock(), change.digest, pushed.revision)


def _entry(repository: Repository, error: Exception) -> ErrorEntry:
    where = f"{repository.url}, {repository.followed}"
    told = f"The overlay could not be pushed to {where}: {_told(error)}"
    entry = codes.GIT_PUSH.entry(told, remedy=remedy(cause_of(error), pushes=True))
    passing = not isinstance(error, GitError) or isinstance(error, GitUnavailable)
    return replace(entry, terminal=not passing)


def _told(error: Exception) -> str:
    if isinstance(error, GitError):
        return str(error)
    if isinstance(error, TimeoutError):
        return "it does not come to an end"
    return f"{type(error).__name__}, see the operator's log"
