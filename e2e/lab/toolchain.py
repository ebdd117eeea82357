"""Builds the lab's programs from Go modules, each once per version, into the cache.

`link` then makes LAB_BIN, a folder of links, for one checkout.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from e2e.lab import flux_crds
from e2e.lab.cache import cached, digest
from e2e.lab.commands import run
from e2e.lab.errors import BuildFailed
from e2e.lab.layout import Layout
from e2e.lab.timeline import Timeline

MODULES = Path(__file__).with_name("tools")
PROVIDER = Path(__file__).with_name("provider")


@dataclass(frozen=True)
class Tool:
    """One Go module of ours that pins what is built from it."""

    name: str
    version: str
    packages: Sequence[str]
    expected: str
    """How long a cold build takes on two cores."""
    ldflags: str = "-s -w"

    @property
    def folder(self) -> Path:
        return MODULES / self.name


KUBE = Tool(
    name="kube",
    version="1.34.4",
    packages=[
        f"k8s.io/kubernetes/cmd/{command}"
        for command in (
            "kube-apiserver",
            "kube-controller-manager",
            "kube-scheduler",
            "kube-proxy",
            "kubelet",
            "kubectl",
        )
    ],
    expected="6 minutes",
    ldflags="-s -w -X k8s.io/component-base/version.gitVersion=v1.34.4",
)
TOFU = Tool(
    name="tofu",
    version="1.12.6",
    packages=["github.com/opentofu/opentofu/cmd/tofu"],
    expected="3 minutes",
    ldflags="-s -w -X github.com/opentofu/opentofu/version.dev=no",
)
KUSTOMIZE_CONTROLLER = Tool(
    name="kustomize-controller",
    version="1.7.3",
    packages=["github.com/fluxcd/kustomize-controller"],
    expected="3 minutes",
)
BINARIES = (KUBE, TOFU, KUSTOMIZE_CONTROLLER)

SYFT = Tool(
    name="syft",
    version="1.57.1",
    packages=["github.com/anchore/syft/cmd/syft"],
    expected="4 minutes",
    ldflags="-s -w -X main.version=1.57.1",
)
"""Lists the parts of an image; no process of the lab needs it."""

FLUX_CRDS = MODULES / "flux-crds"

PROVIDER_VERSION = "1.68.0"
PROVIDER_FOLDER = f"registry.opentofu.org/hetznercloud/hcloud/{PROVIDER_VERSION}/linux_amd64"
PROVIDER_PATH = f"{PROVIDER_FOLDER}/terraform-provider-hcloud_v{PROVIDER_VERSION}"
"""Where OpenTofu looks for the provider in a filesystem mirror."""


def link(layout: Layout, timeline: Timeline) -> None:
    """Build what is missing and make LAB_BIN of this lab: programs, the provider, and Flux's CRDs below `crds/`."""
    folders = [build(tool, timeline) for tool in BINARIES]
    layout.bin.mkdir(parents=True, exist_ok=True)
    for source in (file for folder in folders for file in folder.iterdir()):
        _link(layout.bin / source.name, source)
    _link(layout.bin / "terraform-provider-hcloud", provider_mirror(timeline) / PROVIDER_PATH)
    _link(layout.bin / "crds", flux_crds_folder(timeline))


def _link(link: Path, target: Path) -> None:
    if link.is_symlink() and link.readlink() == target:
        return
    link.unlink(missing_ok=True)
    link.symlink_to(target)


def build(tool: Tool, timeline: Timeline) -> Path:
    """The cache folder with the tool's binaries."""

    def make(out: Path) -> None:
        go("build", "-trimpath", "-ldflags", tool.ldflags, "-o", f"{out}/", *tool.packages, cwd=tool.folder)

    key = digest([tool.folder / "go.mod", tool.folder / "go.sum"], *tool.packages, tool.ldflags)
    return cached(f"tools/{tool.name}-{tool.version}-{key}", make, timeline, f"build {tool.name}", tool.expected)


def flux_crds_folder(timeline: Timeline) -> Path:
    """A folder with the CRDs of the Flux that new clusters boot."""

    def make(out: Path) -> None:
        def generate(types: str) -> str:
            return go("tool", "controller-gen", "crd", f"paths={types}", f"output:crd:dir={out}", cwd=FLUX_CRDS)

        later = _download(flux_crds.LATER, flux_crds.LATER_CHECKSUM) / "config/crd/bases"
        flux_crds.make(out, generate, later)

    sources = [FLUX_CRDS / "go.mod", FLUX_CRDS / "go.sum", Path(flux_crds.__file__)]
    name = f"tools/flux-crds-{flux_crds.VERSION}-{digest(sources)}"
    return cached(name, make, timeline, "generate Flux' CRDs", "half a minute")


def _download(module: str, checksum: str) -> Path:
    got = json.loads(go("mod", "download", "-json", module, cwd=FLUX_CRDS))
    if got["Sum"] != checksum:
        raise BuildFailed(
            f"{module} has the checksum {got['Sum']}, not {checksum}",
            "do not use it: find out who changed a published module",
        )
    return Path(got["Dir"])


def provider_mirror(timeline: Timeline) -> Path:
    """A filesystem mirror for OpenTofu with the stand-in for the provider hetznercloud/hcloud."""
    sources = [file for file in sorted(PROVIDER.rglob("*")) if file.is_file() and not file.name.endswith("_test.go")]

    def make(out: Path) -> None:
        go("build", "-trimpath", "-ldflags", "-s -w", "-o", str(out / PROVIDER_PATH), ".", cwd=PROVIDER)

    key = digest(sources, *(str(file.relative_to(PROVIDER)) for file in sources))
    return cached(f"tools/provider-{PROVIDER_VERSION}-{key}", make, timeline, "build the provider", "1 minute")


def go(*arguments: str, cwd: Path) -> str:
    """Run Go with what the committed go.mod and go.sum pin, and nothing newer."""
    environment = {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly -buildvcs=false"}
    remedy = f"a first build needs the Go module proxy, and a Go at least as new as {cwd}/go.mod says (`go version`)"
    return run(["go", *arguments], cwd=cwd, environment=environment, remedy=remedy)
