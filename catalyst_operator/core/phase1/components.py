"""From a HelmRelease to the state of a component.

The checks are in order, and the first that fits answers. What speaks of an older generation does not count. A failed
install alone is not the end: helm-controller may have retries left. What the condition gives as its reason outranks
what was counted before: somebody who waits for another has not failed, however often it failed earlier.

Why: docs/explanation.md#phase-1
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from catalyst_operator.api.phases import ComponentState
from catalyst_operator.core.phase1.views import FluxCondition, FluxObject, HelmReleaseView, known_as

DEPENDENCY_NOT_READY = "DependencyNotReady"
ARTIFACT_FAILED = "ArtifactFailed"
WAITING = frozenset({DEPENDENCY_NOT_READY, "SourceNotReady"})
"""Reasons of a HelmRelease that is not being worked on before something else is ready."""
HELM_FAILED = frozenset(
    {
        "InstallFailed",
        "UpgradeFailed",
        "TestFailed",
        "RollbackSucceeded",
        "RollbackFailed",
        "UninstallSucceeded",
        "UninstallFailed",
    }
)
"""Reasons of an action of Helm that failed, or of what was undone for its sake. Only of these the retries are counted:
whatever keeps Helm from beginning is tried again for ever."""


@dataclass(frozen=True)
class Component:
    """One component, as status shows it."""

    name: str
    """What people call it: the name alone in flux-system, `namespace/name` elsewhere."""
    state: ComponentState
    message: str = ""
    since: datetime | None = None
    """When Flux's own word on it changed last; None while it has said nothing."""
    suspended: bool = False
    """helm-controller was told to leave it alone."""


def component(name: str, release: HelmReleaseView | None, known: ComponentState | None = None) -> Component:
    """The component of that name; `release` is its HelmRelease, if there is one, and `known` its state, if others had
    a say in that."""
    if release is None:
        return Component(name, ComponentState.PENDING, "Flux has not made its HelmRelease yet.")
    ready, found = release.condition("Ready"), known or state(release)
    since = ready.since if ready else None
    return Component(name, found, _message(release, found, ready), since, release.suspended)


def states(releases: Mapping[str, HelmReleaseView]) -> dict[str, ComponentState]:
    """The state of each, by what people call them. helm-controller calls no HelmRelease ready while one that it depends
    on is being upgraded: that takes nothing from what is installed already."""
    found = {name: state(release) for name, release in releases.items()}
    waiting = {name for name, r in releases.items() if r.in_sync and not r.deleting and waits_for_dependency(r)}
    stand = {name for name, s in found.items() if s in (ComponentState.INSTALLED, ComponentState.UPGRADING)}
    while more := {name for name in waiting if stand.issuperset(dependencies(releases[name]))}:
        found |= dict.fromkeys(more, ComponentState.INSTALLED)
        stand |= more
        waiting -= more
    return found


def state(release: HelmReleaseView | None) -> ComponentState:
    """The state, by the first check that fits."""
    if release is None or _untouched(release):
        return ComponentState.PENDING
    if release.deleting:
        return _worked_once(release, ComponentState.PENDING)
    if release.suspended:
        return _suspended(release)
    if is_true(release, "Stalled"):
        return ComponentState.FAILED
    ready = release.condition("Ready")
    # helm-controller leaves a mark before it looks at dependencies; once it acts, Ready is there and Unknown.
    return _by_ready(release, ready) if ready else _worked_once(release, ComponentState.PENDING)


def _suspended(release: HelmReleaseView) -> ComponentState:
    """As it was when it was suspended, which is an edit: of the generation that it made nobody speaks any more."""
    ready, stalled = release.condition("Ready"), release.condition("Stalled")
    if stalled is not None and stalled.status == "True":
        return ComponentState.FAILED
    if ready is not None and ready.status == "False" and ready.reason not in WAITING:
        return _gave_up(release, ready) or _worked_once(release, ComponentState.PENDING)
    installed = release.was_installed or (ready is not None and ready.status == "True")
    return ComponentState.INSTALLED if installed else ComponentState.PENDING


