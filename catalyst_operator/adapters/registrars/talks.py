"""Talks with registrars in the background: read, or change and then read. What came of each is a report."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace

from pydantic import SecretStr

from catalyst_operator.adapters.errands import Errands
from catalyst_operator.adapters.registrars.registrar import Registrar
from catalyst_operator.adapters.turns import Turns
from catalyst_operator.api.enums import RegistrarName
from catalyst_operator.clock import Clock
from catalyst_operator.core.domains.observation import RegistrarProblem, RegistrarReport, Trouble
from catalyst_operator.core.domains.registrar import Domain, RegistrarView
from catalyst_operator.errors import (
    RegistrarCredentialsIncomplete,
    RegistrarError,
    RegistrarForbidden,
    RegistrarRateLimited,
    RegistrarRefused,
    RegistrarUnauthorized,
    RegistrarUnavailable,
)

log = logging.getLogger(__name__)

Connect = Callable[[RegistrarName, Mapping[str, SecretStr]], Registrar]
"""An adapter for one account. Raises RegistrarError."""
_TROUBLES: tuple[tuple[type[RegistrarError], Trouble], ...] = (
    (RegistrarCredentialsIncomplete, Trouble.INCOMPLETE),
    (RegistrarUnauthorized, Trouble.UNAUTHORIZED),
    (RegistrarForbidden, Trouble.FORBIDDEN),
    (RegistrarRefused, Trouble.REFUSED),
    (RegistrarRateLimited, Trouble.RATE_LIMITED),
)
TALKS_AT_ONCE, TALKS_EACH = 16, 4
"""Talks under way, and of those one namespace's: one may take a minute and a half with a vendor that is slow."""
TALK_SECONDS = 180.0
"""For all requests of a talk together: a vendor may list any number of things that are then asked for one by one."""
MAX_SHOWN, MAX_HOST = 32, 254
"""Name servers that a vendor may show, and letters of each: they are kept in an annotation."""
_OF_A_CHANGE = frozenset({Trouble.FORBIDDEN, Trouble.REFUSED, Trouble.UNCLEAR})
"""What may be said of a change by a registrar that still lets us read."""


class RegistrarTalks:
    """The last report of each reservation, and at most one talk under way for it."""

    def __init__(self, connect: Connect, clock: Clock, *, limit_seconds: float = TALK_SECONDS) -> None:
        self._connect = connect
        self._clock = clock
        self._limit_seconds = limit_seconds
        self._errands: Errands[RegistrarReport] = Errands("talk with the registrar", Turns(TALKS_AT_ONCE, TALKS_EACH))

    def report(self, uid: str) -> RegistrarReport | None:
        """What the last talk came to."""
        return self._errands.report(uid)

    def under_way(self, uid: str) -> bool:
        """Whether a talk is going on, which may be changing something."""
        return self._errands.under_way(uid)

    def ask(
        self,
        uid: str,
        key: str,
        account: tuple[RegistrarName, Mapping[str, SecretStr]],
        domain: Domain,
        hosts: tuple[str, ...] | None,
        changed: Callable[[], None],
        *,
        owner: str = "",
    ) -> None:
        """Read what is set; with `hosts`, have them set first. It is done when it is the turn of `owner`, a namespace;
        `changed` is called once the report is there."""
        self._errands.run(uid, key, lambda: self._talk(uid, key, account, domain, hosts), changed, owner=owner)

    def forget(self, uid: str) -> None:
        """The reservation is gone."""
        self._errands.forget(uid)

    async def close(self) -> None:
        """Give up all talks."""
        await self._errands.close()

    async def _talk(
        self,
        uid: str,
        key: str,
        account: tuple[RegistrarName, Mapping[str, SecretStr]],
        domain: Domain,
        hosts: tuple[str, ...] | None,
    ) -> RegistrarReport:
        before = self._errands.report(uid)
        known = before if before is not None and before.key == key else RegistrarReport(key, self._clock())
        try:
            registrar = self._connect(*account)
            async with asyncio.timeout(self._limit_seconds):
                if hosts is None:
                    await registrar.validate(domain)
                else:
                    # Whether it was carried out is not known until it is accepted, or seen.
                    known = replace(known, set_at=None, tried_at=self._clock())
                    await registrar.set_nameservers(domain, hosts)
                    known = replace(known, set_at=self._clock(), set_to=hosts, refused=None, refusals=0)
                view = _sorted(await registrar.get(domain))
        except RegistrarError as error:
            return self._after(known, _problem(error), changing=hosts is not None and known.set_at is None)
        except TimeoutError:
            words = f"the talk with {account[0].value} was not over within {self._limit_seconds:g} s"
            return self._after(known, RegistrarProblem(Trouble.UNAVAILABLE, words), changing=False)
        except Exception:
            log.exception("registrar of %s", domain.name)
            problem = RegistrarProblem(Trouble.UNAVAILABLE, "the talk itself failed, see the operator's log")
            return self._after(known, problem, changing=False)
        return replace(known, at=self._clock(), view=view, problem=None, tries=1)

    def _after(self, known: RegistrarReport, problem: RegistrarProblem, *, changing: bool) -> RegistrarReport:
        """What is known after a problem. A change that is refused says nothing against reading."""
        at = self._clock()
        if changing and problem.trouble in _OF_A_CHANGE:
            return replace(known, at=at, problem=None, refused=problem, refusals=known.refusals + 1)
        again = known.problem is not None and known.problem.trouble is problem.trouble
        return replace(known, at=at, problem=problem, tries=known.tries + 1 if again else 1)


def _sorted(view: RegistrarView) -> RegistrarView:
    """Raises RegistrarUnavailable for more, or longer names, than a domain can have."""
    if len(view.nameservers) > MAX_SHOWN or any(len(host) > MAX_HOST for host in view.nameservers):
        raise RegistrarUnavailable(f"it shows {len(view.nameservers)} name servers, or names too long", unclear=True)
    return RegistrarView(tuple(sorted(view.nameservers)), view.pending, view.failed)


def _problem(error: RegistrarError) -> RegistrarProblem:
    unclear = isinstance(error, RegistrarUnavailable) and error.unclear
    otherwise = Trouble.UNCLEAR if unclear else Trouble.UNAVAILABLE
    trouble = next((found for kind, found in _TROUBLES if isinstance(error, kind)), otherwise)
    until = error.until if isinstance(error, RegistrarRateLimited) else None
    return RegistrarProblem(trouble, str(error), error.remedy, until)
