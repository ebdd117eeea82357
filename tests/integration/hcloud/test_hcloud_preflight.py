"""The look at a project before anything is spent there: what the adapter reads from the API, judged."""

from __future__ import annotations

import json
import socket
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr

from catalyst_operator.adapters.project import hetzner_answers, hetzner_api, hetzner_preflight
from catalyst_operator.api import labels
from catalyst_operator.api.phases import PreflightResult
from catalyst_operator.core.errors import codes
from catalyst_operator.core.project import preflight
from catalyst_operator.core.project.preflight import Check, CloudView, Wanted
from catalyst_operator.core.runs.tfvars import tfvars
from catalyst_operator.errors import CloudError, CloudRateLimited, CloudUnauthorized, CloudUnavailable
from tests.integration.hcloud.emulator import Client, Emulator, Project, new_token
from tests.integration.hcloud.test_hcloud_api import order, ssh_key, wait
from tests.integration.tofu import OpenTofu, copy_of_module
from tests.support import gen
from tests.support.gen import RawMod, spec

pytestmark = pytest.mark.integration

PASSED, FAILED = PreflightResult.PASSED, PreflightResult.FAILED
CLUSTER = "omantel-d2faa"
OURS = {
    labels.LABEL_SOVEREIGN: "omantel",
    labels.LABEL_SOVEREIGN_NAMESPACE: "team-a",
    labels.LABEL_SOVEREIGN_UID: gen.UID,
}
THEIRS = OURS | {labels.LABEL_SOVEREIGN_NAMESPACE: "team-b", labels.LABEL_SOVEREIGN_UID: "another"}


def want(*mods: RawMod, sizes: tuple[str, ...] = ("cpx22",)) -> Wanted:
    """One control plane with this ladder of sizes, and the workers that the spec asks for."""
    found = gen.sovereign(*mods)
    variables = tfvars(found, gen.SETTINGS)
    workers = {f"{CLUSTER}-worker-{n}": (size,) for n, size in enumerate(variables["worker_sizes"])}
    return preflight.wanted(found, variables, {f"{CLUSTER}-control-plane-0": sizes} | workers)


async def look(project: Project, wanted: Wanted, **options: Any) -> CloudView:
    return await hetzner_preflight.look(project.api.endpoint, SecretStr(project.token), wanted, **options)


async def checks(project: Project, wanted: Wanted) -> dict[str, Check]:
    """The checks by name, after a look that wrote nothing."""
    before = project.writes()
    found = preflight.judge(wanted, await look(project, wanted))
    assert project.writes() == before
    return {check.name: check for check in found}


async def only_failure(project: Project, wanted: Wanted) -> tuple[str, str, str]:
    """Name, code and message of the one check that failed."""
    failed = [check for check in (await checks(project, wanted)).values() if check.result is FAILED]
    assert len(failed) == 1, failed
    assert failed[0].error is not None
    return failed[0].name, failed[0].error.code, failed[0].message


def remaining(project: Project) -> int:
    """What is left of the project's requests, before this question."""
    return int(project.api.get("/locations").headers["RateLimit-Remaining"]) + 1


def without_token(error: BaseException, token: str) -> None:
    """Neither the error nor whatever Python would print with it, nor what hangs on it, holds the token."""
    chain: list[BaseException | None] = [error]
    while (current := chain.pop()) is not None:
        assert token not in f"{current} {current!r} {current.args!r} {vars(current)!r}"
        chain += [current.__cause__ or current.__context__]
    assert token not in "".join(traceback.format_exception(error))


