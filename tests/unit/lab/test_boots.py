"""Which servers boot and what holds them back, who joins whom, what addresses they get, where a balancer leads to."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterator
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from e2e.lab.errors import LabError
from e2e.lab.etcd_gateway import EtcdFailed, Member
from e2e.lab.hcloud.addresses import DOCUMENTATION, public_ipv4
from e2e.lab.hcloud.boot import host, joining, membership, node_password
from e2e.lab.hcloud.boot.balancers import Listener, destinations, listeners, targets
from e2e.lab.hcloud.boot.boots import BootEffect, BootFault, Boots
from e2e.lab.hcloud.boot.first_boot import TLS, FirstBoot
from e2e.lab.hcloud.boot.place import Place
from e2e.lab.hcloud.boot.user_data import CloudConfig, File
from e2e.lab.hcloud.errors import ApiError
from e2e.lab.hcloud.store import Store
from e2e.lab.layout import Layout


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path)
    yield opened
    opened.close()


# --- settings ---


def fault(project: str = "p", match: str = ".*", **effect: Any) -> BootFault:
    return BootFault(project=project, match=match, effect=BootEffect(**effect))


def test_nobodys_servers_boot_unasked(store: Store) -> None:
    """A story that does not look at clusters must not pay for them."""
    boots = Boots(store)
    assert not boots.boots("p")
    boots.set_boots("p", True)
    assert boots.boots("p")
    assert not boots.boots("other")


def test_settings_outlive_the_emulator(store: Store) -> None:
    """It is restarted in the middle of a lab's life."""
    boots = Boots(store)
    boots.set_boots("p", True)
    boots.set_kit_faults("p", {"console": 404})
    boots.add_fault(fault(never=True))
    again = Boots(store)
    assert again.boots("p")
    assert again.kit_faults("p") == {"console": 404}
    assert again.effect("p", "any").never


def test_a_fault_strikes_the_servers_that_it_names(store: Store) -> None:
    """The whole name must match, and the project too."""
    boots = Boots(store)
    boots.add_fault(fault(match="demo-worker-.*", delay_seconds=5))
    assert boots.effect("p", "demo-worker-0").delay_seconds == 5
    for project, server in (("p", "other-demo-worker-0"), ("p", "demo-worker"), ("q", "demo-worker-0")):
        assert boots.effect(project, server) == BootEffect()


def test_the_newest_fault_counts(store: Store) -> None:
    """A story changes its mind."""
    boots = Boots(store)
    boots.add_fault(fault(never=True))
    boots.add_fault(fault(match="x"))
    assert not boots.effect("p", "x").never
    assert boots.effect("p", "y").never


def test_faults_are_taken_back_for_one_project(store: Store) -> None:
    """Stories run beside each other."""
    boots = Boots(store)
    for project in ("p", "q"):
        boots.add_fault(fault(project, never=True))
    boots.clear_faults("p")
    assert (boots.effect("p", "x").never, boots.effect("q", "x").never) == (False, True)
    boots.clear_faults()
    assert boots.faults() == []


async def test_whoever_waits_is_told_of_a_change(store: Store) -> None:
    """A boot that is held back goes on at once."""
    boots = Boots(store)
    waiting = asyncio.create_task(boots.changed())
    await asyncio.sleep(0)
    assert not waiting.done()
    boots.clear_faults()
    await asyncio.wait_for(waiting, 5)


def test_a_reset_leaves_the_lab_s_own_project(store: Store) -> None:
    """What the emulator was started with."""
    boots = Boots(store)
    boots.set_boots("default", True)
    boots.set_boots("p", True)
    boots.set_kit_faults("p", {"console": 404})
    boots.add_fault(fault(never=True))
    boots.forget("default")
    assert (boots.boots("default"), boots.boots("p"), boots.faults(), boots.kit_faults("p")) == (True, False, [], {})


