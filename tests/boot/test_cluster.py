"""A cluster comes to be by what its servers are told, nothing else."""

from __future__ import annotations

import re

import pytest

from tests.boot.lives.cluster import BEGINS, ClusterLife
from tests.boot.lives.interrupted import STEPS
from tests.boot.stage import FQDN, NAME

pytestmark = pytest.mark.boot

FIRST, SECOND, WORKER = f"{NAME}-control-plane-0", f"{NAME}-control-plane-1", f"{NAME}-worker-0"


def steps(log: str, what: str) -> list[str]:
    """Of a log: those that began, are done, or failed."""
    return re.findall(rf"^\S+ step ([a-z0-9-]+): {what}", log, re.MULTILINE)


def test_the_private_network_may_come_late(cluster: ClusterLife) -> None:
    """It is attached when the server has started: nothing goes on before it is there."""
    assert BEGINS in cluster.waited_for_network
    assert steps(cluster.waited_for_network, "done") == []


def test_the_steps_are_done_in_their_order_at_the_first_attempt(cluster: ClusterLife) -> None:
    assert steps(cluster.log, "done") == STEPS
    assert steps(cluster.log, "FAILED") == []


def test_flux_has_what_it_needs_to_go_on(cluster: ClusterLife) -> None:
    """The kit's own objects are the last that boot makes."""
    kit = cluster.objects[f"Kustomization flux-system/{FQDN}-bootstrap-kit"]
    assert kit["spec"]["sourceRef"] == {"kind": "GitRepository", "name": "openova-public"}
    assert "GitRepository flux-system/openova-public" in cluster.objects
    assert "Deployment flux-system/helm-controller" in cluster.objects
    assert "CustomResourceDefinition /tlsroutes.gateway.networking.k8s.io" in cluster.objects
    default = "storageclass.kubernetes.io/is-default-class"
    assert cluster.objects["StorageClass /local-path"]["metadata"]["annotations"][default] == "true"


def test_cilium_is_the_helm_release_that_the_kit_upgrades(cluster: ClusterLife) -> None:
    assert (
        cluster.objects["Secret kube-system/sh.helm.release.v1.cilium.v1"]["metadata"]["labels"]["status"] == "deployed"
    )


def test_whoever_joins_is_a_node_and_control_planes_are_members_of_etcd(cluster: ClusterLife) -> None:
    assert cluster.nodes == {FIRST: "True", SECOND: "True", WORKER: "True"}
    assert [member.rpartition("-")[0] for member in cluster.members] == [FIRST, SECOND]


def test_a_download_that_fails_three_times_is_tried_a_fourth_time(cluster: ClusterLife) -> None:
    assert cluster.worker_attempts == 4
    assert steps(cluster.worker_log, "FAILED") == []


def test_user_data_cannot_be_read_any_more(cluster: ClusterLife) -> None:
    """It holds what joins a node, and any Pod could ask."""
    assert cluster.readable_user_data == {FIRST: "0", SECOND: "0", WORKER: "0"}


def test_a_worker_in_the_place_of_another_waits_for_the_end_of_its_node(cluster: ClusterLife) -> None:
    """k3s remembers the password of the dead one until its Node is deleted."""
    assert steps(cluster.refused, "begins")[-1] == "k3s-start"
    assert "k3s-start" not in steps(cluster.refused, "done")
    assert steps(cluster.worker_again, "done")[-1] == "k3s-start"


def test_after_a_reboot_the_metadata_service_is_closed_before_k3s_starts(cluster: ClusterLife) -> None:
    order = [line for line in cluster.rebooted_order if line.startswith(("Finished", "Starting", "Started"))]
    closed = next(n for n, line in enumerate(order) if line.startswith("Finished catalyst-metadata-blackhole"))
    assert closed < next(n for n, line in enumerate(order) if line.startswith("Starting k3s"))
    assert cluster.rebooted_readable == "0"


def test_after_a_reboot_first_boot_is_not_repeated(cluster: ClusterLife) -> None:
    """From then on Flux owns what it installed."""
    assert cluster.rebooted_log == cluster.log
