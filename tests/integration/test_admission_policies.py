"""What may not be deleted, by whom, and what the refusal tells people to do."""

from typing import Any

import pytest

from catalyst_operator.api import labels
from catalyst_operator.api.sovereign import Sovereign
from tests.integration import actors
from tests.integration.actors import NAMESPACES
from tests.integration.admission import sovereign, sovereigns
from tests.integration.apiserver import Api, ApiError, ApiServer
from tests.integration.conftest import CRDS

pytestmark = pytest.mark.integration

OPERATOR = "system:serviceaccount:catalyst-system:catalyst-operator"
ADMIN = "alice"
NAMESPACE_CONTROLLER = "system:serviceaccount:kube-system:namespace-controller"
ANYBODY = [
    ADMIN,
    "system:serviceaccount:flux-system:kustomize-controller",
    # Neither the name alone nor the namespace of it is enough; the right to everything that these have here includes
    # the operator's own.
    "system:serviceaccount:catalyst-system:another",
    "catalyst-operator",
    "mallory:catalyst-operator",
]
"""With all rights, and with none to do this."""
OUR_CRDS = ("sovereigns.catalyst.openova.io", "domainreservations.catalyst.openova.io")


def refused(api: Api, method: str, path: str, body: Any = None, **query: str) -> str:
    with pytest.raises(ApiError) as caught:
        api.request(method, path, body, **query)
    assert caught.value.code == 403, caught.value.status
    return str(caught.value)


@pytest.fixture
def protected(api: Api, namespace: str) -> str:
    """Path of a Sovereign that did not ask for protection, which is on by default, and whose first apply began."""
    path = f"{sovereigns(namespace)}/omantel"
    api.create(sovereigns(namespace), sovereign())
    servers = [{"name": "omantel-1a2b3-control-plane-0", "role": "control-plane", "size": "cx33"}]
    actors.operator(api).patch(f"{path}/status", {"status": {"servers": servers}})
    return path


@pytest.mark.parametrize("user", [ADMIN, OPERATOR, NAMESPACE_CONTROLLER])
def test_nobody_deletes_a_protected_sovereign(api: Api, protected: str, user: str) -> None:
    refused(api.acting_as(user), "DELETE", protected)
    assert api.get(protected)["spec"]["deletionProtection"] is True


def test_a_sovereign_that_never_started_is_deleted_in_one_step(api: Api, namespace: str) -> None:
    """It has a typo, say: there is nothing to protect, and nothing to destroy."""
    path = f"{sovereigns(namespace)}/omantel"
    created = api.create(sovereigns(namespace), sovereign())
    assert created["spec"]["deletionProtection"] is True
    actors.operator(api).patch(f"{path}/status", {"status": {"phase": "failed"}})
    api.delete(path)
    with pytest.raises(ApiError, match="not found"):
        api.get(path)


def test_the_refusal_says_how_to_go_on(api: Api, namespace: str, protected: str) -> None:
    message = refused(api, "DELETE", protected)
    assert "Sovereign omantel is protected" in message
    assert f"kubectl -n {namespace} patch sovereign omantel --type merge -p" in message
    assert '\'{"spec":{"deletionProtection":false}}\'' in message


def test_what_the_refusal_says_works(api: Api, protected: str) -> None:
    api.patch(protected, {"spec": {"deletionProtection": False}})
    api.delete(protected)
    with pytest.raises(ApiError, match="not found"):
        api.get(protected)


def test_a_collection_is_judged_one_by_one(api: Api, namespace: str, protected: str) -> None:
    api.create(sovereigns(namespace), sovereign({"deletionProtection": False}, name="open"))
    refused(api, "DELETE", sovereigns(namespace))
    assert api.get(protected)


def test_an_unprotected_collection_is_deleted(api: Api, namespace: str) -> None:
    api.create(sovereigns(namespace), sovereign({"deletionProtection": False}))
    api.delete(sovereigns(namespace))
    assert api.get(sovereigns(namespace))["items"] == []


@pytest.mark.parametrize("name", OUR_CRDS)
def test_our_crds_stay(api: Api, name: str) -> None:
    message = refused(api.acting_as(ADMIN), "DELETE", f"{CRDS}/{name}")
    assert "To uninstall, first delete the Sovereigns" in message


