"""What becomes of the HelmReleases of the kit's components."""

from __future__ import annotations

from catalyst_operator.api.phases import ComponentState
from catalyst_operator.core.errors.codes import COMPONENT_FAILED, KUSTOMIZATION
from catalyst_operator.core.phase1.components import ARTIFACT_FAILED, HELM_FAILED, WAITING, component
from catalyst_operator.core.phase1.suspects.base import (
    NO_DISCOVERY,
    Look,
    Suspect,
    Suspects,
    complaint,
    of_object,
)
from catalyst_operator.core.phase1.suspects.words import matches
from catalyst_operator.core.phase1.views import HelmReleaseView
from catalyst_operator.core.record import ErrorEntry

_TOLD_ELSEWHERE = frozenset({*WAITING, *HELM_FAILED, ARTIFACT_FAILED})
_SPEAK_FOR_THEMSELVES = frozenset(
    {"HelmRelease", "HelmChart", "HelmRepository", "OCIRepository", "GitRepository", "Kustomization"}
)
"""Kinds of Flux: their events are told where they are looked at."""


def failed(look: Look) -> Suspects:
    """Components that failed for good, and those that cannot begin; first those that wait for no other."""
    for release in look.open_releases:
        name = release.known_as
        if look.states[name] is ComponentState.FAILED:
            said = component(name, release).message
            told = f"{name} failed for good: {said}{_aside(look, release)}"
            retry = (
                f"T=$(date +%s); kubectl -n {release.namespace} annotate --overwrite helmrelease {release.name} "
                "reconcile.fluxcd.io/requestedAt=$T reconcile.fluxcd.io/resetAt=$T"
            )
            remedy = f"Once the cause is removed, let helm-controller try again: `{retry}`."
            yield Suspect(COMPONENT_FAILED.entry(told, remedy=remedy))
        elif entry := _cannot_begin(release):
            yield of_object(look, release, entry, succeeded=release.was_installed)


def _cannot_begin(release: HelmReleaseView) -> ErrorEntry | None:
    """Something keeps Helm from beginning, which is tried again for ever."""
    ready = release.condition("Ready")
    if ready is None or ready.status != "False" or ready.reason in _TOLD_ELSEWHERE:
        return None
    if ready.reason == "ValuesError":
        told = f"{release.known_as} cannot begin, because values of it are missing: {ready.message}"
        remedy = f"Make what the message names: `kubectl -n {release.namespace} get configmaps,secrets`."
    elif matches(NO_DISCOVERY.sign, ready.message) is not None:
        told = f"{release.known_as} cannot begin: {NO_DISCOVERY.means}: {ready.message}"
        remedy = f"{NO_DISCOVERY.advice}: `{NO_DISCOVERY.command}`."
        return COMPONENT_FAILED.entry(told, remedy=remedy, lasting=NO_DISCOVERY.lasting)
    else:
        told = f"{release.known_as} cannot begin: {ready.reason}: {ready.message}"
        remedy = f"Correct what the message names: `{_describe(release)}`."
    return COMPONENT_FAILED.entry(told, remedy=remedy)


def failing(look: Look) -> Suspects:
    """Components whose install or upgrade fails, is undone and tried again, maybe for ever."""
    for release in look.open_releases:
        said = complaint(look, release)
        if said.reason in HELM_FAILED and not release.suspended:
            often = f", {release.failures} times so far" if release.failures > 1 else ""
            told = f"{release.known_as} fails and is tried again{often}: {said.message.rstrip('.')}"
            remedy = f"Mend what the message names; it then goes on by itself: `{_describe(release)}`."
            entry = COMPONENT_FAILED.entry(f"{told}{_aside(look, release)}", remedy=remedy, lasting=False)
            yield of_object(look, release, entry, succeeded=True)


def _describe(release: HelmReleaseView) -> str:
    return f"kubectl -n {release.namespace} describe helmrelease {release.name}"


def unresolved(look: Look) -> Suspects:
    """Components that depend on one that does not exist."""
    there = {r.key for r in look.whole.releases}
    for release in look.open_releases:
        absent = [key for key in release.depends_on if key not in there]
        if absent:
            told = f"HelmRelease {release.key}: it depends on HelmRelease {absent[0]}, which does not exist"
            look_up = f"kubectl -n {absent[0].partition('/')[0]} get helmreleases"
            remedy = f"Add that one to the kit, or take it out of dependsOn. What is there: `{look_up}`."
            yield of_object(look, release, KUSTOMIZATION.entry(told, remedy=remedy), succeeded=False)


def _aside(look: Look, release: HelmReleaseView) -> str:
    """What is known from its namespace: Helm itself often only tells that it waited in vain."""
    space = release.target_namespace or release.namespace
    found = next((p for p in look.survey.pods or () if p.namespace == space), None)
    if found:
        return f". Pod {found.name}: {found.reason}" + (f": {found.message}" if found.message else "")
    events = [e for e in look.survey.events or () if e.namespace == space and e.kind not in _SPEAK_FOR_THEMSELVES]
    return f". {events[-1].kind} {events[-1].name}: {events[-1].reason}: {events[-1].message}" if events else ""
