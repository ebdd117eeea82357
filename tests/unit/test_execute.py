"""Doing: each action as the API server sees it, and again, and after somebody was faster."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from pydantic import SecretStr

from catalyst_operator.adapters.run_logs import RunLogs
from catalyst_operator.api import labels
from catalyst_operator.api.sovereign import Sovereign
from catalyst_operator.core import actions, manifests, naming, record
from catalyst_operator.core.actions import Action
from catalyst_operator.core.observation import CredentialsView, Observation
from catalyst_operator.errors import Conflict, NotFound, Refused
from catalyst_operator.reconcilers.execute import Executor
from tests import gen
from tests.fake_kube import FakeApi, Key, Request
from tests.gen import SPACE, TOKEN

Raw = dict[str, Any]
SOVEREIGN = Key("sovereigns", "team-a", "omantel")
RECORD = Key("configmaps", SPACE, naming.RECORD)
POD = Key("pods", SPACE, "p")
PREPARE = actions.PrepareNamespace(refresh_token=True)
RUN = gen.run()
EACH: tuple[Action, ...] = (
    actions.AddFinalizer(),
    PREPARE,
    actions.WriteInputs("d" * 64, {"fqdn": "omantel.omani.works"}),
    actions.WriteRecord(gen.record(RUN)),
    actions.CreateJob(RUN),
    actions.ReleasePod("p"),
    actions.DeleteJob(RUN.job),
    actions.DeleteInputs("d" * 64),
    actions.WriteReceipt({"result": "destroyed"}),
    actions.DeleteNamespace(),
    actions.RemoveFinalizer(),
)


class Scene:
    """An API server with a Sovereign in it, and executors that see it as it is now."""

    def __init__(self) -> None:
        self.api = FakeApi()
        self.api.put("namespaces", {"metadata": {"name": "team-a"}})
        raw = gen.raw_sovereign()
        raw["metadata"].pop("finalizers")
        self.api.put("sovereigns", raw)
        self.api.change(SOVEREIGN, lambda o: o["metadata"].update(uid=gen.UID))

    def executor(self, token: str | None = TOKEN) -> Executor:
        client = self.api.client()
        sovereign = Sovereign.parse(self.api.get(*SOVEREIGN) or {})
        credentials = CredentialsView("s/1", SecretStr(token) if token else None)
        version = (self.api.get(*RECORD) or {}).get("metadata", {}).get("resourceVersion", "")
        o = Observation(gen.NOW, gen.SETTINGS, sovereign, credentials, None, None, None, record_version=version)
        return Executor(client, RunLogs(client), o, lambda: None)

    async def run(self, *each: Action, token: str | None = TOKEN) -> None:
        """As the reconciler does: one executor for the actions of one decision."""
        executor = self.executor(token)
        for action in each:
            await executor.run(action)

    def pod(self, *finalizers: str) -> None:
        self.api.put("pods", {"metadata": {"name": "p", "namespace": SPACE, "finalizers": list(finalizers)}})

    def data(self, plural: str, name: str, key: str) -> str:
        found = self.api.get(plural, SPACE, name) or {}
        return base64.b64decode(found["data"][key]).decode()


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.mark.parametrize("action", EACH, ids=lambda action: type(action).__name__)
async def test_doing_it_again_changes_nothing(scene: Scene, action: Action) -> None:
    """After a crash the whole decision is carried out once more."""
    await scene.run(PREPARE, actions.WriteRecord(gen.record(RUN)))
    scene.pod(labels.FINALIZER_OBSERVED, "another")
    await scene.run(action)
    before = len(scene.api.writes)
    await scene.run(action)
    assert scene.api.writes[before:] == []


async def test_a_whole_life_leaves_nothing_behind(scene: Scene) -> None:
    for action in EACH:
        if isinstance(action, actions.ReleasePod):
            scene.pod(labels.FINALIZER_OBSERVED)
        await scene.run(action)
    assert (scene.api.get(*RECORD) or {})["metadata"]["finalizers"] == [], "the record does not hold its namespace up"
    assert "deletionTimestamp" in (scene.api.get("namespaces", "", SPACE) or {})["metadata"]
    assert (scene.api.get(*SOVEREIGN) or {})["metadata"]["finalizers"] == []


# --- finalizers of the Sovereign --------------------------------------------------------------------------------------


async def test_the_finalizer_joins_those_of_others(scene: Scene) -> None:
    scene.api.change(SOVEREIGN, lambda o: o["metadata"].update(finalizers=["another"]))
    await scene.run(actions.AddFinalizer())
    held = (scene.api.get(*SOVEREIGN) or {})["metadata"]["finalizers"]
    assert held == ["another", labels.FINALIZER_SOVEREIGN]
    await scene.run(actions.RemoveFinalizer())
    assert (scene.api.get(*SOVEREIGN) or {})["metadata"]["finalizers"] == ["another"]


async def test_a_sovereign_that_changed_meanwhile_is_looked_at_again_first(scene: Scene) -> None:
    executor = scene.executor()
    scene.api.change(SOVEREIGN, gen.spec(suspend=True))
    with pytest.raises(Conflict):
        await executor.run(actions.AddFinalizer())


async def test_for_a_sovereign_that_is_gone_nothing_is_made(scene: Scene) -> None:
    """Deleted after it was looked at: it could not be held, so nobody would ever take back what is made for it."""
    executor = scene.executor()
    scene.api.remove(*SOVEREIGN)
    with pytest.raises(NotFound):
        await executor.run(actions.AddFinalizer())


async def test_letting_go_what_is_gone_is_fine(scene: Scene) -> None:
    scene.api.change(SOVEREIGN, lambda o: o["metadata"].update(finalizers=[labels.FINALIZER_SOVEREIGN]))
    executor = scene.executor()
    scene.api.change(SOVEREIGN, lambda o: o["metadata"].update(finalizers=[]))
    scene.api.remove(*SOVEREIGN)
    await executor.run(actions.RemoveFinalizer())


async def test_the_status_is_written_over_the_version_that_the_finalizer_made(scene: Scene) -> None:
    executor = scene.executor()
    await executor.run(actions.AddFinalizer())
    assert executor.resource_version == (scene.api.get(*SOVEREIGN) or {})["metadata"]["resourceVersion"]


# --- the run namespace ------------------------------------------------------------------------------------------------


async def test_access_comes_right_after_the_namespace(scene: Scene) -> None:
    """The operator itself may do nothing in it before its own binding is there."""
    await scene.run(PREPARE)
    made = [request.key.plural for request in scene.api.writes]
    assert made[:2] == ["namespaces", "rolebindings"]
    assert made.index("secrets") > made.index("rolebindings")


async def test_keys_are_made_once_and_random(scene: Scene) -> None:
    await scene.run(PREPARE)
    key = scene.data("secrets", naming.STATE_KEY_SECRET, "provider-output")
    tokens = scene.data("secrets", naming.CLUSTER_SECRETS, "cluster-secrets.auto.tfvars.json")
    await scene.run(PREPARE)
    assert scene.data("secrets", naming.STATE_KEY_SECRET, "provider-output") == key
    assert scene.data("secrets", naming.CLUSTER_SECRETS, "cluster-secrets.auto.tfvars.json") == tokens
    other = Scene()
    await other.run(PREPARE)
    assert other.data("secrets", naming.STATE_KEY_SECRET, "provider-output") != key
    assert json.loads(tokens)["server_token"] != json.loads(tokens)["agent_token"]


async def test_the_copy_of_the_token_follows_the_owners(scene: Scene) -> None:
    await scene.run(PREPARE)
    await scene.run(PREPARE, token="N" * 64)
    assert scene.data("secrets", naming.TOKEN_SECRET, "token") == "N" * 64
    await scene.run(actions.PrepareNamespace(refresh_token=False), token="M" * 64)
    await scene.run(PREPARE, token=None)
    assert scene.data("secrets", naming.TOKEN_SECRET, "token") == "N" * 64, "what there is stays"


async def test_inputs_are_files_of_the_work_directory(scene: Scene) -> None:
    await scene.run(PREPARE, actions.WriteInputs("d" * 64, {"fqdn": "a.b.c"}))
    name = naming.inputs_secret("d" * 64)
    assert json.loads(scene.data("secrets", name, "tofu.auto.tfvars.json")) == {"fqdn": "a.b.c"}
    assert SPACE in scene.data("secrets", name, "backend.tf")


async def test_inputs_that_are_there_are_not_touched(scene: Scene) -> None:
    """They are immutable: what a run started with is what it is judged by."""
    await scene.run(PREPARE, actions.WriteInputs("d" * 64, {"a": 1}), actions.WriteInputs("d" * 64, {"a": 2}))
    assert json.loads(scene.data("secrets", naming.inputs_secret("d" * 64), "tofu.auto.tfvars.json")) == {"a": 1}


async def test_the_record_replaces_the_one_before_and_stays_held(scene: Scene) -> None:
    await scene.run(PREPARE, actions.WriteRecord(gen.record(RUN)), actions.WriteRecord(gen.applied()))
    found = scene.api.get(*RECORD) or {}
    assert record.from_json(found["data"]["record.json"]) == gen.applied()
    assert found["metadata"]["finalizers"] == [labels.FINALIZER_RECORD]
    scene.api.remove(*RECORD)
    assert scene.api.get(*RECORD) is not None


async def test_a_record_that_was_not_seen_is_not_written_over(scene: Scene) -> None:
    """A request whose answer was lost, an operator that was thought dead: the older record must not win."""
    await scene.run(PREPARE)
    first = scene.executor()
    await scene.run(actions.WriteRecord(gen.record(RUN)))
    second = scene.executor()
    with pytest.raises(Conflict):
        await first.run(actions.WriteRecord(gen.record()))
    await scene.run(actions.WriteRecord(gen.applied()))
    with pytest.raises(Conflict):
        await second.run(actions.WriteRecord(gen.record()))
    assert record.from_json((scene.api.get(*RECORD) or {})["data"]["record.json"]) == gen.applied()


async def test_a_decision_may_write_the_record_twice(scene: Scene) -> None:
    """The end of one run and the start of the next."""
    await scene.run(PREPARE, actions.WriteRecord(gen.record(RUN)))
    await scene.run(actions.WriteRecord(gen.record()), actions.WriteRecord(gen.applied()))


async def test_a_job_that_is_there_is_adopted(scene: Scene) -> None:
    await scene.run(PREPARE, actions.CreateJob(RUN))
    first = scene.api.get("jobs", SPACE, RUN.job)
    await scene.run(actions.CreateJob(RUN))
    assert scene.api.get("jobs", SPACE, RUN.job) == first


async def test_nothing_is_made_in_a_namespace_that_goes(scene: Scene) -> None:
    await scene.run(PREPARE)
    scene.api.remove("namespaces", "", SPACE)
    with pytest.raises(Refused):
        await scene.run(actions.CreateJob(RUN))


# --- letting go -------------------------------------------------------------------------------------------------------


async def test_only_our_finalizer_is_taken_off_a_pod(scene: Scene) -> None:
    await scene.run(PREPARE)
    scene.pod("another", labels.FINALIZER_OBSERVED)
    await scene.run(actions.ReleasePod("p"))
    assert (scene.api.get(*POD) or {})["metadata"]["finalizers"] == ["another"]


async def test_a_pod_that_is_gone_needs_no_letting_go(scene: Scene) -> None:
    await scene.run(PREPARE, actions.ReleasePod("p"))


async def test_a_kubelet_that_writes_in_between_is_no_error(scene: Scene) -> None:
    await scene.run(PREPARE)
    scene.pod(labels.FINALIZER_OBSERVED)
    strikes = iter(range(3))

    def kubelet(request: Request) -> None:
        if request.method == "PATCH" and (n := next(strikes, None)) is not None:
            scene.api.change(POD, lambda o: o.update(status={"phase": f"{n}"}))

    scene.api.before_request = kubelet
    await scene.run(actions.ReleasePod("p"))
    assert (scene.api.get(*POD) or {})["metadata"]["finalizers"] == []


async def test_a_pod_that_goes_between_reading_and_releasing_is_no_error(scene: Scene) -> None:
    await scene.run(PREPARE)
    scene.pod(labels.FINALIZER_OBSERVED)

    def gone(request: Request) -> None:
        if request.method == "PATCH":
            scene.api.before_request = lambda _: None
            scene.api.finish(POD)

    scene.api.before_request = gone
    await scene.run(actions.ReleasePod("p"))


async def test_the_receipt_stays_with_the_owner(scene: Scene) -> None:
    await scene.run(actions.WriteReceipt({"result": "destroyed"}))
    name = manifests.receipt(gen.sovereign(), "")["metadata"]["name"]
    found = scene.api.get("configmaps", "team-a", name) or {}
    assert json.loads(found["data"]["receipt.json"]) == {"result": "destroyed"}


async def test_an_owners_namespace_that_goes_does_not_keep_the_sovereign(scene: Scene) -> None:
    scene.api.remove("namespaces", "", "team-a")
    await scene.run(actions.WriteReceipt({"result": "destroyed"}))


async def test_logs_are_followed_and_forgotten(scene: Scene) -> None:
    client = scene.api.client()
    logs = RunLogs(client)
    sovereign = Sovereign.parse(scene.api.get(*SOVEREIGN) or {})
    o = Observation(gen.NOW, gen.SETTINGS, sovereign, None, None, None, None)
    executor = Executor(client, logs, o, lambda: None)
    await executor.run(actions.FollowLog("p", "tofu-apply"))
    assert logs.progress(SPACE, "p", "tofu-apply") is not None
    await executor.run(actions.ForgetLogs())
    assert logs.progress(SPACE, "p", "tofu-apply") is None