class TestJudged:
    async def test_an_empty_project(self, project: Project) -> None:
        found = await checks(project, want(gen.workers(12)))
        assert {name: check.result for name, check in found.items()} == dict.fromkeys(preflight.CHECKS, PASSED)
        assert found["sizes"].message == "All sizes can be ordered in fsn1."

    async def test_what_is_ours_is_not_in_the_way(self, project: Project) -> None:
        """Also in a size that could not be ordered today."""
        key = gen.raw_sovereign()["spec"]["sshPublicKeys"][0]
        wanted = want(sizes=("cx99",))
        project.api.must_post("/networks", {"name": CLUSTER, "ip_range": "10.0.0.0/16", "labels": OURS})
        project.api.must_post("/firewalls", {"name": CLUSTER, "labels": OURS})
        name = wanted.names["ssh_keys"][0]
        project.api.must_post("/ssh_keys", {"name": name, "public_key": key, "labels": OURS})
        project.api.must_post("/servers", order(f"{CLUSTER}-control-plane-0", labels=OURS))
        found = await checks(project, wanted)
        assert {check.result for check in found.values()} == {PASSED}, found

    @pytest.mark.parametrize(
        ("location", "sizes", "code", "message"),
        [
            ("fsn1", ("cpx99",), codes.SIZE_UNKNOWN, "Hetzner has no server type cpx99."),
            (
                "ash",
                ("cpx22",),
                codes.SIZE_NOT_IN_LOCATION,
                "cpx22 is not offered in ash, only in fsn1, hel1, nbg1, sin.",
            ),
            ("fsn1", ("cpx21",), codes.SIZE_RETIRED, "cpx21 can no longer be ordered in fsn1; use cpx22 instead."),
            ("fsn1", ("cpx22", "cx32"), codes.SIZE_RETIRED, "cx32 can no longer be ordered in fsn1; use cx33 in"),
        ],
    )
    async def test_a_size_that_cannot_be_ordered(
        self, project: Project, location: str, sizes: tuple[str, ...], code: codes.Code, message: str
    ) -> None:
        wanted = want(spec(regions=[{"location": location}]), sizes=sizes)
        name, found, told = await only_failure(project, wanted)
        assert (name, found) == ("sizes", code.code)
        assert told.startswith(message)

    async def test_an_arm_size(self, project: Project) -> None:
        name, code, message = await only_failure(project, want(sizes=("cpx22", "cax11")))
        assert (name, code) == ("sizes", codes.INVALID_INPUT.code)
        assert message.startswith("cax11 has arm processors")

    async def test_before_its_retirement_a_size_can_still_be_ordered(self, project: Project) -> None:
        wanted = want(sizes=("cpx21",))
        for when, result in ((2025, PASSED), (2027, FAILED)):
            view = await look(project, wanted, clock=lambda year=when: datetime(year, 11, 1, tzinfo=UTC))
            assert preflight.judge(wanted, view)[1].result is result, when

    @pytest.fixture
    def sold_out(self, emulator: Emulator) -> Iterator[str]:
        """A size that is sold out in nbg1."""
        offer = {"server_type": "cx53", "location": "nbg1"}
        assert emulator.lab.post("/_lab/offers", {**offer, "available": False}).status == 204
        yield "cx53"
        assert emulator.lab.post("/_lab/offers", {**offer, "available": True}).status == 204

    async def test_sold_out_is_told_but_no_failure(self, project: Project, sold_out: str) -> None:
        wanted = want(spec(regions=[{"location": "nbg1"}]), sizes=(sold_out, "cpx62"))
        found = (await checks(project, wanted))["sizes"]
        assert found.result is PASSED
        assert found.message == "cx53 is sold out in nbg1 at the moment; cpx62 is tried next."

    @pytest.mark.parametrize(
        ("given", "told"),
        [({}, "is not this Sovereign's."), (THEIRS, "belongs to the Sovereign team-b/omantel.")],
    )
    async def test_a_network_of_our_name(self, project: Project, given: dict[str, str], told: str) -> None:
        body = {"name": CLUSTER, "ip_range": "10.0.0.0/16", "labels": given}
        made = project.api.must_post("/networks", body)["network"]
        name, code, message = await only_failure(project, want())
        assert (name, code) == ("names", codes.NAME_CONFLICT.code)
        assert message == f"networks/{made['id']} {CLUSTER} exists already and {told}"

    async def test_a_server_and_a_placement_group_of_our_names(self, project: Project) -> None:
        """Of these kinds more than one name is asked for, and all are listed."""
        made = project.api.must_post("/servers", order(f"{CLUSTER}-worker-0"))
        wait(project, made["action"])
        project.api.must_post("/placement_groups", {"name": f"{CLUSTER}-worker-0", "type": "spread"})
        _, _, message = await only_failure(project, want(gen.workers(1)))
        assert message.count("exists already") == 2
        assert f"servers/{made['server']['id']} {CLUSTER}-worker-0" in message

    async def test_a_key_that_the_project_has(self, project: Project) -> None:
        key = ssh_key("foreign")
        body = {"name": "acme-1a2b3-0123456789ab", "public_key": key, "labels": THEIRS}
        mark = project.api.must_post("/ssh_keys", body)["ssh_key"]["fingerprint"]
        name, code, message = await only_failure(project, want(spec(sshPublicKeys=[f"{key} with a comment"])))
        assert (name, code) == ("ssh-keys", codes.SSH_KEY_CONFLICT.code)
        assert message == (
            f"The key {mark} is in the project already, as acme-1a2b3-0123456789ab of the Sovereign team-b/omantel."
        )

    async def test_what_is_on_the_second_page_is_found(self, project: Project) -> None:
        for n in range(hetzner_api.PER_PAGE + 1):
            project.api.must_post("/ssh_keys", {"name": f"key-{n}", "public_key": ssh_key(f"key {n}")})
        name, _, message = await only_failure(
            project, want(spec(sshPublicKeys=[ssh_key(f"key {hetzner_api.PER_PAGE}")]))
        )
        assert name == "ssh-keys"
        assert f"as key-{hetzner_api.PER_PAGE}." in message

    async def test_a_token_that_may_only_read_is_not_found_out(self, project: Project) -> None:
        """What the check's message says: a GET cannot tell."""
        reader = Client(project.api.host, project.api.port, project.second_token(readonly=True))
        found = (await checks(Project(project.name, reader, project.lab), want()))["token"]
        assert found.result is PASSED
        assert "whether it may also write shows when something is created" in found.message

    async def test_a_look_takes_seven_requests(self, emulator: Emulator) -> None:
        """Of so few an hour that none comes back within the test."""
        project = emulator.project(requests_per_hour=60)
        before = remaining(project)
        await look(project, want(gen.workers(3)))
        assert before - remaining(project) == 8, "seven, and the question before"


