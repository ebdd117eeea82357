"""What the module does not make and a sweep meets: floating IPs, certificates, snapshots, targets by label."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.hcloud.emulator import Project
from tests.integration.hcloud.test_hcloud_api import running_server, wait

pytestmark = pytest.mark.integration


def made(project: Project, kind: str, body: dict[str, Any]) -> dict[str, Any]:
    reply = project.api.must_post(f"/{kind}", body)
    if reply.get("action"):
        wait(project, reply["action"])
    found: dict[str, Any] = reply[kind.removesuffix("s")]
    return found


def test_a_floating_ip_outlives_its_server(project: Project) -> None:
    server = running_server(project, "web")
    address = made(project, "floating_ips", {"type": "ipv4", "name": "fip", "server": server["id"]})
    assert (address["server"], address["home_location"]["name"]) == (server["id"], server["location"]["name"])
    wait(project, project.api.delete(f"/servers/{server['id']}").body["action"])
    assert project.api.get(f"/floating_ips/{address['id']}").body["floating_ip"]["server"] is None
    assert project.api.delete(f"/floating_ips/{address['id']}").status == 204


def test_a_floating_ip_that_is_assigned_is_unassigned_by_its_deletion(project: Project) -> None:
    server = running_server(project, "web")
    address = made(project, "floating_ips", {"type": "ipv4", "name": "fip", "server": server["id"]})
    assert project.api.delete(f"/floating_ips/{address['id']}").status == 204


def test_a_certificate_in_use_cannot_be_deleted(project: Project) -> None:
    body = {"name": "c", "type": "managed", "domain_names": ["a.example.com"]}
    certificate = made(project, "certificates", body)
    balancer = made(project, "load_balancers", {"name": "lb", "load_balancer_type": "lb11", "location": "fsn1"})
    service = {"protocol": "https", "http": {"certificates": [certificate["id"]]}}
    wait(project, project.api.must_post(f"/load_balancers/{balancer['id']}/actions/add_service", service)["action"])
    shown = project.api.get(f"/certificates/{certificate['id']}").body["certificate"]
    assert shown["used_by"] == [{"id": balancer["id"], "type": "load_balancer"}]
    assert project.api.delete(f"/certificates/{certificate['id']}").code == "resource_in_use"
    project.api.delete(f"/load_balancers/{balancer['id']}")
    assert project.api.delete(f"/certificates/{certificate['id']}").status == 204


def test_a_snapshot_is_an_image_of_the_project_without_a_name(project: Project) -> None:
    server = running_server(project, "web")
    body = {"type": "snapshot", "description": "before", "labels": {"a": "b"}}
    image = project.api.must_post(f"/servers/{server['id']}/actions/create_image", body)["image"]
    listed = project.api.get("/images", type="snapshot", label_selector="a=b").body["images"]
    assert [(item["id"], item["name"], item["description"]) for item in listed] == [(image["id"], None, "before")]
    assert project.api.get("/images", type="system").body["images"], "the system's are there as well"
    assert project.api.delete(f"/images/{image['id']}").status == 204


def test_a_balancers_selector_shows_whom_it_selects(project: Project) -> None:
    server = running_server(project, "web", labels={"role": "web"})
    running_server(project, "other")
    balancer = made(project, "load_balancers", {"name": "lb", "load_balancer_type": "lb11", "location": "fsn1"})
    target = {"type": "label_selector", "label_selector": {"selector": "role=web"}}
    wait(project, project.api.must_post(f"/load_balancers/{balancer['id']}/actions/add_target", target)["action"])
    shown = project.api.get(f"/load_balancers/{balancer['id']}").body["load_balancer"]["targets"][0]
    assert [reached["server"]["id"] for reached in shown["targets"]] == [server["id"]]
