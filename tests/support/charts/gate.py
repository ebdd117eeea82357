"""`python -m tests.support.charts.gate`: every HelmRelease of clusters/_template sets only what its chart reads.

A key that a chart does not know is no error for Helm: the value is dropped, and what it was meant for does not happen.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from catalyst_operator.core.access import seeds
from tests.support.charts import facts
from tests.support.charts.facts import Chart
from tests.support.paths import REPOSITORY
from tests.support.postbuild import TEMPLATE, VARIABLE

NESTED = re.compile(r"(?<!\\)[.\[]")
"""Where a targetPath goes one level down."""
WHOLE = "values.yaml"
"""The key of a reference that names none."""


_DELIVERED = {name: {seeds.VALUES_KEY: seeds.values_document(path, "")} for name, path in seeds.VALUES.items()}
"""Secret -> key -> document of values that the operator puts there."""


@dataclass(frozen=True)
class Release:
    """One HelmRelease, or a patch of one, and where it stands."""

    file: str
    manifest: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.manifest["metadata"]["name"])

    @property
    def spec(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.manifest["spec"]
        return found

    @property
    def chart(self) -> Mapping[str, Any] | None:
        """What it says of its chart; a patch says nothing."""
        found: Mapping[str, Any] | None = self.spec.get("chart", {}).get("spec")
        return found


def violations(top: Path = TEMPLATE, charts: Mapping[str, Chart] | None = None) -> Iterator[str]:
    """Each value that no chart reads and each version that is too old, with file, path and what was meant."""
    charts = facts.load() if charts is None else charts
    objects = list(_objects(top))
    texts = {obj["metadata"]["name"]: obj["data"] for _, obj in objects if obj["kind"] == "ConfigMap"} | _DELIVERED
    releases = [Release(file, obj) for file, obj in objects if obj["kind"] == "HelmRelease"]
    named = {release.name: release.chart["chart"] for release in releases if release.chart}
    for release in releases:
        chart = charts.get(named.get(release.name, ""))
        if chart is not None:
            yield from _too_old(release, chart)
        for where, path in _set(release, texts):
            told = chart.objection(path) if chart and path else _unknown(named.get(release.name, release.name), path)
            if told:
                yield f"{release.file}: {where}: {told} (as of {facts.as_of()})."


def _objects(top: Path) -> Iterator[tuple[str, Any]]:
    for file in sorted(top.rglob("*.yaml")):
        for obj in yaml.safe_load_all(file.read_text(encoding="utf-8")):
            if isinstance(obj, dict) and "metadata" in obj:
                yield str(file.relative_to(top.parents[1])), obj


def _set(release: Release, texts: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Where each value is set, for people, and its path; an empty path where nobody can know it."""
    for path in _paths(release.spec.get("values", {})):
        yield "values." + ".".join(path), path
    for number, reference in enumerate(release.spec.get("valuesFrom", [])):
        where = f"valuesFrom[{number}]"
        if target := reference.get("targetPath"):
            yield f"{where}.targetPath {target}", tuple(re.sub(r"\\(.)", r"\1", part) for part in NESTED.split(target))
            continue
        text = texts.get(reference["name"], {}).get(reference.get("valuesKey", WHOLE))
        if text is None:
            yield where, ()
        for path in _paths(yaml.safe_load(text) if text else {}):
            yield f"{where} {reference['name']}: {'.'.join(path)}", path


def _paths(value: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of everything that is set; a list is one value."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _paths(inner, (*above, str(key)))
    elif above:
        yield above


def _unknown(chart: str, path: tuple[str, ...]) -> str:
    if not path:
        return "takes values from an object that is not in the tree, so nobody can say whether its chart reads them"
    return f"nothing is known of the values of {chart}: set none, or add it to {facts.KNOWN.relative_to(REPOSITORY)}"


def _too_old(release: Release, chart: Chart) -> Iterator[str]:
    said = (release.chart or {}).get("version")
    if said is None:
        return
    given = VARIABLE.fullmatch(said)
    version = given["default"] if given else said
    if version and _number(version) < _number(chart.version):
        yield f"{release.file}: chart.spec.version: {chart.name} {version} is older than {chart.version} of the facts."


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def main() -> int:
    """0 when every chart reads what it is told."""
    found = list(violations())
    for told in found:
        print(f"refused {told}")
    print(f"{'refused' if found else 'ok':8}the kit sets only what its charts read (facts of {facts.as_of()})")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
