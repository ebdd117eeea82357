"""What is the operator's alone to write: refused to everybody else, whatever rights they have; allowed to those who
have to, and to an administrator who breaks the glass."""

from __future__ import annotations

from typing import Any

import pytest

from catalyst_operator.api import labels
from catalyst_operator.api.sovereign import Sovereign
from catalyst_operator.core import manifests, naming
from tests.integration import actors
from tests.integration.actors import NAMESPACES, SETTINGS
from tests.integration.admission import RESERVATIONS, created, reservation, sovereigns
from tests.integration.apiserver import Api, ApiError, ApiServer

pytestmark = pytest.mark.integration

NO_FINALIZERS: dict[str, Any] = {"metadata": {"finalizers": []}}
OBSERVED = {"metadata": {"finalizers": [labels.FINALIZER_OBSERVED]}}
RESTRICTED = {
    "securityContext": {"runAsNonRoot": True, "runAsUser": 1, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [
        {
            "name": "c",
            "image": "i",
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        }
    ],
}


def refused(api: Api, method: str, path: str, body: Any = None) -> str:
    with pytest.raises(ApiError) as caught:
        api.request(method, path, body)
    assert caught.value.code == 403, caught.value.status
    return str(caught.value)


@pytest.fixture
def held(api: Api, namespace: str) -> Sovereign:
    """A Sovereign that the operator holds."""
    return actors.held(api, namespace)


@pytest.fixture
def path(held: Sovereign) -> str:
    """Its path."""
    return f"{sovereigns(held.metadata.namespace)}/omantel"


@pytest.fixture
def space(api: Api, held: Sovereign) -> str:
    """Path of its run namespace, with everything in it."""
    return f"{NAMESPACES}/{actors.run_namespace(api, held)}"


@pytest.fixture
def admin(api: Api) -> Api:
    """Somebody who may do everything, and did not break the glass."""
    return actors.administrator(api)


# --- finalizers -------------------------------------------------------------------------------------------------------


def test_only_the_operator_takes_its_finalizer_off_a_sovereign(api: Api, admin: Api, path: str) -> None:
    message = refused(admin, "PATCH", path, NO_FINALIZERS)
    assert "servers, keys, state and domain would stay behind" in message
    assert "Breaking the glass" in message
    assert api.get(path)["metadata"]["finalizers"] == [labels.FINALIZER_SOVEREIGN]
    actors.operator(api).patch(path, NO_FINALIZERS)


def test_not_even_of_one_that_is_being_deleted(api: Api, admin: Api, path: str) -> None:
    """Which is when people do it."""
    api.patch(path, {"spec": {"deletionProtection": False}})
    api.delete(path)
    refused(admin, "PATCH", path, NO_FINALIZERS)
    actors.operator(api).patch(path, NO_FINALIZERS)
    with pytest.raises(ApiError, match="not found"):
        api.get(path)


def test_an_administrator_who_breaks_the_glass_takes_it_off(
    apiserver: ApiServer, api: Api, path: str, namespace: str
) -> None:
    patch = '{"metadata":{"finalizers":null}}'
    actors.break_glass(apiserver, "-n", namespace, "patch", "sovereign", "omantel", "--type=merge", "-p", patch)
    assert "finalizers" not in api.get(path)["metadata"]


def test_finalizers_of_others_come_and_go(admin: Api, path: str) -> None:
    both = {"metadata": {"finalizers": [labels.FINALIZER_SOVEREIGN, "example.com/backup"]}}
    admin.patch(path, both)
    admin.patch(path, {"metadata": {"finalizers": [labels.FINALIZER_SOVEREIGN]}})


def test_only_the_operator_takes_its_finalizer_off_a_reservation(api: Api, admin: Api) -> None:
    name = "held.omani.works"
    with created(api, reservation(name=name)):
        operator = actors.operator(api)
        operator.patch(f"{RESERVATIONS}/{name}", {"metadata": {"finalizers": [labels.FINALIZER_DOMAIN_RESERVATION]}})
        assert "Only the operator" in refused(admin, "PATCH", f"{RESERVATIONS}/{name}", NO_FINALIZERS)
        operator.patch(f"{RESERVATIONS}/{name}", NO_FINALIZERS)


def test_only_the_operator_takes_its_finalizer_off_a_runs_pod(api: Api, admin: Api, space: str) -> None:
    job_controller = actors.controller(api, "job-controller")
    pod = {"metadata": {"name": "p", **OBSERVED["metadata"]}, "spec": RESTRICTED}
    job_controller.create(f"{space}/pods", pod)
    assert "nobody knows what was applied" in refused(admin, "PATCH", f"{space}/pods/p", NO_FINALIZERS)
    admin.patch(f"{space}/pods/p", {"metadata": {"labels": {"a": "b"}}})
    almighty = api.acting_as("system:serviceaccount:catalyst-system:catalyst-operator")
    almighty.patch(f"{space}/pods/p", NO_FINALIZERS)


# --- status -----------------------------------------------------------------------------------------------------------


def test_only_the_operator_writes_the_status_of_a_sovereign(api: Api, admin: Api, path: str) -> None:
    status = {"status": {"phase": "ready"}}
    assert "Status is what the operator found" in refused(admin, "PATCH", f"{path}/status", status)
    actors.operator(api).patch(f"{path}/status", status)
    assert api.get(path)["status"]["phase"] == "ready"


def test_a_status_that_comes_with_an_edit_is_ignored(admin: Api, path: str) -> None:
    """As with `kubectl apply` of what `kubectl get` gave."""
    after = admin.patch(path, {"spec": {"suspend": True}, "status": {"phase": "ready"}})
    assert after["spec"]["suspend"]
    assert "phase" not in after.get("status", {})


def test_only_the_operator_writes_the_status_of_a_reservation(api: Api, admin: Api) -> None:
    name = "status.omani.works"
    with created(api, reservation(name=name)):
        status = {"status": {"zone": name}}
        assert "Status is what" in refused(admin, "PATCH", f"{RESERVATIONS}/{name}/status", status)
        actors.operator(api).patch(f"{RESERVATIONS}/{name}/status", status)


def test_an_administrator_who_breaks_the_glass_writes_it(
    apiserver: ApiServer, api: Api, path: str, namespace: str
) -> None:
    patch = ("patch", "sovereign", "omantel", "--subresource=status", "--type=merge", "-p", '{"status":{"phase":null}}')
    actors.break_glass(apiserver, "-n", namespace, *patch)


# --- names and labels of namespaces -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "meta",
    [
        {"name": "sov-omantel-1a2b3"},
        {"name": "sov-anything"},
        {"generateName": "sov-"},
    ],
    ids=["as the operator would call it", "the like of it", "a name that the server makes"],
)
def test_names_of_run_namespaces_are_reserved(admin: Api, meta: dict[str, str]) -> None:
    message = refused(admin, "POST", NAMESPACES, {"metadata": meta})
    assert "Names that begin with sov- are reserved" in message


