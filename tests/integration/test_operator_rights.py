"""What the operator does is allowed, in whatever namespace it runs, with the rights and policies of deploy/base; what
it does not do is refused, whoever got hold of its ServiceAccount."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_fixed

from catalyst_operator.adapters import kube, proof_key
from catalyst_operator.adapters.kube import Kube
from catalyst_operator.adapters.leadership.lease import Lease
from catalyst_operator.admission.generate import text
from catalyst_operator.api import labels
from catalyst_operator.api.sovereign import Sovereign
from catalyst_operator.core import actions, manifests, naming
from catalyst_operator.core.decide import decide
from catalyst_operator.core.observation import LockView
from catalyst_operator.core.settings import CoreSettings
from catalyst_operator.errors import Conflict, NotFound, Refused, Unavailable
from catalyst_operator.metrics import Metrics
from catalyst_operator.reconcilers.execute import Executor
from catalyst_operator.reconcilers.observe import Observer
from catalyst_operator.reconcilers.run_namespaces import RunNamespaces
from tests.integration import actors
from tests.integration.actors import BREAK_GLASS, HOME, NAMESPACES, RBAC
from tests.integration.admission import sovereign as raw_sovereign
from tests.integration.admission import sovereigns
from tests.integration.apiserver import Api, ApiError, ApiServer, api_server, find_tool
from tests.integration.installation import install
from tests.support import gen
from tests.support.outside import outside
from tests.support.paths import REPOSITORY

pytestmark = pytest.mark.integration

RUN = gen.run()
INPUTS = "inputs-1a2b3c4d"
ELSEWHERE = "platform"
NOBODYS = "00000000-6f3a-4c57-9a53-0f6f6f1f2a11"
"""UID of a Sovereign that there is not."""
ANYTHING = {"metadata": {"annotations": {"example.com/a": "b"}}}


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """Another management cluster, whose operator is in a namespace of somebody's choice."""
    folder = tmp_path_factory.mktemp("elsewhere")
    with api_server(folder / "server") as server:
        install(server, folder, ELSEWHERE)
        yield server


@pytest.fixture(params=[HOME, ELSEWHERE])
async def place(request: pytest.FixtureRequest, apiserver: ApiServer) -> AsyncIterator[Place]:
    """An operator at home, and one elsewhere."""
    if request.param == HOME:
        request.getfixturevalue("api")
    server = apiserver if request.param == HOME else request.getfixturevalue("elsewhere")
    made = Place(server, request.param)
    await made.start()
    yield made
    await made.client.close()


class Place:
    """An operator with a Sovereign, on a real API server with nobody else at work."""

    def __init__(self, server: ApiServer, namespace: str) -> None:
        self.api = server.api
        self.kubeconfig = server.kubeconfig
        self.client: Kube = actors.kube(server, namespace)
        self.home = namespace
        owners = server.api.create(NAMESPACES, {"metadata": {"generateName": "customers-"}})
        self.owners: str = owners["metadata"]["name"]
        self.settings = CoreSettings(image="registry.example/catalyst-operator:test", operator_namespace=namespace)
        server.api.create(sovereigns(self.owners), raw_sovereign())

    async def start(self) -> None:
        """What the operator does before anything else."""
        key = await proof_key.read(self.client, self.home)
        self.settings = replace(self.settings, proof_key=key)

    @property
    def sovereign(self) -> Sovereign:
        return Sovereign.parse(self.api.get(f"{sovereigns(self.owners)}/omantel"))

    @property
    def space(self) -> str:
        return manifests.namespace_of(self.sovereign)

    async def do(self, *each: actions.Action) -> None:
        """Each on what is seen then; a right that was just bound is in force a moment later."""
        beside = outside(self.client)
        for action in each:
            again = retry_if_exception_type(Unavailable)
            async for attempt in AsyncRetrying(retry=again, stop=stop_after_delay(10), wait=wait_fixed(0.1)):
                with attempt:
                    seen = await Observer(self.client, beside, self.settings).observe(self.sovereign, gen.NOW)
                    await Executor(self.client, beside, seen, lambda: None, lambda: gen.NOW).run(action)


