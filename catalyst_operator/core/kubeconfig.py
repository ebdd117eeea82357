"""Kubeconfigs: written for owners, and read with an allow-list (DESIGN §6).

A kubeconfig is data. What makes a client run a program, read a file, ask a proxy or trust anybody is refused by name,
and so is whatever is not known: the next version's surprise.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any

import yaml
from cryptography import x509
from pydantic import SecretStr

from catalyst_operator.core.access import Access

MAX_BYTES = 64 * 1024
_HOST_PORT = re.compile(r"https://([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\]):([0-9]{1,5})")
_CLUSTER = frozenset({"server", "certificate-authority-data", "tls-server-name"})
_USER = frozenset({"client-certificate-data", "client-key-data"})
_CONTEXT = frozenset({"cluster", "user", "namespace"})
_TOP = frozenset({"apiVersion", "kind", "clusters", "users", "contexts", "current-context", "preferences"})


class KubeconfigRefused(ValueError):
    """The kubeconfig has something in it that is not allowed, or lacks what is needed; the message names the field."""


def render(access: Access, name: str) -> str:
    """The kubeconfig for this access. Each API server is a context of its own; the first is the current one."""
    names = [name if index == 0 else f"{name}-{index}" for index in range(len(access.servers))]
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": each, "cluster": _cluster(access, server)}
            for each, server in zip(names, access.servers, strict=True)
        ],
        "users": [
            {
                "name": name,
                "user": {
                    "client-certificate-data": _encoded(access.certificate),
                    "client-key-data": _encoded(access.key.get_secret_value()),
                },
            }
        ],
        "contexts": [{"name": each, "context": {"cluster": each, "user": name}} for each in names],
        "current-context": name,
    }
    return yaml.safe_dump(content, sort_keys=False)


def parse(text: str) -> Access:
    """The access that a kubeconfig's current context gives. Raises KubeconfigRefused."""
    if len(text.encode()) > MAX_BYTES:
        raise KubeconfigRefused(f"the kubeconfig is larger than {MAX_BYTES} bytes")
    content = _mapping(_loaded(text), "the kubeconfig")
    _only(content, _TOP, "")
    context = _named(content, "contexts", "context", content.get("current-context"), _CONTEXT)
    current = _named(content, "clusters", "cluster", context.get("cluster"), _CLUSTER)
    user = _named(content, "users", "user", context.get("user"), _USER)
    certificate = _decoded(user, "users[].user.client-certificate-data")
    server = _server(current)
    return Access(
        servers=(server,),
        tls_name=str(current.get("tls-server-name") or server.rpartition(":")[0].strip("[]")),
        authority=_decoded(current, "clusters[].cluster.certificate-authority-data"),
        certificate=certificate,
        key=SecretStr(_decoded(user, "users[].user.client-key-data")),
        expires=_end_of(certificate),
    )


def _cluster(access: Access, server: str) -> dict[str, str]:
    return {
        "server": f"https://{server}",
        "certificate-authority-data": _encoded(access.authority),
        "tls-server-name": access.tls_name,
    }


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _loaded(text: str) -> Any:
    """YAML without anchors: an alias could unfold to more than fits into memory."""
    try:
        if any(isinstance(token, yaml.AliasToken | yaml.AnchorToken | yaml.TagToken) for token in yaml.scan(text)):
            raise KubeconfigRefused("anchors, aliases and tags are not allowed")
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        if isinstance(error, KubeconfigRefused):
            raise
        raise KubeconfigRefused("it is not YAML") from None
    except RecursionError:
        raise KubeconfigRefused("it is nested too deeply") from None


def _mapping(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise KubeconfigRefused(f"{what} is not a mapping")
    return value


def _only(found: Mapping[str, Any], allowed: frozenset[str], path: str) -> None:
    for field in found:
        if field not in allowed:
            shown = json.dumps(str(field)[:64])
            raise KubeconfigRefused(f"{path}{shown} is not allowed: only {', '.join(sorted(allowed))} are read")


def _named(
    content: Mapping[str, Any], plural: str, singular: str, name: Any, allowed: frozenset[str]
) -> Mapping[str, Any]:
    """The entry of that name; every entry of its kind is checked, also those that are not used."""
    entries = content.get(plural)
    if not isinstance(entries, list):
        raise KubeconfigRefused(f"{plural} is not a list")
    found: Mapping[str, Any] | None = None
    for entry in entries:
        _only(_mapping(entry, f"{plural}[]"), frozenset({"name", singular}), f"{plural}[].")
        inner = _mapping(entry.get(singular), f"{plural}[].{singular}")
        _only(inner, allowed, f"{plural}[].{singular}.")
        found = inner if entry.get("name") == name and found is None else found
    if found is None:
        raise KubeconfigRefused(f"{plural} has no entry for the current context")
    return found


def _server(cluster: Mapping[str, Any]) -> str:
    matched = _HOST_PORT.fullmatch(str(cluster.get("server", "")))
    if not matched or not 0 < int(matched[2]) < 65536:
        raise KubeconfigRefused("clusters[].cluster.server must be https://host:port and nothing else")
    return f"{matched[1]}:{matched[2]}"


def _decoded(found: Mapping[str, Any], path: str) -> str:
    value = found.get(path.rpartition(".")[2])
    try:
        text = base64.b64decode(str(value or ""), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        text = ""
    if not text.startswith("-----BEGIN "):
        raise KubeconfigRefused(f"{path} is not base64 of PEM text")
    return text


def _end_of(certificate: str) -> Any:
    try:
        return x509.load_pem_x509_certificate(certificate.encode()).not_valid_after_utc
    except ValueError:
        raise KubeconfigRefused("users[].user.client-certificate-data holds no certificate") from None
