"""Manifests of everything the operator creates in a run namespace, except the Job (see `job.py`).

Plain dicts, applied server-side: what is applied twice changes nothing.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from catalyst_operator.api import labels
from catalyst_operator.api.sovereign import Sovereign
from catalyst_operator.core import naming, proof
from catalyst_operator.core.air_gap import proxies
from catalyst_operator.core.settings import CoreSettings
from catalyst_operator.core.tofu import encryption

Manifest = dict[str, Any]
SECRET_VARIABLES_FILE = "secrets.auto.tfvars.json"  # noqa: S105 - the name of a file, not its content
KUBECONFIG_KEY = "value"
"""Where Cluster API puts a kubeconfig, so that tools find it."""


def labels_for(sovereign: Sovereign, role: str) -> dict[str, str]:
    """The labels of an object that exists for this Sovereign."""
    meta = sovereign.metadata
    return {
        labels.LABEL_SOVEREIGN: meta.name,
        labels.LABEL_SOVEREIGN_NAMESPACE: meta.namespace,
        labels.LABEL_SOVEREIGN_UID: meta.uid,
        labels.LABEL_ROLE: role,
        "app.kubernetes.io/managed-by": "catalyst-operator",
    }


def namespace_of(sovereign: Sovereign) -> str:
    """The Sovereign's run namespace."""
    return naming.run_namespace(sovereign.metadata.name, sovereign.metadata.uid)


def run_namespace(sovereign: Sovereign, settings: CoreSettings) -> Manifest:
    """The run namespace, with Pod Security enforced and the proof that it is of our making."""
    levels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")}
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": namespace_of(sovereign),
            "labels": {**labels_for(sovereign, labels.ROLE_RUN), **levels},
            "annotations": {labels.ANNOTATION_PROOF: proof.of(settings.proof_key, sovereign.metadata.uid)},
        },
    }


def access(sovereign: Sovereign, settings: CoreSettings) -> list[Manifest]:
    """Who may do what in the run namespace: the operator first, then the runs; nothing may connect to a run."""
    operator = {
        "kind": "ServiceAccount",
        "name": settings.operator_service_account,
        "namespace": settings.operator_namespace,
    }
    runner = {
        "kind": "ServiceAccount",
        "name": naming.RUN_SERVICE_ACCOUNT,
        "namespace": namespace_of(sovereign),
    }
    return [
        _role_binding(sovereign, "catalyst-operator", naming.OPERATOR_RUN_CLUSTER_ROLE, operator),
        {
            **_object(sovereign, "v1", "ServiceAccount", naming.RUN_SERVICE_ACCOUNT),
            "automountServiceAccountToken": False,
        },
        _role_binding(sovereign, "run", naming.RUN_CLUSTER_ROLE, runner),
        {
            **_object(sovereign, "networking.k8s.io/v1", "NetworkPolicy", "deny-ingress"),
            "spec": {"podSelector": {}, "policyTypes": ["Ingress"]},
        },
        {
            **_object(sovereign, "networking.k8s.io/v1", "NetworkPolicy", "egress"),
            "spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": _egress(settings)},
        },
    ]


def _egress(settings: CoreSettings) -> list[Manifest]:
    """What a run connects to: DNS, the API server, what has its state, Hetzner, a proxy. Never the cloud's metadata
    service."""
    endpoint = urlsplit(settings.hcloud_endpoint)
    asked = proxies.ports(url for name, url in settings.run_proxy.items() if name in proxies.URLS)
    own = {endpoint.port or (80 if endpoint.scheme == "http" else 443)} if endpoint.hostname else set()
    own |= {settings.state_backend.port} if settings.state_backend else set()
    return [
        {"ports": [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]},
        {
            "to": [
                {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]}},
                {"ipBlock": {"cidr": "::/0", "except": ["fe80::/10"]}},
            ],
            "ports": [{"protocol": "TCP", "port": port} for port in sorted({*settings.run_egress_ports, *own, *asked})],
        },
    ]


