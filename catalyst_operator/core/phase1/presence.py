"""Whether Flux is there: its controllers, and the two objects from which everything else comes."""

from __future__ import annotations

from catalyst_operator.core.phase1.views import SOURCE, ClusterView, Survey, kit_name

CONTROLLERS = ("source-controller", "kustomize-controller", "helm-controller")
"""Without any one of these nothing of the kit is ever installed."""


def lacking(survey: Survey) -> tuple[str, ...]:
    """The controllers that have no Deployment. Not to be asked while Deployments could not be read."""
    there = {d.name for d in survey.deployments or ()}
    return tuple(name for name in CONTROLLERS if name not in there)


def unavailable(survey: Survey) -> tuple[str, ...]:
    """The controllers whose Deployment is not available, or not there."""
    available = {d.name for d in survey.deployments or () if d.available}
    return tuple(name for name in CONTROLLERS if name not in available)


def gone(view: ClusterView, flux_seen: bool) -> tuple[str, ...]:
    """The controllers that were there once and are not any more. HelmReleases tell that as well as `flux_seen` does:
    somebody made them."""
    survey = view.survey
    if survey is None or survey.deployments is None or not (flux_seen or view.releases):
        return ()
    return lacking(survey)


def objects_awaited(view: ClusterView, fqdn: str) -> tuple[str, ...]:
    """GitRepository and Kustomization, if they were not seen."""
    source = () if view.source(SOURCE) else (f"GitRepository {SOURCE}",)
    name = kit_name(fqdn)
    return (*source, *(() if view.kustomization(name) else (f"Kustomization {name}",)))
