"""Where the name that somebody registered begins: acme.co.uk, not co.uk, and bank.com for acme.bank.com.

By the public suffix list that comes with the package publicsuffixlist, so nothing is downloaded. Its private section
counts as well: registries below a top-level domain (uk.com, us.com, eu.org) stand there, and registrars sell those
names like others. Who offers names to the public below a domain of their own and has listed it there therefore
delegates such a name by hand. A top-level domain that is not on the list, as the reserved `.test` is not, counts as a
suffix of one label.
"""

from __future__ import annotations

from functools import cache

from publicsuffixlist import PublicSuffixList

from catalyst_operator.core.domains.registrar import Domain
from catalyst_operator.errors import CatalystError


class NotRegistrable(CatalystError):
    """The name is a public suffix itself, or no name at all. The message is a clause."""


def domain_of(name: str) -> Domain:
    """The name with the registered domain it belongs to. Upper case and a trailing dot do not matter; IDNs are
    A-labels. Raises NotRegistrable."""
    plain = name.lower().removesuffix(".")
    registered = _suffixes().privatesuffix(plain)
    if registered is None:
        raise NotRegistrable(f"{name} is a public suffix, below which others register their names")
    return Domain(name=plain, registered=registered)


def registered(name: str) -> str:
    """The registered domain that a name belongs to; empty for a public suffix."""
    try:
        return domain_of(name).registered
    except NotRegistrable:
        return ""


def split(registered: str) -> tuple[str, str]:
    """A registered domain as (label, suffix): acme and co.uk. Raises NotRegistrable for any other name."""
    domain = domain_of(registered)
    if not domain.is_registered:
        raise NotRegistrable(f"{registered} is below the registered domain {domain.registered}")
    label, _, suffix = domain.name.partition(".")
    return label, suffix


@cache
def _suffixes() -> PublicSuffixList:
    """Reading the list takes some tens of milliseconds, once."""
    return PublicSuffixList()