def state_key(sovereign: Sovereign, key: bytes) -> Manifest:
    """The key of state and plan, in the form that OpenTofu's external key provider reads from a command's output.

    `key` is 32 random bytes. Created once and never changed: without it the state is lost.
    """
    files = {naming.STATE_KEY: encryption.key_text(key)}
    return _secret(sovereign, naming.STATE_KEY_SECRET, files, immutable=True)


def cluster_secrets(sovereign: Sovereign, namespace: str, variables: Mapping[str, Any]) -> Manifest:
    """The module's secret variables, beside the operator, whose namespace this is: no run can read them there. Created
    once: the nodes know them from their first boot on."""
    files = {SECRET_VARIABLES_FILE: json.dumps(variables)}
    made = _secret(sovereign, naming.cluster_secrets(sovereign.metadata.uid), files, immutable=True)
    return _beside_operator(made, namespace)


def boot_secrets(sovereign: Sovereign, variables: Mapping[str, Any]) -> Manifest:
    """What of the secret variables one run needs; there for as long as it takes."""
    return _secret(sovereign, naming.BOOT_SECRETS, {SECRET_VARIABLES_FILE: json.dumps(variables)})


def provider_token(sovereign: Sovereign, token: str) -> Manifest:
    """The copy of the owner's token that runs use; refreshed before each run."""
    return _secret(sovereign, naming.TOKEN_SECRET, {"token": token})


def proof_key(namespace: str, key: str) -> Manifest:
    """The key of the proofs on run namespaces, beside the operator."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": naming.PROOF_KEY_SECRET,
            "namespace": namespace,
            "labels": {"app.kubernetes.io/managed-by": "catalyst-operator"},
        },
        "type": "Opaque",
        "immutable": True,
        "data": {naming.PROOF_KEY: base64.b64encode(key.encode()).decode()},
    }


def state_backend(sovereign: Sovereign, credentials: Mapping[str, str]) -> Manifest:
    """The copy of what opens the store of states, by the names of environment variables; refreshed before each run."""
    return _secret(sovereign, naming.STATE_BACKEND_SECRET, dict(credentials))


def inputs(sovereign: Sovereign, name: str, files: dict[str, str]) -> Manifest:
    """The rendered inputs of one run: file name -> content."""
    return _secret(sovereign, name, files, immutable=True)


def restored_state(sovereign: Sovereign, content: str, version: str) -> Manifest:
    """OpenTofu's state Secret with a saved state in it, compressed and labelled as its backend does it. `content` is
    base64 of the state file; `version` the resourceVersion of the Secret that it goes into, empty if there is none."""
    return state(sovereign, packed_state(base64.b64decode(content)), version)


def packed_state(content: bytes) -> str:
    """A state file as it lies in the backend's Secret. Equal files give equal texts."""
    return base64.b64encode(gzip.compress(content, mtime=0)).decode()


def state(sovereign: Sovereign, packed: str, version: str = "") -> Manifest:
    """OpenTofu's state Secret, as its backend makes it. `packed` is base64 of the compressed state file."""
    made = state_secret(namespace_of(sovereign))
    if version:
        made["metadata"]["resourceVersion"] = version
    return {**made, "data": {"tfstate": packed}}


def state_secret(namespace: str) -> Manifest:
    """The Secret that OpenTofu's backend finds a state in, without one."""
    labelled = {
        "tfstate": "true",
        "tfstateSecretSuffix": naming.STATE_SUFFIX,
        "tfstateWorkspace": "default",
        "app.kubernetes.io/managed-by": "terraform",
    }
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": naming.STATE_SECRET,
            "namespace": namespace,
            "labels": labelled,
            "annotations": {"encoding": "gzip"},
        },
    }


