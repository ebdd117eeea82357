"""From a HelmRelease to the state of a component.

The checks are in order, and the first that fits answers. What speaks of an older generation does not count, and a
failed install alone is not the end: helm-controller may have retries left.

Why: docs/explanation.md#phase-1
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from catalyst_operator.api.phases import ComponentState
from catalyst_operator.core.phase1.views import FluxCondition, FluxObject, HelmReleaseView

DEPENDENCY_NOT_READY = "DependencyNotReady"
_WAITING_FOR_CHART = frozenset({"SourceNotReady", "ArtifactFailed"})


@dataclass(frozen=True)
class Component:
    """One component, as status shows it."""

    name: str
    state: ComponentState
    message: str = ""
    since: datetime | None = None
    """When Flux's own word on it changed last; None while it has said nothing."""


def component(name: str, release: HelmReleaseView | None) -> Component:
    """The component of that name; `release` is its HelmRelease, if there is one."""
    if release is None:
        return Component(name, ComponentState.PENDING, "Flux has not made its HelmRelease yet.")
    ready, found = release.condition("Ready"), state(release)
    return Component(name, found, _message(release, found, ready), ready.since if ready else None)


def state(release: HelmReleaseView | None) -> ComponentState:
    """The state, by the first check that fits."""
    if release is None or _untouched(release):
        return ComponentState.PENDING
    if release.deleting:
        return _worked_once(release, ComponentState.PENDING)
    if is_true(release, "Stalled"):
        return ComponentState.FAILED
    ready = release.condition("Ready")
    # helm-controller leaves a mark before it looks at dependencies; once it acts, Ready is there and Unknown.
    return _by_ready(release, ready) if ready else _worked_once(release, ComponentState.PENDING)


def _by_ready(release: HelmReleaseView, ready: FluxCondition) -> ComponentState:
    if not is_current(release, ready):
        return ComponentState.INSTALLING
    if ready.status != "False":
        return ComponentState.INSTALLED if ready.status == "True" else ComponentState.INSTALLING
    if release.exhausted:
        return ComponentState.FAILED
    waits = ready.reason == DEPENDENCY_NOT_READY or ready.reason in _WAITING_FOR_CHART
    return _worked_once(release, ComponentState.PENDING if waits else ComponentState.INSTALLING)


def _worked_once(release: HelmReleaseView, otherwise: ComponentState) -> ComponentState:
    return ComponentState.DEGRADED if release.was_installed else otherwise


def _untouched(release: HelmReleaseView) -> bool:
    """Nobody has said anything of it: helm-controller did not come to it yet, or is told not to."""
    return not release.conditions and not release.was_installed


# --- conditions -------------------------------------------------------------------------------------------------------


def is_current(found: FluxObject, condition: FluxCondition) -> bool:
    """Whether the condition speaks of the present generation."""
    return max(found.observed_generation, condition.observed_generation) >= found.generation


def is_true(found: FluxObject, type_: str) -> bool:
    """Whether the condition of that type is True at the present generation."""
    condition = found.condition(type_)
    return condition is not None and condition.status == "True" and is_current(found, condition)


def waits_for_dependency(found: FluxObject) -> bool:
    """Whether it says that something in its dependsOn is not ready."""
    ready = found.condition("Ready")
    return ready is not None and ready.status == "False" and ready.reason == DEPENDENCY_NOT_READY


# --- who waits for whom -----------------------------------------------------------------------------------------------


def blocked(releases: Mapping[str, HelmReleaseView], failed: Collection[str]) -> frozenset[str]:
    """Names of the releases that only wait for a failed one, directly or through others. `releases` is by name."""
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
    """Names of what it depends on in its own namespace."""
    prefix = f"{release.namespace}/"
    return tuple(key.removeprefix(prefix) for key in release.depends_on if key.startswith(prefix))


def by_name(releases: Iterable[HelmReleaseView]) -> dict[str, HelmReleaseView]:
    """The releases by their names."""
    return {release.name: release for release in releases}


# --- words ------------------------------------------------------------------------------------------------------------


def _message(release: HelmReleaseView, found: ComponentState, ready: FluxCondition | None) -> str:
    notes = ["It is being deleted." if release.deleting else "", "It is suspended." if release.suspended else ""]
    return " ".join(part for part in (_said(release, found, ready), *notes) if part)


def _said(release: HelmReleaseView, found: ComponentState, ready: FluxCondition | None) -> str:
    stalled = release.condition("Stalled")
    if found is ComponentState.FAILED and stalled is not None and stalled.status == "True":
        # Why it failed is told by Ready; Stalled only tells that nobody tries again.
        told = (stalled.message, ready.message if ready and ready.status != "True" else "")
        return ": ".join(dict.fromkeys(part.rstrip(".") for part in told if part))
    if ready is None:
        return "helm-controller has not come to it yet." if not release.suspended else ""
    if not is_current(release, ready):
        return "An edit of it is being applied."
    return ready.message
