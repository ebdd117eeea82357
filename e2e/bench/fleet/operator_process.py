"""The operator of this tree as a process of the machine, with the rights that it has in a cluster.

Not as a Pod: a Pod does not reach the loopback addresses of the fake clusters. The one that is installed steps aside
meanwhile, because a status has only one writer.
"""

from __future__ import annotations

import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from e2e.bench.errors import BenchError
from e2e.bench.fleet import processes
from e2e.lab import images
from e2e.lab.layout import GIT_URL, HCLOUD_URL, Layout
from e2e.support import operator
from e2e.support.kubectl import Kubectl
from e2e.support.waiting import wait_for

LOG = "bench-operator.log"
STOP_SECONDS = 60


class OperatorProcess:
    """Can be killed and started again. The kubeconfig is that of the operator's service account."""

    def __init__(self, layout: Layout, kubeconfig: Path) -> None:
        self._layout = layout
        self._log = (layout.log / LOG).open("ab")
        self._environ = {
            "KUBECONFIG": str(kubeconfig),
            "HCLOUD_ENDPOINT": f"{HCLOUD_URL}/v1",
            "CATALYST_GIT_URL": GIT_URL,
            "SSL_CERT_FILE": str(layout.pki / "ca.crt"),
            "CATALYST_IMAGE": images.OPERATOR_IMAGE,
            "CATALYST_IMAGE_PULL_POLICY": "Never",
            # One that is started again goes on with its Lease at once, as a container of the same Pod does.
            "CATALYST_POD": "bench",
            "CATALYST_POD_UID": secrets.token_hex(8),
        }
        self._process: subprocess.Popen[str] | None = None
        self.started = 0.0
        """When the process was begun, in seconds since the epoch."""

    def start(self) -> None:
        ports = {"CATALYST_HEALTH_PORT": _free_port(), "CATALYST_METRICS_PORT": _free_port()}
        environ = {**self._environ, **{name: str(port) for name, port in ports.items()}}
        self.started = time.time()
        self._process = processes.start(self._layout, "catalyst_operator", self._log, environ)

    def kill(self) -> None:
        """Without notice."""
        self._end(signal.SIGKILL)

    def close(self) -> None:
        """As the kubelet ends it."""
        self._end(signal.SIGTERM)
        self._log.close()

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    @property
    def runs(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Raises BenchError when it has ended by itself."""
        if self._process is None or not self.runs:
            raise BenchError(f"the operator's process has ended; see .lab/log/{LOG}")
        return self._process.pid


@contextmanager
def stepped_aside(kubectl: Kubectl) -> Iterator[None]:
    """The installed operator does not run while this holds."""
    place = ("-n", operator.NAMESPACE)
    try:
        kubectl(*place, "scale", operator.DEPLOYMENT, "--replicas=0")
        wait_for(lambda: not operator.pods(kubectl), "the installed operator to go", seconds=90)
        yield
    finally:
        kubectl(*place, "scale", operator.DEPLOYMENT, f"--replicas={operator.REPLICAS}")
        kubectl(*place, "rollout", "status", operator.DEPLOYMENT, "--timeout=90s")


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