@pytest.mark.parametrize(
    "marks",
    [
        {"labels": {labels.LABEL_ROLE: labels.ROLE_RUN}},
        {"labels": {labels.LABEL_SOVEREIGN_UID: "u"}},
        {"annotations": {labels.ANNOTATION_PROOF: "guessed"}},
        {"annotations": {f"{labels.MARK_PREFIX}omantel": "u"}},
    ],
    ids=["role", "Sovereign", "proof", "mark"],
)
def test_labels_and_annotations_of_namespaces_are_the_operators(
    admin: Api, namespace: str, marks: dict[str, dict[str, str]]
) -> None:
    for method, where, name in (("POST", NAMESPACES, "forged"), ("PATCH", f"{NAMESPACES}/{namespace}", namespace)):
        message = refused(admin, method, where, {"metadata": {"name": name, **marks}})
        assert "it knows its namespaces and their owners by them" in message


@pytest.mark.parametrize(
    "marks",
    [
        {"labels": {labels.LABEL_ROLE: None}},
        {"labels": {labels.LABEL_ROLE: "other"}},
        {"labels": {labels.LABEL_SOVEREIGN_UID: "another"}},
        {"annotations": {labels.ANNOTATION_PROOF: None}},
        {"annotations": {labels.ANNOTATION_PROOF: "another"}},
    ],
    ids=["role removed", "role changed", "owner changed", "proof removed", "proof changed"],
)
def test_those_of_run_namespaces_stay(admin: Api, space: str, marks: dict[str, dict[str, str | None]]) -> None:
    assert "Leave them as they are" in refused(admin, "PATCH", space, {"metadata": marks})


