"""What somebody told Flux to leave alone, and what is awaited all the same."""

from __future__ import annotations

from catalyst_operator.api.phases import ComponentState
from catalyst_operator.core.errors.codes import KIT_SUSPENDED
from catalyst_operator.core.phase1.suspects.base import Look, Suspect, Suspects
from catalyst_operator.core.phase1.suspects.sources import kit_source
from catalyst_operator.core.phase1.views import FluxObject


def suspended(look: Look) -> Suspects:
    """The kit's Git repository before it was fetched, and Kustomizations before they were applied."""
    git = kit_source(look)
    if git and git.suspended and not git.revision:
        yield _paused(git, "and was not fetched before")
    for found in look.view.kustomizations:
        if found.suspended and not found.ready:
            yield _paused(found, "and not ready" if found.applied_revision else "and never applied anything")


def suspended_components(look: Look) -> Suspects:
    """HelmReleases before they were installed: nobody installs them."""
    for release in look.open_releases:
        if release.suspended and look.states[release.known_as] is not ComponentState.FAILED:
            yield _paused(release, "and is not installed")


def _paused(found: FluxObject, why: str) -> Suspect:
    resume = (
        f"kubectl -n {found.namespace} patch {found.kind.lower()} {found.name} --type merge "
        """-p '{"spec":{"suspend":false}}'"""
    )
    told = f"{found.kind} {found.key} is suspended {why}: Flux does nothing with it"
    return Suspect(KIT_SUSPENDED.entry(told, remedy=f"Let Flux go on with it, in the Git repository too: `{resume}`."))
