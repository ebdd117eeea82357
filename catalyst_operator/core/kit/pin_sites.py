"""Where the versions stand that must agree (`core.pins` compares them): the release, what a new cluster is told at its
first boot, and the kit's HelmReleases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from catalyst_operator.core.kit.releases import Chart, Download, Release, ReleaseCatalogue


@dataclass(frozen=True)
class Adopted:
    """A program that first boot installs as a Helm release, which the kit's chart then upgrades."""

    name: str
    """As people call it."""
    download: str
    """Its download in a release, and the beginning of its variables on a node."""
    chart: str
    release_name: str
    namespace: str
    file: str
    """Of the kit."""

    def booted(self, release: Release) -> Download:
        """What first boot fetches of it."""
        found: Download = getattr(release.downloads, self.download)
        return found


FLUX = Adopted("Flux", "flux", "bp-flux", "flux", "flux-system", "clusters/_template/bootstrap-kit/03-flux.yaml")
CILIUM = Adopted(
    "Cilium", "cilium", "bp-cilium", "cilium", "kube-system", "clusters/_template/bootstrap-kit/01-cilium.yaml"
)
ADOPTED = (FLUX, CILIUM)


@dataclass(frozen=True)
class KitRelease:
    """A HelmRelease of the kit, as Flux on the new cluster will see it."""

    version: str
    release_name: str
    namespace: str
    storage_namespace: str
    """Where helm-controller looks for the record of the release that it should upgrade."""
    default_version: str = ""
    """What the file says where nobody gives it a version; empty if it insists on one."""
    preserves_values: bool = False
    decides_ownership: bool = False
    """Has disableTakeOwnership, which older CRDs do not know."""
    values: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, manifest: Mapping[str, Any], default_version: str = "") -> KitRelease:
        """From the object; what it leaves out is what helm-controller makes of that."""
        meta, spec = manifest["metadata"], manifest["spec"]
        target, install, upgrade = spec.get("targetNamespace", ""), spec.get("install", {}), spec.get("upgrade", {})
        return cls(
            version=str(spec["chart"]["spec"]["version"]),
            release_name=spec.get("releaseName") or "-".join(part for part in (target, meta["name"]) if part),
            namespace=target or meta["namespace"],
            storage_namespace=spec.get("storageNamespace") or meta["namespace"],
            default_version=default_version,
            preserves_values=upgrade.get("preserveValues") is True,
            decides_ownership="disableTakeOwnership" in {*install, *upgrade},
            values=spec.get("values", {}),
        )


@dataclass(frozen=True)
class Rendered:
    """What a new cluster is told, with a release."""

    node_env: Mapping[str, str]
    """Variables of the first node."""
    booted: Mapping[str, tuple[str, str]]
    """Program, as its download is called -> name and namespace of the Helm release that first boot makes of it."""
    cilium_values: Mapping[str, Any]
    """What first boot gives to Cilium's chart."""
    kit: Mapping[str, KitRelease]
    """Chart -> the kit's HelmRelease of it, after substitution."""


@dataclass(frozen=True)
class Facts:
    """Everything that says something about one program's version."""

    program: Adopted
    release: Release
    catalogue: ReleaseCatalogue
    rendered: Rendered

    @property
    def told(self) -> str:
        """The version that cloud-init calls it."""
        return bare(self.rendered.node_env.get(f"{self.program.download.upper()}_VERSION", ""))

    @property
    def url(self) -> str:
        """Where cloud-init fetches it."""
        return self.rendered.node_env.get(f"{self.program.download.upper()}_URL", "")

    @property
    def kit(self) -> KitRelease | None:
        """What takes it over."""
        return self.rendered.kit.get(self.program.chart)


def chart_of(program: Adopted, version: str | None, catalogue: ReleaseCatalogue) -> Chart | None:
    """The metadata of the kit's chart in that version."""
    return catalogue.charts.get(program.chart, {}).get(version or "")


def bare(version: str) -> str:
    """The version without the v that some write before it."""
    return version.removeprefix("v")
