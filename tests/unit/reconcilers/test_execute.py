"""Doing: each action as the API server sees it, and again, and after somebody was faster."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from catalyst_operator.adapters.project.preflights import Preflights
from catalyst_operator.adapters.project.project_looks import ProjectLooks
from catalyst_operator.adapters.run_logs import RunLogs
from catalyst_operator.api import labels
from catalyst_operator.api.sovereign import Sovereign
from catalyst_operator.core import actions, manifests, naming, record
from catalyst_operator.core.actions import Action
from catalyst_operator.core.observation import (
    CredentialsView,
    LockView,
    NamespaceView,
    Observation,
    PodView,
    StateView,
)
from catalyst_operator.core.project.identity import ProjectAnswer, ProjectQuestion
from catalyst_operator.core.project.preflight import CloudView, Wanted
from catalyst_operator.core.settings import CoreSettings
from catalyst_operator.core.tofu import backends
from catalyst_operator.errors import Conflict, NotFound, Refused
from catalyst_operator.reconcilers.execute import Executor
from catalyst_operator.reconcilers.observe import Observer
from tests.support import gen
from tests.support.fake_kube import FakeApi, Key, Request
from tests.support.gen import SPACE, TOKEN
from tests.support.outside import outside
from tests.support.paths import REPOSITORY

Raw = dict[str, Any]
SOVEREIGN = Key("sovereigns", "team-a", "omantel")
RECORD = Key("configmaps", SPACE, naming.RECORD)
POD = Key("pods", SPACE, "p")
STATE = Key("secrets", SPACE, naming.STATE_SECRET)
SAVED = Key("secrets", SPACE, naming.ERRORED_STATE_SECRET)
LEASE = Key("leases", SPACE, naming.STATE_LEASE)
LOCK = LockView("holder-1", "@apply-1a2b3c4d-7-x9z8y")
WANTED = Wanted(gen.UID, "omantel-d2faa", "fsn1", {"omantel-d2faa-control-plane-0": ("cpx22",)})
PREPARE = actions.PrepareNamespace(refresh_token=True)
RUN = gen.run()
INPUTS = "inputs-1a2b3c4d"
EACH: tuple[Action, ...] = (
    actions.AddFinalizer(),
    PREPARE,
    actions.WriteInputs(INPUTS, {"fqdn": "omantel.omani.works"}),
    actions.WriteRecord(gen.record(RUN)),
    actions.GiveBootSecrets(authorities=True),
    actions.CreateJob(RUN),
    actions.TakeBootSecrets(),
    actions.ReleasePod("p"),
    actions.ForgetSavedState(),
    actions.ReleaseLock(LOCK),
    actions.DeleteJob(RUN.job),
    actions.DeleteInputs(INPUTS),
    actions.WriteReceipt({"result": "destroyed"}),
    actions.DeleteNamespace(),
    actions.RemoveFinalizer(),
)


class Scene:
    """An API server with a Sovereign in it, and executors that see it as it is now."""

    def __init__(self) -> None:
        self.api = FakeApi()
        self.asked: list[tuple[str, Wanted]] = []
        """Token and question of each look at the project."""
        self.preflights = Preflights(self._look, lambda: gen.NOW)
        for name in ("team-a", gen.HOME):
            self.api.put("namespaces", {"metadata": {"name": name}})
        raw = gen.raw_sovereign()
        raw["metadata"].pop("finalizers")
        self.api.put("sovereigns", raw)
        self.api.change(SOVEREIGN, lambda o: o["metadata"].update(uid=gen.UID))

    def executor(
        self, token: str | None = TOKEN, pods: tuple[PodView, ...] = (), settings: CoreSettings = gen.SETTINGS
    ) -> Executor:
        client = self.api.client()
        sovereign = Sovereign.parse(self.api.get(*SOVEREIGN) or {})
        credentials = CredentialsView("s/1", SecretStr(token) if token else None)
        version = (self.api.get(*RECORD) or {}).get("metadata", {}).get("resourceVersion", "")
        space = self.api.get("namespaces", "", SPACE)
        namespace = NamespaceView(version=space["metadata"]["resourceVersion"]) if space else None
        o = Observation(
            gen.NOW, settings, sovereign, credentials, namespace, None, None, record_version=version, pods=pods
        )
        beside = outside(client, preflights=self.preflights)
        return Executor(client, beside, o, lambda: None, lambda: gen.NOW)

    async def _look(self, token: SecretStr, wanted: Wanted) -> CloudView:
        self.asked.append((token.get_secret_value(), wanted))
        return CloudView()

    def state(self, serial: int, lineage: str = "l") -> None:
        """OpenTofu writes its state, as its backend does."""
        self.api.remove(*STATE)
        packed = base64.b64encode(gzip.compress(state_file(serial, lineage))).decode()
        meta = {"name": STATE.name, "namespace": SPACE, "labels": {"tfstate": "true"}}
        self.api.put("secrets", {"metadata": meta, "data": {"tfstate": packed}})

    def saved(self, serial: int) -> None:
        """The sidecar of a run saved the state that OpenTofu could not write, as the file was."""
        content = base64.b64encode(state_file(serial)).decode()
        self.api.put("secrets", {"metadata": {"name": SAVED.name, "namespace": SPACE}, "data": {"tfstate": content}})

    def serial(self) -> int:
        """Serial of the state in force."""
        packed = (self.api.get(*STATE) or {})["data"]["tfstate"]
        return int(json.loads(gzip.decompress(base64.b64decode(packed)))["serial"])

    def locked(self, holder: str) -> None:
        """Somebody takes the lock of the state."""
        self.api.remove(*LEASE)
        info = {"app.terraform.io/lock-info": json.dumps({"ID": holder})}
        meta = {"name": LEASE.name, "namespace": SPACE, "annotations": info}
        self.api.put("leases", {"metadata": meta, "spec": {"holderIdentity": holder, "leaseTransitions": 1}})

    def before_the_first_write(self, strike: Callable[[], None]) -> None:
        """Somebody is faster than the operator, after all that it looked at."""

        def struck(request: Request) -> None:
            if request.writes:
                self.api.before_request = lambda _: None
                strike()

        self.api.before_request = struck

    async def run(self, *each: Action, token: str | None = TOKEN) -> None:
        """As the reconciler does: one executor for the actions of one decision."""
        executor = self.executor(token)
        for action in each:
            await executor.run(action)

    async def settle(self) -> None:
        """Until nothing is under way in the background any more."""
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*others)

    def pod(self, *finalizers: str) -> None:
        self.api.put("pods", {"metadata": {"name": "p", "namespace": SPACE, "finalizers": list(finalizers)}})

    def data(self, plural: str, name: str, key: str) -> str:
        found = self.api.get(plural, SPACE, name) or {}
        return base64.b64decode(found["data"][key]).decode()


def state_file(serial: int, lineage: str = "l") -> bytes:
    """A state file; with encryption, these are in the clear."""
    return json.dumps({"serial": serial, "lineage": lineage, "encrypted_data": "..."}).encode()


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.mark.parametrize("action", EACH, ids=lambda action: type(action).__name__)
async def test_doing_it_again_changes_nothing(scene: Scene, action: Action) -> None:
    """After a crash the whole decision is carried out once more."""
    await scene.run(PREPARE, actions.WriteRecord(gen.record(RUN)))
    scene.pod(labels.FINALIZER_OBSERVED, "another")
    scene.saved(8)
    scene.locked(LOCK.id)
    await scene.run(action)
    before = len(scene.api.writes)
    await scene.run(action)
    assert scene.api.writes[before:] == []


async def test_a_whole_life_leaves_nothing_behind(scene: Scene) -> None:
    for action in EACH:
        if isinstance(action, actions.ReleasePod):
            scene.pod(labels.FINALIZER_OBSERVED)
        await scene.run(action)
    held = (scene.api.get(*RECORD) or {})["metadata"].get("finalizers")
    assert not held, "the record does not hold its namespace up"
    assert "deletionTimestamp" in (scene.api.get("namespaces", "", SPACE) or {})["metadata"]
    assert (scene.api.get(*SOVEREIGN) or {})["metadata"]["finalizers"] == []
    assert scene.api.all("secrets", gen.HOME) == [], "what is kept beside the operator goes before the Sovereign does"


# --- finalizers of the Sovereign --------------------------------------------------------------------------------------


async def test_the_finalizer_joins_those_of_others(scene: Scene) -> None:
    scene.api.change(SOVEREIGN, lambda o: o["metadata"].update(finalizers=["another"]))
    await scene.run(actions.AddFinalizer())
    held = (scene.api.get(*SOVEREIGN) or {})["metadata"]["finalizers"]
    assert held == ["another", labels.FINALIZER_SOVEREIGN]
    await scene.run(actions.RemoveFinalizer())
    assert (scene.api.get(*SOVEREIGN) or {})["metadata"]["finalizers"] == ["another"]


def marks(scene: Scene) -> dict[str, str]:
    """What the owner's namespace says that it holds."""
    return (scene.api.get("namespaces", "", "team-a") or {})["metadata"].get("annotations") or {}


