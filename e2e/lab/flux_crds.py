"""The CRDs of the Flux that new clusters boot, from its Go modules.

They are generated from the types of that Flux' API modules. The lab's kustomize-controller is of a later one, because
only that builds from Go modules, and does not start without two things that came after: they are added, and nothing of
the kit needs them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

VERSION = "2.4.0"
"""Of Flux. Its API modules are pinned in tools/flux-crds/go.mod."""
TYPES = {
    "source": "github.com/fluxcd/source-controller/api/...",
    "kustomize": "github.com/fluxcd/kustomize-controller/api/...",
    "helm": "github.com/fluxcd/helm-controller/api/...",
}

LATER = "github.com/fluxcd/source-controller@v1.8.5"
LATER_CHECKSUM = "h1:3zKSTGc2FPoZcQ5BjnyOrwdHDWeYqst3uAoZ+c0DG3c="
"""An archive that carries CRDs as YAML, with the checksum that a go.sum would have: it does not build outside its
repository, so no go.mod here can require it."""
_ADDED_KIND = "source.toolkit.fluxcd.io_externalartifacts.yaml"
_ADDED_VERSION = ("source.toolkit.fluxcd.io_ocirepositories.yaml", "v1")
_VERSION_BEGINS = "\n  - additionalPrinterColumns:\n"


def make(out: Path, generate: Callable[[str], object], later: Path) -> None:
    """Write all CRDs to `out`: `generate` makes those of types, `later` is the folder of the later archive's CRDs."""
    for types in TYPES.values():
        generate(types)
    (out / _ADDED_KIND).write_bytes((later / _ADDED_KIND).read_bytes())
    name, version = _ADDED_VERSION
    (out / name).write_text(served_too((out / name).read_text(), (later / name).read_text(), version))


def served_too(crd: str, later: str, version: str) -> str:
    """A CRD that also serves a version of a later one, without storing it."""
    _, *blocks = later.split(_VERSION_BEGINS)
    block = next(text for text in blocks if f"\n    name: {version}\n" in text)
    return (
        crd.rstrip()
        + _VERSION_BEGINS
        + block.replace("\n    storage: true\n", "\n    storage: false\n").rstrip()
        + "\n"
    )
