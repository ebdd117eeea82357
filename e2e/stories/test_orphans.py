"""What a hand that is quicker than the operator may do, what it may not, and what becomes of what it leaves behind."""

from __future__ import annotations

import pytest

from catalyst_operator.api import labels
from e2e.stories.conftest import Make
from e2e.support import operator
from e2e.support.kubectl import Kubectl, KubectlError
from e2e.support.waiting import wait_for

pytestmark = pytest.mark.e2e

METRICS_PORT = 8081
NO_FINALIZER = ("--type=merge", "-p", '{"metadata":{"finalizers":null}}')


def test_a_sovereign_that_was_let_go_by_hand_is_told_and_ended(make: Make, kubectl: Kubectl) -> None:
    """Its finalizer is taken off with the glass broken: its run namespace is told, and goes when it is deleted."""
    sovereign, _ = make("let-go")
    sovereign.apply()
    sovereign.provisioned()
    space, owners, uid = sovereign.run_namespace, sovereign.namespace, (sovereign.read() or {})["metadata"]["uid"]
    patch = ("-n", owners, "patch", "sovereign", sovereign.name, *NO_FINALIZER)
    with pytest.raises(KubectlError, match="Only the operator takes its finalizer off"):
        kubectl(*patch)
    with pytest.raises(KubectlError, match=r"holds Sovereigns \(let-go\)"):
        kubectl("delete", "namespace", owners)
    with pytest.raises(KubectlError, match="Delete the Sovereign instead"):
        kubectl("delete", "namespace", space)

    # While it is being deleted: from one that is not, the operator would take hold again.
    sovereign.request_deletion()
    kubectl.breaking_glass(*patch)
    about = f"reason=OrphanedRunNamespace,involvedObject.name={space}"
    wait_for(
        lambda: kubectl.items("-n", "default", "events", "--field-selector", about), "the event about it", seconds=30
    )
    shown = (
        f'catalyst_orphaned_run_namespace{{name="{sovereign.name}",namespace="{owners}",run_namespace="{space}"}} 1.0'
    )
    assert shown in metrics(kubectl)
    assert operator.keys_of(kubectl, uid), "they stay as long as its run namespace does"

    kubectl.breaking_glass("delete", "namespace", space, "--wait=false")
    wait_for(lambda: kubectl.find("namespace", space) is None, f"{space} to be gone", seconds=60)
    wait_for(lambda: not marks(kubectl, owners), "the mark on the owner's namespace to go", seconds=30)
    wait_for(lambda: not operator.keys_of(kubectl, uid), "its keys beside the operator to go", seconds=30)
    sovereign.free_name()
    kubectl("delete", "namespace", owners, "--wait=false")


def metrics(kubectl: Kubectl) -> str:
    """What a scrape of the operator that acts gets."""
    pod = operator.leader(kubectl)
    path = f"/api/v1/namespaces/{operator.NAMESPACE}/pods/{pod['metadata']['name']}:{METRICS_PORT}/proxy/metrics"
    return kubectl("get", "--raw", path)


def marks(kubectl: Kubectl, namespace: str) -> list[str]:
    """The Sovereigns that a namespace says it holds."""
    annotations = kubectl.get("namespace", namespace)["metadata"].get("annotations") or {}
    return [name for name in annotations if name.startswith(labels.MARK_PREFIX)]
