"""What owners are promised about each other, tried by a hostile one: Kubernetes' own role `edit` in one namespace, with
what our aggregated roles add to it, and nothing else. Each test is a promise, and its name says which."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from catalyst_operator.adapters.kube import SOVEREIGNS
from catalyst_operator.api import labels
from catalyst_operator.api.sovereign import Sovereign
from catalyst_operator.core import manifests, naming
from tests.integration import actors
from tests.integration.actors import HOME, NAMESPACES, RBAC, SETTINGS
from tests.integration.admission import RESERVATIONS, reservation, sovereign, sovereigns
from tests.integration.apiserver import Api, ApiError, ApiServer

pytestmark = pytest.mark.integration

Request = tuple[str, str, Any]
"""Method, path and body."""
LEASES = "/apis/coordination.k8s.io/v1/namespaces"
POLICIES = "/apis/admissionregistration.k8s.io/v1"
FORGED: dict[str, Any] = {"metadata": {"labels": {labels.LABEL_SOVEREIGN_UID: "u", labels.LABEL_ROLE: labels.ROLE_RUN}}}
POD: dict[str, Any] = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
INTO_A_POD = [
    (method, f"pods/p/{way}") for method in ("GET", "POST") for way in ("exec", "attach", "portforward", "proxy")
]
NAME = "catalyst.openova.io"
WHEN = {"lastTransitionTime": "2026-11-30T00:00:00Z"}


@dataclass(frozen=True)
class Tenant:
    """Somebody with `edit` in one namespace, in which a Sovereign of theirs is held."""

    api: Api
    namespace: str
    sovereign: Sovereign
    run_namespace: str

    @property
    def path(self) -> str:
        """Of the Sovereign."""
        return f"{sovereigns(self.namespace)}/omantel"


def settle(api: Api, name: str) -> Tenant:
    """A tenant moves in."""
    namespace: str = api.create(NAMESPACES, {"metadata": {"generateName": f"{name}-"}})["metadata"]["name"]
    held = actors.held(api, namespace)
    return Tenant(actors.tenant(api, namespace, name), namespace, held, actors.run_namespace(api, held))


@pytest.fixture(scope="module")
def mallory(api: Api) -> Tenant:
    """Who tries."""
    return settle(api, "mallory")


@pytest.fixture(scope="module")
def victim(api: Api) -> Tenant:
    """Whom it is tried on."""
    return settle(api, "victim")


def refuses(tenant: Tenant, *requests: Request) -> None:
    """Each of them is refused, whatever else is wrong with it."""
    for method, path, body in requests:
        with pytest.raises(ApiError) as caught:
            tenant.api.request(method, path, body)
        assert caught.value.code == 403, f"{method} {path}: {caught.value.status}"


def collections(namespace: str) -> Iterator[str]:
    """Of everything that matters in a run namespace."""
    yield from (f"{NAMESPACES}/{namespace}/{plural}" for plural in ("secrets", "configmaps", "pods", "serviceaccounts"))
    yield f"/apis/batch/v1/namespaces/{namespace}/jobs"
    yield f"{LEASES}/{namespace}/leases"
    yield f"{RBAC}/namespaces/{namespace}/rolebindings"


# --- first of all: it is a tenant as there are many -------------------------------------------------------------------


def test_a_tenant_looks_after_sovereigns_of_its_own(api: Api, mallory: Tenant) -> None:
    path = sovereigns(mallory.namespace)
    mallory.api.create(path, sovereign({"domain.fqdn": "second.omani.works"}, name="second"))
    assert {s["metadata"]["name"] for s in mallory.api.get(path)["items"]} == {"omantel", "second"}
    mallory.api.patch(f"{path}/second", {"spec": {"deletionProtection": False}})
    mallory.api.get(f"{path}/second/status")
    mallory.api.delete(f"{path}/second")


# --- run namespaces ---------------------------------------------------------------------------------------------------


def test_a_tenant_reads_nothing_in_run_namespaces_not_even_in_those_of_its_own(mallory: Tenant, victim: Tenant) -> None:
    for space in (mallory.run_namespace, victim.run_namespace):
        refuses(mallory, *(("GET", path, None) for path in collections(space)))
        for name in (naming.STATE_KEY_SECRET, naming.TOKEN_SECRET, naming.STATE_SECRET, naming.BOOT_SECRETS):
            refuses(mallory, ("GET", f"{NAMESPACES}/{space}/secrets/{name}", None))
        refuses(mallory, ("GET", f"{NAMESPACES}/{space}/pods/p/log", None))


def test_a_tenant_writes_nothing_in_run_namespaces_not_even_in_those_of_its_own(
    mallory: Tenant, victim: Tenant
) -> None:
    for space in (mallory.run_namespace, victim.run_namespace):
        refuses(mallory, *(("POST", path, {"metadata": {"name": "a"}}) for path in collections(space)))
        refuses(mallory, *(("DELETE", path, None) for path in collections(space)))
        refuses(
            mallory,
            ("PATCH", f"{NAMESPACES}/{space}/secrets/{naming.STATE_KEY_SECRET}", {"data": {}}),
            ("PATCH", f"{NAMESPACES}/{space}/configmaps/{naming.RECORD}", {"data": {}}),
            *((method, f"{NAMESPACES}/{space}/{path}", None) for method, path in INTO_A_POD),
            ("PATCH", f"{NAMESPACES}/{space}/pods/p/ephemeralcontainers", {"spec": {}}),
            ("POST", f"{NAMESPACES}/{space}/pods/p/eviction", {"metadata": {"name": "p"}}),
            ("POST", f"{NAMESPACES}/{space}/serviceaccounts/run/token", {"spec": {}}),
            ("POST", f"{NAMESPACES}/{space}/events", {"metadata": {"name": "e"}}),
            ("PUT", f"{NAMESPACES}/{space}/finalize", {"metadata": {"name": space}}),
        )


def test_a_tenant_makes_no_run_namespace_and_touches_none(mallory: Tenant, victim: Tenant) -> None:
    made = manifests.run_namespace(victim.sovereign, SETTINGS)
    refuses(
        mallory,
        ("POST", NAMESPACES, {"metadata": {"name": "sov-victim-00000"}}),
        ("POST", NAMESPACES, made),
        ("DELETE", f"{NAMESPACES}/{victim.run_namespace}", None),
        ("DELETE", f"{NAMESPACES}/{mallory.run_namespace}", None),
        ("PATCH", f"{NAMESPACES}/{mallory.run_namespace}", {"metadata": {"labels": {"a": "b"}}}),
    )


def test_a_tenants_pods_and_jobs_are_never_taken_for_runs(mallory: Tenant) -> None:
    pod = {**POD, "metadata": {"name": "p", **FORGED["metadata"]}}
    spec = {"template": {"spec": {**POD["spec"], "restartPolicy": "Never"}}}
    job = {"metadata": {"name": "j", **FORGED["metadata"]}, "spec": spec}
    refuses(
        mallory,
        ("POST", f"{NAMESPACES}/{mallory.namespace}/pods", pod),
        ("POST", f"/apis/batch/v1/namespaces/{mallory.namespace}/jobs", job),
    )


def test_a_tenants_secret_is_never_taken_for_the_operators(api: Api, mallory: Tenant) -> None:
    """An owner's kubeconfig is told by its label: one that somebody put there before would be what is handed over."""
    secrets = f"{NAMESPACES}/{mallory.namespace}/secrets"
    kubeconfig = {"metadata": {"name": naming.owner_kubeconfig("omantel"), **FORGED["metadata"]}}
    mallory.api.create(secrets, {"metadata": {"name": "plain"}})
    refuses(mallory, ("POST", secrets, kubeconfig), ("PATCH", f"{secrets}/plain", FORGED))
    given = manifests.owner_kubeconfig(mallory.sovereign, "text")
    actors.operator(api).create(secrets, given)
    path = f"{secrets}/{given['metadata']['name']}"
    another = {"metadata": {"labels": {labels.LABEL_SOVEREIGN_UID: "another"}}}
    refuses(mallory, ("PATCH", path, another))
    mallory.api.patch(path, {"metadata": {"labels": {"team": "a"}}})
    mallory.api.patch(path, {"metadata": {"labels": {labels.LABEL_SOVEREIGN_UID: None}}})
    mallory.api.delete(path)


