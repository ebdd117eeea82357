"""What more than one part has to know of Hetzner Cloud and of how infra/hetzner uses it."""

from __future__ import annotations

from typing import Any

ENDPOINT = "https://api.hetzner.cloud/v1"
TOKEN_LENGTH = 64
"""The provider refuses any other length before it asks Hetzner."""
SPREAD_GROUP_SIZE = 10
"""Servers that Hetzner puts into one spread placement group at most; infra/hetzner makes a group for each such lot."""

TOKEN_REFUSALS = {
    "unauthorized": "it is not known there, or was revoked",
    "forbidden": "it may not read the project",
}
"""The codes by which the API itself refuses a token, and what they mean; a proxy's 401 or 403 has none of them."""
NOT_FOUND = "not_found"
"""The code by which the API itself says that an object is not there."""


def error_code(body: Any) -> str:
    """The API's own word for an error, of an answer's JSON; empty where somebody else says something."""
    error = body.get("error") if isinstance(body, dict) else None
    return str(error.get("code", "")) if isinstance(error, dict) else ""


def well_formed(token: str) -> bool:
    """Whether a token can be one; whether it is valid only Hetzner knows."""
    return len(token) == TOKEN_LENGTH and token.isascii() and token.isalnum()
