"""The sweep of a destroy, against the emulated API: what the cluster made goes, what might be another's stays."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from catalyst_operator.adapters.project import hetzner_project
from catalyst_operator.api.labels import LABEL_SOVEREIGN_UID
from catalyst_operator.core.project import sweeping
from catalyst_operator.core.project.belongings import CCM_LABEL, Reference
from catalyst_operator.core.project.identity import ForeignMember, ProjectQuestion
from catalyst_operator.in_job import hcloud, leftovers, sweep
from catalyst_operator.in_job.leftovers import Patience
from catalyst_operator.in_job.sweep import EXIT_IN_THE_WAY, Sweeper, SweepPatience
from tests.integration.hcloud.cluster import Tofu
from tests.integration.hcloud.emulator import Emulator, Project, new_token
from tests.integration.hcloud.rundir import RunDirectory, prepared_module
from tests.integration.hcloud.test_hcloud_api import running_server, wait
from tests.support import gen

pytestmark = pytest.mark.integration

CLUSTER = "omantel-d2faa"
OURS = {LABEL_SOVEREIGN_UID: gen.UID}
THEIRS = {LABEL_SOVEREIGN_UID: "another"}
CCM = {CCM_LABEL: "5f1c"}
CSI = {"managed-by": "csi-driver", "pvc-name": "data", "pvc-namespace": "db", "pv-name": "pvc-1"}
QUICK = SweepPatience(power_off=60, deadline=60, pause=0.02, when_limited=0.05)
AT_ONCE = replace(QUICK, deadline=0)


class Place:
    """A project with a Sovereign in it: its network, and a server that is in the state."""

    def __init__(self, project: Project, log: Path) -> None:
        self.project = project
        self.log = log
        self.network = self.make_network(CLUSTER, OURS)
        self.server = self.make_server(f"{CLUSTER}-control-plane-0", self.network, OURS)
        self.held = frozenset({("networks", self.network), ("servers", self.server)})

    def make(self, kind: str, name: str, labels: dict[str, str], **body: Any) -> int:
        reply = self.project.api.must_post(f"/{kind}", {"name": name, "labels": labels, **body})
        if reply.get("action"):
            wait(self.project, reply["action"])
        for action in reply.get("next_actions", ()):
            wait(self.project, action)
        return int(reply[kind.removesuffix("s")]["id"])

    def make_network(self, name: str, labels: dict[str, str]) -> int:
        subnet = {"type": "cloud", "ip_range": "10.0.1.0/24", "network_zone": "eu-central"}
        return self.make("networks", name, labels, ip_range="10.0.0.0/16", subnets=[subnet])

    def make_server(self, name: str, network: int, labels: dict[str, str]) -> int:
        id_ = int(running_server(self.project, name, labels=labels)["id"])
        self.act("servers", id_, "attach_to_network", network=network)
        return id_

    def balancer(self, name: str, labels: dict[str, str], network: int | None, *targets: int) -> int:
        where = {"network": network} if network else {}
        id_ = self.make("load_balancers", name, labels, load_balancer_type="lb11", location="fsn1", **where)
        for server in targets:
            self.act("load_balancers", id_, "add_target", type="server", server={"id": server})
        return id_

    def volume(self, name: str, labels: dict[str, str], server: int | None) -> int:
        where = {"server": server} if server else {"location": "fsn1"}
        return self.make("volumes", name, labels, size=10, **where)

    def act(self, kind: str, id_: int, action: str, **body: Any) -> None:
        wait(self.project, self.project.api.must_post(f"/{kind}/{id_}/actions/{action}", body)["action"])

    def sweep(self, patience: SweepPatience = QUICK, *, sweep_all: bool = False) -> int:
        return sweep.told(Sweeper(self.held, patience, sweep_all=sweep_all), self.log)

    @property
    def told(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self.log.read_text())
        return said

    def ids(self, name: str) -> set[Reference]:
        return {(kind, id_) for kind, found in sweeping.unpacked(self.told.get(name)).items() for id_ in found}

    def there(self, kind: str) -> set[int]:
        return {item["id"] for item in self.project.inventory()[kind]}

    @property
    def status(self) -> str:
        return str(self.project.api.get(f"/servers/{self.server}").body["server"]["status"])

    async def foreign(self) -> list[ForeignMember]:
        """Who the operator finds in the way before a run."""
        question = ProjectQuestion(gen.UID, CLUSTER, str(self.network), members=True)
        endpoint, token = self.project.api.endpoint, SecretStr(self.project.token)
        return list((await hetzner_project.look(endpoint, token, question)).foreign)


def opens(monkeypatch: pytest.MonkeyPatch, endpoint: str, token: str) -> None:
    monkeypatch.setenv("HCLOUD_ENDPOINT", endpoint)
    monkeypatch.setenv("HCLOUD_TOKEN", token)
    monkeypatch.setenv("CATALYST_SOVEREIGN_UID", gen.UID)


@pytest.fixture
def place(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    opens(monkeypatch, project.api.endpoint, project.token)
    return Place(project, tmp_path / "log")


class TestMadeInside:
    async def test_balancers_and_volumes_of_controllers_go_and_are_told(self, place: Place) -> None:
        in_network = place.balancer("a5f1c", CCM, place.network, place.server)
        without = place.balancer("a77aa", CCM, None, place.server)
        attached = place.volume("pvc-1", CSI, place.server)
        assert await place.foreign() == [], "what the cluster made is in nobody's way"

        assert place.sweep() == 0
        assert (place.there("load_balancers"), place.there("volumes")) == (set(), set())
        made = {("load_balancers", in_network), ("load_balancers", without), ("volumes", attached)}
        assert place.ids("removed") == made
        assert place.ids("found") == made | place.held
        assert (place.there("servers"), place.there("networks")) == ({place.server}, {place.network})

    def test_servers_are_powered_off_before_anything_goes(self, place: Place) -> None:
        place.volume("pvc-1", CSI, place.server)
        place.sweep()
        assert place.status == "off"
        writes = [entry.split()[:2] for entry in place.project.writes()]
        off = writes.index(["POST", f"/v1/servers/{place.server}/actions/poweroff"])
        assert not [method for method, _ in writes[:off] if method in ("DELETE", "PUT")]

    def test_a_volume_is_marked_before_it_is_taken_from_where_it_tells(self, place: Place) -> None:
        """A sweep that is killed in between finds it again by its label."""
        volume = place.volume("pvc-1", CSI, place.server)
        place.project.fault({"code": "server_error"}, times=None, method="POST", path=".*/detach")
        assert place.sweep(AT_ONCE) == 1
        place.project.lab.delete("/_lab/faults")
        place.act("volumes", volume, "detach")
        assert place.project.api.get(f"/volumes/{volume}").body["volume"]["labels"] == {**CSI, **OURS}
        assert place.sweep() == 0
        assert place.there("volumes") == set()

    def test_a_certificate_goes_with_the_balancer_that_it_was_made_for(self, place: Place) -> None:
        made = place.make("certificates", "ccm-managed", CCM, type="managed", domain_names=["a.example.com"])
        theirs = place.make("certificates", "kept", {}, type="managed", domain_names=["b.example.com"])
        balancer = place.balancer("a5f1c", CCM, place.network)
        service = {"protocol": "https", "http": {"certificates": [made, theirs]}}
        place.act("load_balancers", balancer, "add_service", **service)
        assert place.sweep() == 0
        assert place.there("certificates") == {theirs}

    def test_what_carries_our_label_and_is_in_no_state_goes(self, place: Place) -> None:
        server = place.make_server("made-by-crossplane", place.network, OURS)
        place.volume("ours", OURS, None)
        assert place.sweep() == 0
        assert (place.there("servers") & {server}, place.there("volumes")) == (set(), set())

    def test_a_volume_on_no_server_may_be_of_any_cluster(self, place: Place) -> None:
        loose = place.volume("pvc-2", CSI, None)
        assert place.sweep() == 0
        assert place.there("volumes") == {loose}
        assert place.ids("unclear") == {("volumes", loose)}

    def test_many_are_read_in_pages(self, place: Place) -> None:
        for number in range(53):
            place.volume(f"pvc-{number}", {**CSI, **OURS}, None)
        assert place.sweep() == 0
        assert place.there("volumes") == set()
        assert len(place.ids("removed")) == 53


class TestOthers:
    @pytest.fixture
    def neighbour(self, place: Place) -> tuple[int, int]:
        """Another Sovereign in the project: its network, and a server there."""
        network = place.make_network("omantel-77aaf", THEIRS)
        return network, place.make_server("omantel-77aaf-control-plane-0", network, THEIRS)

    async def test_another_sovereign_in_the_project_keeps_all_that_it_has(
        self, place: Place, neighbour: tuple[int, int]
    ) -> None:
        network, server = neighbour
        balancer, volume = place.balancer("a99", CCM, network, server), place.volume("pvc-9", CSI, server)
        place.volume("pvc-1", CSI, place.server)
        assert await place.foreign() == []
        assert place.sweep(sweep_all=True) == 0
        assert place.there("servers") == {place.server, server}
        assert (place.there("load_balancers"), place.there("volumes")) == ({balancer}, {volume})
        assert place.project.api.get(f"/servers/{server}").body["server"]["status"] == "running"

    def test_our_label_on_another_sovereigns_objects_takes_nothing_from_it(
        self, place: Place, neighbour: tuple[int, int]
    ) -> None:
        """Whoever has the project's token can write labels."""
        network, server = neighbour
        volume = place.volume("pvc-9", {**CSI, **OURS}, server)
        place.project.api.send("PUT", f"/servers/{server}", {"labels": OURS})
        place.project.api.send("PUT", f"/networks/{network}", {"labels": OURS})
        before = len(place.project.writes())
        assert place.sweep(sweep_all=True) == EXIT_IN_THE_WAY
        assert f"servers/{server} " in place.told["explanation"]
        assert place.project.writes()[before:] == []
        assert place.there("volumes") == {volume}

    async def test_our_label_elsewhere_is_told_before_a_run(self, place: Place, neighbour: tuple[int, int]) -> None:
        volume = place.volume("pvc-9", {**CSI, **OURS}, neighbour[1])
        (found,) = await place.foreign()
        assert str(found) == f"volumes/{volume} pvc-9 (with this Sovereign's label, but elsewhere)"
        assert found.shared

    async def test_what_serves_others_as_well_blocks_whatever_is_asked_for(
        self, place: Place, neighbour: tuple[int, int]
    ) -> None:
        balancer = place.balancer("shared", CCM, None, place.server, neighbour[1])
        assert [(m.id, m.shared) for m in await place.foreign()] == [(balancer, True)]
        assert place.sweep(sweep_all=True) == EXIT_IN_THE_WAY
        assert place.there("load_balancers") == {balancer}

    async def test_foreign_ones_block_before_anything_is_begun(self, place: Place) -> None:
        balancer = place.balancer("by-hand", {}, place.network)
        volume = place.volume("by-hand", {}, place.server)
        server = place.make_server("bastion", place.network, {})
        before = len(place.project.writes())
        assert place.sweep() == EXIT_IN_THE_WAY
        assert place.project.writes()[before:] == []
        assert (place.status, place.told["count"]) == ("running", 3)
        found = {(m.kind, m.id, m.of, m.shared) for m in await place.foreign()}
        assert found == {
            ("servers", server, f"network {CLUSTER}", False),
            ("load_balancers", balancer, f"network {CLUSTER}", False),
            ("volumes", volume, f"server {place.server}", False),
        }

    def test_foreign_ones_go_if_that_is_asked_for(self, place: Place) -> None:
        place.balancer("by-hand", {}, place.network)
        place.volume("by-hand", {}, place.server)
        place.make_server("bastion", place.network, {})
        assert place.sweep(sweep_all=True) == 0
        assert place.there("servers") == {place.server}
        assert (place.there("load_balancers"), place.there("volumes")) == (set(), set())

    async def test_a_server_behind_the_firewall_is_never_swept(self, place: Place) -> None:
        rules = {"name": CLUSTER, "labels": OURS}
        firewall = place.project.api.must_post("/firewalls", rules)["firewall"]["id"]
        server = int(running_server(place.project, "behind")["id"])
        target = {"type": "server", "server": {"id": server}}
        place.project.api.must_post(f"/firewalls/{firewall}/actions/apply_to_resources", {"apply_to": [target]})
        assert [(m.id, m.shared) for m in await place.foreign()] == [(server, True)]

    @pytest.mark.parametrize("kind", ["volumes", "load_balancers"])
    def test_protection_is_a_persons_word(self, place: Place, kind: str) -> None:
        made = (
            place.volume("pvc-1", CSI, place.server)
            if kind == "volumes"
            else place.balancer("a5f1c", CCM, place.network)
        )
        place.act(kind, made, "change_protection", delete=True)
        assert place.sweep(sweep_all=True) == EXIT_IN_THE_WAY
        assert f"protected from being deleted: {kind}/{made}" in place.told["explanation"]
        assert place.status == "running"


