"""Looks at cloud projects in the background, so that no reconcile ever waits for the cloud."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from pydantic import SecretStr

from catalyst_operator.adapters.errands import Errands
from catalyst_operator.adapters.pace import Pace
from catalyst_operator.adapters.turns import Turns
from catalyst_operator.clock import Clock
from catalyst_operator.core.naming import digest_of
from catalyst_operator.core.project import preflight
from catalyst_operator.core.project.identity import fingerprint
from catalyst_operator.core.project.preflight import CloudView, Report, Wanted
from catalyst_operator.errors import CloudError, CloudRateLimited, CloudUnauthorized

log = logging.getLogger(__name__)

Look = Callable[[SecretStr, Wanted], Awaitable[CloudView]]
"""Reads the project that a token opens. Raises CloudError."""


LOOKS_AT_ONCE, LOOKS_EACH = 32, 8
"""Looks under way, and of those one namespace's."""
REPEAT_PAUSE = 30.0
"""Seconds between two looks with one token that nothing waits for. A look is about eight of the 3,600 requests that a
project has an hour: however many Sovereigns share it, they take no more than 960 together."""


class Preflights:
    """The last report of each Sovereign, and at most one look under way for it."""

    def __init__(self, look: Look, clock: Clock, pace: Pace | None = None) -> None:
        self._look = look
        self._clock = clock
        self._pace = pace or Pace(REPEAT_PAUSE)
        self._turns = Turns(LOOKS_AT_ONCE, LOOKS_EACH)
        self._errands: Errands[Report] = Errands("preflight")

    def report(self, uid: str) -> Report | None:
        """What the last look found, whatever it was about; `key` tells."""
        return self._errands.report(uid)

    def ask(
        self,
        uid: str,
        key: str,
        token: SecretStr,
        wanted: Wanted,
        changed: Callable[[], None],
        *,
        owner: str = "",
        patient: bool = False,
    ) -> None:
        """Look at the project when it is the turn of `owner`, a namespace; `changed` is called once the report is
        there. A patient look waits for those before it with the same token, and one that is not takes its place."""

        async def look() -> Report:
            async with self._turns.turn(owner):
                return replace(await self._report(key, token, wanted), mark=fingerprint(uid, token))

        async def look_patiently() -> Report:
            await self._pace.wait(digest_of(token.get_secret_value()))
            return await look()

        if patient:
            self._errands.run(uid, f"{key} again", look_patiently, changed)
        else:
            self._errands.run(uid, key, look, changed)

    def forget(self, uid: str) -> None:
        """The Sovereign is gone, or needs no preflight any more."""
        self._errands.forget(uid)

    async def close(self) -> None:
        """Give up all looks."""
        await self._errands.close()

    async def _report(self, key: str, token: SecretStr, wanted: Wanted) -> Report:
        try:
            checks = preflight.judge(wanted, await self._look(token, wanted))
        except CloudUnauthorized as error:
            checks = preflight.unauthorized(wanted.secret, str(error))
        except CloudRateLimited as error:
            return Report(key, self._clock(), preflight.rate_limited(error.until), retry_at=error.until)
        except CloudError as error:
            checks = preflight.unreachable(str(error))
        except Exception:
            # Without a report nothing would be provisioned; a defect in a check that only helps must not do that.
            log.exception("preflight of %s", wanted.cluster_name)
            checks = preflight.unreachable("the check itself failed, see the operator's log")
        return Report(key, self._clock(), checks)
