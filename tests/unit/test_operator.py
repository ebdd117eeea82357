"""The process: what acts may write only for as long as the Lease is this operator's."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from catalyst_operator import operator
from catalyst_operator.adapters.kube import SECRETS, Kube
from catalyst_operator.adapters.leadership.fence import Fence, unfenced
from catalyst_operator.errors import LeaseLost
from catalyst_operator.settings import Settings
from tests.support.fake_kube import FakeApi

SETTINGS = Settings.from_env({"CATALYST_IMAGE": "registry.example/catalyst-operator:1"})
HOME = SETTINGS.core.operator_namespace
SECRET: dict[str, Any] = {"kind": "Secret", "metadata": {"name": "a", "namespace": HOME}}


def installed() -> FakeApi:
    api = FakeApi()
    api.put("namespaces", {"metadata": {"name": HOME}})
    api.put("leases", {"metadata": {"name": "catalyst-operator", "namespace": HOME}})
    return api


def connecting(api: FakeApi) -> Callable[..., Awaitable[Kube]]:
    async def connect(fence: Fence = unfenced) -> Kube:
        return Kube(api, fence)

    return connect


async def test_what_acts_writes_nothing_once_the_lease_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work that was under way then, in a task or a thread, may still come to its next write."""
    api, clients = installed(), list[Kube]()

    async def act(_settings: Settings, client: Kube, _metrics: object, _fence: Fence) -> None:
        await client.create(SECRET)
        clients.append(client)

    monkeypatch.setattr(Kube, "connect", connecting(api))
    monkeypatch.setattr(operator, "_act", act)
    await operator._run(replace(SETTINGS, health_port=0, metrics_port=0))
    (client,) = clients
    with pytest.raises(LeaseLost):
        await client.merge(SECRETS, HOME, "a", {"metadata": {"labels": {"late": "yes"}}})
    made = api.get("secrets", HOME, "a")
    assert made is not None, "while it acted it was let"
    assert "labels" not in made["metadata"]


async def test_one_that_is_told_to_end_while_it_begins_lets_the_next_one_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    """kopf, which stops in good order by itself, is not there yet."""
    api = installed()

    async def act(_settings: Settings, _client: Kube, _metrics: object, _fence: Fence) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.Event().wait()

    monkeypatch.setattr(Kube, "connect", connecting(api))
    monkeypatch.setattr(operator, "_act", act)
    async with asyncio.timeout(20):
        await operator._run(replace(SETTINGS, health_port=0, metrics_port=0))
    lease = api.get("leases", HOME, "catalyst-operator")
    assert lease is not None
    assert lease["spec"]["leaseTransitions"] == 1, "it had it"
    assert "holderIdentity" not in lease["spec"]