async def test_a_whole_life_is_allowed(place: Place) -> None:
    """Every kind of object that the operator makes, changes and removes."""
    await place.do(
        actions.AddFinalizer(),
        actions.PrepareNamespace(refresh_token=False),
        actions.PrepareNamespace(refresh_token=False),
        actions.WriteInputs(INPUTS, {"fqdn": "omantel.omani.works"}),
        actions.WriteRecord(gen.record(RUN, uid=place.sovereign.metadata.uid)),
        actions.GiveBootSecrets(authorities=True),
        actions.GiveBootSecrets(authorities=False),
        actions.CreateJob(RUN),
    )
    client, sovereign = place.client, place.sovereign
    # What its run does.
    run = actors.run(place.api, place.space)
    state = {"metadata": {"name": naming.STATE_SECRET}, "data": {"tfstate": "H4sIAAAAAAAA/6uuBQBDv6ajAgAAAA=="}}
    run.create(f"{NAMESPACES}/{place.space}/secrets", state)
    lease = {"metadata": {"name": naming.STATE_LEASE}, "spec": {"holderIdentity": "dead"}}
    run.create(f"/apis/coordination.k8s.io/v1/namespaces/{place.space}/leases", lease)
    await client.apply(manifests.provider_token(sovereign, "t" * 64))
    await client.apply(manifests.registrar_credentials(sovereign, place.home, {}, "1/2"))
    await client.create_once(manifests.owner_kubeconfig(sovereign, "kubeconfig"))
    await place.do(
        actions.TakeBootSecrets(),
        actions.ReleaseLock(LockView("dead", "@a")),
        actions.ArchiveState(),
        actions.ForgetKeys(),
        actions.RestoreArchive(),
        actions.DeleteInputs(INPUTS),
        actions.DeleteJob(RUN.job),
        actions.PublishPlan(RUN.job, "d" * 64),
        actions.WriteReceipt({"result": "destroyed"}),
    )
    await client.apply(manifests.registrar_credentials(sovereign, place.home, {}, "1/2"))
    nobodys = sovereign.model_copy(update={"metadata": sovereign.metadata.model_copy(update={"uid": NOBODYS})})
    await client.create_once(manifests.cluster_secrets(nobodys, place.home, {}))
    await RunNamespaces(client, place.home, Metrics(CollectorRegistry()), lambda: gen.NOW).reconcile()
    kept = {secret["metadata"]["name"] for secret in place.api.get(f"{NAMESPACES}/{place.home}/secrets")["items"]}
    assert naming.registrar_secret(sovereign.metadata.uid) in kept
    assert naming.cluster_secrets(NOBODYS) not in kept
    await place.do(actions.DeleteNamespace(), actions.RemoveFinalizer())
    assert sovereign.metadata.uid not in str(place.api.get(f"{NAMESPACES}/{place.home}/secrets"))
    assert place.api.get(f"{NAMESPACES}/{place.space}")["metadata"]["deletionTimestamp"]
    assert not place.api.get(f"{sovereigns(place.owners)}/omantel")["metadata"].get("finalizers")
    assert labels.MARK_PREFIX not in str(place.api.get(f"{NAMESPACES}/{place.owners}")["metadata"])


async def test_a_lease_is_held_and_let_go(place: Place) -> None:
    lease = Lease(place.client, place.home, "this one", timedelta(seconds=15), lambda: datetime.now(UTC))
    await lease.acquire()
    lease.check()
    await lease.release()
    path = f"/apis/coordination.k8s.io/v1/namespaces/{place.home}/leases/catalyst-operator"
    assert "holderIdentity" not in place.api.get(path)["spec"]


