"""What all suspects have in common: what is looked at, and what is said of an object that is not well."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from catalyst_operator.api.phases import ComponentState, Phase1Outcome
from catalyst_operator.core.errors.codes import Code
from catalyst_operator.core.phase1.components import dependencies, is_true, states
from catalyst_operator.core.phase1.suspects.words import matches
from catalyst_operator.core.phase1.views import (
    ClusterView,
    EventView,
    FluxObject,
    HelmReleaseView,
    KustomizationView,
    Survey,
)
from catalyst_operator.core.record import ErrorEntry

AT_ONCE = timedelta(0)
HOLD = timedelta(seconds=30)
"""How long what an attempt failed with is held against the next one, which has just begun."""


@dataclass(frozen=True)
class Look:
    """All that is known when a cause is looked for."""

    view: ClusterView
    """The kit's objects, without what the owner has besides."""
    whole: ClusterView
    """All that is watched: only what is not in it does not exist."""
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
    nodes_joined: tuple[str, ...] = ()
    """Those that were ready once."""
    console_wanted: bool = False
    sovereign: tuple[str, str] = ("<namespace>", "<name>")
    """Namespace and name, for commands on the management cluster."""

    @property
    def stuck(self) -> bool:
        """Whether anything of the kit is not as it should be."""
        whole = bool(self.view.kustomizations) and all(k.ready for k in self.view.kustomizations)
        return self.outcome is not Phase1Outcome.READY or not whole

    @cached_property
    def states(self) -> dict[str, ComponentState]:
        """The state of each HelmRelease, by what people call it."""
        return states({r.known_as: r for r in self.whole.releases})

    @cached_property
    def open_releases(self) -> tuple[HelmReleaseView, ...]:
        """Those that are not installed: first the failed ones, last those that wait for others."""
        found = [r for r in self.view.releases if self.states[r.known_as] is not ComponentState.INSTALLED]
        return tuple(sorted(found, key=self._depth))

    def waits_for(self, release: HelmReleaseView) -> tuple[str, ...]:
        """What it depends on that is not installed."""
        return tuple(n for n in dependencies(release) if self.states.get(n) is not ComponentState.INSTALLED)

    def _depth(self, release: HelmReleaseView) -> tuple[bool, bool, str]:
        failed = self.states[release.known_as] is ComponentState.FAILED
        return bool(self.waits_for(release)), not failed, release.known_as


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


@dataclass(frozen=True)
class Complaint:
    """What is wrong with an object in its own words. Falsy where nothing is, or where it does not say."""

    reason: str = ""
    """A word that its controller gives for programs."""
    message: str = ""
    since: datetime | None = None
    """When it began to complain, as far as that is known."""

    def __bool__(self) -> bool:
        return bool(self.message)


def complaint(look: Look, found: FluxObject) -> Complaint:
    """What is wrong with it in its own words.

    Controllers wipe what they said when they try again, so that the last failure's event is taken while an attempt has
    just begun. That a failed release was rolled back or uninstalled tells nothing: Released says why.
    """
    if found.ready:
        return Complaint()
    ready = found.condition("Ready")
    undone = ready is not None and ready.reason in ("RollbackSucceeded", "UninstallSucceeded")
    signs = (("Released", "False"), *_SIGNS) if undone else (*_SIGNS, ("Released", "False"))
    for type_, bad in signs:
        condition = found.condition(type_)
        if condition is not None and condition.status == bad and condition.message:
            return Complaint(condition.reason, condition.message, condition.since)
    began = ready.since if ready else None
    return _last_warning(look, found) if began and look.now - began < HOLD else Complaint()


_SIGNS = (
    ("Ready", "False"),
    ("FetchFailed", "True"),
    ("BuildFailed", "True"),
    ("StorageOperationFailed", "True"),
    ("Stalled", "True"),
)
"""Conditions that are bad, and when; the most telling first."""


