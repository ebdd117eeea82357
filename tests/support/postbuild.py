"""What Flux makes of a built object: written as YAML without needless quotes, variables replaced, read again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.support.paths import REPOSITORY

TEMPLATE = REPOSITORY / "clusters" / "_template"
VARIABLE = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::=(?P<default>[^}]*))?\}")


class _Dumper(yaml.SafeDumper):
    """Writes text of several lines as it is, like kustomize."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def substituted(obj: Any, values: Mapping[str, str]) -> Any:
    """The object with its variables replaced in its text, as envsubst does for ${NAME} and ${NAME:=default}."""
    text = yaml.dump(obj, Dumper=_Dumper, width=10_000)
    flat = {name: value.replace("\n", "") for name, value in values.items()}
    return yaml.safe_load(VARIABLE.sub(lambda found: flat.get(found["name"]) or found["default"] or "", text))


def objects(folder: str) -> Iterator[tuple[Path, Any]]:
    """Every object in the files of a folder of the template."""
    for file in sorted((TEMPLATE / folder).rglob("*.yaml")):
        for obj in yaml.safe_load_all(file.read_text(encoding="utf-8")):
            yield file, obj


def releases(folder: str) -> dict[str, Any]:
    """The HelmReleases of a folder of the template, by name, in the order of the files; patches are none."""
    found = ((file, obj) for file, obj in objects(folder) if obj["kind"] == "HelmRelease")
    return {obj["metadata"]["name"]: obj for file, obj in found if not file.name.startswith("patch")}


def told(values: Mapping[str, str]) -> Any:
    """What the kit's ConfigMap tells of a Sovereign, read as whoever uses it reads it."""
    found = next(obj for _, obj in objects("bootstrap-kit") if obj["kind"] == "ConfigMap")
    return yaml.safe_load(substituted(found, values)["data"]["sovereign.yaml"])


def everything(part: str = "") -> dict[str, Any]:
    """All HelmReleases of the template, or of one of its parts."""
    parts = [part] if part else ["bootstrap-kit", "infrastructure", "components"]
    return {name: obj for folder in parts for name, obj in releases(folder).items()}