async def test_a_namespace_that_somebody_made_before_the_policies_came_is_not_taken_over(place: Place) -> None:
    """Seen, told as a foreign one, and nothing is written to it."""
    await place.do(actions.AddFinalizer())
    made = manifests.run_namespace(place.sovereign, replace(place.settings, proof_key="guessed"))
    almighty = place.api.acting_as(f"system:serviceaccount:{place.home}:catalyst-operator")
    before = almighty.create(NAMESPACES, made)
    seen = await Observer(place.client, outside(place.client), place.settings).observe(place.sovereign, gen.NOW)
    assert seen.namespace is not None
    assert not seen.namespace.ours
    unseen = replace(seen, namespace=None)
    executor = Executor(place.client, outside(place.client), unseen, lambda: None, lambda: gen.NOW)
    with pytest.raises(Conflict):
        await executor.run(actions.PrepareNamespace(refresh_token=False))
    path = f"{NAMESPACES}/{place.space}"
    assert place.api.get(path)["metadata"] == before["metadata"]
    assert place.api.get(f"{path}/secrets")["items"] == []


async def test_what_the_runbook_says_proves_a_namespace(place: Place, tmp_path: Path) -> None:
    """One that was restored without its annotations: the commands of the chapter ERR_NAMESPACE_FOREIGN."""
    await place.do(actions.AddFinalizer())
    made = manifests.run_namespace(place.sovereign, place.settings)
    made["metadata"].pop("annotations")
    place.api.acting_as(f"system:serviceaccount:{place.home}:catalyst-operator").create(NAMESPACES, made)
    chapter = (
        (REPOSITORY / "docs/runbook.md").read_text().partition("## ERR_NAMESPACE_FOREIGN")[2].partition("\n## ")[0]
    )
    commands = [
        line.strip() for line in chapter.splitlines() if line.startswith(("    uid=", "    key=", "    proof="))
    ]
    (last,) = (line.strip() for line in chapter.splitlines() if "annotate namespace" in line)
    await shell(place, tmp_path, "\n".join([*commands, last]))
    seen = await Observer(place.client, outside(place.client), place.settings).observe(place.sovereign, gen.NOW)
    assert seen.namespace is not None
    assert seen.namespace.ours


async def shell(place: Place, folder: Path, script: str) -> None:
    """Run commands of the papers, about this place."""
    for name, ours in (("-n customers", f"-n {place.owners}"), ("sov-omantel-1a2b3", place.space), (HOME, place.home)):
        script = script.replace(name, ours)
    environ = {
        "KUBECONFIG": str(place.kubeconfig),
        "PATH": f"{Path(find_tool('kubectl')).parent}:{os.environ['PATH']}",
        "HOME": str(folder),  # kubectl keeps its cache there
        "BREAK_GLASS": " ".join(BREAK_GLASS),
        "RUNS": place.space,
    }
    await asyncio.to_thread(subprocess.run, ["bash", "-euc", script], env=environ, cwd=folder, check=True)


async def test_a_namespace_that_changed_since_it_was_seen_is_not_written_to(place: Place) -> None:
    await place.do(actions.AddFinalizer(), actions.PrepareNamespace(refresh_token=False))
    seen = await Observer(place.client, outside(place.client), place.settings).observe(place.sovereign, gen.NOW)
    place.api.acting_as("system:kube-controller-manager").patch(f"{NAMESPACES}/{place.space}", ANYTHING)
    executor = Executor(place.client, outside(place.client), seen, lambda: None, lambda: gen.NOW)
    with pytest.raises(Conflict):
        await executor.run(actions.PrepareNamespace(refresh_token=False))


async def test_a_secret_that_it_may_not_list_is_read_by_name_only(place: Place) -> None:
    with pytest.raises(Refused):
        await place.client.list(kube.SECRETS, place.owners)
    with pytest.raises(NotFound):
        await place.client.get(kube.SECRETS, place.owners, "hetzner-token")


