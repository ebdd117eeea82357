"""A real etcd and kube-apiserver on free ports of 127.0.0.1, for tests of what only an API server can judge.

There is no controller, no scheduler and no node: objects are stored, validated and admitted, and nothing else
happens to them. One server serves a whole test session; tests keep apart by namespaces.
"""

import json
import os
import secrets
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import yaml

from e2e.support.waiting import OFTEN, wait_for

START_TIMEOUT = 120.0
"""Seconds that an API server may take to answer, also where other tests start theirs."""
AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata", "verbs": ["create", "update", "patch", "delete"]}, {"level": "None"}],
}
_CONTENT = {
    "POST": "application/json",
    "PUT": "application/json",
    "PATCH": "application/merge-patch+json",
}


class ToolMissing(Exception):
    """A program that the tests need is not installed or not built."""


class ApiError(Exception):
    """The API server refused a request; `status` is its whole answer."""

    def __init__(self, status: dict[str, Any]) -> None:
        super().__init__(status.get("message", ""))
        self.status = status

    @property
    def code(self) -> int:
        """HTTP status code."""
        return int(self.status.get("code", 0))

    @property
    def causes(self) -> list[tuple[str, str]]:
        """Field and message of each thing that is wrong."""
        causes = self.status.get("details", {}).get("causes", [])
        return [(cause.get("field", ""), cause.get("message", "")) for cause in causes]


class Api:
    """The few requests that tests make, synchronous and without discovery."""

    def __init__(self, url: str, token: str, ca: Path, impersonate: dict[str, str] | None = None) -> None:
        self.url, self.token, self.ca = url, token, ca
        self._session = requests.Session()
        # Neither a proxy nor a CA bundle of the environment has a say between us and our own API server.
        self._session.trust_env = False
        self._session.verify = str(ca)
        self._session.headers.update({"Authorization": f"Bearer {token}", **(impersonate or {})})

    def acting_as(self, user: str, group: str = "system:masters") -> "Api":
        """The same server, seen as somebody else, by default with all rights. Without a group, with those that the user
        has by its name, as a ServiceAccount does."""
        groups = {"Impersonate-Group": group} if group else {}
        return Api(self.url, self.token, self.ca, {"Impersonate-User": user, **groups})

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        content: str | None = None,
        accept: str = "application/json",
        **query: str,
    ) -> Any:
        """One request; the answer as JSON. Raises ApiError on anything but success."""
        headers = {"Content-Type": content or _CONTENT.get(method, "application/json"), "Accept": accept}
        data = None if body is None else json.dumps(body)
        answer = self._session.request(method, self.url + path, data=data, params=query, headers=headers, timeout=30)
        if answer.ok:
            return answer.json() if answer.content else {}
        raise ApiError(_refusal(answer))

    def is_ready(self) -> bool:
        """Whether the server answers, all its start-up hooks done."""
        try:
            return self._session.get(f"{self.url}/readyz", timeout=5).ok
        except requests.RequestException:
            return False

    def get(self, path: str) -> Any:
        """Read an object or a list."""
        return self.request("GET", path)

    def create(self, path: str, body: dict[str, Any], **query: str) -> Any:
        """POST an object to its collection. Unknown fields are refused, as kubectl asks for."""
        return self.request("POST", path, body, fieldValidation="Strict", **query)

    def replace(self, path: str, body: dict[str, Any], **query: str) -> Any:
        """PUT an object, or its status at `path/status`."""
        return self.request("PUT", path, body, fieldValidation="Strict", **query)

    def patch(self, path: str, body: dict[str, Any], **query: str) -> Any:
        """Merge-patch an object."""
        return self.request("PATCH", path, body, **query)

    def apply(self, path: str, body: dict[str, Any], manager: str = "tests", **query: str) -> Any:
        """Server-side apply an object."""
        options = {"fieldManager": manager, "force": "true"} | query
        return self.request("PATCH", path, body, content="application/apply-patch+yaml", **options)

    def delete(self, path: str, **query: str) -> Any:
        """DELETE an object or a collection."""
        return self.request("DELETE", path, **query)


def _refusal(answer: requests.Response) -> dict[str, Any]:
    """The Status the API server sent; while a resource is not served yet it sends plain text instead."""
    if "json" in answer.headers.get("Content-Type", ""):
        status: dict[str, Any] = answer.json()
        return status
    return {"code": answer.status_code, "message": answer.text}


@dataclass(frozen=True)
class ApiServer:
    """A running API server."""

    url: str
    token: str
    ca: Path
    kubeconfig: Path
    """A member of system:masters: may do everything that admission lets pass."""
    audit: Path
    """Its audit log: one line for each write that it answered."""

    @property
    def api(self) -> Api:
        """A client with all rights."""
        return Api(self.url, self.token, self.ca)