async def test_a_sovereign_that_is_held_is_marked_on_its_namespace_first(scene: Scene) -> None:
    """Else the namespace could go, with the token, between the two."""
    await scene.run(actions.AddFinalizer())
    assert marks(scene) == {"sovereigns.catalyst.openova.io/omantel": gen.UID}
    assert [request.key.plural for request in scene.api.writes] == ["namespaces", "sovereigns"]


async def test_the_mark_goes_before_the_finalizer_does(scene: Scene) -> None:
    """After the finalizer there is nobody who would take it off."""
    await scene.run(actions.AddFinalizer())
    before = len(scene.api.writes)
    await scene.run(actions.RemoveFinalizer())
    assert marks(scene) == {}
    assert [request.key.plural for request in scene.api.writes[before:]] == ["namespaces", "sovereigns"]


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


async def test_a_namespace_that_somebody_made_first_is_not_taken_over(scene: Scene) -> None:
    """With our labels and with roles bound in it: keys and tokens would be theirs to read."""
    executor = scene.executor()
    scene.api.put("namespaces", manifests.run_namespace(gen.sovereign(), gen.SETTINGS))
    with pytest.raises(Conflict):
        await executor.run(PREPARE)
    assert scene.api.writes == []


async def test_a_namespace_that_somebody_made_anew_is_not_taken_over(scene: Scene) -> None:
    await scene.run(PREPARE)
    executor, before = scene.executor(), len(scene.api.writes)
    space = Key("namespaces", "", SPACE)
    scene.api.finish(space)
    scene.api.put("namespaces", manifests.run_namespace(gen.sovereign(), gen.SETTINGS))
    with pytest.raises(Conflict):
        await executor.run(PREPARE)
    assert scene.api.writes[before:] == []