class TestTrouble:
    def test_a_balancer_that_comes_between_look_and_delete_goes_too(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = place.balancer("a1", CCM, place.network)
        late: list[int] = []
        deleted = hcloud.delete

        def delete(kind: str, number: int) -> None:
            deleted(kind, number)
            if not late:
                late.append(place.balancer("a2", CCM, place.network))

        monkeypatch.setattr(hcloud, "delete", delete)
        assert place.sweep() == 0
        assert place.ids("removed") == {("load_balancers", first), ("load_balancers", late[0])}

    def test_one_that_always_comes_anew_ends_in_time_and_is_named(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Something outside of the cluster makes it."""
        place.balancer("a1", CCM, place.network)
        deleted = hcloud.delete

        def delete(kind: str, number: int) -> None:
            deleted(kind, number)
            place.balancer(f"a-{number}", CCM, place.network)

        monkeypatch.setattr(hcloud, "delete", delete)
        assert place.sweep(replace(QUICK, deadline=0.3)) == 1
        assert "there is still something to remove: load_balancers/" in place.told["explanation"]

    def test_one_that_changed_hands_since_the_look_is_left(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        made = place.balancer("a1", CCM, place.network)
        one = hcloud.one

        def changed(kind: str, number: int) -> dict[str, Any] | None:
            if kind == "load_balancers":
                place.project.api.send("PUT", f"/load_balancers/{made}", {"labels": {**CCM, **THEIRS}})
            return one(kind, number)

        monkeypatch.setattr(hcloud, "one", changed)
        assert place.sweep() == EXIT_IN_THE_WAY
        assert place.there("load_balancers") == {made}

    @pytest.mark.parametrize("code", ["locked", "conflict", "rate_limit_exceeded", "server_error", "service_error"])
    def test_what_passes_is_tried_again(self, place: Place, code: str) -> None:
        place.volume("pvc-1", CSI, place.server)
        place.balancer("a1", CCM, place.network)
        for method, path in (("DELETE", "/.*"), ("PUT", "/.*"), ("POST", ".*/(detach|poweroff)")):
            place.project.fault({"code": code}, times=2, method=method, path=path)
        assert place.sweep() == 0
        assert (place.there("load_balancers"), place.there("volumes")) == (set(), set())

    @pytest.mark.parametrize("code", ["rate_limit_exceeded", "unavailable"])
    def test_a_look_that_is_refused_for_a_while_is_repeated(self, place: Place, code: str) -> None:
        place.project.fault({"code": code}, times=3, method="GET", path="/load_balancers")
        assert place.sweep() == 0

    @pytest.mark.parametrize("code", ["rate_limit_exceeded", "locked", "server_error"])
    def test_not_knowing_is_not_nothing_left(self, place: Place, code: str) -> None:
        place.project.fault({"code": code}, times=None, method="GET", path="/volumes")
        assert place.sweep(AT_ONCE) == 1
        assert code in place.told["explanation"]

    def test_what_cannot_be_removed_says_why(self, place: Place) -> None:
        made = place.balancer("a1", CCM, place.network)
        place.project.fault({"code": "locked"}, times=None, method="DELETE", path="/.*")
        assert place.sweep(AT_ONCE) == 1
        assert f"load_balancers/{made} a1 (HTTP Error 423 (locked))" in place.told["explanation"]

    def test_one_that_is_told_to_stop_still_tells_what_it_removed(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, _ = place.balancer("a1", CCM, place.network), place.balancer("a2", CCM, place.network)
        deleted = hcloud.delete

        def delete(kind: str, number: int) -> None:
            if number != first:
                raise sweep.Stopped("told to stop")
            deleted(kind, number)

        monkeypatch.setattr(hcloud, "delete", delete)
        assert place.sweep() == sweep.EXIT_STOPPED
        assert place.ids("removed") == {("load_balancers", first)}

    def test_a_server_that_cannot_be_powered_off_holds_nothing_up(self, place: Place) -> None:
        place.volume("pvc-1", CSI, place.server)
        place.project.fault({"code": "locked"}, times=None, method="POST", path=".*/poweroff")
        assert place.sweep(replace(QUICK, power_off=0)) == 0

    def test_a_token_that_may_only_read_ends_it(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        place.volume("pvc-1", CSI, place.server)
        monkeypatch.setenv("HCLOUD_TOKEN", place.project.second_token(readonly=True))
        assert place.sweep(replace(QUICK, power_off=0)) == 1
        assert "token_readonly" in place.told["explanation"]

    def test_a_token_that_nobody_knows(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HCLOUD_TOKEN", new_token())
        assert place.sweep() == hcloud.EXIT_UNAUTHORIZED

    def test_another_project_has_nothing_to_sweep(
        self, place: Place, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It never comes so far, since the gate found nothing; were it to, nothing would be taken."""
        monkeypatch.setenv("HCLOUD_TOKEN", emulator.project().token)
        assert place.sweep() == 0
        assert place.ids("removed") == set()


class TestAfterTheServers:
    @pytest.fixture
    def left(self, place: Place) -> Callable[[], int]:
        """The look after a destroy, with little patience; the Sovereign's own objects are gone."""
        place.project.api.delete(f"/servers/{place.server}")
        place.project.api.delete(f"/networks/{place.network}")
        return lambda: leftovers.main(place.log, Patience(deadline=5, pause=0.02))

    def test_addresses_snapshots_and_certificates_with_our_label_go(
        self, place: Place, left: Callable[[], int]
    ) -> None:
        other = int(running_server(place.project, "other")["id"])
        snapshot = {"type": "snapshot", "labels": OURS}
        image = place.project.api.must_post(f"/servers/{other}/actions/create_image", snapshot)["image"]["id"]
        made = {
            ("images", image),
            ("primary_ips", place.make("primary_ips", "ip", OURS, type="ipv4", location="fsn1")),
            ("floating_ips", place.make("floating_ips", "fip", OURS, type="ipv4", home_location="fsn1")),
            ("certificates", place.make("certificates", "c", OURS, type="managed", domain_names=["a.example.com"])),
        }
        kept = place.make("floating_ips", "theirs", THEIRS, type="ipv4", home_location="fsn1")
        assert left() == 0
        assert place.ids("removed") == made
        assert place.there("floating_ips") == {kept}
        assert (place.there("images"), place.there("certificates")) == (set(), set())

    def test_one_that_serves_another_server_stays_and_blocks(self, place: Place, left: Callable[[], int]) -> None:
        other = int(running_server(place.project, "other")["id"])
        address = place.make("floating_ips", "fip", OURS, type="ipv4", server=other)
        assert leftovers.main(place.log, Patience(deadline=1, pause=0.02)) == leftovers.EXIT_LEFT
        assert f"floating_ips/{address} fip" in place.told["left"]

    def test_one_that_somebody_protected_is_told_as_such(self, place: Place, left: Callable[[], int]) -> None:
        address = place.make("floating_ips", "fip", OURS, type="ipv4", home_location="fsn1")
        place.act("floating_ips", address, "change_protection", delete=True)
        assert leftovers.main(place.log, Patience(deadline=1, pause=0.02)) == leftovers.EXIT_LEFT
        assert place.told["left"] == [f"floating_ips/{address} fip (protected from being deleted)"]

    @pytest.mark.parametrize("kind", ["firewalls", "placement_groups"])
    def test_what_is_opentofus_to_remove_is_left_to_it(self, place: Place, left: Callable[[], int], kind: str) -> None:
        body = {"type": "spread"} if kind == "placement_groups" else {}
        made = place.make(kind, "x", OURS, **body)
        assert leftovers.main(place.log, Patience(deadline=1, pause=0.02)) == leftovers.EXIT_LEFT
        assert place.there(kind) == {made}


@pytest.fixture(scope="module")
def module(tofu: Tofu, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepared_module(tofu, tmp_path_factory.mktemp("module"))


def test_a_destroy_with_its_sweep_leaves_nothing(tofu: Tofu, module: Path, tmp_path: Path, project: Project) -> None:
    """With the module, real OpenTofu and its state."""
    sovereign = RunDirectory.create(tofu, module, tmp_path / "work", project)
    sovereign.ask(control_plane_sizes=["cx33"], worker_sizes=["cx43"])
    sovereign.build()
    before = project.inventory()
    network, worker = before["networks"][0]["id"], before["servers"][-1]["id"]
    body = {"name": "a5f1c", "labels": CCM, "load_balancer_type": "lb11", "location": "fsn1", "network": network}
    wait(project, project.api.must_post("/load_balancers", body)["action"])
    volume = {"name": "pvc-1", "labels": CSI, "size": 10, "server": worker}
    wait(project, project.api.must_post("/volumes", volume)["next_actions"][0])

    sovereign.plan("-destroy")
    said = sovereign.sweep()
    assert set(sweeping.unpacked(said["removed"])) == {"load_balancers", "volumes"}
    found = sweeping.unpacked(said["found"])
    assert {id_ for kind in ("servers", "networks") for id_ in found[kind]} == {
        item["id"] for kind in ("servers", "networks") for item in before[kind]
    }
    after = project.inventory()
    assert len(after["load_balancers"]) == 1, "the one of the state is OpenTofu's to remove"
    assert {server["status"] for server in after["servers"]} == {"off"}
    sovereign.apply()
    assert project.counts() == {}
