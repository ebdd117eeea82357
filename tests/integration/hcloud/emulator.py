"""The Hetzner Cloud emulator as a process of its own, and a client for it."""

from __future__ import annotations

import http.client
import json
import secrets
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.support.paths import REPOSITORY

FAST = {
    "server_create_seconds": 0.3,
    "server_start_seconds": 0.05,
    "server_delete_seconds": 0.05,
    "load_balancer_create_seconds": 0.1,
    "volume_create_seconds": 0.05,
    "action_seconds": 0.02,
}


def new_token() -> str:
    return secrets.token_hex(32)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: Any

    @property
    def code(self) -> str:
        """The code of an error."""
        return str(self.body["error"]["code"])


@dataclass(frozen=True)
class Client:
    """Speaks to the emulator's API with a token, or to its lab endpoints without one."""

    host: str
    port: int
    token: str | None = None

    @property
    def endpoint(self) -> str:
        return f"http://{self.host}:{self.port}/v1"

    def send(self, method: str, path: str, body: Any = None, **query: Any) -> Answer:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=10)
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        text = body if isinstance(body, str) else None if body is None else json.dumps(body)
        prefix = "" if path.startswith("/_lab") else "/v1"
        parameters = f"?{urlencode(query, doseq=True)}" if query else ""
        try:
            connection.request(method, prefix + path + parameters, text, headers)
            response = connection.getresponse()
            raw = response.read().decode()
        finally:
            connection.close()
        is_json = "json" in response.headers.get("Content-Type", "")
        return Answer(response.status, dict(response.headers), json.loads(raw) if is_json else raw)

    def get(self, path: str, **query: Any) -> Answer:
        return self.send("GET", path, **query)

    def post(self, path: str, body: Any = None) -> Answer:
        return self.send("POST", path, body)

    def delete(self, path: str, body: Any = None) -> Answer:
        return self.send("DELETE", path, body)

    def must_post(self, path: str, body: Any = None) -> Any:
        answer = self.post(path, body)
        assert answer.status in {200, 201}, f"POST {path}: {answer}"
        return answer.body


@dataclass(frozen=True)
class Project:
    """A project of its own for a test: a client with its token, and what the lab knows of it."""

    name: str
    api: Client
    lab: Client

    @property
    def token(self) -> str:
        assert self.api.token is not None
        return self.api.token

    def inventory(self) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = self.lab.get("/_lab/inventory", project=self.name).body
        return found

    def counts(self) -> dict[str, int]:
        """How many objects of each kind exist, without the kinds that have none."""
        return {kind: len(items) for kind, items in self.inventory().items() if items}

    def writes(self) -> list[str]:
        """The writes so far, as `METHOD path status`."""
        entries = self.lab.get("/_lab/requests").body["requests"]
        mine = [entry for entry in entries if entry["project"] == self.name]
        return [f"{entry['method']} {entry['path']} {entry['status']}" for entry in mine]

    def fault(self, effect: dict[str, Any], times: int | None = 1, **match: Any) -> None:
        """Let matching requests of this project go wrong."""
        body = {"match": {**match, "project": self.name}, "effect": effect, "times": times}
        self.lab.must_post("/_lab/faults", body)

    def second_token(self, *, readonly: bool) -> str:
        """Another token that opens this project."""
        token = new_token()
        self.lab.must_post("/_lab/projects", {"token": token, "project": self.name, "readonly": readonly})
        return token


class Emulator:
    """`python -m e2e.lab.hcloud` on a free loopback port, with further `options`."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.token = new_token()
        (folder / "token").write_text(self.token)
        self._arguments = [f"--token-file={folder / 'token'}", f"--state-dir={folder / 'state'}", *options]
        self._process: subprocess.Popen[str] | None = None
        self._port = 0

    def start(self) -> None:
        """Start, or start again on the same port."""
        command = [sys.executable, "-m", "e2e.lab.hcloud", f"--listen=127.0.0.1:{self._port}", *self._arguments]
        self._process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert "listening on" in line, f"the emulator did not start: {line}"
        self._port = int(line.rpartition(":")[2].split("/")[0])

    def kill(self) -> None:
        """End it without notice."""
        self._end("kill")

    def stop(self) -> None:
        self._end("terminate")

    def _end(self, how: str) -> None:
        if self._process is None:
            return
        getattr(self._process, how)()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process.wait(timeout=10)
        self._process = None

    @property
    def lab(self) -> Client:
        return Client("127.0.0.1", self._port)

    def project(self, *, boots: bool = False, **limits: int) -> Project:
        """A new project with nothing in it."""
        token = new_token()
        body = {"token": token, "limits": limits, "boots": boots}
        name = self.lab.must_post("/_lab/projects", body)["project"]
        return Project(name, Client("127.0.0.1", self._port, token), self.lab)
