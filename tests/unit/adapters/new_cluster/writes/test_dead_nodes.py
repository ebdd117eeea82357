"""Removing dead nodes: by their UID, as the identity for it, and with a report whatever the cluster answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from catalyst_operator.adapters.kube import Kind
from catalyst_operator.adapters.new_cluster.remote import RemoteCluster
from catalyst_operator.adapters.new_cluster.writes import dead_nodes
from catalyst_operator.core.access.dead_nodes import DeadNode, RemovalReport
from catalyst_operator.core.access.identity import Access
from catalyst_operator.errors import ApiError, Conflict, NotFound, Refused, Unavailable
from tests.support.fake_cluster import NODES, FakeCluster, running
from tests.support.gen import NOW

DEAD = (DeadNode("worker-0", "uid-0"), DeadNode("worker-1", "uid-1"))
MINTED = Access(("192.0.2.1:6443",), "omantel.omani.works", "", "remover", SecretStr(""), NOW + timedelta(minutes=10))


@dataclass
class Server:
    """A new cluster; `answers` says what it answers instead, by node."""

    answers: dict[str, ApiError] = field(default_factory=dict)
    removed: list[tuple[str, str]] = field(default_factory=list)

    def connect(self, access: Access) -> Any:
        assert access is MINTED
        return self._connected()

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Server]:
        yield self

    async def delete(self, kind: Kind, namespace: str, name: str, *, uid: str) -> None:
        assert kind.path(namespace, name) == f"/api/v1/nodes/{name}"
        if name in self.answers:
            raise self.answers[name]
        self.removed.append((name, uid))


async def remove(server: Server, minting: ApiError | None = None) -> RemovalReport:
    async def access() -> Access:
        if minting:
            raise minting
        return MINTED

    return await dead_nodes.remove(server.connect, access, nodes=DEAD, key="first", clock=lambda: NOW)


async def test_each_is_removed_by_its_uid() -> None:
    server = Server()
    assert await remove(server) == RemovalReport("first", NOW)
    assert server.removed == [("worker-0", "uid-0"), ("worker-1", "uid-1")]


async def test_what_has_joined_under_the_name_meanwhile_stays() -> None:
    """And the others go all the same."""
    server = Server({"worker-0": Conflict(409, "the UID in the precondition does not match")})
    assert await remove(server) == RemovalReport("first", NOW)
    assert server.removed == [("worker-1", "uid-1")]


@pytest.mark.parametrize("answer", [Refused(403, "is forbidden"), Unavailable(0, "connection refused")])
async def test_what_stands_in_the_way_is_told_with_what_to_do(answer: ApiError) -> None:
    report = await remove(Server({"worker-0": answer}))
    assert report.error is not None
    assert report.error.code == "ERR_DEAD_NODE"
    assert str(answer) in report.error.message
    assert "kubectl delete node" in report.error.remedy


async def test_without_authorities_there_is_nothing_to_do_any_more() -> None:
    """As after a hand-off."""
    assert await remove(Server(), NotFound(404, "cluster-secrets is gone")) == RemovalReport("first", NOW)


async def test_the_api_server_compares_the_uid() -> None:
    """Over the real client: between a look and the removal anything may have joined."""
    async with running(FakeCluster()) as cluster:
        cluster.put(NODES, {"metadata": {"name": "worker-0", "uid": "of the one that has joined"}})
        cluster.put(NODES, {"metadata": {"name": "worker-1", "uid": "uid-1"}})

        async def access() -> Access:
            return cluster.access()

        report = await dead_nodes.remove(RemoteCluster, access, nodes=DEAD, key="first", clock=lambda: NOW)
        assert report == RemovalReport("first", NOW)
        assert list(cluster.collections[NODES]) == ["worker-0"]
