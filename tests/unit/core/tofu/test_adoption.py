"""Adoption: what exists and is in no state, at which address, and by which import id."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import pytest

from catalyst_operator.core.project import hetzner
from catalyst_operator.core.tofu import adoption
from catalyst_operator.core.tofu.adoption import Import, find, import_blocks, termination_message
from tests.support.paths import REPOSITORY

Raw = dict[str, Any]
Cloud = dict[str, list[Raw]]
Held = dict[str, str]

MODULE = REPOSITORY / "infra" / "hetzner"
NAME = "acme-1a2b3"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGVkMjU1MTktc2FtcGxlLWtleS1mb3ItdGhlLXRlc3Rz"
KEY_DIGEST = "4cfe9f355cc2"
OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGFub3RoZXItc2FtcGxlLWtleS1mb3ItdGhlLXRlc3Q="
OTHER_DIGEST = hashlib.sha256(OTHER_KEY.encode()).hexdigest()[:12]
TARGET = 'hcloud_load_balancer_target.this["{}"]'


def variables(control_planes: int = 3, workers: int = 2, keys: tuple[str, ...] = (f"{KEY} admin@acme.example",)) -> Raw:
    return {
        "cluster_name": NAME,
        "control_plane_sizes": ["cx33"] * control_planes,
        "worker_sizes": ["cx43"] * workers,
        "ssh_public_keys": list(keys),
    }


def named(number: int, suffix: str = "", **more: Any) -> Raw:
    return {"id": number, "name": NAME + suffix, **more}


def cloud(control_planes: int = 3, workers: int = 2) -> Cloud:
    """The whole of a Sovereign, as the API lists it. Servers: control planes from 10 on, workers from 50 on."""
    servers = [named(10 + n, f"-control-plane-{n}") for n in range(control_planes)]
    servers += [named(50 + n, f"-worker-{n}") for n in range(workers)]
    balancer = named(
        3,
        private_net=[{"network": 1, "ip": "10.0.1.5"}],
        services=[{"listen_port": 80}, {"listen_port": 443}],
        targets=[{"type": "server", "server": {"id": server["id"]}} for server in servers],
    )
    groups = [named(5 + n, f"-worker-{n}") for n in range(-(-workers // 10))]
    return {
        "networks": [named(1, subnets=[{"ip_range": "10.0.1.0/24", "type": "cloud"}])],
        "firewalls": [named(2)],
        "load_balancers": [balancer],
        "ssh_keys": [named(4, f"-{KEY_DIGEST}", public_key=KEY)],
        "placement_groups": [named(9, "-control-plane"), *groups],
        "servers": servers,
    }


WHOLE: Held = {
    "hcloud_network.this": "1",
    "hcloud_network_subnet.this": "1-10.0.1.0/24",
    "hcloud_firewall.this": "2",
    "hcloud_load_balancer.this": "3",
    "hcloud_load_balancer_network.this": "3-1",
    'hcloud_load_balancer_service.this["http"]': "3__80",
    'hcloud_load_balancer_service.this["https"]': "3__443",
    f'hcloud_ssh_key.this["{KEY_DIGEST}"]': "4",
    "hcloud_placement_group.control_plane": "9",
    "hcloud_placement_group.worker[0]": "5",
    **{f"hcloud_server.control_plane[{n}]": f"{10 + n}" for n in range(3)},
    **{f"hcloud_server.worker[{n}]": f"{50 + n}" for n in range(2)},
    **{TARGET.format(f"control-plane-{n}"): f"3__server__{10 + n}" for n in range(3)},
    **{TARGET.format(f"worker-{n}"): f"3__server__{50 + n}" for n in range(2)},
}
"""Address to import id of everything in `cloud()`."""


def state(held: Held) -> Raw:
    """The state that holds just these, as `tofu state pull` prints it."""
    return {"version": 4, "resources": [_resource(address, id_) for address, id_ in held.items()]}


def _resource(address: str, id_: str) -> Raw:
    match = re.fullmatch(r"(\w+)\.(\w+)(?:\[(.+)\])?", address)
    assert match
    type_, name, index = match.groups()
    attributes: Raw = {"id": id_}
    if type_ == "hcloud_load_balancer_target":
        balancer, _, server = id_.split("__")
        attributes = {
            "id": f"lb-srv-tgt-{server}-{balancer}",
            "load_balancer_id": int(balancer),
            "server_id": int(server),
        }
    instance = {"attributes": attributes} | ({} if index is None else {"index_key": json.loads(index)})
    return {"mode": "managed", "type": type_, "name": name, "instances": [instance]}


def without(held: Held, *prefixes: str) -> Held:
    return {address: id_ for address, id_ in held.items() if not address.startswith(prefixes)}


def ids(imports: tuple[Import, ...]) -> Held:
    return {found.address: found.id for found in imports}


@pytest.mark.parametrize(
    ("lost", "why"),
    [
        (("",), "no state at all"),
        (("hcloud_server.",), "killed while servers were made"),
        (("hcloud_load_balancer_",), "what hangs on the load balancer has no label of its own"),
        (("hcloud_network_subnet",), "neither has a subnet"),
        (("hcloud_ssh_key.", "hcloud_placement_group.", "hcloud_firewall."), "small things are made first"),
        (("hcloud_network.",), "its subnet stayed in the state"),
        (("no such thing",), "nothing was lost"),
    ],
)
def test_what_the_state_lost_is_found_at_its_address(lost: tuple[str, ...], why: str) -> None:
    kept = without(WHOLE, *lost)
    orphans = find(variables(), state(kept), cloud())
    assert ids(orphans.wanted) == {a: i for a, i in WHOLE.items() if a not in kept}, why
    assert (orphans.surplus, orphans.stale, orphans.unknown) == ((), (), ())


def test_an_empty_state_and_none_are_the_same() -> None:
    assert find(variables(), {}, cloud()) == find(variables(), {"version": 4, "resources": []}, cloud())


@pytest.mark.parametrize("nothing", [{}, {kind: [] for kind in cloud()}], ids=["no kinds", "no objects"])
def test_nothing_in_the_cloud_is_nothing_to_adopt(nothing: Cloud) -> None:
    for held in ({}, WHOLE):
        orphans = find(variables(), state(held), nothing)
        assert (orphans.wanted, orphans.surplus, orphans.stale, orphans.unknown) == ((), (), (), ())


def test_what_was_not_made_yet_is_not_adopted() -> None:
    """Killed early: the load balancer is neither in the network nor has it services, and only one server exists."""
    early = cloud(control_planes=1, workers=0)
    early["load_balancers"] = [named(3, private_net=[], services=[], targets=[])]
    early["networks"] = [named(1, subnets=[])]
    assert ids(find(variables(), {}, early).wanted) == {
        "hcloud_network.this": "1",
        "hcloud_firewall.this": "2",
        "hcloud_load_balancer.this": "3",
        f'hcloud_ssh_key.this["{KEY_DIGEST}"]': "4",
        "hcloud_placement_group.control_plane": "9",
        "hcloud_server.control_plane[0]": "10",
    }


def with_balancer(**changed: Any) -> Cloud:
    whole = cloud()
    whole["load_balancers"] = [{**whole["load_balancers"][0], **changed}]
    return whole


@pytest.mark.parametrize(
    ("there", "missing", "why"),
    [
        (
            with_balancer(private_net=[{"network": 77, "ip": "10.0.1.5"}]),
            "hcloud_load_balancer_network.this",
            "attached to another network",
        ),
        (
            with_balancer(services=[{"listen_port": 443}, {"listen_port": 8080}]),
            'hcloud_load_balancer_service.this["http"]',
            "a service of somebody else",
        ),
        (
            with_balancer(
                targets=[
                    *({"type": "server", "server": {"id": n}} for n in (10, 11, 12, 50, 77)),
                    {"type": "label_selector", "label_selector": {"selector": "a=b"}},
                    {"type": "ip", "ip": {"ip": "203.0.113.9"}},
                ]
            ),
            TARGET.format("worker-1"),
            "targets of somebody else",
        ),
        (
            {**cloud(), "networks": [named(1, subnets=[{"ip_range": "10.0.2.0/24"}])]},
            "hcloud_network_subnet.this",
            "a subnet of somebody else",
        ),
    ],
)
def test_what_others_hang_on_our_objects_is_theirs(there: Cloud, missing: str, why: str) -> None:
    orphans = find(variables(), {}, there)
    assert ids(orphans.wanted) == without(WHOLE, missing), why
    assert (orphans.surplus, orphans.unknown) == ((), ())


# --- surplus: no longer wanted ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "there", "surplus", "wider", "why"),
    [
        (
            variables(workers=1),
            cloud(),
            {"hcloud_server.worker[1]": "51", TARGET.format("worker-1"): "3__server__51"},
            {"worker_sizes": ["cx43", "cx33"]},
            "scaled down before the recovery",
        ),
        (
            variables(workers=0),
            cloud(),
            {
                "hcloud_placement_group.worker[0]": "5",
                **{f"hcloud_server.worker[{n}]": f"{50 + n}" for n in range(2)},
                **{TARGET.format(f"worker-{n}"): f"3__server__{50 + n}" for n in range(2)},
            },
            {"worker_sizes": ["cx33", "cx33"]},
            "no workers any more, so no group for them",
        ),
        (
            variables(workers=2),
            {**cloud(), "placement_groups": [*cloud()["placement_groups"], named(6, "-worker-1")]},
            {"hcloud_placement_group.worker[1]": "6"},
            {"worker_sizes": ["cx43"] * 2 + ["cx33"] * 9},
            "a second group takes eleven workers",
        ),
        (
            variables(control_planes=1),
            cloud(),
            {
                **{f"hcloud_server.control_plane[{n}]": f"{10 + n}" for n in (1, 2)},
                **{TARGET.format(f"control-plane-{n}"): f"3__server__{10 + n}" for n in (1, 2)},
            },
            {"control_plane_sizes": ["cx33"] * 3},
            "high availability was taken back",
        ),
        (
            variables(keys=(OTHER_KEY,)),
            cloud(),
            {f'hcloud_ssh_key.this["{KEY_DIGEST}"]': "4"},
            {"ssh_public_keys": [OTHER_KEY, KEY]},
            "another key was asked for since",
        ),
    ],
)
def test_what_is_not_wanted_any_more_is_adopted_to_be_destroyed(
    asked: Raw, there: Cloud, surplus: Held, wider: Raw, why: str
) -> None:
    orphans = find(asked, {}, there)
    assert ids(orphans.surplus) == surplus, why
    assert {name: orphans.wider[name] for name in wider} == wider
    assert not set(surplus) & set(ids(orphans.wanted))
    assert orphans.unknown == ()


def test_the_wider_variables_are_what_the_module_takes() -> None:
    orphans = find(variables(control_planes=1, workers=1), {}, cloud(control_planes=2, workers=30))
    assert len(orphans.wider["control_plane_sizes"]) == 3, "one or three"
    assert len(orphans.wider["worker_sizes"]) == 30


def test_targets_beyond_the_limit_have_no_address() -> None:
    """25 workers take all places of the load balancer, so the module has no address for a control plane's."""
    orphans = find(variables(control_planes=1, workers=25), {}, cloud(control_planes=1, workers=25))
    assert orphans.unknown == (f"{TARGET.format('control-plane-0')} (id 3__server__10)",)
    assert len([found for found in orphans.wanted if "target" in found.address]) == 25


