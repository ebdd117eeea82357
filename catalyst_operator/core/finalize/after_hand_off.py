"""Checks of a deletion after hand-off: the cluster was its owner's, and what is needed to destroy it was put away."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from catalyst_operator.api.conditions import Reason
from catalyst_operator.core.actions import Action, RestoreArchive, TakeGivenState, WriteRecord
from catalyst_operator.core.finalize.deletion import Deletion, stalled, working
from catalyst_operator.core.finalize.destroys import no_credentials
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.scene import Answer


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
    if lacking := no_credentials(scene):
        return lacking
    verdict = working(Reason.WAITING, "The OpenTofu state is being restored from its archive.")
    return Answer(verdict, (RestoreArchive(),), timedelta(0))


def given_state_not_taken(scene: Deletion) -> Answer | None:
    """The owner hands in what its Crossplane left: the destroy works on that instead, once it is seen to go on from the
    archive. What cannot do so is never passed over in silence, since something would stay behind."""
    reference = scene.o.sovereign.spec.decommission.state_secret_ref
    if reference is None or not _of_the_owner(scene) or scene.o.archived_state is None or scene.o.state is not None:
        return None
    where = f"Secret {scene.o.sovereign.metadata.namespace}/{reference.name} of spec.decommission.stateSecretRef"
    if lacking := _lacking(scene):
        message = f"{where} {lacking}. Correct it, or take the field out: the archived state is then used."
        verdict = stalled(Reason.STATE_UNREADABLE, Reason.DESTROY_FAILED, message)
        return Answer(verdict, requeue_after=scene.o.settings.poll)
    verdict, record = working(Reason.WAITING, f"{where} is being looked into."), replace(scene.record, state_given=True)
    write = () if scene.record.state_given else (WriteRecord(record),)
    return Answer(verdict, (*write, *_take(scene.o)), scene.o.settings.poll, record)


def _take(o: Observation) -> tuple[Action, ...]:
    """Once for each version of the Secret, and again where something else was in the way."""
    key, taking = o.given_state.version if o.given_state else "", o.taking
    waits = taking is not None and taking.key == key and o.now - taking.at < o.settings.poll
    return () if waits else (TakeGivenState(key),)


def _lacking(scene: Deletion) -> str:
    """Why what is handed in cannot be taken, as far as that is known; a clause."""
    given, archived, taking = scene.o.given_state, scene.o.archived_state, scene.o.taking
    if given is None:
        return "does not exist"
    if given.state is None or not given.has_key:
        return "does not have a state under the key 'tfstate' and what opens it under 'state-key'"
    if archived and given.state.lineage != archived.lineage:
        return "holds a state of another origin than the archived one"
    return taking.wrong if taking and taking.key == given.version else ""


def _of_the_owner(scene: Deletion) -> bool:
    """Whether the operator gave up its access, and something is left to destroy."""
    hand_off = scene.record.hand_off
    return hand_off is not None and hand_off.refused is not None and scene.something_left and not scene.orphaned
