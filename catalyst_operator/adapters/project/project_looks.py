"""Looks at whose project a token opens, in the background, so that no reconcile ever waits for the cloud."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from pydantic import SecretStr

from catalyst_operator.adapters.errands import Errands
from catalyst_operator.adapters.project.preflights import LOOKS_AT_ONCE, LOOKS_EACH
from catalyst_operator.adapters.turns import Turns
from catalyst_operator.clock import Clock
from catalyst_operator.core.errors import codes, diagnosis
from catalyst_operator.core.project.identity import ProjectAnswer, ProjectQuestion, ProjectReport
from catalyst_operator.errors import CloudError, CloudRateLimited, CloudUnauthorized

log = logging.getLogger(__name__)

ProjectLook = Callable[[SecretStr, ProjectQuestion], Awaitable[ProjectAnswer]]
"""Reads the project that a token opens. Raises CloudError."""


class ProjectLooks:
    """The last report of each Sovereign, and at most one look under way for it."""

    def __init__(self, look: ProjectLook, clock: Clock) -> None:
        self._look = look
        self._clock = clock
        self._errands: Errands[ProjectReport] = Errands("look at the project", Turns(LOOKS_AT_ONCE, LOOKS_EACH))

    def report(self, uid: str) -> ProjectReport | None:
        """What the last look found, whatever it was about; `key` tells."""
        return self._errands.report(uid)

    def ask(
        self,
        uid: str,
        key: str,
        token: SecretStr,
        question: ProjectQuestion,
        changed: Callable[[], None],
        *,
        owner: str = "",
    ) -> None:
        """Look at the project when it is the turn of `owner`, a namespace; `changed` is called once the report is
        there."""
        self._errands.run(uid, key, lambda: self._report(key, token, question), changed, owner=owner)

    def forget(self, uid: str) -> None:
        """The Sovereign is gone."""
        self._errands.forget(uid)

    async def close(self) -> None:
        """Give up all looks."""
        await self._errands.close()

    async def _report(self, key: str, token: SecretStr, question: ProjectQuestion) -> ProjectReport:
        try:
            return ProjectReport(key, self._clock(), await self._look(token, question))
        except CloudUnauthorized as error:
            told = codes.TOKEN_INVALID.entry(f"Hetzner does not accept the token in Secret {question.secret}: {error}")
        except CloudRateLimited as error:
            used_up = diagnosis.requests_used_up()
            return ProjectReport(key, self._clock(), error=used_up, retry_at=error.until)
        except CloudError as error:
            told = codes.CLOUD_UNAVAILABLE.entry(f"whose project the token opens is not known, because {error}")
        except Exception:
            # Not known is not wrong, and not right either: it is asked again.
            log.exception("look at the project of %s", question.cluster_name)
            told = codes.CLOUD_UNAVAILABLE.entry("the look at the project itself failed, see the operator's log")
        return ProjectReport(key, self._clock(), error=told)
