"""What a fake new cluster holds: a kit that is installed but for one release, as Flux and Kubernetes would show it.

Objects have the fields and about the size of real ones, managedFields included: what a follower pays for a cluster is
mostly reading them.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from catalyst_operator.core.phase1.presence import CONTROLLERS
from catalyst_operator.core.phase1.views import SOURCE, kit_name
from e2e.bench.apis import Object

FLUX = "/namespaces/flux-system"
RELEASES = "/apis/helm.toolkit.fluxcd.io/v2/helmreleases"
KUSTOMIZATIONS = "/apis/kustomize.toolkit.fluxcd.io/v1/kustomizations"
KUBE_SYSTEM = "/api/v1/namespaces/kube-system"
SOURCES = f"/apis/source.toolkit.fluxcd.io/v1{FLUX}"
REVISION = "main@sha1:0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f"
SINCE = "2026-01-01T00:00:00Z"
PODS = 40
"""As many as a kit of twelve makes, about."""


@dataclass(frozen=True)
class Kit:
    """One cluster: its name, its servers' names, its releases. The last release is still being installed."""

    fqdn: str
    nodes: tuple[str, ...]
    releases: tuple[str, ...]

    @property
    def installed(self) -> tuple[str, ...]:
        """The releases that are."""
        return self.releases[:-1]


def watched(kit: Kit) -> dict[str, list[Object]]:
    """What is listed and watched, by the path of the collection."""
    releases = [_release(kit, name) for name in kit.releases]
    return {RELEASES: releases, KUSTOMIZATIONS: [_kustomization(kit)]}


def listed(kit: Kit) -> dict[str, list[Object]]:
    """What is only listed. Kinds that a cluster may lack are not among them."""
    return {
        "/api/v1/nodes": [_object(name, status={"conditions": [_condition("Ready")]}) for name in kit.nodes],
        f"/apis/apps/v1{FLUX}/deployments": [
            _object(name, status={"conditions": [_condition("Available")]}) for name in CONTROLLERS
        ],
        f"{SOURCES}/gitrepositories": [_source("GitRepository", SOURCE)],
        f"{SOURCES}/helmrepositories": [_source("HelmRepository", "catalyst-charts")],
        f"{SOURCES}/helmcharts": [_source("HelmChart", f"flux-system-{name}") for name in kit.releases],
        f"{SOURCES}/ocirepositories": [],
        "/apis/storage.k8s.io/v1/storageclasses": [
            _object("local-path", annotations={"storageclass.kubernetes.io/is-default-class": "true"})
        ],
        "/api/v1/persistentvolumeclaims": [],
        "/api/v1/pods": list(_pods(kit)),
        "/api/v1/events": [],
        "/apis/cert-manager.io/v1/certificates": [],
    }


def kube_system() -> Object:
    """The namespace whose UID is the cluster's."""
    return {"kind": "Namespace", "apiVersion": "v1", **_object("kube-system", uid=str(uuid.uuid4()))}


def _object(name: str, status: Object | None = None, spec: Object | None = None, **metadata: Any) -> Object:
    meta = {"name": name, "generation": 1, "creationTimestamp": SINCE, "uid": str(uuid.uuid4()), **metadata}
    return {"metadata": meta, **({"spec": spec} if spec else {}), **({"status": status} if status else {})}


def _condition(type_: str, status: str = "True", reason: str = "Succeeded", message: str = "done") -> Object:
    told = {"type": type_, "status": status, "reason": reason, "message": message}
    return {**told, "observedGeneration": 1, "lastTransitionTime": SINCE}


def _release(kit: Kit, name: str) -> Object:
    chart = name.removeprefix("bp-")
    spec = {
        "chart": {
            "spec": {
                "chart": name,
                "version": "1.1.1",
                "reconcileStrategy": "ChartVersion",
                "sourceRef": {"kind": "HelmRepository", "name": "catalyst-charts"},
            }
        },
        "interval": "15m",
        "timeout": "15m",
        "releaseName": chart,
        "targetNamespace": chart,
        "install": {"createNamespace": True, "remediation": {"retries": 3}},
        "upgrade": {"remediation": {"retries": 3}},
        "values": {"hostname": f"{chart}.{kit.fqdn}", "resources": {"limits": {"memory": "512Mi"}}},
    }
    status = _installed(chart) if name in kit.installed else _installing()
    made = _object(name, status, spec, namespace="flux-system", finalizers=["finalizers.fluxcd.io"])
    made["metadata"]["managedFields"] = _managed(made)
    return {"kind": "HelmRelease", "apiVersion": "helm.toolkit.fluxcd.io/v2", **made}


