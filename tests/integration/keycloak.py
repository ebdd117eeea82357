"""A real Keycloak that starts as the kit's values tell it to, on loopback, with a database in a file."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from e2e.lab import keycloak as distribution
from e2e.lab.timeline import Timeline
from e2e.support.waiting import wait_for
from tests.integration.apiserver import free_port

PASSWORD = "of-the-test"
HOME = "/opt/bitnami/keycloak"
"""Where the image of the wrapped chart has Keycloak."""
_PATIENCE = 120
_SHORT_LIVED = "-XX:TieredStopAtLevel=1"
"""For a Java that ends before its second compiler pays off."""
_START = 600


@dataclass(frozen=True)
class Keycloak:
    """A running Keycloak, seen by its first administrator."""

    url: str
    home: Path

    def get(self, path: str) -> Any:
        """What the admin API answers; `path` begins after /admin/realms/."""
        return self._admin(path)

    def put(self, path: str, content: Any) -> None:
        self._admin(path, "PUT", content)

    def post(self, path: str, content: Any) -> None:
        self._admin(path, "POST", content)

    def discovered(self, realm: str) -> Any:
        """What a realm says of its endpoints; it takes its time at the first question."""
        url = f"{self.url}/realms/{realm}/.well-known/openid-configuration"
        return httpx.get(url, timeout=_PATIENCE, trust_env=False).raise_for_status().json()

    def client_ids(self, realm: str) -> dict[str, str]:
        """Clients of a realm: name -> id."""
        return {client["clientId"]: client["id"] for client in self.get(f"{realm}/clients")}

    def run(self, commands: str) -> str:
        """The output of shell commands that call kcadm.sh, as in the Pod."""
        environment = {**os.environ, "KC_CLI_PASSWORD": PASSWORD, "KC_OPTS": _SHORT_LIVED}
        command = ["bash", "-euo", "pipefail", "-c", commands]
        ran = subprocess.run(command, env=environment, cwd=self.home, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr + (self.home / "log").read_text()[-3000:]
        return ran.stdout

    def _admin(self, path: str, method: str = "GET", content: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self._token()}"}
        url = f"{self.url}/admin/realms/{path}"
        answer = httpx.request(method, url, json=content, headers=headers, timeout=_PATIENCE, trust_env=False)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def _token(self) -> str:
        form = {"grant_type": "password", "client_id": "admin-cli", "username": "admin", "password": PASSWORD}
        url = f"{self.url}/realms/master/protocol/openid-connect/token"
        token: str = httpx.post(url, data=form, timeout=_PATIENCE, trust_env=False).json()["access_token"]
        return token


def prepare(folder: Path) -> Path:
    """A Keycloak of the test's own, with an empty database."""
    home = folder / "keycloak"
    shutil.copytree(distribution.folder(Timeline()), home)
    # It gives up after five seconds without a connection to its database; a busy machine needs more.
    (home / "conf" / "quarkus.properties").write_text("quarkus.datasource.jdbc.acquisition-timeout=120\n")
    for script in (home / "bin").glob("*.sh"):
        script.chmod(0o755)
    return home


def place(home: Path, path: str, files: Mapping[str, str]) -> None:
    """Files at a path of the Pod, as the kubelet mounts them: links to a folder that it can replace at once."""
    folder = home / Path(path).relative_to(HOME)
    (folder / "..1").mkdir(parents=True)
    (folder / "..data").symlink_to("..1")
    for name, text in files.items():
        (folder / "..1" / name).write_text(text, encoding="utf-8")
        (folder / name).symlink_to(f"..data/{name}")


@contextmanager
def started(home: Path, arguments: str, environment: Mapping[str, str]) -> Iterator[Keycloak]:
    """Start it as the Pod would, but for its database, and stop it at the end of the block."""
    port = free_port()
    command = ["bash", str(home / "bin" / "kc.sh"), "start", "--optimized", *arguments.split()]
    local = {name: value.replace(HOME, str(home)) for name, value in environment.items()}
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            command, env={**os.environ, **local, **_on_loopback(port)}, stdout=log, stderr=log, start_new_session=True
        )
    try:
        keycloak = Keycloak(f"http://127.0.0.1:{port}", home)
        wait_for(lambda: _serves(keycloak, process), "Keycloak", seconds=_START, shown=(home / "log").read_text)
        yield keycloak
    finally:
        process.terminate()
        process.wait(timeout=_PATIENCE)


def _on_loopback(port: int) -> dict[str, str]:
    return {
        "JAVA_OPTS_APPEND": _SHORT_LIVED,
        "KC_DB": "dev-file",
        "KC_CACHE": "local",
        "KC_HTTP_ENABLED": "true",
        "KC_HTTP_HOST": "127.0.0.1",
        "KC_HTTP_PORT": str(port),
        # Its own token endpoint is an identity provider's in these tests, and has to be reached without TLS.
        "KC_HOSTNAME_BACKCHANNEL_DYNAMIC": "true",
        "KC_BOOTSTRAP_ADMIN_USERNAME": "admin",
        "KC_BOOTSTRAP_ADMIN_PASSWORD": PASSWORD,
    }


def _serves(keycloak: Keycloak, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, (keycloak.home / "log").read_text()
    try:
        return httpx.get(f"{keycloak.url}/realms/master", timeout=_PATIENCE, trust_env=False).is_success
    except httpx.TransportError:
        return False