class TestRefused:
    async def refused(self, project: Project, wanted: Wanted | None = None, **options: Any) -> CloudError:
        with pytest.raises(CloudError) as caught:
            await look(project, wanted or want(), **options)
        without_token(caught.value, project.token)
        return caught.value

    async def test_a_revoked_token(self, project: Project) -> None:
        project.lab.delete("/_lab/projects", {"token": project.token})
        error = await self.refused(project)
        assert isinstance(error, CloudUnauthorized)
        assert str(error) == "it is not known there, or was revoked"

    @pytest.mark.parametrize(
        ("token", "told"),
        [
            ("short", "it has 5 characters instead of 64"),
            ("x" * 65, "it has 65 characters instead of 64"),
            ("x" * 63 + "\n", "it has other characters than letters and digits"),
            ("x" * 63 + "é", "it has other characters than letters and digits"),
        ],
    )
    async def test_what_cannot_be_a_token_is_not_sent(self, token: str, told: str) -> None:
        with pytest.raises(CloudUnauthorized) as caught:
            await hetzner_preflight.look("http://127.0.0.1:1", SecretStr(token), want())
        assert str(caught.value) == told
        without_token(caught.value, token)

    async def test_a_rate_limit_that_is_used_up(self, emulator: Emulator) -> None:
        """It would be full again in an hour; enough for a look is there sooner."""
        before = datetime.now(UTC)
        error = await self.refused(emulator.project(requests_per_hour=3))
        assert isinstance(error, CloudRateLimited)
        assert before <= error.until - hetzner_answers.REFILL_PATIENCE <= datetime.now(UTC)

    async def test_a_rate_limit_that_is_full_again_soon(self, emulator: Emulator) -> None:
        """Each request takes a second to refill, and a look makes seven."""
        project = emulator.project(requests_per_hour=3600)
        project.fault({"code": "rate_limit_exceeded"}, times=None, method="GET")
        before = datetime.now(UTC)
        error = await self.refused(project)
        assert isinstance(error, CloudRateLimited)
        assert before < error.until <= datetime.now(UTC) + timedelta(seconds=7)

    async def test_nobody_listens(self, project: Project) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            silent = Project(project.name, Client("127.0.0.1", free.getsockname()[1], project.token), project.lab)
            error = await self.refused(silent)
        assert isinstance(error, CloudUnavailable)
        assert "Hetzner's API did not answer (ClientConnectorError" in str(error)

    @pytest.mark.parametrize(
        ("effect", "told", "why"),
        [
            ({"drop_request": True}, "did not answer", "the connection breaks"),
            ({"code": "maintenance"}, "answered with HTTP status 503", "the API is down"),
            ({"raw_status": 502}, "answered with HTTP status 502", "a proxy without the API behind it"),
            ({"raw_status": 401}, "answered with HTTP status 401", "a proxy that wants a login: not the token's fault"),
            ({"raw_status": 200}, "list of networks cannot be read", "a success without content"),
        ],
    )
    async def test_an_answer_that_is_none(self, project: Project, effect: dict[str, Any], told: str, why: str) -> None:
        project.fault(effect, times=None, method="GET", path="/networks")
        error = await self.refused(project)
        assert isinstance(error, CloudUnavailable), why
        assert told in str(error), why

    async def test_an_api_that_takes_too_long(self, project: Project) -> None:
        project.fault({"delay_seconds": 2}, times=None, method="GET", path="/firewalls")
        error = await self.refused(project, limit_seconds=0.3)
        assert isinstance(error, CloudUnavailable)
        assert str(error) == "Hetzner's API did not answer within 0.3 s"

    async def test_a_redirect_is_not_followed(self) -> None:
        """The token would go to whom it was not meant for."""
        asked: list[str] = []

        async def elsewhere(request: web.Request) -> web.Response:
            asked.append(request.path)
            return web.Response(status=302, headers={"Location": "/other"})

        app = web.Application()
        app.router.add_get("/{path:.*}", elsewhere)
        async with TestServer(app) as server:
            with pytest.raises(CloudUnavailable, match="HTTP status 302"):
                await hetzner_preflight.look(str(server.make_url("/v1")), SecretStr(new_token()), want())
        assert "/other" not in asked


