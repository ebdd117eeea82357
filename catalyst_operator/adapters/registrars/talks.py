"""Talks with registrars in the background: read, or change and then read. What came of each is a report."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime

from pydantic import SecretStr

from catalyst_operator.adapters.errands import Errands
from catalyst_operator.adapters.registrars.registrar import Registrar
from catalyst_operator.api.enums import RegistrarName
from catalyst_operator.core.domains.observation import RegistrarProblem, RegistrarReport, Trouble
from catalyst_operator.core.domains.registrar import Domain, RegistrarView
from catalyst_operator.errors import (
    RegistrarCredentialsIncomplete,
    RegistrarError,
    RegistrarForbidden,
    RegistrarRateLimited,
    RegistrarRefused,
    RegistrarUnauthorized,
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


class RegistrarTalks:
    """The last report of each reservation, and at most one talk under way for it."""

    def __init__(self, connect: Connect, clock: Callable[[], datetime]) -> None:
        self._connect = connect
        self._clock = clock
        self._errands: Errands[RegistrarReport] = Errands("talk with the registrar")

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
    ) -> None:
        """Read what is set; with `hosts`, have them set first. `changed` is called once the report is there."""
        self._errands.run(uid, key, lambda: self._talk(uid, key, account, domain, hosts), changed)

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
        known = before if before is not None and before.key == key else None
        view, set_at, set_to = (known.view, known.set_at, known.set_to) if known else (None, None, ())
        tried_at = known.tried_at if known else None
        try:
            registrar = self._connect(*account)
            if hosts is None:
                await registrar.validate(domain)
            else:
                # Whether it was carried out is not known until it is accepted, or seen.
                set_at, tried_at = None, self._clock()
                await registrar.set_nameservers(domain, hosts)
                set_at, set_to = self._clock(), hosts
            view = _sorted(await registrar.get(domain))
        except RegistrarError as error:
            return RegistrarReport(key, self._clock(), view, _problem(error), set_at, set_to, tried_at)
        except Exception:
            log.exception("registrar of %s", domain.name)
            problem = RegistrarProblem(Trouble.UNAVAILABLE, "the talk itself failed, see the operator's log")
            return RegistrarReport(key, self._clock(), view, problem, set_at, set_to, tried_at)
        return RegistrarReport(key, self._clock(), view, None, set_at, set_to, tried_at)


def _sorted(view: RegistrarView) -> RegistrarView:
    return RegistrarView(tuple(sorted(view.nameservers)), view.pending, view.failed)


def _problem(error: RegistrarError) -> RegistrarProblem:
    trouble = next((found for kind, found in _TROUBLES if isinstance(error, kind)), Trouble.UNAVAILABLE)
    until = error.until if isinstance(error, RegistrarRateLimited) else None
    return RegistrarProblem(trouble, str(error), error.remedy, until)
