"""First boot comes to its end whatever is pulled, hangs, is silent or away in between."""

from __future__ import annotations

import pytest

from tests.boot.lives.interrupted import STEPS, InterruptedLife
from tests.boot.lives.unlucky import UnluckyLife
from tests.boot.stage import FQDN
from tests.boot.test_cluster import steps

pytestmark = pytest.mark.boot

KIT = f"kustomization.kustomize.toolkit.fluxcd.io/{FQDN}-bootstrap-kit\n"


def is_whole(life: InterruptedLife) -> bool:
    """One Helm release, deployed, and the kit."""
    [_, *releases] = life.releases.splitlines()
    return life.kit == KIT and [line.split()[0] for line in releases if "deployed" in line] == ["cilium"]


def test_the_plug_may_be_pulled(interrupted: InterruptedLife) -> None:
    """While k3s starts, while Helm waits, while Flux is installed."""
    assert [steps(log, "begins")[-1] for log in interrupted.logs[:-1]] == ["k3s-start", "cilium", "flux"]
    assert steps(interrupted.logs[-1], "done") == STEPS
    assert is_whole(interrupted)


def test_an_api_server_that_accepts_and_stays_silent_is_asked_again(interrupted: InterruptedLife) -> None:
    """kubectl has no time limit of its own for it."""
    assert "api" in steps(interrupted.logs[1], "done")


def test_a_release_whose_hook_hung_when_the_plug_was_pulled_is_made_anew(interrupted: InterruptedLife) -> None:
    """Helm neither finishes it nor replaces it."""
    assert 'release "cilium" uninstalled' in interrupted.logs[2]
    assert "cilium" in steps(interrupted.logs[2], "done")


def test_what_was_downloaded_needs_its_vendor_no_more(interrupted: InterruptedLife) -> None:
    assert interrupted.asked_when_gone == []


@pytest.mark.slow
def test_the_plug_may_be_pulled_in_every_step(interrupted_everywhere: InterruptedLife) -> None:
    for step, log in zip(STEPS, interrupted_everywhere.logs, strict=False):
        assert step in steps(log, "begins")
    assert is_whole(interrupted_everywhere)


def test_the_private_interface_is_brought_up_again_when_dhcp_did_not_answer(late_lease: UnluckyLife) -> None:
    """Hetzner's helper asks once."""
    assert "DHCP is tried again" in late_lease.log
    assert steps(late_lease.log, "FAILED") == []


def test_a_download_that_fails_six_times_is_tried_by_another_attempt(late_downloads: UnluckyLife) -> None:
    """One attempt asks five times, and systemd makes another."""
    assert late_downloads.attempts == 7
    assert steps(late_downloads.log, "FAILED") == ["k3s-binary"]


def test_a_vendor_that_accepts_and_stays_silent_is_asked_again(late_downloads: UnluckyLife) -> None:
    assert "helm" in steps(late_downloads.log, "done")