def test_the_names_are_those_that_the_module_plans(tmp_path: Path, project: Project) -> None:
    """Else a name would be vouched for that nobody uses."""
    wanted = want(gen.workers(11))
    variables = tfvars(gen.sovereign(gen.workers(11)), gen.SETTINGS)
    module = copy_of_module(tmp_path)
    sample = (module / "tests" / "sample.auto.tfvars").read_text()
    (module / "sample.auto.tfvars").write_text(sample)
    given = {name: variables[name] for name in ("cluster_name", "worker_sizes", "ssh_public_keys")}
    (module / "zz.auto.tfvars.json").write_text(json.dumps(given))
    (module / "provider.tf").write_text(
        f'provider "hcloud" {{\n  token    = "{project.token}"\n  endpoint = "{project.api.endpoint}"\n}}\n'
    )
    tofu = OpenTofu.with_provider(tmp_path / "home")
    tofu.must("init", "-input=false", cwd=module)
    tofu.must("plan", "-input=false", "-out=plan", cwd=module)
    plan = json.loads(tofu.must("show", "-json", "plan", cwd=module))
    planned: dict[str, set[str]] = {}
    for resource in plan["planned_values"]["root_module"]["resources"]:
        if "name" in resource["values"]:
            planned.setdefault(f"{resource['type'].removeprefix('hcloud_')}s", set()).add(resource["values"]["name"])
    assert planned == {kind: set(names) for kind, names in wanted.names.items()}
