"""The emulator's API: shapes, pages, filters, refusals, as the documentation has them."""

from __future__ import annotations

import base64
import struct
from typing import Any

import pytest

from tests.integration.hcloud.emulator import Client, Emulator, Project, new_token

pytestmark = pytest.mark.integration


def ssh_key(text: str = "key") -> str:
    blob = struct.pack(">I", 11) + b"ssh-ed25519" + struct.pack(">I", 32) + text.encode().ljust(32, b"\0")
    return f"ssh-ed25519 {base64.b64encode(blob).decode()} {text}"


def order(name: str = "one", **more: Any) -> dict[str, Any]:
    return {"name": name, "server_type": "cx23", "image": "ubuntu-24.04", "location": "fsn1", **more}


def network(project: Project, name: str = "net") -> dict[str, Any]:
    subnets = [{"type": "cloud", "network_zone": "eu-central", "ip_range": "10.0.1.0/24"}]
    body = {"name": name, "ip_range": "10.0.0.0/16", "subnets": subnets}
    made: dict[str, Any] = project.api.must_post("/networks", body)["network"]
    return made


def wait(project: Project, action: dict[str, Any]) -> dict[str, Any]:
    """Poll an action to its end; the emulator's own delays bound how long that takes."""
    while action["status"] == "running":
        action = project.api.get("/actions", id=action["id"]).body["actions"][0]
    return action


def running_server(project: Project, name: str = "one", **more: Any) -> dict[str, Any]:
    made = project.api.must_post("/servers", order(name, **more))
    for action in [made["action"], *made["next_actions"]]:
        assert wait(project, action)["status"] == "success"
    server: dict[str, Any] = made["server"]
    return server


class TestAccess:
    def test_no_token(self, emulator: Emulator) -> None:
        answer = emulator.lab.get("/servers")
        assert (answer.status, answer.code) == (401, "unauthorized")

    def test_a_read_only_token_is_refused_before_anything_is_looked_at(self, project: Project) -> None:
        reader = Client(project.api.host, project.api.port, project.second_token(readonly=True))
        assert reader.get("/servers").status == 200
        for answer in (reader.post("/servers", {"nonsense": 1}), reader.delete("/servers/1")):
            assert (answer.status, answer.code) == (403, "token_readonly")

    def test_projects_do_not_see_each_other(self, project: Project, emulator: Emulator) -> None:
        made = network(project)
        other = emulator.project().api
        assert other.get("/networks").body["networks"] == []
        assert other.get(f"/networks/{made['id']}").status == 404
        assert other.post("/networks", {"name": "net", "ip_range": "10.0.0.0/16"}).status == 201

    def test_a_revoked_token_is_unknown(self, project: Project) -> None:
        token = project.second_token(readonly=False)
        project.lab.delete("/_lab/projects", {"token": token})
        assert Client(project.api.host, project.api.port, token).get("/servers").status == 401

    def test_the_log_knows_no_token(self, project: Project) -> None:
        network(project)
        seen = str(project.lab.get("/_lab/requests").body) + str(project.lab.get("/_lab/projects").body)
        assert project.token not in seen

    def test_the_rate_limit_counts_down_and_refuses(self, emulator: Emulator) -> None:
        api = emulator.project(requests_per_hour=2).api
        first = api.get("/locations")
        assert (first.headers["RateLimit-Limit"], first.headers["RateLimit-Remaining"]) == ("2", "1")
        assert api.get("/locations").status == 200
        refused = api.get("/locations")
        assert (refused.status, refused.code) == (429, "rate_limit_exceeded")
        assert refused.headers["RateLimit-Remaining"] == "0"


