"""Checks of the hand-off: one deed after another, each seen done before the next, until no key is left.

From its beginning on nothing else is started for the Sovereign, and its end cannot be taken back.

Why: docs/explanation.md#hand-off
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from catalyst_operator.api import labels
from catalyst_operator.api.conditions import Reason
from catalyst_operator.api.enums import HandOffMode, OwnerKubeconfig
from catalyst_operator.api.phases import Phase
from catalyst_operator.core.actions import (
    Action,
    ArchiveState,
    ForgetCluster,
    ForgetKeys,
    GiveUpAccess,
    TransferState,
    WriteOwnerKubeconfig,
    WriteRecord,
)
from catalyst_operator.core.errors import codes
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.phase1.bootstrap import UNREACHABLE_LIMIT
from catalyst_operator.core.provision import overlays, surroundings
from catalyst_operator.core.provision.verdicts import stalled
from catalyst_operator.core.ready import before_hand_off, crossplane_token
from catalyst_operator.core.record import ErrorEntry, HandOff, Record
from catalyst_operator.core.runs import retries
from catalyst_operator.core.runs.attempts import requested, unanswered
from catalyst_operator.core.scene import SAFETY, Answer, Scene
from catalyst_operator.core.verdict import Stance, Verdict

AT_ONCE = timedelta(0)


def handed_off(scene: Scene) -> Answer | None:
    """The Sovereign is its owner's: nothing is done for it any more until it is deleted."""
    if not scene.record.handed_off:
        return None
    # A log that is still followed, or a watch, would be a connection to something that is not ours any more.
    forget = (ForgetCluster(),) if scene.o.cluster else ()
    # Keys come back with a backup.
    keys = (ForgetKeys(),) if scene.o.has_cluster_secrets or scene.o.has_token_copy else ()
    record = _heard(scene)
    write = (WriteRecord(record),) if record else ()
    return Answer(_owners(scene), (*forget, *keys, *write), record=record)


def _heard(scene: Scene) -> Record | None:
    """The record that answers a request for another try: there is none any more, and the message says whose it is."""
    heard = {name: requested(scene.o, name) for name in (labels.ANNOTATION_RETRY, labels.ANNOTATION_REBUILD)}
    handled = {**scene.record.handled, **{name: value for name, value in heard.items() if value}}
    return replace(scene.record, handled=handled) if handled != scene.record.handled else None


def handing_over(scene: Scene) -> Answer | None:
    """The hand-off is under way: the next deed, or what it waits for."""
    if scene.record.hand_off is None:
        return None
    return next((answer for step in _STEPS if (answer := step(scene, scene.record.hand_off))), None)


def begin(scene: Scene) -> Answer | None:
    """Everything that Ready stands for holds: hand over, unless somebody is to say so first, or it would not come to
    its end."""
    spec = scene.o.sovereign.spec
    asked = unanswered(scene.o, scene.record, labels.ANNOTATION_HAND_OFF)
    if spec.hand_off.mode is HandOffMode.MANUAL and not asked:
        return None
    if taken := before_hand_off.name_taken(scene.o):
        return _waiting(scene, taken, after=scene.o.settings.poll)
    if behind := before_hand_off.behind(scene.o, scene.record):
        return _behind(scene, behind)
    token = crossplane_token.standing(scene.o, scene.record)
    if token.lacking:
        return _waiting(scene, token.lacking, token.ask, scene.o.settings.poll, (token.error,) if token.error else ())
    value = requested(scene.o, labels.ANNOTATION_HAND_OFF)
    answered = {labels.ANNOTATION_HAND_OFF: value} if value else {}
    record = replace(scene.record, hand_off=HandOff(started=scene.o.now), handled={**scene.record.handled, **answered})
    return _going_on(record, "the OpenTofu state is being archived", (WriteRecord(record),))


def _behind(scene: Scene, why: str) -> Answer:
    """The new cluster will apply what was pushed. Or somebody pushed something else since, and it is past that: then
    the branch, as it is now, tells whether it has what is wanted."""
    report = scene.o.overlay
    errors = (report.error,) if report and report.error else ()
    applied = before_hand_off.applied_commit(scene.o)
    look = overlays.look_again(scene, applied) if applied else ()
    return _waiting(scene, why, look, SAFETY, errors)


def _suspended(scene: Scene, hand_off: HandOff) -> Answer | None:
    """spec.suspend: what was done stays done, and no further step is made."""
    if not scene.o.sovereign.spec.suspend:
        return None
    message = (
        f"Suspended: the hand-off, begun at {hand_off.started:%Y-%m-%d %H:%M:%S} UTC, goes on once spec.suspend is "
        "false."
    )
    return Answer(Verdict(Stance.SETTLED, Phase.READY, Reason.SUSPENDED, message))


def _archived(scene: Scene, _: HandOff) -> Answer | None:
    """A later deletion works on a copy of what is kept here, so nothing is given up before that could be opened."""
    obstacle = surroundings.state_obstacle(scene)
    if obstacle or is_archived(scene.o, scene.record):
        return obstacle
    lost = surroundings.state_lost(scene)
    return lost or _going_on(scene.record, "the OpenTofu state is being archived", (ArchiveState(),))


