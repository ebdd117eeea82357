"""The Sovereign's folder in Git, which a deletion removes by a last commit if its owner says so."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from catalyst_operator.api import labels
from catalyst_operator.api.conditions import Reason
from catalyst_operator.api.enums import GitOpsMode
from catalyst_operator.core import kit
from catalyst_operator.core.access import source
from catalyst_operator.core.actions import PushOverlay, WriteRecord
from catalyst_operator.core.finalize.deletion import Deletion, stalled, working
from catalyst_operator.core.kit.pushed import OverlayChange, key_of
from catalyst_operator.core.record import ErrorEntry
from catalyst_operator.core.runs.attempts import requested
from catalyst_operator.core.scene import SAFETY, Answer


def overlay_not_removed(scene: Deletion) -> Answer | None:
    """Nothing is left in the cloud that could follow the folder: it is removed while the name is still this
    Sovereign's, so that it cannot be another's by then. What the operator did not push it does not remove."""
    run = scene.evidence.run
    if not _wanted(scene) or scene.something_left or (run is not None and run.active):
        return None
    o, spec = scene.o, scene.o.sovereign.spec
    followed, folder = source.wanted(spec, o.settings), kit.overlay_path(spec.domain.fqdn)
    message = f"Remove {folder} with Sovereign {o.sovereign.metadata.namespace}/{o.sovereign.metadata.name}"
    change = OverlayChange(folder, {}, message, template=False, removes=True)
    reference = spec.gitops.credentials_secret_ref
    view = o.owner_secrets.get(reference.name) if reference else None
    if reference and view is None:
        lacking = (
            f"Secret {o.sovereign.metadata.namespace}/{reference.name}, which opens {followed.url}, does not exist"
        )
        verdict = stalled(Reason.CREDENTIALS_MISSING, Reason.REMOVING_OVERLAY, f"{lacking}. Create it{_OR_LEAVE_IT}")
        return Answer(verdict, requeue_after=o.settings.poll)
    key = key_of(
        change, followed.url, followed.ref.branch, view.version if view else "", requested(o, labels.ANNOTATION_RETRY)
    )
    report = o.overlay
    if report and report.key == key and report.revision:
        record = replace(scene.record, overlay_removed=report.revision)
        verdict = working(Reason.REMOVING_OVERLAY, f"{folder} is not in {followed.url} any more.")
        return Answer(verdict, (WriteRecord(record),), timedelta(0), record)
    ask = PushOverlay(key, followed.url, followed.ref.branch, change)
    if report and report.key == key and report.error:
        return _failed(scene, report.at, report.error, ask)
    verdict = working(Reason.REMOVING_OVERLAY, f"Removing {folder} from {followed.url}, branch {followed.ref.branch}.")
    return Answer(verdict, (ask,), SAFETY)


_OR_LEAVE_IT = ", or set spec.decommission.removeOverlay to false to leave the folder."


def _wanted(scene: Deletion) -> bool:
    spec, record = scene.o.sovereign.spec, scene.record
    asked = spec.decommission.remove_overlay and spec.gitops.mode is GitOpsMode.COMMIT and not scene.orphaned
    return asked and bool(record.overlay) and not record.overlay_removed and not scene.leaving


def _failed(scene: Deletion, at: datetime, error: ErrorEntry, ask: PushOverlay) -> Answer:
    """What a person has to mend is looked at again from time to time, as what may pass by itself is."""
    o = scene.o
    told = f"{error.code}: {error.message.rstrip('.')}. Let the operator push{_OR_LEAVE_IT}"
    verdict = (
        stalled(Reason.REMOVING_OVERLAY, Reason.REMOVING_OVERLAY, told, (error,))
        if error.terminal
        else working(Reason.REMOVING_OVERLAY, told, (error,))
    )
    due = o.now - at >= o.settings.preflight_interval
    return Answer(verdict, (ask,) if due else (), o.settings.poll)