# --- unknown and stale ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "stray", "told", "why"),
    [
        ("servers", named(99, "-bastion"), "servers/99 acme-1a2b3-bastion", "no server of that name is ours"),
        ("servers", named(99, "-worker-007"), "servers/99 acme-1a2b3-worker-007", "ours have no leading zero"),
        ("servers", named(99, "-worker-100"), "servers/99 acme-1a2b3-worker-100", "more than there can be"),
        ("servers", named(99, "-worker-90"), "hcloud_server.worker[90] (id 99)", "the module takes 90 workers"),
        ("servers", named(99, "-control-plane-3"), "hcloud_server.control_plane[3] (id 99)", "and 3 control planes"),
        ("servers", {"id": 99, "name": "other-worker-0"}, "servers/99 other-worker-0", "another cluster's name"),
        ("servers", {"id": 1, "name": "bastion"}, "servers/1 bastion", "the network has that id, but it is no server"),
        ("volumes", {"id": 99, "name": "data"}, "volumes/99 data", "the module makes no volumes"),
        ("ssh_keys", named(99, "-mine", public_key=OTHER_KEY), "ssh_keys/99 acme-1a2b3-mine", "named by its digest"),
    ],
)
def test_what_has_no_address_is_told(kind: str, stray: Raw, told: str, why: str) -> None:
    there = cloud()
    there[kind] = [*there.get(kind, ()), stray]
    orphans = find(variables(), state(WHOLE), there)
    assert orphans.unknown == (told,), why
    assert (orphans.wanted, orphans.surplus) == ((), ())


