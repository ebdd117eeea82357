"""Backup, restore and move, by the commands of the papers, between two real API servers with real operators' rights.

Nobody runs Jobs here: one that is made stays, and is seen.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_fixed

from catalyst_operator.adapters import proof_key
from catalyst_operator.api import labels
from catalyst_operator.api.sovereign import Sovereign
from catalyst_operator.core import actions, manifests, naming, provision
from catalyst_operator.core.moving.identity import Standing
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.settings import CoreSettings
from catalyst_operator.errors import Unavailable
from catalyst_operator.metrics import Metrics
from catalyst_operator.reconcilers.execute import Executor
from catalyst_operator.reconcilers.observe import Observer
from catalyst_operator.reconcilers.sovereign import Key, SovereignReconciler
from e2e.support import papers
from tests.integration import actors
from tests.integration.actors import BREAK_GLASS, HOME, NAMESPACES
from tests.integration.admission import RESERVATIONS, sovereigns
from tests.integration.admission import sovereign as raw_sovereign
from tests.integration.apiserver import Api, ApiError, ApiServer, api_server, find_tool
from tests.integration.installation import install
from tests.support import gen
from tests.support.outside import outside
from tests.support.paths import REPOSITORY

pytestmark = pytest.mark.integration

OWNERS = "customers"
SOVEREIGN = f"{sovereigns(OWNERS)}/omantel"
FQDN = "omantel.omani.works"
OPERATIONS = REPOSITORY / "docs" / "operations.md"
ALMIGHTY = f"system:serviceaccount:{HOME}:catalyst-operator"


class Cluster:
    """A management cluster with an operator, which looks when a test says so."""

    def __init__(self, server: ApiServer) -> None:
        self.server, self.api = server, server.api
        self.client = actors.kube(server)
        self.settings = CoreSettings(
            image="registry.example/catalyst-operator:test", default_git_url="https://github.com/openova-io/openova"
        )

    async def start(self) -> None:
        """What the operator does before anything else."""
        self.settings = replace(self.settings, proof_key=await proof_key.read(self.client, HOME))
        self._reconciler = SovereignReconciler(
            self.client, outside(self.client), self.settings, Metrics(CollectorRegistry()), lambda: gen.NOW
        )

    @property
    def sovereign(self) -> Sovereign:
        return Sovereign.parse(self.api.get(SOVEREIGN))

    async def look(self) -> dict[str, Any]:
        """Passes of the operator until the rights that it was just given are in force. The status after them."""
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type((Unavailable, AssertionError)),
            stop=stop_after_delay(20),
            wait=wait_fixed(0.2),
        ):
            with attempt:
                await self._reconciler.reconcile(Key(OWNERS, "omantel"))
                status: dict[str, Any] = self.api.get(SOVEREIGN).get("status", {})
                assert "the operator's rights" not in str(status.get("summary"))
                assert "ERR_CLUSTER_REFUSED" not in str(status.get("lastErrors"))
        return status

    async def observe(self) -> Observation:
        return await Observer(self.client, outside(self.client), self.settings).observe(self.sovereign, gen.NOW)

    async def do(self, *each: actions.Action) -> None:
        for action in each:
            async for attempt in AsyncRetrying(
                retry=retry_if_exception_type(Unavailable), stop=stop_after_delay(20), wait=wait_fixed(0.2)
            ):
                with attempt:
                    beside = outside(self.client)
                    seen = await Observer(self.client, beside, self.settings).observe(self.sovereign, gen.NOW)
                    await Executor(self.client, beside, seen, lambda: None, lambda: gen.NOW).run(action)

    def find(self, path: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self.api.get(path)
        except ApiError as error:
            assert error.code == 404, error
            return None
        return found

    def runs(self, space: str) -> list[str]:
        return [job["metadata"]["name"] for job in self.api.get(f"/apis/batch/v1/namespaces/{space}/jobs")["items"]]


async def applied(cluster: Cluster) -> str:
    """A Sovereign whose servers were made, as its operator remembers it. Its UID."""
    almighty = cluster.api.acting_as(ALMIGHTY)
    if cluster.find(f"{NAMESPACES}/{OWNERS}") is None:
        cluster.api.create(NAMESPACES, {"metadata": {"name": OWNERS}})
    secret = {"metadata": {"name": "hetzner-token"}, "stringData": {"token": gen.TOKEN}}
    cluster.api.create(f"{NAMESPACES}/{OWNERS}/secrets", secret)
    cluster.api.create(sovereigns(OWNERS), raw_sovereign({"handOff": {"mode": "Manual"}}))
    await cluster.do(actions.AddFinalizer(), actions.PrepareNamespace(refresh_token=True))
    sovereign = cluster.sovereign
    uid = sovereign.metadata.uid
    digest = provision.look(await cluster.observe()).digest
    await cluster.do(
        actions.WriteRecord(gen.record(gen.succeeded(digest=digest), uid=uid, made=("control-plane-0",))),
        actions.GiveBootSecrets(authorities=True),
        actions.TakeBootSecrets(),
    )
    space = manifests.namespace_of(sovereign)
    almighty.create(f"{NAMESPACES}/{space}/secrets", manifests.state(sovereign, STATE))
    reference = {"namespace": OWNERS, "name": "omantel", "uid": uid}
    reservation = {"metadata": {"name": FQDN}, "spec": {"mode": "pool", "sovereignRef": reference}}
    kind = {"apiVersion": labels.API_VERSION, "kind": "DomainReservation"}
    almighty.create(RESERVATIONS, kind | reservation)
    assert "lastErrors" not in await cluster.look()
    return uid


STATE = "H4sIAAAAAAACA6tWKk4tykzMUbJSMNdRUMrJzEtNTE8F8pQSlWoBTvLdVB0AAAA="
"""A state with the serial that the record knows, as OpenTofu's Secret holds it."""


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """Another management cluster."""
    folder = tmp_path_factory.mktemp("second")
    with api_server(folder / "server") as server:
        install(server, folder)
        yield server


