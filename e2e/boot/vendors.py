"""What the vendors serve: the files of a release, at the vendors' own addresses, and their checksums.

Real are Helm and the Gateway API's CRDs; the rest are stand-ins. The release that servers are told has the real one's
versions and addresses. Where the real one relies on the vendor's checksum, so does this one; a file that is pinned
there is pinned here, to the stand-in.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from catalyst_operator.core.kit.releases import load
from e2e.boot import programs
from e2e.boot.standins import cilium, flux, k3s_file
from e2e.lab import toolchain
from e2e.lab.errors import BuildFailed
from e2e.lab.timeline import Timeline

GATEWAY_API = "sigs.k8s.io/gateway-api"
GATEWAY_API_CHECKSUM = "h1:DsLDXCi6jR+Xz8/xd0Z1PYl2Pn0TyaFMOPPZIj4inDM="


@dataclass(frozen=True)
class Vendors:
    """A release that can be downloaded."""

    release: Mapping[str, Any]
    """The module's variable."""
    files: Mapping[str, bytes]
    """By URL without its scheme, decoded."""

    @property
    def names(self) -> list[str]:
        """Of the servers that the downloads are at."""
        return sorted({address.split("/")[0] for address in self.files})

    def url_of(self, download: str) -> str:
        """As in `files`."""
        return address(self.release["downloads"][download]["url"])


def address(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.netloc}{unquote(parts.path)}"


def vendors(timeline: Timeline) -> Vendors:
    """Those of the release that is the default."""
    release = json.loads(json.dumps(load().get().module_value()))
    files: dict[str, bytes] = {}
    for name, download in release["downloads"].items():
        content = _content(name, download["version"], timeline)
        files[address(download["url"])] = content
        digest = hashlib.sha256(content).hexdigest()
        if download["sha256"] is not None:
            download["sha256"] = digest
        if download["checksums_url"] is not None:
            file = download["url"].rsplit("/", 1)[1]
            files[address(download["checksums_url"])] = _checksums(download["checksums_url"], file, digest).encode()
    return Vendors(release, files)


def _checksums(url: str, file: str, digest: str) -> str:
    if url.endswith("index.yaml"):
        return f"entries:\n  cilium:\n  - digest: {digest}\n    urls:\n    - {file}\n"
    return f"{digest}  {file}\n"


def _content(name: str, version: str, timeline: Timeline) -> bytes:
    match name:
        case "k3s":
            return k3s_file.k3s()
        case "gateway_api":
            return _gateway_api(version)
        case "helm":
            return _helm(programs.helm(timeline))
        case "cilium":
            return cilium.chart(version)
        case "flux":
            return flux.manifest(version, timeline)
    raise BuildFailed(f"nothing stands in for the download {name}", "say in e2e/boot/vendors.py what its vendor serves")


def _gateway_api(version: str) -> bytes:
    """The CRDs of the experimental channel, which the vendor puts into one file."""
    got = json.loads(toolchain.go("mod", "download", "-json", f"{GATEWAY_API}@{version}", cwd=toolchain.FLUX_CRDS))
    if got["Sum"] != GATEWAY_API_CHECKSUM:
        raise BuildFailed(f"{GATEWAY_API} {version} has the checksum {got['Sum']}", "pin it in e2e/boot/vendors.py")
    files = sorted(Path(got["Dir"], "config/crd/experimental").glob("gateway.*.yaml"))
    return b"---\n".join(file.read_bytes() for file in files)


def _helm(program: Path) -> bytes:
    """The vendor's archive, whose files belong to whoever packed it."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as tar:
        entry = tar.gettarinfo(program, "linux-amd64/helm")
        entry.uid, entry.gid, entry.mode = 1001, 127, 0o755
        # By a name that a server has, tar would find its own number.
        entry.uname, entry.gname = "packer", "packers"
        with program.open("rb") as content:
            tar.addfile(entry, content)
    return packed.getvalue()
