"""The certificates of a farewell: all are needed, and the proof counts for as long as the shortest one is valid."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from catalyst_operator.adapters.new_cluster.writes import farewells
from catalyst_operator.core.access.farewell import FarewellReport
from catalyst_operator.core.access.identity import NODE_REMOVER, OBSERVER, SEEDER, Access
from catalyst_operator.errors import ApiError, NotFound, Refused, Unavailable
from tests.support.gen import NOW

MINUTE = timedelta(minutes=1)


class Server:
    """A new cluster that takes rights away, and refuses who has none."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        """User and verb of each request."""

    def connect(self, access: Access) -> Any:
        return self._connected(access.certificate)

    @asynccontextmanager
    async def _connected(self, user: str) -> AsyncIterator[Remote]:
        yield Remote(self.asked, user)


class Remote:
    def __init__(self, asked: list[tuple[str, str]], user: str) -> None:
        self._asked = asked
        self._user = user

    async def delete(self, *_: object) -> None:
        self._asked.append((self._user, "delete"))

    async def get(self, *_: object) -> object:
        return self._look()

    async def may_list(self, *_: object) -> object:
        return self._look()

    def _look(self) -> object:
        self._asked.append((self._user, "look"))
        raise Refused(403, "is forbidden")


GONE = NotFound(404, "the authorities are gone")


async def give_up(server: Server, ends: Mapping[str, datetime], missing: ApiError = GONE) -> FarewellReport:
    async def access(user: str) -> Access:
        if user not in ends:
            raise missing
        return Access(("192.0.2.1:6443",), "omantel.omani.works", "", user, SecretStr(""), ends[user])

    return await farewells.give_up(server.connect, access, key="first", clock=lambda: NOW)


IDENTITIES = (SEEDER, NODE_REMOVER, OBSERVER)


@pytest.mark.parametrize("first", IDENTITIES)
async def test_the_proof_counts_while_all_are_valid(first: str) -> None:
    """One that has ended would be refused whatever its rights are."""
    report = await give_up(Server(), {user: NOW + (3 if user == first else 10) * MINUTE for user in IDENTITIES})
    assert report == FarewellReport("first", NOW, True, NOW + 3 * MINUTE)


async def test_each_looks_only_after_its_rights_were_given_up() -> None:
    """A refusal from before would be one of a cluster where something else is wrong."""
    server = Server()
    await give_up(server, dict.fromkeys(IDENTITIES, NOW + MINUTE))
    for user in IDENTITIES:
        namespaces = len(farewells.SEEDED) if user == SEEDER else 1
        asked = [verb for who, verb in server.asked if who == user]
        assert asked == ["delete"] * namespaces + ["look"] * namespaces


@pytest.mark.parametrize("missing", IDENTITIES)
async def test_without_all_certificates_nothing_is_given_up(missing: str) -> None:
    """Half a farewell could not be proven any more."""
    server = Server()
    report = await give_up(server, {user: NOW + MINUTE for user in IDENTITIES if user != missing})
    assert report == FarewellReport("first", NOW, False, None, "the authorities are gone")
    assert server.asked == []


async def test_a_management_cluster_that_does_not_answer_is_not_the_new_one() -> None:
    """The authorities could not be read: nothing is known of the way to the new cluster."""
    report = await give_up(Server(), {}, Unavailable(503, "etcd is away"))
    assert report == FarewellReport("first", NOW, False, None, "etcd is away")
