"""When the service account's token is read again: before the kubelet's rotated one is needed."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
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


class Clock:
    """Whoever sleeps lets time pass."""

    def __init__(self) -> None:
        self.seconds = 100.0
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds


async def test_an_api_server_that_refuses_every_token_is_not_asked_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kopf logs in again after each 401, and asks again at once: dozens of times a second."""
    (tmp_path / "token").write_text(token(iat=1, exp=3601))
    monkeypatch.setattr(handlers, "SERVICE_ACCOUNT", tmp_path)
    clock = Clock()
    log_in = handlers.login("https://10.96.0.1", elapsed=lambda: clock.seconds, sleep=clock.sleep)
    logins = [await log_in() for _ in range(5)]
    assert clock.slept == [handlers.LOGIN_PAUSE_SECONDS] * 4, "the first one waits for nothing"
    assert all(login is not None and login.token for login in logins)
    clock.seconds += 480
    await log_in()
    assert len(clock.slept) == 4, "nor does one in time"