async def test_a_namespace_is_opened_with_nothing_else_made_in_it(scene: Scene) -> None:
    """What is missing there was not looked for: a key made anew would be another one."""
    scene.api.put("namespaces", manifests.run_namespace(gen.sovereign(), gen.SETTINGS))
    await scene.run(actions.OpenNamespace())
    (written,) = scene.api.writes
    assert (written.key.plural, written.key.name) == ("rolebindings", "catalyst-operator")


async def test_keys_are_made_once_and_random(scene: Scene) -> None:
    await scene.run(PREPARE)
    key = scene.data("secrets", naming.STATE_KEY_SECRET, "provider-output")
    await scene.run(PREPARE)
    assert scene.data("secrets", naming.STATE_KEY_SECRET, "provider-output") == key
    other = Scene()
    await other.run(PREPARE)
    assert other.data("secrets", naming.STATE_KEY_SECRET, "provider-output") != key


async def test_the_copy_of_the_token_follows_the_owners(scene: Scene) -> None:
    await scene.run(PREPARE)
    await scene.run(PREPARE, token="N" * 64)
    assert scene.data("secrets", naming.TOKEN_SECRET, "token") == "N" * 64
    await scene.run(actions.PrepareNamespace(refresh_token=False), token="M" * 64)
    await scene.run(PREPARE, token=None)
    assert scene.data("secrets", naming.TOKEN_SECRET, "token") == "N" * 64, "what there is stays"