class TestLists:
    def test_pages(self, project: Project) -> None:
        for number in range(3):
            network(project, f"net-{number}")
        answer = project.api.get("/networks", page=2, per_page=2).body
        assert [item["name"] for item in answer["networks"]] == ["net-2"]
        assert answer["meta"]["pagination"] == {
            "page": 2,
            "per_page": 2,
            "previous_page": 1,
            "next_page": None,
            "last_page": 2,
            "total_entries": 3,
        }

    @pytest.mark.parametrize(
        ("selector", "expected"),
        [
            ("env=prod", ["a"]),
            ("env==prod", ["a"]),
            ("env!=prod", ["b", "c"]),
            ("env", ["a", "b"]),
            ("!env", ["c"]),
            ("env in (prod,test)", ["a", "b"]),
            ("env notin (prod)", ["b", "c"]),
            ("env,tier=web", ["b"]),
            ("example.org/env=prod", []),
        ],
    )
    def test_label_selectors(self, project: Project, selector: str, expected: list[str]) -> None:
        labels: dict[str, dict[str, str]] = {"a": {"env": "prod"}, "b": {"env": "test", "tier": "web"}, "c": {}}
        for name, given in labels.items():
            project.api.must_post("/networks", {"name": name, "ip_range": "10.0.0.0/16", "labels": given})
        found = project.api.get("/networks", label_selector=selector).body["networks"]
        assert [item["name"] for item in found] == expected

    def test_names_and_sorting(self, project: Project) -> None:
        for name in ("b", "a"):
            network(project, name)
        by_name = project.api.get("/networks", name="a").body["networks"]
        assert [item["name"] for item in by_name] == ["a"]
        in_order = project.api.get("/networks", sort="name:desc").body["networks"]
        assert [item["name"] for item in in_order] == ["b", "a"]

    def test_the_catalogue(self, project: Project) -> None:
        types = project.api.get("/server_types", name="cpx21").body["server_types"]
        offers = {offer["name"]: offer for offer in types[0]["locations"]}
        assert offers["ash"]["available"] and offers["ash"]["deprecation"] is None
        assert not offers["fsn1"]["available"]
        assert offers["fsn1"]["deprecation"]["unavailable_after"] == "2026-01-01T00:00:00+00:00"
        images = project.api.get("/images", name="ubuntu-24.04", architecture="arm").body["images"]
        assert [image["architecture"] for image in images] == ["arm"]
        zones = {item["name"]: item["network_zone"] for item in project.api.get("/locations").body["locations"]}
        assert zones == {
            "fsn1": "eu-central",
            "nbg1": "eu-central",
            "hel1": "eu-central",
            "ash": "us-east",
            "hil": "us-west",
            "sin": "ap-southeast",
        }
        assert project.api.get("/pricing").body["pricing"]["currency"] == "EUR"


