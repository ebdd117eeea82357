"""`python -m tests.support.pin_gate`: compares the pins of rendered cloud-init, the kit's files and the charts.

Cloud-init is rendered by real OpenTofu with just what the operator would give it; the kit is what Flux on the new
cluster would make of it.
"""

from __future__ import annotations

import re
import shlex
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import yaml

from catalyst_operator.core import kit
from catalyst_operator.core.access import boot, seeds
from catalyst_operator.core.kit import pins, releases
from catalyst_operator.core.kit.pin_sites import ADOPTED, Adopted, KitRelease, Rendered
from catalyst_operator.core.kit.releases import Release, ReleaseCatalogue
from tests.integration import cloud_init
from tests.integration.tofu import OpenTofu
from tests.support import gen, postbuild
from tests.support.paths import REPOSITORY

_MADE = {
    "flux": re.compile(r"^\s*as_helm_release (\S+) (\S+) ", re.MULTILINE),
    "cilium": re.compile(r"^\s*helm install (\S+) .*--namespace (\S+)", re.MULTILINE),
}
"""How first boot makes each Helm release: its name, then its namespace."""


def rendered(release: Release, tofu: OpenTofu) -> Rendered:
    """What a new cluster would be told with this release."""
    variables = cloud_init.sample(
        release=release.module_value(),
        kit_values=kit.values(gen.sovereign(), release, pull_secret=seeds.PULL),
        boot_manifests=boot.manifests("omantel.omani.works", seeds.PULL),
    )
    first = cloud_init.render(tofu, variables).control_planes[0]
    substituted = first.kit["Kustomization"]["spec"]["postBuild"]["substitute"]
    found = {program.chart: kit_release(program, substituted) for program in ADOPTED}
    return Rendered(
        node_env=node_env(first.files["/etc/catalyst/node.env"].text),
        booted=booted(first.files["/usr/local/lib/catalyst/bootstrap-cluster.sh"].text),
        cilium_values=yaml.safe_load(first.files["/etc/catalyst/cilium-values.yaml"].text),
        kit={chart: release for chart, release in found.items() if release},
    )


def node_env(text: str) -> dict[str, str]:
    """The variables of a node, unquoted as the shell does it."""
    words = (word.partition("=") for line in text.splitlines() for word in shlex.split(line))
    return {name: value for name, _, value in words}


def booted(script: str) -> dict[str, tuple[str, str]]:
    """Name and namespace of each Helm release that the script makes; what it makes twice, or not at all, is left
    out."""
    made = {name: pattern.findall(script) for name, pattern in _MADE.items()}
    return {name: found[0] for name, found in made.items() if len(found) == 1}


def kit_release(program: Adopted, values: Mapping[str, str], text: str | None = None) -> KitRelease | None:
    """The kit's HelmRelease of this program, after Flux's substitution. `text` is its file."""
    text = (REPOSITORY / program.file).read_text(encoding="utf-8") if text is None else text
    for manifest in yaml.safe_load_all(text):
        if manifest["kind"] == "HelmRelease" and manifest["spec"]["chart"]["spec"]["chart"] == program.chart:
            version = str(manifest["spec"]["chart"]["spec"]["version"])
            given = postbuild.VARIABLE.fullmatch(version)
            return KitRelease.of(postbuild.substituted(manifest, values), given["default"] or "" if given else version)
    return None


def disagreements(catalogue: ReleaseCatalogue, tofu: OpenTofu) -> int:
    """Tells of every check of every release; how many sentences there were to say."""
    count = 0
    for name, release in catalogue.releases.items():
        for title, found in pins.checks(release, catalogue, rendered(release, tofu)):
            print(f"{'refused' if found else 'ok':8}{name}: {title}")
            for told in found:
                print(f"        {told}")
            count += len(found)
    return count


def main() -> int:
    """0 when all pins agree."""
    with tempfile.TemporaryDirectory() as home:
        return 1 if disagreements(releases.load(), OpenTofu.without_provider(Path(home))) else 0


if __name__ == "__main__":
    sys.exit(main())
