"""Checks of a deletion after hand-off: the cluster was its owner's, and what is needed to destroy it was put away."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from catalyst_operator.api.conditions import Reason
from catalyst_operator.core.actions import Action, DropGivenState, RestoreArchive, TakeGivenState, WriteRecord
from catalyst_operator.core.errors import codes
from catalyst_operator.core.finalize import destroys
from catalyst_operator.core.finalize.deletion import Deletion, stalled, working
from catalyst_operator.core.observation import Observation, TakingReport
from catalyst_operator.core.record import ErrorEntry, RunEntry
from catalyst_operator.core.runs import obstacles, retries
from catalyst_operator.core.runs.retries import unresolved_failure
from catalyst_operator.core.scene import Answer
from catalyst_operator.core.verdict import Verdict

_STATE_IN_USE = (obstacles.state_locked, obstacles.earlier_pod)


def export_not_acknowledged(scene: Deletion) -> Answer | None:
    """What only the Sovereign has, its owner takes along first, and says so."""
    if not _of_the_owner(scene) or scene.o.sovereign.spec.decommission.acknowledge_exported:
        return None
    meta = scene.o.sovereign.metadata
    message = (
        "This Sovereign was handed over: destroying it takes its OpenBao and its Git repositories along. Export them, "
        f"then run: kubectl -n {meta.namespace} patch sovereign {meta.name} --type merge -p "
        '\'{"spec":{"decommission":{"acknowledgeExported":true}}}\''
    )
    return Answer(stalled(Reason.EXPORT_NOT_ACKNOWLEDGED, Reason.EXPORT_NOT_ACKNOWLEDGED, message))


def archive_not_restored(scene: Deletion) -> Answer | None:
    """A destroy works on a copy of the archived state, and with a token: one that the owner gives for it, or that an
    administrator puts beside the archive."""
    if not _of_the_owner(scene) or scene.o.archived_state is None or scene.o.state is not None:
        return None
    if lacking := destroys.no_credentials(scene):
        return lacking
    verdict = working(Reason.WAITING, "The OpenTofu state is being restored from its archive.")
    record = replace(scene.record, state_given=False, given_version="")
    write = () if record == scene.record else (WriteRecord(record),)
    return Answer(verdict, (*write, RestoreArchive()), timedelta(0), record)


def given_state_refused(scene: Deletion) -> Answer | None:
    """The gate let no destroy start from what the owner handed in. As the working state it would go before the archive
    for ever, whatever is corrected: it is put aside."""
    run, state = _refused(scene), scene.o.state
    if run is None or state is None or run.given_version != scene.record.given_version:
        return None
    if busy := destroys.told(scene, obstacles.first(_STATE_IN_USE, scene.o, scene.record)):
        return busy
    verdict = working(Reason.WAITING, "The state that was handed in was refused, and is put aside.", run.errors)
    return Answer(verdict, (DropGivenState(state),), timedelta(0))


def _refused(scene: Deletion) -> RunEntry | None:
    """The last destroy, if the gate refused its state and nobody did anything since."""
    run = unresolved_failure(scene.o, scene.record, scene.last) if _of_the_owner(scene) else None
    return run if run and run.state_given and _reason(run) else None


def _reason(run: RunEntry) -> ErrorEntry | None:
    return next((error for error in run.errors if error.code == codes.GIVEN_STATE.code), None)


def given_state_not_taken(scene: Deletion) -> Answer | None:
    """The owner hands in what its Crossplane left: the destroy works on that instead, once it is seen to go on from the
    archive. What cannot do so is never passed over in silence, since something would stay behind."""
    reference = scene.o.sovereign.spec.decommission.state_secret_ref
    if reference is None or not _of_the_owner(scene) or scene.o.archived_state is None or scene.o.state is not None:
        return None
    if lost := destroys.told(scene, obstacles.state_key_lost(scene.o, scene.record)):
        return lost
    where = f"Secret {scene.o.sovereign.metadata.namespace}/{reference.name} of spec.decommission.stateSecretRef"
    if lacking := _lacking(scene):
        error = codes.GIVEN_STATE.entry(f"{where} {lacking}")
        message = f"{error.code}: {error.message}. {error.remedy}"
        return Answer(_stalled(scene, message, error), requeue_after=scene.o.settings.poll)
    version = scene.o.given_state.version if scene.o.given_state else ""
    record = replace(scene.record, state_given=True, given_version=version)
    write = () if record == scene.record else (WriteRecord(record),)
    verdict = _being_taken(scene, f"{where} is being looked into", version)
    return Answer(verdict, (*write, *_take(scene.o)), scene.o.settings.poll, record)


def _stalled(scene: Deletion, message: str, error: ErrorEntry) -> Verdict:
    reason = Reason.DESTROY_FAILED if _refused(scene) else Reason.STATE_UNREADABLE
    return stalled(reason, Reason.DESTROY_FAILED, message, (error,))


def _being_taken(scene: Deletion, doing: str, version: str) -> Verdict:
    """With what was in the way, which says nothing of the state itself."""
    taking = scene.o.taking
    error = taking.error if taking and taking.key == version else None
    if taking is None or error is None:
        return working(Reason.WAITING, f"{doing}.")
    again = f"It is tried again after {_pause(scene.o, taking).total_seconds():g} s."
    message = f"{doing}, and that did not work yet: {error.code}: {error.message.rstrip('.')}. {again} {error.remedy}"
    return working(Reason.WAITING, message, (error,))


def _take(o: Observation) -> tuple[Action, ...]:
    """Once for each version of the Secret, and again where something else was in the way."""
    key, taking = o.given_state.version if o.given_state else "", o.taking
    waits = taking is not None and taking.key == key and o.now - taking.at < _pause(o, taking)
    return () if waits else (TakeGivenState(key),)


def _pause(o: Observation, taking: TakingReport) -> timedelta:
    return retries.pause_after_timeouts(o.settings, int(taking.timed_out))


def _lacking(scene: Deletion) -> str:
    """Why what is handed in cannot be taken, as far as that is known; a clause."""
    given, archived, taking = scene.o.given_state, scene.o.archived_state, scene.o.taking
    if given is None:
        return "does not exist"
    if given.state is None or not given.has_key:
        return "does not have a state under the key 'tfstate' and what opens it under 'state-key'"
    if archived and given.state.lineage != archived.lineage:
        return "holds a state of another origin than the archived one"
    run = _refused(scene)
    if run and (refused := _reason(run)) and run.given_version == given.version:
        return f"cannot be used: {refused.message.rstrip('.')}"
    return taking.wrong if taking and taking.key == given.version else ""


def _of_the_owner(scene: Deletion) -> bool:
    """Whether the operator gave up its access, and something is left to destroy."""
    hand_off = scene.record.hand_off
    return hand_off is not None and hand_off.refused is not None and scene.something_left and not scene.orphaned
