"""A kubeconfig is data: what would run, read, ask or trust something is refused by the name of its field."""

from __future__ import annotations

import base64
import copy
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from hypothesis import given, settings
from hypothesis import strategies as st

from catalyst_operator.adapters.new_cluster import authorities, minting
from catalyst_operator.core.access import kubeconfig
from catalyst_operator.core.access.identity import OWNER, Access
from catalyst_operator.core.access.kubeconfig import KubeconfigRefused, parse, render
from tests.support.gen import NOW

TRUST = authorities.make(NOW)
SERVERS = ("203.0.113.10:6443", "203.0.113.11:6443", "[2001:db8::1]:6443")


def minted(servers: tuple[str, ...] = SERVERS) -> Access:
    return minting.access(
        TRUST.files,
        servers=servers,
        fqdn="acme.omani.works",
        user=OWNER,
        groups=("system:masters",),
        now=NOW,
        lifetime=timedelta(days=365),
    )


ACCESS = minted()
CONFIG: dict[str, Any] = yaml.safe_load(render(ACCESS, "acme"))
Change = Callable[[dict[str, Any]], None]


def changed(change: Change) -> str:
    config = copy.deepcopy(CONFIG)
    change(config)
    return yaml.safe_dump(config)


def setting(path: str, value: Any) -> Change:
    """Sets `clusters.0.cluster.server`, say."""

    def change(config: dict[str, Any]) -> None:
        target: Any = config
        *parents, last = path.split(".")
        for part in parents:
            target = target[int(part) if part.isdigit() else part]
        target[int(last) if last.isdigit() else last] = value

    return change


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def with_password(key: str) -> str:
    loaded = serialization.load_pem_private_key(key.encode(), None)
    return loaded.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"password"),
    ).decode()


# --- written ----------------------------------------------------------------------------------------------------------


def test_what_is_written_is_read_again() -> None:
    """All servers, and the first one first."""
    assert parse(render(ACCESS, "acme")) == ACCESS


def test_it_reads_as_people_expect() -> None:
    """A context for each server, all of one user, each verified by the cluster's name."""
    assert (CONFIG["apiVersion"], CONFIG["kind"], CONFIG["current-context"]) == ("v1", "Config", "acme")
    assert [entry["name"] for entry in CONFIG["contexts"]] == ["acme", "acme-1", "acme-2"]
    assert {entry["context"]["user"] for entry in CONFIG["contexts"]} == {"acme"}
    clusters = [entry["cluster"] for entry in CONFIG["clusters"]]
    assert [cluster["server"] for cluster in clusters] == [f"https://{server}" for server in SERVERS]
    assert {cluster["tls-server-name"] for cluster in clusters} == {"acme.omani.works"}
    assert {cluster["certificate-authority-data"] for cluster in clusters} == {encoded(TRUST.files["server-ca.crt"])}


hosts = st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,40}[a-z0-9])?", fullmatch=True)
servers = st.builds(lambda host, port: f"{host}:{port}", hosts, st.integers(1, 65535))


@given(
    st.lists(servers, min_size=1, max_size=5, unique=True),
    hosts,
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=60),
)
@settings(max_examples=60, deadline=None)
def test_whatever_is_written_is_read_again(found: list[str], tls_name: str, name: str) -> None:
    """The two agree on every name and every server, YAML's surprises (no, 1e3, ~) included."""
    access = replace(ACCESS, servers=tuple(found), tls_name=tls_name)
    assert parse(render(access, name)) == access


# --- read -------------------------------------------------------------------------------------------------------------


def test_without_a_name_to_verify_by_it_is_the_servers_own() -> None:
    """As kubectl has it; other servers then have other names, and are not taken for the same cluster."""
    config = copy.deepcopy(CONFIG)
    for entry in config["clusters"]:
        del entry["cluster"]["tls-server-name"]
    found = parse(yaml.safe_dump(config))
    assert (found.servers, found.tls_name) == (SERVERS[:1], "203.0.113.10")


def test_the_current_context_decides() -> None:
    """The same cluster's other servers follow."""
    found = parse(changed(setting("current-context", "acme-1")))
    assert found.servers == (SERVERS[1], SERVERS[0], SERVERS[2])


def test_another_cluster_in_the_same_file_is_not_taken_for_this_one() -> None:
    """A client's key must not be tried on a stranger's server."""
    other = encoded(authorities.make(NOW).files["server-ca.crt"])
    found = parse(changed(setting("clusters.1.cluster.certificate-authority-data", other)))
    assert found.servers == (SERVERS[0], SERVERS[2])
    assert parse(changed(setting("clusters.2.cluster.tls-server-name", "b.example"))).servers == SERVERS[:2]


def test_a_context_of_another_user_is_not_followed() -> None:
    """Who that is, and what for, the current context does not say."""
    config = copy.deepcopy(CONFIG)
    config["users"].append({"name": "guest", "user": dict(config["users"][0]["user"])})
    config["contexts"][1]["context"]["user"] = "guest"
    assert parse(yaml.safe_dump(config)).servers == (SERVERS[0], SERVERS[2])


