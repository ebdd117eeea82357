"""The ValidatingAdmissionPolicies: what may not be deleted, by whom, and what the refusal tells people to do."""

from typing import Any

import pytest

from tests.integration.admission import sovereign, sovereigns
from tests.integration.apiserver import Api, ApiError
from tests.integration.conftest import CRDS, NAMESPACES

pytestmark = pytest.mark.integration

OPERATOR = "system:serviceaccount:catalyst-system:catalyst-operator"
ADMIN = "alice"
NAMESPACE_CONTROLLER = "system:serviceaccount:kube-system:namespace-controller"
OUR_CRDS = ("sovereigns.catalyst.openova.io", "domainreservations.catalyst.openova.io")


def refused(api: Api, method: str, path: str, body: Any = None, **query: str) -> str:
    with pytest.raises(ApiError) as caught:
        api.request(method, path, body, **query)
    assert caught.value.code == 403, caught.value.status
    return str(caught.value)


@pytest.fixture
def protected(api: Api, namespace: str) -> str:
    """Path of a Sovereign that did not ask for protection, which is on by default."""
    api.create(sovereigns(namespace), sovereign())
    return f"{sovereigns(namespace)}/omantel"


@pytest.mark.parametrize("user", [ADMIN, OPERATOR, NAMESPACE_CONTROLLER])
def test_nobody_deletes_a_protected_sovereign(api: Api, protected: str, user: str) -> None:
    refused(api.acting_as(user), "DELETE", protected)
    assert api.get(protected)["spec"]["deletionProtection"] is True


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


@pytest.fixture
def run_namespace(api: Api) -> str:
    """Path of a namespace as the operator makes it for a Sovereign's runs."""
    labels = {
        "catalyst.openova.io/role": "run",
        "catalyst.openova.io/sovereign": "omantel",
        "catalyst.openova.io/sovereign-uid": "3f1c0f5e",
    }
    created = api.create(NAMESPACES, {"metadata": {"generateName": "sov-omantel-", "labels": labels}})
    return f"{NAMESPACES}/{created['metadata']['name']}"


def test_run_namespaces_stay(api: Api, run_namespace: str) -> None:
    message = refused(api.acting_as(ADMIN), "DELETE", run_namespace)
    assert "Delete the Sovereign instead" in message


def test_the_operator_removes_run_namespaces(api: Api, run_namespace: str) -> None:
    api.acting_as(OPERATOR).delete(run_namespace)
    assert api.get(run_namespace)["metadata"]["deletionTimestamp"]
    api.acting_as(NAMESPACE_CONTROLLER).delete(run_namespace)


@pytest.mark.parametrize(
    "labels",
    [
        {"catalyst.openova.io/role": None},
        {"catalyst.openova.io/role": "other"},
        {"catalyst.openova.io/sovereign-uid": "another"},
    ],
    ids=["role removed", "role changed", "owner changed"],
)
def test_labels_of_run_namespaces_stay(api: Api, run_namespace: str, labels: dict[str, str | None]) -> None:
    message = refused(api.acting_as(ADMIN), "PATCH", run_namespace, {"metadata": {"labels": labels}})
    assert "labels catalyst.openova.io/* of a run namespace" in message


def test_other_labels_of_run_namespaces_are_free(api: Api, run_namespace: str) -> None:
    api.acting_as(ADMIN).patch(run_namespace, {"metadata": {"labels": {"team": "platform"}}})


def test_other_namespaces_are_nobodys_business(api: Api, namespace: str) -> None:
    api.acting_as(ADMIN).delete(f"{NAMESPACES}/{namespace}")
