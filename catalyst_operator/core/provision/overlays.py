"""Checks of mode Commit: what the new cluster is to follow is in its Git repository before it costs anything, and every
later change of it is pushed as well."""

from __future__ import annotations

from dataclasses import replace

from catalyst_operator.api import labels
from catalyst_operator.api.conditions import Reason
from catalyst_operator.api.enums import GitOpsMode
from catalyst_operator.api.phases import Phase, RunVerb
from catalyst_operator.core import kit
from catalyst_operator.core.access import module, source
from catalyst_operator.core.access.seeds import lacking
from catalyst_operator.core.access.source import Followed
from catalyst_operator.core.actions import Action, PrepareNamespace, PushOverlay, WriteRecord
from catalyst_operator.core.kit import releases
from catalyst_operator.core.kit.pushed import OverlayChange, OverlayReport, key_of
from catalyst_operator.core.provision.verdicts import reason_of_work, stalled, working
from catalyst_operator.core.runs.attempts import has_usable_token, requested
from catalyst_operator.core.scene import SAFETY, Answer, Scene


def not_pushed(scene: Scene) -> Answer | None:
    """The overlay that is wanted now is not in the repository yet. A dry run pushes nothing: a cluster may
    follow it."""
    spec = scene.o.sovereign.spec
    if spec.gitops.mode is not GitOpsMode.COMMIT or scene.verb is not RunVerb.APPLY:
        return None
    followed, change = wanted(scene)
    if scene.record.overlay == change.digest:
        return None
    missing = lacking(spec, scene.o.owner_secrets)
    if missing:
        message = f"{missing}; create it in namespace {scene.o.sovereign.metadata.namespace}."
        verdict = working(Phase.PENDING, Reason.CREDENTIALS_MISSING, message)
        return Answer(verdict, requeue_after=scene.o.settings.poll)
    return _pushing(scene, followed, change)


def wanted(scene: Scene) -> tuple[Followed, OverlayChange]:
    """The repository, and what is to be in the Sovereign's folder there."""
    sovereign, settings = scene.o.sovereign, scene.o.settings
    spec, name = sovereign.spec, sovereign.metadata.name
    followed = source.wanted(spec, settings)
    release = releases.load().get(spec.release or scene.record.release or settings.default_release)
    files = kit.overlay(
        sovereign,
        release,
        place=followed.place,
        chart_registry=settings.charts,
        pull_secret=settings.pull_secret,
        adoption_provider=settings.adoption_package,
        module=module.fetched(spec, settings),
        chart_authorities=settings.chart_authorities,
    )
    message = f"Render {kit.overlay_path(spec.domain.fqdn)} for Sovereign {sovereign.metadata.namespace}/{name}"
    return followed, OverlayChange(kit.overlay_path(spec.domain.fqdn), files, message)


def look_again(scene: Scene, at: str) -> tuple[Action, ...]:
    """Have the branch looked at once for each `at`, and again where that failed: the report says in which commit it has
    what is wanted. Where it has not, it is pushed again."""
    followed, change = wanted(scene)
    key, report = _key(scene, followed, change, at), scene.o.overlay
    if lacking(scene.o.sovereign.spec, scene.o.owner_secrets):
        return ()
    if report and report.key == key and not (report.error and _due(scene, report)):
        return ()
    return (PushOverlay(key, followed.url, followed.ref.branch, change),)


def _key(scene: Scene, followed: Followed, change: OverlayChange, occasion: str) -> str:
    reference = scene.o.sovereign.spec.gitops.credentials_secret_ref
    view = scene.o.owner_secrets.get(reference.name) if reference else None
    return key_of(change, followed.url, followed.ref.branch, view.version if view else "", occasion)


def _due(scene: Scene, report: OverlayReport) -> bool:
    return scene.o.now - report.at >= scene.o.settings.preflight_interval


def _pushing(scene: Scene, followed: Followed, change: OverlayChange) -> Answer:
    o, url, branch = scene.o, followed.url, followed.ref.branch
    key = _key(scene, followed, change, requested(o, labels.ANNOTATION_RETRY))
    report = o.overlay
    if report and report.digest == change.digest:
        begun = scene.record.bootstrap
        record = replace(
            scene.record,
            overlay=change.digest,
            overlay_revision=report.revision,
            # What is new in it takes as long to install as at first, and the time of the first is over by now.
            bootstrap=replace(begun, watch_since=o.now, installed=False) if begun else None,
        )
        verdict = working(Phase.PENDING, reason_of_work(scene.record), f"{change.folder} is in {url}.")
        # The first push comes before the first run, which makes the place for the record otherwise.
        place = (PrepareNamespace(refresh_token=has_usable_token(o)),) if o.namespace is None else ()
        return Answer(verdict, (*place, WriteRecord(record)), o.settings.poll, record)
    ask = (PushOverlay(key, url, branch, change),)
    if report and report.key == key and report.error:
        return _failed(scene, report, ask)
    message = f"Pushing {change.folder} to {url}, branch {branch}."
    return Answer(working(Phase.PENDING, reason_of_work(scene.record), message), ask, SAFETY)


def _failed(scene: Scene, report: OverlayReport, ask: tuple[PushOverlay, ...]) -> Answer:
    """What a person has to mend is looked at again from time to time, as what may pass by itself is."""
    error, o = report.error, scene.o
    if error is None:
        return Answer(working(Phase.PENDING, Reason.RETRYING, "The push is tried again."), ask, SAFETY)
    message = f"{error.code}: {error.message.rstrip('.')}. {error.remedy}"
    verdict = (
        stalled(Reason.CHECK_FAILED, message, (error,))
        if error.terminal
        else working(Phase.PENDING, Reason.RETRYING, message, (error,))
    )
    return Answer(verdict, ask if _due(scene, report) else (), o.settings.poll)