def test_a_tenants_namespace_is_never_taken_for_a_run_namespace(mallory: Tenant) -> None:
    refuses(mallory, ("PATCH", f"{NAMESPACES}/{mallory.namespace}", FORGED))


# --- what the operator goes by ----------------------------------------------------------------------------------------


def test_a_tenant_forges_no_status(mallory: Tenant, victim: Tenant) -> None:
    ready = {"status": {"phase": "ready"}}
    refuses(
        mallory,
        ("PATCH", f"{mallory.path}/status", ready),
        ("PATCH", f"{victim.path}/status", ready),
        ("PATCH", f"{RESERVATIONS}/victim.omani.works/status", {"status": {}}),
    )
    forged = {"apiVersion": f"{NAME}/v1alpha1", "kind": "Sovereign", "metadata": {"name": "omantel"}, **ready}
    with pytest.raises(ApiError) as caught:
        applied = f"{mallory.path}/status?fieldManager={labels.FIELD_MANAGER}&force=true"
        mallory.api.request("PATCH", applied, forged, content="application/apply-patch+yaml")
    assert caught.value.code == 403
    mallory.api.patch(mallory.path, ready)
    assert "phase" not in mallory.api.get(mallory.path).get("status", {})


async def test_a_tenant_keeps_nothing_in_status_that_the_operator_takes_out(
    apiserver: ApiServer, api: Api, mallory: Tenant
) -> None:
    """Who owns which field stands in managedFields, which everybody may empty who may edit the object; tools of
    backups do. What is not owned any more is no reason to stay."""
    path = f"{sovereigns(mallory.namespace)}/kept"
    mallory.api.create(sovereigns(mallory.namespace), sovereign({"domain.fqdn": "kept.omani.works"}, name="kept"))
    stalled = {"type": "Stalled", "status": "True", "reason": "Failed", "message": "", **WHEN}
    ready = {"type": "Ready", "status": "True", "reason": "Succeeded", "message": "", **WHEN}
    failed = {"phase": "failed", "summary": "broken", "conditions": [stalled], "plan": {"digest": "d", "add": 1}}
    client = actors.kube(apiserver)
    try:
        for status in (failed, {"phase": "ready", "conditions": [ready], "plan": {"digest": "d"}}):
            manifest = {"apiVersion": f"{NAME}/v1alpha1", "kind": "Sovereign", "status": status}
            manifest["metadata"] = {"name": "kept", "namespace": mallory.namespace}
            await client.apply_status(SOVEREIGNS, manifest)
            assert api.get(path)["status"] == status
            mallory.api.patch(path, {"metadata": {"managedFields": [{}]}})
    finally:
        await client.close()


