"""Flux on the management cluster: real kustomize-controller, and the stand-in for source-controller beside it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from e2e.lab.layout import NODE_ADDRESS, REPOSITORY, Layout
from e2e.lab.processes import MARK
from e2e.support.kubectl import Kubectl

NAMESPACE = "flux-system"


@contextmanager
def flux(kubectl: Kubectl) -> Iterator[None]:
    """Flux runs on the management cluster while this holds."""
    layout = Layout.of_checkout()
    kubectl("apply", "--server-side", "--force-conflicts", "-f", str((layout.bin / "crds").resolve()))
    kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    environ = {
        **os.environ,
        MARK: str(layout.root),
        "KUBECONFIG": str(layout.kubeconfig),
        "RUNTIME_NAMESPACE": NAMESPACE,
        "GIT_SSL_CAINFO": str(layout.pki / "ca.crt"),
        "PYTHONPATH": str(REPOSITORY),
    }
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory())
        log = stack.enter_context((layout.log / "fleet.log").open("ab"))
        for command in (_controller(layout), _standins(layout, Path(folder))):
            process = subprocess.Popen(command, env=environ, stdout=log, stderr=log, cwd=REPOSITORY)
            stack.callback(process.wait, 15)
            stack.callback(process.terminate)
        yield


def _controller(layout: Layout) -> list[str]:
    return [
        str(layout.bin / "kustomize-controller"),
        "--events-addr=",
        "--enable-leader-election=false",
        f"--metrics-addr={NODE_ADDRESS}:18181",
        f"--health-addr={NODE_ADDRESS}:18182",
    ]


def _standins(layout: Layout, folder: Path) -> list[str]:
    where = [f"--kubeconfig={layout.kubeconfig}", f"--address={NODE_ADDRESS}", f"--folder={folder}"]
    return [sys.executable, "-m", "e2e.lab.standins", *where]
