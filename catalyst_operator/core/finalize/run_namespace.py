"""Checks of the run namespace: when it goes, and what of it must not be lost."""

from __future__ import annotations

from datetime import timedelta

from catalyst_operator.api import labels
from catalyst_operator.api.conditions import Reason
from catalyst_operator.core import naming
from catalyst_operator.core.actions import DeleteJob, DeleteNamespace, RemoveFinalizer, WriteReceipt
from catalyst_operator.core.errors import codes
from catalyst_operator.core.finalize import receipt
from catalyst_operator.core.finalize.deletion import CLEAN_UP_AGAIN, Deletion, stalled, working
from catalyst_operator.core.record import ErrorEntry
from catalyst_operator.core.scene import Answer
from catalyst_operator.core.telling.messages import unproven_words
from catalyst_operator.core.verdict import Verdict


def cleaned_up(scene: Deletion) -> Answer | None:
    """The run namespace is gone, and it was this deletion that removed it, or there never was one."""
    if scene.o.namespace is not None and scene.o.namespace.ours:
        return None
    if scene.something_left and not scene.announced:
        return None
    verdict = working(Reason.CLEANING_UP, "Everything is taken back.")
    return Answer(verdict, (RemoveFinalizer(),))


def cleaning_up(scene: Deletion) -> Verdict:
    """Nothing is left to do but to remove what the operator made for itself."""
    message = receipt.staying_words(scene) if scene.orphaned else "Nothing is left in the cloud"
    errors = _stuck(scene)
    told = "".join(f" {error.message.rstrip('.')}. {error.remedy}" for error in errors)
    return working(Reason.CLEANING_UP, f"{message}; removing the run namespace.{told}", errors)


def _stuck(scene: Deletion) -> tuple[ErrorEntry, ...]:
    """What keeps the run namespace, whose deletion has begun, from going: nothing of ours."""
    namespace = scene.o.namespace
    if namespace is None or not namespace.stuck:
        return ()
    told = f"It does not get on: {namespace.stuck}"
    return (codes.CLUSTER_REFUSED.entry(told, remedy=_STUCK_REMEDY.format(space=scene.o.run_namespace)),)


_STUCK_REMEDY = (
    "On the management cluster, mend the API that does not answer or delete its APIService, or remove what the message "
    "names; it then goes on by itself: `kubectl get apiservices,namespace/{space}`."
)


def namespace_leaving(scene: Deletion) -> Answer | None:
    """The run namespace is on its way out, as announced: what is in it vanishes piece by piece and means nothing."""
    if not scene.leaving:
        return None
    # Somebody else may have deleted the namespace first: then the record still holds it, seen or not.
    stuck = scene.o.namespace is not None and scene.o.namespace.stuck
    again = scene.o.settings.poll if stuck else CLEAN_UP_AGAIN
    return Answer(cleaning_up(scene), (DeleteNamespace(),), again)


def namespace_foreign(scene: Deletion) -> Answer | None:
    """There is a namespace of our run namespace's name, but nothing proves that the state in it is the one we wrote."""
    namespace = scene.o.namespace
    if namespace is None or namespace.ours or not scene.something_left or scene.orphaned:
        return None
    error = codes.NAMESPACE_FOREIGN.entry(unproven_words(scene.o))
    message = f"{error.code}: {error.message} {error.remedy}"
    verdict = stalled(Reason.NAME_CONFLICT, Reason.DESTROY_FAILED, message, (error,))
    return Answer(verdict, requeue_after=scene.o.settings.poll)


def namespace_vanished(scene: Deletion) -> Answer | None:
    """Runs were made, but their state is gone: nobody knows what there is to destroy."""
    lost = _lost(scene)
    if not lost:
        return None
    selector = f"{labels.LABEL_SOVEREIGN_UID}={scene.o.uid}"
    message = (
        f"{lost}: nobody knows what to destroy. Restore it from a backup, or remove what is labelled {selector} in the "
        "Hetzner project and set spec.deletionPolicy to Orphan to let the Sovereign go."
    )
    if scene.orphaned:
        verdict = working(Reason.ORPHANED, "Left as it is, as spec.deletionPolicy says.")
        gone = scene.o.namespace is None or not scene.o.namespace.ours
        return Answer(verdict, (RemoveFinalizer(),)) if gone else None
    error = codes.STATE_LOST.entry(message)
    return Answer(
        stalled(Reason.STATE_LOST, Reason.DESTROY_FAILED, message, (error,)),
        requeue_after=scene.o.settings.poll,
    )


def nothing_left(scene: Deletion) -> Answer | None:
    """Nothing is left in the cloud, or it is to stay: write the receipt and remove the run namespace."""
    if scene.something_left and not scene.orphaned:
        return None
    verdict = cleaning_up(scene)
    if not scene.announced:
        return Answer(verdict, requeue_after=timedelta(0))
    if scene.o.jobs or scene.o.pods:
        # A Pod in its grace period would hold up the namespace's deletion for minutes: runs go first.
        return Answer(
            verdict, tuple(DeleteJob(job.name) for job in scene.o.jobs if not job.terminating), CLEAN_UP_AGAIN
        )
    told = (WriteReceipt(receipt.of_deletion(scene)),) if scene.record.touched else ()
    return Answer(verdict, (*told, DeleteNamespace()), CLEAN_UP_AGAIN)


def _lost(scene: Deletion) -> str:
    """Why there is nothing to destroy by although something may be left; empty if there is."""
    namespace, name = scene.o.namespace, scene.o.run_namespace
    if not scene.something_left:
        return ""
    if namespace is None or not namespace.ours:
        return f"Run namespace {name} is gone, and the OpenTofu state with it"
    if namespace.terminating:
        return f"Run namespace {name} is being deleted, and the OpenTofu state with it"
    return "" if scene.o.state or scene.o.saved_state else _missing_state(scene, name)


def _missing_state(scene: Deletion, name: str) -> str:
    """What is missing in the run namespace, if it should be there."""
    if scene.record.state_serial > 0:
        return f"State Secret {name}/{naming.STATE_SECRET} is gone"
    return f"The record {name}/{naming.RECORD} and the OpenTofu state are gone" if scene.o.record is None else ""
