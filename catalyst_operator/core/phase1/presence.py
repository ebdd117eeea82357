"""Whether Flux is there: its controllers, and the two objects from which everything else comes."""

from __future__ import annotations

from datetime import datetime, timedelta

from catalyst_operator.core.phase1.views import SOURCE, ClusterView, Survey, kit_name

CONTROLLERS = ("source-controller", "kustomize-controller", "helm-controller")
"""Without any one of these nothing of the kit is ever installed."""
AWAY = timedelta(minutes=2)
"""How long a controller that is being replaced may be away."""
SETTLED = timedelta(seconds=30)
"""More than the clocks of the two clusters may be apart."""


def lacking(survey: Survey) -> tuple[str, ...]:
    """The controllers that have no Deployment. Not to be asked while Deployments could not be read."""
    there = {d.name for d in survey.deployments or ()}
    return tuple(name for name in CONTROLLERS if name not in there)


def unavailable(survey: Survey) -> tuple[str, ...]:
    """The controllers whose Deployment is not available, or not there."""
    available = {d.name for d in survey.deployments or () if d.available}
    return tuple(name for name in CONTROLLERS if name not in available)


def away_until(survey: Survey, awaited: tuple[str, ...]) -> datetime | None:
    """Until when controllers that are there and not available may be so without a word; None if one is not there."""
    since = {d.name: d.since for d in survey.deployments or ()}
    times = [since.get(name) for name in awaited]
    known = [at + AWAY for at in times if at]
    return min(known) if known and len(known) == len(times) else None


def gone(view: ClusterView, flux_seen: bool) -> tuple[str, ...]:
    """The controllers that were there once and are not any more. HelmReleases tell that as well as `flux_seen` does:
    somebody made them. Not those that are newer than the look at Deployments, which may have been before Flux."""
    survey = view.survey
    if survey is None or survey.deployments is None:
        return ()
    was_there = flux_seen or any(r.created and survey.at - r.created >= SETTLED for r in view.releases)
    return lacking(survey) if was_there else ()


def objects_awaited(view: ClusterView, fqdn: str) -> tuple[str, ...]:
    """GitRepository and Kustomization, if they were not seen."""
    source = () if view.source(SOURCE) else (f"GitRepository {SOURCE}",)
    name = kit_name(fqdn)
    return (*source, *(() if view.kustomization(name) else (f"Kustomization {name}",)))
