"""What OpenTofu says and leaves behind when the cloud refuses: the codes that a diagnosis is built on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.integration.hcloud.cluster import Cluster
from tests.integration.hcloud.emulator import Emulator, Project, new_token

pytestmark = pytest.mark.integration

MakeCluster = Callable[..., Cluster]


def test_a_token_of_the_wrong_length_is_refused_before_any_request(cluster: MakeCluster, project: Project) -> None:
    said = cluster(token="short").apply_fails()
    assert "entered token is invalid (must be exactly 64 characters long)" in said
    assert project.writes() == []


def test_an_unknown_token_is_unauthorized(cluster: MakeCluster) -> None:
    assert "(unauthorized, " in cluster(token=new_token()).apply_fails()


def test_a_read_only_token_plans_but_does_not_apply(cluster: MakeCluster, project: Project) -> None:
    demo = cluster(token=project.second_token(readonly=True))
    assert len(demo.changes()) == 13
    assert "(token_readonly, " in demo.apply_fails()
    assert project.counts() == {}


def test_a_key_that_exists_is_a_conflict(cluster: MakeCluster, project: Project) -> None:
    demo = cluster()
    demo.apply("-target=hcloud_ssh_key.this")
    said = cluster("second").apply_fails(name="other", servers=0)
    assert "SSH key with the same fingerprint already exists (uniqueness_error, " in said


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"server_type": "cpx21"}, 'Server Type "cpx21" is unavailable in "fsn1" and can no longer be ordered'),
        ({"server_type": "cx32"}, 'Server Type "cx32" is unavailable in all locations'),
        ({"server_type": "cx99"}, "server type cx99 not found"),
        ({"server_type": "cx23", "location": "sin"}, "unsupported location for server type (invalid_input, "),
        ({"user_data": "x" * 40_000}, "user_data"),
    ],
)
def test_an_order_that_cannot_be_met(
    cluster: MakeCluster, project: Project, variables: dict[str, str], expected: str
) -> None:
    said = cluster().apply_fails(servers=1, **variables)
    assert expected in said
    assert "servers" not in project.counts()


def test_a_location_without_capacity(cluster: MakeCluster, project: Project) -> None:
    effect = {"code": "resource_unavailable", "message": "error during placement"}
    project.fault(effect, times=None, method="POST", path="/servers", server_type="cx23", location="fsn1")
    demo = cluster()
    assert "error during placement (resource_unavailable, " in demo.apply_fails(servers=1)
    demo.apply(servers=1, server_type="cx33")
    assert project.counts()["servers"] == 1


def test_a_full_quota(cluster: MakeCluster, emulator: Emulator, project: Project) -> None:
    emulator.lab.must_post(
        "/_lab/projects", {"token": project.token, "project": project.name, "limits": {"servers": 1}}
    )
    assert "server limit exceeded (resource_limit_exceeded, " in cluster().apply_fails(servers=2)
    assert project.counts()["servers"] == 1


def test_a_rate_limit_is_waited_out(cluster: MakeCluster, project: Project) -> None:
    project.fault({"code": "rate_limit_exceeded"}, times=1, method="POST", path="/networks")
    cluster().apply(servers=1)
    assert [line for line in project.writes() if line.startswith("POST /v1/networks ")] == [
        "POST /v1/networks 429",
        "POST /v1/networks 201",
    ]


def test_a_server_that_is_not_finished_is_tainted_and_replaced(cluster: MakeCluster, project: Project) -> None:
    project.fault({"code": "server_error"}, method="POST", path=r"/servers/\d+/actions/attach_to_network")
    demo = cluster()
    assert "attach server to network: injected by the lab (server_error, " in demo.apply_fails(servers=1)
    assert demo.state()["hcloud_server.this[0]"]["tainted"] is True
    assert demo.changes(servers=1)["hcloud_server.this[0]"] == ["delete", "create"]
    demo.apply(servers=1)
    assert project.counts()["servers"] == 1


def test_a_creation_that_fails_late_is_tainted(cluster: MakeCluster, project: Project) -> None:
    error = {"code": "action_failed", "message": "Action failed"}
    project.fault({"action_error": error}, method="POST", path="/servers")
    demo = cluster()
    assert "Action failed (action_failed, " in demo.apply_fails(servers=1)
    assert demo.state()["hcloud_server.this[0]"]["tainted"] is True


def test_a_lost_answer_makes_no_twin(cluster: MakeCluster, project: Project) -> None:
    project.fault({"drop_response": True}, method="POST", path="/servers")
    demo = cluster()
    demo.apply_fails(servers=1)
    assert project.counts()["servers"] == 1, "the server was made, although nobody was told"
    assert "server name is already used (uniqueness_error, " in demo.apply_fails(servers=1)
    assert project.counts()["servers"] == 1
