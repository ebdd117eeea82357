"""Stories of what the operator keeps being lost or broken, and of a management cluster that refuses its requests.

Its log is not where owners look: status says what is wrong, and it goes on by itself when that is mended.
"""

from __future__ import annotations

import base64
import json
import logging

import pytest

from catalyst_operator.core import manifests, naming
from tests.support import gen, tofu
from tests.support.drive import check_end, check_quiet, due, reconcile, settle, undisturbed, until
from tests.support.fake_kube import Key, Object
from tests.support.world import RECORD, SECRET, World
from tests.unit.core.decide.stories import for_a_while, message, names, provisioned, reason, workers

CLUSTER_SECRETS = Key("secrets", gen.HOME, naming.cluster_secrets(gen.UID))


def code(world: World) -> str:
    """The code of the first of status.lastErrors."""
    return str(world.status["lastErrors"][0]["code"])


async def lost(world: World) -> Object:
    """The Secret of the cluster's authorities and tokens vanishes, and another worker is wanted."""
    kept = world.api.get(*CLUSTER_SECRETS)
    assert kept is not None
    world.api.remove(*CLUSTER_SECRETS)
    workers(1)(world)
    await until(world, lambda: bool(world.condition("Stalled")))
    return kept


async def test_without_the_clusters_secrets_no_node_is_made_and_they_are_never_made_anew() -> None:
    world = await provisioned()
    kept = await lost(world)
    await for_a_while(world)
    assert (code(world), reason(world), len(names(world))) == ("ERR_CLUSTER_SECRETS", "StateLost", 1)
    assert world.api.get(*CLUSTER_SECRETS) is None
    world.api.put("secrets", kept)
    assert await undisturbed(world), "restored, it goes on by itself"
    check_end(world)


async def test_a_state_that_somebody_deletes_is_noticed_although_no_watch_tells_of_it() -> None:
    world = await provisioned()
    world.resync = gen.SECOND * 600
    world.restart()
    # Until nothing but that is due: after a restart, the cluster is looked for a while.
    await until(world, lambda: world.timer is not None and world.timer > world.now + gen.SECOND * 400)
    world.api.remove(*tofu.STATE)
    began = world.now
    await until(world, lambda: bool(world.condition("Stalled")))
    assert code(world) == "ERR_STATE_LOST"
    assert world.now - began <= gen.SECOND * 600


async def test_a_deletion_does_without_the_clusters_secrets() -> None:
    world = await provisioned(gen.spec(deletionProtection=False))
    await lost(world)
    world.delete()
    assert await undisturbed(world)
    check_end(world)
    assert world.sovereign is None


async def test_rights_in_the_run_namespace_that_are_missing_are_bound_again() -> None:
    """After a crash just after it was made, or when somebody removed the binding."""
    world = await provisioned()
    world.api.remove("rolebindings", gen.SPACE, "catalyst-operator")
    workers(1)(world)
    assert await undisturbed(world)
    check_end(world)
    assert world.api.get("rolebindings", gen.SPACE, "catalyst-operator")


async def test_until_they_are_bound_nothing_is_decided_and_the_reason_is_told() -> None:
    world = await provisioned(gen.spec(deletionProtection=False))
    world.api.remove("rolebindings", gen.SPACE, "catalyst-operator")
    world.api.refusals = {("PATCH", "rolebindings"): (403, "rolebindings is forbidden")}
    world.delete()
    await for_a_while(world)
    assert (code(world), reason(world)) == ("ERR_CLUSTER_REFUSED", "Retrying")
    assert len(names(world)) == 1, "no destroy run, and not taken for gone"
    assert world.cloud.objects
    world.api.refusals.clear()
    assert await undisturbed(world)
    check_end(world)
    assert world.sovereign is None


# --- what cannot be read ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "field", "named"),
    [(RECORD, "record.json", "configmap/record"), (tofu.STATE, "tfstate", naming.STATE_SECRET)],
    ids=["record", "state"],
)
async def test_what_cannot_be_read_is_told_and_nothing_is_done_until_it_can(key: Key, field: str, named: str) -> None:
    world = await provisioned()
    sound = (world.api.get(*key) or {})["data"][field]
    broken = base64.b64encode(b"junk").decode()
    world.api.change(key, lambda o: o["data"].update({field: broken}))
    workers(1)(world)
    await for_a_while(world)
    assert (code(world), reason(world), world.condition("Stalled")["status"]) == (
        "ERR_RECORD",
        "StateUnreadable",
        "True",
    )
    assert named.rpartition("/")[2] in message(world)
    assert "Restore it from a backup" in message(world)
    assert (len(names(world)), bool(world.status["outputs"])) == (1, True), "what was known is still told"
    world.api.change(key, lambda o: o["data"].update({field: sound}))
    assert await undisturbed(world)
    check_end(world)
    assert not world.status.get("lastErrors")


