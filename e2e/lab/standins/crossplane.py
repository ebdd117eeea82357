"""The fields of Crossplane's kinds, and of those of the one provider that the kit installs. Neither Crossplane nor the
provider is there: what a Workspace would do is tried with plain OpenTofu
(tests/integration/hcloud/test_hcloud_handed_over.py).

They are of our own making and hold what the kit may use, so that a misspelt one is refused.
"""

from __future__ import annotations

from typing import Any

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
PROVIDER = one("package", package=TEXT, packagePullPolicy=TEXT, packagePullSecrets=several("name", name=TEXT))
PROVIDER_CONFIG = one(
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
WORKSPACE = one(
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
