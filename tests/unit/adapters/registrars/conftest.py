"""The emulators as a fixture. After each test nothing that people could read holds a credential."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest

from tests.unit.adapters.registrars.lab import Lab, printed, serve


@pytest.fixture
async def lab(caplog: pytest.LogCaptureFixture) -> AsyncIterator[Lab]:
    caplog.set_level(logging.DEBUG)
    async with serve() as lab:
        yield lab
    texts = [printed(error) for error in lab.seen]
    texts += [f"{record.getMessage()} {record.args!r}" for record in caplog.records]
    texts += [str(entry) for entry in lab.world.log]
    for secret in lab.world.accounts.secrets():
        assert not any(secret in text for text in texts), "a credential can be read"