@pytest.mark.parametrize("wrong", [{"match": "("}, {"effect": {"nver": True}}, {"effect": {"delay_seconds": -1}}])
def test_a_fault_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    """A story that misspells it would test nothing."""
    with pytest.raises(ValidationError):
        BootFault.model_validate({"project": "p", "effect": {}, **wrong})


# --- joining ---

AUTHORITY = "the certificate of the server's authority"
DIGEST = hashlib.sha256(AUTHORITY.encode()).hexdigest()
ALIKE: dict[str, Any] = {"flannel-backend": "none", "disable-network-policy": True, "disable": ["traefik", "servicelb"]}
SERVER, AGENT = f"K10{DIGEST}::server:aaa", f"K10{DIGEST}::node:bbb"
FIRST = FirstBoot(
    CloudConfig({f"{TLS}server-ca.crt": File(AUTHORITY)}, ()), {}, {**ALIKE, "token": SERVER, "agent-token": AGENT}
)


def joiner(service: str, **k3s: Any) -> FirstBoot:
    return FirstBoot(CloudConfig({}, ()), {"K3S_SERVICE": service}, {"server": "https://10.0.1.10:6443", **k3s})


def server(**k3s: Any) -> FirstBoot:
    return joiner("k3s.service", **{**ALIKE, "token": SERVER, **k3s})


def worker(token: str) -> FirstBoot:
    return joiner("k3s-agent.service", token=token)


def test_nodes_join_with_their_tokens() -> None:
    """Each with its own kind."""
    assert joining.refusals(server(), FIRST, AUTHORITY) == []
    assert joining.refusals(worker(AGENT), FIRST, AUTHORITY) == []


NOT_JOINING = {
    "of another cluster": (worker(f"K10{'0' * 64}::node:bbb"), "trusts another cluster"),
    "with another password": (worker(f"K10{DIGEST}::node:ccc"), "another agent-token"),
    "worker with the server's token": (worker(SERVER), "another agent-token"),
    "server with the agent's token": (server(token=AGENT), "another token"),
    "without a token": (server(token=None), "trusts another cluster"),
    "with flannel": (server(**{"flannel-backend": "vxlan"}), "mismatch between servers: flannel-backend"),
    "with servicelb": (server(disable=["traefik"]), "mismatch between servers: disable-service-lb"),
    "with a helm controller less": (server(**{"disable-helm-controller": True}), "servers: disable-helm-controller"),
    "with other Pod addresses": (server(**{"cluster-cidr": "10.1.0.0/16"}), "mismatch between servers: cluster-cidr"),
    "with encrypted secrets": (server(**{"secrets-encryption": True}), "servers: secrets-encryption"),
}


@pytest.mark.parametrize(("boot", "sentence"), NOT_JOINING.values(), ids=NOT_JOINING)
def test_k3s_lets_nobody_else_in(boot: FirstBoot, sentence: str) -> None:
    """As k3s would not."""
    assert any(sentence in refusal for refusal in joining.refusals(boot, FIRST, AUTHORITY))


@pytest.mark.parametrize(
    "differs",
    [{"disable-kube-proxy": True}, {"disable": ["servicelb"]}, {"flannel-ipv6-masq": False}, {"tls-san": ["other"]}],
    ids=["kube-proxy", "traefik", "a default that is said", "names"],
)
def test_servers_may_differ_in_what_k3s_does_not_compare(differs: dict[str, Any]) -> None:
    """A check that is stricter than k3s would hide what really happens."""
    assert joining.refusals(server(**differs), FIRST, AUTHORITY) == []


MEMBERS = [
    Member(
        1, "cp-0-1a2b3c4d", ("https://192.0.2.1:2380",), ("https://192.0.2.1:2379", "https://10.0.1.10:2379"), False
    ),
    Member(
        2, "cp-1-5e6f7a8b", ("https://192.0.2.2:2380",), ("https://192.0.2.2:2379", "https://10.0.1.11:2379"), False
    ),
]