@pytest.fixture
async def old(api: Api, apiserver: ApiServer) -> AsyncIterator[Cluster]:
    made = Cluster(apiserver)
    await made.start()
    yield made
    gone(made)
    await made.client.close()


@pytest.fixture
async def new(second: ApiServer) -> AsyncIterator[Cluster]:
    made = Cluster(second)
    await made.start()
    yield made
    gone(made)
    await made.client.close()


def gone(cluster: Cluster) -> None:
    """Everything of the Sovereign is lost, as when somebody who may do everything deletes it."""
    found = cluster.find(SOVEREIGN)
    if found is not None:
        uid = found["spec"].get("originalUID") or found["metadata"]["uid"]
        space = naming.run_namespace("omantel", uid)
        for name in (f"secrets/{n}" for n in (naming.STATE_KEY_SECRET, naming.STATE_SECRET, naming.TOKEN_SECRET)):
            actors.break_glass(cluster.server, "-n", space, "delete", "--ignore-not-found", name)
        record = f"{NAMESPACES}/{space}/configmaps/record"
        if cluster.find(record):
            patch = ("patch", "configmap", "record", "--type=merge", '-p={"metadata":{"finalizers":null}}')
            actors.break_glass(cluster.server, "-n", space, *patch)
            actors.break_glass(cluster.server, "-n", space, "delete", "configmap", "record")
        actors.break_glass(
            cluster.server, "-n", HOME, "delete", "secret", naming.cluster_secrets(uid), "--ignore-not-found"
        )
        merge = '-p={"metadata":{"finalizers":null},"spec":{"deletionProtection":false}}'
        actors.break_glass(cluster.server, "-n", OWNERS, "patch", "sovereign", "omantel", "--type=merge", merge)
        actors.break_glass(cluster.server, "-n", OWNERS, "delete", "sovereign", "omantel", "--ignore-not-found")
        actors.break_glass(cluster.server, "delete", "namespace", space, "--ignore-not-found", "--wait=false")
        remove_namespace(cluster, space)
    if cluster.find(f"{RESERVATIONS}/{FQDN}"):
        actors.break_glass(cluster.server, "delete", "domainreservation", FQDN)
    if cluster.find(f"{NAMESPACES}/{OWNERS}/secrets/hetzner-token"):
        cluster.api.delete(f"{NAMESPACES}/{OWNERS}/secrets/hetzner-token")


