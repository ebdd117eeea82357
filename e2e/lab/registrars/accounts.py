"""What the vendors have in common: accounts with credentials, rights and domains. All of it is in memory."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Record(BaseModel):
    """A record in a domain's zone, where the vendor hosts it. `name` and `content` are host names without trailing
    dots, as far as they are host names."""

    model_config = ConfigDict(extra="forbid")

    id: str = ""
    name: str
    type: str
    content: str
    ttl: int = 3600
    comment: str = ""


class Domain(BaseModel):
    """A registered domain."""

    model_config = ConfigDict(extra="forbid")

    name: str
    nameservers: list[str] = []
    records: list[Record] = []
    locked: bool = False
    """The vendor refuses changes of its name servers."""
    options: dict[str, Any] = {}
    """What only one vendor knows; see its module."""

    def find(self, name: str, kind: str = "") -> list[Record]:
        """The records of a name, of one type or of all."""
        return [record for record in self.records if record.name == name and kind in ("", record.type)]

    def hosts(self, name: str) -> tuple[str, ...]:
        """Where the NS records of a name point, sorted."""
        return tuple(sorted(record.content for record in self.find(name, "NS")))


class Account(BaseModel):
    """Somebody's account with one vendor, and one set of credentials for it."""

    model_config = ConfigDict(extra="forbid")

    vendor: str
    name: str = "default"
    credentials: dict[str, str]
    """By the keys that the operator's Secret has."""
    rights: set[str] | None = None
    """What the credentials may do, in the vendor's words; None for everything."""
    domains: list[Domain] = Field(default_factory=list)
    options: dict[str, Any] = {}
    """What only one vendor knows, such as the addresses on an allow-list; see its module."""

    def may(self, right: str) -> bool:
        """Whether the credentials have a right."""
        return self.rights is None or right in self.rights

    def domain(self, name: str) -> Domain | None:
        """The domain of exactly this name."""
        return next((domain for domain in self.domains if domain.name == name.lower()), None)


class Accounts:
    """All accounts of all vendors."""

    def __init__(self) -> None:
        self._all: dict[tuple[str, str], Account] = {}
        self._last_id = 0

    def put(self, account: Account) -> None:
        """Add an account, in the place of one with the same vendor and name."""
        for domain in account.domains:
            for record in domain.records:
                record.id = record.id or self.new_id()
        self._all[account.vendor, account.name] = account

    def remove(self, vendor: str, name: str) -> bool:
        """Take an account back; False if there is none."""
        return self._all.pop((vendor, name), None) is not None

    def clear(self) -> None:
        """Forget all of them."""
        self._all.clear()

    def of(self, vendor: str) -> list[Account]:
        """A vendor's accounts."""
        return [account for account in self._all.values() if account.vendor == vendor]

    def by_credential(self, vendor: str, key: str, value: str) -> Account | None:
        """The account whose credential `key` has this value."""
        return next((one for one in self.of(vendor) if value and one.credentials.get(key) == value), None)

    def secrets(self) -> set[str]:
        """All credentials, for redaction."""
        return {value for account in self._all.values() for value in account.credentials.values() if value}

    def new_id(self) -> str:
        """An identifier of 32 hexadecimal digits."""
        self._last_id += 1
        return f"{self._last_id:032x}"