def member_of(name: str, ip: str) -> FirstBoot:
    return FirstBoot(CloudConfig({}, ()), {"NODE_NAME": name, "NODE_IP": ip}, {})


@pytest.mark.parametrize(
    ("name", "ip", "words"),
    [
        ("cp-1", "10.0.1.12", "duplicate node name found, please use a unique name for this node"),
        ("cp-2", "10.0.1.11", "etcdserver: Peer URLs already exists"),
    ],
    ids=["the name of a member", "the address of a member"],
)
def test_etcd_lets_nobody_in_twice(name: str, ip: str, words: str) -> None:
    """A member counts until it is removed, dead or not."""
    with pytest.raises(joining.NotYet, match=words):
        membership.check(MEMBERS, member_of(name, ip), "https://192.0.2.9:2380")


def test_a_control_plane_with_its_own_name_and_address_may_join() -> None:
    """Also one that was let in before and has not started yet: it is no other."""
    membership.check(MEMBERS, member_of("cp-2", "10.0.1.12"), "https://192.0.2.9:2380")
    membership.check(MEMBERS, member_of("cp-1", "10.0.1.11"), "https://192.0.2.2:2380")


class Unreachable:
    """A gateway of nobody."""

    def members(self) -> list[Member]:
        raise EtcdFailed("connection refused")


async def test_an_etcd_that_ended_before_it_had_a_vote_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends where the others are slow to answer it at its first start; the boot then begins it again."""
    place = Place(Layout(tmp_path), 1, "cp-1", "127.64.0.1")
    place.disk.mkdir(parents=True)
    note = {"cluster": "c", "name": "cp-1-1a2b3c4d", "initial_cluster": "", "state": "existing", "votes": False}
    (place.disk / "etcd.json").write_text(json.dumps(note))
    monkeypatch.setattr(membership, "gateway", lambda place, url: Unreachable())
    with pytest.raises(joining.NotYet, match="etcd has ended"):
        async with asyncio.timeout(5):
            await membership.vote(place, "etcd")


def test_a_node_password_is_remembered_as_a_hash() -> None:
    """In k3s' own format, so that whoever looks at the Secret sees what k3s would have left there."""
    stored = node_password.hashed("abc", b"12345678")
    assert stored.startswith("$1:3132333435363738:15:8:1:")
    assert "abc" not in stored
    assert node_password.matches(stored, "abc")
    assert not node_password.matches(stored, "abd")
    assert node_password.secret_name("Acme-Worker-0") == "acme-worker-0.node-password.k3s"


# --- addresses ---


def give(store: Store, *ranges: IPv4Network) -> str:
    address = public_ipv4(store, ranges)
    number = store.next_id("primary_ips")
    store.save("primary_ips", {"id": number, "project": "p", "ip": address})
    return address


def test_addresses_come_from_the_range_that_is_given(store: Store) -> None:
    """Only the lab's range is on this machine."""
    given = {give(store, IPv4Network("10.99.64.0/30")) for _ in range(2)}
    assert given == {"10.99.64.1", "10.99.64.2"}
    with pytest.raises(ApiError, match=r"no public IPv4 address is left in 10\.99\.64\.0/30"):
        give(store, IPv4Network("10.99.64.0/30"))


def test_an_address_is_not_given_again_at_once(store: Store) -> None:
    """What ran at it may not have ended yet."""
    small = IPv4Network("10.99.64.0/29")
    given = []
    for _ in range(6):
        given.append(give(store, small))
        store.delete("primary_ips", store.all("primary_ips")[0]["id"])
    assert len(set(given)) == 6
    assert give(store, small) == given[0]


def test_without_a_range_addresses_are_nobody_s(store: Store) -> None:
    """Integration tests run on machines that are not the lab's."""
    assert IPv4Network(give(store, *DOCUMENTATION)).subnet_of(DOCUMENTATION[0])


# --- load balancers ---


