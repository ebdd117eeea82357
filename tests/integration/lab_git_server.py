"""The lab's git server as a process of its own, with a certificate made for the test, and git as its user."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from e2e.lab.git_server.client import GitServer
from tests.support.paths import REPOSITORY


@dataclass(frozen=True)
class Running:
    """A running server."""

    server: GitServer
    ca: Path


@contextmanager
def git_server(folder: Path, template: Path) -> Iterator[Running]:
    """Serve from `folder` until the block ends; started again on the same folder, it goes on with what is there."""
    certificate, key = _certificate(folder)
    command = [sys.executable, "-m", "e2e.lab.git_server", "--listen=127.0.0.1:0", f"--root={folder / 'root'}"]
    command += [f"--certificate={certificate}", f"--key={key}", f"--template={template}"]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        url = process.stdout.readline().rpartition(" ")[2].strip()
        assert url.startswith("https://"), f"the git server did not start: {process.poll()}"
        yield Running(GitServer(url, certificate), certificate)
    finally:
        process.terminate()
        assert process.wait(timeout=10) == 0
        process.stdout.close()


def _certificate(folder: Path) -> tuple[Path, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    certificate, key = folder / "tls.crt", folder / "tls.key"
    if not certificate.exists():
        names = ["-subj", "/CN=lab git", "-addext", "subjectAltName=IP:127.0.0.1"]
        kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        files = ["-keyout", str(key), "-out", str(certificate)]
        subprocess.run(["openssl", "req", "-x509", *kind, *names, *files], check=True, capture_output=True)
    return certificate, key


@dataclass(frozen=True)
class Git:
    """git as a person would use it, in a folder of its own, trusting only the server's certificate."""

    home: Path
    ca: Path
    name: str = "Jane Doe"
    extra: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run git; the answer is the caller's to judge."""
        return subprocess.run(
            ["git", *arguments],
            cwd=cwd or self.home,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def ok(self, *arguments: str, cwd: Path | None = None) -> str:
        """Run git, which must succeed; its output."""
        done = self.run(*arguments, cwd=cwd)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def commit(self, clone: Path, file: str, content: str) -> None:
        """Commit a file in a clone."""
        (clone / file).write_text(content)
        self.ok("add", "-A", cwd=clone)
        self.ok("commit", "-q", "-m", f"Change {file}", cwd=clone)

    @property
    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_SSL_CAINFO": str(self.ca),
            "GIT_AUTHOR_NAME": self.name,
            "GIT_AUTHOR_EMAIL": "jane@example.org",
            "GIT_COMMITTER_NAME": self.name,
            "GIT_COMMITTER_EMAIL": "jane@example.org",
            **self.extra,
        }


def with_user(url: str, name: str, password: str) -> str:
    """The URL with credentials in it."""
    return url.replace("https://", f"https://{name}:{password}@")
