"""Operators as processes of this machine, with the rights of deploy/base, and what the API server heard of each."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import requests
import yaml

from e2e.support.waiting import OFTEN, wait_for
from tests.integration.actors import HOME, NAMESPACES
from tests.integration.apiserver import Api, ApiServer, free_port
from tests.integration.wire import Wire, wire
from tests.support.paths import REPOSITORY

DURATION = 12
"""Of the Lease, in seconds: short, so that the tests are; long enough for a machine that is busy."""
LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{HOME}/leases/catalyst-operator"
START = 60.0
CREDENTIAL = "authentication.kubernetes.io/credential-id"


class Operator:
    """One process, called by a name of its own, over a network of its own."""

    def __init__(self, name: str, kubeconfig: Path, log: Path, network: Wire, credential: str) -> None:
        self.name = name
        self.log = log
        self.network = network
        self.credential = credential
        self._port, self._metrics_port = free_port(), free_port()
        environ = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("KUBERNETES_", "CATALYST_"))},
            "KUBECONFIG": str(kubeconfig),
            "CATALYST_IMAGE": "registry.example/catalyst-operator:test",
            "CATALYST_POD": name,
            "CATALYST_POD_UID": "1",
            "CATALYST_LEASE_DURATION": f"{DURATION}s",
            "CATALYST_HEALTH_PORT": str(self._port),
            "CATALYST_METRICS_PORT": str(self._metrics_port),
        }
        command = [sys.executable, "-m", "catalyst_operator"]
        with log.open("wb") as written:
            self.process = subprocess.Popen(command, cwd=REPOSITORY, env=environ, stderr=written)

    def asked(self, path: str) -> tuple[int, str]:
        """What the kubelet would be answered; status 0 while nothing is."""
        try:
            answer = requests.get(f"http://127.0.0.1:{self._port}/{path}", timeout=5)
        except requests.ConnectionError:
            return 0, ""
        return answer.status_code, answer.text

    @property
    def acts(self) -> bool:
        status, words = self.asked("readyz")
        return status == 200 and words.startswith("This operator acts")

    @property
    def waits(self) -> bool:
        """And could take over."""
        status, words = self.asked("readyz")
        return status == 200 and "waits and does nothing" in words

    @property
    def leads(self) -> str:
        """What its metric says."""
        lines = requests.get(f"http://127.0.0.1:{self._metrics_port}/metrics", timeout=5).text.splitlines()
        return next(line.split()[1] for line in lines if line.startswith("catalyst_is_leader "))

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self, number: signal.Signals) -> int:
        self.send(number)
        return self.process.wait(30)


Start = Callable[[str], Operator]


@contextmanager
def operators(api: Api, server: ApiServer, folder: Path) -> Iterator[Start]:
    """Starts operators, which end with the block. The Lease is nobody's at first."""
    api.patch(LEASE, {"spec": {"holderIdentity": None}})
    with ExitStack() as stack:

        def started(name: str) -> Operator:
            network = stack.enter_context(wire(urlsplit(server.url).port or 443))
            token = _token(api)
            kubeconfig = _kubeconfig(folder / f"{name}.kubeconfig", server, token, network)
            made = Operator(name, kubeconfig, folder / f"{name}.log", network, _credential(token))
            stack.callback(made.end, signal.SIGKILL)
            return made

        yield started


def _token(api: Api) -> str:
    path = f"{NAMESPACES}/{HOME}/serviceaccounts/catalyst-operator/token"
    return str(api.create(path, {"spec": {"expirationSeconds": 3600}})["status"]["token"])


def _credential(token: str) -> str:
    """What the audit log tells its requests by."""
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    return f"JTI={claims['jti']}"


def _kubeconfig(path: Path, server: ApiServer, token: str, network: Wire) -> Path:
    content = yaml.safe_load(server.kubeconfig.read_text())
    content["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{network.port}"
    content["users"] = [{"name": "admin", "user": {"token": token}}]
    path.write_text(yaml.safe_dump(content))
    return path


def wait(holds: Callable[[], bool], what: str, *running: Operator) -> float:
    """How many seconds it took."""

    def logs() -> str:
        return "\n".join(f"--- {o.name}\n{o.log.read_text()[-3000:]}" for o in running)

    begin = time.monotonic()
    wait_for(holds, what, seconds=START, shown=logs, every=OFTEN)
    return time.monotonic() - begin


# --- what the API server heard ----------------------------------------------------------------------------------------


class Heard(NamedTuple):
    """A write that the API server answered."""

    at: datetime
    """When it came in."""
    verb: str
    path: str
    code: int


def heard(server: ApiServer, operator: Operator) -> list[Heard]:
    """All writes of an operator, in the order in which they came in."""
    events = (json.loads(line) for line in server.audit.read_text().splitlines(keepends=True) if line.endswith("\n"))
    return sorted(_heard(event) for event in events if operator.credential in _credentials(event))


def _credentials(event: dict[str, Any]) -> list[str]:
    found: list[str] = (event["user"].get("extra") or {}).get(CREDENTIAL, [])
    return found


def _heard(event: dict[str, Any]) -> Heard:
    at = datetime.fromisoformat(event["requestReceivedTimestamp"])
    return Heard(at, event["verb"], event["requestURI"].partition("?")[0], event["responseStatus"]["code"])


def taken(server: ApiServer, operator: Operator) -> datetime:
    """When it took the Lease: the first time that it wrote it."""
    return next(write.at for write in heard(server, operator) if write.path == LEASE and write.code == 200)