def _by_ready(release: HelmReleaseView, ready: FluxCondition) -> ComponentState:
    if not release.is_current(ready):
        return _at_work(release)
    if ready.status == "True":
        return ComponentState.INSTALLED
    if ready.status != "False":
        # Nothing is known to be wrong: where nothing is to be changed it is only being looked at again.
        return ComponentState.INSTALLED if release.in_sync else _at_work(release)
    if ready.reason in WAITING:
        changes = release.was_installed and 0 < release.attempted_generation < release.generation
        return ComponentState.UPGRADING if changes else ComponentState.PENDING
    otherwise = ComponentState.PENDING if ready.reason == ARTIFACT_FAILED else ComponentState.INSTALLING
    return _gave_up(release, ready) or _worked_once(release, otherwise)


def _gave_up(release: HelmReleaseView, ready: FluxCondition) -> ComponentState | None:
    return ComponentState.FAILED if release.exhausted and ready.reason in HELM_FAILED else None


def _at_work(release: HelmReleaseView) -> ComponentState:
    return ComponentState.UPGRADING if release.was_installed else ComponentState.INSTALLING


def _worked_once(release: HelmReleaseView, otherwise: ComponentState) -> ComponentState:
    return ComponentState.DEGRADED if release.was_installed else otherwise


def _untouched(release: HelmReleaseView) -> bool:
    """Nobody has said anything of it: helm-controller did not come to it yet, or is told not to."""
    return not release.conditions and not release.was_installed


# --- conditions -------------------------------------------------------------------------------------------------------


def is_true(found: FluxObject, type_: str) -> bool:
    """Whether the condition of that type is True at the present generation."""
    condition = found.condition(type_)
    return condition is not None and condition.status == "True" and found.is_current(condition)


def waits_for_dependency(found: FluxObject) -> bool:
    """Whether it says that something in its dependsOn is not ready."""
    ready = found.condition("Ready")
    return ready is not None and ready.status == "False" and ready.reason == DEPENDENCY_NOT_READY


# --- who waits for whom -----------------------------------------------------------------------------------------------


def blocked(releases: Mapping[str, HelmReleaseView], failed: Collection[str]) -> frozenset[str]:
    """The releases that only wait for a failed one, directly or through others; all are told by what people call them,
    and so is `failed`."""
    found: set[str] = set()
    while True:
        more = {name for name, r in releases.items() if name not in found and _waits_for(r, {*failed, *found})}
        if not more:
            return frozenset(found)
        found |= more


def _waits_for(release: HelmReleaseView, stuck: Collection[str]) -> bool:
    waiting = state(release) is ComponentState.PENDING or waits_for_dependency(release)
    return waiting and not release.deleting and any(name in stuck for name in dependencies(release))


def dependencies(release: HelmReleaseView) -> tuple[str, ...]:
    """What people call those that it depends on, in whichever namespace they are."""
    return tuple(known_as(key) for key in release.depends_on)


def by_name(releases: Iterable[HelmReleaseView]) -> dict[str, HelmReleaseView]:
    """The releases by what people call them."""
    return {release.known_as: release for release in releases}


# --- words ------------------------------------------------------------------------------------------------------------


def _message(release: HelmReleaseView, found: ComponentState, ready: FluxCondition | None) -> str:
    notes = ["It is being deleted." if release.deleting else "", _pause(found) if release.suspended else ""]
    return " ".join(part for part in (_said(release, found, ready), *notes) if part)


def _pause(found: ComponentState) -> str:
    if found is ComponentState.INSTALLED:
        return "It is suspended: what is installed stays as it is."
    return "It is suspended: nobody works on it before spec.suspend of its HelmRelease is false."


def _said(release: HelmReleaseView, found: ComponentState, ready: FluxCondition | None) -> str:
    stalled = release.condition("Stalled")
    if found is ComponentState.FAILED and stalled is not None and stalled.status == "True":
        # Why it failed is told by Ready; Stalled only tells that nobody tries again.
        told = (stalled.message, ready.message if ready and ready.status != "True" else "")
        return ": ".join(dict.fromkeys(part.rstrip(".") for part in told if part))
    if ready is None:
        return "helm-controller has not come to it yet." if not release.suspended else ""
    if not release.is_current(ready):
        return "" if release.suspended else "An edit of it is being applied."
    return ready.message
