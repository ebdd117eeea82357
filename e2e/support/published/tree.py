"""Files of a Git repository with the published kit, from the facts in kit.yaml.

Facts do not tell everything: one HelmRepository a release, namespaces that Helm makes, and the values themselves are
chosen here. Names, versions, namespaces, order, and which values are set are as published.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

_KIT = Path(__file__).with_name("kit.yaml")
FOLDER = "clusters/_template/bootstrap-kit"
FLUX = "flux-system"
_OF_THE_DOMAIN = ("fqdn", "host", "hosts", "domainfilters", "txtownerid", "txtprefix")
_LISTS = ("hosts", "domainFilters")

Object = dict[str, Any]


def facts() -> Object:
    """What is known of the published kit."""
    loaded: Object = yaml.safe_load(_KIT.read_text(encoding="utf-8"))
    return loaded


def files(known: Mapping[str, Any] | None = None) -> dict[str, str]:
    """Path in the repository -> text."""
    known = known or facts()
    made = {
        f"{number:02}-{name.removeprefix('bp-')}.yaml": yaml.safe_dump_all(_objects(name, entry, known))
        for number, (name, entry) in enumerate(known["releases"].items(), start=1)
    }
    kustomization = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": [*made]}
    made["kustomization.yaml"] = yaml.safe_dump(kustomization)
    return {f"{FOLDER}/{name}": text for name, text in made.items()}


def _objects(name: str, entry: Mapping[str, Any], known: Mapping[str, Any]) -> Iterator[Object]:
    repository: Object = {
        "type": "oci",
        "interval": "15m",
        "url": known["registry"],
        "secretRef": {"name": known["pull_secret"]},
    }
    yield _named("source.toolkit.fluxcd.io/v1beta2", "HelmRepository", name, repository)
    yield _named("helm.toolkit.fluxcd.io/v2", "HelmRelease", name, _release(name, entry))


def _named(version: str, kind: str, name: str, spec: Object) -> Object:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": FLUX}, "spec": spec}


def _release(name: str, entry: Mapping[str, Any]) -> Object:
    source = {"kind": "HelmRepository", "name": name, "namespace": FLUX}
    without_waiting: Object = {} if entry.get("waits") else {"disableWait": True}
    spec: Object = {
        "interval": "15m",
        "releaseName": entry["release"],
        "targetNamespace": entry["namespace"],
        "chart": {"spec": {"chart": name, "version": entry["version"], "sourceRef": source}},
        "install": {"createNamespace": True, "remediation": {"retries": 3}, **without_waiting},
        "upgrade": {"remediation": {"retries": 3}, **without_waiting},
        "dependsOn": [{"name": other} for other in entry.get("after", ())],
        "timeout": entry.get("timeout"),
        "values": _values(entry.get("sets", ())),
    }
    return {key: value for key, value in spec.items() if value}


def _values(paths: tuple[str, ...]) -> Object:
    made: Object = {}
    for path in paths:
        *above, last = path.split(".")
        inner = made
        for part in above:
            inner = inner.setdefault(part, {})
        inner[last] = _value(last)
    return made


def _value(key: str) -> object:
    if not key.lower().endswith(_OF_THE_DOMAIN):
        return True
    return ["${SOVEREIGN_FQDN}"] if key in _LISTS else "${SOVEREIGN_FQDN}"
