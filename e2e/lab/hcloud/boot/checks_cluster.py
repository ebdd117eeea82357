"""What the first control plane needs besides: authorities, and what Cilium and Flux are installed with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from e2e.lab import flux_crds
from e2e.lab.hcloud.boot import certificates, demands, tokens
from e2e.lab.hcloud.boot.first_boot import CILIUM_VALUES, CLUSTER_SCRIPT, KIT, SCRIPTS, FirstBoot, Role

AUTHORITIES = ("server-ca", "client-ca", "request-header-ca", "etcd/server-ca", "etcd/peer-ca")
CA_FILES = (*(f"{name}.{end}" for name in AUTHORITIES for end in ("crt", "key")), "service.key")
CLUSTER_STEPS = ("api", "storage-class", "gateway-api", "helm", "cilium", "flux", "boot-manifests", "kit")
_DEFAULT_CLASS = "is-default-class=true"
_CILIUM: dict[str, Any] = {
    "kubeProxyReplacement": True,
    # Of k3s' own load balancer on each node: the API server has to be found without kube-proxy.
    "k8sServiceHost": "127.0.0.1",
    "k8sServicePort": 6444,
}


def scripts(boot: FirstBoot) -> list[str]:
    """What is started after the node's own script."""
    return [f"{SCRIPTS}{CLUSTER_SCRIPT}"] if boot.role is Role.FIRST else []


def refusals(boot: FirstBoot) -> Iterator[str]:
    """Why there would be no cluster."""
    if boot.k3s.get("cluster-init") is not True:
        yield "neither cluster-init nor JOIN_ADDRESSES is there: a control plane must begin a cluster or join one"
    yield from _script(boot)
    yield from _authorities(boot)
    yield from _cilium(boot)
    yield from demands.pins(boot, "gateway_api", "helm", "cilium", "flux")
    if (version := boot.env.get("FLUX_VERSION")) and version != f"v{flux_crds.VERSION}":
        yield f"node.env has Flux {version}, and the lab the CRDs of v{flux_crds.VERSION}: see e2e/lab/flux_crds.py"
    yield from _manifests(boot)
    yield from _kit(boot)


def _script(boot: FirstBoot) -> Iterator[str]:
    yield from demands.script_written(boot, CLUSTER_SCRIPT)
    yield from demands.steps_known(boot, CLUSTER_SCRIPT, CLUSTER_STEPS)
    if _DEFAULT_CLASS not in boot.config.text(f"{SCRIPTS}{CLUSTER_SCRIPT}"):
        yield f"{CLUSTER_SCRIPT} makes no StorageClass the default one: charts that name none would wait for ever"


def _authorities(boot: FirstBoot) -> Iterator[str]:
    files = boot.ca_files
    missing = [name for name in CA_FILES if not files.get(name)]
    if missing:
        yield f"CA files are missing: {', '.join(missing)}; k3s would make its own, which the tokens do not name"
        return
    for name in AUTHORITIES:
        yield from (f"{name}: {why}" for why in certificates.unfit(files[f"{name}.crt"], files[f"{name}.key"]))
    yield from (f"service.key: {why}" for why in certificates.unfit_key(files["service.key"]))
    for key in ("token", "agent-token"):
        token = tokens.parse(boot.k3s.get(key, ""))
        if token and not token.trusts(files["server-ca.crt"]):
            yield f"the hash in {key} is not the sha256 of server-ca.crt: no node would trust this cluster"


def _cilium(boot: FirstBoot) -> Iterator[str]:
    values = boot.cilium
    if not values:
        yield f"{CILIUM_VALUES} is not written, or is not YAML: there would be no Pod network"
        return
    for name, wanted in _CILIUM.items():
        if values.get(name) != wanted:
            yield f"{name} in {CILIUM_VALUES} is {values.get(name)!r}, not {wanted!r}: Pods would not reach Services"
    if values.get("gatewayAPI", {}).get("enabled") is not True:
        yield f"gatewayAPI.enabled in {CILIUM_VALUES} is not true: nothing would answer on the gateway's ports"


def _manifests(boot: FirstBoot) -> Iterator[str]:
    for number, text in enumerate(boot.manifests, 1):
        try:
            objects = [entry for entry in yaml.safe_load_all(text) if entry is not None]
        except yaml.YAMLError as error:
            yield f"boot manifest {number} is not YAML: {str(error)[:120]}"
            continue
        if any(not isinstance(entry, dict) or "kind" not in entry for entry in objects):
            yield f"boot manifest {number} holds something that is no Kubernetes object"


def _kit(boot: FirstBoot) -> Iterator[str]:
    """Flux needs a source and a Kustomization that refers to it."""
    found = {item.get("kind"): item for item in boot.kit if isinstance(item, dict)}
    source, kit = found.get("GitRepository"), found.get("Kustomization")
    if source is None or kit is None:
        yield f"{KIT} has no {'GitRepository' if source is None else 'Kustomization'}: Flux would have nothing to do"
        return
    wanted = boot.env.get("KIT_NAME", "")
    if not wanted or kit.get("metadata", {}).get("name") != wanted:
        yield f"KIT_NAME in node.env is '{wanted}', and the Kustomization has another name: boot would not find it"
    if wanted.removesuffix("-bootstrap-kit") not in boot.tls_names:
        yield f"KIT_NAME '{wanted}' is not <name in tls-san>-bootstrap-kit"
    if kit.get("spec", {}).get("sourceRef", {}).get("name") != source.get("metadata", {}).get("name"):
        yield "the Kustomization's sourceRef does not name the GitRepository: Flux would wait for ever"
    if not source.get("spec", {}).get("url"):
        yield "the GitRepository has no url"