class TestRefusals:
    @pytest.mark.parametrize(
        ("path", "body", "field"),
        [
            ("/networks", {"name": "n", "ip_range": "10.0.0.0/16", "colour": "red"}, "colour"),
            ("/networks", {"name": "n", "ip_range": 5}, "ip_range"),
            ("/networks", {"name": "n", "ip_range": "8.8.8.0/24"}, "ip_range"),
            ("/networks", {"name": "n", "ip_range": "10.0.0.0/16", "labels": {"a b": "c"}}, "labels"),
            ("/networks", {"name": "n", "ip_range": "10.0.0.0/16", "labels": {"a": "x" * 64}}, "labels"),
            ("/ssh_keys", {"name": "n", "public_key": "ssh-ed25519 nonsense"}, "public_key"),
            ("/firewalls", {"name": "n", "rules": [{"direction": "in", "protocol": "tcp"}]}, "rules.0.port"),
            ("/servers", order("under_score"), "name"),
            ("/servers", order(user_data="x" * (32 * 1024 + 1)), "user_data"),
            ("/servers", order(location="moon"), "location"),
            ("/servers", order(datacenter="fsn1-dc14"), "datacenter"),
        ],
    )
    def test_bad_input_names_the_field(self, project: Project, path: str, body: dict[str, Any], field: str) -> None:
        answer = project.api.post(path, body)
        assert (answer.status, answer.code) == (422, "invalid_input")
        assert [item["name"] for item in answer.body["error"]["details"]["fields"]] == [field]

    def test_broken_json(self, project: Project) -> None:
        assert project.api.post("/networks", "{").code == "json_error"

    def test_unknown_paths_and_objects(self, project: Project) -> None:
        for path in ("/nothing", "/servers/1", "/servers/x", "/actions/1"):
            answer = project.api.get(path)
            assert (answer.status, answer.code) == (404, "not_found"), path

    @pytest.mark.parametrize(
        ("change", "status", "code"),
        [
            ({"server_type": "cx99"}, 404, "not_found"),
            ({"server_type": "cx32"}, 422, "invalid_server_type"),
            ({"server_type": "cx23", "location": "ash"}, 422, "invalid_input"),
            ({"image": "windows"}, 404, "not_found"),
            ({"firewalls": [{"firewall": 1}]}, 404, "not_found"),
            ({"placement_group": 1}, 404, "not_found"),
            ({"ssh_keys": [1]}, 404, "not_found"),
        ],
    )
    def test_orders(self, project: Project, change: dict[str, Any], status: int, code: str) -> None:
        answer = project.api.post("/servers", order(**change))
        assert (answer.status, answer.code) == (status, code)
        assert project.counts() == {}

    def test_names_and_keys_are_unique(self, project: Project) -> None:
        project.api.must_post("/ssh_keys", {"name": "a", "public_key": ssh_key()})
        same_key = project.api.post("/ssh_keys", {"name": "b", "public_key": ssh_key() + " renamed"})
        same_name = project.api.post("/ssh_keys", {"name": "a", "public_key": ssh_key("other")})
        for answer, message in (
            (same_key, "SSH key with the same fingerprint already exists"),
            (same_name, "SSH key name is already used"),
        ):
            assert (answer.status, answer.code) == (409, "uniqueness_error")
            assert answer.body["error"]["message"] == message

    def test_ten_servers_in_a_placement_group(self, project: Project) -> None:
        group = project.api.must_post("/placement_groups", {"name": "g", "type": "spread"})["placement_group"]["id"]
        for number in range(10):
            project.api.must_post("/servers", order(f"s{number}", placement_group=group))
        refused = project.api.post("/servers", order("s10", placement_group=group))
        assert refused.code == "placement_group_member_limit_reached"

    def test_what_is_in_use_stays(self, project: Project) -> None:
        rule = {"direction": "in", "protocol": "icmp", "source_ips": ["0.0.0.0/0"]}
        firewall = project.api.must_post("/firewalls", {"name": "f", "rules": [rule]})["firewall"]["id"]
        net = network(project)["id"]
        server = running_server(project, firewalls=[{"firewall": firewall}], networks=[net])["id"]
        assert project.api.delete(f"/firewalls/{firewall}").code == "resource_in_use"
        subnet = project.api.post(f"/networks/{net}/actions/delete_subnet", {"ip_range": "10.0.1.0/24"})
        assert (subnet.code, "servers are attached" in subnet.body["error"]["message"]) == ("service_error", True)
        wait(project, project.api.delete(f"/servers/{server}").body["action"])
        assert project.api.delete(f"/firewalls/{firewall}").status == 204

    def test_protection(self, project: Project) -> None:
        net = network(project)["id"]
        project.api.must_post(f"/networks/{net}/actions/change_protection", {"delete": True})
        answer = project.api.delete(f"/networks/{net}")
        assert (answer.status, answer.code) == (423, "protected")