def _last_warning(look: Look, found: FluxObject) -> Complaint:
    mine = warnings(look, found.kind, found.namespace, found.name)
    return Complaint(mine[-1].reason, mine[-1].message, mine[-1].at) if mine else Complaint()


def warnings(look: Look, kind: str, namespace: str, name: str) -> list[EventView]:
    """The warnings about that object, the newest last."""
    events = look.survey.events or ()
    mine = [e for e in events if (e.kind, e.namespace, e.name) == (kind, namespace, name) and e.message]
    return sorted(mine, key=_when)


def _when(event: EventView) -> float:
    return event.at.timestamp() if event.at else 0.0


def of_object(look: Look, found: FluxObject, entry: ErrorEntry, *, succeeded: bool) -> Suspect:
    """A suspect that is about a Flux object. One that gave up counts at once. Controllers touch the condition at each
    attempt, so that of one that never succeeded the creation counts, and of others what does not change with each."""
    since = _failing_since(found) if succeeded else found.created
    return Suspect(entry, since, AT_ONCE if is_true(found, "Stalled") else look.patience)


def _failing_since(found: FluxObject) -> datetime | None:
    remembered = found.unready_since if isinstance(found, KustomizationView) else None
    lasting = [found.condition(type_) for type_ in ("FetchFailed", "Released", "Ready")]
    return remembered or next((c.since for c in lasting if c and c.since and c.status != _good(c.type)), None)


def _good(type_: str) -> str:
    return "False" if type_ == "FetchFailed" else "True"


# --- what that means --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Meaning:
    """What a complaint means and what to do about it. It is recognised by its reason, or by a pattern in what is left
    of the message, in lower case, without the names that people gave.

    `advice` is followed by `command`, a template with `{kind}`, `{namespace}` and `{name}`, and with the groups that
    the pattern names.
    """

    sign: str
    means: str
    advice: str
    command: str = "kubectl -n {namespace} describe {kind} {name}"
    lasting: bool = True
    reasons: frozenset[str] = frozenset()
    whole: bool = False
    """The pattern is for the message as it is: it names what stands around the names."""


NO_HANDOUT = Meaning(
    r"https?://source-controller\.",
    "source-controller does not hand out what it fetched",
    "See whether its Pod runs, and what keeps others from it",
    "kubectl -n flux-system get pods,services,networkpolicies",
    lasting=False,
    whole=True,
)
"""Said by those who fetch from it, inside the cluster."""
NO_DISCOVERY = Meaning(
    r"stale groupversion discovery|server is currently unable to handle the request",
    "an API behind the API server does not answer",
    "See which one, and whether its Pods run",
    "kubectl get apiservices",
    lasting=False,
)
"""The API server passes such requests on, to a metrics server for example."""


def meaning(said: Complaint, of: Iterable[Meaning]) -> tuple[Meaning, dict[str, str]] | None:
    """The first that fits, and what its pattern found: reasons first, words only then."""
    known = tuple(of)
    by_reason = next((m for m in known if said.reason in m.reasons), None)
    if by_reason:
        return by_reason, {}
    found = ((m, matches(m.sign, said.message, whole=m.whole)) for m in known if m.sign)
    return next(((m, groups) for m, groups in found if groups is not None), None)


def explained(code: Code, found: FluxObject, said: Complaint, of: Iterable[Meaning], concerns: str = "") -> ErrorEntry:
    """An entry that says what the complaint means, or only repeats it, and what it concerns."""
    unknown = Meaning("", "", "See all that is said of it", lasting=code.terminal)
    known, groups = meaning(said, of) or (unknown, {})
    values = {"kind": found.kind.lower(), "namespace": found.namespace, "name": found.name, **groups}
    message = f"{said.message.rstrip('.')} (for {concerns})" if concerns else said.message
    what = ": ".join(part for part in (f"{found.kind} {found.key}", known.means, message) if part)
    return code.entry(what, remedy=f"{known.advice}: `{known.command.format(**values)}`.", lasting=known.lasting)
