"""Which registered domain a name belongs to."""

from __future__ import annotations

import pytest

from catalyst_operator.adapters.suffixes import NotRegistrable, domain_of, split


@pytest.mark.parametrize(
    ("name", "registered", "label", "why"),
    [
        ("acme.com", "acme.com", "", "the plain case"),
        ("acme.bank.com", "bank.com", "acme", "a child"),
        ("eu.acme.bank.com", "bank.com", "eu.acme", "a grandchild"),
        ("acme.co.uk", "acme.co.uk", "", "a suffix of two labels: not co.uk"),
        ("sov.acme.co.uk", "acme.co.uk", "sov", "below one"),
        ("acme.uk.com", "acme.uk.com", "", "a registry in the private section"),
        ("xn--bcher-kva.de", "xn--bcher-kva.de", "", "an IDN under an ASCII suffix"),
        ("a.xn--85x722f.xn--55qx5d.cn", "xn--85x722f.xn--55qx5d.cn", "a", "a suffix that is an IDN itself"),
        ("www.ck", "www.ck", "", "an exception to a wildcard"),
        ("acme.test", "acme.test", "", "a reserved top-level domain is one label"),
        ("sov.bank.test", "bank.test", "sov", "and its children"),
        ("Acme.Bank.COM.", "bank.com", "acme", "case and the trailing dot do not matter"),
    ],
)
def test_the_registered_domain(name: str, registered: str, label: str, why: str) -> None:
    domain = domain_of(name)
    assert (domain.registered, domain.label) == (registered, label), why
    assert domain.is_registered is (label == "")


@pytest.mark.parametrize("name", ["co.uk", "com", "test", "github.io", "foo.ck", "", ".", "a..com"])
def test_what_nobody_can_register(name: str) -> None:
    with pytest.raises(NotRegistrable):
        domain_of(name)


@pytest.mark.parametrize(
    ("registered", "expected"),
    [
        ("acme.com", ("acme", "com")),
        ("acme.co.uk", ("acme", "co.uk")),
        ("xn--85x722f.xn--55qx5d.cn", ("xn--85x722f", "xn--55qx5d.cn")),
        ("bank.test", ("bank", "test")),
    ],
)
def test_the_split_for_those_who_want_it(registered: str, expected: tuple[str, str]) -> None:
    assert split(registered) == expected


def test_only_a_registered_domain_is_split() -> None:
    with pytest.raises(NotRegistrable, match="below the registered domain"):
        split("acme.bank.com")
