"""A small cluster of booted servers on addresses of the loopback range, and what tests ask of it."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from e2e.lab import processes, toolchain
from e2e.lab.hcloud.boot.place import Place
from e2e.lab.layout import Layout
from e2e.lab.timeline import Timeline
from e2e.support.waiting import wait_for
from tests.integration.cloud_init import Rendered
from tests.integration.hcloud.emulator import FAST, Emulator, Project
from tests.integration.hcloud.test_hcloud_api import network, order, wait
from tests.integration.tofu import find

NAME = "acme-1a2b3"
FQDN = "acme.omani.works"
FIRST, SECOND, THIRD, WORKER, LATER = (
    f"{NAME}-control-plane-0",
    f"{NAME}-control-plane-1",
    f"{NAME}-control-plane-2",
    f"{NAME}-worker-0",
    f"{NAME}-worker-1",
)
PRIVATE = {FIRST: "10.0.1.10", SECOND: "10.0.1.11", THIRD: "10.0.1.12", WORKER: "10.0.1.50", LATER: "10.0.1.51"}
BOOT_SECONDS = 180
"""Longer than any takes, also where other tests and builds have the processors."""
NODE_GRACE = 1.0


@dataclass
class Booted:
    """An emulator whose servers boot, with one project."""

    emulator: Emulator
    project: Project
    layout: Layout
    user_data: dict[str, str]
    ids: dict[str, int] = field(default_factory=dict)
    network: int = 0

    @classmethod
    @contextmanager
    def emulated(cls, folder: Path, rendered: Rendered) -> Iterator[Booted]:
        """An emulator of its own, and the end of all that it started."""
        layout = Layout(folder / "lab")
        layout.bin.mkdir(parents=True)
        for name in ("kube-apiserver", "kubectl", "kustomize-controller"):
            (layout.bin / name).symlink_to(find(name))
        (layout.bin / "crds").symlink_to(toolchain.flux_crds_folder(Timeline()))
        own = f"127.{64 + secrets.randbelow(64)}.{secrets.randbelow(256)}.0/24"
        emulator = Emulator(folder, f"--lab={layout.root}", f"--public-range={own}", f"--node-grace={NODE_GRACE}")
        emulator.start()
        try:
            emulator.lab.must_post("/_lab/delays", FAST)
            yield cls(emulator, emulator.project(boots=True), layout, told(rendered))
        finally:
            try:
                emulator.stop()
            finally:
                # An emulator that takes too long to stop must not leave its servers behind.
                processes.end(processes.of_lab(layout.root), grace=0)

    def order(self, *names: str, **more: Any) -> None:
        """Order servers as the provider does: their network comes when they have started."""
        self.network = self.network or network(self.project)["id"]
        made = [
            self.project.api.must_post("/servers", order(name, **{"user_data": self.user_data[name], **more}))
            for name in names
        ]
        for name, answer in zip(names, made, strict=True):
            for action in (answer["action"], *answer["next_actions"]):
                wait(self.project, action)
            self.ids[name] = answer["server"]["id"]
            body = {"network": self.network, "ip": PRIVATE[name]}
            wait(self.project, self.act(name, "attach_to_network", body))

    def act(self, name: str, what: str, body: Any = None) -> Any:
        """An action of the API on a server."""
        return self.project.api.must_post(f"/servers/{self.ids[name]}/actions/{what}", body or {})["action"]

    def api(self, name: str, action: str) -> int:
        """What the lab does to a server's API server; the status."""
        return self.emulator.lab.post(f"/_lab/servers/{self.ids[name]}/api", {"action": action}).status

    def boot_fault(self, match: str, **effect: Any) -> None:
        """Let something go wrong."""
        body = {"project": self.project.name, "match": match, "effect": effect}
        assert self.emulator.lab.post("/_lab/boots", body).status == 204

    # --- what came of it ---

    def address(self, name: str) -> str:
        """Of a server."""
        server = self.project.api.get(f"/servers/{self.ids[name]}").body["server"]
        return str(server["public_net"]["ipv4"]["ip"])

    def log(self, name: str) -> str:
        """What its boot said."""
        file = self.layout.log / "servers" / f"{name}.log"
        return file.read_text() if file.exists() else ""

    def delete(self, name: str) -> None:
        """Delete a server, and wait until nothing of it is left."""
        self.project.api.delete(f"/servers/{self.ids[name]}")
        wait_for(lambda: not self.place(name).disk.exists(), f"{name} to be gone", seconds=20)

    def until_up(self, *names: str) -> None:
        """Wait for the end of their boots."""
        for name in names:
            wait_for(
                lambda name=name: self.log(name).endswith(" up\n"),  # type: ignore[misc]
                f"{name} to be up",
                seconds=BOOT_SECONDS,
                shown=lambda name=name: self.log(name),  # type: ignore[misc]
            )

    def place(self, name: str) -> Place:
        """Where its processes are noted."""
        return Place(self.layout, self.ids[name], name, "")

    def pids(self, name: str) -> dict[str, int]:
        """Its processes."""
        place = self.place(name)
        names = [file.stem for file in place.run.glob("*.json")]
        return {one: found.pid for one in names if (found := processes.find(place, one))}

    def kubectl(
        self, *arguments: str, server: str = FIRST, kubeconfig: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """As the administrator at one API server, or as whom a kubeconfig says."""
        options = (f"--kubeconfig={kubeconfig or self.place(server).kubeconfig}", "--request-timeout=10s")
        command = [str(self.layout.bin / "kubectl"), *arguments, *options]
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self.layout.root)}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def until_ready(self, name: str, ready: str, server: str = FIRST) -> None:
        """Wait until a node is Ready, is not (`False`), or nothing is heard of it (`Unknown`), as one server says."""
        path = '{.status.conditions[?(@.type=="Ready")].status}'
        wait_for(
            lambda: self.kubectl("get", "node", name, "-o", f"jsonpath={path}", server=server).stdout == ready,
            f"{name} to be Ready={ready}",
            seconds=BOOT_SECONDS,
            shown=lambda: self.kubectl("get", "nodes", server=server).stdout,
        )

    def answers(self, server: str = FIRST) -> bool:
        """Whether a server's API server is ready."""
        return self.kubectl("get", "--raw", "/readyz", server=server).stdout == "ok"

    def get(self, *arguments: str, server: str = FIRST) -> Any:
        """`kubectl get` as JSON."""
        ran = self.kubectl("get", *arguments, "-o", "json", server=server)
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)


def told(rendered: Rendered) -> dict[str, str]:
    """user_data by server."""
    first, second, third = rendered.control_planes
    worker, later, *_ = rendered.workers
    boots = {FIRST: first, SECOND: second, THIRD: third, WORKER: worker, LATER: later}
    return {name: boot.user_data for name, boot in boots.items()}
