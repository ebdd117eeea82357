"""The transfer of a state: once, the state before its key, and nothing that was not meant to go."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from catalyst_operator.adapters.new_cluster.writes import transferring
from catalyst_operator.adapters.new_cluster.writes.transferring import Estate
from catalyst_operator.core import naming
from catalyst_operator.core.access import transfer
from catalyst_operator.core.access.identity import Access
from catalyst_operator.core.access.transfer import TransferReport
from catalyst_operator.errors import ApiError, CatalystError, NotFound, Refused, TofuError, TofuTimeout, Unavailable
from tests.support import gen
from tests.support.gen import NOW
from tests.unit.adapters.new_cluster.writes.test_seeding import MINTED

OLD_KEY = "the operator's key"
ESTATE = Estate(b"sealed by the operator", OLD_KEY, '{"agent_token": "t"}')
Object = dict[str, Any]


@dataclass
class Server:
    """A new cluster with the two Secrets; `answers` says what it answers instead, by Secret."""

    answers: dict[str, ApiError] = field(default_factory=dict)
    mark: str = transfer.EMPTY
    writes: list[tuple[str, Object]] = field(default_factory=list)

    @asynccontextmanager
    async def connect(self, _: Access) -> AsyncIterator[Server]:
        yield self

    async def merge(self, _kind: object, namespace: str, name: str, patch: Object) -> None:
        self._answer(namespace, name)
        self.writes.append((name, patch["data"]))

    async def patch(self, _kind: object, namespace: str, name: str, operations: list[Object]) -> None:
        self._answer(namespace, name)
        test, *rest = operations
        assert (test["op"], test["path"]) == ("test", "/metadata/annotations/catalyst.openova.io~1handed-over")
        if test["value"] != self.mark:
            raise Refused(422, "testing value failed")
        for operation in rest:
            if operation["path"] == test["path"]:
                self.mark = operation["value"]
            else:
                self.writes.append((name, operation["value"]))

    def _answer(self, namespace: str, name: str) -> None:
        assert namespace == transfer.NAMESPACE
        if name in self.answers:
            raise self.answers[name]


@dataclass
class Sealer:
    """What seals anew; with which keys it was asked."""

    fails: TofuError | None = None
    keys: list[tuple[str, str]] = field(default_factory=list)

    async def seal(self, state: bytes, key: str, other: str) -> bytes:
        assert state == ESTATE.state
        self.keys.append((key, other))
        if self.fails:
            raise self.fails
        return b"sealed anew"


async def give(
    server: Server, sealer: Sealer | None = None, estate: Estate | CatalystError = ESTATE, timeouts: int = 0
) -> TransferReport:
    async def access() -> Access:
        return MINTED

    async def found() -> Estate:
        if isinstance(estate, CatalystError):
            raise estate
        return estate

    seal = (sealer or Sealer()).seal
    return await transferring.give(
        server.connect,  # type: ignore[arg-type]
        access,
        seal,
        found,
        key="first",
        clock=lambda: NOW,
        timeouts=timeouts,
    )


async def test_the_state_goes_first_and_its_key_last() -> None:
    """With the key come the inputs: before that OpenTofu there can neither read a state nor plan."""
    server, sealer = Server(), Sealer()
    assert await give(server, sealer) == TransferReport("first", NOW, done=True)
    (first, state), (second, data) = server.writes
    assert (first, second) == (naming.STATE_SECRET, transfer.ADOPTION)
    assert gzip.decompress(base64.b64decode(state["tfstate"])) == b"sealed anew"
    assert set(data) == {transfer.KEY, transfer.INPUTS}
    assert base64.b64decode(data[transfer.INPUTS]).decode() == ESTATE.inputs
    assert server.mark == transfer.FILLED


async def test_the_key_is_of_its_own_and_new_each_time() -> None:
    server, sealer = Server(), Sealer()
    await give(server, sealer)
    (opened_by, sealed_with) = sealer.keys[0]
    assert opened_by == OLD_KEY
    assert base64.b64decode(server.writes[1][1][transfer.KEY]).decode() == sealed_with
    header, body = map(json.loads, sealed_with.splitlines())
    assert header["magic"] == "OpenTofu-External-Key-Provider"
    assert len(base64.b64decode(body["keys"]["encryption_key"])) == transferring.KEY_BYTES
    await give(Server(), sealer)
    assert sealer.keys[1][1] != sealed_with


async def test_what_was_given_is_left_alone() -> None:
    """The report was lost, and meanwhile its Crossplane may have written a newer state."""
    server, sealer = Server(mark=transfer.FILLED), Sealer()
    assert (await give(server, sealer)).done
    assert (server.writes, sealer.keys) == ([], [])


async def test_an_attempt_that_broke_off_between_the_two_begins_anew() -> None:
    """Nobody has the key of the state that lies there."""
    server = Server({transfer.ADOPTION: Unavailable(0, "connection refused")})
    assert not (await give(server)).done
    server.answers.clear()
    assert (await give(server)).done
    assert server.mark == transfer.FILLED


@pytest.mark.parametrize("secret", [transfer.ADOPTION, naming.STATE_SECRET])
async def test_a_cluster_without_them_cannot_be_given_anything(secret: str) -> None:
    """Whoever wants to hand over without it takes them away."""
    report = await give(Server({secret: NotFound(404, "not found")}))
    assert "it has no Secrets crossplane-system/catalyst-adoption" in report.impossible
    assert (report.done, report.error) == (False, None)


@pytest.mark.parametrize("secret", [transfer.ADOPTION, naming.STATE_SECRET])
async def test_rights_that_are_missing_may_come_later(secret: str) -> None:
    server = Server({secret: Refused(403, "is forbidden")})
    report = await give(server)
    assert report.error is not None
    assert (report.error.code, report.done, report.impossible) == ("ERR_STATE_TRANSFER", False, "")
    assert "is forbidden" in report.error.message
    assert "40-adoption.yaml" in report.error.remedy
    server.answers.clear()
    assert (await give(server)).done


@pytest.mark.parametrize(
    ("answer", "code"),
    [(Unavailable(0, "connection refused"), "ERR_API_UNREACHABLE"), (Refused(422, "too long"), "ERR_STATE_TRANSFER")],
)
async def test_what_may_pass_is_told(answer: ApiError, code: str) -> None:
    report = await give(Server({naming.STATE_SECRET: answer}))
    assert report.error is not None
    assert (report.error.code, report.done, report.impossible) == (code, False, "")
    assert str(answer) in report.error.message


async def test_a_secret_without_the_mark_is_not_taken_for_a_filled_one() -> None:
    """Somebody made it again by hand."""
    server = Server(mark="")
    report = await give(server)
    assert report.error is not None
    assert not report.done


async def test_a_state_that_cannot_be_sealed_anew_does_not_go() -> None:
    server = Server()
    report = await give(server, Sealer(TofuError("tofu state pull ended with 1: decryption failed")))
    assert report.error is not None
    assert (report.error.code, server.writes) == ("ERR_STATE_TRANSFER", [])
    assert "decryption failed" in report.error.message
    assert report.timeouts == 0


async def test_how_often_opentofu_came_to_no_end_is_counted() -> None:
    """The pauses grow with it."""
    slow = Sealer(TofuTimeout("tofu state pull did not come to an end"))
    assert [(await give(Server(), slow, timeouts=before)).timeouts for before in (0, 1)] == [1, 2]
    assert (await give(Server(), timeouts=2)).timeouts == 0


async def test_what_is_missing_here_is_not_taken_for_missing_there() -> None:
    """The archive, or the token that workers join by."""
    report = await give(Server(), estate=NotFound(404, "archived-state"))
    assert report.error is not None
    assert (report.error.code, report.impossible) == ("ERR_STATE_TRANSFER", "")


def test_the_inputs_open_nothing_but_the_door_for_workers() -> None:
    """No authority, no token of control planes or of the provider; what only first boot needs is left out."""
    variables = gen.variables(gen.workers(2), gen.spec(controlPlane={"size": "cpx22", "replicas": 3}))
    given = transfer.inputs(variables, "K10::node:secret")
    assert set(given) - set(variables) == {"existing_control_planes", "agent_token"}
    assert set(variables) - set(given) == {"kit_values", "boot_manifests"}
    assert (given["existing_control_planes"], given["cluster_started"]) == (3, True)
    assert not {"ca_files", "server_token"} & set(given)
    assert gen.TOKEN not in json.dumps(given)