def test_what_the_state_knows_is_no_stranger_by_another_name() -> None:
    """Renamed by hand: the plan gives it its name back."""
    there = cloud()
    there["servers"][-1] = {"id": 51, "name": "renamed"}
    assert find(variables(), state(WHOLE), there).unknown == ()


def test_an_object_that_took_the_place_of_the_states_is_adopted_in_its_stead() -> None:
    """Killed after a server was replaced and before that was written down. Its target went with the old one."""
    there = cloud()
    there["servers"][-1]["id"] = 60
    there["load_balancers"][0]["targets"][-1]["server"]["id"] = 60
    orphans = find(variables(), state(WHOLE), there)
    assert ids(orphans.wanted) == {"hcloud_server.worker[1]": "60", TARGET.format("worker-1"): "3__server__60"}
    assert set(orphans.stale) == set(ids(orphans.wanted))


def test_an_old_object_that_still_exists_is_told() -> None:
    there = cloud()
    there["servers"] = [*there["servers"][:-1], {"id": 51, "name": "renamed"}, named(60, "-worker-1")]
    orphans = find(variables(), state(WHOLE), there)
    assert "hcloud_server.worker[1]" in orphans.stale
    assert orphans.unknown == ("servers/51 renamed",)


def test_deposed_objects_and_data_sources_do_not_stand_for_an_address() -> None:
    held = state(WHOLE)
    server = next(r for r in held["resources"] if r["name"] == "worker" and r["type"] == "hcloud_server")
    server["instances"] = [{**server["instances"][0], "deposed": "abcd1234"}]
    held["resources"].append(
        {"mode": "data", "type": "hcloud_network", "name": "this", "instances": [{"attributes": {"id": "77"}}]}
    )
    assert ids(find(variables(), held, cloud()).wanted) == {"hcloud_server.worker[0]": "50"}