def test_a_namespace_and_empty_preferences_are_harmless() -> None:
    """kubectl writes both."""

    def change(config: dict[str, Any]) -> None:
        config["preferences"] = {}
        config["contexts"][0]["context"]["namespace"] = "customers"

    assert parse(changed(change)) == ACCESS


CLUSTER, USER, CONTEXT = "clusters.0.cluster", "users.0.user", "contexts.0.context"
EXEC = {"apiVersion": "client.authentication.k8s.io/v1", "command": "/bin/sh", "args": ["-c", "id"]}
REFUSED: dict[str, tuple[Change, str]] = {
    "runs a program": (setting(f"{USER}.exec", EXEC), 'users[].user."exec" is not allowed'),
    "asks a plugin": (setting(f"{USER}.auth-provider", {"name": "gcp"}), 'users[].user."auth-provider"'),
    "has a token": (setting(f"{USER}.token", "abc"), 'users[].user."token"'),
    "reads a token": (setting(f"{USER}.tokenFile", "/var/run/secrets/token"), 'users[].user."tokenFile"'),
    "reads a certificate": (setting(f"{USER}.client-certificate", "/etc/passwd"), 'users[].user."client-certificate"'),
    "reads a key": (setting(f"{USER}.client-key", "/root/.ssh/id_ed25519"), 'users[].user."client-key"'),
    "has a name": (setting(f"{USER}.username", "admin"), 'users[].user."username"'),
    "has a password": (setting(f"{USER}.password", "hunter2"), 'users[].user."password"'),
    "acts as somebody": (setting(f"{USER}.as", "system:admin"), 'users[].user."as"'),
    "acts as a group": (setting(f"{USER}.as-groups", ["system:masters"]), 'users[].user."as-groups"'),
    "reads an authority": (
        setting(f"{CLUSTER}.certificate-authority", "/etc/ssl/ca.crt"),
        'clusters[].cluster."certificate-authority"',
    ),
    "trusts anybody": (
        setting(f"{CLUSTER}.insecure-skip-tls-verify", True),
        'clusters[].cluster."insecure-skip-tls-verify"',
    ),
    "does not say no either": (
        setting(f"{CLUSTER}.insecure-skip-tls-verify", False),
        'clusters[].cluster."insecure-skip-tls-verify"',
    ),
    "asks a proxy": (setting(f"{CLUSTER}.proxy-url", "http://proxy:3128"), 'clusters[].cluster."proxy-url"'),
    "has extensions": (setting(f"{CLUSTER}.extensions", []), 'clusters[].cluster."extensions"'),
    "has what nobody knows yet": (setting(f"{USER}.quantum-key", "x"), 'users[].user."quantum-key"'),
    "has it at the top": (setting("extensions", []), '"extensions" is not allowed'),
    "has it in an entry": (setting("users.0.exec", EXEC), 'users[]."exec"'),
    "has it in a context": (setting(f"{CONTEXT}.extensions", []), 'contexts[].context."extensions"'),
    "has preferences": (setting("preferences", {"colors": True}), "preferences must be empty"),
    "has it where it is not used": (
        lambda config: config["users"].append({"name": "other", "user": {"exec": EXEC}}),
        'users[].user."exec"',
    ),
    "is not encrypted": (setting(f"{CLUSTER}.server", "http://203.0.113.10:6443"), "server must be https://host:port"),
    "has a path": (setting(f"{CLUSTER}.server", "https://203.0.113.10:6443/k8s"), "server must be https://host:port"),
    "has credentials": (setting(f"{CLUSTER}.server", "https://a:b@203.0.113.10:6443"), "server must be https://"),
    "has no port": (setting(f"{CLUSTER}.server", "https://203.0.113.10"), "server must be https://host:port"),
    "has no such port": (setting(f"{CLUSTER}.server", "https://203.0.113.10:65536"), "server must be https://"),
    "has two lines": (setting(f"{CLUSTER}.server", "https://a:1\nHost: b"), "server must be https://host:port"),
    "has no server": (lambda config: config["clusters"][0]["cluster"].pop("server"), "server must be https://"),
    "has a server that is no text": (setting(f"{CLUSTER}.server", ["https://a:1"]), "server must be https://"),
    "has no name of a host": (
        setting(f"{CLUSTER}.tls-server-name", "a b"),
        "tls-server-name is not the name of a host",
    ),
    "trusts nobody": (
        lambda config: config["clusters"][0]["cluster"].pop("certificate-authority-data"),
        "certificate-authority-data is not base64 of PEM text",
    ),
    "trusts a key": (
        setting(f"{CLUSTER}.certificate-authority-data", encoded(TRUST.files["server-ca.key"])),
        "certificate-authority-data is not a certificate",
    ),
    "has no base64": (setting(f"{USER}.client-key-data", "-----BEGIN"), "client-key-data is not base64 of PEM text"),
    "has more than base64": (
        setting(f"{USER}.client-key-data", f"{encoded(ACCESS.key.get_secret_value())}!"),
        "client-key-data is not base64 of PEM text",
    ),
    "has base64 of something": (
        setting(f"{USER}.client-certificate-data", base64.b64encode(b"\xff\xfe").decode()),
        "client-certificate-data is not base64 of PEM text",
    ),
    "has no certificate": (
        setting(f"{USER}.client-certificate-data", encoded("-----BEGIN CERTIFICATE-----\nAAAA\n")),
        "client-certificate-data is not a certificate",
    ),
    "has no key": (lambda config: config["users"][0]["user"].pop("client-key-data"), "client-key-data is not base64"),
    "has another's key": (
        setting(f"{USER}.client-key-data", encoded(TRUST.files["client-ca.key"])),
        "client-key-data is not the key of the certificate",
    ),
    "has a key with a password": (
        setting(f"{USER}.client-key-data", encoded(with_password(ACCESS.key.get_secret_value()))),
        "client-key-data is not the key of the certificate",
    ),
    "is of another kind": (setting("kind", "List"), "apiVersion and kind must be v1 and Config"),
    "is of another version": (setting("apiVersion", "v2"), "apiVersion and kind must be v1 and Config"),
    "has no current context": (lambda config: config.pop("current-context"), "current-context names nothing"),
    "has another one": (setting("current-context", "other"), "current-context names nothing"),
    "has a context of no cluster": (setting(f"{CONTEXT}.cluster", "other"), "contexts[].context.cluster names nothing"),
    "has a context of no user": (setting(f"{CONTEXT}.user", None), "contexts[].context.user names nothing"),
    "has two of one name": (setting("clusters.1.name", "acme"), "clusters[].name is missing, is no text, or is there"),
    "has one without a name": (lambda config: config["users"][0].pop("name"), "users[].name is missing"),
    "has no users": (lambda config: config.pop("users"), "users is not a list"),
    "has users that are none": (setting("users.0", "acme"), "users[] is not a mapping"),
    "has a user that is none": (setting("users.0.user", "acme"), "users[].user is not a mapping"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_it_is_refused_by_the_name_of_its_field(what: str) -> None:
    """An allow-list: all that is not known to be harmless."""
    change, told = REFUSED[what]
    with pytest.raises(KubeconfigRefused) as refused:
        parse(changed(change))
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "the kubeconfig is not a mapping"),
        ("[]", "the kubeconfig is not a mapping"),
        ("{", "the kubeconfig is not YAML"),
        ("a: b\n---\nc: d\n", "the kubeconfig is not YAML"),
        ("a: \x07", "the kubeconfig is not YAML"),
        ("a: \ud800", "the kubeconfig is not YAML"),
        ("a: 2026-99-99", "the kubeconfig is not YAML"),
        ("? [a]\n: b\n", "the kubeconfig is not YAML"),
        ("a: &x [1]\nb: *x\n", "anchors, aliases, tags and directives are not allowed"),
        ("a: &x [1]\n", "anchors, aliases, tags and directives are not allowed"),
        ("a: !!python/object/apply:os.system [id]\n", "anchors, aliases, tags and directives"),
        ("%TAG ! tag:x,2026:\n---\na: b\n", "anchors, aliases, tags and directives"),
        ("[" * 5000, "the kubeconfig is nested too deeply"),
        ("#" * (kubeconfig.MAX_KUBECONFIG_BYTES + 1), "the kubeconfig is longer than 65536 characters"),
        ('"a\\nb": 1\n', '"a\\nb" is not allowed'),
        (f"{'a' * 500}: 1\n", f'"{"a" * 64}" is not allowed'),
    ],
)
def test_texts_that_are_no_kubeconfig_are_refused(text: str, told: str) -> None:
    """Neither memory nor the log is filled by them."""
    with pytest.raises(KubeconfigRefused) as refused:
        parse(text)
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_bomb_of_aliases_is_refused_before_it_goes_off() -> None:
    """A billion entries in nine lines."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    with pytest.raises(KubeconfigRefused, match="aliases"):
        parse("\n".join(lines))


def test_a_refusal_shows_no_secret() -> None:
    """What is refused is told by its name, and the text it came from is nowhere in the error."""
    hidden = "hunter2"
    with pytest.raises(KubeconfigRefused) as refused:
        parse(changed(setting(f"{USER}.password", hidden)))
    error: BaseException | None = refused.value
    while error:
        assert hidden not in str(error)
        error = error.__cause__
    key = ACCESS.key.get_secret_value()
    assert key not in repr(parse(render(ACCESS, "acme")))


def test_the_end_is_the_certificates() -> None:
    """Whoever reads it mints another in time."""
    certificate = x509.load_pem_x509_certificate(ACCESS.certificate.encode())
    assert parse(render(ACCESS, "acme")).expires == certificate.not_valid_after_utc


documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*CONFIG, "cluster", "user", "context", "name", "server", "exec"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(documents)
@settings(max_examples=200, deadline=None)
def test_any_document_is_an_access_or_a_refusal(document: Any) -> None:
    """Never another error, whatever shape it has."""
    with pytest.raises(KubeconfigRefused):
        parse(yaml.safe_dump(document))


@given(st.text(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_text_is_a_refusal(text: str) -> None:
    """Never another error, whatever it says."""
    with pytest.raises(KubeconfigRefused):
        parse(text)