def test_the_mark_of_an_owners_namespace_stays(admin: Api, namespace: str, held: Sovereign) -> None:
    """Else deleting it would take one step more."""
    gone = {"metadata": {"annotations": {f"{labels.MARK_PREFIX}omantel": None}}}
    assert "Leave them as they are" in refused(admin, "PATCH", f"{NAMESPACES}/{namespace}", gone)
    assert "Leave them as they are" in refused(
        admin, "PUT", f"{NAMESPACES}/{namespace}", {"metadata": {"name": namespace}}
    )


def test_what_others_say_of_run_namespaces_is_free(admin: Api, space: str) -> None:
    admin.patch(space, {"metadata": {"labels": {"team": "platform"}, "annotations": {"example.com/a": "b"}}})
    admin.patch(space, {"metadata": {"labels": {"team": None}}})


def test_a_namespace_from_before_keeps_its_name(apiserver: ApiServer, admin: Api) -> None:
    actors.break_glass(apiserver, "create", "namespace", "sov-ereignty")
    admin.patch(f"{NAMESPACES}/sov-ereignty", {"metadata": {"labels": {"team": "platform"}}})
    admin.delete(f"{NAMESPACES}/sov-ereignty")


def test_whoever_has_the_operators_name_elsewhere_is_not_the_operator(api: Api, held: Sovereign) -> None:
    """A ServiceAccount of that name in a namespace of somebody's own, who may make namespaces."""
    rules = [{"apiGroups": [""], "resources": ["namespaces"], "verbs": ["*"]}]
    api.create(f"{actors.RBAC}/clusterroles", {"metadata": {"name": "namespaces"}, "rules": rules})
    name = f"system:serviceaccount:{held.metadata.namespace}:catalyst-operator"
    subject = {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": name}
    role = {"kind": "ClusterRole", "apiGroup": "rbac.authorization.k8s.io", "name": "namespaces"}
    body = {"metadata": {"name": "namespaces"}, "roleRef": role, "subjects": [subject]}
    api.create(f"{actors.RBAC}/clusterrolebindings", body)
    message = refused(api.acting_as(name, ""), "POST", NAMESPACES, manifests.run_namespace(held, SETTINGS))
    assert "are reserved" in message


# --- what lies in run namespaces --------------------------------------------------------------------------------------

KEPT = [
    ("secrets", naming.STATE_KEY_SECRET),
    ("secrets", naming.STATE_SECRET),
    ("secrets", naming.BOOT_SECRETS),
    ("secrets", naming.TOKEN_SECRET),
    ("secrets", naming.STATE_BACKEND_SECRET),
    ("secrets", "inputs-1a2b3c4d"),
    ("configmaps", naming.RECORD),
]
TO_COME = [
    ("secrets", naming.ARCHIVED_STATE_SECRET),
    ("secrets", naming.ERRORED_STATE_SECRET),
    ("secrets", "inputs-00000000"),
    ("secrets", "tfstate-default-sovereign-part-1"),
]


@pytest.mark.parametrize(("plural", "name"), KEPT)
def test_what_a_sovereign_depends_on_is_not_touched_by_hand(admin: Api, space: str, plural: str, name: str) -> None:
    for method, body in (("DELETE", None), ("PATCH", {"metadata": {"labels": {"a": "b"}}})):
        message = refused(admin, method, f"{space}/{plural}/{name}", body)
        assert "can cost the cluster" in message
        assert "Breaking the glass" in message


@pytest.mark.parametrize("plural", ["secrets", "configmaps"])
def test_nor_all_at_once(admin: Api, space: str, plural: str) -> None:
    refused(admin, "DELETE", f"{space}/{plural}")


@pytest.mark.parametrize(("plural", "name"), TO_COME)
def test_what_the_operator_reads_there_is_not_put_there_by_hand(admin: Api, space: str, plural: str, name: str) -> None:
    """A state, an archive, inputs of somebody's own making."""
    refused(admin, "POST", f"{space}/{plural}", {"metadata": {"name": name}})


def test_an_administrator_who_breaks_the_glass_puts_a_token_there(
    apiserver: ApiServer, api: Api, held: Sovereign, space: str
) -> None:
    """The command of the runbook, for a deletion whose owner's Secret is gone."""
    run_namespace = space.rpartition("/")[2]
    actors.break_glass(apiserver, "-n", run_namespace, "delete", "secret", naming.TOKEN_SECRET)
    token = ("create", "secret", "generic", naming.TOKEN_SECRET, "--from-literal=token=" + "t" * 64)
    actors.break_glass(apiserver, "-n", run_namespace, *token)
    assert api.get(f"{space}/secrets/{naming.TOKEN_SECRET}")


@pytest.mark.parametrize("name", [naming.STATE_SECRET, naming.ERRORED_STATE_SECRET])
def test_a_run_writes_its_state(api: Api, space: str, name: str) -> None:
    almighty_run = api.acting_as(f"system:serviceaccount:{space.rpartition('/')[2]}:run")
    written = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": {"tfstate": "e30="}}
    almighty_run.apply(f"{space}/secrets/{name}", written)
    almighty_run.delete(f"{space}/secrets/{name}")


@pytest.mark.parametrize(
    ("plural", "name"), [pair for pair in KEPT if pair[1] != naming.STATE_SECRET], ids=lambda value: value
)
def test_a_run_writes_nothing_else(api: Api, space: str, plural: str, name: str) -> None:
    almighty_run = api.acting_as(f"system:serviceaccount:{space.rpartition('/')[2]}:run")
    refused(almighty_run, "DELETE", f"{space}/{plural}/{name}")


def test_a_run_of_another_sovereign_writes_nothing(api: Api, space: str) -> None:
    refused(
        api.acting_as("system:serviceaccount:sov-acme-00000:run"), "DELETE", f"{space}/secrets/{naming.STATE_SECRET}"
    )


def test_the_namespaces_end_takes_everything_along(api: Api, space: str) -> None:
    actors.controller(api, "namespace-controller").delete(f"{space}/secrets")
    api.acting_as("system:kube-controller-manager").delete(f"{space}/configmaps")
    assert api.get(f"{space}/secrets")["items"] == []


def test_what_tools_put_into_every_namespace_is_free(admin: Api, space: str) -> None:
    for plural, name in (("secrets", "pull-secret"), ("configmaps", "kube-root-ca.crt")):
        admin.create(f"{space}/{plural}", {"metadata": {"name": name}})
        admin.delete(f"{space}/{plural}/{name}")


def test_secrets_of_these_names_elsewhere_are_nobodys_business(admin: Api, namespace: str) -> None:
    for _, name in KEPT:
        admin.create(f"{NAMESPACES}/{namespace}/secrets", {"metadata": {"name": name}})
    admin.delete(f"{NAMESPACES}/{namespace}/secrets")


def test_what_is_kept_beside_the_operator_is_the_operators(
    apiserver: ApiServer, api: Api, admin: Api, held: Sovereign, space: str
) -> None:
    """Others made in its place would be a cluster that somebody else has the keys of."""
    assert api.get(f"{space}/secrets")["items"]
    secrets = f"{NAMESPACES}/{actors.HOME}/secrets"
    for secret in actors.kept(held):
        name = secret["metadata"]["name"]
        for method, body in (("DELETE", None), ("PATCH", {"metadata": {"labels": {"a": "b"}}})):
            message = refused(admin, method, f"{secrets}/{name}", body)
            assert "the cluster is somebody else's" in message
            assert "Breaking the glass" in message
        actors.break_glass(apiserver, "-n", actors.HOME, "delete", "secret", name)
        # With our labels it is a forgery besides, and which of two refusals is told is the API server's choice.
        unmarked = {**secret, "metadata": {"name": name}}
        assert "the cluster is somebody else's" in refused(admin, "POST", secrets, unmarked)


@pytest.mark.parametrize("name", ["cluster-secrets", "cluster-secrets-a", "my-registrar-credentials"])
def test_names_that_only_resemble_theirs_are_free(admin: Api, namespace: str, name: str) -> None:
    admin.create(f"{NAMESPACES}/{namespace}/secrets", {"metadata": {"name": name}})
    admin.delete(f"{NAMESPACES}/{namespace}/secrets/{name}")


def test_the_key_that_proves_run_namespaces_stays(api: Api, admin: Api) -> None:
    theirs = f"{NAMESPACES}/default/secrets"
    admin.create(theirs, {"metadata": {"name": naming.PROOF_KEY_SECRET}})
    path = f"{theirs}/{naming.PROOF_KEY_SECRET}"
    assert "nothing is done for any Sovereign" in refused(admin, "DELETE", path)
    assert "nothing is done for any Sovereign" in refused(admin, "PATCH", path, {"data": {"key": "eA=="}})
    actors.controller(api, "namespace-controller").delete(path)


# --- what runs there --------------------------------------------------------------------------------------------------

POD = {"metadata": {"name": "p"}, "spec": RESTRICTED}
JOB = {
    "metadata": {"name": "j"},
    "spec": {"template": {"spec": {**RESTRICTED, "restartPolicy": "Never"}}},
}
JOBS = "/apis/batch/v1/namespaces/{}/jobs"


def test_nobody_else_starts_something_in_a_run_namespace(admin: Api, space: str) -> None:
    """It could read the state, its key and the token."""
    assert "can read the state" in refused(admin, "POST", f"{space}/pods", POD)
    assert "can read the state" in refused(admin, "POST", JOBS.format(space.rpartition("/")[2]), JOB)


def test_the_operator_makes_jobs_and_the_job_controller_their_pods(api: Api, space: str) -> None:
    almighty = api.acting_as("system:serviceaccount:catalyst-system:catalyst-operator")
    almighty.create(JOBS.format(space.rpartition("/")[2]), JOB)
    actors.controller(api, "job-controller").create(f"{space}/pods", POD)
    api.acting_as("system:kube-controller-manager").create(f"{space}/pods", {**POD, "metadata": {"name": "q"}})


def labelled(body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "metadata": {**body["metadata"], "labels": {labels.LABEL_SOVEREIGN_UID: "u"}}}


@pytest.mark.parametrize(("where", "body"), [("/api/v1/namespaces/{}/pods", POD), (JOBS, JOB)], ids=["Pod", "Job"])
def test_the_label_of_runs_is_forged_nowhere(admin: Api, namespace: str, where: str, body: dict[str, Any]) -> None:
    """The operator watches them in all namespaces."""
    collection = where.format(namespace)
    assert "in its run namespace only" in refused(admin, "POST", collection, labelled(body))
    admin.create(collection, body)
    forged = {"metadata": {"labels": {labels.LABEL_SOVEREIGN_UID: "u"}}}
    assert "in its run namespace only" in refused(admin, "PATCH", f"{collection}/{body['metadata']['name']}", forged)