class TestServers:
    def test_creation_is_an_action(self, project: Project) -> None:
        made = project.api.must_post("/servers", order())
        assert (made["action"]["command"], made["action"]["status"]) == ("create_server", "running")
        assert made["server"]["status"] == "initializing"
        assert made["action"]["id"] > 2**31, "ids are 64 bits wide"
        number = made["server"]["id"]
        locked = project.api.post(f"/servers/{number}/actions/poweroff", {})
        assert (locked.status, locked.code) == (423, "locked")
        for action in [made["action"], *made["next_actions"]]:
            ended = wait(project, action)
            assert (ended["status"], ended["progress"]) == ("success", 100)
        server = project.api.get(f"/servers/{number}").body["server"]
        assert server["status"] == "running"
        assert server["public_net"]["ipv4"]["ip"].startswith(("203.0.113.", "198.51.100.", "192.0.2."))
        assert project.api.get(f"/servers/{number}/actions").body["meta"]["pagination"]["total_entries"] == 2

    def test_a_deletion_that_is_repeated_does_not_begin_anew(self, project: Project) -> None:
        number = running_server(project, "a")["id"]
        first = project.api.delete(f"/servers/{number}").body["action"]
        again = project.api.delete(f"/servers/{number}")
        assert (again.status, again.code) == (423, "locked")
        assert wait(project, first)["status"] == "success"
        assert project.api.get(f"/servers/{number}").status == 404

    def test_private_addresses(self, project: Project) -> None:
        net = network(project)["id"]
        first, second = running_server(project, "a")["id"], running_server(project, "b")["id"]
        path = "/servers/{}/actions/attach_to_network"
        wait(project, project.api.must_post(path.format(first), {"network": net, "ip": "10.0.1.10"})["action"])
        taken = project.api.post(path.format(second), {"network": net, "ip": "10.0.1.10"})
        outside = project.api.post(path.format(second), {"network": net, "ip": "10.0.2.10"})
        assert (taken.code, outside.code) == ("ip_not_available", "ip_not_available")
        again = project.api.post(path.format(first), {"network": net})
        assert again.code == "server_already_attached"
        wait(project, project.api.must_post(path.format(second), {"network": net})["action"])
        server = project.api.get(f"/servers/{second}").body["server"]
        assert server["private_net"][0]["ip"] == "10.0.1.1"

    def test_a_type_is_changed_on_a_stopped_server_only(self, project: Project) -> None:
        number = running_server(project)["id"]
        path = f"/servers/{number}/actions"
        change = {"server_type": "cx33", "upgrade_disk": True}
        assert project.api.post(f"{path}/change_type", change).code == "server_not_stopped"
        wait(project, project.api.must_post(f"{path}/poweroff", {})["action"])
        wait(project, project.api.must_post(f"{path}/change_type", change)["action"])
        server = project.api.get(f"/servers/{number}").body["server"]
        assert (server["server_type"]["name"], server["primary_disk_size"]) == ("cx33", 80)

    def test_deleting_detaches_volumes(self, project: Project) -> None:
        number = running_server(project)["id"]
        volume = project.api.must_post("/volumes", {"name": "v", "size": 10, "server": number})["volume"]["id"]
        assert project.api.delete(f"/volumes/{volume}").code == "volume_already_attached"
        wait(project, project.api.delete(f"/servers/{number}").body["action"])
        assert project.counts() == {"volumes": 1}, "addresses go with their server, volumes stay"
        assert project.api.get(f"/volumes/{volume}").body["volume"]["server"] is None
        assert project.api.delete(f"/volumes/{volume}").status == 204


class TestLoadBalancers:
    @pytest.fixture
    def balancer(self, project: Project) -> str:
        body = {"name": "lb", "load_balancer_type": "lb11", "location": "fsn1"}
        return f"/load_balancers/{project.api.must_post('/load_balancers', body)['load_balancer']['id']}"

    def test_services(self, project: Project, balancer: str) -> None:
        service = {"protocol": "tcp", "listen_port": 443, "destination_port": 28443}
        project.api.must_post(f"{balancer}/actions/add_service", service)
        assert project.api.post(f"{balancer}/actions/add_service", service).code == "source_port_already_used"
        kept = project.api.get(balancer).body["load_balancer"]["services"][0]
        assert kept["health_check"] == {
            "protocol": "tcp",
            "port": 28443,
            "interval": 15,
            "timeout": 10,
            "retries": 3,
            "http": None,
        }
        assert project.api.post(f"{balancer}/actions/delete_service", {"listen_port": 80}).status == 404
        project.api.must_post(f"{balancer}/actions/delete_service", {"listen_port": 443})

    def test_private_targets_need_a_common_network(self, project: Project, balancer: str) -> None:
        server, net = running_server(project)["id"], network(project)["id"]
        target = {"type": "server", "server": {"id": server}, "use_private_ip": True}
        add = f"{balancer}/actions/add_target"
        assert project.api.post(add, target).code == "load_balancer_not_attached_to_network"
        project.api.must_post(f"{balancer}/actions/attach_to_network", {"network": net})
        assert project.api.post(add, target).code == "server_not_attached_to_network"
        project.api.must_post(f"/servers/{server}/actions/attach_to_network", {"network": net})
        project.api.must_post(add, target)
        assert project.api.post(add, target).code == "target_already_defined"

    def test_a_target_goes_with_its_server(self, project: Project, balancer: str) -> None:
        server = running_server(project)["id"]
        project.api.must_post(f"{balancer}/actions/add_target", {"type": "server", "server": {"id": server}})
        wait(project, project.api.delete(f"/servers/{server}").body["action"])
        assert project.api.get(balancer).body["load_balancer"]["targets"] == []


