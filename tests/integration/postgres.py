"""A real PostgreSQL server of a test's own, as an ordinary user, since it does not run as root."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

from e2e.support.waiting import OFTEN, wait_for

START_SECONDS = 60.0
USER, DATABASE, PASSWORD = "tofu", "states", "pg-password-of-the-tests"
_DEBIAN = Path("/usr/lib/postgresql")


@dataclass(frozen=True)
class Postgres:
    """A server on 127.0.0.1 with one database, whose user gives a password."""

    port: int
    bin: Path

    def sql(self, text: str, user: str = USER) -> list[str]:
        """What a query prints, a row a line, its columns with `|` between them."""
        command = [str(self.bin / "psql"), "-h", "127.0.0.1", "-p", str(self.port), "-U", user, "-AtX", "-c", text]
        environment = {"PATH": os.environ["PATH"], "PGPASSWORD": PASSWORD, "PGDATABASE": DATABASE}
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return ran.stdout.splitlines()


@contextmanager
def postgres_server() -> Iterator[Postgres]:
    """Serve until the block ends. Its folder is one that its user can reach, which a test's own may not be."""
    programs = max(_DEBIAN.glob("*/bin"))
    folder = Path(mkdtemp(prefix="pg-"))
    user = "nobody" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
    shutil.chown(folder, user)
    (folder / "password").write_text(f"{PASSWORD}\n")
    shutil.chown(folder / "password", user)
    data, port = folder / "data", _free_port()
    options = [f"--pgdata={data}", f"--username={USER}", f"--pwfile={folder / 'password'}", "--auth=scram-sha-256"]
    _run([str(programs / "initdb"), *options, "--no-sync"], user)
    command = [str(programs / "postgres"), "-D", str(data), "-p", str(port), "-h", "127.0.0.1", "-k", str(folder)]
    with (
        (folder / "log").open("ab") as log,
        subprocess.Popen([*command, "-F"], stdout=log, stderr=log, user=user if os.getuid() == 0 else None) as process,
    ):
        try:
            server = Postgres(port, programs)
            _await(server, process, folder / "log")
            subprocess.run(
                [str(programs / "createdb"), "-h", "127.0.0.1", "-p", str(port), "-U", USER, DATABASE],
                env={"PATH": os.environ["PATH"], "PGPASSWORD": PASSWORD},
                check=True,
            )
            yield server
        finally:
            process.terminate()
            process.wait()
            shutil.rmtree(folder)


def _await(server: Postgres, process: subprocess.Popen[bytes], log: Path) -> None:
    ready = [str(server.bin / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(server.port)]

    def answers() -> bool:
        assert process.poll() is None, log.read_text(errors="replace")
        return subprocess.run(ready, check=False).returncode == 0

    wait_for(answers, "PostgreSQL to answer", seconds=START_SECONDS, every=OFTEN)


def _run(command: list[str], user: str) -> None:
    ran = subprocess.run(
        command, user=user if os.getuid() == 0 else None, capture_output=True, text=True, cwd="/", check=False
    )
    assert ran.returncode == 0, f"{command[0]} failed:\n{ran.stdout}\n{ran.stderr}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