async def test_inputs_are_files_of_the_work_directory(scene: Scene) -> None:
    await scene.run(PREPARE, actions.WriteInputs(INPUTS, {"fqdn": "a.b.c"}))
    assert json.loads(scene.data("secrets", INPUTS, "tofu.auto.tfvars.json")) == {"fqdn": "a.b.c"}
    assert SPACE in scene.data("secrets", INPUTS, "backend.tf")


async def test_a_run_is_told_where_its_state_is_and_given_what_opens_it(scene: Scene) -> None:
    """Anew before each run, and nothing else of what the Secret beside the operator may hold."""
    home = Key("secrets", gen.HOME, "pg-login")
    data = {"PGUSER": "dG9mdQ==", "PGPASSWORD": "Zmlyc3QK", "note": "bm90ZQ=="}
    scene.api.put("secrets", {"metadata": {"name": home.name, "namespace": gen.HOME}, "data": data})
    store = backends.parse(backends.PG, ("host=pg.example", "database=states"), home.name)
    start = (replace(PREPARE, in_store=True), actions.WriteInputs(INPUTS, {"a": 1}, in_store=True))
    for action in start:
        await scene.executor(settings=replace(gen.SETTINGS, state_backend=store)).run(action)
    assert scene.data("secrets", INPUTS, "backend.tf") == store.file(SPACE, gen.UID)
    given = Key("secrets", SPACE, naming.STATE_BACKEND_SECRET)
    assert set((scene.api.get(*given) or {})["data"]) == {"PGUSER", "PGPASSWORD"}
    assert scene.data("secrets", given.name, "PGPASSWORD") == "first"
    scene.api.change(home, lambda o: o["data"].update(PGPASSWORD="c2Vjb25k"))
    await scene.executor(settings=replace(gen.SETTINGS, state_backend=store)).run(start[0])
    assert scene.data("secrets", given.name, "PGPASSWORD") == "second"


async def test_a_run_whose_state_is_in_its_namespace_is_not_given_what_opens_a_store(scene: Scene) -> None:
    """Once it is handed over, whatever the settings are."""
    store = backends.parse(backends.PG, ("host=pg.example", "database=states"), "pg-login")
    for action in (PREPARE, actions.WriteInputs(INPUTS, {"a": 1})):
        await scene.executor(settings=replace(gen.SETTINGS, state_backend=store)).run(action)
    assert 'backend "kubernetes"' in scene.data("secrets", INPUTS, "backend.tf")
    assert scene.api.get("secrets", SPACE, naming.STATE_BACKEND_SECRET) is None


async def test_the_authorities_that_a_run_trusts_are_a_file_beside_them(scene: Scene) -> None:
    await scene.run(PREPARE, actions.WriteInputs(INPUTS, {"trusted_authorities": ["ONE\n", "OTHER\n"]}))
    assert scene.data("secrets", INPUTS, "authorities.crt") == "ONE\nOTHER\n"


async def test_inputs_that_are_there_are_not_touched(scene: Scene) -> None:
    """They are immutable: what a run started with is what it is judged by."""
    await scene.run(PREPARE, actions.WriteInputs(INPUTS, {"a": 1}), actions.WriteInputs(INPUTS, {"a": 2}))
    assert json.loads(scene.data("secrets", INPUTS, "tofu.auto.tfvars.json")) == {"a": 1}


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


async def test_the_project_is_looked_at_with_the_token_that_a_run_would_get(scene: Scene) -> None:
    """The owner's where it can be one, else the copy of an earlier run."""
    asked: list[str] = []

    async def look(token: SecretStr, question: ProjectQuestion) -> ProjectAnswer:
        asked.append(token.get_secret_value())
        return ProjectAnswer("")

    client = scene.api.client()
    looks = ProjectLooks(look, lambda: gen.NOW)
    sovereign = Sovereign.parse(scene.api.get(*SOVEREIGN) or {})
    copy = SecretStr("Copy00Token0" + "c" * 52)
    for n, token in enumerate((TOKEN, "rubbish", None)):
        credentials = CredentialsView("s/1", SecretStr(token) if token else None)
        o = Observation(gen.NOW, gen.SETTINGS, sovereign, credentials, None, None, None, token_copy=copy)
        executor = Executor(client, outside(client, projects=looks), o, lambda: None, lambda: gen.NOW)
        await executor.run(actions.AskProject(f"key-{n}", ProjectQuestion(gen.UID, "omantel-d2faa")))
        await asyncio.sleep(0)
    assert asked == [TOKEN, copy.get_secret_value(), copy.get_secret_value()]
    await looks.close()