# --- what it may not do -----------------------------------------------------------------------------------------------


def refused(api: Api, method: str, path: str, body: Any = None) -> str:
    with pytest.raises(ApiError) as caught:
        api.request(method, path, body, dryRun="All")
    assert caught.value.code == 403, caught.value.status
    return str(caught.value)


@pytest.fixture
def operator(api: Api) -> Api:
    """With its real rights."""
    return actors.operator(api)


SECRETS_THAT_ARE_NOT_ITS_BUSINESS = [
    pytest.param(
        "kube-system",
        {
            "type": "kubernetes.io/service-account-token",
            "metadata": {
                "name": "admin-kubeconfig",
                "labels": {labels.LABEL_ROLE: labels.ROLE_KUBECONFIG},
                "annotations": {"kubernetes.io/service-account.name": "namespace-controller"},
            },
        },
        "Opaque only",
        id="a token of a mighty ServiceAccount, under the name of a kubeconfig",
    ),
    pytest.param(
        "kube-system",
        {"type": "bootstrap.kubernetes.io/token", "metadata": {"name": "bootstrap-token-abcdef"}},
        "Opaque only",
        id="a bootstrap token",
    ),
    pytest.param("default", {"metadata": {"name": "anything"}}, "no other Secret", id="a name that is not its own"),
    pytest.param(
        "default",
        {"metadata": {"name": "omantel-kubeconfig"}},
        "no other Secret",
        id="a kubeconfig without the label of one",
    ),
    pytest.param(
        "default",
        {"metadata": {"name": naming.STATE_KEY_SECRET}},
        "no other Secret",
        id="a name of run namespaces elsewhere",
    ),
    pytest.param(
        "default",
        {"metadata": {"name": naming.PROOF_KEY_SECRET}},
        "no other Secret",
        id="its key, in another namespace",
    ),
    pytest.param(
        "default",
        {"metadata": {"name": naming.cluster_secrets(NOBODYS)}},
        "no other Secret",
        id="the keys of a cluster, in another namespace",
    ),
    pytest.param(
        HOME, {"metadata": {"name": "cluster-secrets-of-others"}}, "no other Secret", id="not quite the name of keys"
    ),
]


@pytest.mark.parametrize(("namespace", "body", "says"), SECRETS_THAT_ARE_NOT_ITS_BUSINESS)
def test_secrets_of_others_are_not_its_business(operator: Api, namespace: str, body: Any, says: str) -> None:
    assert says in refused(operator, "POST", f"{NAMESPACES}/{namespace}/secrets", body)


def test_an_owners_secret_is_never_changed(api: Api, operator: Api, namespace: str) -> None:
    """No right in RBAC; and the right that it has in run namespaces helps nowhere else."""
    api.create(f"{NAMESPACES}/{namespace}/secrets", {"metadata": {"name": "omantel-kubeconfig"}})
    path = f"{NAMESPACES}/{namespace}/secrets/omantel-kubeconfig"
    refused(operator, "PATCH", path, {"stringData": {"value": "mine"}})
    almighty = api.acting_as(f"system:serviceaccount:{HOME}:catalyst-operator")
    assert "no other Secret" in refused(almighty, "PATCH", path, {"stringData": {"value": "mine"}})
    assert "no other Secret" in refused(almighty, "DELETE", path)


async def test_beside_itself_it_changes_what_it_keeps_for_sovereigns_and_nothing_else(place: Place) -> None:
    """RBAC lets it; least of all the key of its proofs."""
    secrets, operator = f"{NAMESPACES}/{place.home}/secrets", actors.operator(place.api, place.home)
    place.api.create(secrets, {"metadata": {"name": f"pull-{place.owners}"}})
    for name in (naming.PROOF_KEY_SECRET, f"pull-{place.owners}"):
        path = f"{secrets}/{name}"
        for method, body in (("DELETE", None), ("PATCH", ANYTHING)):
            assert "no other Secret" in refused(operator, method, path, body)


