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
from catalyst_operator.core.phase1.views import ClusterView, FluxCondition
from catalyst_operator.core.provision import look
from catalyst_operator.core.provision.overlays import wanted
from catalyst_operator.core.ready.watching import SEED_AGAIN
from catalyst_operator.core.record import Bootstrap, ErrorEntry
from tests.support import gen, new_cluster
from tests.support.gen import NOW, known, of, seen, spec
from tests.unit.core.decide.table import NO_CODE, POLL, Case

APPLIED = gen.succeeded()
BEGUN = Bootstrap(since=NOW - timedelta(minutes=3), watch_since=NOW - timedelta(minutes=3))
"""The servers stand since three minutes."""
SEEN = replace(BEGUN, first_seen=NOW - timedelta(minutes=1), flux_seen=True)
PULL = spec(imagePullSecretRef={"name": "pull"})
PULL_VIEW = SecretView("p/1", frozenset({".dockerconfigjson"}))
NOT_DELIVERED = SeedReport(
    seeds.key_of(seeds.due(gen.sovereign(PULL).spec, {"pull": PULL_VIEW}, {}), {"pull": PULL_VIEW}),
    NOW,
    {},
    ErrorEntry("ERR_API_UNREACHABLE", "A Secret could not be delivered: no route", "Look at it.", terminal=False),
)
COMMIT = spec(gitops={"mode": "Commit", "credentialsSecretRef": {"name": "git"}})
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
        shows=("FluxBootstrap=False APIUnreachable", "KitReady=Unknown Progressing", "HandedOff=False AwaitingHandOff"),
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
            known(APPLIED, bootstrap=replace(SEEN, seeded={"catalyst-pull": "p/0"})),
            seen(owner_secrets={"pull": PULL_VIEW}, seeds=SeedReport("older", NOW, {"catalyst-pull": "p/0"})),
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
            seen(owner_secrets={"pull": PULL_VIEW}, seeds=replace(NOT_DELIVERED, error=None, absent="catalyst-pull")),
        ),
        check="converged",
        reason="Succeeded",
        ready="True",
        says=(
            "there is no Secret flux-system/catalyst-pull",
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
            seen(owner_secrets={"pull": PULL_VIEW}, seeds=SeedReport("k", NOW, {"catalyst-pull": "p/1"})),
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
