"""The process: what acts may write only for as long as the Lease is this operator's."""

from __future__ import annotations

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


async def test_what_acts_writes_nothing_once_the_lease_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work that was under way then, in a task or a thread, may still come to its next write."""
    api, clients = FakeApi(), list[Kube]()
    api.put("namespaces", {"metadata": {"name": HOME}})
    api.put("leases", {"metadata": {"name": "catalyst-operator", "namespace": HOME}})

    async def connect(fence: Fence = unfenced) -> Kube:
        return Kube(api, fence)

    async def act(_settings: Settings, client: Kube, _metrics: object, _fence: Fence) -> None:
        await client.create(SECRET)
        clients.append(client)

    monkeypatch.setattr(Kube, "connect", connect)
    monkeypatch.setattr(operator, "_act", act)
    await operator._run(replace(SETTINGS, health_port=0, metrics_port=0))
    (client,) = clients
    with pytest.raises(LeaseLost):
        await client.merge(SECRETS, HOME, "a", {"metadata": {"labels": {"late": "yes"}}})
    made = api.get("secrets", HOME, "a")
    assert made is not None, "while it acted it was let"
    assert "labels" not in made["metadata"]
