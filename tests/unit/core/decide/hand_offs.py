"""The hand-off: what it waits for, one deed after another, and its end."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from pydantic import SecretStr

from catalyst_operator.core.access.farewell import FarewellReport
from catalyst_operator.core.access.seeds import SecretView
from catalyst_operator.core.access.transfer import TransferReport
from catalyst_operator.core.errors import codes
from catalyst_operator.core.kit.pushed import OverlayReport
from catalyst_operator.core.observation import Observation, StateView
from catalyst_operator.core.project.identity import ProjectAnswer, ProjectReport
from catalyst_operator.core.provision import look
from catalyst_operator.core.provision.overlays import wanted
from catalyst_operator.core.ready import crossplane_token
from catalyst_operator.core.record import HandOff, Record
from catalyst_operator.core.scene import SAFETY
from catalyst_operator.core.telling.trouble import of_errand
from tests.support import gen, new_cluster
from tests.support.gen import NOW, SceneMod, known, of, seen, spec
from tests.unit.core.decide.table import AT_ONCE, NO_CODE, POLL, RETRY, Case

APPLIED = gen.succeeded()
AUTOMATIC = spec(handOff={"mode": "Automatic"})
KEEP = spec(handOff={"mode": "Manual", "ownerKubeconfig": "Keep"})
UP = new_cluster.healthy(gen.sovereign(), NOW)
STATE = StateView(serial=7)
KEPT = {
    "has_state_key": True,
    "has_cluster_secrets": True,
    "token_copy": SecretStr(gen.TOKEN),
    "owner_kubeconfig": gen.UID,
}


def handing(stage: HandOff, **values: Any) -> SceneMod:
    """In the middle of a hand-off, nobody watching any more."""

    def made(o: Observation) -> Observation:
        o = known(APPLIED, hand_off=stage)(o)
        return replace(o, **{"state": STATE, **KEPT, **values})

    return made


STARTED = HandOff(started=NOW - timedelta(seconds=2))
LONG_AGO = HandOff(started=NOW - timedelta(minutes=10))
REFUSED = replace(STARTED, refused=NOW - timedelta(seconds=1))
FINISHED = replace(REFUSED, finished=NOW)
NO_KEYS = {"state": None, "has_cluster_secrets": False, "token_copy": None}
UNREACHABLE = FarewellReport(
    "first", NOW, False, None, "no answer in time", codes.API_UNREACHABLE.entry("no answer in time")
)
_FAULT = of_errand(KeyError("x"), "the giving up of access")
OWN_FAULT = FarewellReport("first", NOW, False, None, _FAULT.message, _FAULT)
SUSPENDED = spec(suspend=True)
CROSSPLANE = spec(crossplane={"credentialsSecretRef": {"name": "own-token"}})
NOT_SEALED = TransferReport("first", NOW, error=codes.STATE_TRANSFER.entry("tofu state pull ended with 1"))
NO_END = replace(
    TransferReport("first", NOW, error=codes.STATE_TRANSFER.entry("no end"), timeouts=3), at=NOW - gen.SETTINGS.poll
)
BORN_BEFORE = TransferReport("first", NOW, impossible="it has no Secrets")
GIVEN = replace(STARTED, given=NOW)
FOREIGN = seen(owner_kubeconfig="foreign")
COMMIT = (
    spec(gitops=gen.PUSHED),
    spec(handOff={"mode": "Automatic"}),
)
APPLIED_LAST = "0f0f"
"""The commit that the new cluster has applied."""


def committed(revision: str, looked: OverlayReport | None = None) -> tuple[SceneMod, ...]:
    """Mode Commit: all is ready, and the overlay was pushed last in this commit; with what a later look at the branch
    found."""

    def in_git(o: Observation) -> Observation:
        _, change = wanted(look(o))
        record = o.record and replace(o.record, overlay=change.digest, overlay_revision=revision)
        report = looked and replace(looked, digest=change.digest if looked.error is None else "")
        return replace(o, record=record, overlay=report)

    seeded = replace(gen.READY, seeded={"catalyst-git": "g/1"})
    applied = known(gen.succeeded(digest=gen.digest(*COMMIT)), bootstrap=seeded)
    git = seen(owner_secrets={"git": SecretView("g/1", frozenset({"username", "password"}))})
    return (of(*COMMIT), applied, git, in_git)


OWN = SecretStr("Own0Token000" + "w" * 52)


def with_own_token(token: SecretStr | None = OWN, found: str | None = None, **values: Any) -> tuple[SceneMod, ...]:
    """All is ready, and the Secret of spec.crossplane holds this token, as the new cluster was given it. `found`: what
    a look at its project found, empty for nothing; None while nobody looked. With an error nothing is known."""

    def made(o: Observation) -> Observation:
        o = replace(o, crossplane_token=token)
        (ask,) = crossplane_token.standing(o, o.record or Record(uid=gen.UID)).ask or (None,)
        if ask is None or (found is None and not values):
            return o
        answer = None if "error" in values else ProjectAnswer(found or "")
        return replace(o, crossplane_project=replace(ProjectReport(ask.key, NOW, answer), **values))

    secret = seen(owner_secrets={"own-token": SecretView("o/1", frozenset({"token"}))})
    ready = replace(gen.READY, seeded={"catalyst-crossplane": "o/1"})
    applied = known(gen.succeeded(digest=gen.digest(AUTOMATIC, CROSSPLANE)), bootstrap=ready)
    return (of(AUTOMATIC, CROSSPLANE), applied, secret, made)


def vouched_for(o: Observation) -> Observation:
    """Nothing proves whose project the runs' token opens but a person's word."""
    assert o.record is not None
    assert o.record.project is not None
    return replace(o, record=replace(o.record, project=replace(o.record.project, confirmed=True)))


REFUSED_TOKEN = codes.TOKEN_INVALID.entry("Hetzner does not accept the token: it was revoked")

CASES = (
    *(
        Case(
            f"with a Crossplane of its own, {why}: the hand-off begins",
            given,
            check="converged",
            reason="Succeeded",
            ready="True",
            says=("handing over",),
            summary="",
            does=("WriteRecord",),
            again=AT_ONCE,
            operation="Succeeded",
            goes_on=True,
        )
        for why, given in (
            ("whose token is that of the runs", with_own_token(SecretStr(gen.TOKEN))),
            ("whose token was seen to open the Sovereign's project", with_own_token(found=gen.OWN_NETWORK)),
        )
    ),
    *(
        Case(
            f"with a Crossplane of its own, {why}: the hand-off does not begin",
            given,
            check="converged",
            reason="Succeeded",
            ready="True",
            says=says,
            summary="",
            does=does,
            again=POLL,
            operation="Succeeded",
            code=code,
            shows=(shown,),
        )
        for why, given, says, does, code, shown in (
            (
                "whose token nobody looked at yet",
                with_own_token(),
                ("Looking whether the token in Secret team-a/own-token",),
                ("AskCrossplaneProject",),
                NO_CODE,
                "HandedOff=False AwaitingHandOff",
            ),
            (
                "whose token is that of the runs, for which only a person vouched",
                (*with_own_token(SecretStr(gen.TOKEN)), vouched_for),
                ("Looking whether the token in Secret team-a/own-token",),
                ("AskCrossplaneProject",),
                NO_CODE,
                "HandedOff=False AwaitingHandOff",
            ),
            (
                "whose token is of another project",
                with_own_token(found=""),
                ("ERR_CROSSPLANE_TOKEN: The token in Secret team-a/own-token", "opens another project", "by itself"),
                (),
                "ERR_CROSSPLANE_TOKEN",
                "HandedOff=False ProjectMismatch",
            ),
            (
                "whose token is refused",
                with_own_token(error=REFUSED_TOKEN),
                ("ERR_CROSSPLANE_TOKEN", "it was revoked", "that spec.crossplane names"),
                (),
                "ERR_CROSSPLANE_TOKEN",
                "HandedOff=False AwaitingHandOff",
            ),
            (
                "and Hetzner does not answer: unknown is not wrong",
                with_own_token(error=codes.CLOUD_UNAVAILABLE.entry("no answer")),
                ("ERR_CLOUD_UNAVAILABLE: no answer", "asked again at"),
                (),
                "ERR_CLOUD_UNAVAILABLE",
                "HandedOff=False AwaitingHandOff",
            ),
            (
                "and Hetzner did not answer a while ago",
                with_own_token(error=codes.CLOUD_UNAVAILABLE.entry("no answer"), at=NOW - timedelta(hours=1)),
                ("no answer",),
                ("AskCrossplaneProject",),
                "ERR_CLOUD_UNAVAILABLE",
                "HandedOff=False AwaitingHandOff",
            ),
            (
                "whose Secret was corrected since the look",
                (*with_own_token(found=""), seen(crossplane_token=SecretStr("Next0Token00" + "v" * 52))),
                ("Looking whether",),
                ("AskCrossplaneProject",),
                NO_CODE,
                "HandedOff=False AwaitingHandOff",
            ),
            (
                "whose Secret is gone",
                with_own_token(None),
                ("has no token under the key 'token'",),
                (),
                "ERR_CROSSPLANE_TOKEN",
                "HandedOff=False AwaitingHandOff",
            ),
        )
    ),
    Case(
        "all that Ready stands for holds: the hand-off begins by itself",
        (of(AUTOMATIC), known(APPLIED)),
        check="converged",
        reason="Succeeded",
        ready="True",
        says=("handing over",),
        summary="",
        does=("WriteRecord",),
        again=AT_ONCE,
        operation="Succeeded",
        goes_on=True,
        shows=("HandedOff=Unknown Running",),
    ),
    Case(
        "hand-off Manual: begun by the annotation",
        (of(gen.annotated(handOffRequestedAt="now")), known(APPLIED)),
        check="converged",
        reason="Succeeded",
        ready="True",
        summary="",
        does=("WriteRecord",),
        again=AT_ONCE,
        operation="Succeeded",
        goes_on=True,
    ),
    Case(
        "hand-off: the state is archived first",
        (handing(STARTED),),
        check="handing_over",
        reason="Succeeded",
        ready="True",
        says=("archived",),
        summary="",
        does=("ArchiveState",),
        again=AT_ONCE,
        operation="Succeeded",
    ),
    Case(
        "hand-off: the owner's kubeconfig is written while the authority is there",
        (of(KEEP), handing(STARTED, archived_state=STATE, owner_kubeconfig="")),
        check="handing_over",
        reason="Succeeded",
        ready="True",
        summary="",
        does=("WriteOwnerKubeconfig",),
        again=AT_ONCE,
        operation="Succeeded",
    ),
    Case(
        "hand-off: a Secret of somebody else's is never overwritten",
        (
            of(KEEP),
            handing(STARTED, archived_state=STATE, owner_kubeconfig="foreign"),
        ),
        check="handing_over",
        reason="NameConflict",
        says=("Secret team-a/omantel-kubeconfig exists",),
        summary="Stalled",
        again=POLL,
        operation="Failed",
        ready="True",
    ),
    Case(
        "hand-off: the watch ends, then the operator takes its own rights away",
        (handing(STARTED, archived_state=STATE, cluster=UP),),
        check="handing_over",
        reason="Succeeded",
        ready="True",
        summary="",
        does=("ForgetCluster", "GiveUpAccess"),
        again=POLL,
        operation="Succeeded",
    ),
    Case(
        "hand-off: the certificates are still accepted: again after a moment, and nothing else before that",
        (
            handing(STARTED, archived_state=STATE, farewell=FarewellReport("first", NOW, False, NOW, "still accepted")),
            gen.unseen,
        ),
        check="handing_over",
        reason="Succeeded",
        ready="True",
        says=("still accepted",),
        summary="",
        again=POLL,
        operation="Succeeded",
    ),
    Case(
        "hand-off: refused, and that is remembered before a key goes",
        (handing(STARTED, archived_state=STATE, farewell=FarewellReport("first", NOW, True, NOW)), gen.unseen),
        check="handing_over",
        reason="Succeeded",
        ready="True",
        summary="",
        does=("WriteRecord",),
        again=AT_ONCE,
        operation="Succeeded",
    ),
    Case(
        "hand-off: now the keys go",
        (handing(REFUSED, archived_state=STATE), gen.unseen),
        check="handing_over",
        reason="Succeeded",
        ready="True",
        summary="",
        does=("ForgetKeys",),
        again=AT_ONCE,
        operation="Succeeded",
    ),
    Case(
        "hand-off: nothing is left, and only then it is called done",
        (handing(REFUSED, archived_state=STATE, **NO_KEYS), gen.unseen),
        check="handing_over",
        reason="HandedOff",
        ready="True",
        summary="",
        does=("WriteRecord",),
        operation="Succeeded",
        goes_on=True,
        shows=("HandedOff=True HandedOff",),
    ),
    Case(
        "handed over: it stays ready, with the proof, and nothing is done for it any more",
        (handing(FINISHED, archived_state=STATE, **NO_KEYS), gen.unseen),
        check="handed_off",
        reason="HandedOff",
        ready="True",
        says=("is its owner's",),
        summary="",
        operation="Succeeded",
        shows=("HandedOff=True HandedOff",),
    ),
    Case(
        "handed over: keys that came back with a backup of the run namespace go again",
        (handing(FINISHED, archived_state=STATE, **{**NO_KEYS, "has_cluster_secrets": True}), gen.unseen),
        check="handed_off",
        reason="HandedOff",
        ready="True",
        summary="",
        does=("ForgetKeys",),
        operation="Succeeded",
    ),
    Case(
        "handed over: the Jobs of its runs go, because every operator that starts would list them",
        (
            handing(FINISHED, archived_state=STATE, **NO_KEYS),
            gen.unseen,
            seen(jobs=(gen.job(gen.succeeded(), complete=True),)),
        ),
        check="handed_off",
        reason="HandedOff",
        ready="True",
        summary="",
        does=("DeleteJob",),
        operation="Succeeded",
    ),
    Case(
        "handed over: a retry starts nothing, and is answered",
        (of(RETRY), handing(FINISHED, archived_state=STATE, **NO_KEYS), gen.unseen),
        check="handed_off",
        reason="HandedOff",
        ready="True",
        summary="",
        does=("WriteRecord",),
        operation="Succeeded",
    ),
    Case(
        "handed over: an edit of the servers that slipped in starts nothing",
        (of(gen.workers(3)), handing(FINISHED, archived_state=STATE, **NO_KEYS), gen.unseen),
        check="handed_off",
        reason="HandedOff",
        ready="True",
        summary="",
        operation="Succeeded",
    ),
    Case(
        "mode Commit: the new cluster has applied what was pushed last: the hand-off begins",
        committed(APPLIED_LAST),
        check="converged",
        reason="Succeeded",
        ready="True",
        says=("handing over",),
        summary="",
        does=("WriteRecord",),
        again=AT_ONCE,
        operation="Succeeded",
        goes_on=True,
    ),
    Case(
        "mode Commit: the new cluster still applies what was pushed before: awaited, and the branch is looked at",
        committed("c0ffeec0ffeec0ffee"),
        check="converged",
        reason="Succeeded",
        ready="True",
        says=("Awaited before the hand-off: revision c0ffeec0ffee of clusters/omantel.omani.works", "it is at 0f0f"),
        summary="",
        does=("PushOverlay",),
        again=SAFETY,
        operation="Succeeded",
        shows=("HandedOff=False AwaitingHandOff",),
    ),
    Case(
        "mode Commit: somebody else's commit is on top of ours, and has it as it is: the hand-off begins",
        committed("c0ffee", OverlayReport("later", NOW, revision=APPLIED_LAST)),
        check="converged",
        reason="Succeeded",
        ready="True",
        summary="",
        does=("WriteRecord",),
        again=AT_ONCE,
        operation="Succeeded",
        goes_on=True,
    ),
    Case(
        "mode Commit: the look at the branch failed: told, and the hand-off waits",
        committed(
            "c0ffee",
            OverlayReport("older", NOW, error=codes.GIT_PUSH.entry("It does not answer")),
        ),
        check="converged",
        reason="Succeeded",
        ready="True",
        says=("Awaited before the hand-off: revision c0ffee",),
        summary="",
        does=("PushOverlay",),
        again=SAFETY,
        operation="Succeeded",
        code="ERR_GIT_PUSH",
    ),
    Case(
        "a Secret of somebody else's has the name of the owner's kubeconfig: the hand-off does not begin",
        (of(spec(handOff={"mode": "Automatic", "ownerKubeconfig": "Keep"})), known(APPLIED), FOREIGN),
        check="converged",
        reason="Succeeded",
        ready="True",
        says=("Secret team-a/omantel-kubeconfig exists", "Rename or delete it"),
        summary="",
        again=POLL,
        operation="Succeeded",
        shows=("HandedOff=False NameConflict",),
    ),
    Case(
        "an earlier hand-off of this Sovereign left the owner's kubeconfig: nothing is in the way",
        (
            of(spec(handOff={"mode": "Automatic", "ownerKubeconfig": "Keep"})),
            known(APPLIED),
            seen(owner_kubeconfig=gen.UID),
        ),
        check="converged",
        reason="Succeeded",
        ready="True",
        summary="",
        does=("WriteRecord",),
        again=AT_ONCE,
        operation="Succeeded",
        goes_on=True,
    ),
    Case(
        "a hand-off that is not asked for yet: the name in the way is told all the same",
        (of(KEEP), known(APPLIED), FOREIGN),
        check="converged",
        reason="Succeeded",
        ready="True",
        says=("It waits to be handed over, by the annotation",),
        summary="",
        operation="Succeeded",
        shows=("HandedOff=False NameConflict",),
    ),
    Case(
        "hand-off: an archive of another origin is not the archive of this state",
        (handing(STARTED, state=StateView(7, "ours"), archived_state=StateView(7, "another")), gen.unseen),
        check="handing_over",
        reason="Succeeded",
        ready="True",
        summary="",
        does=("ArchiveState",),
        again=AT_ONCE,
        operation="Succeeded",
    ),
    Case(
        "hand-off: the state is gone before it was archived: no right is given up, since nothing could be destroyed",
        (handing(STARTED, state=None), gen.unseen),
        check="handing_over",
        reason="StateLost",
        says=("is gone",),
        summary="Stalled",
        again=POLL,
        operation="Failed",
        code="ERR_STATE_LOST",
    ),
    Case(
        "hand-off: the state is an older one than was recorded: it is not archived",
        (handing(STARTED, state=StateView(5)), gen.unseen),
        check="handing_over",
        reason="StateLost",
        says=("has serial 5, but 7 was recorded",),
        summary="Stalled",
        again=POLL,
        operation="Failed",
        code="ERR_STATE_LOST",
    ),
    Case(
        "hand-off: an older archive came back with a backup, and no state: it is not taken for the last one",
        (handing(REFUSED, **{**NO_KEYS, "archived_state": StateView(5)}), gen.unseen),
        check="handing_over",
        reason="StateLost",
        summary="Stalled",
        again=POLL,
        operation="Failed",
        code="ERR_STATE_LOST",
    ),
    Case(
        "hand-off: the key of the archive is gone: no right is given up",
        (handing(STARTED, archived_state=STATE, has_state_key=False), gen.unseen),
        check="handing_over",
        reason="StateUnreadable",
        summary="Stalled",
        again=POLL,
        operation="Failed",
        code="ERR_STATE_KEY",
    ),
    Case(
        "hand-off: a run's state that was saved beside is in its place before it is archived",
        (handing(STARTED, saved_state=StateView(8)), gen.unseen),
        check="handing_over",
        reason="Progressing",
        ready="Unknown",
        does=("RestoreState", "ForgetSavedState"),
        again=AT_ONCE,
    ),
    Case(
        "hand-off: the new cluster is out of reach: tried again, and not an error yet",
        (handing(STARTED, archived_state=STATE, farewell=UNREACHABLE), gen.unseen),
        check="handing_over",
        reason="Succeeded",
        ready="True",
        says=("no answer in time",),
        summary="",
        again=POLL,
        operation="Succeeded",
        code=NO_CODE,
    ),
    Case(
        "hand-off: the new cluster is out of reach for ten minutes: an error with a remedy, and it is tried again",
        (
            handing(LONG_AGO, archived_state=STATE, farewell=replace(UNREACHABLE, at=NOW - gen.SETTINGS.poll)),
            gen.unseen,
        ),
        check="handing_over",
        reason="Succeeded",
        ready="True",
        says=("no answer in time",),
        summary="",
        does=("GiveUpAccess",),
        again=POLL,
        operation="Succeeded",
        code="ERR_API_UNREACHABLE",
    ),
    Case(
        "hand-off: giving up access met an error of the operator's own: told at once, and tried again",
        (handing(STARTED, archived_state=STATE, farewell=OWN_FAULT), gen.unseen),
        check="handing_over",
        reason="Succeeded",
        ready="True",
        says=("failed: KeyError",),
        summary="",
        again=POLL,
        operation="Succeeded",
        code="ERR_OPERATOR",
    ),
    Case(
        "hand-off: the authorities are gone before the proof: nothing can be proven without them",
        (handing(STARTED, archived_state=STATE, has_cluster_secrets=False), gen.unseen),
        check="handing_over",
        reason="StateLost",
        says=("cluster-secrets", "before the new cluster was seen to refuse", "goes on by itself"),
        summary="Stalled",
        again=POLL,
        operation="Failed",
        code="ERR_CLUSTER_SECRETS",
    ),
    Case(
        "hand-off: the authorities are gone, but the proof was had a moment before",
        (
            handing(
                STARTED,
                archived_state=STATE,
                has_cluster_secrets=False,
                farewell=FarewellReport("first", NOW, True, NOW),
            ),
            gen.unseen,
        ),
        check="handing_over",
        reason="Succeeded",
        ready="True",
        summary="",
        does=("WriteRecord",),
        again=AT_ONCE,
        operation="Succeeded",
    ),
    Case(
        "hand-off with a Crossplane of its own: once archived, the state is given, before any right goes",
        (of(CROSSPLANE), handing(STARTED, archived_state=STATE, cluster=UP)),
        check="handing_over",
        reason="Succeeded",
        ready="True",
        says=("given to the Sovereign's own Crossplane",),
        summary="",
        does=("ForgetCluster", "TransferState"),
        again=POLL,
        operation="Succeeded",
    ),
    Case(
        "hand-off with a Crossplane of its own: not before the archive has the state as it is",
        (of(CROSSPLANE), handing(STARTED, archived_state=StateView(6)), gen.unseen),
        check="handing_over",
        reason="Succeeded",
        ready="True",
        summary="",
        does=("ArchiveState",),
        again=AT_ONCE,
        operation="Succeeded",
    ),
    Case(
        "hand-off: the state was given, and that is remembered before any right goes",
        (
            of(CROSSPLANE),
            handing(STARTED, archived_state=STATE, transfer=TransferReport("first", NOW, done=True)),
            gen.unseen,
        ),
        check="handing_over",
        reason="Succeeded",
        ready="True",
        summary="",
        does=("WriteRecord",),
        again=AT_ONCE,
        operation="Succeeded",
    ),
    Case(
        "hand-off: the state was given once, and is never again, whatever this process remembers",
        (of(CROSSPLANE), handing(GIVEN, archived_state=STATE), gen.unseen),
        check="handing_over",
        reason="Succeeded",
        ready="True",
        summary="",
        does=("GiveUpAccess",),
        again=POLL,
        operation="Succeeded",
    ),
    Case(
        "hand-off: the state could not be given yet: told, and no right goes",
        (of(CROSSPLANE), handing(STARTED, archived_state=STATE, transfer=NOT_SEALED), gen.unseen),
        check="handing_over",
        reason="Succeeded",
        ready="True",
        says=("tofu state pull ended with 1",),
        summary="",
        again=POLL,
        operation="Succeeded",
        code="ERR_STATE_TRANSFER",
    ),
    Case(
        "hand-off: the same a while later: another attempt",
        (
            of(CROSSPLANE),
            handing(STARTED, archived_state=STATE, transfer=replace(NOT_SEALED, at=NOW - gen.SETTINGS.poll)),
            gen.unseen,
        ),
        check="handing_over",
        reason="Succeeded",
        ready="True",
        summary="",
        does=("TransferState",),
        again=POLL,
        operation="Succeeded",
        code="ERR_STATE_TRANSFER",
    ),
    Case(
        "hand-off: OpenTofu came to no end with the state three times: it is left alone for ever longer",
        (of(CROSSPLANE), handing(STARTED, archived_state=STATE, transfer=NO_END), gen.unseen),
        check="handing_over",
        reason="Succeeded",
        ready="True",
        says=("no end",),
        summary="",
        again=4 * gen.SETTINGS.retry_base - POLL,
        operation="Succeeded",
        code="ERR_STATE_TRANSFER",
    ),
    Case(
        "hand-off: the cluster was born without a place for the state: it goes on, and that is remembered",
        (of(CROSSPLANE), handing(STARTED, archived_state=STATE, transfer=BORN_BEFORE), gen.unseen),
        check="handing_over",
        reason="Succeeded",
        ready="True",
        summary="",
        does=("WriteRecord",),
        again=AT_ONCE,
        operation="Succeeded",
    ),
    Case(
        "hand-off with a Crossplane of its own: what its workers join by is gone, and so is any proof",
        (of(CROSSPLANE), handing(STARTED, archived_state=STATE, has_cluster_secrets=False), gen.unseen),
        check="handing_over",
        reason="StateLost",
        says=("cluster-secrets",),
        summary="Stalled",
        again=POLL,
        operation="Failed",
        code="ERR_CLUSTER_SECRETS",
    ),
    Case(
        "hand-off suspended: no further step, before the rights go",
        (of(SUSPENDED), handing(STARTED, archived_state=STATE), gen.unseen),
        check="handing_over",
        reason="Suspended",
        says=("Suspended: the hand-off, begun at", "goes on once spec.suspend is false"),
        summary="",
        operation="Waiting",
        shows=("HandedOff=Unknown Running",),
    ),
    Case(
        "hand-off suspended after the proof: the keys stay",
        (of(SUSPENDED), handing(REFUSED, archived_state=STATE), gen.unseen),
        check="handing_over",
        reason="Suspended",
        summary="",
        operation="Waiting",
    ),
    Case(
        "handed over and suspended: it is its owner's all the same",
        (of(SUSPENDED), handing(FINISHED, archived_state=STATE, **NO_KEYS), gen.unseen),
        check="handed_off",
        reason="HandedOff",
        ready="True",
        summary="",
        operation="Succeeded",
    ),
)
