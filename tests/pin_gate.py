"""`python -m tests.pin_gate`: compares the pins wherever they stand: rendered cloud-init, the kit's files, the charts.

Cloud-init is rendered by real OpenTofu with just what the operator would give it.
"""

from __future__ import annotations

import re
import shlex
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from catalyst_operator.core import boot, kit, pins, releases
from catalyst_operator.core.pins import KitRelease, Rendered
from catalyst_operator.core.releases import Release
from tests import gen
from tests.integration import cloud_init
from tests.integration.tofu import MODULE, OpenTofu

KIT = Path(__file__).resolve().parents[1] / "clusters" / "_template" / "bootstrap-kit"
VARIABLE = re.compile(r"\$\{(\w+)(?::=([^}]*))?\}")


def rendered(release: Release, tofu: OpenTofu) -> Rendered:
    """What a new cluster would be told with this release."""
    variables = cloud_init.sample(
        release=release.module_value(), kit_values=kit.values(gen.sovereign(), release), boot_manifests=boot.manifests()
    )
    first = cloud_init.render(tofu, variables).control_planes[0]
    substituted = first.kit["Kustomization"]["spec"]["postBuild"]["substitute"]
    return Rendered(
        node_env=node_env(first.files["/etc/catalyst/node.env"].text),
        cilium_values=yaml.safe_load((MODULE / "cilium-values.yaml").read_text()),
        kit={program.chart: kit_release(program.chart, substituted) for program in pins.ADOPTED},
    )


def node_env(text: str) -> dict[str, str]:
    """The variables of a node, unquoted as the shell does it."""
    words = (word.partition("=") for line in text.splitlines() for word in shlex.split(line))
    return {name: value for name, _, value in words}


def kit_release(chart: str, values: Mapping[str, str]) -> KitRelease:
    """The kit's HelmRelease of this chart, after Flux's substitution."""
    text = next(t for path in sorted(KIT.glob("*.yaml")) if f"name: {chart}\n" in (t := path.read_text()))
    filled = VARIABLE.sub(lambda found: values.get(found[1]) or found[2] or "", text)
    spec = next(d for d in yaml.safe_load_all(filled) if d["kind"] == "HelmRelease")["spec"]
    inner: dict[str, Any] = spec.get("values") or {}
    version = str(spec["chart"]["spec"]["version"])
    return KitRelease(version, spec["releaseName"], spec["targetNamespace"], inner)


def main() -> int:
    """0 when all pins agree."""
    catalogue: releases.Catalogue = releases.load()
    found: list[str] = []
    with tempfile.TemporaryDirectory() as home:
        tofu = OpenTofu.without_provider(Path(home))
        for name, release in catalogue.releases.items():
            wrong = pins.violations(release, catalogue, rendered(release, tofu))
            print(f"release {name}: " + ("all pins agree" if not wrong else f"{len(wrong)} disagree"))
            found += wrong
    for told in found:
        print(f"  {told}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
