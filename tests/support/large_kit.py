"""A large kit as an API server would list it: every component that there is, and two hundred Pods.

The objects have the fields and about the size of real ones, managedFields included. What a new cluster may answer is
bounded far above this.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

COMPONENTS = 38
PODS = 200
SINCE = "2026-11-01T00:00:00Z"
REVISION = "main@sha1:0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f"
UID = "0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f"
FLUX = "/namespaces/flux-system"
SOURCES = f"/apis/source.toolkit.fluxcd.io/v1{FLUX}"

Object = dict[str, Any]


def collections() -> dict[str, list[Object]]:
    """What is read of the cluster, by the path of its collection."""
    names = [f"bp-component-{n:02}" for n in range(COMPONENTS)]
    return {
        f"/apis/helm.toolkit.fluxcd.io/v2{FLUX}/helmreleases": [_release(name) for name in names],
        f"/apis/kustomize.toolkit.fluxcd.io/v1{FLUX}/kustomizations": [
            _kustomization(name, names) for name in ("bootstrap-kit", "infrastructure", "adoption", "apps")
        ],
        "/api/v1/nodes": [_node(f"server-{n}") for n in range(10)],
        f"/apis/apps/v1{FLUX}/deployments": [_deployment(f"controller-{n}") for n in range(6)],
        f"{SOURCES}/gitrepositories": [_source("GitRepository", "openova-public")],
        f"{SOURCES}/helmrepositories": [_source("HelmRepository", name) for name in names],
        f"{SOURCES}/helmcharts": [_source("HelmChart", f"flux-system-{name}") for name in names],
        f"{SOURCES}/ocirepositories": [_source("OCIRepository", name) for name in names],
        "/apis/storage.k8s.io/v1/storageclasses": [_object("local-path"), _object("hcloud-volumes")],
        "/api/v1/persistentvolumeclaims": [_claim(f"data-{n}") for n in range(60)],
        "/api/v1/pods": [_pod(n) for n in range(PODS)],
        "/api/v1/events": [_event(n) for n in range(400)],
        "/apis/cert-manager.io/v1/certificates": [_certificate(f"certificate-{n}") for n in range(40)],
        "/apis/cert-manager.io/v1/certificaterequests": [_certificate(f"request-{n}") for n in range(80)],
        "/apis/acme.cert-manager.io/v1/orders": [_certificate(f"order-{n}") for n in range(40)],
        "/apis/acme.cert-manager.io/v1/challenges": [],
    }


def _object(name: str, namespace: str = "", **parts: Any) -> Object:
    meta = {
        "name": name,
        "namespace": namespace,
        "uid": UID,
        "resourceVersion": "123456",
        "generation": 3,
        "creationTimestamp": SINCE,
        "labels": {
            "app.kubernetes.io/name": name,
            "app.kubernetes.io/instance": name,
            "app.kubernetes.io/managed-by": "Helm",
            "app.kubernetes.io/part-of": "catalyst",
            "helm.sh/chart": f"{name}-1.1.1",
            "kustomize.toolkit.fluxcd.io/name": "bootstrap-kit",
            "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
        },
    }
    made = {"metadata": meta, **parts}
    meta["managedFields"] = [
        {
            "manager": manager,
            "operation": "Update",
            "apiVersion": "v1",
            "time": SINCE,
            "fieldsType": "FieldsV1",
            "fieldsV1": {f"f:{part}": _fields(parts.get(part, {}))},
            "subresource": "status",
        }
        for manager, part in (("kube-controller-manager", "spec"), ("kubelet", "status"))
    ]
    return made


def _fields(value: Any) -> Object:
    """Who set which field, as the API server keeps it: lists by their items' keys."""
    if isinstance(value, dict):
        return {f"f:{key}": _fields(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return {f'k:{{"name":"{n}"}}': {".": {}, **_fields(inner)} for n, inner in enumerate(value)}
    return {}


def _condition(type_: str, status: str = "True", message: str = "reconciled all that there was to reconcile") -> Object:
    return {
        "type": type_,
        "status": status,
        "reason": "ReconciliationSucceeded",
        "message": message,
        "observedGeneration": 3,
        "lastTransitionTime": SINCE,
        "lastProbeTime": None,
    }


def _release(name: str) -> Object:
    """With values as long as the longest of the kit's."""
    values = {f"section{n}": {f"setting{m}": "a value of some length" for m in range(12)} for n in range(12)}
    spec = {
        "chart": {"spec": {"chart": name, "version": "1.1.1", "sourceRef": {"kind": "HelmRepository", "name": name}}},
        "dependsOn": [{"name": f"bp-component-{n:02}"} for n in range(6)],
        "interval": "15m",
        "install": {"createNamespace": True, "remediation": {"retries": 3}},
        "upgrade": {"remediation": {"retries": 3}},
        "values": values,
    }
    snapshots = [
        {
            "name": name,
            "namespace": name,
            "version": n,
            "status": "superseded",
            "chartName": name,
            "chartVersion": "1.1.1",
            "configDigest": f"sha256:{'0f' * 32}",
            "digest": f"sha256:{'1e' * 32}",
            "firstDeployed": SINCE,
            "lastDeployed": SINCE,
            "ociDigest": f"sha256:{'2d' * 32}",
        }
        for n in range(5)
    ]
    status = {
        "observedGeneration": 3,
        "conditions": [
            _condition(t, message="Helm upgrade succeeded " * 8) for t in ("Ready", "Released", "TestSuccess")
        ],
        "history": snapshots,
        "lastAttemptedRevision": "1.1.1",
    }
    made = _object(name, "flux-system", spec=spec, status=status)
    return {"kind": "HelmRelease", "apiVersion": "helm.toolkit.fluxcd.io/v2", **made}


def _kustomization(name: str, releases: list[str]) -> Object:
    entries = [f"flux-system_{release}_helm.toolkit.fluxcd.io_HelmRelease" for release in releases]
    entries += [f"flux-system_{release}_source.toolkit.fluxcd.io_HelmRepository" for release in releases]
    entries += [f"_{release}__Namespace" for release in releases]
    status = {
        "observedGeneration": 3,
        "conditions": [_condition("Ready", message=f"Applied revision: {REVISION}")],
        "inventory": {"entries": [{"id": entry, "v": "v2"} for entry in entries]},
        "lastAppliedRevision": REVISION,
        "lastAttemptedRevision": REVISION,
    }
    substitute = {f"KIT_VALUE_{n}": "a value of some length" for n in range(60)}
    spec = {
        "interval": "10m",
        "path": "./clusters/_template/bootstrap-kit",
        "sourceRef": {"kind": "GitRepository", "name": "openova-public"},
        "postBuild": {"substitute": substitute},
    }
    made = _object(name, "flux-system", spec=spec, status=status)
    return {"kind": "Kustomization", "apiVersion": "kustomize.toolkit.fluxcd.io/v1", **made}


def _source(kind: str, name: str) -> Object:
    artifact = {"revision": REVISION, "digest": f"sha256:{'0f' * 32}", "url": f"http://source-controller/{name}"}
    status = {"observedGeneration": 3, "conditions": [_condition("Ready"), _condition("ArtifactInStorage")]}
    spec = {"url": "https://git.example/openova", "interval": "1m", "secretRef": {"name": "ghcr-pull"}}
    made = _object(name, "flux-system", spec=spec, status={**status, "artifact": artifact})
    return {"kind": kind, "apiVersion": "source.toolkit.fluxcd.io/v1", **made}


def _node(name: str) -> Object:
    images = [
        {"names": [f"registry.example/{n}@sha256:{'2d' * 32}", f"registry.example/{n}:1.1.1"], "sizeBytes": 123456789}
        for n in range(50)
    ]
    conditions = [_condition(t) for t in ("MemoryPressure", "DiskPressure", "PIDPressure", "Ready")]
    return _object(name, spec={"podCIDR": "10.42.0.0/24"}, status={"conditions": conditions, "images": images})


def _deployment(name: str) -> Object:
    status = {"conditions": [_condition("Available"), _condition("Progressing")], "replicas": 1}
    return _object(name, "flux-system", spec={"template": {"spec": _pod_spec(name)}}, status=status)


def _claim(name: str) -> Object:
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "10Gi"}},
        "volumeName": f"pvc-{UID}",
    }
    return _object(name, "data", spec=spec, status={"phase": "Bound", "capacity": {"storage": "10Gi"}})


