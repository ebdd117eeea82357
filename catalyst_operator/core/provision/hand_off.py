"""Checks of the hand-off: one deed after another, each seen done before the next, until no key is left (DESIGN §11).

From its beginning on nothing else is started for the Sovereign, and its end cannot be taken back.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from catalyst_operator.api import labels
from catalyst_operator.api.conditions import Reason
from catalyst_operator.api.enums import HandOffMode, OwnerKubeconfig
from catalyst_operator.api.phases import Phase
from catalyst_operator.core import naming
from catalyst_operator.core.actions import (
    Action,
    ArchiveState,
    ForgetCluster,
    ForgetKeys,
    GiveUpAccess,
    WriteOwnerKubeconfig,
    WriteRecord,
)
from catalyst_operator.core.attempts import requested, unanswered
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.provision.verdicts import stalled
from catalyst_operator.core.record import HandOff, Record
from catalyst_operator.core.scene import Answer, Scene
from catalyst_operator.core.status import Stance, Verdict

AT_ONCE = timedelta(0)


def handed_off(scene: Scene) -> Answer | None:
    """The Sovereign is its owner's: nothing is done for it any more until it is deleted."""
    if not scene.record.handed_off:
        return None
    # A log that is still followed, or a watch, would be a connection to something that is not ours any more.
    forget = (ForgetCluster(),) if scene.o.cluster else ()
    # Keys come back with a backup of the run namespace.
    keys = (ForgetKeys(),) if scene.o.has_cluster_secrets or scene.o.has_token_copy else ()
    return Answer(_owners(scene), (*forget, *keys))


def handing_over(scene: Scene) -> Answer | None:
    """The hand-off is under way: the next deed, or what it waits for."""
    if scene.record.hand_off is None:
        return None
    return next((answer for step in _STEPS if (answer := step(scene, scene.record.hand_off))), None)


def begin(scene: Scene) -> Answer | None:
    """Everything that Ready stands for holds: hand over, unless somebody is to say so first."""
    spec = scene.o.sovereign.spec
    asked = unanswered(scene.o, scene.record, labels.ANNOTATION_HAND_OFF)
    if spec.hand_off.mode is HandOffMode.MANUAL and not asked:
        return None
    value = requested(scene.o, labels.ANNOTATION_HAND_OFF)
    answered = {labels.ANNOTATION_HAND_OFF: value} if value else {}
    record = replace(scene.record, hand_off=HandOff(started=scene.o.now), handled={**scene.record.handled, **answered})
    return _going_on(record, "the OpenTofu state is being archived", (WriteRecord(record),))


def _archived(scene: Scene, _: HandOff) -> Answer | None:
    """A later deletion works on a copy of what is kept here."""
    o = scene.o
    if is_archived(o):
        return None
    if o.state is None:
        # Told as what it is by the check for a lost state.
        return None
    return _going_on(scene.record, "the OpenTofu state is being archived", (ArchiveState(),))


def _kubeconfig_given(scene: Scene, hand_off: HandOff) -> Answer | None:
    """An administrator's kubeconfig for the owner, while the authority that signs it is still there."""
    o = scene.o
    wanted = o.sovereign.spec.hand_off.owner_kubeconfig is OwnerKubeconfig.KEEP
    if not wanted or o.owner_kubeconfig == o.uid or not o.has_cluster_secrets or hand_off.refused:
        return None
    if o.owner_kubeconfig:
        name = naming.owner_kubeconfig(o.sovereign.metadata.name)
        message = (
            f"Secret {o.sovereign.metadata.namespace}/{name} exists and was not written for this Sovereign, so the "
            "owner's kubeconfig cannot be put there. Rename or delete it; the hand-off then goes on by itself."
        )
        return Answer(stalled(Reason.NAME_CONFLICT, message), requeue_after=o.settings.poll)
    return _going_on(scene.record, "the owner's kubeconfig is being written", (WriteOwnerKubeconfig(),))


def _access_given_up(scene: Scene, hand_off: HandOff) -> Answer | None:
    """The operator's own rights on the new cluster go, and a certificate that is still valid is seen to be refused."""
    if hand_off.refused:
        return None
    o, report = scene.o, scene.o.farewell
    if report and report.refused:
        record = replace(scene.record, hand_off=replace(hand_off, refused=report.at))
        return _going_on(record, "the keys are being removed", (WriteRecord(record),))
    forget: tuple[Action, ...] = (ForgetCluster(),) if o.cluster else ()
    why = f": {report.message}" if report and report.message else ""
    if report and o.now - report.at < o.settings.poll:
        return _going_on(scene.record, f"access is being given up{why}", forget, o.settings.poll)
    # Each attempt has a key of its own: the last one's report says when it was.
    key = report.at.isoformat() if report else "first"
    return _going_on(scene.record, f"access is being given up{why}", (*forget, GiveUpAccess(key)), o.settings.poll)


def _keys_gone(scene: Scene, _: HandOff) -> Answer | None:
    """Nothing that opens the cluster or the project is left with the operator."""
    o = scene.o
    if o.has_cluster_secrets or o.has_token_copy or o.state is not None:
        return _going_on(scene.record, "the keys are being removed", (ForgetKeys(),))
    return None


def _finished(scene: Scene, hand_off: HandOff) -> Answer | None:
    if not is_archived(scene.o):
        return None
    record = replace(scene.record, hand_off=replace(hand_off, finished=scene.o.now))
    return Answer(_owners(scene), (WriteRecord(record),), record=record)


def _owners(scene: Scene) -> Verdict:
    fqdn = scene.o.sovereign.spec.domain.fqdn
    message = f"Handed over: https://console.{fqdn} is its owner's, and the operator holds no key to it."
    return Verdict(Stance.SETTLED, Phase.HANDED_OFF, Reason.HANDED_OFF, message, ready=True)


_STEPS = (_archived, _kubeconfig_given, _access_given_up, _keys_gone, _finished)


def is_archived(o: Observation) -> bool:
    """Whether the archive holds the state as it is, or was before it was removed."""
    return o.archived_state is not None and (o.state is None or o.state.serial == o.archived_state.serial)


def _going_on(record: Record, doing: str, actions: tuple[Action, ...], after: timedelta = AT_ONCE) -> Answer:
    verdict = Verdict(Stance.SETTLED, Phase.READY, Reason.SUCCEEDED, f"Ready; handing over: {doing}.", ready=True)
    return Answer(verdict, actions, after, record)