class TestFaults:
    def test_a_stuck_server_can_be_deleted(self, project: Project) -> None:
        project.fault({"stuck": True}, method="POST", path="/servers")
        made = project.api.must_post("/servers", order())
        action = project.api.get(f"/actions/{made['action']['id']}").body["action"]
        assert (action["status"], action["progress"]) == ("running", 0)
        wait(project, project.api.delete(f"/servers/{made['server']['id']}").body["action"])
        assert project.counts() == {}
        assert project.api.get(f"/actions/{made['action']['id']}").body["action"]["status"] == "error"

    def test_matching_and_counting(self, project: Project) -> None:
        project.fault({"code": "conflict", "message": "no"}, times=2, method="POST", path="/servers", name="a.*")
        assert project.api.post("/servers", order("b1")).status == 201
        assert [project.api.post("/servers", order("a1")).status for _ in range(3)] == [409, 409, 201]

    def test_after_some(self, project: Project) -> None:
        body: dict[str, Any] = {
            "match": {"project": project.name, "method": "GET"},
            "effect": {"raw_status": 502},
            "after": 1,
        }
        project.lab.must_post("/_lab/faults", body)
        assert [project.api.get("/servers").status for _ in range(3)] == [200, 502, 200]

    def test_one_slow_server(self, project: Project) -> None:
        project.fault({"action_seconds": 30}, method="POST", path="/servers", name="slow")
        slow = project.api.must_post("/servers", order("slow"))["action"]
        wait(project, project.api.must_post("/servers", order("quick"))["action"])
        assert project.api.get(f"/actions/{slow['id']}").body["action"]["status"] == "running"

    def test_a_fault_that_makes_no_sense_is_refused(self, project: Project) -> None:
        cases: tuple[dict[str, Any], ...] = (
            {"effect": {"colour": "red"}},
            {"match": {"path": "("}, "effect": {}},
            {"match": {}},
        )
        for body in cases:
            assert project.lab.post("/_lab/faults", body).code == "invalid_input"

    def test_objects_may_linger(self, project: Project, emulator: Emulator) -> None:
        net = network(project)["id"]
        before = emulator.lab.get("/_lab/delays").body
        emulator.lab.must_post("/_lab/delays", before | {"delete_linger_seconds": 30})
        try:
            assert project.api.delete(f"/networks/{net}").status == 204
            assert project.api.get(f"/networks/{net}").status == 200
        finally:
            emulator.lab.must_post("/_lab/delays", before)


def test_a_size_is_sold_out_for_a_while(emulator: Emulator) -> None:
    api = emulator.project().api
    offer = {"server_type": "cx53", "location": "hel1"}
    emulator.lab.post("/_lab/offers", {**offer, "available": False})
    refused = api.post("/servers", order(server_type="cx53", location="hel1"))
    assert (refused.status, refused.code) == (412, "resource_unavailable")
    assert refused.body["error"]["message"] == "error during placement"
    emulator.lab.post("/_lab/offers", {**offer, "available": True, "monthly": "99.00"})
    assert api.post("/servers", order(server_type="cx53", location="hel1")).status == 201
    prices = api.get("/server_types", name="cx53").body["server_types"][0]["prices"]
    monthly = {price["location"]: price["price_monthly"]["net"] for price in prices}
    assert (monthly["hel1"], monthly["fsn1"]) == ("99.0000000000", "29.4900000000")


def test_a_size_is_retired_and_sold_again(emulator: Emulator) -> None:
    api = emulator.project().api
    offer = {"server_type": "cpx62", "location": "hel1"}
    emulator.lab.post("/_lab/offers", {**offer, "retired": True})
    refused = api.post("/servers", order(server_type="cpx62", location="hel1"))
    assert (refused.status, refused.code) == (422, "invalid_server_type")
    offers = api.get("/server_types", name="cpx62").body["server_types"][0]["locations"]
    assert {entry["name"] for entry in offers if entry["deprecation"]} == {"hel1"}
    emulator.lab.post("/_lab/offers", {**offer, "retired": False})
    assert api.post("/servers", order(server_type="cpx62", location="hel1")).status == 201


def test_tokens_have_64_characters(emulator: Emulator) -> None:
    assert emulator.lab.post("/_lab/projects", {"token": new_token()[:-1]}).code == "invalid_input"
