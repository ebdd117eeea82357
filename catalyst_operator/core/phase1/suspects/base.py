"""What all suspects have in common: what is looked at, and what is said of an object that is not well."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from catalyst_operator.api.phases import ComponentState, Phase1Outcome
from catalyst_operator.core.errors.codes import Code
from catalyst_operator.core.phase1.components import dependencies, is_true, state
from catalyst_operator.core.phase1.errors import error
from catalyst_operator.core.phase1.views import ClusterView, EventView, FluxObject, HelmReleaseView, Survey
from catalyst_operator.core.record import ErrorEntry

AT_ONCE = timedelta(0)
HOLD = timedelta(seconds=30)
"""How long what an attempt failed with is held against the next one, which has just begun."""


@dataclass(frozen=True)
class Look:
    """All that is known when a cause is looked for."""

    view: ClusterView
    survey: Survey
    fqdn: str
    since: datetime
    """When the infrastructure stood."""
    now: datetime
    patience: timedelta
    """How long something has to be wrong before it counts, unless it says itself that it is final."""
    outcome: Phase1Outcome | None = None
    flux_seen: bool = False
    nodes_wanted: tuple[str, ...] = ()
    console_wanted: bool = False
    sovereign: tuple[str, str] = ("<namespace>", "<name>")
    """Namespace and name, for commands on the management cluster."""

    @property
    def stuck(self) -> bool:
        """Whether anything of the kit is not as it should be."""
        whole = bool(self.view.kustomizations) and all(k.ready for k in self.view.kustomizations)
        return self.outcome is not Phase1Outcome.READY or not whole

    @property
    def open_releases(self) -> tuple[HelmReleaseView, ...]:
        """Those that are not installed: first the failed ones, last those that wait for others."""
        found = [r for r in self.view.releases if state(r) is not ComponentState.INSTALLED]
        return tuple(sorted(found, key=self._depth))

    def waits_for(self, release: HelmReleaseView) -> tuple[str, ...]:
        """What it depends on that is not installed."""
        installed = {r.name for r in self.view.releases if state(r) is ComponentState.INSTALLED}
        return tuple(name for name in dependencies(release) if name not in installed)

    def _depth(self, release: HelmReleaseView) -> tuple[bool, bool, str]:
        return bool(self.waits_for(release)), state(release) is not ComponentState.FAILED, release.name


@dataclass(frozen=True)
class Suspect:
    """Something that is wrong: it counts once it has been so for its patience."""

    error: ErrorEntry
    since: datetime | None = None
    """Since when; None where that is not known or does not matter: it counts at once."""
    patience: timedelta = AT_ONCE

    @property
    def due(self) -> datetime | None:
        """From when on it counts."""
        return None if self.since is None else self.since + self.patience


Suspects = Iterator[Suspect]
Place = Callable[[Look], Suspects]
"""One place to look."""


# --- what an object says ----------------------------------------------------------------------------------------------


def complaint(look: Look, found: FluxObject) -> str:
    """What is wrong with it in its own words; empty if it is ready, or does not say.

    Controllers wipe what they said when they try again, so that the last failure's event is taken while an attempt has
    just begun.
    """
    if found.ready:
        return ""
    for type_, bad in (("Ready", "False"), ("FetchFailed", "True"), ("Stalled", "True")):
        condition = found.condition(type_)
        if condition is not None and condition.status == bad and condition.message:
            return condition.message
    ready = found.condition("Ready")
    began = ready.since if ready else None
    return _last_warning(look, found) if began and look.now - began < HOLD else ""


def _last_warning(look: Look, found: FluxObject) -> str:
    identity = (found.namespace, found.kind, found.name)
    mine = [e for e in look.survey.events or () if (e.namespace, e.kind, e.name) == identity and e.message]
    return max(mine, key=_when).message if mine else ""


def _when(event: EventView) -> float:
    return event.at.timestamp() if event.at else 0.0


def of_object(look: Look, found: FluxObject, entry: ErrorEntry, *, succeeded: bool) -> Suspect:
    """A suspect that is about a Flux object. One that gave up counts at once. Controllers touch the condition at each
    attempt, so that of one that never succeeded the creation counts."""
    ready = found.condition("Ready")
    since = (ready.since if ready else None) if succeeded else found.created
    return Suspect(entry, since, AT_ONCE if is_true(found, "Stalled") else look.patience)


# --- what that means --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Meaning:
    """What a message means and what to do about it, recognised by a pattern in lower case.

    `advice` is followed by `command`, a template with `{kind}`, `{namespace}` and `{name}`.
    """

    sign: str
    means: str
    advice: str
    command: str = "kubectl -n {namespace} describe {kind} {name}"
    lasting: bool = True


def meaning(said: str, of: Iterable[Meaning]) -> Meaning | None:
    """The first that fits."""
    return next((m for m in of if re.search(m.sign, said.lower())), None)


def explained(code: Code, found: FluxObject, said: str, of: Iterable[Meaning]) -> ErrorEntry:
    """An entry that says what the message means, or only repeats it."""
    known = meaning(said, of) or Meaning("", "", "See all that is said of it", lasting=code.terminal)
    command = known.command.format(kind=found.kind.lower(), namespace=found.namespace, name=found.name)
    what = ": ".join(part for part in (f"{found.kind} {found.key}", known.means, said) if part)
    return error(code, what, f"{known.advice}: `{command}`.", known.lasting)
