"""Which blueprints a Sovereign gets: the kit and the infrastructure always, components as its spec asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from catalyst_operator.api.sovereign import SovereignSpec
from catalyst_operator.core.kit import blueprints
from catalyst_operator.core.kit.blueprints import Folder
from catalyst_operator.core.kit.releases import Release

TAKE_OWNERSHIP = "flux-take-ownership"
ADOPTION = "adoption"


def components(spec: SovereignSpec, release: Release) -> tuple[str, ...]:
    """What the cluster's Kustomization adds to the folder it follows: paths relative to that, dependencies first.

    Nothing where spec.gitops.path leads elsewhere than to a bootstrap-kit: such a folder names its components itself.
    """
    path = spec.gitops.path
    elsewhere = path is not None and path.rpartition("/")[2] != Folder.KIT
    return () if elsewhere else folders(spec, release)


def folders(spec: SovereignSpec, release: Release) -> tuple[str, ...]:
    """Folders of components, relative to that of the kit."""
    names = [blueprint.name for blueprint in blueprints.load().closure(spec.components)]
    return tuple(f"../components/{name}" for name in (*_switches(spec, release), *names))


def expected(spec: SovereignSpec) -> tuple[str, ...]:
    """HelmReleases of all that is rendered, in the order of the catalogue."""
    catalogue = blueprints.load()
    included = (*catalogue.of(Folder.KIT), *catalogue.of(Folder.INFRASTRUCTURE))
    return (*(blueprint.release for blueprint in included), *selected(spec))


def selected(spec: SovereignSpec) -> tuple[str, ...]:
    """HelmReleases of the components that the spec asks for, with what they pull in."""
    return tuple(blueprint.release for blueprint in blueprints.load().closure(spec.components))


def pulled_in(spec: SovereignSpec) -> Mapping[str, tuple[str, ...]]:
    """HelmRelease -> components that depend on it, for those that the spec does not ask for itself."""
    closure = blueprints.load().closure(spec.components)
    return {
        blueprint.release: tuple(other.name for other in closure if blueprint.name in other.dependencies)
        for blueprint in closure
        if blueprint.name not in spec.components
    }


def refusal(spec: SovereignSpec) -> str:
    """Why spec.components cannot be rendered, as a sentence; empty if it can. The other functions ignore such names."""
    unknown = list(blueprints.load().unknown(spec.components))
    if not unknown:
        return ""
    told = ", ".join(f"'{name}'{_meant(similar)}" for name, similar in unknown)
    what = "which are no blueprints" if len(unknown) > 1 else "which is no blueprint"
    return f"spec.components names {told}, {what} of this version of the operator: correct it or take it out."


def _switches(spec: SovereignSpec, release: Release) -> Iterator[str]:
    """Folders that bring no blueprint, but change or add something where it has to be."""
    if release.takes_ownership:
        yield TAKE_OWNERSHIP
    if spec.crossplane:
        yield ADOPTION


def _meant(similar: tuple[str, ...]) -> str:
    return f" (did you mean {' or '.join(similar)}?)" if similar else ""