# --- what leaves ------------------------------------------------------------------------------------------------------


def test_a_block_per_import() -> None:
    blocks = import_blocks([Import(TARGET.format("worker-0"), "3__server__50"), Import("hcloud_network.this", "1")])
    assert blocks == (
        'import {\n  to = hcloud_load_balancer_target.this["worker-0"]\n  id = "3__server__50"\n}\n'
        'import {\n  to = hcloud_network.this\n  id = "1"\n}\n'
    )


def test_the_message_names_ten_and_counts_all() -> None:
    many = [Import(TARGET.format(f"control-plane-{n}"), f"3__server__{n}") for n in range(40)]
    said = termination_message(many, [f"servers/{n} {'x' * 63}" for n in range(40)])
    told = json.loads(said)
    assert len(said) <= 1500
    assert told["count"] == 40
    assert "more" in told["adopted"][-1]
    assert "more" in told["unknown"][-1]
    few = json.loads(termination_message(many[:10], ()))
    assert few == {"count": 10, "adopted": [found.address for found in many[:10]], "unknown": []}


def test_facts_of_the_module_are_as_the_module_has_them() -> None:
    files = ("locals.tf", "load_balancer.tf", "variables.tf")
    locals_, balancer, inputs = ((MODULE / name).read_text() for name in files)
    assert re.findall(r'subnet_cidr += "(.+)"', locals_) == [adoption.SUBNET]
    assert re.findall(r"spread_group_size = (\d+)", locals_) == [str(hetzner.SPREAD_GROUP_SIZE)]
    assert re.findall(r"target_limit = (\d+)", balancer) == [str(adoption.TARGET_LIMIT)]
    assert re.findall(r"length\(var.worker_sizes\) <= (\d+)", inputs) == [str(adoption.MAX_WORKERS)]
    assert re.findall(r"contains\(\[1, (\d+)\], length", inputs) == [str(adoption.HIGH_AVAILABILITY)]
    services = {int(port): name for name, port in re.findall(r"(\w+) += \{ listen = (\d+)", balancer)}
    assert services == adoption.SERVICES
