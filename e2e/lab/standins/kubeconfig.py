"""Reads the kubeconfig that the boot wrote: where the cluster is, whom to trust, and as whom to speak."""

from __future__ import annotations

import base64
import ssl
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True)
class Connection:
    """One cluster's API, and this process' identity there."""

    server: str
    tls: ssl.SSLContext = field(repr=False)
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    tls_name: str | None = None


def load(path: Path) -> Connection:
    """The current context of a kubeconfig with a token or a client certificate, in it or in files beside it."""
    config = yaml.safe_load(path.read_text("utf-8"))
    context = _named(config["contexts"], config["current-context"])["context"]
    cluster = _named(config["clusters"], context["cluster"])["cluster"]
    user = _named(config["users"], context["user"])["user"]
    authority = _content(path, cluster, "certificate-authority")
    tls = ssl.create_default_context(cadata=authority.decode() if authority else None)
    # The lab's own certificates need not be of the strict kind; the operator's client is tested for that.
    tls.verify_flags &= ~ssl.VERIFY_X509_STRICT
    _present(tls, _content(path, user, "client-certificate"), _content(path, user, "client-key"))
    headers = {"Authorization": f"Bearer {user['token']}"} if "token" in user else {}
    return Connection(cluster["server"].rstrip("/"), tls, headers, cluster.get("tls-server-name"))


def _named(entries: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(entry for entry in entries if entry["name"] == name)


def _content(kubeconfig: Path, entry: dict[str, Any], field_: str) -> bytes | None:
    if f"{field_}-data" in entry:
        return base64.b64decode(entry[f"{field_}-data"])
    return (kubeconfig.parent / entry[field_]).read_bytes() if field_ in entry else None


def _present(tls: ssl.SSLContext, certificate: bytes | None, key: bytes | None) -> None:
    if certificate is None or key is None:
        return
    # OpenSSL reads both from a file only.
    with tempfile.NamedTemporaryFile() as file:
        file.write(certificate + b"\n" + key)
        file.flush()
        tls.load_cert_chain(file.name)
