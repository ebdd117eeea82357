"""The first cause: when a new cluster does not get on, the deepest thing that is wrong, and one command.

One broken thing makes many others complain. They are asked in the order of who stands on whom; the first that has been
wrong for long enough is the cause, and what stands on it is not mentioned.

Why: docs/explanation.md#phase-1
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from catalyst_operator.api.phases import Phase1Outcome
from catalyst_operator.core.phase1.expected import Expected
from catalyst_operator.core.phase1.suspects.base import Look, Place, Suspect
from catalyst_operator.core.phase1.suspects.certificates import certificates
from catalyst_operator.core.phase1.suspects.components import failed, failing, unresolved
from catalyst_operator.core.phase1.suspects.kustomizations import consequences, kustomizations, pins
from catalyst_operator.core.phase1.suspects.machines import cilium, flux, network, nodes, storage
from catalyst_operator.core.phase1.suspects.outside import console, unread, verdict
from catalyst_operator.core.phase1.suspects.pauses import suspended, suspended_components
from catalyst_operator.core.phase1.suspects.pods import pods, unmade
from catalyst_operator.core.phase1.suspects.sources import charts, git
from catalyst_operator.core.phase1.views import ClusterView, Link
from catalyst_operator.core.record import ErrorEntry

PATIENCE = timedelta(minutes=2)

PLACES: tuple[Place, ...] = (
    flux,
    pins,
    network,
    suspended,
    git,
    kustomizations,
    unresolved,
    suspended_components,
    storage,
    charts,
    pods,
    unmade,
    cilium,
    certificates,
    failed,
    failing,
    nodes,
    unread,
    consequences,
    console,
    verdict,
)
"""Where to look, the deepest place first."""
BEFORE_FLUX: tuple[Place, ...] = (network, nodes, unread)
"""Where something can be wrong before there are CustomResourceDefinitions of Flux to look at."""


@dataclass(frozen=True)
class Cause:
    """The cause, if there is one, and when time alone may make one of what is only suspected."""

    error: ErrorEntry | None = None
    again: datetime | None = None


def first_cause(
    view: ClusterView | None,
    fqdn: str,
    since: datetime,
    now: datetime,
    *,
    expected: Expected | None = None,
    outcome: Phase1Outcome | None = None,
    flux_seen: bool = False,
    nodes_wanted: tuple[str, ...] = (),
    nodes_joined: tuple[str, ...] = (),
    console_wanted: bool = False,
    sovereign: tuple[str, str] = ("<namespace>", "<name>"),
    patience: timedelta = PATIENCE,
    places: Sequence[Place] = PLACES,
) -> Cause:
    """The deepest cause of what is wrong now. `since` is when the infrastructure stood, `sovereign` its namespace and
    name. What the owner has besides the `expected` kit is no cause of anything. Nothing is said of a cluster that
    cannot be seen: that is for `bootstrap`."""
    if view is None or view.survey is None or view.link.state is not Link.UP:
        return Cause()
    look = Look(
        view=_of_kit(view, expected) if expected else view,
        whole=view,
        survey=view.survey,
        fqdn=fqdn,
        since=since,
        now=now,
        patience=patience,
        outcome=outcome,
        flux_seen=flux_seen,
        nodes_wanted=nodes_wanted,
        nodes_joined=nodes_joined,
        console_wanted=console_wanted,
        sovereign=sovereign,
    )
    return _first_due(look, places if view.synced else [place for place in places if place in BEFORE_FLUX])


def _of_kit(view: ClusterView, expected: Expected) -> ClusterView:
    return replace(
        view,
        releases=tuple(filter(expected.has, view.releases)),
        kustomizations=tuple(filter(expected.has, view.kustomizations)),
    )


def _first_due(look: Look, places: Sequence[Place]) -> Cause:
    suspected: list[Suspect] = []
    for place in places:
        for suspect in place(look):
            if suspect.due is None or suspect.due <= look.now:
                # Time is up: that nothing says why would not be true while something is suspected.
                told = suspected[0] if suspected and place is verdict else suspect
                return Cause(told.error, _soonest(suspected))
            suspected.append(suspect)
    return Cause(None, _soonest(suspected))


def _soonest(suspected: Sequence[Suspect]) -> datetime | None:
    return min((suspect.due for suspect in suspected if suspect.due), default=None)
