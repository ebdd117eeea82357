"""Looks at Git repositories in the background, so that no reconcile ever waits for a Git server."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import partial

from catalyst_operator.adapters.destinations import Destinations
from catalyst_operator.adapters.errands import Errands
from catalyst_operator.adapters.git import read
from catalyst_operator.adapters.git.causes import cause_of
from catalyst_operator.adapters.git.newest import Repository
from catalyst_operator.adapters.git.threads import NAMES_SECONDS, in_turn
from catalyst_operator.adapters.turns import Turns
from catalyst_operator.clock import Clock
from catalyst_operator.core.kit import repository as judging
from catalyst_operator.core.kit.repository import RepositoryQuestion, RepositoryView
from catalyst_operator.core.project.preflight import Check, Report
from catalyst_operator.errors import GitError, GitUnavailable

log = logging.getLogger(__name__)

RepositoryLook = Callable[[str, Repository, RepositoryQuestion], Awaitable[RepositoryView]]
"""Reads a repository for an owner, a namespace. Raises GitError, and TimeoutError."""
READ_PATIENCE = read.READ_SECONDS + NAMES_SECONDS


def looking(turns: Turns, destinations: Destinations) -> RepositoryLook:
    """Over the network, when it is the owner's turn."""

    async def look(owner: str, repository: Repository, question: RepositoryQuestion) -> RepositoryView:
        work = partial(read.look, repository, question, destinations=destinations)
        return await in_turn(turns, owner, work, patience_seconds=READ_PATIENCE, name="read")

    return look


class RepositoryLooks:
    """The last report of each Sovereign, and at most one look under way for it."""

    def __init__(self, look: RepositoryLook, clock: Clock) -> None:
        self._look = look
        self._clock = clock
        self._errands: Errands[Report] = Errands("look at Git")

    def report(self, uid: str) -> Report | None:
        """What the last look found, whatever it was about; `key` tells."""
        return self._errands.report(uid)

    def ask(
        self,
        uid: str,
        key: str,
        repository: Repository,
        question: RepositoryQuestion,
        changed: Callable[[], None],
        *,
        owner: str,
    ) -> None:
        """Look when it is the turn of `owner`, a namespace; `changed` is called once the report is there."""
        self._errands.run(uid, key, lambda: self._report(key, repository, question, owner), changed)

    def forget(self, uid: str) -> None:
        """The Sovereign is gone."""
        self._errands.forget(uid)

    async def close(self) -> None:
        """Give up what is under way; a look that has begun in its thread is left to its own limits."""
        await self._errands.close()

    async def _report(self, key: str, repository: Repository, question: RepositoryQuestion, owner: str) -> Report:
        return Report(key, self._clock(), (await self._check(repository, question, owner),))

    async def _check(self, repository: Repository, question: RepositoryQuestion, owner: str) -> Check:
        try:
            return judging.judge(question, await self._look(owner, repository, question))
        except GitError as error:
            passing = isinstance(error, GitUnavailable)
            return judging.unreadable(question, str(error), cause_of(error), passing=passing)
        except TimeoutError as error:
            return judging.unreadable(question, "it does not come to an end", cause_of(error), passing=True)
        except Exception as error:
            log.exception("look at %s", question.url)
            told = "the check itself failed, see the operator's log"
            return judging.unreadable(question, told, cause_of(error), passing=True)