def balancer(**changes: Any) -> dict[str, Any]:
    services = [{"listen_port": 80, "destination_port": 28080}, {"listen_port": 443, "destination_port": 28443}]
    targets = [{"type": "server", "server": number} for number in (1, 2, 3)]
    return {"id": 9, "ipv4": "10.99.64.9", "public": True, "services": services, "targets": targets, **changes}


def test_a_balancer_listens_for_each_service() -> None:
    """One that is not public, and one without services, for none."""
    assert listeners([balancer()]) == {Listener(9, "10.99.64.9", 80), Listener(9, "10.99.64.9", 443)}
    assert listeners([balancer(public=False), balancer(services=[])]) == set()


def test_a_connection_goes_to_the_port_of_its_service_on_what_is_up() -> None:
    """Server 2 is off; selectors and addresses are not what the module makes."""
    up = {1: "10.99.64.1", 3: "10.99.64.3"}
    assert list(destinations(balancer(), 443, up.get)) == [("10.99.64.1", 28443), ("10.99.64.3", 28443)]
    assert list(destinations(balancer(), 22, up.get)) == []
    assert list(destinations(balancer(targets=[{"type": "ip", "ip": "1.2.3.4"}]), 80, up.get)) == []


def test_whom_a_balancer_reaches_at_a_port_of_its_own() -> None:
    """A node may join through it, if it serves the API's port and passes it on to the same."""
    api = {"listen_port": 6443, "destination_port": 6443}
    assert targets(balancer(services=[api]), 6443) == [1, 2, 3]
    assert targets(balancer(), 6443) == []
    assert targets(balancer(services=[{**api, "destination_port": 8443}]), 6443) == []


# --- the machine's network ---


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What would have been run; a rule is there once it was added."""
    ran: list[str] = []

    def run(words: list[str]) -> str:
        text = " ".join(words)
        ran.append(text)
        rules = [line for line in ran if " -A " in line]
        deleted = [line for line in ran[:-1] if " -D " in line]
        if " -C " in text and text.replace(" -C ", " -A ") not in rules:
            raise LabError("no such rule", "")
        if " -D " in text and (text.replace(" -D ", " -A ") not in rules or text in deleted):
            raise LabError("no such rule", "")
        return ""

    monkeypatch.setattr(host, "run", run)
    return ran


async def test_a_cut_drops_both_directions_once(commands: list[str]) -> None:
    """Packets that still come out would tell the other side that somebody is there."""
    lab = host.Host("lab0")
    await lab.cut("10.99.64.1")
    await lab.cut("10.99.64.1")
    added = [command for command in commands if " -A " in command]
    assert added == [
        "iptables --wait -A CATALYST-LAB-CUT -p tcp -d 10.99.64.1 --dport 6443 -j DROP",
        "iptables --wait -A CATALYST-LAB-CUT -p tcp -s 10.99.64.1 --sport 6443 -j DROP",
    ]


async def test_an_address_that_goes_takes_its_cut_along(commands: list[str]) -> None:
    """The next server at the address would be cut off unasked."""
    lab = host.Host("lab0")
    await lab.add("10.99.64.1")
    await lab.cut("10.99.64.1")
    commands_before = len(commands)
    await lab.remove("10.99.64.1")
    removed = commands[commands_before:]
    assert "iptables --wait -D CATALYST-LAB-CUT -p tcp -d 10.99.64.1 --dport 6443 -j DROP" in removed
    assert removed[-1] == "ip address delete 10.99.64.1/32 dev lab0"


async def test_without_a_device_nothing_is_changed(commands: list[str]) -> None:
    """Integration tests must leave the machine's network alone, and run without root."""
    loopback = host.Host()
    await loopback.add("127.64.0.1")
    await loopback.remove("127.64.0.1")
    with pytest.raises(host.NotPossible):
        await loopback.cut("127.64.0.1")
    assert (commands, loopback.group) == ([], None)
