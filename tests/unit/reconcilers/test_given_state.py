"""Taking over a state that the owner hands in: opened, looked into, and only then put in its place."""

from __future__ import annotations

import base64
import gzip
from dataclasses import dataclass, field, replace

import pytest

from catalyst_operator.adapters import kube
from catalyst_operator.adapters.sealing import Check, unchecked
from catalyst_operator.core import manifests, naming
from catalyst_operator.core.access import transfer
from catalyst_operator.core.observation import Observation, StateView, TakingReport
from catalyst_operator.core.record import HandOff
from catalyst_operator.core.tofu import encryption
from catalyst_operator.errors import TofuError, TofuTimeout, TofuUnavailable
from catalyst_operator.reconcilers import given_state
from tests.support import gen
from tests.support.fake_kube import FakeApi, Key
from tests.support.gen import NOW, SPACE
from tests.unit.core.tofu.test_given_state import state as made_of

THEIRS, OURS = encryption.key_text(b"t" * 32), encryption.key_text(bytes(32))
WORKING = Key("secrets", SPACE, naming.STATE_SECRET)
REFERENCE = gen.spec(decommission={"acknowledgeExported": True, "stateSecretRef": {"name": "omantel-state"}})


@dataclass
class Scene:
    """A management cluster with the Secret that the owner hands in, and what OpenTofu finds in it."""

    opened: bytes = field(default_factory=made_of)
    keys: list[tuple[str, str]] = field(default_factory=list)
    fails: TofuError | None = None

    def __post_init__(self) -> None:
        self.api = FakeApi()
        for name in ("team-a", SPACE):
            self.api.put("namespaces", {"metadata": {"name": name}})
        self.api.put("secrets", manifests.state_key(gen.sovereign(), bytes(32)))
        texts = {"tfstate": gzip.compress(b"sealed by theirs", mtime=0), transfer.KEY: THEIRS.encode()}
        data = {key: base64.b64encode(value).decode() for key, value in texts.items()}
        self.api.put("secrets", {"metadata": {"name": "omantel-state", "namespace": "team-a"}, "data": data})

    @property
    def version(self) -> str:
        return kube.version_of(self.api.get("secrets", "team-a", "omantel-state") or {})

    async def seal(self, state: bytes, key: str, other: str, check: Check = unchecked, *, owner: str) -> bytes:
        assert (state, owner) == (b"sealed by theirs", "team-a")
        self.keys.append((key, other))
        if self.fails:
            raise self.fails
        check(self.opened)
        return b"sealed by ours"

    async def take(self, key: str = "", before: TakingReport | None = None) -> TakingReport:
        o = replace(observation(), taking=before)
        return await given_state.take(self.api.client(), self.seal, o, key or self.version, lambda: NOW)

    def working(self) -> bytes | None:
        found = self.api.get(*WORKING)
        return gzip.decompress(base64.b64decode(found["data"]["tfstate"])) if found else None


def observation() -> Observation:
    handed = gen.known(gen.succeeded(), hand_off=HandOff(NOW, NOW, NOW))
    return gen.observation(gen.of(gen.deleting, REFERENCE), handed, gen.seen(archived_state=StateView(7, "l")))


async def test_it_becomes_the_working_state_under_our_key() -> None:
    scene = Scene()
    assert await scene.take() == TakingReport(scene.version, NOW)
    assert scene.keys == [(THEIRS, OURS)]
    assert scene.working() == b"sealed by ours"


async def test_what_is_wrong_with_it_is_told_and_nothing_is_written() -> None:
    scene = Scene(opened=made_of(lambda made: made.update(serial=7)))
    report = await scene.take()
    assert report.wrong == "cannot be used: it is no newer than the archived one"
    assert scene.working() is None


async def test_a_key_that_does_not_fit_is_told() -> None:
    scene = Scene(fails=TofuError("tofu state pull ended with 1: decryption failed"))
    assert "decryption failed" in (await scene.take()).wrong
    assert scene.working() is None


async def test_a_working_state_that_is_there_stays() -> None:
    """A destroy may have begun with it."""
    scene = Scene()
    scene.api.put("secrets", manifests.state(gen.sovereign(), manifests.packed_state(b"at work")))
    await scene.take()
    assert scene.working() == b"at work"


async def test_another_version_than_was_decided_on_is_left_to_the_next_look() -> None:
    scene = Scene()
    assert await scene.take("another") == TakingReport("another", NOW)
    assert (scene.keys, scene.working()) == ([], None)


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (503, "does not answer as asked"),
        (403, "lacks a right"),
        (401, "does not know the operator"),
    ],
)
async def test_what_the_api_server_says_is_no_fault_of_the_state_and_is_told(status: int, says: str) -> None:
    scene = Scene()
    version = scene.version
    scene.api.refusals["GET", "secrets"] = (status, "later")
    report = await scene.take(version)
    assert report.error is not None
    assert (report.key, report.wrong, report.error.code, report.error.terminal) == (
        version,
        "",
        "ERR_CLUSTER_REFUSED",
        False,
    )
    assert says in report.error.message
    assert "later" in report.error.message


async def test_a_secret_that_is_gone_is_left_to_the_next_look() -> None:
    scene = Scene()
    version = scene.version
    scene.api.remove("secrets", "team-a", "omantel-state")
    assert await scene.take(version) == TakingReport(version, NOW)


async def test_our_own_key_that_is_gone_is_told() -> None:
    scene = Scene()
    scene.api.remove("secrets", SPACE, naming.STATE_KEY_SECRET)
    report = await scene.take()
    assert report.error is not None
    assert "is not there" in report.error.message
    assert naming.STATE_KEY_SECRET in report.error.message


async def test_a_tofu_that_cannot_be_run_says_nothing_of_the_state() -> None:
    scene = Scene(fails=TofuUnavailable("OpenTofu could not be run"))
    report = await scene.take()
    assert report.error is not None
    assert (report.wrong, report.error.terminal, report.timed_out) == ("", False, False)
    assert "could not be run" in report.error.message


NO_END = TofuTimeout("tofu state pull did not come to an end")


async def test_a_state_that_opentofu_comes_to_no_end_with_has_a_second_try_and_no_third() -> None:
    """The first time it may be the machine. Each try keeps somebody else waiting."""
    scene = Scene(fails=NO_END)
    first = await scene.take()
    assert first.error is not None
    assert (first.wrong, first.error.terminal, first.timed_out) == ("", False, True)
    assert "did not come to an end" in first.error.message
    second = await scene.take(before=first)
    assert second.wrong == f"cannot be used: OpenTofu came to no end with it, twice ({NO_END})"


async def test_what_is_in_the_way_in_between_is_no_new_beginning() -> None:
    scene = Scene(fails=NO_END)
    first = await scene.take()
    version = scene.version
    scene.api.refusals["GET", "secrets"] = (503, "later")
    between = await scene.take(version, before=first)
    scene.api.refusals.clear()
    assert (await scene.take(before=between)).wrong


async def test_another_secret_is_another_state() -> None:
    scene = Scene(fails=NO_END)
    assert (await scene.take(before=TakingReport("an earlier one", NOW, timed_out=True))).wrong == ""