async def test_its_own_crossplane_has_a_look_of_its_own_with_its_own_token(scene: Scene) -> None:
    """Neither report is taken for the other."""
    asked: list[str] = []

    async def look(token: SecretStr, question: ProjectQuestion) -> ProjectAnswer:
        asked.append(token.get_secret_value())
        return ProjectAnswer("networks/1 n")

    client, told = scene.api.client(), asyncio.Event()
    looks = ProjectLooks(look, lambda: gen.NOW)
    sovereign = Sovereign.parse(scene.api.get(*SOVEREIGN) or {})
    o = Observation(gen.NOW, gen.SETTINGS, sovereign, CredentialsView("s/1", SecretStr(TOKEN)), None, None, None)
    own, beside = SecretStr("Own0Token000" + "w" * 52), outside(client, crossplane_projects=looks)
    ask = actions.AskCrossplaneProject("key", ProjectQuestion(gen.UID, "omantel-d2faa"))
    await Executor(client, beside, o, told.set, lambda: gen.NOW).run(ask)
    assert looks.report(gen.UID) is None, "nothing is looked at without a token"
    await Executor(client, beside, replace(o, crossplane_token=own), told.set, lambda: gen.NOW).run(ask)
    await asyncio.wait_for(told.wait(), 5)
    assert asked == [own.get_secret_value()]
    assert (looks.report(gen.UID) is not None, beside.projects.report(gen.UID)) == (True, None)
    await beside.forget(gen.UID)
    assert looks.report(gen.UID) is None


async def test_a_refused_state_is_put_aside_with_what_a_run_could_not_write_of_it(scene: Scene) -> None:
    """Only the very one; and the archive stays."""
    sovereign = Sovereign.parse(scene.api.get(*SOVEREIGN) or {})
    scene.api.put("namespaces", manifests.run_namespace(sovereign, gen.SETTINGS))
    packed = manifests.packed_state(b'{"serial": 9, "lineage": "l"}')
    scene.api.put("secrets", manifests.state(sovereign, packed))
    scene.api.put("secrets", manifests.archived_state(sovereign, packed))
    client = scene.api.client()
    o = Observation(gen.NOW, gen.SETTINGS, sovereign, None, None, None, None)
    executor = Executor(client, outside(client), o, lambda: None, lambda: gen.NOW)
    with pytest.raises(Conflict):
        await executor.run(actions.DropGivenState(StateView(8, "l")))
    assert scene.api.get("secrets", gen.SPACE, naming.STATE_SECRET) is not None
    await executor.run(actions.DropGivenState(StateView(9, "l")))
    assert scene.api.get("secrets", gen.SPACE, naming.STATE_SECRET) is None
    assert scene.api.get("secrets", gen.SPACE, naming.ARCHIVED_STATE_SECRET) is not None


async def test_logs_are_followed_and_forgotten(scene: Scene) -> None:
    client = scene.api.client()
    logs = RunLogs(client)
    sovereign = Sovereign.parse(scene.api.get(*SOVEREIGN) or {})
    o = Observation(gen.NOW, gen.SETTINGS, sovereign, None, None, None, None)
    beside = outside(client, logs=logs, preflights=scene.preflights)
    executor = Executor(client, beside, o, lambda: None, lambda: gen.NOW)
    await executor.run(actions.FollowLog("p", "tofu-apply"))
    assert logs.progress(SPACE, "p", "tofu-apply") is not None
    await executor.run(actions.ForgetLogs())
    assert logs.progress(SPACE, "p", "tofu-apply") is None


# --- the state, its lock ----------------------------------------------------------------------------------------------


