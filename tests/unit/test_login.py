"""When the service account's token is read again: before the kubelet's rotated one is needed."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from catalyst_operator import handlers


def token(**claims: Any) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{body}.signature"


@pytest.mark.parametrize(
    ("lifetime", "minutes"),
    [(3607, 8.0), (600, 1.0), (86_400 * 365, 8.0)],
    ids=["an hour, as the kubelet asks for", "the shortest there is", "a year"],
)
def test_it_is_read_again_in_time(lifetime: int, minutes: float) -> None:
    before = datetime.now(UTC)
    expiry = handlers._expiry(token(iat=1_700_000_000, exp=1_700_000_000 + lifetime))
    assert expiry is not None
    assert timedelta(0) <= expiry - before - timedelta(minutes=minutes) < timedelta(seconds=5)
    assert expiry < before + timedelta(seconds=lifetime), "never later than it expires"


@pytest.mark.parametrize("text", ["", "not-a-jwt", "a.b.c", token(), token(exp=1), "e30.bm90IEpTT04.x"])
def test_a_token_without_a_lifetime_is_kept(text: str) -> None:
    """A static one, as older clusters have: nothing rotates it."""
    assert handlers._expiry(text) is None
