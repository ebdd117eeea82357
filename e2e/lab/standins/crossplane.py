"""Stands in for Crossplane's package manager: with the chart come the kinds of packages, and with them those of the one
provider that the kit installs. Neither Crossplane nor the provider is there: what a Workspace would do is tried with
plain OpenTofu (tests/integration/hcloud/test_hcloud_handed_over.py).

The schemas are of our own making and hold the fields that the kit may use, so that a misspelt one is refused.
"""

from __future__ import annotations

from typing import Any

from e2e.lab.standins.kube import Kube

CHART = "bp-crossplane"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
YES_OR_NO: Schema = {"type": "boolean"}


def either(*values: str) -> Schema:
    return {"type": "string", "enum": list(values)}


def texts() -> Schema:
    return {"type": "array", "items": TEXT}


def several(*needed: str, **fields: Schema) -> Schema:
    return {"type": "array", "items": one(*needed, **fields)}


def one(*needed: str, **fields: Schema) -> Schema:
    return {"type": "object", "properties": fields, **({"required": list(needed)} if needed else {})}


_KEY = one("namespace", "name", "key", namespace=TEXT, name=TEXT, key=TEXT)
_PROVIDER = one("package", package=TEXT, packagePullPolicy=TEXT, packagePullSecrets=several("name", name=TEXT))
_PROVIDER_CONFIG = one(
    configuration=TEXT,
    backendFile=TEXT,
    pluginCache=YES_OR_NO,
    credentials=several(
        "filename",
        "source",
        filename=TEXT,
        source=either("None", "Secret", "Environment", "Filesystem"),
        secretRef=_KEY,
    ),
)
_WORKSPACE = one(
    "forProvider",
    deletionPolicy=either("Orphan", "Delete"),
    managementPolicies=texts(),
    providerConfigRef=one("name", name=TEXT),
    forProvider=one(
        "module",
        "source",
        module=TEXT,
        source=either("Remote", "Inline"),
        entrypoint=TEXT,
        env=several("name", name=TEXT, value=TEXT, configMapKeyRef=_KEY, secretKeyRef=_KEY),
        vars=several("key", "value", key=TEXT, value=TEXT),
        varFiles=several(
            "source",
            source=either("ConfigMapKey", "SecretKey"),
            format=either("HCL", "JSON"),
            configMapKeyRef=_KEY,
            secretKeyRef=_KEY,
        ),
        initArgs=texts(),
        planArgs=texts(),
        applyArgs=texts(),
        destroyArgs=texts(),
    ),
)


def definitions() -> list[dict[str, Any]]:
    """The CustomResourceDefinitions, all of the cluster's scope."""
    return [
        _definition("pkg.crossplane.io", "v1", "Provider", _PROVIDER),
        _definition("opentofu.upbound.io", "v1beta1", "ProviderConfig", _PROVIDER_CONFIG),
        _definition("opentofu.upbound.io", "v1beta1", "Workspace", _WORKSPACE),
    ]


async def bring(kube: Kube, chart: str) -> None:
    """Define what comes with the chart; may be repeated."""
    for definition in definitions() if chart == CHART else []:
        await kube.create(DEFINITIONS, definition)


def _definition(group: str, version: str, kind: str, spec: Schema) -> dict[str, Any]:
    plural = f"{kind.lower()}s"
    served = {
        "name": version,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": one(spec=spec, status={"type": "object"})},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Cluster",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"},
            "versions": [served],
        },
    }