def _installed(chart: str) -> Object:
    said = f"Helm install succeeded for release {chart}/{chart}.v1 with chart bp-{chart}@1.1.1"
    snapshot = {
        "name": chart,
        "namespace": chart,
        "version": 1,
        "status": "deployed",
        "chartName": f"bp-{chart}",
        "chartVersion": "1.1.1",
        "configDigest": f"sha256:{'0f' * 32}",
        "digest": f"sha256:{'1e' * 32}",
        "firstDeployed": SINCE,
        "lastDeployed": SINCE,
    }
    return {
        "observedGeneration": 1,
        "conditions": [_condition(type_, "True", "InstallSucceeded", said) for type_ in ("Ready", "Released")],
        "helmChart": f"flux-system/flux-system-bp-{chart}",
        "history": [snapshot],
        "lastAttemptedConfigDigest": f"sha256:{'0f' * 32}",
        "lastAttemptedReleaseAction": "install",
        "lastAttemptedRevision": "1.1.1",
        "storageNamespace": chart,
    }


def _installing() -> Object:
    said = "Running 'install' action with timeout of 15m0s"
    return {"conditions": [_condition("Ready", "Unknown", "Progressing", said)], "observedGeneration": 1}


def _managed(made: Object) -> list[Object]:
    """Who set which field, as the API server keeps it."""
    return [
        {
            "manager": manager,
            "operation": "Apply",
            "apiVersion": "helm.toolkit.fluxcd.io/v2",
            "time": SINCE,
            "fieldsType": "FieldsV1",
            "fieldsV1": {f"f:{part}": _fields(made[part])},
        }
        for manager, part in (("kustomize-controller", "spec"), ("helm-controller", "status"))
    ]


def _fields(value: Any) -> Object:
    return {f"f:{key}": _fields(inner) for key, inner in value.items()} if isinstance(value, dict) else {}


def _kustomization(kit: Kit) -> Object:
    ids = [f"flux-system_{name}_helm.toolkit.fluxcd.io_HelmRelease" for name in kit.releases]
    status = {
        "observedGeneration": 1,
        "conditions": [_condition("Ready", message=f"Applied revision: {REVISION}")],
        "inventory": {"entries": [{"id": entry, "v": "v2"} for entry in ids]},
        "lastAppliedRevision": REVISION,
        "lastAttemptedRevision": REVISION,
    }
    spec = {
        "interval": "10m",
        "path": "./clusters/_template/bootstrap-kit",
        "sourceRef": {"kind": "GitRepository", "name": SOURCE},
    }
    made = _object(kit_name(kit.fqdn), status, spec, namespace="flux-system")
    return {"kind": "Kustomization", "apiVersion": "kustomize.toolkit.fluxcd.io/v1", **made}


def _source(kind: str, name: str) -> Object:
    status = {"observedGeneration": 1, "conditions": [_condition("Ready")], "artifact": {"revision": REVISION}}
    made = _object(name, status, {"url": "https://git.example/openova", "interval": "1m"}, namespace="flux-system")
    return {"kind": kind, "apiVersion": "source.toolkit.fluxcd.io/v1", **made}


def _pods(kit: Kit) -> Iterator[Object]:
    for number in range(PODS):
        chart = kit.releases[number % len(kit.releases)].removeprefix("bp-")
        yield _pod(f"{chart}-{number}", chart, kit.nodes)


def _pod(name: str, namespace: str, nodes: Sequence[str]) -> Object:
    image = f"registry.example/{namespace}@sha256:{'2d' * 32}"
    container = {
        "name": namespace,
        "image": image,
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}},
        "env": [{"name": f"SETTING_{n}", "value": "x" * 30} for n in range(12)],
        "volumeMounts": [{"name": f"volume-{n}", "mountPath": f"/var/lib/{n}"} for n in range(4)],
    }
    state = {
        "name": namespace,
        "image": image,
        "imageID": image,
        "ready": True,
        "started": True,
        "restartCount": 0,
        "state": {"running": {"startedAt": SINCE}},
    }
    conditions = [_condition(t) for t in ("PodScheduled", "Initialized", "ContainersReady", "Ready")]
    status = {"phase": "Running", "conditions": conditions, "containerStatuses": [state]}
    return _object(name, status, {"nodeName": nodes[0], "containers": [container]}, namespace=namespace)
