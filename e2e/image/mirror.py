"""A network mirror for OpenTofu on 127.0.0.1 that has the lab's stand-in for the provider: what a company without a way
to the registry runs."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from e2e.lab.commands import run
from e2e.lab.pki import DAYS, KEY

NAME = "registry.opentofu.org/hetznercloud/hcloud"
PORT = 8095
"""Always the same: it is a part of what the build's cache goes by."""


class Quiet(SimpleHTTPRequestHandler):
    """Serves files, and does not tell of each."""

    extensions_map = {**SimpleHTTPRequestHandler.extensions_map, ".json": "application/json"}

    def log_message(self, format: str, *args: Any) -> None:
        pass


def fill(folder: Path, files: Path) -> None:
    """Write what the protocol of network mirrors asks for, of all that is in a filesystem mirror for one platform."""
    served = folder / NAME
    served.mkdir(parents=True)
    packages = sorted((files / NAME).glob("*/*"))
    (served / "index.json").write_text(json.dumps({"versions": {package.parent.name: {} for package in packages}}))
    for package in packages:
        version, platform = package.parent.name, package.name
        archive = f"terraform-provider-hcloud_{version}_{platform}.zip"
        _pack(served / archive, package)
        (served / f"{version}.json").write_text(json.dumps({"archives": {platform: {"url": archive}}}))


def _pack(archive: Path, package: Path) -> None:
    with ZipFile(archive, "w", ZIP_DEFLATED) as packed:
        for file in sorted(package.iterdir()):
            entry = ZipInfo(file.name)
            # Executable, and of no date: one provider is one archive.
            entry.external_attr = 0o100755 << 16
            packed.writestr(entry, file.read_bytes(), ZIP_DEFLATED)


@contextmanager
def serve(folder: Path, certificate: Path, *, port: int = PORT) -> Iterator[str]:
    """The mirror's URL while it is served; who talks to it has to trust `certificate`, which is written."""
    key = certificate.with_suffix(".key")
    names = ("-subj", "/CN=mirror", "-addext", "subjectAltName=IP:127.0.0.1")
    run(["openssl", "req", "-x509", *KEY, *names, "-days", DAYS, "-keyout", key, "-out", certificate])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with ThreadingHTTPServer(("127.0.0.1", port), partial(Quiet, directory=str(folder))) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"https://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