def test_our_crds_stay_in_a_collection(api: Api) -> None:
    refused(api, "DELETE", CRDS, labelSelector="app.kubernetes.io/part-of=catalyst-operator")
    assert {crd["metadata"]["name"] for crd in api.get(CRDS)["items"]} >= set(OUR_CRDS)


def test_other_crds_are_nobodys_business(api: Api) -> None:
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object"}},
    }
    names = {"kind": "Thing", "plural": "things", "singular": "thing", "listKind": "ThingList"}
    spec = {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [version]}
    body = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "spec": spec}
    api.create(CRDS, body | {"metadata": {"name": "things.example.com"}})
    api.delete(f"{CRDS}/things.example.com")


# --- run namespaces, and those of owners ------------------------------------------------------------------------------


@pytest.fixture
def held(api: Api, namespace: str) -> Sovereign:
    """A Sovereign that the operator holds."""
    return actors.held(api, namespace)


@pytest.fixture
def run_namespace(api: Api, held: Sovereign) -> str:
    """Path of its run namespace."""
    return f"{NAMESPACES}/{actors.run_namespace(api, held)}"


@pytest.mark.parametrize("user", ANYBODY)
def test_run_namespaces_stay(api: Api, run_namespace: str, user: str) -> None:
    message = refused(api.acting_as(user), "DELETE", run_namespace)
    assert "Delete the Sovereign instead" in message
    assert "Orphaned run namespaces" in message


def test_the_operator_removes_run_namespaces(api: Api, run_namespace: str) -> None:
    actors.operator(api).delete(run_namespace)
    assert api.get(run_namespace)["metadata"]["deletionTimestamp"]
    actors.controller(api, "namespace-controller").delete(run_namespace)


def test_an_administrator_who_breaks_the_glass_removes_one(apiserver: ApiServer, api: Api, run_namespace: str) -> None:
    """The command of the runbook."""
    name = run_namespace.rpartition("/")[2]
    actors.break_glass(apiserver, "delete", "namespace", name, "--wait=false")
    assert api.get(run_namespace)["metadata"]["deletionTimestamp"]


@pytest.mark.parametrize("user", ANYBODY)
def test_a_namespace_that_holds_a_sovereign_stays(api: Api, namespace: str, held: Sovereign, user: str) -> None:
    """Its token and kubeconfig would go at once, although the Sovereign itself is protected."""
    message = refused(api.acting_as(user), "DELETE", f"{NAMESPACES}/{namespace}")
    assert f"Namespace {namespace} holds Sovereigns (omantel)" in message
    assert "Delete the Sovereigns first" in message


def test_the_refusal_names_all_that_it_holds(api: Api, namespace: str, held: Sovereign) -> None:
    mark = {"metadata": {"annotations": {f"{labels.MARK_PREFIX}acme": "u"}}}
    actors.operator(api).patch(f"{NAMESPACES}/{namespace}", mark)
    message = refused(api, "DELETE", f"{NAMESPACES}/{namespace}")
    assert "(acme, omantel)" in message or "(omantel, acme)" in message


def test_a_namespace_that_holds_none_any_more_goes(api: Api, namespace: str, held: Sovereign) -> None:
    mark = {"metadata": {"annotations": {f"{labels.MARK_PREFIX}omantel": None}}}
    actors.operator(api).patch(f"{NAMESPACES}/{namespace}", mark)
    actors.administrator(api).delete(f"{NAMESPACES}/{namespace}")


def test_an_administrator_who_breaks_the_glass_removes_it(
    apiserver: ApiServer, api: Api, namespace: str, held: Sovereign
) -> None:
    actors.break_glass(apiserver, "delete", "namespace", namespace, "--wait=false")
    assert api.get(f"{NAMESPACES}/{namespace}")["metadata"]["deletionTimestamp"]


def test_other_namespaces_are_nobodys_business(api: Api, namespace: str) -> None:
    path = f"{NAMESPACES}/{namespace}"
    actors.administrator(api).patch(path, {"metadata": {"labels": {"team": "platform"}, "annotations": {"a/b": "c"}}})
    actors.administrator(api).delete(path)