# --- what nobody foresaw ----------------------------------------------------------------------------------------------


async def test_an_error_of_the_operators_own_is_told_within_one_pass_and_only_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()
    world.foreseen = (UnicodeDecodeError,)
    monkeypatch.setattr(manifests, "provider_token", _broken)
    await for_a_while(world)
    assert (code(world), reason(world)) == ("ERR_OPERATOR", "Retrying")
    assert "UnicodeDecodeError" in message(world)
    assert "hunter2" not in json.dumps(world.status), "what it choked on may be a Secret's"
    before = len(world.api.writes)
    await for_a_while(world)
    assert [write for write in world.api.writes[before:] if write.key.plural == "sovereigns"] == []
    monkeypatch.undo()
    await settle(world)
    check_end(world)


async def test_a_secret_with_a_value_that_is_no_text_keeps_nothing_from_going_on() -> None:
    world = World()
    world.api.change(SECRET, lambda o: o["data"].update({"store": "/u3+7Q=="}))
    await settle(world)
    check_end(world)


def _broken(*_: object) -> Object:
    raise UnicodeDecodeError("utf-8", b"hunter2\xff", 7, 8, "invalid start byte")


# --- the log ----------------------------------------------------------------------------------------------------------


async def test_what_waits_for_a_person_is_a_warning_in_the_log_and_what_goes_on_is_none(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    world.cloud.trouble = ["token_readonly"]
    with caplog.at_level(logging.INFO):
        await until(world, lambda: bool(world.condition("Stalled")))
    told = {r.getMessage().split(": ")[1]: r for r in caplog.records if r.name.endswith("reconcilers.writing")}
    assert told["StalledCredentialsInvalid"].levelno == logging.WARNING
    assert told["StalledCredentialsInvalid"].getMessage().startswith("Sovereign team-a/omantel: ")
    assert told["PreflightPassed"].levelno == logging.INFO


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "plural"), [("POST", "jobs"), ("POST", "namespaces"), ("POST", "configmaps")])
async def test_what_the_cluster_refuses_is_told_and_tried_again_until_it_does_not(method: str, plural: str) -> None:
    world = World()
    world.api.refusals = {(method, plural): (403, "admission webhook denied the request: image not signed")}
    await for_a_while(world)
    assert (code(world), reason(world)) == ("ERR_CLUSTER_REFUSED", "Retrying")
    assert world.condition("Reconciling")["status"] == "True"
    assert "image not signed" in message(world)
    assert "an admission policy" in world.status["lastErrors"][0]["remedy"]
    assert world.cloud.objects == {}
    world.api.refusals.clear()
    await settle(world)
    check_end(world)
    await check_quiet(world)


@pytest.mark.parametrize(("method", "plural"), [("POST", "jobs"), ("POST", "secrets"), ("POST", "configmaps")])
async def test_a_race_that_is_lost_again_and_again_is_told_too(method: str, plural: str) -> None:
    """Others use up the same quota at the same time: nothing was made, and nothing is taken for made."""
    world = World()
    lost = 'Operation cannot be fulfilled on resourcequotas "default": the object has been modified'
    world.api.refusals = {(method, plural): (409, lost)}
    await for_a_while(world)
    assert (code(world), reason(world)) == ("ERR_CLUSTER_REFUSED", "Retrying")
    assert "resourcequotas" in message(world)
    assert world.cloud.objects == {}
    world.api.refusals.clear()
    await settle(world)
    check_end(world)


async def test_a_refusal_is_told_once_and_not_with_every_try() -> None:
    world = World()
    world.api.refusals = {("POST", "namespaces"): (403, "denied")}
    await until(world, lambda: bool(world.status.get("lastErrors")) and not due(world))
    before = len(world.api.writes)
    for _ in range(8):
        world.now += 30 * gen.SECOND
        await reconcile(world)
    assert len(world.api.writes) == before
