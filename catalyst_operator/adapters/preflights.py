"""Looks at cloud projects in the background, so that no reconcile ever waits for the cloud.

The reports are a cache, never the truth: they can be lost at any time, and are then asked for again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from pydantic import SecretStr

from catalyst_operator.core import preflight
from catalyst_operator.core.preflight import CloudView, Report, Wanted
from catalyst_operator.errors import CloudError, CloudRateLimited, CloudUnauthorized

log = logging.getLogger(__name__)

Look = Callable[[SecretStr, Wanted], Awaitable[CloudView]]
"""Reads the project that a token opens. Raises CloudError."""


@dataclass
class _UnderWay:
    key: str
    task: asyncio.Task[None]


class Preflights:
    """The last report of each Sovereign, and at most one look under way for it."""

    def __init__(self, look: Look, clock: Callable[[], datetime]) -> None:
        self._look = look
        self._clock = clock
        self._reports: dict[str, Report] = {}
        self._under_way: dict[str, _UnderWay] = {}

    def report(self, uid: str) -> Report | None:
        """What the last look found, whatever it was about; `key` tells."""
        return self._reports.get(uid)

    def ask(self, uid: str, key: str, token: SecretStr, wanted: Wanted, changed: Callable[[], None]) -> None:
        """Look at the project; `changed` is called once the report is there. While a look for the same key is under
        way nothing happens; one for another key is given up, since nobody wants its answer any more."""
        known = self._under_way.get(uid)
        if known and not known.task.done():
            if known.key == key:
                return
            known.task.cancel()
        task = asyncio.create_task(self._run(uid, key, token, wanted, changed), name=f"preflight of {uid}")
        self._under_way[uid] = _UnderWay(key, task)

    def forget(self, uid: str) -> None:
        """The Sovereign is gone, or needs no preflight any more."""
        self._reports.pop(uid, None)
        known = self._under_way.pop(uid, None)
        if known:
            known.task.cancel()

    async def close(self) -> None:
        """Give up all looks."""
        tasks = [known.task for known in self._under_way.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, uid: str, key: str, token: SecretStr, wanted: Wanted, changed: Callable[[], None]) -> None:
        self._reports[uid] = await self._report(key, token, wanted)
        changed()

    async def _report(self, key: str, token: SecretStr, wanted: Wanted) -> Report:
        try:
            checks = preflight.judge(wanted, await self._look(token, wanted))
        except CloudUnauthorized as error:
            checks = preflight.unauthorized(str(error))
        except CloudRateLimited as error:
            return Report(key, self._clock(), preflight.rate_limited(error.until), retry_at=error.until)
        except CloudError as error:
            checks = preflight.unreachable(str(error))
        except Exception:
            # Without a report nothing would be provisioned; a defect in a check that only helps must not do that.
            log.exception("preflight of %s", wanted.cluster_name)
            checks = preflight.unreachable("the check itself failed, see the operator's log")
        return Report(key, self._clock(), checks)
