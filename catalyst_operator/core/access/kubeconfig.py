"""Kubeconfigs: written for owners, and read with an allow-list.

A kubeconfig is data. What makes a client run a program, read a file, ask a proxy or trust anybody is refused by name,
and so is whatever is not known: the next version's surprise.

Why: docs/explanation.md#reaching-the-new-cluster
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import yaml
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from pydantic import SecretStr

from catalyst_operator.core.access.identity import Access

MAX_KUBECONFIG_BYTES = 64 * 1024
_SERVER = re.compile(r"https://(?P<host>[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\]):(?P<port>[0-9]{1,5})")
_NAME = re.compile(r"[A-Za-z0-9.:-]{1,253}")
_TOP = frozenset({"apiVersion", "kind", "clusters", "users", "contexts", "current-context", "preferences"})
_ENTRIES: Mapping[str, tuple[str, frozenset[str]]] = {
    "clusters": ("cluster", frozenset({"server", "certificate-authority-data", "tls-server-name"})),
    "users": ("user", frozenset({"client-certificate-data", "client-key-data"})),
    "contexts": ("context", frozenset({"cluster", "user", "namespace"})),
}
_AUTHORITY = "clusters[].cluster.certificate-authority-data"
_CERTIFICATE, _KEY = "users[].user.client-certificate-data", "users[].user.client-key-data"

Entry = Mapping[str, Any]


class KubeconfigRefused(ValueError):
    """The kubeconfig has something in it that is not allowed, or lacks what is needed; the message names the field,
    and never what is in it."""


def render(access: Access, name: str) -> str:
    """The kubeconfig for this access, as YAML. Each API server is a context of its own: the first, which is the current
    one, is called `name`, the others `name-1` and so on."""
    names = [name if index == 0 else f"{name}-{index}" for index in range(len(access.servers))]
    user = {
        "client-certificate-data": _encoded(access.certificate),
        "client-key-data": _encoded(access.key.get_secret_value()),
    }
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": each, "cluster": _cluster(access, server)}
            for each, server in zip(names, access.servers, strict=True)
        ],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": each, "context": {"cluster": each, "user": name}} for each in names],
        "current-context": name,
    }
    return yaml.safe_dump(content, sort_keys=False)


def parse(text: str) -> Access:
    """The access that a kubeconfig's current context gives, first to its server, then to those of other contexts that
    are the same cluster: same user, same authority, same name. Raises KubeconfigRefused."""
    content = _checked(_loaded(text))
    clusters, users, contexts = (_named(content, plural) for plural in _ENTRIES)
    current = _entry(contexts, content.get("current-context"), "current-context")
    cluster = _entry(clusters, current.get("cluster"), "contexts[].context.cluster")
    user = _entry(users, current.get("user"), "contexts[].context.user")
    same = [
        other
        for context in contexts.values()
        if context.get("user") == current.get("user") and (other := clusters.get(str(context.get("cluster"))))
    ]
    trust = _trust(cluster)
    servers = [_server(each) for each in (cluster, *same) if _trust(each) == trust]
    certificate, key = _decoded(user, _CERTIFICATE), _decoded(user, _KEY)
    return Access(
        servers=tuple(dict.fromkeys(servers)),
        tls_name=trust[0],
        authority=trust[1],
        certificate=certificate,
        key=SecretStr(key),
        expires=_end_of(certificate, key),
    )


def _cluster(access: Access, server: str) -> dict[str, str]:
    return {
        "server": f"https://{server}",
        "certificate-authority-data": _encoded(access.authority),
        "tls-server-name": access.tls_name,
    }


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


# --- what may stand in it ---------------------------------------------------------------------------------------------


def _loaded(text: str) -> Any:
    """YAML without anchors: an alias could unfold to more than fits into memory. Nor with tags, which make objects."""
    if len(text) > MAX_KUBECONFIG_BYTES:
        raise KubeconfigRefused(f"the kubeconfig is longer than {MAX_KUBECONFIG_BYTES} characters")
    try:
        for token in yaml.scan(text):
            if isinstance(token, yaml.AliasToken | yaml.AnchorToken | yaml.TagToken | yaml.DirectiveToken):
                raise KubeconfigRefused("anchors, aliases, tags and directives are not allowed in a kubeconfig")
        return yaml.safe_load(text)
    except KubeconfigRefused:
        raise
    # ValueError: a date or a number that YAML lets stand and Python does not.
    except (yaml.YAMLError, ValueError):
        raise KubeconfigRefused("the kubeconfig is not YAML") from None
    except RecursionError:
        raise KubeconfigRefused("the kubeconfig is nested too deeply") from None


def _checked(content: Any) -> Entry:
    """Everything is looked at, also what is not used: who put it there had a reason."""
    found = _mapping(content, "the kubeconfig")
    _only(found, _TOP, "")
    if (found.get("apiVersion"), found.get("kind")) != ("v1", "Config"):
        raise KubeconfigRefused("apiVersion and kind must be v1 and Config")
    if found.get("preferences"):
        raise KubeconfigRefused("preferences must be empty")
    for plural, (singular, allowed) in _ENTRIES.items():
        for entry in _list(found, plural):
            _only(_mapping(entry, f"{plural}[]"), frozenset({"name", singular}), f"{plural}[].")
            _only(_mapping(entry.get(singular), f"{plural}[].{singular}"), allowed, f"{plural}[].{singular}.")
    return found


def _mapping(value: Any, what: str) -> Entry:
    if not isinstance(value, dict):
        raise KubeconfigRefused(f"{what} is not a mapping")
    return value


def _list(content: Entry, plural: str) -> Sequence[Any]:
    found = content.get(plural)
    if not isinstance(found, list):
        raise KubeconfigRefused(f"{plural} is not a list")
    return found


def _only(found: Entry, allowed: frozenset[str], path: str) -> None:
    for field in found:
        if field not in allowed:
            shown = json.dumps(str(field)[:64])
            raise KubeconfigRefused(f"{path}{shown} is not allowed: only {', '.join(sorted(allowed))} are")


# --- what it says -----------------------------------------------------------------------------------------------------


def _named(content: Entry, plural: str) -> dict[str, Entry]:
    """The entries by name. Two of one name would be one to us and the other to somebody else."""
    named: dict[str, Entry] = {}
    for entry in content[plural]:
        name = entry.get("name")
        if not isinstance(name, str) or name in named:
            raise KubeconfigRefused(f"{plural}[].name is missing, is no text, or is there twice")
        named[name] = entry[_ENTRIES[plural][0]]
    return named


def _entry(entries: Mapping[str, Entry], name: Any, field: str) -> Entry:
    if not isinstance(name, str) or name not in entries:
        raise KubeconfigRefused(f"{field} names nothing that is in the kubeconfig")
    return entries[name]


def _server(cluster: Entry) -> str:
    """`host:port`."""
    matched = _SERVER.fullmatch(str(cluster.get("server", "")))
    if not matched or not 0 < int(matched["port"]) < 65536:
        raise KubeconfigRefused("clusters[].cluster.server must be https://host:port and nothing else")
    return f"{matched['host']}:{matched['port']}"


def _trust(cluster: Entry) -> tuple[str, str]:
    """The name that the server must show, and the authority that must have signed it."""
    name = str(cluster.get("tls-server-name") or _server(cluster).rpartition(":")[0].strip("[]"))
    if not _NAME.fullmatch(name):
        raise KubeconfigRefused("clusters[].cluster.tls-server-name is not the name of a host")
    authority = _decoded(cluster, _AUTHORITY)
    try:
        x509.load_pem_x509_certificates(authority.encode())
    except ValueError:
        raise KubeconfigRefused(f"{_AUTHORITY} is not a certificate") from None
    return name, authority


def _decoded(found: Entry, path: str) -> str:
    value = found.get(path.rpartition(".")[2])
    try:
        text = base64.b64decode(str(value or ""), validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        text = ""
    if not text.startswith("-----BEGIN "):
        raise KubeconfigRefused(f"{path} is not base64 of PEM text")
    return text


def _end_of(certificate: str, key: str) -> datetime:
    """When the certificate ends; the key has to be its own."""
    try:
        found = x509.load_pem_x509_certificate(certificate.encode())
    except ValueError:
        raise KubeconfigRefused(f"{_CERTIFICATE} is not a certificate") from None
    try:
        loaded = serialization.load_pem_private_key(key.encode(), password=None)
        fits = loaded.public_key() == found.public_key()
    # TypeError: it has a password, which nobody can be asked for.
    except (ValueError, TypeError, UnsupportedAlgorithm):
        fits = False
    if not fits:
        raise KubeconfigRefused(f"{_KEY} is not the key of the certificate")
    return found.not_valid_after_utc
