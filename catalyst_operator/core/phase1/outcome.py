"""The verdict on the bootstrap kit: a pure reducer from what is seen now, and two absolute deadlines.

It follows the level, not the events: what happened in between, and in which order, does not matter. Ready has to be
earned by every expected component at its present generation; nothing falls through to it. The deadlines are those of
the installation: once the kit stood as a whole they are over, and what is upgraded or breaks later is told as such.

Why: docs/explanation.md#phase-1
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from catalyst_operator.api.phases import ComponentState, Phase1Outcome
from catalyst_operator.core.phase1.components import Component, blocked, by_name, component, states
from catalyst_operator.core.phase1.expected import Expected, listed
from catalyst_operator.core.phase1.views import ClusterView, Link


@dataclass(frozen=True)
class Limits:
    """The Phase-1 values in force. Deadlines are absolute: a restart does not move them, only a rejoin does."""

    first_seen_timeout: timedelta
    first_seen_deadline: datetime
    watch_deadline: datetime
    min_components: int
    """At least so many of the expected HelmReleases must be there before there is a verdict."""


@dataclass(frozen=True)
class Judgement:
    """What holds now."""

    outcome: Phase1Outcome | None
    components: tuple[Component, ...]
    """The expected ones, as far as they were seen last."""
    message: str
    """A sentence for KitReady."""
    settled: bool = False
    """Whether every expected component is installed, has failed for good, or only waits for one that has."""
    failed: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    """Those that only wait for a failed one."""
    seen: bool = False
    """Whether any HelmRelease was seen, ever."""
    warning: str = ""
    """The runbook's sentence, while the outcome is flux-not-reconciling."""
    again: datetime | None = None
    """When time alone may change the outcome next."""

    @property
    def installed(self) -> int:
        """How many of the expected components are installed."""
        return sum(c.state is ComponentState.INSTALLED for c in self.components)

    @property
    def summary(self) -> str:
        """`9/12`: installed of expected."""
        return f"{self.installed}/{len(self.components)}"


def judge(
    view: ClusterView | None,
    expected: Expected,
    limits: Limits,
    *,
    ever_seen: bool,
    before: Phase1Outcome | None,
    now: datetime,
    installed: bool = False,
) -> Judgement:
    """The verdict now. `ever_seen`, `before` and `installed` are what is recorded: whether any HelmRelease was ever
    seen, the outcome as it stood last, which is kept while the cluster cannot be seen, and whether the kit stood as a
    whole since its time began."""
    releases = by_name(view.releases if view else ())
    known = states(releases)
    components = tuple(component(name, releases.get(name), known.get(name)) for name in expected.names)
    failed = tuple(c.name for c in components if c.state is ComponentState.FAILED)
    waiting = blocked(releases, failed)
    seen = ever_seen or any(expected.has(r) for r in releases.values())
    kit = _Kit(
        components=components,
        failed=failed,
        blocked=tuple(c.name for c in components if c.name in waiting),
        present=sum(name in releases for name in expected.names),
    )
    untimed = installed or _unread(view)
    outcome = _outcome(view, expected, limits, kit, before) or (None if untimed else _by_time(limits, seen, now))
    return Judgement(
        outcome=outcome,
        components=components,
        message=_message(outcome, expected, limits, kit),
        settled=kit.settled,
        failed=kit.failed,
        blocked=kit.blocked,
        seen=seen,
        warning=warning(limits.first_seen_timeout) if outcome is Phase1Outcome.FLUX_NOT_RECONCILING else "",
        again=None if untimed else _again(outcome, limits, seen, now),
    )


# --- by what is seen --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Kit:
    components: tuple[Component, ...]
    failed: tuple[str, ...]
    blocked: tuple[str, ...]
    present: int

    @property
    def all_installed(self) -> bool:
        return bool(self.components) and all(c.state is ComponentState.INSTALLED for c in self.components)

    @property
    def settled(self) -> bool:
        done = {*self.failed, *self.blocked}
        return bool(self.components) and all(
            c.state is ComponentState.INSTALLED or c.name in done for c in self.components
        )


def _outcome(
    view: ClusterView | None, expected: Expected, limits: Limits, kit: _Kit, before: Phase1Outcome | None
) -> Phase1Outcome | None:
    """Ready, failed, or nothing that the components alone decide."""
    if view is None or not view.seen:
        return before if before in (Phase1Outcome.READY, Phase1Outcome.FAILED) else None
    if not expected.known or kit.present < limits.min_components:
        return None
    if kit.all_installed and expected.complete:
        return Phase1Outcome.READY
    return Phase1Outcome.FAILED if kit.failed and kit.settled else None


