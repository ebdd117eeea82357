"""The keys of a cluster: made once, kept where no run can read them, given to runs as far as they need them."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from catalyst_operator.adapters.new_cluster import authorities
from catalyst_operator.core import actions, manifests, naming
from catalyst_operator.errors import NotFound
from catalyst_operator.reconcilers.keys import KeyAction, Keys
from tests.support import gen
from tests.support.fake_kube import Crash, FakeApi, Key, Request

KEPT = Key("secrets", gen.HOME, naming.cluster_secrets(gen.UID))
COPY = Key("secrets", gen.HOME, naming.registrar_secret(gen.UID))
GIVEN = Key("secrets", gen.SPACE, naming.BOOT_SECRETS)
FIRST = actions.GiveBootSecrets(authorities=True)
LATER = actions.GiveBootSecrets(authorities=False)


class Scene:
    """An API server with the operator's namespace and a run namespace."""

    def __init__(self) -> None:
        self.api = FakeApi()
        for name in (gen.HOME, gen.SPACE):
            self.api.put("namespaces", {"metadata": {"name": name}})

    async def run(self, *each: KeyAction, seen: bool = False) -> None:
        """`seen` is whether the observation says that the cluster's keys are there."""
        keys = Keys(self.api.client(), replace(gen.observation(), has_cluster_secrets=seen))
        for action in each:
            await keys.run(action)

    def variables(self, key: Key) -> dict[str, Any]:
        found = self.api.get(*key)
        assert found is not None, f"{key.name} is not there"
        told: dict[str, Any] = json.loads(base64.b64decode(found["data"][manifests.SECRET_VARIABLES_FILE]))
        return told


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_the_run_that_may_start_the_cluster_is_given_all_of_them(scene: Scene) -> None:
    await scene.run(FIRST)
    assert scene.variables(GIVEN) == scene.variables(KEPT)
    assert set(scene.variables(GIVEN)["ca_files"]) > {"server-ca.key", "client-ca.key"}


async def test_every_other_run_is_given_the_join_tokens_only(scene: Scene) -> None:
    await scene.run(FIRST)
    await scene.run(LATER, seen=True)
    kept, given = scene.variables(KEPT), scene.variables(GIVEN)
    assert given == {**kept, "ca_files": {}}
    assert kept["ca_files"]


async def test_they_are_made_once_and_random(scene: Scene) -> None:
    await scene.run(FIRST)
    made = scene.variables(KEPT)
    await scene.run(FIRST)
    await scene.run(FIRST, seen=True)
    assert scene.variables(KEPT) == made
    assert made["server_token"] != made["agent_token"]
    assert (scene.api.get(*KEPT) or {})["immutable"] is True
    other = Scene()
    await other.run(FIRST)
    assert other.variables(KEPT) != made


@pytest.mark.parametrize("before", [KEPT, GIVEN], ids=["they are kept", "the run has its copy"])
async def test_a_crash_makes_no_second_ones(scene: Scene, before: Key) -> None:
    """What another process of the operator made counts, also if this one does not know of it."""

    def struck(request: Request) -> None:
        if request.writes and before.name in (request.key.name, (request.body or {}).get("metadata", {}).get("name")):
            scene.api.before_request = lambda _: None
            raise Crash

    scene.api.before_request = struck
    with pytest.raises(Crash):
        await scene.run(FIRST)
    made = scene.variables(KEPT) if before == GIVEN else None
    await scene.run(FIRST)
    assert made is None or scene.variables(KEPT) == made
    assert scene.variables(GIVEN) == scene.variables(KEPT)


async def test_what_was_there_a_moment_ago_is_not_made_anew(scene: Scene) -> None:
    """Nodes may know what is lost: with others no new one could join."""
    with pytest.raises(NotFound):
        await scene.run(LATER, seen=True)
    assert scene.api.writes == []


async def test_another_sovereign_of_the_same_name_has_others(scene: Scene) -> None:
    """One that was deleted, and whose keys are still there."""
    before = gen.sovereign(gen.meta(uid="a0000000-6f3a-4c57-9a53-0f6f6f1f2a11"))
    old = authorities.make(gen.NOW).variables
    scene.api.put("secrets", manifests.cluster_secrets(before, gen.HOME, old))
    await scene.run(FIRST)
    assert scene.variables(GIVEN)["server_token"] != old["server_token"]


async def test_what_a_run_was_given_is_taken_back_and_the_keys_stay(scene: Scene) -> None:
    await scene.run(FIRST)
    await scene.run(actions.TakeBootSecrets(), actions.TakeBootSecrets(), seen=True)
    assert scene.api.get(*GIVEN) is None
    assert scene.api.get(*KEPT) is not None


async def test_at_the_end_nothing_of_it_is_kept(scene: Scene) -> None:
    await scene.run(FIRST)
    scene.api.put("secrets", manifests.registrar_credentials(gen.sovereign(), gen.HOME, {}, "1/2"))
    keys = Keys(scene.api.client(), gen.observation())
    await keys.forget_kept()
    await keys.forget_kept()
    assert scene.api.get(*KEPT) is None
    assert scene.api.get(*COPY) is None
