"""Whose project a token opens: what is looked for there, and what a look found.

A state names cloud objects by id. With a token of another project OpenTofu finds none of them and takes that for their
being gone: an apply would make a second cluster, and a destroy would report success over one that still runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from pydantic import SecretStr

from catalyst_operator.core import naming
from catalyst_operator.core.record import ErrorEntry

MAX_NAMED_MEMBERS = 10


@dataclass(frozen=True)
class ProjectQuestion:
    """What is asked about a project: whether this Sovereign is in it."""

    uid: str
    """Of the Sovereign; its objects carry it as a label."""
    cluster_name: str
    """Prefix of its objects' names."""
    network_id: str = ""
    """Of its network, where that is known."""
    members: bool = False
    """Whether to look as well for what somebody else has put into its network or behind its firewall."""
    secret: str = ""
    """The owner's Secret with the token, as `namespace/name`: what is told of the token names it."""


@dataclass(frozen=True)
class ForeignMember:
    """A server, load balancer or volume that is not the Sovereign's and hangs on what is, such as its network."""

    kind: str
    """Plural as the API spells it, such as `servers`."""
    id: int
    name: str
    of: str
    """What it is a member of, such as `network omantel-1a2b3`."""
    shared: bool = False
    """Whether it serves others than the Sovereign as well, so that it is never swept."""

    def __str__(self) -> str:
        return f"{self.kind}/{self.id} {self.name} ({self.of})"


@dataclass(frozen=True)
class ProjectAnswer:
    """What the project that a token opens has of a Sovereign."""

    found: str
    """The first object of it that was found, as `kind/id name`; empty when there is none at all."""
    foreign: tuple[ForeignMember, ...] = ()


@dataclass(frozen=True)
class ProjectReport:
    """What a look came to. `key` says what was asked, and with which token (see `key_of`)."""

    key: str
    at: datetime
    answer: ProjectAnswer | None = None
    """None when the project could not be asked: nothing is known then."""
    error: ErrorEntry | None = None
    """Why it could not."""
    retry_at: datetime | None = None
    """When the cloud asked to be left alone until: its rate limit."""

    def again(self, interval: timedelta) -> datetime:
        """When a look that failed is repeated: after the interval, unless the cloud said when."""
        return self.retry_at or self.at + interval


def fingerprint(uid: str, token: SecretStr) -> str:
    """What is remembered of a token: a hash, salted with the Sovereign's UID, so that the same token of two Sovereigns
    is not seen to be the same."""
    return naming.digest_of({"uid": uid, "token": token.get_secret_value()})


def key_of(question: ProjectQuestion, mark: str, retry: str) -> str:
    """What a report is about: the question, the token by its fingerprint, the wish to try again (its annotation)."""
    return naming.digest_of({"question": asdict(question), "fingerprint": mark, "retry": retry})[:16]


def named(members: Sequence[ForeignMember]) -> str:
    """The first few by name, and how many more."""
    more = len(members) - MAX_NAMED_MEMBERS
    return ", ".join(map(str, members[:MAX_NAMED_MEMBERS])) + (f" and {more} more" if more > 0 else "")