def _unread(view: ClusterView | None) -> bool:
    """Whether something is there, but too much to be read: that time is up says nothing then."""
    return view is not None and view.link.state is Link.TOO_MUCH


# --- by time ----------------------------------------------------------------------------------------------------------


def _by_time(limits: Limits, seen: bool, now: datetime) -> Phase1Outcome | None:
    if not seen:
        return Phase1Outcome.FLUX_NOT_RECONCILING if now >= limits.first_seen_deadline else None
    return Phase1Outcome.TIMEOUT if now >= limits.watch_deadline else None


def _again(outcome: Phase1Outcome | None, limits: Limits, seen: bool, now: datetime) -> datetime | None:
    if outcome is not None:
        return None
    deadline = limits.watch_deadline if seen else limits.first_seen_deadline
    return deadline if deadline > now else None


# --- words ------------------------------------------------------------------------------------------------------------


def warning(first_seen_timeout: timedelta) -> str:
    """What the runbook calls this; people search for these very words."""
    return (
        f"Phase 1 watch saw 0 HelmReleases in {go_duration(first_seen_timeout)}; the bootstrap-kit Kustomization may "
        "not be reconciling. Operator: run flux get kustomization -n flux-system on the new cluster."
    )


def go_duration(value: timedelta) -> str:
    """As Go prints a duration, in whole seconds: `15m0s`, `1h0m0s`, `45s`."""
    minutes, seconds = divmod(int(value.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{seconds}s"
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"


def _message(outcome: Phase1Outcome | None, expected: Expected, limits: Limits, kit: _Kit) -> str:
    if outcome is Phase1Outcome.FLUX_NOT_RECONCILING:
        return warning(limits.first_seen_timeout)
    if outcome is Phase1Outcome.READY:
        count = f"All {len(kit.components)} components are installed."
        return count if kit.all_installed else "All components were installed when the cluster was last seen."
    if outcome is Phase1Outcome.FAILED:
        return f"{_count(kit)} {_failed(kit)} Once that is repaired, it goes on by itself."
    told = " ".join(part for part in (_count(kit), *_open(expected, limits, kit)) if part)
    if outcome is Phase1Outcome.TIMEOUT:
        return f"{told} The time for it ended at {limits.watch_deadline:%Y-%m-%d %H:%M:%S} UTC; it is still watched."
    return told


def _count(kit: _Kit) -> str:
    installed = sum(c.state is ComponentState.INSTALLED for c in kit.components)
    return f"{installed} of {len(kit.components)} components are installed." if kit.components else ""


def _failed(kit: _Kit) -> str:
    if not kit.failed:
        return "A component had failed for good when the cluster was last seen."
    waits = "waits" if len(kit.blocked) == 1 else "wait"
    return f"Failed for good: {listed(kit.failed)}." + (
        f" {listed(kit.blocked)} {waits} for that." if kit.blocked else ""
    )


_STATES = {
    ComponentState.FAILED: "Failed for good",
    ComponentState.DEGRADED: "Degraded",
    ComponentState.UPGRADING: "Upgrading",
    ComponentState.INSTALLING: "Being installed",
    ComponentState.PENDING: "Waiting",
}


def _open(expected: Expected, limits: Limits, kit: _Kit) -> tuple[str, ...]:
    """What is still missing for a verdict, each a sentence."""
    done = (ComponentState.INSTALLED, ComponentState.FAILED)
    paused = tuple(c.name for c in kit.components if c.suspended and c.state not in done)
    by_state = {s: tuple(c.name for c in kit.components if c.state is s and c.name not in paused) for s in _STATES}
    told = tuple(f"{words}: {listed(by_state[state])}." for state, words in _STATES.items() if by_state[state])
    if paused:
        told = (f"Suspended, and awaited: {listed(paused)}.", *told)
    if not expected.known:
        return (*told, "The cluster has not told yet which components its kit has.")
    few = kit.present < limits.min_components
    return (
        *told,
        "" if expected.complete else "A Kustomization of the kit has not been applied yet.",
        f"{kit.present} HelmReleases are there, of the {limits.min_components} asked for at least." if few else "",
    )
