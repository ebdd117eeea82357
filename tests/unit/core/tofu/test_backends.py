"""Stores of states: what settings may say of them, and what a run is told."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalyst_operator.core.tofu import backends
from catalyst_operator.core.tofu.backends import HTTP, PG, StateBackend
from tests.support.gen import SPACE, UID

OTHER = UID.replace("3", "4")
WEB = backends.parse(HTTP, ("address=https://states.example/sov",), "state-backend")
SQL = backends.parse(PG, ("host=pg.example", "database=states"), "state-backend")


def test_behind_http_each_sovereign_has_a_path_of_its_own_with_a_lock() -> None:
    assert (
        WEB.file(SPACE, UID)
        == f"""\
terraform {{
  backend "http" {{
    address = "https://states.example/sov/{SPACE}-{UID}"
    lock_address = "https://states.example/sov/{SPACE}-{UID}"
    unlock_address = "https://states.example/sov/{SPACE}-{UID}"
  }}
}}
"""
    )


def test_the_way_in_which_gitlab_is_asked() -> None:
    items = ("address=https://gitlab.example/api/v4/projects/7/terraform/state", "lock_suffix=/lock")
    text = backends.parse(HTTP, (*items, "lock_method=POST", "unlock_method=DELETE"), "s").file(SPACE, UID)
    assert f'lock_address = "https://gitlab.example/api/v4/projects/7/terraform/state/{SPACE}-{UID}/lock"' in text
    assert 'lock_method = "POST"\n    unlock_method = "DELETE"' in text


def test_in_postgresql_each_sovereign_has_a_schema_of_its_own() -> None:
    text = SQL.file(SPACE, UID)
    assert 'conn_str = "postgres://pg.example:5432/states?sslmode=verify-full"' in text
    found = re.search(r'schema_name = "([a-z0-9_]+)"', text)
    assert found
    assert len(found[1]) <= 63, "PostgreSQL cuts longer names, and two could become one"


@pytest.mark.parametrize("backend", [WEB, SQL], ids=[HTTP, PG])
def test_two_sovereigns_never_meet(backend: StateBackend) -> None:
    """Not even one that was made again under the same name, in a namespace of the same name."""
    assert backend.file(SPACE, UID) != backend.file(SPACE, OTHER)


@pytest.mark.parametrize(
    ("kind", "items", "says"),
    [
        (HTTP, (), "address= is missing"),
        (HTTP, ("address=states.example",), "expected a value like https://"),
        (HTTP, ("address=https://anna:secret@states.example",), "credentials are in the Secret only"),
        (HTTP, ("address=https://states.example/?a=b",), "expected a value like"),
        (HTTP, ("address=https://states.example/",), "expected a value like"),
        (HTTP, ('address=https://states.example/a"b',), "expected a value like"),
        (HTTP, ("address=https://states.example/${var.a}",), "expected a value like"),
        (HTTP, ("address=https://a.example", "skip_cert_verification=true"), "expected one of address="),
        (HTTP, ("address=https://a.example", "address=https://b.example"), "'address' is there twice"),
        (PG, ("host=pg.example",), "database= is missing"),
        (PG, ("host=pg.example", "database=a", "password=secret"), "expected one of host="),
        (PG, ("host=pg.example", "database=a", "port=70000"), "'port=70000'"),
        (PG, ("host=pg.example", "database=a", "sslmode=prefer"), "expected a value like verify-full"),
        (PG, ("host=pg.example", "database"), "'database'"),
    ],
)
def test_what_is_wrong_is_named(kind: str, items: tuple[str, ...], says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        backends.parse(kind, items, "s")


@given(st.sampled_from(["address", "lock_suffix", "host", "database"]), st.text(max_size=30))
def test_nothing_that_is_taken_ends_a_string_of_opentofus_language(key: str, value: str) -> None:
    kind, needed = (HTTP, "address=https://a") if key in ("address", "lock_suffix") else (PG, "host=a")
    items = (f"{key}={value}", *(() if key in needed else (needed,)))
    try:
        text = backends.parse(kind, items, "s").file(SPACE, UID)
    except ValueError:
        return
    values = re.findall(r'^    \w+ = "(.*)"$', text, re.MULTILINE)
    assert len(values) == len(text.splitlines()) - 4, "a line for each"
    assert not any(re.search(r'["\\\\\n]|[$%]\{', value) for value in values)


@pytest.mark.parametrize(
    ("backend", "found", "lacks"),
    [
        (SQL, {"PGUSER", "PGPASSWORD", "note"}, ""),
        (SQL, {"PGUSER"}, "has no key PGPASSWORD"),
        (SQL, set(), "has no keys PGUSER and PGPASSWORD"),
        (WEB, {"TF_HTTP_USERNAME", "TF_HTTP_PASSWORD"}, ""),
        (WEB, {"TF_HTTP_CLIENT_CERTIFICATE_PEM", "TF_HTTP_CLIENT_PRIVATE_KEY_PEM"}, ""),
        (WEB, {"TF_HTTP_USERNAME", "TF_HTTP_CLIENT_PRIVATE_KEY_PEM"}, "has no key TF_HTTP_PASSWORD"),
        (WEB, {"TF_HTTP_CLIENT_CA_CERTIFICATE_PEM"}, "has no keys TF_HTTP_USERNAME and TF_HTTP_PASSWORD"),
    ],
)
def test_what_its_secret_lacks(backend: StateBackend, found: set[str], lacks: str) -> None:
    assert backend.lacking(frozenset(found)) == lacks


def test_another_store_has_another_fingerprint_and_other_credentials_do_not_make_one() -> None:
    moved = backends.parse(PG, ("host=pg2.example", "database=states"), "state-backend")
    same = backends.parse(PG, ("database=states", "host=pg.example"), "another-secret")
    assert moved.fingerprint != SQL.fingerprint == same.fingerprint


@pytest.mark.parametrize(
    ("address", "port"), [("https://a.example/b", 443), ("http://a.example", 80), ("https://a.example:8443/b", 8443)]
)
def test_the_port_that_runs_connect_to(address: str, port: int) -> None:
    assert backends.parse(HTTP, (f"address={address}",), "s").port == port
    assert SQL.port == 5432
