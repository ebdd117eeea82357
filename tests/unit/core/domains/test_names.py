"""Names: what lies below what, whatever they are called."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalyst_operator.core.domains.claims import names

LABELS = st.sampled_from(["a", "b", "aa", "www", "xn--mnchen-3ya"])
NAMES = st.lists(LABELS, min_size=1, max_size=4).map(".".join)


def parts(name: str) -> list[str]:
    return name.split(".")


@given(NAMES, NAMES)
def test_below_is_by_whole_labels(name: str, ancestor: str) -> None:
    longer, shorter = parts(name), parts(ancestor)
    below = len(longer) > len(shorter) and longer[-len(shorter) :] == shorter
    assert names.is_under(name, ancestor) is below


@given(NAMES, NAMES)
def test_related_is_mutual_and_never_with_oneself(one: str, other: str) -> None:
    assert names.related(one, other) is names.related(other, one)
    assert not names.related(one, one)


@given(NAMES)
def test_every_name_is_below_its_parent(name: str) -> None:
    parent = names.parent_of(name)
    assert names.is_under(name, parent) if "." in name else parent == ""


@given(NAMES)
def test_absolute_and_plain_undo_each_other(name: str) -> None:
    assert names.plain(names.absolute(name)) == names.plain(name.upper()) == name
    assert names.absolute(names.absolute(name)) == names.absolute(name)


@pytest.mark.parametrize(
    ("name", "pools", "found"),
    [
        ("a.omani.works", (), None),
        ("a.omani.works", ("omani.works", "a.omani.works"), "omani.works"),
        ("works", ("omani.works",), "omani.works"),
        ("xomani.works", ("omani.works",), None),
    ],
)
def test_the_pool_of_a_name(name: str, pools: tuple[str, ...], found: str | None) -> None:
    assert names.pool_of(name, pools) == found