@contextmanager
def api_server(folder: Path) -> Iterator[ApiServer]:
    """Start etcd and kube-apiserver with all their files in `folder`; stop both in the end."""
    etcd, apiserver = find_tool("etcd"), find_tool("kube-apiserver")
    with ExitStack() as stack:
        etcd_url = stack.enter_context(_etcd(etcd, folder / "etcd"))
        yield stack.enter_context(_apiserver(apiserver, folder / "apiserver", etcd_url))


def find_tool(name: str) -> str:
    """Path of a program: from LAB_BIN, from the lab's cache of built tools, or from PATH."""
    if (built := _built(name)) is not None:
        return str(built)
    if (installed := shutil.which(name)) is not None:
        return installed
    raise ToolMissing(
        f"{name} was found neither in LAB_BIN nor in {_cache()} nor in PATH: run `make lab-tools` to build "
        "the Kubernetes programs, and `apt-get install etcd-server` for etcd"
    )


def _built(name: str) -> Path | None:
    folders = [Path(os.environ["LAB_BIN"])] if os.environ.get("LAB_BIN") else []
    folders += sorted(_cache().glob("tools/kube-*"), key=lambda folder: folder.stat().st_mtime, reverse=True)
    return next((folder / name for folder in folders if (folder / name).exists()), None)


def _cache() -> Path:
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("LAB_CACHE") or home / "catalyst-lab")


@contextmanager
def _etcd(program: str, folder: Path) -> Iterator[str]:
    client, peer = f"http://127.0.0.1:{free_port()}", f"http://127.0.0.1:{free_port()}"
    command = [
        program,
        f"--data-dir={folder / 'data'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
    ]
    with process(command, folder):
        yield client


@contextmanager
def _apiserver(program: str, folder: Path, etcd_url: str) -> Iterator[ApiServer]:
    folder.mkdir(parents=True)
    port, token = free_port(), secrets.token_hex(16)
    (folder / "tokens.csv").write_text(f"{token},admin,admin,system:masters\n")
    policy, audit = folder / "audit-policy.json", folder / "audit.log"
    policy.write_text(json.dumps(AUDIT_POLICY))
    key = folder / "service-account.key"
    subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
    command = [
        program,
        f"--etcd-servers={etcd_url}",
        "--bind-address=127.0.0.1",
        # Nobody looks the API server up by its Service, whose Endpoints may not be loopback addresses.
        "--endpoint-reconciler-type=none",
        f"--secure-port={port}",
        f"--cert-dir={folder / 'certs'}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        f"--audit-policy-file={policy}",
        f"--audit-log-path={audit}",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--profiling=false",
        # Objects are deleted at once, without a namespace controller's help, and Pods need no ServiceAccount object.
        "--disable-admission-plugins=ServiceAccount",
    ]
    url, ca = f"https://127.0.0.1:{port}", folder / "certs" / "apiserver.crt"
    with process(command, folder) as alive:
        _wait(lambda: alive() and ca.exists() and Api(url, token, ca).is_ready(), "kube-apiserver", folder)
        yield ApiServer(url, token, ca, kubeconfig(folder / "kubeconfig", url, token, ca), audit)


def kubeconfig(path: Path, url: str, token: str, ca: Path) -> Path:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "tests", "cluster": {"server": url, "certificate-authority": str(ca)}}],
        "users": [{"name": "admin", "user": {"token": token}}],
        "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "admin"}}],
        "current-context": "tests",
    }
    path.write_text(yaml.safe_dump(config))
    path.chmod(0o600)
    return path


@contextmanager
def process(command: list[str], folder: Path) -> Iterator[Callable[[], bool]]:
    """Run a program until the block ends; yields a function that raises once the program has ended by itself."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)

    def alive() -> bool:
        if process.poll() is None:
            return True
        raise RuntimeError(f"{command[0]} ended with {process.returncode}:\n{_tail(folder)}")

    try:
        yield alive
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(condition: Callable[[], bool], what: str, folder: Path) -> None:
    wait_for(condition, what, seconds=START_TIMEOUT, shown=lambda: _tail(folder), every=OFTEN)


def _tail(folder: Path) -> str:
    return "\n".join((folder / "log").read_text().splitlines()[-15:])


_HELD: list[socket.socket] = []
"""Bound and not listening, for as long as this process lives."""


def free_port() -> int:
    """A TCP port of 127.0.0.1 for a server that a test starts: nobody listens on it, and nobody else is given it.

    Between the choice and the server's start there are seconds in which tests beside this one take ports as well. A
    socket that holds the port keeps the kernel from giving it away, and does not stand in the way of a server that sets
    SO_REUSEADDR, as nearly all do.
    """
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    _HELD.append(held)
    return int(held.getsockname()[1])