def test_config_maps_of_others_are_not_its_business(api: Api, operator: Api) -> None:
    api.create(f"{NAMESPACES}/kube-system/configmaps", {"metadata": {"name": "coredns"}})
    path = f"{NAMESPACES}/kube-system/configmaps/coredns"
    assert "no other ConfigMap" in refused(operator, "PATCH", path, {"data": {"Corefile": "mine"}})
    for name in ("omantel-receipt-1a2b3", "omantel-plan-1a2b3"):
        unlabelled = {"metadata": {"name": name}}
        assert "no other ConfigMap" in refused(operator, "POST", f"{NAMESPACES}/kube-system/configmaps", unlabelled)


NAMESPACES_THAT_ARE_NOT_ITS_BUSINESS = [
    pytest.param("POST", "", {"metadata": {"name": "elsewhere"}}, "only namespaces sov-*", id="one of another name"),
    pytest.param(
        "POST", "", {"metadata": {"name": "sov-a-1a2b3"}}, "only namespaces sov-*", id="one without its label"
    ),
    pytest.param(
        "POST",
        "",
        {"metadata": {"name": "sov-a-1a2b3", "labels": {labels.LABEL_ROLE: labels.ROLE_RUN}}},
        "Pod Security restricted",
        id="one in which everything may run",
    ),
    pytest.param(
        "PATCH",
        "/kube-system",
        {"metadata": {"labels": {labels.LABEL_ROLE: labels.ROLE_RUN}}},
        "only the annotations",
        id="somebody's, made to look like a run namespace",
    ),
    pytest.param(
        "PATCH",
        "/kube-system",
        {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}},
        "only the annotations",
        id="labels of somebody's",
    ),
    pytest.param(
        "PATCH",
        "/kube-system",
        {"metadata": {"annotations": {"scheduler.alpha.kubernetes.io/node-selector": "a=b"}}},
        "only the annotations",
        id="annotations of somebody's",
    ),
]


@pytest.mark.parametrize(("method", "path", "body", "says"), NAMESPACES_THAT_ARE_NOT_ITS_BUSINESS)
def test_namespaces_of_others_are_not_its_business(operator: Api, method: str, path: str, body: Any, says: str) -> None:
    assert says in refused(operator, method, f"{NAMESPACES}{path}", body)


def test_the_namespace_of_an_owner_is_never_deleted(operator: Api, namespace: str) -> None:
    message = refused(operator, "DELETE", f"{NAMESPACES}/{namespace}")
    assert "deletes only the namespaces that it made" in message


def test_a_namespace_of_its_names_that_it_did_not_make_is_not_its_business(apiserver: ApiServer, operator: Api) -> None:
    """One from before the operator came."""
    actors.break_glass(apiserver, "create", "namespace", "sov-tests")
    labelled = {"metadata": {"labels": {labels.LABEL_ROLE: labels.ROLE_RUN}}}
    assert "only the annotations" in refused(operator, "PATCH", f"{NAMESPACES}/sov-tests", labelled)
    assert "deletes only" in refused(operator, "DELETE", f"{NAMESPACES}/sov-tests")


def binding(role: str, subject: dict[str, str]) -> dict[str, Any]:
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
    return {"metadata": {"name": "run"}, "roleRef": reference, "subjects": [subject]}


ITSELF = {"kind": "ServiceAccount", "name": "catalyst-operator", "namespace": HOME}
SOMEBODY = {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "mallory"}


@pytest.mark.parametrize("role", [naming.OPERATOR_RUN_CLUSTER_ROLE, naming.RUN_CLUSTER_ROLE])
def test_it_gives_itself_no_rights_in_namespaces_of_others(operator: Api, role: str) -> None:
    message = refused(operator, "POST", f"{RBAC}/namespaces/kube-system/rolebindings", binding(role, ITSELF))
    assert "only in the namespaces that it made" in message