async def test_a_saved_state_goes_where_opentofu_looks_for_it(scene: Scene) -> None:
    """The labels and the annotation are those of OpenTofu's kubernetes backend: it finds its Secret by them."""
    await scene.run(PREPARE)
    scene.saved(8)
    await scene.run(actions.RestoreState(None))
    found = scene.api.get(*STATE) or {}
    packed = base64.b64decode(found["data"]["tfstate"])
    assert gzip.decompress(packed) == state_file(8), "encrypted as it was, compressed as the backend does it"
    assert found["metadata"]["labels"] == {
        "tfstate": "true",
        "tfstateSecretSuffix": "sovereign",
        "tfstateWorkspace": "default",
        "app.kubernetes.io/managed-by": "terraform",
    }
    assert found["metadata"]["annotations"] == {"encoding": "gzip"}


async def test_a_saved_state_goes_over_the_one_that_was_seen(scene: Scene) -> None:
    await scene.run(PREPARE)
    scene.state(7)
    scene.saved(8)
    await scene.run(actions.RestoreState(StateView(7, "l")), actions.ForgetSavedState())
    assert scene.serial() == 8
    assert scene.api.get(*SAVED) is None


@pytest.mark.parametrize(
    ("seen", "now", "why"),
    [
        (None, (9, "l"), "there was none, and now there is"),
        (StateView(7, "l"), (9, "l"), "a run wrote a newer one"),
        (StateView(7, "l"), (7, "other"), "somebody put another one there"),
        (StateView(7, "l"), None, "it is gone: why is for the next look to ask"),
    ],
)
async def test_a_state_that_changed_since_it_was_seen_is_not_written_over(
    scene: Scene, seen: StateView | None, now: tuple[int, str] | None, why: str
) -> None:
    await scene.run(PREPARE)
    scene.saved(8)
    if now:
        scene.state(*now)
    before = scene.api.get(*STATE)
    with pytest.raises(Conflict):
        await scene.run(actions.RestoreState(seen), actions.ForgetSavedState())
    assert scene.api.get(*STATE) == before, why
    assert scene.api.get(*SAVED) is not None, "the copy stays until it is known to be of no use"


@pytest.mark.parametrize("seen", [None, StateView(7, "l")])
async def test_a_state_that_is_written_at_the_last_moment_is_not_written_over(
    scene: Scene, seen: StateView | None
) -> None:
    """Between the last look at it and the write: then only the API server can tell."""
    await scene.run(PREPARE)
    scene.saved(8)
    if seen:
        scene.state(7)
    scene.before_the_first_write(lambda: scene.state(9))
    with pytest.raises(Conflict):
        await scene.run(actions.RestoreState(seen), actions.ForgetSavedState())
    assert scene.serial() == 9
    assert scene.api.get(*SAVED) is not None


async def test_a_saved_state_that_is_gone_is_looked_for_again_and_nothing_is_written(scene: Scene) -> None:
    await scene.run(PREPARE)
    with pytest.raises(NotFound):
        await scene.run(actions.RestoreState(None))
    assert scene.api.get(*STATE) is None


async def test_a_lock_is_taken_from_its_holder_and_the_lease_stays(scene: Scene) -> None:
    await scene.run(PREPARE)
    scene.locked(LOCK.id)
    await scene.run(actions.ReleaseLock(LOCK))
    found = scene.api.get(*LEASE) or {}
    assert found["spec"] == {"leaseTransitions": 1}, "as OpenTofu leaves it when it unlocks: without a holder"


async def test_a_lock_that_another_one_took_meanwhile_is_not_released(scene: Scene) -> None:
    await scene.run(PREPARE)
    scene.locked("holder-2")
    await scene.run(actions.ReleaseLock(LOCK))
    assert (scene.api.get(*LEASE) or {})["spec"]["holderIdentity"] == "holder-2"


async def test_a_lock_that_is_free_or_gone_needs_no_release(scene: Scene) -> None:
    await scene.run(PREPARE, actions.ReleaseLock(LOCK))
    scene.locked(LOCK.id)
    await scene.run(actions.ReleaseLock(LOCK), actions.ReleaseLock(LOCK))
    assert "holderIdentity" not in (scene.api.get(*LEASE) or {})["spec"]


# --- preflight --------------------------------------------------------------------------------------------------------


async def test_a_look_at_the_project_is_asked_for_and_not_waited_for(scene: Scene) -> None:
    await scene.run(actions.AskPreflight("the key", WANTED))
    assert scene.preflights.report(gen.UID) is None
    await scene.settle()
    assert scene.asked == [(TOKEN, WANTED)]
    found = scene.preflights.report(gen.UID)
    assert found is not None
    assert found.key == "the key"


