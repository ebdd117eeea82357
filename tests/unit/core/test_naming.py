"""Names: what a crash and a repeat meet again, and what the clouds and clusters have room for."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalyst_operator.api.scalars import FQDN_MAX, SOVEREIGN_NAME_MAX
from catalyst_operator.core import naming

UID = "3b0d9f0e-6f3a-4c57-9a53-0f6f6f1f2a11"
LONGEST = "a" * SOVEREIGN_NAME_MAX
LONGEST_FQDN = "f" * FQDN_MAX
DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        (naming.run_namespace(LONGEST, UID), 50),
        (naming.cluster_name(LONGEST, UID), 46),
        (naming.job_name("destroy", "d" * 64, 99999), 63),
        (naming.inputs_secret("d" * 64), 63),
    ],
)
def test_the_longest_name_has_room(name: str, limit: int) -> None:
    assert len(name) <= limit
    assert DNS_LABEL.fullmatch(name)


def test_the_hash_is_the_one_that_the_documentation_names() -> None:
    """First five characters of sha256(UID) in hex: other parts compute it too."""
    assert naming.hash5(UID) == "d2faa"


def test_a_sovereign_made_again_under_its_name_shares_nothing_with_the_first() -> None:
    assert naming.run_namespace("omantel", UID) != naming.run_namespace("omantel", UID[::-1])
    assert naming.cluster_name("omantel", UID) != naming.cluster_name("omantel", UID[::-1])


def test_names_that_a_dash_could_confuse_stay_apart() -> None:
    """Each Sovereign has its own hash, so `a-b` of one UID and `a` of another never meet."""
    assert naming.run_namespace("a-b", "u1") != naming.run_namespace("a", "u2")


def test_the_work_directory_is_the_fqdns_own() -> None:
    assert naming.workdir(LONGEST_FQDN) == f"{naming.WORKDIR_ROOT}/{LONGEST_FQDN}"
    assert naming.workdir("a.b-c.example") != naming.workdir("a-b.c.example")


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.dictionaries(st.text(max_size=4), plain, max_size=5))
def test_the_digest_does_not_depend_on_the_order_of_keys(value: dict[str, object]) -> None:
    turned = dict(reversed(list(value.items())))
    assert naming.digest_of(turned) == naming.digest_of(value)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(plain, plain)
def test_other_values_have_other_digests(one: object, other: object) -> None:
    assert (naming.digest_of(one) == naming.digest_of(other)) == (
        naming.canonical_json(one) == naming.canonical_json(other)
    )