def _state_given(scene: Scene, hand_off: HandOff) -> Answer | None:
    """With spec.crossplane: the Sovereign's own Crossplane has the state and may go on with it. Not before everything
    else has ended, since a state must not have two masters; and not after the operator's rights are gone."""
    if scene.o.sovereign.spec.crossplane is None or hand_off.given or hand_off.not_given or hand_off.refused:
        return None
    o, report = scene.o, scene.o.transfer
    if report and (report.done or report.impossible):
        given = replace(hand_off, given=report.at if report.done else None, not_given=report.impossible)
        record = replace(scene.record, hand_off=given)
        return _going_on(record, "access is being given up", (WriteRecord(record),))
    if not o.has_cluster_secrets:
        return _unprovable(o)
    forget: tuple[Action, ...] = (ForgetCluster(),) if o.cluster else ()
    errors = (report.error,) if report and report.error else ()
    doing = "the state is being given to the Sovereign's own Crossplane"
    doing += f": {report.error.message.rstrip('.')}" if report and report.error else ""
    due = report.at + retries.pause_after_timeouts(o.settings, report.timeouts) if report else o.now
    if o.now < due:
        return _going_on(scene.record, doing, forget, due - o.now, errors)
    key = report.at.isoformat() if report else "first"
    give = TransferState(key, scene.variables)
    return _going_on(scene.record, doing, (*forget, give), o.settings.poll, errors)


def _kubeconfig_given(scene: Scene, hand_off: HandOff) -> Answer | None:
    """An administrator's kubeconfig for the owner, while the authority that signs it is still there."""
    o = scene.o
    wanted = o.sovereign.spec.hand_off.owner_kubeconfig is OwnerKubeconfig.KEEP
    if not wanted or o.owner_kubeconfig == o.uid or not o.has_cluster_secrets or hand_off.refused:
        return None
    if taken := before_hand_off.name_taken(o):
        # It was not there when the hand-off began.
        return Answer(stalled(Reason.NAME_CONFLICT, taken), requeue_after=o.settings.poll)
    return _going_on(scene.record, "the owner's kubeconfig is being written", (WriteOwnerKubeconfig(),))


def _access_given_up(scene: Scene, hand_off: HandOff) -> Answer | None:
    """The operator's own rights on the new cluster go, and a certificate that is still valid is seen to be refused."""
    if hand_off.refused:
        return None
    o, report = scene.o, scene.o.farewell
    if report and report.refused:
        record = replace(scene.record, hand_off=replace(hand_off, refused=report.at))
        return _going_on(record, "the keys are being removed", (WriteRecord(record),))
    if not o.has_cluster_secrets:
        return _unprovable(o)
    forget: tuple[Action, ...] = (ForgetCluster(),) if o.cluster else ()
    doing = "access is being given up" + (f": {report.message}" if report and report.message else "")
    errors = (report.error,) if report and report.error and _is_to_be_told(o, hand_off, report.error) else ()
    if report and o.now - report.at < o.settings.poll:
        return _going_on(scene.record, doing, forget, o.settings.poll, errors)
    # Each attempt has a key of its own: the last one's report says when it was.
    key = report.at.isoformat() if report else "first"
    return _going_on(scene.record, doing, (*forget, GiveUpAccess(key)), o.settings.poll, errors)


def _is_to_be_told(o: Observation, hand_off: HandOff, error: ErrorEntry) -> bool:
    """That a cluster does not answer says nothing for a while; an error of the operator's own does."""
    return error.code == codes.OPERATOR.code or o.now - hand_off.started >= UNREACHABLE_LIMIT


def _unprovable(o: Observation) -> Answer:
    """Without the authorities no certificate can be minted that would be refused."""
    told = (
        f"Secret {o.cluster_secrets_name} is gone, before the new cluster was seen to refuse the "
        "operator: that cannot be proven without it."
    )
    remedy = "Restore it from a backup of this Sovereign; the hand-off then goes on by itself."
    error = codes.CLUSTER_SECRETS_LOST.entry(told, remedy=remedy)
    verdict = stalled(Reason.STATE_LOST, f"{error.code}: {told} {remedy}", (error,))
    return Answer(verdict, requeue_after=o.settings.poll)


def _keys_gone(scene: Scene, _: HandOff) -> Answer | None:
    """Nothing that opens the cluster or the project is left with the operator."""
    o = scene.o
    if o.has_cluster_secrets or o.has_token_copy or o.state is not None:
        return _going_on(scene.record, "the keys are being removed", (ForgetKeys(),))
    return None


def _finished(scene: Scene, hand_off: HandOff) -> Answer:
    record = replace(scene.record, hand_off=replace(hand_off, finished=scene.o.now))
    return Answer(_owners(scene), (WriteRecord(record),), record=record)


def _owners(scene: Scene) -> Verdict:
    fqdn = scene.o.sovereign.spec.domain.fqdn
    message = f"Handed over: https://console.{fqdn} is its owner's, and the operator holds no key to it."
    return Verdict(Stance.SETTLED, Phase.HANDED_OFF, Reason.HANDED_OFF, message, ready=True)


_STEPS = (_suspended, _archived, _state_given, _kubeconfig_given, _access_given_up, _keys_gone, _finished)


def is_archived(o: Observation, record: Record) -> bool:
    """Whether the archive holds the state as it is, or was before it was removed."""
    archive = o.archived_state
    return archive is not None and archive.serial >= record.state_serial and o.state in (None, archive)


def _waiting(
    scene: Scene,
    why: str,
    actions: tuple[Action, ...] = (),
    after: timedelta = AT_ONCE,
    errors: tuple[ErrorEntry, ...] = (),
) -> Answer:
    message = f"Ready: https://console.{scene.o.sovereign.spec.domain.fqdn}. {why}"
    return Answer(_ready(message, errors), actions, after)


def _going_on(
    record: Record,
    doing: str,
    actions: tuple[Action, ...],
    after: timedelta = AT_ONCE,
    errors: tuple[ErrorEntry, ...] = (),
) -> Answer:
    return Answer(_ready(f"Ready; handing over: {doing}.", errors), actions, after, record)


def _ready(message: str, errors: tuple[ErrorEntry, ...]) -> Verdict:
    return Verdict(Stance.SETTLED, Phase.READY, Reason.SUCCEEDED, message, errors=errors, ready=True)
