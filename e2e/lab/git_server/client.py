"""The lab's git server as the stories use it: repositories, what is in them, who committed what, and faults."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from e2e.lab.git_server.commits import Commit

SOMEBODY = "Somebody Else <somebody.else@example.org>"


class GitServer:
    """A running server at `url` (`https://host:port`), whose certificate `ca` has signed."""

    def __init__(self, url: str, ca: Path) -> None:
        self.url = url.rstrip("/")
        self._trust = ssl.create_default_context(cafile=str(ca))

    def repository_url(self, path: str) -> str:
        """What a GitRepository or `git clone` is given."""
        return f"{self.url}/{path}"

    def create(
        self, path: str, username: str = "", password: str = "", *, readonly: bool = False, template: bool = False
    ) -> str:
        """Make a repository, private if there is a user; for one that exists, add the user. Returns its URL."""
        wish = {"path": path, "username": username, "password": password, "readonly": readonly, "template": template}
        self._send("POST", "repositories", wish)
        return self.repository_url(path)

    def delete(self, path: str) -> None:
        """Remove a repository."""
        self._send("DELETE", f"repositories/{path}")

    def log(self, path: str) -> list[Commit]:
        """Commits of main, the newest first."""
        found = json.loads(self._send("GET", f"repositories/{path}/log"))
        return [Commit(**commit) for commit in found["commits"]]

    def read(self, path: str, file: str) -> str | None:
        """A file at the head of main, None when it is not there."""
        try:
            return self._send("GET", f"repositories/{path}/files/{file}").decode()
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise

    def commit(
        self, path: str, files: Mapping[str, str | None], message: str = "Change by hand", author: str = SOMEBODY
    ) -> str | None:
        """Commit as somebody else; a file of None is removed. The commit, None when nothing changed."""
        answer = self._send(
            "POST", f"repositories/{path}/commits", {"files": dict(files), "author": author, "message": message}
        )
        sha: str | None = json.loads(answer)["sha"]
        return sha

    def fault(self, path: str, status: int, times: int | None = None) -> None:
        """Answer requests for the repository with an error: `times` requests, or until `clear_faults`."""
        self._send("POST", "faults", {"path": path, "status": status, "times": times})

    def clear_faults(self) -> None:
        """Answer everything as usual again."""
        self._send("DELETE", "faults")

    @contextmanager
    def refusing(self, path: str, status: int) -> Iterator[None]:
        """Every request for the repository fails within the block. Faults of others end with it too."""
        self.fault(path, status)
        try:
            yield
        finally:
            self.clear_faults()

    def _send(self, method: str, path: str, body: Any = None) -> bytes:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/_lab/{path}", data=data, method=method)
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=self._trust)
        )
        with opener.open(request, timeout=30) as answer:
            content: bytes = answer.read()
        return content
