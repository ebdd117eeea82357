"""Reading Kubernetes' own objects: what is in trouble, in words that do not change from look to look."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from catalyst_operator.core.phase1 import kube_objects
from catalyst_operator.core.phase1.views import ClaimView, EventView, NodeView, PodTroubleView

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
MADE = "2026-11-25T11:00:00Z"
SINCE = "2026-11-25T11:30:00Z"
MADE_AT, SINCE_AT = datetime(2026, 11, 25, 11, 0, tzinfo=UTC), datetime(2026, 11, 25, 11, 30, tzinfo=UTC)
NO_CNI = (
    "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin "
    "returns error: cni plugin not initialized"
)

Object = dict[str, Any]


def condition(type_: str, status: str, **fields: Any) -> Object:
    return {"type": type_, "status": status, "lastTransitionTime": SINCE, **fields}


def named(**fields: Any) -> Object:
    return {"metadata": {"name": "x", "namespace": "keycloak", "creationTimestamp": MADE}, **fields}


# --- nodes, Deployments, classes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([condition("Ready", "True", message="kubelet is posting ready status")], NodeView("x", True, "", SINCE_AT)),
        ([condition("Ready", "False", message=NO_CNI)], NodeView("x", False, NO_CNI, SINCE_AT)),
        (
            [condition("Ready", "Unknown", reason="NodeStatusUnknown")],
            NodeView("x", False, "NodeStatusUnknown", SINCE_AT, silent=True),
        ),
        ([], NodeView("x", False, "its kubelet has said nothing yet", None)),
    ],
)
def test_nodes(conditions: list[Object], expected: NodeView) -> None:
    assert kube_objects.node(named(status={"conditions": conditions})) == expected


@pytest.mark.parametrize(
    ("spec", "cordoned"), [({"unschedulable": True}, True), ({}, False), ({"unschedulable": 1}, False)]
)
def test_nodes_that_take_no_new_pods(spec: Object, cordoned: bool) -> None:
    assert kube_objects.node(named(spec=spec)).cordoned is cordoned


@pytest.mark.parametrize("status", ["True", "False", None])
def test_deployments(status: str | None) -> None:
    conditions = [condition("Available", status)] if status else []
    found = kube_objects.deployment(named(status={"conditions": conditions}))
    assert (found.available, found.since) == (status == "True", SINCE_AT if status else None)


@pytest.mark.parametrize(
    ("annotations", "default"),
    [
        ({"storageclass.kubernetes.io/is-default-class": "true"}, True),
        ({"storageclass.beta.kubernetes.io/is-default-class": "true"}, True),
        ({"storageclass.kubernetes.io/is-default-class": "false"}, False),
        (None, False),
    ],
)
def test_storage_classes(annotations: Object | None, default: bool) -> None:
    assert kube_objects.storage_class({"metadata": {"name": "x", "annotations": annotations}}).default is default


# --- claims -----------------------------------------------------------------------------------------------------------


def test_a_claim_that_waits_for_the_default_class() -> None:
    raw = named(status={"phase": "Pending"}, spec={})
    assert kube_objects.unbound_claim(raw) == ClaimView("keycloak", "x", "", MADE_AT)


def test_a_claim_that_waits_for_a_class_of_that_name() -> None:
    raw = named(status={"phase": "Pending"}, spec={"storageClassName": "hcloud-volumes"})
    assert kube_objects.unbound_claim(raw) == ClaimView("keycloak", "x", "hcloud-volumes", MADE_AT)


@pytest.mark.parametrize(
    "raw",
    [
        named(status={"phase": "Bound"}, spec={}),
        named(status={"phase": "Pending"}, spec={"storageClassName": ""}),
        {"metadata": {"name": "x", "deletionTimestamp": SINCE}, "status": {"phase": "Pending"}},
    ],
    ids=["bound", "wants no class at all", "goes away"],
)
def test_claims_that_no_class_would_help(raw: Object) -> None:
    assert kube_objects.unbound_claim(raw) is None


# --- events -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "times",
    [
        {"series": {"lastObservedTime": SINCE}, "lastTimestamp": MADE},
        {"lastTimestamp": SINCE, "eventTime": MADE},
        {"lastTimestamp": None, "eventTime": SINCE},
        {"lastTimestamp": None, "eventTime": None, "metadata": {"creationTimestamp": SINCE}},
    ],
)
def test_events_say_when_they_were_seen_last(times: Object) -> None:
    """There are three generations of events, and each has a field of its own for that."""
    about = {"kind": "Pod", "namespace": "keycloak", "name": "keycloak-0"}
    raw = {"involvedObject": about, "reason": "FailedMount", "message": "no\nsecret", **times}
    assert kube_objects.warning(raw) == EventView("keycloak", "Pod", "keycloak-0", "FailedMount", "no secret", SINCE_AT)


# --- Pods -------------------------------------------------------------------------------------------------------------


def pod(*containers: Object, phase: str = "Running", conditions: tuple[Object, ...] = (), **fields: Any) -> Object:
    status = {"phase": phase, "containerStatuses": list(containers), "conditions": list(conditions), **fields}
    return named(status=status)


def container(state: Object, last: Object | None = None) -> Object:
    return {"name": "main", "state": state, "lastState": {"terminated": last} if last else {}}


def waiting(reason: str, message: str = "") -> Object:
    return {"waiting": {"reason": reason, "message": message}}


ENDED = {"exitCode": 137, "reason": "OOMKilled"}
UNREADY = (condition("Ready", "False", reason="ContainersNotReady", message="containers with unready status: [main]"),)
FRESH = ({**UNREADY[0], "lastTransitionTime": (NOW - timedelta(seconds=50)).isoformat()},)
UNSCHEDULED = condition("PodScheduled", "False", reason="Unschedulable", message="0/2 nodes are available")
PULL = "Back-off pulling image: denied"

TROUBLE = {
    "no node takes it": (
        pod(phase="Pending", conditions=(UNSCHEDULED,)),
        ("Unschedulable", "0/2 nodes are available", SINCE_AT),
    ),
    "its image cannot be pulled": (
        pod(container(waiting("ImagePullBackOff", PULL)), conditions=UNREADY),
        ("ImagePullBackOff", f"container main: {PULL}", SINCE_AT),
    ),
    "a Secret is missing": (
        pod(container(waiting("CreateContainerConfigError", 'secret "a" not found'))),
        ("CreateContainerConfigError", 'container main: secret "a" not found', MADE_AT),
    ),
    "it ends again and again": (
        pod(container(waiting("CrashLoopBackOff", "back-off 40s restarting"), ENDED), conditions=UNREADY),
        ("CrashLoopBackOff", "container main, it ended with exit code 137 (OOMKilled)", SINCE_AT),
    ),
    "it says why it ended": (
        pod(container(waiting("CrashLoopBackOff"), {"exitCode": 1, "message": "no database\n"})),
        ("CrashLoopBackOff", "container main, it ended with exit code 1 (Error): no database", MADE_AT),
    ),
    "it ended just now": (
        pod(container({"terminated": ENDED})),
        ("OOMKilled", "container main, it ended with exit code 137 (OOMKilled)", MADE_AT),
    ),
    "a container that comes first does not start": (
        pod(
            container(waiting("PodInitializing")), initContainerStatuses=[container(waiting("ErrImagePull", "denied"))]
        ),
        ("ErrImagePull", "container main: denied", MADE_AT),
    ),
    "it is being created for too long": (
        pod(container(waiting("ContainerCreating")), phase="Pending", conditions=UNREADY),
        ("ContainerCreating", "containers with unready status: [main]", SINCE_AT),
    ),
    "it waits and does not say for what": (
        pod(container({"waiting": {}}), phase="Pending", conditions=UNREADY),
        ("ContainersNotReady", "containers with unready status: [main]", SINCE_AT),
    ),
    "its node's kubelet has not said a word of it": (
        {**pod(phase="Pending", conditions=(condition("PodScheduled", "True"),)), "spec": {"nodeName": "worker-0"}},
        ("NotTakenUp", "the kubelet of node worker-0 says nothing of it", SINCE_AT),
    ),
    "it runs, but is not ready": (
        pod(container({"running": {}}), conditions=UNREADY),
        ("ContainersNotReady", "containers with unready status: [main]", SINCE_AT),
    ),
}


@pytest.mark.parametrize(("raw", "expected"), TROUBLE.values(), ids=TROUBLE)
def test_a_pod_in_trouble_says_why(raw: Object, expected: tuple[str, str, datetime]) -> None:
    assert kube_objects.pod_trouble(raw, NOW) == PodTroubleView("keycloak", "x", *expected)


FINE = {
    "it runs": pod(container({"running": {}}), conditions=(condition("Ready", "True"),)),
    "it has only just begun": pod(container(waiting("ContainerCreating")), conditions=FRESH),
    "nobody has looked at it yet": pod(phase="Pending"),
    "it has only just got a node": pod(
        phase="Pending", conditions=({**condition("PodScheduled", "True"), "lastTransitionTime": NOW.isoformat()},)
    ),
    "its first container has done its work": pod(container({"terminated": {"exitCode": 0}}), conditions=FRESH),
    "it is done": pod(container({"terminated": {"exitCode": 0}}), phase="Succeeded", conditions=UNREADY),
    "it failed, and another one was made": pod(container({"terminated": ENDED}), phase="Failed"),
    "it goes away": {**pod(container(waiting("ErrImagePull"))), "metadata": {"deletionTimestamp": SINCE}},
}


@pytest.mark.parametrize("raw", FINE.values(), ids=FINE)
def test_a_pod_that_is_well_says_nothing(raw: Object) -> None:
    assert kube_objects.pod_trouble(raw, NOW) is None


def test_how_long_the_kubelet_waits_makes_no_difference() -> None:
    """Otherwise each look would find something new."""
    told = {
        kube_objects.pod_trouble(pod(container(waiting("CrashLoopBackOff", f"back-off {n}s"), ENDED)), NOW)
        for n in (10, 20, 40)
    }
    assert len(told) == 1


# --- whatever comes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("raw", [None, 7, "x", [], {}, {"metadata": 1, "status": 2, "spec": 3, "involvedObject": 4}])
def test_what_is_not_an_object_says_nothing(raw: Any) -> None:
    assert kube_objects.node(raw).name == ""
    assert kube_objects.deployment(raw).available is False
    assert kube_objects.storage_class(raw).default is False
    assert kube_objects.unbound_claim(raw) == ClaimView("", "")
    assert kube_objects.warning(raw) == EventView("", "", "", "", "")
    assert kube_objects.pod_trouble(raw, NOW) is None
    assert kube_objects.uid(raw) == ""


def test_fields_of_another_form_say_nothing() -> None:
    states = [7, {"state": 1}, {"state": {"waiting": {"reason": 5}}}, {"state": {"terminated": {"exitCode": "x"}}}]
    raw = named(status={"phase": 1, "conditions": [1, {"type": "Ready", "status": 3}], "containerStatuses": states})
    found = kube_objects.pod_trouble(raw, NOW)
    assert found is not None
    assert found.message == "container , it ended with exit code 0 (Error)"
    assert kube_objects.node(raw).ready is False


def test_texts_are_cut_and_cleaned() -> None:
    raw = named(message=f"{'A1' * 32} " + "x y" * 400)
    said = kube_objects.warning(raw).message
    assert len(said) <= kube_objects.MAX_CONDITION
    assert "A1A1" not in said
