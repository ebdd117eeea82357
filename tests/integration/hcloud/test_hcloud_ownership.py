"""Whose project a token opens, and who else is in a Sovereign's network: what the adapter reads from the API."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr

from catalyst_operator.adapters.project import hetzner_project
from catalyst_operator.api import labels
from catalyst_operator.core.project.identity import ProjectAnswer, ProjectQuestion
from catalyst_operator.errors import CloudRateLimited, CloudUnauthorized, CloudUnavailable
from tests.integration.hcloud.emulator import Emulator, Project, new_token
from tests.integration.hcloud.test_hcloud_api import running_server, wait
from tests.support import gen

pytestmark = pytest.mark.integration

CLUSTER = "omantel-d2faa"
OURS = {labels.LABEL_SOVEREIGN_UID: gen.UID}
THEIRS = {labels.LABEL_SOVEREIGN_UID: "another"}


async def look(project: Project, network: int | str = "", *, members: bool = False, **options: Any) -> ProjectAnswer:
    question = ProjectQuestion(gen.UID, CLUSTER, str(network), members)
    before = project.writes()
    found = await hetzner_project.look(project.api.endpoint, SecretStr(project.token), question, **options)
    assert project.writes() == before, "it only ever reads"
    return found


def network(project: Project, name: str = CLUSTER, **marks: str) -> int:
    made = project.api.must_post("/networks", {"name": name, "ip_range": "10.0.0.0/16", "labels": marks})["network"]
    subnet = {"type": "cloud", "ip_range": "10.0.1.0/24", "network_zone": "eu-central"}
    wait(project, project.api.must_post(f"/networks/{made['id']}/actions/add_subnet", subnet)["action"])
    return int(made["id"])


def attached(project: Project, kind: str, id_: int, network_id: int) -> None:
    path = f"/{kind}/{id_}/actions/attach_to_network"
    wait(project, project.api.must_post(path, {"network": network_id})["action"])


class TestWhose:
    async def test_the_network_of_the_state_with_our_label(self, project: Project) -> None:
        id_ = network(project, **OURS)
        assert (await look(project, id_)).found == f"networks/{id_} {CLUSTER}"

    async def test_a_network_that_is_not_there_and_nothing_else(self, project: Project) -> None:
        assert (await look(project, 4711)).found == ""

    async def test_another_project_of_the_same_account(self, project: Project, emulator: Emulator) -> None:
        id_ = network(project, **OURS)
        assert (await look(emulator.project(), id_)).found == ""

    async def test_a_network_of_another_sovereign(self, project: Project) -> None:
        """Its id was in a record that somebody mended by hand, say."""
        assert (await look(project, network(project, **THEIRS))).found == ""

    async def test_without_the_id_a_label_tells(self, project: Project) -> None:
        """A state of before the module had this output."""
        server = running_server(project, f"{CLUSTER}-worker-0", labels=OURS)
        assert (await look(project)).found == f"servers/{server['id']} {CLUSTER}-worker-0"

    @pytest.mark.parametrize(
        ("kind", "body"),
        [
            ("firewalls", {}),
            ("placement_groups", {"type": "spread"}),
            ("load_balancers", {"load_balancer_type": "lb11", "location": "fsn1"}),
        ],
    )
    async def test_a_network_that_somebody_deleted_leaves_others_that_tell(
        self, project: Project, kind: str, body: dict[str, Any]
    ) -> None:
        made = project.api.must_post(f"/{kind}", {"name": "x", "labels": OURS, **body})[kind.removesuffix("s")]
        project.api.must_post(f"/{kind}", {"name": "y", "labels": THEIRS, **body})
        assert (await look(project, 4711)).found == f"{kind}/{made['id']} x"

    async def test_a_network_that_lost_its_label_leaves_others_that_tell(self, project: Project) -> None:
        id_ = network(project)
        assert (await look(project, id_)).found == ""
        made = project.api.must_post("/firewalls", {"name": "x", "labels": OURS})["firewall"]
        assert (await look(project, id_)).found == f"firewalls/{made['id']} x"


class TestForeign:
    async def test_nobody_else(self, project: Project) -> None:
        id_ = network(project, **OURS)
        server = running_server(project, f"{CLUSTER}-worker-0", labels=OURS)
        attached(project, "servers", server["id"], id_)
        assert (await look(project, id_, members=True)).foreign == ()

    async def test_who_else_is_in_the_network_is_named(self, project: Project) -> None:
        id_ = network(project, **OURS)
        other = network(project, "elsewhere", **THEIRS)
        stranger = running_server(project, "stranger")
        attached(project, "servers", stranger["id"], id_)
        attached(project, "servers", running_server(project, "not-here")["id"], other)
        body = {"name": "made-inside", "load_balancer_type": "lb11", "location": "fsn1", "network": id_}
        balancer = project.api.must_post("/load_balancers", body)["load_balancer"]
        found = (await look(project, id_, members=True)).foreign
        assert list(map(str, found)) == [
            f"servers/{stranger['id']} stranger (network {CLUSTER})",
            f"load_balancers/{balancer['id']} made-inside (network {CLUSTER})",
        ]

    async def test_who_else_is_behind_the_firewall_is_named(self, project: Project) -> None:
        """Applied to it one by one, or by its labels."""
        rules = {"name": CLUSTER, "labels": OURS}
        firewall = project.api.must_post("/firewalls", rules)["firewall"]
        first, second = running_server(project, "first"), running_server(project, "second", labels={"team": "b"})
        targets = [
            {"type": "server", "server": {"id": first["id"]}},
            {"type": "label_selector", "label_selector": {"selector": "team=b"}},
        ]
        project.api.must_post(f"/firewalls/{firewall['id']}/actions/apply_to_resources", {"apply_to": targets})
        found = (await look(project, members=True)).foreign
        assert [(m.kind, m.id, m.of) for m in found] == [
            ("servers", first["id"], f"firewall {CLUSTER}"),
            ("servers", second["id"], f"firewall {CLUSTER}"),
        ]

    async def test_a_server_of_ours_whose_label_somebody_took_is_known_by_its_name(self, project: Project) -> None:
        id_ = network(project, **OURS)
        attached(project, "servers", running_server(project, f"{CLUSTER}-worker-3")["id"], id_)
        assert (await look(project, id_, members=True)).foreign == ()

    async def test_nobody_is_asked_about_members_before_a_run_that_destroys_nothing(self, project: Project) -> None:
        id_ = network(project, **OURS)
        attached(project, "servers", running_server(project, "stranger")["id"], id_)
        assert (await look(project, id_)).foreign == ()


class TestUnknown:
    """Whatever is not an answer is an error: a guess could leave a cluster behind, or make a second one."""

    async def test_a_token_that_nobody_knows(self, project: Project) -> None:
        question = ProjectQuestion(gen.UID, CLUSTER)
        with pytest.raises(CloudUnauthorized):
            await hetzner_project.look(project.api.endpoint, SecretStr(new_token()), question)

    @pytest.mark.parametrize("code", ["server_error", "maintenance", "service_error", "locked"])
    async def test_an_error_is_not_an_empty_project(self, project: Project, code: str) -> None:
        id_ = network(project, **OURS)
        project.fault({"code": code, "message": "no"}, times=None)
        with pytest.raises(CloudUnavailable):
            await look(project, id_)

    async def test_used_up_requests(self, project: Project) -> None:
        project.fault({"code": "rate_limit_exceeded", "message": "no"}, times=None)
        with pytest.raises(CloudRateLimited):
            await look(project)

    async def test_silence(self, project: Project) -> None:
        project.fault({"delay_seconds": 5}, times=None)
        with pytest.raises(CloudUnavailable, match=r"did not answer within 0\.2 s"):
            await look(project, limit_seconds=0.2)

    @pytest.mark.parametrize(
        ("status", "body"),
        [
            (404, "<html>a proxy that knows no such page</html>"),
            (404, json.dumps({"error": "no such route"})),
            (200, json.dumps({"networks": []})),
            (200, json.dumps({"networks": None, "meta": {"pagination": {"next_page": None}}})),
            (200, "<html>log in here</html>"),
        ],
    )
    async def test_what_is_not_hetzners_answer_is_no_answer(self, status: int, body: str) -> None:
        async def answer(_: web.Request) -> web.Response:
            return web.Response(status=status, text=body, content_type="application/json")

        app = web.Application()
        app.router.add_get("/v1/{rest:.*}", answer)
        async with TestServer(app) as server:
            question = ProjectQuestion(gen.UID, CLUSTER, "4711")
            with pytest.raises(CloudUnavailable) as caught:
                await hetzner_project.look(str(server.make_url("/v1")), SecretStr(new_token()), question)
        assert "proxy that knows" not in str(caught.value)
