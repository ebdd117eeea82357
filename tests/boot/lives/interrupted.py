"""First boots of one server whose plug is pulled again and again, with other misfortunes in between."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

from e2e.boot.machine import Machine
from tests.boot.stage import FIRST, Stage
from tests.integration.tofu import MODULE

SILENT_SECONDS = 12
FLUX = "var/cache/catalyst/flux-install.yaml"
STEPS = [
    line.split()[1]
    for script in ("bootstrap-node.sh", "bootstrap-cluster.sh")
    for line in (MODULE / "scripts" / script).read_text().splitlines()
    if line.startswith("step ")
]
"""Of a first control plane, in their order."""


@dataclass
class InterruptedLife:
    """What was seen."""

    logs: list[str] = field(default_factory=list)
    """Of each boot."""
    asked_when_gone: list[str] = field(default_factory=list)
    """Of the vendors, when nothing could be had any more."""
    releases: str = ""
    """What Helm says at the end."""
    kit: str = ""


class Boots:
    """The boots of one server, each until something has happened."""

    def __init__(self, server: Machine) -> None:
        self._server = server
        self.logs: list[str] = []

    def until_step(self, step: str, holds: Callable[[], object] = lambda: True, *, private: bool = True) -> None:
        """Pull the plug in a step, once something holds."""
        before = len(self._server.log)
        self._server.power_on(private=private)
        begun = f"step {step}: begins"
        self._server.until(lambda: begun in self._server.log[before:] and holds(), f"{begun}, after a cut", often=True)
        self._server.cut()
        self.logs.append(self._server.log[before:])

    def until_the_end(self) -> None:
        before = len(self._server.log)
        self._server.power_on()
        self._server.until_booted()
        self.logs.append(self._server.log[before:])


def interrupted_life(stage: Stage, worlds: ExitStack) -> InterruptedLife:
    server = stage.server(worlds.enter_context(stage.world("cut")), FIRST)
    boots = Boots(server)
    boots.until_step("k3s-start")
    server.fault("silent-api", str(SILENT_SECONDS))
    hanging = server.fault("hanging-jobs")
    boots.until_step("cilium", lambda: "cilium-hook" in server.try_run("kubectl get jobs --all-namespaces").stdout)
    hanging.unlink()
    boots.until_step("flux", (server.disk / FLUX).exists)
    asked = len(server.downloads.asked)
    server.downloads.gone = True
    boots.until_the_end()
    return _seen(server, boots, asked)


def interrupted_in_every_step(stage: Stage, worlds: ExitStack) -> InterruptedLife:
    server = stage.server(worlds.enter_context(stage.world("cuts")), FIRST)
    boots = Boots(server)
    for step in STEPS:
        # There from the second boot on: in the first step it is waited for.
        boots.until_step(step, private=step != STEPS[0])
    boots.until_the_end()
    return _seen(server, boots, len(server.downloads.asked))


def _seen(server: Machine, boots: Boots, asked: int) -> InterruptedLife:
    helm = "helm --kubeconfig=/etc/rancher/k3s/k3s.yaml list --all --all-namespaces"
    kit = server.kubectl("get kustomizations --all-namespaces --output=name")
    seen = InterruptedLife(boots.logs, server.downloads.asked[asked:], server.run(helm), kit)
    server.cut()
    return seen
