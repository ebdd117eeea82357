"""The beginning and the end of a deletion: what holds it back, and how a Sovereign goes once nothing is left."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from pydantic import SecretStr

from catalyst_operator.api.phases import RunVerb
from catalyst_operator.core.errors import codes
from catalyst_operator.core.finalize.deletion import CLEAN_UP_AGAIN
from catalyst_operator.core.observation import GivenStateView, LockView, NamespaceView, StateView, TakingReport
from catalyst_operator.core.record import HandOff, RunState
from catalyst_operator.core.scene import SAFETY
from tests.support import gen, new_cluster
from tests.support.gen import SETTINGS, known, seen, spec
from tests.unit.core.decide.deletions import AFTER, ANNOUNCED, APPLIED, DESTROYED, MADE, ORPHAN, going
from tests.unit.core.decide.table import POLL, RETRY, START_DESTROY, Deleted

EXPORTED = spec(decommission={"acknowledgeExported": True})

EXPORTED_WITH_STATE = spec(decommission={"acknowledgeExported": True, "stateSecretRef": {"name": "omantel-state"}})
SLOW = TakingReport("g/1", gen.NOW, error=codes.GIVEN_STATE.entry("no end", lasting=False), timed_out=True)
HANDED_IN = seen(given_state=GivenStateView("g/1", StateView(9), has_key=True))

OWNERS = HandOff(started=gen.NOW, refused=gen.NOW, finished=gen.NOW)
"""It was handed over."""
ARCHIVED = seen(state=None, archived_state=StateView(serial=7), token_copy=None, has_cluster_secrets=False)

FOREIGN = codes.GIVEN_STATE.entry("it lists what does not carry this Sovereign's label: hcloud_server.worker[7]")
REFUSED = gen.run(
    RunState.FAILED,
    attempt=2,
    verb=RunVerb.DESTROY,
    generation=2,
    state_given=True,
    given_version="g/1",
    errors=(FOREIGN,),
    phases=gen.phases_until("plan-gate", RunVerb.DESTROY),
    finished=gen.NOW,
)
"""The gate refused what the owner handed in."""

STUCK = (
    "Discovery failed for some groups, 1 failing: unable to retrieve the complete list of server APIs: "
    "metrics.k8s.io/v1beta1: the server is currently unable to handle the request"
)
"""https://github.com/kubernetes/kubernetes/issues/83332: no namespace of the cluster goes while a metrics server is
down."""

CASES = (
    Deleted(
        "handed over: what only the Sovereign has, its owner takes along first",
        (going(), known(APPLIED, hand_off=OWNERS), ARCHIVED),
        check="export_not_acknowledged",
        deleting="ExportNotAcknowledged",
        says=("was handed over", "acknowledgeExported"),
        summary="Stalled",
        operation="Failed",
    ),
    Deleted(
        "handed over and exported: a destroy works on a copy of the archived state",
        (going(EXPORTED), known(APPLIED, hand_off=OWNERS), ARCHIVED),
        check="archive_not_restored",
        deleting="Waiting",
        says=("restored from its archive",),
        does=("RestoreArchive",),
        again=timedelta(0),
    ),
    Deleted(
        "handed over: the copy of the token is gone, so the owner gives one",
        (
            going(EXPORTED),
            known(APPLIED, hand_off=OWNERS),
            ARCHIVED,
            seen(credentials=None, token_copy=None),
        ),
        check="archive_not_restored",
        deleting="CredentialsMissing",
        says=("Secret team-a/hcloud does not exist", f"into Secret {gen.SPACE}/provider-token"),
        summary="Stalled",
        again=SETTINGS.poll,
        operation="Waiting",
    ),
    Deleted(
        "handed over, and the owner's namespace is gone: a token that an administrator put beside the archive will do",
        (
            going(EXPORTED),
            known(APPLIED, hand_off=OWNERS),
            ARCHIVED,
            seen(credentials=None, token_copy=SecretStr(gen.TOKEN)),
        ),
        check="archive_not_restored",
        deleting="Waiting",
        does=("RestoreArchive",),
        again=timedelta(0),
    ),
    Deleted(
        "the same once it is restored: destroyed with that token",
        (
            going(EXPORTED),
            known(APPLIED, hand_off=OWNERS),
            ARCHIVED,
            seen(credentials=None, token_copy=SecretStr(gen.TOKEN), state=StateView(serial=7)),
        ),
        check="new_destroy",
        deleting="Destroying",
        does=START_DESTROY,
        again=SAFETY,
    ),
    Deleted(
        "handed over, restored: destroyed like any other",
        (going(EXPORTED), known(APPLIED, hand_off=OWNERS), ARCHIVED, seen(state=StateView(serial=7))),
        check="new_destroy",
        deleting="Destroying",
        does=START_DESTROY,
        again=SAFETY,
    ),
    Deleted(
        "handed over, with what its Crossplane left: that is looked into, and the record says so before",
        (going(EXPORTED_WITH_STATE), known(APPLIED, hand_off=OWNERS), ARCHIVED, HANDED_IN),
        check="given_state_not_taken",
        deleting="Waiting",
        says=("team-a/omantel-state", "is being looked into"),
        does=("WriteRecord", "TakeGivenState"),
        again=SETTINGS.poll,
    ),
    Deleted(
        "handed over, with what its Crossplane left: once is enough",
        (
            going(EXPORTED_WITH_STATE),
            known(APPLIED, hand_off=OWNERS, state_given=True, given_version="g/1"),
            ARCHIVED,
            HANDED_IN,
            seen(taking=TakingReport("g/1", gen.NOW)),
        ),
        check="given_state_not_taken",
        deleting="Waiting",
        again=SETTINGS.poll,
    ),
    Deleted(
        "handed over, with a state that cannot be what came after the archived one: told, and nothing is destroyed",
        (
            going(EXPORTED_WITH_STATE),
            known(APPLIED, hand_off=OWNERS, state_given=True, given_version="g/1"),
            ARCHIVED,
            HANDED_IN,
            seen(taking=TakingReport("g/1", gen.NOW, "cannot be used: its network is not the Sovereign's")),
        ),
        check="given_state_not_taken",
        deleting="DestroyFailed",
        says=("its network is not the Sovereign's", "take the field out"),
        summary="Stalled",
        again=SETTINGS.poll,
        operation="Failed",
    ),
    Deleted(
        "the same, and the owner corrected the Secret: that is another one",
        (
            going(EXPORTED_WITH_STATE),
            known(APPLIED, hand_off=OWNERS, state_given=True, given_version="g/1"),
            ARCHIVED,
            seen(given_state=GivenStateView("g/2", StateView(9), has_key=True)),
            seen(taking=TakingReport("g/1", gen.NOW, "cannot be used: it is no state")),
        ),
        check="given_state_not_taken",
        deleting="Waiting",
        does=("WriteRecord", "TakeGivenState"),
        again=SETTINGS.poll,
    ),
    Deleted(
        "handed over, and something is in the way of taking what was handed in: told, and tried again",
        (
            going(EXPORTED_WITH_STATE),
            known(APPLIED, hand_off=OWNERS, state_given=True, given_version="g/1"),
            ARCHIVED,
            HANDED_IN,
            seen(
                taking=TakingReport(
                    "g/1", gen.NOW, error=codes.CLUSTER_REFUSED.entry("The operator lacks a right: forbidden")
                )
            ),
        ),
        check="given_state_not_taken",
        deleting="Waiting",
        says=("ERR_CLUSTER_REFUSED: The operator lacks a right", "tried again after 10 s"),
        again=SETTINGS.poll,
        code="ERR_CLUSTER_REFUSED",
    ),
    Deleted(
        "handed over, and OpenTofu came to no end with what was handed in: it is left alone for longer",
        (
            going(EXPORTED_WITH_STATE),
            known(APPLIED, hand_off=OWNERS, state_given=True, given_version="g/1"),
            ARCHIVED,
            HANDED_IN,
            seen(taking=replace(SLOW, at=gen.NOW - SETTINGS.poll)),
        ),
        check="given_state_not_taken",
        deleting="Waiting",
        says=("ERR_GIVEN_STATE: no end", "tried again after 20 s"),
        again=SETTINGS.poll,
        code="ERR_GIVEN_STATE",
    ),
    Deleted(
        "handed over, and that was a while ago: once more",
        (
            going(EXPORTED_WITH_STATE),
            known(APPLIED, hand_off=OWNERS, state_given=True, given_version="g/1"),
            ARCHIVED,
            HANDED_IN,
            seen(taking=replace(SLOW, at=gen.NOW - SETTINGS.retry_base)),
        ),
        check="given_state_not_taken",
        deleting="Waiting",
        does=("TakeGivenState",),
        again=SETTINGS.poll,
        code="ERR_GIVEN_STATE",
    ),
    Deleted(
        "handed over, and our own key is gone: told before anything is opened",
        (
            going(EXPORTED_WITH_STATE),
            known(APPLIED, hand_off=OWNERS),
            ARCHIVED,
            HANDED_IN,
            seen(has_state_key=False),
        ),
        check="given_state_not_taken",
        deleting="DestroyFailed",
        says=("ERR_STATE_KEY",),
        summary="Stalled",
        again=SETTINGS.poll,
        operation="Failed",
        code="ERR_STATE_KEY",
    ),
    Deleted(
        "handed over, with a state of another origin: nobody opens it",
        (
            going(EXPORTED_WITH_STATE),
            known(APPLIED, hand_off=OWNERS),
            ARCHIVED,
            seen(given_state=GivenStateView("g/1", StateView(9, "another"), has_key=True)),
        ),
        check="given_state_not_taken",
        deleting="DestroyFailed",
        says=("of another origin",),
        summary="Stalled",
        again=SETTINGS.poll,
        operation="Failed",
    ),
    Deleted(
        "handed over, and the Secret that is named is not there: the archive is not used in silence",
        (going(EXPORTED_WITH_STATE), known(APPLIED, hand_off=OWNERS), ARCHIVED),
        check="given_state_not_taken",
        deleting="DestroyFailed",
        says=("does not exist",),
        summary="Stalled",
        again=SETTINGS.poll,
        operation="Failed",
    ),
    Deleted(
        "handed over, and what was handed in is taken: destroyed like any other",
        (
            going(EXPORTED_WITH_STATE),
            known(APPLIED, hand_off=OWNERS, state_given=True, given_version="g/1"),
            ARCHIVED,
            HANDED_IN,
            seen(state=StateView(serial=10)),
        ),
        check="new_destroy",
        deleting="Destroying",
        does=START_DESTROY,
        again=SAFETY,
    ),
    Deleted(
        "the gate refused the state that was handed in: it does not stay in place, so that the archive is what counts",
        (
            going(EXPORTED_WITH_STATE),
            known(APPLIED, REFUSED, hand_off=OWNERS, state_given=True, given_version="g/1"),
            ARCHIVED,
            HANDED_IN,
            seen(state=StateView(serial=10)),
        ),
        check="given_state_refused",
        deleting="Waiting",
        says=("is put aside",),
        does=("DropGivenState",),
        again=timedelta(0),
    ),
    Deleted(
        "the same, and its Pod is not over: what it may still write is awaited",
        (
            going(EXPORTED_WITH_STATE),
            known(APPLIED, REFUSED, hand_off=OWNERS, state_given=True, given_version="g/1"),
            ARCHIVED,
            HANDED_IN,
            seen(state=StateView(serial=10), pods=(gen.pod(REFUSED),)),
        ),
        check="given_state_refused",
        deleting="Waiting",
        says=("still at work",),
        again=POLL,
    ),
    Deleted(
        "the refused state is put aside: told with its code, and nothing is destroyed",
        (
            going(EXPORTED_WITH_STATE),
            known(APPLIED, REFUSED, hand_off=OWNERS, state_given=True, given_version="g/1"),
            ARCHIVED,
            HANDED_IN,
        ),
        check="given_state_not_taken",
        deleting="DestroyFailed",
        says=("ERR_GIVEN_STATE", "team-a/omantel-state", "hcloud_server.worker[7]", "take the field out"),
        summary="Stalled",
        again=POLL,
        operation="Failed",
        code="ERR_GIVEN_STATE",
    ),
    Deleted(
        "the refused state, and the owner corrected the Secret: it is taken",
        (
            going(EXPORTED_WITH_STATE),
            known(APPLIED, REFUSED, hand_off=OWNERS, state_given=True, given_version="g/1"),
            ARCHIVED,
            seen(given_state=GivenStateView("g/2", StateView(9), has_key=True)),
            seen(taking=TakingReport("g/1", gen.NOW)),
        ),
        check="given_state_not_taken",
        deleting="Waiting",
        does=("WriteRecord", "TakeGivenState"),
        again=POLL,
    ),
    Deleted(
        "the corrected one is in place: it is another state, and a new run",
        (
            going(EXPORTED_WITH_STATE),
            known(APPLIED, REFUSED, hand_off=OWNERS, state_given=True, given_version="g/2"),
            ARCHIVED,
            seen(given_state=GivenStateView("g/2", StateView(9), has_key=True), state=StateView(serial=11)),
        ),
        check="new_destroy",
        deleting="Destroying",
        does=START_DESTROY,
        again=SAFETY,
    ),
    Deleted(
        "the refused state, and the owner put a label back and asks for another try: the same is taken once more",
        (
            going(EXPORTED_WITH_STATE, RETRY),
            known(APPLIED, REFUSED, hand_off=OWNERS, state_given=True, given_version="g/1"),
            ARCHIVED,
            HANDED_IN,
        ),
        check="given_state_not_taken",
        deleting="Waiting",
        does=("TakeGivenState",),
        again=POLL,
    ),
    Deleted(
        "the same once it is taken: it is not put aside before a run has looked",
        (
            going(EXPORTED_WITH_STATE, RETRY),
            known(APPLIED, REFUSED, hand_off=OWNERS, state_given=True, given_version="g/1"),
            ARCHIVED,
            HANDED_IN,
            seen(state=StateView(serial=10)),
        ),
        check="new_destroy",
        deleting="Destroying",
        does=START_DESTROY,
        again=SAFETY,
    ),
    Deleted(
        "the refused state, and the field is taken out: the archive is restored, and the record says whose state it is",
        (
            going(EXPORTED),
            known(APPLIED, REFUSED, hand_off=OWNERS, state_given=True, given_version="g/1"),
            ARCHIVED,
        ),
        check="archive_not_restored",
        deleting="Waiting",
        does=("WriteRecord", "RestoreArchive"),
        again=timedelta(0),
    ),
    Deleted(
        "the archive is back in place of the refused state: a new run",
        (going(EXPORTED), known(APPLIED, REFUSED, hand_off=OWNERS), ARCHIVED, seen(state=StateView(serial=7))),
        check="new_destroy",
        deleting="Destroying",
        does=START_DESTROY,
        again=SAFETY,
    ),
    Deleted(
        "the watch over the new cluster ends with the wish for it",
        (going(spec(deletionProtection=True)), known(APPLIED), seen(cluster=new_cluster.down(gen.NOW))),
        check="protected",
        deleting="ProtectedDeletion",
        summary="Stalled",
        does=("ForgetCluster",),
        operation="Failed",
    ),
    Deleted(
        "protection on, and nothing was ever made: there is nothing to protect",
        (going(spec(deletionProtection=True)),),
        check="cleaned_up",
        does=("RemoveFinalizer",),
    ),
    Deleted(
        "protection on: a deletion that got past admission destroys nothing, and the message has the command to go on",
        (going(spec(deletionProtection=True)), known(APPLIED)),
        check="protected",
        deleting="ProtectedDeletion",
        says=("spec.deletionProtection is true", "nothing is destroyed", "kubectl -n team-a patch sovereign omantel"),
        summary="Stalled",
        operation="Failed",
    ),
    Deleted(
        "protection on and a run in progress: it is left to end, since nothing is destroyed",
        (going(spec(deletionProtection=True)), known(gen.run()), seen(jobs=(gen.job(gen.run()),))),
        check="protected",
        deleting="ProtectedDeletion",
        summary="Stalled",
        operation="Failed",
    ),
    Deleted("nothing was ever made: it goes at once", (going(),), check="cleaned_up", does=("RemoveFinalizer",)),
    Deleted(
        "a release nobody knows does not keep a Sovereign from going",
        (going(spec(release="no-such-release")),),
        check="cleaned_up",
        does=("RemoveFinalizer",),
    ),
    Deleted(
        "a foreign namespace of our name is none of our business",
        (going(), seen(namespace=NamespaceView(ours=False))),
        check="cleaned_up",
        does=("RemoveFinalizer",),
    ),
    Deleted(
        "something was made, and the namespace of our name may be another: its state destroys nothing",
        (going(MADE), seen(namespace=NamespaceView(ours=False))),
        check="namespace_foreign",
        deleting="DestroyFailed",
        says=("ERR_NAMESPACE_FOREIGN", gen.SPACE, "nothing proves"),
        summary="Stalled",
        again=POLL,
        operation="Failed",
    ),
    Deleted(
        "the same, and the owner accepts that: it goes, and the namespace stays as it is",
        (going(MADE, ORPHAN), seen(namespace=NamespaceView(ours=False))),
        check="namespace_vanished",
        does=("RemoveFinalizer",),
    ),
    Deleted(
        "the namespace is gone as announced: the finalizer is the last thing",
        (going(ANNOUNCED, MADE, gen.status(outputs={"loadBalancerIP": "203.0.113.20"})),),
        check="cleaned_up",
        does=("RemoveFinalizer",),
    ),
    Deleted(
        "deleted between recording an apply and creating its Job: nothing ran, nothing is left",
        (going(), known(gen.run(RunState.PENDING), touched=False)),
        check="nothing_left",
        deleting="CleaningUp",
        says=("Nothing is left in the cloud",),
        again=timedelta(0),
    ),
    Deleted(
        "an apply that failed in its plan touched nothing: no token is needed to let it go",
        (going(), known(gen.failed(phase="tofu-plan"), touched=False), gen.tokened("wrong")),
        check="nothing_left",
        deleting="CleaningUp",
        again=timedelta(0),
    ),
    Deleted(
        "the run namespace vanished and the owner accepts that: it goes",
        (going(MADE, ORPHAN),),
        check="namespace_vanished",
        does=("RemoveFinalizer",),
    ),
    Deleted(
        "the state is gone and the owner accepts that: the rest of the run namespace goes first",
        (going(ORPHAN), known(APPLIED), seen(state=None)),
        check="nothing_left",
        deleting="CleaningUp",
        says=("What exists stays",),
        again=timedelta(0),
    ),
    Deleted(
        "policy Orphan: nothing is destroyed, and that is said before anything is removed",
        (going(ORPHAN), known(APPLIED)),
        check="nothing_left",
        deleting="CleaningUp",
        says=(
            "What exists stays, as spec.deletionPolicy says",
            "sovereign-uid=",
        ),
        again=timedelta(0),
    ),
    Deleted(
        "policy Orphan: the receipt tells the owner, then the run namespace goes",
        (going(ORPHAN, ANNOUNCED), known(APPLIED)),
        check="nothing_left",
        deleting="CleaningUp",
        does=("WriteReceipt", "DeleteNamespace"),
        again=CLEAN_UP_AGAIN,
    ),
    Deleted(
        "destroyed: the removal of the run namespace is announced one step before it is done",
        (going(), known(APPLIED, DESTROYED, **AFTER)),
        check="nothing_left",
        deleting="CleaningUp",
        says=("Nothing is left in the cloud", "removing the run namespace"),
        again=timedelta(0),
    ),
    Deleted(
        "announced: receipt, then the run namespace",
        (going(ANNOUNCED), known(APPLIED, DESTROYED, **AFTER)),
        check="nothing_left",
        deleting="CleaningUp",
        does=("WriteReceipt", "DeleteNamespace"),
        again=CLEAN_UP_AGAIN,
    ),
    Deleted(
        "the run namespace is on its way out as announced: looked at again until it is gone",
        (going(ANNOUNCED, MADE), seen(namespace=NamespaceView(terminating=True))),
        check="namespace_leaving",
        deleting="CleaningUp",
        says=("Nothing is left in the cloud", "removing the run namespace"),
        does=("DeleteNamespace",),
        again=CLEAN_UP_AGAIN,
    ),
    Deleted(
        "what an API behind the API server does not answer keeps the run namespace: told, and not asked every second",
        (
            going(ANNOUNCED, MADE),
            seen(namespace=NamespaceView(terminating=True, stuck=STUCK)),
        ),
        check="namespace_leaving",
        deleting="CleaningUp",
        says=("removing the run namespace", "does not get on", "metrics.k8s.io/v1beta1", "kubectl get apiservices"),
        does=("DeleteNamespace",),
        again=POLL,
        code="ERR_CLUSTER_REFUSED",
    ),
    Deleted(
        "somebody deleted the run namespace, then the owner accepted its loss: the record that holds it is let go",
        (going(ANNOUNCED, MADE, ORPHAN), known(APPLIED), seen(namespace=NamespaceView(terminating=True))),
        check="namespace_leaving",
        deleting="CleaningUp",
        says=("What exists stays",),
        does=("DeleteNamespace",),
        again=CLEAN_UP_AGAIN,
    ),
    Deleted(
        "runs go before their namespace: a Pod in its grace period would hold it up for minutes",
        (
            going(ANNOUNCED),
            known(APPLIED, DESTROYED, **AFTER),
            seen(jobs=(gen.job(APPLIED, complete=True), gen.job(DESTROYED, complete=True, terminating=True))),
        ),
        check="nothing_left",
        deleting="CleaningUp",
        does=("DeleteJob",),
        again=CLEAN_UP_AGAIN,
    ),
    Deleted(
        "nothing was made but the namespace: no receipt for nothing",
        (going(ANNOUNCED), seen(namespace=NamespaceView())),
        check="nothing_left",
        deleting="CleaningUp",
        does=("DeleteNamespace",),
        again=CLEAN_UP_AGAIN,
    ),
    Deleted(
        "policy Orphan: a state that was not written back is the owner's, like all that stays",
        (going(ORPHAN), known(APPLIED), seen(saved_state=StateView(9))),
        check="nothing_left",
        deleting="CleaningUp",
        says=("What exists stays",),
        again=timedelta(0),
    ),
    Deleted(
        "policy Orphan: a lost key keeps nobody",
        (going(ORPHAN), known(APPLIED), seen(has_state_key=False)),
        check="nothing_left",
        deleting="CleaningUp",
        again=timedelta(0),
    ),
    Deleted(
        "policy Orphan: nothing is done to the state, so a lock on it is in nobody's way",
        (going(ORPHAN), known(APPLIED), seen(lock=LockView("1234", "lia@laptop"))),
        check="nothing_left",
        deleting="CleaningUp",
        again=timedelta(0),
    ),
    Deleted(
        "destroyed: a lost key is nobody's concern any more",
        (going(ANNOUNCED), known(APPLIED, DESTROYED, **AFTER), seen(has_state_key=False)),
        check="nothing_left",
        deleting="CleaningUp",
        does=("WriteReceipt", "DeleteNamespace"),
        again=CLEAN_UP_AGAIN,
    ),
    Deleted(
        "a dry run made nothing: there is nothing to destroy, and no token is needed to find that out",
        (going(), known(gen.succeeded(verb=RunVerb.PLAN)), seen(credentials=None)),
        check="nothing_left",
        deleting="CleaningUp",
        says=("Nothing is left in the cloud",),
        again=timedelta(0),
    ),
    Deleted(
        "a dry run leaves an empty state, as `tofu init` makes it: nothing is protected, and nothing to be destroyed",
        (
            going(spec(deletionProtection=True)),
            known(gen.succeeded(verb=RunVerb.PLAN)),
            seen(state=StateView(1), credentials=None),
        ),
        check="nothing_left",
        deleting="CleaningUp",
        says=("Nothing is left in the cloud",),
        again=timedelta(0),
    ),
)
