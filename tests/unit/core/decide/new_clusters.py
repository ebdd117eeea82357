"""The new cluster: from the first sign of life to Ready."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from catalyst_operator.api.phases import Phase1Outcome
from catalyst_operator.core.access import seeds
from catalyst_operator.core.access.seeds import SecretView, SeedReport
from catalyst_operator.core.kit.pushed import OverlayReport
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.phase1.views import ClusterView, FluxCondition, Link, LinkView, Survey
from catalyst_operator.core.provision import look
from catalyst_operator.core.provision.overlays import wanted
from catalyst_operator.core.ready.watching import SEED_AGAIN
from catalyst_operator.core.record import Bootstrap, ErrorEntry, KustomizationEntry
from catalyst_operator.core.telling.trouble import of_errand
from tests.support import gen, new_cluster
from tests.support.gen import NOW, Raw, RawMod, known, of, seen, spec
from tests.unit.core.decide.table import NO_CODE, POLL, START, Case

APPLIED = gen.succeeded()
BEGUN = Bootstrap(since=NOW - timedelta(minutes=3), watch_since=NOW - timedelta(minutes=3))
"""The servers stand since three minutes."""
SEEN = replace(BEGUN, first_seen=NOW - timedelta(minutes=1), flux_seen=True)
PULL = spec(imagePullSecretRef={"name": "pull"})
PULL_VIEW = SecretView("p/1", frozenset({".dockerconfigjson"}))
NOT_DELIVERED = SeedReport(
    seeds.key_of(seeds.due(gen.sovereign(PULL).spec, {"pull": PULL_VIEW}, {}, seeds.PULL), {"pull": PULL_VIEW}),
    NOW,
    {},
    ErrorEntry("ERR_API_UNREACHABLE", "A Secret could not be delivered: no route", "Look at it.", terminal=False),
)
SIGNED_TAG = {"ref": {"tag": "v1.0.0"}, "verify": {"mode": "Tag", "secretRef": {"name": "keys"}}}
OWN_TOKEN = {"credentialsSecretRef": {"name": "own-token"}}
NOWHERE = seen(settings=replace(gen.SETTINGS, default_git_url=""))
COMMIT = spec(gitops=gen.PUSHED)
GIT = seen(owner_secrets={"git": SecretView("g/1", frozenset({"username", "password"}))})
UP = new_cluster.healthy(gen.sovereign(), NOW)
ALL = len(UP.releases)


def with_release(*conditions: FluxCondition, name: str = "bp-keycloak", **values: Any) -> ClusterView:
    """All is well but for one component."""
    others = tuple(r for r in UP.releases if r.name != name)
    return replace(UP, releases=(*others, new_cluster.release(name, *conditions, **values)))


def after(minutes: int, **values: Any) -> Bootstrap:
    """The servers stand since so many minutes."""
    since = NOW - timedelta(minutes=minutes)
    return replace(Bootstrap(since, since), **values)


FAILED = with_release(
    FluxCondition("Ready", "False", "InstallFailed", "timed out waiting for the condition", 1),
    FluxCondition("Stalled", "True", "RetriesExceeded", "Failed to install after 4 attempt(s)", 1),
)
INSTALLING = with_release(FluxCondition("Ready", "Unknown", "Progressing", "Running 'install' action", 1))


FQDN = gen.sovereign().spec.domain.fqdn
ALL_NAMES = tuple(r.name for r in UP.releases)
LONG_READY = replace(gen.READY, since=NOW - timedelta(hours=9), watch_since=NOW - timedelta(hours=9))
UPGRADING = with_release(
    FluxCondition("Ready", "Unknown", "Progressing", "Running 'upgrade' action", 1), was_installed=True
)
_UPGRADE_FAILED = FluxCondition(
    "Ready", "False", "UpgradeFailed", "post-upgrade hooks failed", 1, NOW - timedelta(minutes=1)
)
DEGRADED = with_release(_UPGRADE_FAILED, was_installed=True)
_AT_IT = FluxCondition("Ready", "Unknown", "Progressing", "Reconciliation in progress", 1)
ASKED_AGAIN = replace(UP, kustomizations=(new_cluster.kustomization(FQDN, ALL_NAMES, _AT_IT),))
NOT_APPLIED = FluxCondition("Ready", "False", "BuildFailed", "kustomize build failed: x", 1)
UNREADY = {UP.kustomizations[0].key: KustomizationEntry(unready_since=NOW)}
READY_TOLD = {
    "type": "Ready",
    "status": "True",
    "reason": "Succeeded",
    "message": "Ready: https://console.omantel.omani.works. It waits.",
}
STALLED_TOLD = {**READY_TOLD, "status": "False", "reason": "Failed", "message": "Failed for good: bp-keycloak."}


def told(ready: Raw) -> RawMod:
    """What status told last."""
    well = ready["status"] == "True"
    kit = {"type": "KitReady", "status": ready["status"], "reason": "Ready" if well else "Failed", "message": "m"}
    flux = {"type": "FluxBootstrap", "status": "True", "reason": "Succeeded", "message": "Flux is available."}
    stalled = [] if well else [{**ready, "type": "Stalled", "status": "True"}]
    errors = [] if well else [{"code": "ERR_COMPONENT_FAILED", "message": "bp-keycloak failed.", "remedy": "Mend it."}]
    conditions = [{**c, "lastTransitionTime": "2026-11-22T11:30:00Z"} for c in (ready, kit, flux, *stalled)]
    return gen.status(
        phase="ready" if well else "failed",
        progressPercent=100 if well else 93,
        conditions=conditions,
        lastErrors=errors,
        lastOperation={
            "type": "Create",
            "state": "Succeeded" if well else "Failed",
            "startTime": "2026-11-22T11:00:00Z",
            "lastUpdateTime": "2026-11-22T11:30:00Z",
        },
    )


def silent_since(ago: timedelta) -> Survey:
    """Nothing is heard of the only node."""
    survey = new_cluster.survey(tuple(node.name for node in (UP.survey.nodes or () if UP.survey else ())), NOW)
    message = "Kubelet stopped posting node status."
    nodes = tuple(replace(n, ready=False, silent=True, message=message, since=NOW - ago) for n in survey.nodes or ())
    return replace(survey, nodes=nodes)


def not_looked_at(view: ClusterView, ago: timedelta) -> ClusterView:
    """The lists were read, and nothing else was since the operator started."""
    return replace(view, survey=None, console=None, unseen_since=NOW - ago)


def lost_sight(ago: timedelta) -> ClusterView:
    """It does not answer any more; the link was tried in other ways meanwhile."""
    return replace(new_cluster.down(NOW), unseen_since=NOW - ago)


def pushed(o: Observation) -> Observation:
    """The overlay that is wanted was pushed a moment ago."""
    _, change = wanted(look(o))
    return replace(o, overlay=OverlayReport("key", NOW, change.digest, "c0ffee"))


CASES = (
    Case(
        "the servers stand: nobody answers yet, which is normal, and the status says since when",
        (known(APPLIED, bootstrap=BEGUN), seen(cluster=new_cluster.down(NOW))),
        check="converged",
        reason="AwaitingFluxBootstrap",
        says=("first boot began at 11:57:00 UTC", "connection refused"),
        shows=("FluxBootstrap=Unknown Running", "KitReady=Unknown Progressing", "HandedOff=False AwaitingHandOff"),
        again=timedelta(minutes=7),
    ),
    Case(
        "nobody has answered for ten minutes: an error with a remedy, and the watch goes on",
        (known(APPLIED, bootstrap=after(11)), seen(cluster=new_cluster.down(NOW))),
        check="converged",
        reason="APIUnreachable",
        summary="Stalled",
        code="ERR_API_UNREACHABLE",
        again=timedelta(minutes=4),
        operation="Failed",
    ),
    Case(
        "no HelmRelease within the first quarter of an hour: the runbook's own words",
        (known(APPLIED, bootstrap=after(15)), seen(cluster=new_cluster.down(NOW))),
        check="converged",
        reason="FluxNotReconciling",
        says=("Phase 1 watch saw 0 HelmReleases in 15m0s; the bootstrap-kit Kustomization may not be reconciling.",),
        summary="Stalled",
        does=("WriteRecord",),
        operation="Failed",
        shows=("KitReady=False FluxNotReconciling",),
    ),
    Case(
        "components are being installed: counted, and the one at work is named",
        (known(APPLIED, bootstrap=SEEN), seen(cluster=INSTALLING)),
        check="converged",
        reason="KitNotReady",
        says=(f"{ALL - 1} of {ALL} components are installed", "bp-keycloak"),
        does=("WriteRecord",),
        again=timedelta(minutes=57),
        shows=("FluxBootstrap=True Succeeded", "KitReady=Unknown Progressing"),
    ),
    Case(
        "one component failed for good: named with its cause",
        (known(APPLIED, bootstrap=replace(SEEN, cluster_uid="cluster-1")), seen(cluster=FAILED)),
        check="converged",
        reason="Failed",
        says=("bp-keycloak", "timed out waiting for the condition"),
        summary="Stalled",
        does=("WriteRecord",),
        operation="Failed",
        shows=("KitReady=False Failed",),
    ),
    Case(
        "an hour has passed and a component is still at work",
        (known(APPLIED, bootstrap=after(60, first_seen=NOW, flux_seen=True)), seen(cluster=INSTALLING)),
        check="converged",
        reason="Timeout",
        says=("bp-keycloak",),
        summary="Stalled",
        does=("WriteRecord",),
        operation="Failed",
    ),
    Case(
        "a component is upgraded long after the time to install the kit: that is what it is called, and nothing stalls",
        (known(APPLIED, bootstrap=LONG_READY), seen(cluster=UPGRADING)),
        check="converged",
        reason="Upgrading",
        ready="Unknown",
        says=(f"{ALL - 1} of {ALL} components are installed. Upgrading: bp-keycloak.",),
        does=("WriteRecord",),
        shows=("KitReady=Unknown Upgrading", "FluxBootstrap=True Succeeded"),
        code=NO_CODE,
        phase="upgrading 100",
    ),
    Case(
        "a component breaks long after the time to install the kit, and nobody pushed anything: not a matter of time",
        (known(APPLIED, bootstrap=LONG_READY), seen(cluster=DEGRADED)),
        check="converged",
        reason="KitNotReady",
        ready="Unknown",
        says=("Degraded: bp-keycloak.",),
        does=("WriteRecord",),
        shows=("KitReady=Unknown Progressing",),
        again=timedelta(minutes=1),
        code=NO_CODE,
    ),
    Case(
        "a record of an operator that did not write down whether the kit stood, of a Sovereign that was ready",
        (known(APPLIED, bootstrap=replace(LONG_READY, installed=None, outcome=None)), seen(cluster=UPGRADING)),
        check="converged",
        reason="Upgrading",
        ready="Unknown",
        code=NO_CODE,
    ),
    Case(
        "kustomize-controller looks at the kit again, as each few minutes: nothing is taken back",
        (known(APPLIED), seen(cluster=ASKED_AGAIN)),
        check="converged",
        reason="Succeeded",
        ready="True",
        summary="",
        shows=("KitReady=True Ready",),
        operation="Succeeded",
        phase="ready 100",
    ),
    Case(
        "the kit was not applied well, and is looked at again: still not",
        (
            known(APPLIED, bootstrap=replace(gen.READY, kustomizations=UNREADY)),
            seen(cluster=ASKED_AGAIN),
        ),
        check="converged",
        reason="KustomizationNotReady",
        ready="Unknown",
    ),
    Case(
        "what is remembered of a Kustomization is written down when it changes its answer",
        (
            known(APPLIED, bootstrap=replace(gen.READY, kustomizations={})),
            seen(cluster=replace(UP, kustomizations=(new_cluster.kustomization(FQDN, ALL_NAMES, NOT_APPLIED),))),
        ),
        check="converged",
        reason="KustomizationNotReady",
        ready="Unknown",
        says=("kustomize build failed",),
        does=("WriteRecord",),
        again=timedelta(minutes=2),
    ),
    Case(
        "a node that had joined is gone: Ready is False and names it, and the first boot of another is not waited for",
        (known(APPLIED), seen(cluster=replace(UP, survey=new_cluster.survey((), NOW)))),
        check="converged",
        reason="NodesNotReady",
        ready="False",
        says=("Gone from the cluster, which they had joined: omantel-d2faa-control-plane-0.",),
        code="ERR_NODE_NOT_READY",
    ),
    Case(
        "a node that had joined says nothing for half a minute: it is as it was, and looked at in time",
        (known(APPLIED), seen(cluster=replace(UP, survey=silent_since(timedelta(seconds=30))))),
        check="converged",
        reason="Succeeded",
        ready="True",
        summary="",
        operation="Succeeded",
        again=timedelta(seconds=30),
    ),
    Case(
        "a node that had joined says nothing for a minute: Ready is False",
        (known(APPLIED), seen(cluster=replace(UP, survey=silent_since(timedelta(minutes=1))))),
        check="converged",
        reason="NodesNotReady",
        ready="False",
        says=("Node omantel-d2faa-control-plane-0 is not ready: Kubelet stopped posting node status.",),
        again=timedelta(minutes=1),
        code=NO_CODE,
    ),
    Case(
        "the operator was restarted: what was told of a cluster that it does not see yet stands",
        (of(told(READY_TOLD)), known(APPLIED), gen.unseen),
        check="converged",
        reason="Succeeded",
        ready="True",
        summary="",
        says=("Ready: https://console.omantel.omani.works. It waits.",),
        shows=("KitReady=True Ready", "FluxBootstrap=True Succeeded"),
        again=timedelta(minutes=2),
        operation="Succeeded",
        phase="ready 100",
    ),
    Case(
        "the operator was restarted while somebody had to act: so it says still",
        (of(told(STALLED_TOLD)), known(APPLIED, bootstrap=replace(SEEN, outcome=Phase1Outcome.FAILED)), gen.unseen),
        check="converged",
        reason="Failed",
        ready="False",
        summary="Stalled",
        says=("Failed for good: bp-keycloak.",),
        shows=("KitReady=False Failed",),
        code="ERR_COMPONENT_FAILED",
        again=timedelta(minutes=2),
        operation="Failed",
        phase="failed 93",
    ),
    Case(
        "restarted a minute ago, connected, and the first survey is still under way",
        (of(told(READY_TOLD)), known(APPLIED), seen(cluster=not_looked_at(UP, timedelta(minutes=1)))),
        check="converged",
        reason="Succeeded",
        ready="True",
        summary="",
        again=timedelta(minutes=1),
        operation="Succeeded",
    ),
    Case(
        "restarted, and the cluster does not answer: for two minutes nothing is made of that",
        (of(told(READY_TOLD)), known(APPLIED), seen(cluster=lost_sight(timedelta(seconds=119)))),
        check="converged",
        reason="Succeeded",
        ready="True",
        summary="",
        shows=("KitReady=True Ready", "FluxBootstrap=False APIUnreachable"),
        again=timedelta(seconds=1),
        operation="Succeeded",
    ),
    Case(
        "it cannot be seen for two minutes: nobody knows how it is, and since when is said",
        (of(told(READY_TOLD)), known(APPLIED), seen(cluster=lost_sight(timedelta(minutes=2)))),
        check="converged",
        reason="KitNotReady",
        ready="Unknown",
        says=("The new cluster cannot be seen since 11:58:00 UTC: connection refused.",),
        shows=("KitReady=True Ready", "FluxBootstrap=False APIUnreachable"),
        again=timedelta(minutes=10),
        phase="phase-1 100",
    ),
    Case(
        "somebody else answers: nothing of what was told stands",
        (
            of(told(READY_TOLD)),
            known(APPLIED),
            seen(cluster=ClusterView(LinkView(Link.UNTRUSTED, NOW), unseen_since=NOW)),
        ),
        check="converged",
        reason="APIUnreachable",
        summary="Stalled",
        code="ERR_REMOTE_UNTRUSTED",
        operation="Failed",
    ),
    Case(
        "restarted, and what was told last was of a run that ended meanwhile: that does not stand",
        (of(told({**READY_TOLD, "reason": "Progressing", "status": "Unknown"})), known(APPLIED), gen.unseen),
        check="converged",
        reason="KitNotReady",
        ready="Unknown",
        says=("cannot be seen",),
    ),
    Case(
        "a late convergence takes the timeout back",
        (known(APPLIED, bootstrap=after(90, first_seen=NOW, outcome=Phase1Outcome.TIMEOUT)),),
        check="converged",
        reason="Succeeded",
        ready="True",
        summary="",
        does=("WriteRecord",),
        operation="Succeeded",
        shows=("KitReady=True Ready",),
    ),
    Case(
        "a rejoin gives the kit its time again",
        (
            of(gen.annotated(rejoinRequestedAt="now")),
            known(APPLIED, bootstrap=after(90, first_seen=NOW, outcome=Phase1Outcome.TIMEOUT)),
            seen(cluster=INSTALLING),
        ),
        check="converged",
        reason="KitNotReady",
        does=("WriteRecord",),
        again=timedelta(minutes=60),
    ),
    Case(
        "the kit is installed, but a node never joined: not ready, and the node is named",
        (
            of(gen.workers(1)),
            known(gen.succeeded(digest=gen.digest(gen.workers(1)), finished=BEGUN.since), bootstrap=SEEN),
            seen(cluster=replace(UP, survey=new_cluster.survey(("omantel-d2faa-control-plane-0",), NOW))),
        ),
        check="converged",
        reason="NodesNotReady",
        says=("omantel-d2faa-worker-0",),
        does=("WriteRecord",),
        again=timedelta(minutes=12),
    ),
    Case(
        "a worker that was added a moment ago, to a cluster that is an hour old: it has its time to join",
        (
            of(gen.workers(1)),
            known(gen.succeeded(digest=gen.digest(gen.workers(1)))),
            seen(cluster=replace(UP, survey=new_cluster.survey(("omantel-d2faa-control-plane-0",), NOW))),
        ),
        check="converged",
        reason="NodesNotReady",
        ready="Unknown",
        says=("Not joined yet: omantel-d2faa-worker-0",),
        again=timedelta(minutes=15) - timedelta(seconds=10),
        code=NO_CODE,
    ),
    Case(
        "the list of nodes could not be read: that says of none that it did not join",
        (
            known(APPLIED),
            seen(cluster=replace(UP, survey=replace(new_cluster.survey((), NOW), nodes=None))),
        ),
        check="converged",
        reason="NodesNotReady",
        ready="Unknown",
        says=("The nodes could not be read",),
        code=NO_CODE,
    ),
    Case(
        "the kit is installed, but the console is dead: not ready",
        (known(APPLIED, bootstrap=SEEN), seen(cluster=replace(UP, console=None))),
        check="converged",
        reason="ConsoleUnreachable",
        does=("WriteRecord",),
    ),
    Case(
        "after a restart nothing is known yet: nothing is taken back, and the watch begins",
        (known(APPLIED), gen.unseen),
        check="converged",
        reason="KitNotReady",
        ready="Unknown",
        says=("cannot be seen",),
        shows=("KitReady=True Ready",),
    ),
    Case(
        "the owner's Secrets are delivered as soon as the new cluster answers",
        (of(PULL), known(APPLIED), seen(owner_secrets={"pull": PULL_VIEW})),
        check="converged",
        reason="Succeeded",
        ready="True",
        summary="",
        says=("spec.imagePullSecretRef names is on its way",),
        does=("SeedCluster",),
        again=SEED_AGAIN,
        operation="Succeeded",
    ),
    Case(
        "a Secret that changed right after it was delivered: the new content does not wait",
        (
            of(PULL),
            known(APPLIED, bootstrap=replace(SEEN, seeded={"ghcr-pull": "p/0"})),
            seen(owner_secrets={"pull": PULL_VIEW}, seeds=SeedReport("older", NOW, {"ghcr-pull": "p/0"})),
        ),
        check="converged",
        reason="Succeeded",
        ready="True",
        summary="",
        does=("WriteRecord", "SeedCluster"),
        again=SEED_AGAIN,
        operation="Succeeded",
    ),
    Case(
        "a delivery that failed: it is not tried again at once, and the status says what happened",
        (
            of(PULL),
            known(APPLIED),
            seen(owner_secrets={"pull": PULL_VIEW}, seeds=NOT_DELIVERED),
        ),
        check="converged",
        reason="Succeeded",
        ready="True",
        summary="",
        again=SEED_AGAIN,
        operation="Succeeded",
        code="ERR_API_UNREACHABLE",
    ),
    Case(
        "the Secret that is to be filled is gone from a cluster that is complete: nobody makes it any more",
        (
            of(PULL),
            known(APPLIED),
            seen(owner_secrets={"pull": PULL_VIEW}, seeds=replace(NOT_DELIVERED, error=None, absent="ghcr-pull")),
        ),
        check="converged",
        reason="Succeeded",
        ready="True",
        says=(
            "there is no Secret flux-system/ghcr-pull",
            "kubectl create -f /etc/catalyst/manifests/30-secrets.yaml",
        ),
        summary="",
        again=SEED_AGAIN,
        operation="Succeeded",
    ),
    Case(
        "nothing is handed over while a Secret is not delivered",
        (
            of(spec(handOff={"mode": "Automatic"}, imagePullSecretRef={"name": "pull"})),
            known(APPLIED),
            seen(owner_secrets={"pull": PULL_VIEW}),
        ),
        check="converged",
        reason="Succeeded",
        ready="True",
        summary="",
        does=("SeedCluster",),
        again=SEED_AGAIN,
        operation="Succeeded",
    ),
    Case(
        "what was delivered is remembered",
        (
            of(PULL),
            known(APPLIED),
            seen(owner_secrets={"pull": PULL_VIEW}, seeds=SeedReport("k", NOW, {"ghcr-pull": "p/1"})),
        ),
        check="converged",
        reason="Succeeded",
        ready="True",
        summary="",
        does=("WriteRecord",),
        operation="Succeeded",
    ),
    Case(
        "a look is asked for: what is not watched is looked at now",
        (of(gen.meta(annotations={"reconcile.fluxcd.io/requestedAt": "now"})), known(APPLIED)),
        check="converged",
        reason="Succeeded",
        ready="True",
        summary="",
        does=("LookAgain",),
        operation="Succeeded",
    ),
    Case(
        "a Secret that the new cluster needs is missing: nothing is spent before it is there",
        (of(PULL),),
        check="owner_secrets_missing",
        reason="CredentialsMissing",
        says=("Secret pull, which spec.imagePullSecretRef names, does not exist", "team-a"),
        again=POLL,
        operation="Waiting",
    ),
    Case(
        "a component that nobody knows: refused before anything is spent, and the nearest is named",
        (of(spec(components=["harbour"])),),
        check="spec_invalid",
        reason="InvalidSpec",
        says=("harbour", "harbor"),
        summary="Stalled",
        operation="Failed",
    ),
    Case(
        "a component that is not in the catalogue any more: what stands has it all the same",
        (of(spec(components=["harbour"])), known(APPLIED)),
        check="converged",
        reason="Succeeded",
        ready="True",
        summary="",
        operation="Succeeded",
    ),
    Case(
        "no repository is named anywhere: both ways are told, and nothing is bought or asked",
        (of(), NOWHERE, gen.unread),
        check="spec_invalid",
        reason="InvalidSpec",
        says=("spec.gitops.url", "CATALYST_GIT_URL", "clusters/_template"),
        code="ERR_SPEC_INVALID",
        summary="Stalled",
        operation="Failed",
    ),
    Case(
        "the operator names no repository, and the spec does: that is enough",
        (of(spec(gitops={"url": "https://git.example/kit"})), NOWHERE),
        check="new_run",
        reason="Provisioning",
        does=START,
        again=timedelta(seconds=60),
    ),
    Case(
        "the operator names none any more: what stands goes on as it is",
        (of(), NOWHERE, known(APPLIED)),
        check="converged",
        reason="Succeeded",
        ready="True",
        summary="",
        operation="Succeeded",
    ),
    Case(
        "mode Commit without a branch, as admission let through before it knew: there is nowhere to push",
        (of(spec(gitops={"mode": "Commit", "credentialsSecretRef": {"name": "git"}})), GIT),
        check="spec_invalid",
        reason="InvalidSpec",
        says=("spec.gitops.ref.branch",),
        summary="Stalled",
        operation="Failed",
    ),
    Case(
        "a delivery of Secrets that met an error of the operator's own is told while the kit is installed",
        (
            of(PULL),
            known(gen.succeeded(digest=gen.digest(PULL)), bootstrap=SEEN),
            seen(cluster=INSTALLING, owner_secrets={"pull": PULL_VIEW}),
            seen(seeds=replace(NOT_DELIVERED, error=of_errand(KeyError("x"), "the delivery of Secrets"))),
        ),
        check="converged",
        reason="KitNotReady",
        says=("ERR_OPERATOR: The delivery of Secrets failed: KeyError",),
        summary="Reconciling",
        does=("WriteRecord",),
        again=SEED_AGAIN,
        operation="Processing",
        code="ERR_OPERATOR",
    ),
    Case(
        "signatures, and a module that Crossplane fetches without any, as admission let through before it knew",
        (of(spec(gitops=SIGNED_TAG, crossplane=OWN_TOKEN)),),
        check="spec_invalid",
        reason="InvalidSpec",
        says=("spec.gitops.ref.commit", "spec.gitops.verify", "spec.crossplane"),
        code="ERR_SPEC_INVALID",
        summary="Stalled",
        again=POLL,
        operation="Failed",
    ),
    Case(
        "the same of a cluster that stands: nobody can correct it any more, so it goes on",
        (of(spec(gitops=SIGNED_TAG, crossplane=OWN_TOKEN)), known(APPLIED)),
        check="converged",
        reason="Succeeded",
        ready="True",
        summary="",
        operation="Succeeded",
    ),
    Case(
        "the keys that sign are named, and not there: nothing is bought before",
        (of(spec(gitops={"verify": {"secretRef": {"name": "keys"}}})),),
        check="owner_secrets_missing",
        reason="CredentialsMissing",
        says=("Secret keys, which spec.gitops.verify.secretRef names, does not exist", "team-a"),
        again=POLL,
        operation="Waiting",
    ),
    Case(
        "mode Commit: the overlay is in the repository before anything is spent",
        (of(COMMIT), GIT),
        check="not_pushed",
        reason="Provisioning",
        says=("Pushing clusters/omantel.omani.works to https://github.com/openova-io/openova, branch main",),
        does=("PushOverlay",),
        again=timedelta(seconds=60),
    ),
    Case(
        "mode Commit without its Secret: named, and waited for",
        (of(COMMIT),),
        check="not_pushed",
        reason="CredentialsMissing",
        says=("Secret git, which spec.gitops.credentialsSecretRef names, does not exist",),
        again=POLL,
        operation="Waiting",
    ),
    Case(
        "mode Commit: what was pushed is remembered",
        (of(COMMIT), GIT, pushed, seen(namespace=None)),
        check="not_pushed",
        reason="Provisioning",
        does=("PrepareNamespace", "WriteRecord"),
        again=POLL,
        goes_on=True,
    ),
)
"""Each row's new cluster is as it should be, unless it says otherwise."""
