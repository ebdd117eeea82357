"""Programs that are not of Debian 12's usual set, or not of Debian at all: unpacked or built once, into the cache."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from e2e.lab import toolchain
from e2e.lab.timeline import Timeline
from e2e.lab.toolchain import Tool
from e2e.lab.unpacked import unpacked

HELM = Tool(
    name="helm",
    version="3.16.4",
    packages=["helm.sh/helm/v3/cmd/helm"],
    expected="3 minutes",
    ldflags="-s -w -X helm.sh/helm/v3/internal/version.version=v3.16.4",
)
PACKAGES = (
    *("systemd-container", "libsystemd-shared", "libseccomp2"),
    *("dnsmasq-base", "libdbus-1-3", "libgmp10", "libhogweed6", "libidn2-0", "libjansson4", "libmnl0", "libnettle8"),
    *("libnetfilter-conntrack3", "libnfnetlink0", "libnftables1", "libnftnl11", "libunistring2", "libxtables12"),
)
"""systemd-nspawn and dnsmasq, and libraries that a small Debian does not have."""


def helm(timeline: Timeline) -> Path:
    return toolchain.build(HELM, timeline) / "helm"


def nspawn() -> Path:
    return _unpacked() / "usr/bin/systemd-nspawn"


def dnsmasq() -> Path:
    return _unpacked() / "usr/sbin/dnsmasq"


def environment() -> dict[str, str]:
    """In which the unpacked programs find their libraries."""
    libraries = _unpacked() / "usr/lib/x86_64-linux-gnu"
    folders = (libraries, libraries / "systemd", _unpacked() / "lib/x86_64-linux-gnu")
    return {"PATH": os.environ["PATH"], "LD_LIBRARY_PATH": os.pathsep.join(map(str, folders))}


def _unpacked() -> Path:
    return unpacked("boot", PACKAGES)


def of_servers(timeline: Timeline) -> dict[str, Path]:
    """What the stand-ins on a server start: name -> program."""
    kube = toolchain.build(toolchain.KUBE, timeline)
    etcd = shutil.which("etcd")
    assert etcd, "one of the lab's Debian packages"
    return {"etcd": Path(etcd), "kube-apiserver": kube / "kube-apiserver", "kubectl": kube / "kubectl"}
