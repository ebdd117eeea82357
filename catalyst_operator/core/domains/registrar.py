"""What the operator wants from a registrar, and what it gets to see there; one vocabulary for all vendors."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Domain:
    """A name and the registered domain it belongs to. All names are lower-case, in A-label form, without a trailing
    dot."""

    name: str
    """The name that is to be delegated, such as acme.bank.com."""
    registered: str
    """What the owner registered, such as bank.com: one label in front of a public suffix."""

    @property
    def is_registered(self) -> bool:
        """Whether the name is the registered domain itself: its name servers are the registrar's to set. Below it, NS
        records in the registered domain's zone delegate."""
        return self.name == self.registered

    @property
    def label(self) -> str:
        """The name relative to the registered domain, such as acme or eu.acme; empty for the registered domain."""
        return self.name.removesuffix(self.registered).removesuffix(".")


@dataclass(frozen=True)
class RegistrarView:
    """What a registrar says of one name."""

    nameservers: tuple[str, ...]
    """The name servers in force or, for a child of a registered domain, the NS records; lower-case, sorted, without
    trailing dots. Empty where there are none."""
    pending: str = ""
    """A change that is under way, as a clause; empty when there is none."""
    failed: str = ""
    """Why the last change failed, as a clause, where the vendor carries changes out as tasks."""
