"""What is seen from outside: the console, and the verdict itself."""

from __future__ import annotations

from datetime import datetime, timedelta

from catalyst_operator.api.phases import Phase1Outcome
from catalyst_operator.core.errors.codes import (
    CONSOLE_UNREACHABLE,
    FLUX_NOT_RECONCILING,
    KIT_TIMEOUT,
    REMOTE_TOO_BIG,
)
from catalyst_operator.core.phase1.components import component
from catalyst_operator.core.phase1.expected import listed
from catalyst_operator.core.phase1.suspects.base import Look, Suspect, Suspects
from catalyst_operator.core.phase1.suspects.certificates import unissued

CONSOLE_PATIENCE = timedelta(minutes=5)
"""From the moment when all is installed: routes and certificates take a while."""
ENTRANCE = "gateway"
"""Namespace of the gateway and of its certificate (clusters/_template/infrastructure)."""
_WAITS = (
    "Without its certificate the gateway does not answer. Mend what the challenge waits for, mostly the domain's "
    "delegation; a fresh DNS record may take up to half an hour: `kubectl -n gateway describe challenges,orders`."
)


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
    why = unissued(look, ENTRANCE)
    entry = CONSOLE_UNREACHABLE.entry(f"{told}. {why}", remedy=_WAITS) if why else CONSOLE_UNREACHABLE.entry(told)
    yield Suspect(entry, _complete_since(look), CONSOLE_PATIENCE)


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
