"""The proof of a hand-off: only a right that is gone counts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from catalyst_operator.adapters.new_cluster.writes import farewells
from catalyst_operator.core.access import boot, seeds
from catalyst_operator.core.access.farewell import FarewellReport
from catalyst_operator.core.access.identity import NODE_REMOVER, OBSERVER, SEEDER, Access
from catalyst_operator.core.errors import codes
from catalyst_operator.errors import ApiError, NotFound, Refused, TooMuch, Unauthorized, Unavailable, Untrusted
from tests.support.gen import NOW

FORBIDDEN = Refused(403, "is forbidden")
UNTIL = NOW + timedelta(hours=1)


@dataclass
class Server:
    """A new cluster whose bindings can be deleted; `answers` says what it answers instead, by user and verb."""

    answers: Mapping[tuple[str, str], ApiError] = field(default_factory=dict)
    bound: set[str] = field(default_factory=lambda: {OBSERVER, SEEDER, NODE_REMOVER})
    keeps: bool = False

    def connect(self, access: Access) -> Any:
        return self._connected(access.certificate)

    @asynccontextmanager
    async def _connected(self, user: str) -> AsyncIterator[Remote]:
        yield Remote(self, user)


@dataclass
class Remote:
    server: Server
    user: str

    async def delete(self, *_: object) -> None:
        self._ask("delete")
        if not self.server.keeps:
            self.server.bound.discard(self.user)

    async def get(self, *_: object) -> object:
        self._ask("look")
        return {}

    async def may_list(self, *_: object) -> None:
        self._ask("look")

    def _ask(self, verb: str) -> None:
        answer = self.server.answers.get((self.user, verb))
        if answer is not None:
            raise answer
        if self.user not in self.server.bound:
            raise FORBIDDEN


async def give_up(server: Server) -> FarewellReport:
    async def access(user: str) -> Access:
        return Access(
            servers=("192.0.2.1:6443",),
            tls_name="omantel.omani.works",
            authority="",
            certificate=user,
            key=SecretStr(""),
            expires=UNTIL,
        )

    return await farewells.give_up(server.connect, access, key="first", clock=lambda: NOW)


async def test_all_identities_lose_their_rights_and_are_refused() -> None:
    server = Server()
    assert await give_up(server) == FarewellReport("first", NOW, True, UNTIL)
    assert server.bound == set()


def test_the_seeder_loses_its_rights_wherever_first_boot_gave_it_any() -> None:
    """One that is forgotten would be a way back in, and no proof would tell."""
    made = (
        obj for text in boot.manifests("omantel.omani.works", seeds.PULL).values() for obj in yaml.safe_load_all(text)
    )
    bound = [o["metadata"]["namespace"] for o in made if (o["kind"], o["metadata"]["name"]) == ("RoleBinding", SEEDER)]
    assert sorted(bound) == sorted(farewells.SEEDED)


async def test_asking_again_after_the_report_was_lost_proves_it_too() -> None:
    server = Server()
    await give_up(server)
    assert (await give_up(server)).refused


async def test_a_right_that_is_still_there_is_no_proof() -> None:
    report = await give_up(Server(keeps=True))
    assert (report.refused, report.message) == (False, "the API server still accepts the certificates")


async def test_that_something_is_not_there_says_that_one_may_look() -> None:
    report = await give_up(Server({(SEEDER, "look"): NotFound(404, "not found")}))
    assert not report.refused


@pytest.mark.parametrize("verb", ["delete", "look"])
@pytest.mark.parametrize("user", [SEEDER, NODE_REMOVER, OBSERVER])
@pytest.mark.parametrize(
    "answer",
    [Unauthorized(401, "Unauthorized"), Refused(422, "invalid"), Unavailable(0, "connection refused")],
    ids=["401", "422", "silence"],
)
async def test_any_other_answer_proves_nothing(answer: ApiError, user: str, verb: str) -> None:
    """An API server that lost its authorities answers 401 to everybody, and would take us in again once it has them."""
    report = await give_up(Server({(user, verb): answer}))
    assert not report.refused
    assert report.message == str(answer)


@pytest.mark.parametrize("verb", ["delete", "look"])
@pytest.mark.parametrize("user", [SEEDER, NODE_REMOVER, OBSERVER])
@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Unavailable(0, "connection refused"), codes.API_UNREACHABLE),
        (Unavailable(503, "etcd is away"), codes.API_UNREACHABLE),
        (Untrusted(0, "its certificate is not accepted"), codes.REMOTE_UNTRUSTED),
        (TooMuch("an answer of more than 2 MiB"), codes.REMOTE_TOO_BIG),
    ],
    ids=["silence", "503", "another server", "too much"],
)
async def test_a_cluster_that_cannot_be_asked_is_an_error(
    answer: ApiError, code: codes.Code, user: str, verb: str
) -> None:
    """With a remedy: the proof is not to be had before the new cluster answers."""
    report = await give_up(Server({(user, verb): answer}))
    assert report.error is not None
    assert (report.error.code, report.error.remedy) == (code.code, code.remedy)
    assert str(answer) in report.error.message


async def test_a_refusal_is_no_error_of_the_way_there() -> None:
    assert (await give_up(Server(keeps=True))).error is None
    assert (await give_up(Server({(SEEDER, "look"): Unauthorized(401, "Unauthorized")}))).error is None
    assert (await give_up(Server())).error is None
