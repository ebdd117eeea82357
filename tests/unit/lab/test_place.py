"""What a booted server's processes are given: the mark by which the lab finds them, and nothing of the emulator's."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2e.lab import processes
from e2e.lab.hcloud.boot.kubectl import Kubectl
from e2e.lab.hcloud.boot.place import Place
from e2e.lab.layout import Layout

PRINTS_ENVIRONMENT = "#!/bin/sh\nexec env\n"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """With a kubectl that says what it was given."""
    layout = Layout(tmp_path / "lab")
    layout.bin.mkdir(parents=True)
    kubectl = layout.bin / "kubectl"
    kubectl.write_text(PRINTS_ENVIRONMENT)
    kubectl.chmod(0o755)
    return Place(layout, 1, "acme-1a2b3-control-plane-0", "127.64.0.1")


async def given(place: Place) -> dict[str, str]:
    return dict(line.split("=", 1) for line in (await Kubectl(place)("version")).splitlines())


async def test_a_kubectl_of_a_boot_is_found_by_the_lab(place: Place) -> None:
    """One that waits would outlive a killed emulator, and the lab's end as well."""
    assert (await given(place))[processes.MARK] == str(place.root)


async def test_the_emulator_s_environment_stays_its_own(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's proxy or credentials must not decide what a server does."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert "HTTPS_PROXY" not in await given(place)
