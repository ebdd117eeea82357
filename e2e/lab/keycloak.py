"""A real Keycloak for tests: the distribution from Maven Central, prepared once, in the cache.

Its first start would spend half of its time on fitting its code to its options (`kc.sh build`); that is done here.
"""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from pathlib import Path

from e2e.lab.cache import cached, digest
from e2e.lab.commands import run
from e2e.lab.errors import BuildFailed
from e2e.lab.timeline import Timeline

VERSION = "26.0.7"
_ARTIFACT = f"org.keycloak:keycloak-quarkus-dist:{VERSION}:zip"
_CHECKSUM = "25353b74613bcf72db67f8addbd88d832c705a69333091a16573d249d665fe21"
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"
BUILD = ("--db=dev-file", "--vault=file")
"""What is fixed when it is built: a database in a file, secrets in files."""


def folder(timeline: Timeline) -> Path:
    """The distribution's folder. Java 17 or newer runs it: `bash bin/kc.sh start --optimized`."""
    name = f"tools/keycloak-{VERSION}-{digest([], _CHECKSUM, *BUILD)}"
    return cached(name, _make, timeline, "prepare Keycloak", "1 minute")


def _make(out: Path) -> None:
    archive = _download(out / "download")
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(out)
    top = out / f"keycloak-{VERSION}"
    for part in top.iterdir():
        part.rename(out / part.name)
    top.rmdir()
    shutil.rmtree(archive.parent)
    run(["bash", out / "bin" / "kc.sh", "build", *BUILD], remedy="install the Debian packages: `make lab-packages`")


def _download(to: Path) -> Path:
    command = ["mvn", "--quiet", "--batch-mode", _COPY, f"-Dartifact={_ARTIFACT}", f"-DoutputDirectory={to}"]
    run(command, remedy="this needs Maven (`make lab-packages`) and a way to Maven Central")
    [archive] = to.iterdir()
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != _CHECKSUM:
        raise BuildFailed(
            f"{_ARTIFACT} has the checksum {found}, not {_CHECKSUM}",
            "do not use it: find out who changed a published archive",
        )
    return archive
