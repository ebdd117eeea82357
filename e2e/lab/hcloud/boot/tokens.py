"""k3s' join tokens: whom to trust, and by which password."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field

SERVER, AGENT = "server", "node"
_SECURE = re.compile(r"K10([0-9a-f]{64})::([a-z]+):(\S+)")


@dataclass(frozen=True)
class Token:
    """A token in the secure format, `K10<sha256 of the server's authority>::<user>:<password>`."""

    digest: str
    user: str
    password: str = field(repr=False)

    def trusts(self, authority: str) -> bool:
        """Whether it names this authority, given in PEM: k3s compares so what it is shown at /cacerts."""
        return hashlib.sha256(authority.encode()).hexdigest() == self.digest


def parse(text: object) -> Token | None:
    """The token, or None for what is not in the secure format."""
    found = _SECURE.fullmatch(str(text))
    return Token(found[1], found[2], found[3]) if found else None
