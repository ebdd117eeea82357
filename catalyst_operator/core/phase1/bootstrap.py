"""FluxBootstrap: from the first sign of the new cluster to a Flux that knows what to do.

Nobody answers at first, and that is normal. Messages give times of the clock, never how long ago: a status in which
nothing happens is not written again.

Why: docs/explanation.md#phase-1
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from catalyst_operator.api.common import Truth
from catalyst_operator.api.conditions import Reason
from catalyst_operator.core.errors import codes
from catalyst_operator.core.phase1 import presence
from catalyst_operator.core.phase1.views import ClusterView, Link, LinkView, Survey
from catalyst_operator.core.record import ErrorEntry

UNREACHABLE_LIMIT = timedelta(minutes=10)
"""How long nobody may answer before it is an error: k3s, Cilium and Flux take about five minutes."""
RIGHTS_LIMIT = timedelta(minutes=5)
"""How long the API may refuse the operator at first: first boot makes its rights once the API server answers."""
UNAUTHORIZED_LIMIT = timedelta(minutes=2)
"""How long it may do so later before it is an error."""


@dataclass(frozen=True)
class FluxBootstrap:
    """What the condition FluxBootstrap says, and what is wrong."""

    status: Truth
    reason: Reason
    message: str
    error: ErrorEntry | None = None
    again: datetime | None = None
    """When time alone may make an error of it."""

    @property
    def done(self) -> bool:
        """Whether Flux runs and knows what to apply."""
        return self.status == "True"


def bootstrap(
    view: ClusterView | None, fqdn: str, since: datetime, now: datetime, *, flux_seen: bool = False
) -> FluxBootstrap:
    """How far the new cluster is. `since`: when its infrastructure stood. `flux_seen`: whether Flux's controllers were
    available once, as recorded."""
    if view is None:
        return _waiting(
            Reason.RUNNING, f"Its first boot began at {_clock(since)}. Awaited: an answer of its API server."
        )
    if view.link.state is not Link.UP:
        return _no_link(view, since, now, flux_seen)
    if view.survey is None:
        return _waiting(Reason.RUNNING, "The API server answers. Awaited: a first look at what is there.")
    return _up(view, view.survey, fqdn, now, flux_seen)


def flux_available(view: ClusterView | None) -> bool:
    """Whether all of Flux's controllers are available now: to be recorded."""
    survey = view.survey if view else None
    return survey is not None and survey.deployments is not None and not presence.unavailable(survey)


def _waiting(reason: Reason, message: str) -> FluxBootstrap:
    return FluxBootstrap("Unknown" if reason is Reason.RUNNING else "False", reason, message)


def _clock(at: datetime) -> str:
    return f"{at:%H:%M:%S} UTC"


# --- nobody answers, or not as it should ------------------------------------------------------------------------------


def _no_link(view: ClusterView, since: datetime, now: datetime, flux_seen: bool) -> FluxBootstrap:
    link = view.link
    if link.state is Link.UNTRUSTED:
        told = f"Whoever answers at the new cluster's address is not the new cluster{_said(link)}"
        return FluxBootstrap("False", Reason.API_UNREACHABLE, told, codes.REMOTE_UNTRUSTED.entry(told))
    if link.state is Link.TOO_MUCH:
        since_when = f"since {_clock(link.since)}{_said(link)}"
        told = f"The new cluster's API server answers with more than the operator reads {since_when}"
        return FluxBootstrap("False", Reason.ANSWERS_TOO_LARGE, told, codes.REMOTE_TOO_BIG.entry(told))
    lived = flux_seen or view.survey is not None
    if link.state is Link.UNAUTHORIZED:
        return _refused(link, since, now, lived)
    return _silent(link, link.since if lived else since, now, lived)


def _refused(link: LinkView, since: datetime, now: datetime, lived: bool) -> FluxBootstrap:
    code, patience = codes.REMOTE_UNAUTHORIZED, UNAUTHORIZED_LIMIT if lived else RIGHTS_LIMIT
    deadline = link.since + patience if lived else max(link.since + patience, since + UNREACHABLE_LIMIT)
    if now < deadline and not lived:
        awaited = "the operator's rights there, which first boot makes right after the API server's first answer"
        told = f"The API server answers. Awaited: {awaited}; until {_clock(deadline)} that is normal."
        return FluxBootstrap("Unknown", Reason.RUNNING, told, again=deadline)
    told = f"The new cluster's API server refuses the operator since {_clock(link.since)}{_said(link)}"
    return _with_error(Reason.UNAUTHORIZED, told, deadline, now, code)


def _silent(link: LinkView, since: datetime, now: datetime, lived: bool) -> FluxBootstrap:
    deadline, code = since + UNREACHABLE_LIMIT, codes.API_UNREACHABLE
    reason = Reason.RUNNING if link.state is Link.CONNECTING else Reason.API_UNREACHABLE
    if lived:
        told = f"The new cluster's API server does not answer any more since {_clock(since)}{_said(link)}"
        return _with_error(reason, told, deadline, now, code)
    awaited = f"Its first boot began at {_clock(since)}. Awaited: k3s, Cilium and Flux"
    normal = f", which take about five minutes; until {_clock(deadline)} it is normal that nobody answers"
    told = f"{awaited}{normal if now < deadline else ''}{_said(link)}"
    return _with_error(Reason.RUNNING if now < deadline else reason, told, deadline, now, code)


def _with_error(reason: Reason, told: str, deadline: datetime, now: datetime, code: codes.Code) -> FluxBootstrap:
    status: Truth = "Unknown" if reason is Reason.RUNNING else "False"
    if now < deadline:
        return FluxBootstrap(status, reason, told, again=deadline)
    return FluxBootstrap(status, reason, told, code.entry(told))


def _said(link: LinkView) -> str:
    return f": {link.message.rstrip('.')}." if link.message else "."


# --- the API answers --------------------------------------------------------------------------------------------------


def _up(view: ClusterView, survey: Survey, fqdn: str, now: datetime, flux_seen: bool) -> FluxBootstrap:
    gone = presence.gone(view, flux_seen)
    if gone:
        told = f"Flux is gone from the new cluster: no Deployment {', '.join(gone)} in flux-system."
        return FluxBootstrap("False", Reason.FLUX_MISSING, told, codes.FLUX_GONE.entry(told))
    if survey.deployments is None:
        return _waiting(Reason.RUNNING, "The API server answers. Awaited: a look at the Deployments of flux-system.")
    awaited = presence.unavailable(survey)
    # A controller that is upgraded is away for a moment.
    away_until = presence.away_until(survey, awaited) if flux_seen else None
    if awaited and not (away_until and now < away_until):
        told = f"The API server answers. Awaited: {', '.join(awaited)} in flux-system."
        return _waiting(Reason.FLUX_MISSING if flux_seen else Reason.RUNNING, told)
    objects = presence.objects_awaited(view, fqdn)
    if objects:
        return _waiting(Reason.RUNNING, f"Flux is available. Awaited: {' and '.join(objects)} in flux-system.")
    told = "Flux is available and has its GitRepository and Kustomization."
    return FluxBootstrap("True", Reason.SUCCEEDED, told, again=away_until)