def archived_state(sovereign: Sovereign, packed: str) -> Manifest:
    """The state as it was at hand-off, which nothing changes any more; only a deletion makes a copy of it."""
    manifest = _secret(sovereign, naming.ARCHIVED_STATE_SECRET, {}, immutable=True)
    manifest["metadata"]["labels"][labels.LABEL_ROLE] = labels.ROLE_ARCHIVE
    return {**manifest, "data": {"tfstate": packed}}


def owner_kubeconfig(sovereign: Sovereign, text: str) -> Manifest:
    """An administrator's kubeconfig of the new cluster, in the owner's namespace and the owner's from then on."""
    manifest = _secret(sovereign, naming.owner_kubeconfig(sovereign.metadata.name), {KUBECONFIG_KEY: text})
    manifest["metadata"]["namespace"] = sovereign.metadata.namespace
    manifest["metadata"]["labels"][labels.LABEL_ROLE] = labels.ROLE_KUBECONFIG
    return manifest


def record(sovereign: Sovereign, text: str) -> Manifest:
    """The record, held by a finalizer so that no one deletes it in passing."""
    manifest = _object(sovereign, "v1", "ConfigMap", naming.RECORD)
    manifest["metadata"]["finalizers"] = [labels.FINALIZER_RECORD]
    return {**manifest, "data": {"record.json": text}}


def plan(sovereign: Sovereign, digest: str, text: str) -> Manifest:
    """The text of a plan, in the owner's namespace; it goes with the Sovereign."""
    meta = sovereign.metadata
    manifest = _object(sovereign, "v1", "ConfigMap", naming.plan_config_map(meta.name, meta.uid))
    owner = {"apiVersion": labels.API_VERSION, "kind": "Sovereign", "name": meta.name, "uid": meta.uid_here}
    manifest["metadata"] |= {"namespace": meta.namespace, "ownerReferences": [owner]}
    return {**manifest, "data": {"digest": digest, "plan.txt": text}}


def receipt(sovereign: Sovereign, text: str) -> Manifest:
    """What a deletion found, removed and left: kept in the owner's namespace since the Sovereign is gone."""
    name = naming.receipt(sovereign.metadata.name, sovereign.metadata.uid)
    manifest = _object(sovereign, "v1", "ConfigMap", name)
    manifest["metadata"]["namespace"] = sovereign.metadata.namespace
    return {**manifest, "data": {"receipt.json": text}}


def _object(sovereign: Sovereign, api_version: str, kind: str, name: str) -> Manifest:
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": namespace_of(sovereign),
            "labels": labels_for(sovereign, labels.ROLE_RUN),
        },
    }


def _secret(sovereign: Sovereign, name: str, data: dict[str, str], *, immutable: bool = False) -> Manifest:
    manifest = {**_object(sovereign, "v1", "Secret", name), "type": "Opaque"}
    manifest["data"] = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    return {**manifest, "immutable": True} if immutable else manifest


def _role_binding(sovereign: Sovereign, name: str, role: str, subject: dict[str, str]) -> Manifest:
    return {
        **_object(sovereign, "rbac.authorization.k8s.io/v1", "RoleBinding", name),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [subject],
    }


def registrar_credentials(sovereign: Sovereign, namespace: str, data: Mapping[str, str], version: str) -> Manifest:
    """The copy of the owner's registrar Secret, `data` as it lies there; what a name is given back with when the
    owner's namespace is gone. Beside the operator, whose namespace this is: no run needs it."""
    manifest = _object(sovereign, "v1", "Secret", naming.registrar_secret(sovereign.metadata.uid))
    manifest["metadata"]["annotations"] = {labels.ANNOTATION_COPIED_FROM: version}
    return _beside_operator({**manifest, "data": dict(data)}, namespace)


def _beside_operator(manifest: Manifest, namespace: str) -> Manifest:
    """Of a Secret that no run may read."""
    meta = manifest["metadata"]
    return {
        **manifest,
        "metadata": {**meta, "namespace": namespace, "labels": {**meta["labels"], labels.LABEL_ROLE: labels.ROLE_KEYS}},
    }