def remove_namespace(cluster: Cluster, name: str) -> None:
    """What the namespace controller does, which nobody runs here."""
    found = cluster.find(f"{NAMESPACES}/{name}")
    if found is not None and found["metadata"].get("deletionTimestamp"):
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}, "spec": {"finalizers": []}}
        cluster.api.request("PUT", f"{NAMESPACES}/{name}/finalize", body)


@pytest.fixture
def shell(tmp_path: Path, apiserver: ApiServer, second: ApiServer) -> Any:
    """Runs commands of the papers, as a person with the contexts `old`, which is the present one, and `new`."""
    config: dict[str, Any] = {"apiVersion": "v1", "kind": "Config", "clusters": [], "users": [], "contexts": []}
    for name, server in (("old", apiserver), ("new", second)):
        one = yaml.safe_load(server.kubeconfig.read_text())
        config["clusters"].append({"name": name, "cluster": one["clusters"][0]["cluster"]})
        config["users"].append({"name": name, "user": one["users"][0]["user"]})
        config["contexts"].append({"name": name, "context": {"cluster": name, "user": name}})
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump({**config, "current-context": "old"}))
    path = f"{Path(find_tool('kubectl')).parent}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    environ = {
        "KUBECONFIG": str(tmp_path / "kubeconfig"),
        "PATH": path,
        "HOME": str(tmp_path),
        "PYTHONPATH": str(REPOSITORY),
        "BREAK_GLASS": " ".join(BREAK_GLASS),
    }

    async def run(script: str, *, works: bool = True) -> str:
        done = await asyncio.to_thread(
            subprocess.run,
            ["bash", "-euo", "pipefail", "-c", script],
            env=environ,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode == 0) is works, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


def blocks(page: Path, heading: str) -> list[str]:
    """The indented scripts of a chapter."""
    found = re.findall(r"(?:^ {4,}.*\n)+", papers.chapter(page, heading), re.MULTILINE)
    return [textwrap.dedent(block) for block in found]


async def test_a_sovereign_moves_as_the_papers_say(old: Cluster, new: Cluster, shell: Any, tmp_path: Path) -> None:
    """Nothing is started, on either side; the new one is who it was, and the old one's end destroys nothing."""
    pause, give_away, restore, let_go, remove = blocks(papers.HOW_TO, "Move to another management cluster")
    uid = await applied(old)
    space = naming.run_namespace("omantel", uid)
    mark = old.api.get(f"{RESERVATIONS}/{FQDN}")["metadata"]["uid"]
    before = provision.look(await old.observe())
    await shell(pause)
    await old.look()
    await shell(give_away)
    moved = await old.look()
    assert [e["code"] for e in moved["lastErrors"]] == ["ERR_MOVED"]
    assert (tmp_path / "backup/customers/omantel.json").stat().st_mode & 0o077 == 0
    assert old.settings.proof_key != new.settings.proof_key

    await shell(restore)
    status = await new.look()
    assert "lastErrors" not in status
    here = new.sovereign
    assert here.metadata.uid != uid
    assert (here.spec.original_uid, here.spec.suspend, status["runNamespace"]) == (uid, True, space)
    assert status["outputs"] == old.api.get(SOVEREIGN)["status"]["outputs"]
    seen = await new.observe()
    assert (seen.standing, seen.uid, seen.has_state_key, seen.has_cluster_secrets) == (Standing.OWN, uid, True, True)
    assert seen.state is not None
    after = provision.look(seen)
    assert (after.digest, after.variables) == (before.digest, before.variables), "not a run of another cluster"
    assert new.api.get(f"{RESERVATIONS}/{FQDN}")["metadata"]["annotations"][labels.ANNOTATION_ORIGINAL_UID] == mark
    owners = new.api.get(f"{NAMESPACES}/{OWNERS}")["metadata"]["annotations"]
    assert owners[f"{labels.MARK_PREFIX}omantel"] == here.metadata.uid

    await shell(let_go)
    await new.look()
    await shell(remove.replace("delete sovereign", "delete --wait=false sovereign"))
    for _ in range(2):
        if old.find(SOVEREIGN):
            await old._reconciler.reconcile(Key(OWNERS, "omantel"))
    assert old.find(SOVEREIGN) is None
    assert "deletionTimestamp" in old.api.get(f"{NAMESPACES}/{space}")["metadata"]
    assert old.find(f"{NAMESPACES}/{HOME}/secrets/{naming.cluster_secrets(uid)}") is None
    assert "deletionTimestamp" not in old.api.get(f"{RESERVATIONS}/{FQDN}")["metadata"]
    remove_namespace(old, space)
    assert (old.runs(space), new.runs(space)) == ([], [])
    assert new.find(f"{NAMESPACES}/{HOME}/secrets/{naming.cluster_secrets(uid)}")


