"""What has to be there before a release can be made: the values that it refers to and its namespace."""

from __future__ import annotations

import base64
from typing import Any

from e2e.lab.standins.kube import Kube
from e2e.lab.standins.objects import Object
from e2e.lab.standins.release import Release

_PLURALS = {"ConfigMap": "configmaps", "Secret": "secrets"}
_DEFAULT_KEY = "values.yaml"


class ValuesMissing(Exception):
    """A reference of valuesFrom leads nowhere; the text is helm-controller's."""


async def referenced_values(kube: Kube, obj: Object) -> dict[str, Any]:
    """The texts that valuesFrom refers to, by kind, name and key. Raises ValuesMissing."""
    found: dict[str, Any] = {}
    for reference in obj["spec"].get("valuesFrom") or []:
        kind, name, key = reference["kind"], reference["name"], reference.get("valuesKey") or _DEFAULT_KEY
        namespace = obj["metadata"]["namespace"]
        source = await kube.find(f"/api/v1/namespaces/{namespace}/{_PLURALS[kind]}/{name}")
        text = ((source or {}).get("data") or {}).get(key)
        if text is not None:
            found[f"{kind}/{name}/{key}"] = base64.b64decode(text).decode() if kind == "Secret" else text
        elif not reference.get("optional"):
            problem = f"missing key '{key}' in it" if source else f'{_PLURALS[kind]} "{name}" not found'
            raise ValuesMissing(
                f"could not resolve {kind} chart values reference '{namespace}/{name}' with key '{key}': {problem}"
            )
    return found


async def namespace_problem(kube: Kube, release: Release) -> str | None:
    """Make the release's namespace where the spec says so; what Helm says where it is neither there nor to be made."""
    path = f"/api/v1/namespaces/{release.target}"
    if await kube.find(path) is not None:
        return None
    if not release.install.get("createNamespace"):
        return f'create: failed to create: namespaces "{release.target}" not found'
    await kube.create("/api/v1/namespaces", {"metadata": {"name": release.target}})
    return None
