"""The tests' own PowerDNS servers: what everything that is tested with them takes for granted."""

from __future__ import annotations

import subprocess
import time
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import dns.asyncresolver
import dns.message
import dns.query
import dns.rcode
import pytest

from e2e.lab import powerdns
from e2e.lab.powerdns import Place
from tests.integration.powerdns import powerdns_server

pytestmark = pytest.mark.integration
ZONE = "bank.test"
ADDRESS, OTHER_ADDRESS = "203.0.113.20", "203.0.113.21"
START_SECONDS = 5.0
"""It takes a quarter of a second where nothing else runs."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Place]:
    with powerdns_server(tmp_path / "one") as place:
        create(place)
        yield place


def create(place: Place, address: str = ADDRESS) -> None:
    """A zone with a wildcard."""
    wildcard = powerdns.rrset(f"*.{ZONE}", "A", address)
    powerdns.call(place.url, "POST", "/zones", powerdns.zone(ZONE, ("ns1.lab.test",), wildcard))


def ask(place: Place, name: str, *, tcp: bool = False) -> tuple[str, list[str]]:
    """Response code and addresses."""
    exchange = dns.query.tcp if tcp else dns.query.udp
    response = exchange(dns.message.make_query(name, "A"), place.address, port=place.dns_port, timeout=5)
    found = [record.to_text() for rrset in response.answer for record in rrset]
    return dns.rcode.to_text(response.rcode()), found


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_a_wildcard_answers(server: Place, tcp: bool) -> None:
    assert ask(server, f"anything.at.all.{ZONE}", tcp=tcp) == ("NOERROR", [ADDRESS])


def test_what_it_does_not_serve_is_refused(server: Place) -> None:
    assert ask(server, "elsewhere.test") == ("REFUSED", [])


def test_a_change_shows_with_the_next_question(server: Place) -> None:
    """Also one to a name that was asked before, and to a zone that was not there."""
    name = f"new.{ZONE}"
    assert ask(server, name) == ("NOERROR", [ADDRESS])
    rrset = {**powerdns.rrset(name, "A", OTHER_ADDRESS), "changetype": "REPLACE"}
    powerdns.call(server.url, "PATCH", f"/zones/{ZONE}.", {"rrsets": [rrset]})
    assert ask(server, name) == ("NOERROR", [OTHER_ADDRESS])
    powerdns.call(server.url, "DELETE", f"/zones/{ZONE}.")
    assert ask(server, name) == ("REFUSED", [])
    create(server)
    assert ask(server, name) == ("NOERROR", [ADDRESS])


@pytest.mark.parametrize("key", ["a-wrong-key", ""])
def test_the_api_refuses_a_wrong_key(server: Place, key: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refusal:
        powerdns.call(server.url, "GET", "/zones", key=key)
    refusal.value.close()
    assert refusal.value.code == 401


def test_two_servers_can_disagree(server: Place, tmp_path: Path) -> None:
    with powerdns_server(tmp_path / "two", server.dns_port) as second:
        assert second.address != server.address
        assert ask(second, f"console.{ZONE}") == ("REFUSED", [])
        create(second, OTHER_ADDRESS)
        answers = [ask(place, f"console.{ZONE}") for place in (server, second)]
        assert answers == [("NOERROR", [ADDRESS]), ("NOERROR", [OTHER_ADDRESS])]


def test_a_server_that_comes_back_has_its_zones(tmp_path: Path) -> None:
    with powerdns_server(tmp_path / "one") as first:
        create(first)
    with pytest.raises(OSError, match="refused"):
        powerdns.call(first.url, "GET", "")
    with powerdns_server(tmp_path / "one") as again:
        assert ask(again, f"console.{ZONE}") == ("NOERROR", [ADDRESS])


def test_a_second_process_on_the_same_files_gives_up(server: Place) -> None:
    """So nobody answers beside a server that was taken for dead."""
    command = [str(word) for word in powerdns.command_of(server)]
    second = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert second.returncode != 0, second.stderr
    assert ask(server, f"console.{ZONE}") == ("NOERROR", [ADDRESS])


async def test_dnspython_takes_it_for_a_resolver(server: Place) -> None:
    """A question that wants recursion is answered from the server's own zones: the lab needs no resolver beside it."""
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = [server.address], server.dns_port
    answer = await resolver.resolve(ZONE, "NS")
    assert [record.to_text() for record in answer] == ["ns1.lab.test."]


def test_it_starts_in_no_time(tmp_path: Path) -> None:
    begin = time.monotonic()
    with powerdns_server(tmp_path / "one"):
        assert time.monotonic() - begin < START_SECONDS
