"""`make releases-pin` against servers on 127.0.0.1: what it writes, what it refuses, and that nothing else changes."""

from __future__ import annotations

import hashlib
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.serving import Server, serving
from tests.support.certificates import self_signed
from tests.support.paths import REPOSITORY

pytestmark = pytest.mark.integration

NAMES = ("k3s", "gateway_api", "helm", "cilium", "flux")
ROW = """\
      {name}: # {name} has a comment
        version: "1"
        url: {url}/1/{name}.bin
        sha256: {sha256}  # and another
        checksums_url: {checksums}
"""


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass
class Vendor:
    """Serves the five files of a release and their checksums."""

    server: Server
    file: Path
    trusted: Path

    def write(self, **sha256: str) -> str:
        """releases.yaml, with these pinned; what is pinned as `only:<sha256>` has no checksums_url."""
        rows = "".join(self._row(name, sha256.get(name, "null")) for name in NAMES)
        text = f"# Releases.\ndefault: r\nreleases:\n  r:\n    downloads:\n{rows}    kit: {{bp-flux: 1.1.2}}\n"
        text += "charts: {}\nupstream: {}\n"
        self.file.write_text(text)
        return text

    def _row(self, name: str, sha256: str) -> str:
        checksums = "null" if sha256.startswith("only:") else f"{self.server.url}/sums"
        return ROW.format(name=name, url=self.server.url, sha256=sha256.removeprefix("only:"), checksums=checksums)

    def pin(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "deploy.releases.pin", str(self.file)],
            cwd=REPOSITORY,
            env={**os.environ, "CURL_CA_BUNDLE": str(self.trusted), "RETRY_PAUSE": "0"},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def vendor(tmp_path: Path) -> Iterator[Vendor]:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    self_signed(certificate, key, "vendor")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with serving(context) as server:
        server.files = {f"/1/{name}.bin": name.encode() for name in NAMES}
        server.files["/sums"] = "".join(f"{digest(name.encode())}  {name}.bin\n" for name in NAMES).encode()
        yield Vendor(server, tmp_path / "releases.yaml", certificate)


def test_every_download_gets_its_checksum_and_nothing_else_changes(vendor: Vendor) -> None:
    """Comments are half of that file's worth."""
    text = vendor.write()
    ran = vendor.pin()
    assert ran.returncode == 0, ran.stderr
    for name in NAMES:
        text = text.replace("sha256: null", f"sha256: {digest(name.encode())}", 1)
    assert vendor.file.read_text() == text
    assert f"r: helm: {digest(b'helm')}" in ran.stdout


def test_what_is_pinned_stays_and_is_compared(vendor: Vendor) -> None:
    text = vendor.write(k3s=digest(b"k3s"), gateway_api=f"only:{digest(b'gateway_api')}")
    assert vendor.pin().returncode == 0
    assert f"sha256: {digest(b'k3s')}" in vendor.file.read_text()
    assert "/1/gateway_api.bin" in vendor.server.asked
    assert vendor.file.read_text().count("\n") == text.count("\n")


@pytest.mark.parametrize(
    ("row", "file", "sums", "told"),
    [
        ("null", b"another", b"helm", "expected"),
        ("null", b"helm", b"", "no sha256 for helm.bin"),
        ("null", None, b"helm", "attempt 5 of 5 failed"),
        (digest(b"old"), b"helm", b"helm", f"pinned is {digest(b'old')}, but file and vendor say"),
        (f"only:{digest(b'old')}", b"helm", b"helm", f"expected {digest(b'old')}; not used"),
    ],
    ids=["file and checksum differ", "no checksum", "no file", "a pin that is wrong", "a pin alone that is wrong"],
)
def test_what_does_not_fit_is_told_and_stays_as_it_is(
    vendor: Vendor, row: str, file: bytes | None, sums: bytes, told: str
) -> None:
    """The others are pinned all the same."""
    vendor.write(helm=row)
    vendor.server.files.pop("/1/helm.bin")
    if file is not None:
        vendor.server.files["/1/helm.bin"] = file
    listed = {name: name.encode() for name in NAMES} | {"helm": sums}
    lines = [f"{digest(content)}  {name}.bin\n" for name, content in listed.items() if content]
    vendor.server.files["/sums"] = "".join(lines).encode()
    ran = vendor.pin()
    assert ran.returncode == 1
    assert "r: helm: not pinned: " in ran.stderr
    assert told in ran.stderr
    written = vendor.file.read_text()
    assert written.count(f"sha256: {row.removeprefix('only:')} ") == 1
    assert all(digest(name.encode()) in written for name in NAMES if name != "helm")


def test_a_vendor_whose_certificate_is_not_trusted_pins_nothing(vendor: Vendor) -> None:
    text = vendor.write()
    vendor.trusted = Path("/etc/ssl/certs/ca-certificates.crt")
    assert vendor.pin().returncode == 1
    assert vendor.file.read_text() == text