@pytest.mark.parametrize(
    ("role", "subject"),
    [
        (naming.RUN_CLUSTER_ROLE, SOMEBODY),
        (naming.OPERATOR_RUN_CLUSTER_ROLE, SOMEBODY),
        (naming.RUN_CLUSTER_ROLE, ITSELF),
        (naming.OPERATOR_RUN_CLUSTER_ROLE, {**ITSELF, "namespace": "default"}),
        (naming.RUN_CLUSTER_ROLE, {"kind": "ServiceAccount", "name": "run", "namespace": "default"}),
    ],
)
def test_in_run_namespaces_it_gives_rights_to_nobody_else(
    api: Api, operator: Api, namespace: str, role: str, subject: dict[str, str]
) -> None:
    space = actors.run_namespace(api, actors.held(api, namespace))
    message = refused(operator, "POST", f"{RBAC}/namespaces/{space}/rolebindings", binding(role, subject))
    assert "and to nobody else" in message


async def test_after_a_crash_just_after_the_namespace_its_rights_are_bound(place: Place) -> None:
    await place.do(actions.AddFinalizer())
    await place.client.create(manifests.run_namespace(place.sovereign, place.settings))
    beside = outside(place.client)
    seen = await Observer(place.client, beside, place.settings).observe(place.sovereign, gen.NOW)
    assert seen.namespace is not None
    assert "forbidden" in seen.namespace.closed
    decision = decide(seen)
    assert decision.actions == (actions.OpenNamespace(),)
    await place.do(*decision.actions, actions.PrepareNamespace(refresh_token=False))
    assert place.api.get(f"{NAMESPACES}/{place.space}/secrets/{naming.STATE_KEY_SECRET}")


@pytest.mark.parametrize("role", ["cluster-admin", "edit", "admin"])
def test_it_binds_no_other_role(api: Api, operator: Api, namespace: str, role: str) -> None:
    """RBAC's own refusal: it may bind two roles by their names."""
    space = actors.run_namespace(api, actors.held(api, namespace))
    refused(operator, "POST", f"{RBAC}/namespaces/{space}/rolebindings", binding(role, ITSELF))


def test_it_changes_nothing_of_a_sovereign_but_its_finalizer(api: Api, operator: Api, namespace: str) -> None:
    actors.held(api, namespace)
    path = f"{sovereigns(namespace)}/omantel"
    for edit in (
        {"spec": {"deletionProtection": False}},
        {"metadata": {"annotations": {labels.ANNOTATION_HAND_OFF: "now"}}},
        {"metadata": {"labels": {"a": "b"}}},
    ):
        assert "what is asked for is its owner's" in refused(operator, "PATCH", path, edit)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/api/v1/secrets", None),
        ("GET", f"{NAMESPACES}/kube-system/secrets", None),
        ("POST", f"{NAMESPACES}/{HOME}/serviceaccounts/catalyst-operator/token", {"spec": {}}),
        ("POST", f"{NAMESPACES}/kube-system/pods", {"metadata": {"name": "a"}}),
        ("POST", "/apis/batch/v1/namespaces/kube-system/jobs", {"metadata": {"name": "a"}}),
        ("POST", f"{RBAC}/clusterrolebindings", {"metadata": {"name": "a"}}),
        ("PATCH", f"{RBAC}/clusterroles/catalyst-operator", {"rules": []}),
        ("POST", f"{NAMESPACES}/kube-system/serviceaccounts", {"metadata": {"name": "a"}}),
        ("DELETE", f"{NAMESPACES}/kube-system/configmaps/coredns", None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_rbac_gives_it_no_right_to(operator: Api, method: str, path: str, body: Any) -> None:
    refused(operator, method, path, body)


def test_an_operator_of_another_name_gets_policies_of_its_own() -> None:
    assert ":catalyst-operator'" not in text("my-operator")
    assert ":my-operator'" in text("my-operator")