def test_a_tenant_takes_the_operators_finalizer_off_no_sovereign(api: Api, mallory: Tenant) -> None:
    """Neither in one way nor in the other, and not from one that is being deleted."""
    raw = mallory.api.get(mallory.path)
    without = {**raw, "metadata": {**raw["metadata"], "finalizers": []}}
    refuses(mallory, ("PATCH", mallory.path, {"metadata": {"finalizers": None}}), ("PUT", mallory.path, without))
    with pytest.raises(ApiError) as caught:
        operations = [{"op": "remove", "path": "/metadata/finalizers"}]
        mallory.api.request("PATCH", mallory.path, operations, content="application/json-patch+json")
    assert caught.value.code == 403
    assert api.get(mallory.path)["metadata"]["finalizers"] == [labels.FINALIZER_SOVEREIGN]


def test_a_tenant_takes_no_other_owners_name(mallory: Tenant) -> None:
    """Nobody writes DomainReservations but the operator, which judges who may have a name."""
    name = "victim.omani.works"
    refuses(
        mallory,
        ("POST", RESERVATIONS, reservation(name=name)),
        ("PATCH", f"{RESERVATIONS}/{name}", {"spec": {"loadBalancerIP": "203.0.113.66"}}),
        ("DELETE", f"{RESERVATIONS}/{name}", None),
        ("DELETE", RESERVATIONS, None),
    )


# --- what is protected ------------------------------------------------------------------------------------------------


def test_a_protected_sovereign_is_not_deleted_not_even_by_its_owner(api: Api, mallory: Tenant, victim: Tenant) -> None:
    for tenant in (mallory, victim):
        servers = [{"name": "omantel-1a2b3-control-plane-0", "role": "control-plane", "size": "cx33"}]
        actors.operator(api).patch(f"{tenant.path}/status", {"status": {"servers": servers}})
    refuses(
        mallory,
        ("DELETE", mallory.path, None),
        ("DELETE", sovereigns(mallory.namespace), None),
        ("DELETE", victim.path, None),
    )
    assert "deletionTimestamp" not in api.get(mallory.path)["metadata"]


def test_a_namespace_that_holds_a_sovereign_is_not_deleted(mallory: Tenant, victim: Tenant) -> None:
    mark = {"metadata": {"annotations": {f"{labels.MARK_PREFIX}omantel": None}}}
    refuses(
        mallory,
        ("DELETE", f"{NAMESPACES}/{mallory.namespace}", None),
        ("DELETE", f"{NAMESPACES}/{victim.namespace}", None),
        ("PATCH", f"{NAMESPACES}/{mallory.namespace}", mark),
    )


