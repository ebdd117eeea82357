"""The disk that servers start from: Debian 13 with systemd and cloud-init, set up as Hetzner's Ubuntu is.

Ubuntu's own image cannot be had without its archive. What matters to first boot is the same there: cloud-init's
datasource, netplan over networkd, resolved, and a DHCP client of its own for private networks.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from e2e.lab.cache import cached, digest
from e2e.lab.commands import run
from e2e.lab.timeline import Timeline

ROOTFS = Path(__file__).with_name("rootfs")
SUITE = "trixie"
PACKAGES = (
    *("systemd", "systemd-sysv", "systemd-resolved", "dbus", "udev", "kmod", "procps"),
    *("cloud-init", "netplan.io", "isc-dhcp-client", "iproute2", "openssh-server"),
    # What first boot uses of Ubuntu's image.
    *("curl", "ca-certificates", "mawk", "openssl"),
    # Of the stand-in for k3s.
    *("python3-cryptography", "python3-yaml"),
)
UNWANTED = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")
DMI = "usr/lib/python3/dist-packages/cloudinit/dmi.py"
DMI_STAND_IN = """

def read_dmi_data(key):
    \"\"\"Stand-in: what a server's firmware says at Hetzner's. In a container there is none to ask.\"\"\"
    with open("/etc/boot-serial") as file:
        return {"system-manufacturer": "Hetzner", "system-serial-number": file.read().strip()}.get(key)
"""


def root(timeline: Timeline) -> Path:
    """The root folder; nobody writes to it."""
    key = digest([file for file in sorted(ROOTFS.rglob("*")) if file.is_file()], *_command(Path()), DMI_STAND_IN)
    return cached(f"boot/root-{key}", _make, timeline, "root folder of servers", "3 minutes") / "root"


def _command(folder: Path) -> list[str]:
    return [
        # Its mounts are not the machine's, and gone when it ends, however that is.
        *("unshare", "--mount", "mmdebstrap", "--quiet", "--mode=root", "--variant=essential"),
        f"--include={','.join(PACKAGES)}",
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in UNWANTED),
        '--customize-hook=cp --recursive "$ROOTFS/." "$1"',
        '--customize-hook=chroot "$1" systemctl enable boot-hotplug boot-sysctl',
        '--customize-hook=rm -rf "$1"/var/lib/apt/lists "$1"/var/cache/apt "$1"/etc/ssh/ssh_host_*',
        *(SUITE, str(folder)),
    ]


def _make(out: Path) -> None:
    folder = out / "root"
    remedy = "a first build needs Debian's package registry; later ones do not"
    run(_command(folder), environment={"ROOTFS": str(ROOTFS)}, remedy=remedy)
    (folder / "etc/machine-id").write_text("")
    (folder / "etc/hostname").unlink(missing_ok=True)
    with (folder / DMI).open("a") as module:
        module.write(DMI_STAND_IN)
    shutil.rmtree(folder / "var/cache", ignore_errors=True)
