"""What more than one part has to know of Hetzner Cloud and of how infra/hetzner uses it."""

from __future__ import annotations

ENDPOINT = "https://api.hetzner.cloud/v1"
TOKEN_LENGTH = 64
"""The provider refuses any other length before it asks Hetzner."""
SPREAD_GROUP_SIZE = 10
"""Servers that Hetzner puts into one spread placement group at most; infra/hetzner makes a group for each such lot."""


def well_formed(token: str) -> bool:
    """Whether a token can be one; whether it is valid only Hetzner knows."""
    return len(token) == TOKEN_LENGTH and token.isascii() and token.isalnum()