async def test_what_is_lost_on_the_same_cluster_is_put_back(old: Cluster, shell: Any) -> None:
    """The object, its run namespace and its keys; twice, and what is there is left alone."""
    save, restore, *_ = blocks(OPERATIONS, "Backups")
    uid = await applied(old)
    await shell(save)
    gone(old)
    assert old.find(SOVEREIGN) is None
    for times in (1, 2):
        told = await shell(restore)
        assert ("made 0 of" in told) is (times == 2)
        status = await old.look()
        assert "lastErrors" not in status
        assert (old.sovereign.spec.original_uid, (await old.observe()).uid) == (uid, uid)
    assert old.runs(naming.run_namespace("omantel", uid)) == []


async def test_nobody_becomes_another_by_saying_so(old: Cluster, new: Cluster, shell: Any) -> None:
    """Whoever writes originalUID into a Sovereign of the name gets nothing, on the other cluster nor after its loss."""
    uid = await applied(old)
    await shell("python -m catalyst_operator backup -o backup")
    if new.find(f"{NAMESPACES}/{OWNERS}") is None:
        new.api.create(NAMESPACES, {"metadata": {"name": OWNERS}})
    new.api.create(sovereigns(OWNERS), raw_sovereign({"originalUID": uid}))
    status = await new.look()
    assert [e["code"] for e in status["lastErrors"]] == ["ERR_IDENTITY_UNCONFIRMED"]
    meta = new.api.get(SOVEREIGN)["metadata"]
    assert "finalizers" not in meta
    with pytest.raises(ApiError, match="immutable"):
        new.api.patch(SOVEREIGN, {"spec": {"originalUID": None}})
    assert new.find(f"{NAMESPACES}/{naming.run_namespace('omantel', uid)}") is None
    # The administrator's restore confirms it: it is the same Sovereign.
    await shell("python -m catalyst_operator restore --context new backup/customers/omantel.json")
    assert (await new.observe()).uid == uid


async def test_a_sovereign_of_the_same_name_is_not_replaced(old: Cluster, new: Cluster, shell: Any) -> None:
    await applied(old)
    await shell("python -m catalyst_operator backup -o backup")
    if new.find(f"{NAMESPACES}/{OWNERS}") is None:
        new.api.create(NAMESPACES, {"metadata": {"name": OWNERS}})
    new.api.create(sovereigns(OWNERS), raw_sovereign())
    before = new.api.get(SOVEREIGN)
    told = await shell("python -m catalyst_operator restore --context new backup/customers/omantel.json", works=False)
    assert "exists and is another one" in told
    assert new.api.get(SOVEREIGN) == before
