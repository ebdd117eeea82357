"""A new cluster as it is seen, for tests: healthy unless a test takes something from it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from catalyst_operator.api.sovereign import Sovereign
from catalyst_operator.core import kit, naming
from catalyst_operator.core.phase1.presence import CONTROLLERS
from catalyst_operator.core.phase1.views import (
    FLUX_NAMESPACE,
    SOURCE,
    ClusterView,
    ConsoleView,
    DeploymentView,
    FluxCondition,
    HelmReleaseView,
    KustomizationView,
    Link,
    LinkView,
    NodeView,
    SourceView,
    StorageClassView,
    Survey,
    kit_name,
)
from catalyst_operator.core.project import sizing

REVISION = "main@sha1:0f0f"


def ready(reason: str = "Succeeded", message: str = "done") -> tuple[FluxCondition, ...]:
    """The condition of whatever is as it should be."""
    return (FluxCondition("Ready", "True", reason, message, observed_generation=1),)


def release(name: str, *conditions: FluxCondition, **values: object) -> HelmReleaseView:
    """A HelmRelease; installed unless it has other conditions."""
    made = HelmReleaseView(
        kind="HelmRelease",
        namespace=FLUX_NAMESPACE,
        name=name,
        observed_generation=1,
        conditions=conditions or ready("InstallSucceeded", "Helm install succeeded"),
        was_installed=not conditions,
    )
    return replace(made, **values)  # type: ignore[arg-type]


def kustomization(fqdn: str, names: tuple[str, ...], *conditions: FluxCondition) -> KustomizationView:
    """The kit's Kustomization, which applied these HelmReleases."""
    return KustomizationView(
        kind="Kustomization",
        namespace=FLUX_NAMESPACE,
        name=kit_name(fqdn),
        observed_generation=1,
        conditions=conditions or ready("ReconciliationSucceeded", f"Applied revision: {REVISION}"),
        inventory=tuple(f"{FLUX_NAMESPACE}_{name}_helm.toolkit.fluxcd.io_HelmRelease" for name in names),
        applied_revision=REVISION,
        attempted_revision=REVISION,
    )


def survey(nodes: tuple[str, ...], now: datetime) -> Survey:
    """Nothing is wrong, and these nodes have joined."""
    return Survey(
        at=now,
        cluster_uid="cluster-1",
        nodes=tuple(NodeView(name, True) for name in nodes),
        deployments=tuple(DeploymentView(name, True) for name in CONTROLLERS),
        sources=(SourceView("GitRepository", FLUX_NAMESPACE, SOURCE, 1, 1, ready(), revision=REVISION),),
        storage_classes=(StorageClassView("local-path", True),),
        claims=(),
        pods=(),
        events=(),
    )


def healthy(sovereign: Sovereign, now: datetime) -> ClusterView:
    """All that a Sovereign's spec asks for is there and answers."""
    spec, meta = sovereign.spec, sovereign.metadata
    names = kit.expected(spec)
    prefix = naming.cluster_name(meta.name, meta.uid)
    nodes = tuple(f"{prefix}-{server.key}" for server in sizing.servers(spec))
    return ClusterView(
        link=LinkView(Link.UP, now),
        synced=True,
        releases=tuple(release(name) for name in sorted(names)),
        kustomizations=(kustomization(spec.domain.fqdn, names),),
        survey=survey(nodes, now),
        console=ConsoleView(now, True),
    )


def down(now: datetime, message: str = "connection refused") -> ClusterView:
    """Nobody answers."""
    return ClusterView(link=LinkView(Link.DOWN, now, message))
