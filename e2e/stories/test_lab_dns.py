"""The lab's name servers: what the stories about domains take for granted."""

from __future__ import annotations

import json
import shlex
import subprocess
import urllib.error
from collections.abc import Iterator

import pytest

from e2e.lab import images, lifecycle, powerdns, processes
from e2e.lab.layout import DNS_API_KEY, DNS_SERVERS, PARENTS, POOL_DOMAIN, Layout
from e2e.lab.timeline import Timeline
from e2e.support.dns import BOTH, PARENT, SECOND, SOVEREIGNS, Dns
from e2e.support.kubectl import Kubectl
from e2e.support.waiting import wait_for

pytestmark = pytest.mark.e2e

LAB = Layout.of_checkout()
ZONE = "lab-dns.test"
ADDRESS = "203.0.113.20"

ASK = f"""\
import asyncio, os, dns.asyncresolver, httpx

async def main():
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = ["{DNS_SERVERS[PARENT]}"]
    for target in await resolver.resolve("{POOL_DOMAIN}", "NS"):
        address = (await resolver.resolve(target.target, "A"))[0].address
        print(target.target, address)
    for tcp in (False, True):
        print(await resolver.resolve("{POOL_DOMAIN}", "SOA", tcp=tcp) is not None)
    async with httpx.AsyncClient(headers={{"X-API-Key": os.environ["KEY"]}}) as client:
        for url in os.environ["APIS"].split():
            print((await client.get(f"{{url}}/api/v1/servers/localhost/zones")).status_code)

asyncio.run(main())
"""


@pytest.fixture(scope="session")
def installed() -> None:
    """Instead of the stories' fixture of this name: no operator is needed here."""


@pytest.fixture
def dns() -> Dns:
    return Dns(LAB)


@pytest.fixture
def zone(dns: Dns) -> Iterator[str]:
    """A zone that all three serve, with a wildcard."""
    servers = (SOVEREIGNS, *BOTH)
    dns.delete_zone(ZONE, *servers)
    dns.create_zone(ZONE, *servers)
    for server in servers:
        dns.replace(server, ZONE, f"*.{ZONE}", "A", ADDRESS)
    yield ZONE
    dns.delete_zone(ZONE, *servers)


@pytest.fixture
def asker(kubectl: Kubectl) -> Iterator[str]:
    """A Pod that asks as the operator does, and ends."""
    apis = " ".join(powerdns.place_of(LAB, name).url for name in DNS_SERVERS)
    container = {
        "name": "asker",
        "image": images.OPERATOR_IMAGE,
        "imagePullPolicy": "Never",
        "command": ["python3", "-c", ASK],
        "env": [{"name": "KEY", "value": DNS_API_KEY}, {"name": "APIS", "value": apis}],
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "asker"},
        "spec": {"restartPolicy": "Never", "containers": [container]},
    }
    kubectl("delete", "pod", "asker", "--ignore-not-found", "--now")
    kubectl("apply", "-f", "-", stdin=json.dumps(pod))
    yield "asker"
    kubectl("delete", "pod", "asker", "--ignore-not-found", "--now")


@pytest.mark.parametrize("server", DNS_SERVERS)
def test_each_server_answers_a_wildcard_by_both_transports(server: str, dns: Dns, zone: str) -> None:
    for tcp in (False, True):
        assert dns.dig(server, f"anything.{zone}", "A", tcp=tcp) == [ADDRESS]


@pytest.mark.parametrize("server", DNS_SERVERS)
def test_each_api_refuses_a_wrong_key(server: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refusal:
        powerdns.call(powerdns.place_of(LAB, server).url, "GET", "/zones", key="a-wrong-key")
    refusal.value.close()
    assert refusal.value.code == 401


def test_the_second_parent_can_be_left_behind(dns: Dns, zone: str) -> None:
    dns.replace(PARENT, zone, f"acme.{zone}", "NS", "ns1.lab.test.")
    assert [dns.dig(server, f"acme.{zone}", "NS") for server in BOTH] == [["ns1.lab.test."], []]
    dns.copy_zone(zone, PARENT, SECOND)
    assert dns.dig(SECOND, f"acme.{zone}", "NS") == ["ns1.lab.test."]
    assert dns.snapshot(SECOND)[f"{zone}."] == dns.snapshot(PARENT)[f"{zone}."]


@pytest.mark.parametrize("server", DNS_SERVERS)
def test_a_server_that_was_stopped_comes_back_with_its_zones(server: str, dns: Dns, zone: str) -> None:
    before = dns.snapshot(server)
    with dns.stopped(server):
        with pytest.raises(subprocess.CalledProcessError):
            dns.dig(server, f"console.{zone}", "A")
        assert lifecycle.health(LAB)[server] == "not running"
    assert dns.snapshot(server) == before
    assert dns.dig(server, f"console.{zone}", "A") == [ADDRESS]


def test_a_server_that_was_killed_is_started_again_by_up(dns: Dns, zone: str) -> None:
    lost = processes.find(LAB, SECOND)
    assert lost
    processes.end([lost.pid], grace=0)
    lifecycle.up(LAB, Timeline(), replace=False)
    assert processes.find(LAB, SECOND) not in (None, lost)
    assert dns.dig(SECOND, f"console.{zone}", "A") == [ADDRESS]


def test_a_pod_reaches_all_of_it(asker: str, kubectl: Kubectl) -> None:
    """Names are resolved by asking the first parent, which knows where every name server of the lab is."""
    wait_for(lambda: _phase(kubectl, asker) in ("Succeeded", "Failed"), "the Pod to end", seconds=60)
    first = next(iter(PARENTS))
    told = kubectl("logs", asker).splitlines()
    assert told == [f"{first}. {DNS_SERVERS[PARENT]}", "True", "True", "200", "200", "200"]


def _phase(kubectl: Kubectl, pod: str) -> str:
    return kubectl("get", "pod", pod, "-o", "jsonpath={.status.phase}")


@pytest.mark.parametrize("prefix", ["PDNS", "PDNS_PARENT", "PDNS_PARENT_SECOND"])
def test_other_tools_find_each_server_by_the_env_file(prefix: str, zone: str) -> None:
    env = dict(line.split("=", 1) for line in shlex.split(LAB.env_file.read_text()))
    assert (
        powerdns.call(env[f"{prefix}_API_URL"], "GET", f"/zones/{zone}.", key=env["PDNS_API_KEY"])["name"] == f"{zone}."
    )
    host, port = env[f"{prefix}_DNS"].split(":")
    command = ["dig", "+short", f"@{host}", "-p", port, f"other.{zone}", "A"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() == [ADDRESS]