async def test_without_a_token_nothing_is_asked(scene: Scene) -> None:
    await scene.run(actions.AskPreflight("the key", WANTED), token=None)
    await scene.settle()
    assert scene.asked == []
    assert scene.preflights.report(gen.UID) is None


async def test_the_token_reaches_the_look_and_nothing_else(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    await scene.run(actions.AskPreflight("the key", WANTED))
    tasks = [repr(task) for task in asyncio.all_tasks()]
    await scene.settle()
    assert [token for token, _ in scene.asked] == [TOKEN]
    assert scene.api.requests == [], "it is written nowhere"
    assert TOKEN not in f"{scene.preflights.report(gen.UID)} {tasks} {caplog.text}"


async def test_a_sovereign_that_is_let_go_is_not_looked_at_any_more(scene: Scene) -> None:
    await scene.run(actions.AskPreflight("the key", WANTED))
    await scene.settle()
    await scene.run(actions.RemoveFinalizer())
    assert scene.preflights.report(gen.UID) is None


# --- what the operator may do -----------------------------------------------------------------------------------------

RBAC = REPOSITORY / "deploy" / "base" / "rbac-runs.yaml"


async def test_the_role_of_a_run_namespace_allows_what_is_done_in_it(scene: Scene) -> None:
    roles = {role["metadata"]["name"]: role for role in yaml.safe_load_all(RBAC.read_text())}
    rules = roles[naming.OPERATOR_RUN_CLUSTER_ROLE]["rules"]
    allowed = {(resource, verb) for rule in rules for resource in rule["resources"] for verb in rule["verbs"]}
    await scene.run(PREPARE, actions.WriteRecord(gen.record(RUN)))
    scene.pod(labels.FINALIZER_OBSERVED)
    scene.saved(8)
    scene.locked(LOCK.id)
    client = scene.api.client()
    await Observer(client, outside(client, preflights=scene.preflights), gen.SETTINGS).observe(gen.sovereign(), gen.NOW)
    for action in (actions.RestoreState(None), *EACH):
        await scene.run(action)
    done = [r for r in scene.api.requests if r.key.namespace == SPACE and r.key.plural != "rolebindings"]
    assert {(r.key.plural, verb) for r in done for verb in needed(r)} <= allowed


def needed(request: Request) -> set[str]:
    """The verbs of RBAC that a request needs; a server-side apply may have to create."""
    if request.method == "GET":
        return {"get"} if request.key.name else {"list"}
    if request.method == "PATCH":
        return {"patch", "create"} if request.content == "application/apply-patch+yaml" else {"patch"}
    return {{"POST": "create", "DELETE": "delete"}[request.method]}


# --- what the owner reads ---------------------------------------------------------------------------------------------


async def test_a_plan_is_put_where_its_owner_reads_it_cleaned_and_goes_with_the_sovereign(scene: Scene) -> None:
    run = gen.run()
    pod = gen.pod(run)
    scene.api.logs[gen.SPACE, pod.name, "plan-gate"] = [
        "  + \x1b[1mserver\u202e " + "A1" * 32,
        "",
        "plan digest d: fine",
    ]
    scene.api.put("namespaces", {"metadata": {"name": gen.SPACE}})
    scene.api.put("pods", {"metadata": {"name": pod.name, "namespace": gen.SPACE}})
    executor = scene.executor(pods=(pod,))
    await executor.run(actions.PublishPlan(run.job, "d"))
    found = scene.api.get("configmaps", "team-a", naming.plan_config_map("omantel", gen.UID))
    assert found is not None
    assert found["data"] == {"digest": "d", "plan.txt": "  + server [redacted]\n\nplan digest d: fine"}
    assert found["metadata"]["ownerReferences"][0]["uid"] == gen.UID


async def test_a_plan_whose_log_is_gone_holds_nothing_up(scene: Scene) -> None:
    await scene.executor().run(actions.PublishPlan("apply-1", "d"))
    found = scene.api.get("configmaps", "team-a", naming.plan_config_map("omantel", gen.UID))
    assert found is not None
    assert "Plan again" in found["data"]["plan.txt"]
