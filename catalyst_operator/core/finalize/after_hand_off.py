"""Checks of a deletion after hand-off: the cluster was its owner's, and what is needed to destroy it was put away."""

from __future__ import annotations

from datetime import timedelta

from catalyst_operator.api.conditions import Reason
from catalyst_operator.core.actions import RestoreArchive
from catalyst_operator.core.finalize.deletion import Deletion, stalled, working
from catalyst_operator.core.finalize.destroys import no_credentials
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


def _of_the_owner(scene: Deletion) -> bool:
    """Whether the operator gave up its access, and something is left to destroy."""
    hand_off = scene.record.hand_off
    return hand_off is not None and hand_off.refused is not None and scene.something_left and not scene.orphaned