def test_a_tenant_removes_none_of_what_protects(mallory: Tenant) -> None:
    crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    policy = "catalyst-sovereign-deletion-protection"
    refuses(
        mallory,
        ("DELETE", f"{crds}/sovereigns.{NAME}", None),
        ("DELETE", f"{POLICIES}/validatingadmissionpolicies/{policy}", None),
        ("DELETE", f"{POLICIES}/validatingadmissionpolicybindings/{policy}", None),
    )


# --- what is others' --------------------------------------------------------------------------------------------------


def test_a_tenant_sees_and_changes_no_sovereign_of_another_namespace(mallory: Tenant, victim: Tenant) -> None:
    refuses(
        mallory,
        ("GET", victim.path, None),
        ("GET", sovereigns(victim.namespace), None),
        ("GET", f"/apis/{NAME}/v1alpha1/sovereigns", None),
        ("PATCH", victim.path, {"spec": {"approvePlan": "sha256:" + 64 * "a"}}),
        ("POST", sovereigns(victim.namespace), sovereign(name="another")),
    )


def test_a_tenant_has_no_secret_of_another_namespace_used(mallory: Tenant, victim: Tenant) -> None:
    """A reference is a name without a namespace; and nothing of the spec can be a path to one."""
    refuses(mallory, ("GET", f"{NAMESPACES}/{victim.namespace}/secrets", None))
    for reference in ({"name": "t", "namespace": victim.namespace}, {"name": f"../{victim.namespace}/t"}):
        with pytest.raises(ApiError) as caught:
            mallory.api.create(sovereigns(mallory.namespace), sovereign({"credentialsSecretRef": reference}, name="x"))
        assert caught.value.code in (400, 422)


def test_a_tenant_does_not_become_the_operator(api: Api, mallory: Tenant) -> None:
    """Neither by its token, nor by its name, nor by its Lease, nor by its key."""
    account = f"{NAMESPACES}/{HOME}/serviceaccounts/catalyst-operator"
    lease = f"{LEASES}/{HOME}/leases"
    refuses(
        mallory,
        ("POST", f"{account}/token", {"spec": {}}),
        ("GET", f"{NAMESPACES}/{HOME}/secrets/{naming.PROOF_KEY_SECRET}", None),
        ("POST", f"{NAMESPACES}/{HOME}/pods", POD),
        ("POST", lease, {"metadata": {"name": "catalyst-operator"}, "spec": {"holderIdentity": "mallory"}}),
        ("PATCH", f"{lease}/catalyst-operator", {"spec": {"holderIdentity": "mallory"}}),
    )
    mallory.api.create(f"{NAMESPACES}/{mallory.namespace}/serviceaccounts", {"metadata": {"name": "catalyst-operator"}})
    namesake = Tenant(actors.operator(api, mallory.namespace), mallory.namespace, mallory.sovereign, "")
    refuses(
        namesake,
        ("POST", NAMESPACES, manifests.run_namespace(mallory.sovereign, SETTINGS)),
        ("PATCH", mallory.path, {"metadata": {"finalizers": None}}),
        ("PATCH", f"{mallory.path}/status", {"status": {"phase": "ready"}}),
    )


def test_a_tenant_does_not_break_the_glass(api: Api, mallory: Tenant) -> None:
    """To impersonate a group, or a user, is a right that `edit` does not give."""
    accounts = f"{NAMESPACES}/{mallory.namespace}/serviceaccounts"
    mallory.api.create(accounts, {"metadata": {"name": "robot"}})
    actors.tenant(api, mallory.namespace, f"system:serviceaccount:{mallory.namespace}:robot")
    token = mallory.api.create(f"{accounts}/robot/token", {"spec": {}})["status"]["token"]
    for headers in (
        {"Impersonate-User": "root", "Impersonate-Group": labels.BREAK_GLASS_GROUP},
        {"Impersonate-User": f"system:serviceaccount:{HOME}:catalyst-operator"},
    ):
        with pytest.raises(ApiError) as caught:
            Api(mallory.api.url, token, mallory.api.ca, headers).get(mallory.path)
        assert caught.value.code == 403
        assert "cannot impersonate" in str(caught.value)
    assert Api(mallory.api.url, token, mallory.api.ca).get(mallory.path)
