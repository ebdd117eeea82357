"""What the checks of all servers and those of the first control plane ask for alike; each yields sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator

from e2e.lab.hcloud.boot import tokens
from e2e.lab.hcloud.boot.first_boot import SCRIPTS, FirstBoot


def script_written(boot: FirstBoot, script: str, *, executable: bool = True) -> Iterator[str]:
    """A script has to be there, and to be one that systemd can start."""
    file = boot.config.files.get(f"{SCRIPTS}{script}")
    if file is None:
        yield f"{SCRIPTS}{script} is not written"
    elif executable and not file.mode & 0o100:
        yield f"{SCRIPTS}{script} is not executable (mode {file.mode:04o}): systemd could not start it"


def steps_known(boot: FirstBoot, script: str, known: tuple[str, ...]) -> Iterator[str]:
    """The lab knows what each step leads to, and which ones there have to be."""
    found = boot.steps(script)
    for step in known:
        if step not in found:
            yield f"{script} has no step {step}"
    for step in found:
        if step not in known:
            yield f"{script} has a step {step}, of which the lab does not know what it does: see e2e/lab/hcloud/boot"


def pins(boot: FirstBoot, *downloads: str) -> Iterator[str]:
    """A download needs its version, its address, and something to check it with."""
    for name in downloads:
        prefix = name.upper()
        for part in ("VERSION", "URL"):
            if not boot.env.get(f"{prefix}_{part}"):
                yield f"{prefix}_{part} is missing in node.env: {name} could not be fetched"
        pinned = re.fullmatch(r"[0-9a-f]{64}", boot.env.get(f"{prefix}_SHA256", ""))
        if not pinned and not boot.env.get(f"{prefix}_CHECKSUMS_URL"):
            yield f"node.env has neither {prefix}_SHA256 nor {prefix}_CHECKSUMS_URL: {name} would not be used unchecked"


def token(boot: FirstBoot, key: str, user: str) -> Iterator[str]:
    """A token in the secure format, of the right kind."""
    found = tokens.parse(boot.k3s.get(key, ""))
    if found is None or found.user != user:
        yield f"{key} in k3s' configuration is not K10<hash>::{user}:<password>"