def _pod(number: int) -> Object:
    name = f"workload-{number}-7d9c6b5f4-x2x2x"
    image = f"registry.example/workload@sha256:{'2d' * 32}"
    state = {
        "name": "main",
        "image": image,
        "imageID": image,
        "containerID": f"containerd://{'3c' * 32}",
        "ready": True,
        "started": True,
        "restartCount": 0,
        "state": {"running": {"startedAt": SINCE}},
        "lastState": {},
    }
    conditions = [_condition(t) for t in ("PodScheduled", "Initialized", "ContainersReady", "Ready")]
    status = {
        "phase": "Running",
        "conditions": conditions,
        "containerStatuses": [state, {**state, "name": "sidecar"}],
        "podIPs": [{"ip": "10.42.0.17"}],
    }
    return _object(name, f"namespace-{number % COMPONENTS}", spec=_pod_spec(image), status=status)


def _pod_spec(image: str) -> Object:
    probe = {"httpGet": {"path": "/healthz", "port": 8080, "scheme": "HTTP"}, "periodSeconds": 10, "timeoutSeconds": 1}
    container = {
        "name": "main",
        "image": image,
        "args": [f"--flag-{n}=of-some-length" for n in range(10)],
        "env": [{"name": f"SETTING_{n}", "value": "x" * 30} for n in range(25)],
        "volumeMounts": [{"name": f"volume-{n}", "mountPath": f"/var/lib/{n}", "readOnly": True} for n in range(8)],
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}},
        "livenessProbe": probe,
        "readinessProbe": probe,
    }
    volumes = [{"name": f"volume-{n}", "secret": {"secretName": f"secret-{n}", "defaultMode": 420}} for n in range(8)]
    return {"nodeName": "server-0", "containers": [container, {**container, "name": "sidecar"}], "volumes": volumes}


def _event(number: int) -> Object:
    about = {"kind": "Pod", "namespace": "data", "name": f"workload-{number}", "uid": UID, "apiVersion": "v1"}
    said = "Readiness probe failed: HTTP probe failed with statuscode: 503, connection refused " * 4
    parts = {"reason": "Unhealthy", "message": said, "type": "Warning", "count": 17, "lastTimestamp": SINCE}
    return {**_object(f"event-{number}", "data"), "involvedObject": about, **parts}


def _certificate(name: str) -> Object:
    status = {"conditions": [_condition("Ready"), _condition("Approved")], "certificate": "x" * 5000}
    spec = {"secretName": name, "dnsNames": [f"{n}.omantel.omani.works" for n in range(6)], "request": "x" * 1200}
    return {"kind": "Certificate", **_object(name, "istio", spec=spec, status=status)}


def paths() -> Iterator[str]:
    """The collections."""
    yield from collections()
