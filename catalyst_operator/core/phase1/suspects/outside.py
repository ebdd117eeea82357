"""What is seen from outside: certificates, the console, and the verdict itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from catalyst_operator.api.phases import Phase1Outcome
from catalyst_operator.core.errors.codes import (
    CERT_RATE_LIMIT,
    CONSOLE_UNREACHABLE,
    FLUX_NOT_RECONCILING,
    KIT_TIMEOUT,
    REMOTE_TOO_BIG,
)
from catalyst_operator.core.phase1.components import component
from catalyst_operator.core.phase1.expected import listed
from catalyst_operator.core.phase1.suspects.base import Look, Suspect, Suspects

CONSOLE_PATIENCE = timedelta(minutes=5)
"""From the moment when all is installed: routes and certificates take a while."""
_RATE_LIMITED = re.compile(r"ratelimited|too many (certificates|failed authorizations|new orders|registrations)", re.I)
_RETRY_AFTER = re.compile(r"retry after (\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)", re.I)


def certificates(look: Look) -> Suspects:
    """A certificate authority that issues no more for now."""
    for where, said in _of_certificates(look):
        if _RATE_LIMITED.search(said):
            until = _RETRY_AFTER.search(said)
            wait = (
                f"It passes by itself, at {until[1].replace('T', ' ')} UTC"
                if until
                else "It passes by itself within a week"
            )
            remedy = f"{wait}; asking again does not help. What is asked for: `kubectl get certificates,orders -A`."
            yield Suspect(CERT_RATE_LIMIT.entry(f"{where}: {said}", remedy=remedy))


def _of_certificates(look: Look) -> Iterator[tuple[str, str]]:
    for found in look.survey.certificates:
        yield from ((f"{found.kind} {found.key}", c.message) for c in found.conditions if c.status != "True")
    for event in look.survey.events or ():
        if event.kind in ("Certificate", "CertificateRequest", "Order", "Challenge", "Issuer", "ClusterIssuer"):
            yield f"{event.kind} {event.namespace}/{event.name}", event.message


def unread(look: Look) -> Suspects:
    """What could not be looked at, where nothing that could is the cause."""
    if look.survey.too_much:
        told = f"A part of the new cluster is not seen, because its API server answers with {look.survey.too_much}"
        yield Suspect(REMOTE_TOO_BIG.entry(told))


def console(look: Look) -> Suspects:
    """The console, once all else is ready."""
    found = look.view.console
    if found is None or found.answers or not look.console_wanted or look.stuck:
        return
    told = f"https://console.{look.fqdn} does not answer at the load balancer" + (
        f": {found.message}" if found.message else ""
    )
    yield Suspect(CONSOLE_UNREACHABLE.entry(told), _complete_since(look), CONSOLE_PATIENCE)


def _complete_since(look: Look) -> datetime | None:
    """When the last component became ready. Kustomizations say so anew each few minutes."""
    told = [c.since for r in look.view.releases if (c := r.condition("Ready")) and c.since]
    return max(told, default=None)


def verdict(look: Look) -> Suspects:
    """A deadline that struck, for when nothing says why."""
    if look.outcome is Phase1Outcome.FLUX_NOT_RECONCILING:
        told = "No HelmRelease appeared on the new cluster in time, and nothing there says why"
        yield Suspect(FLUX_NOT_RECONCILING.entry(told))
    if look.outcome is Phase1Outcome.TIMEOUT:
        waiting = look.open_releases
        told = (
            f"Not installed in time: {listed(tuple(r.known_as for r in waiting))}"
            if waiting
            else "The kit is not complete"
        )
        said = component(waiting[0].known_as, waiting[0]).message if waiting else ""
        yield Suspect(KIT_TIMEOUT.entry(f"{told}. {waiting[0].known_as}: {said}" if said else told))
