"""The adapters for PowerDNS and for name servers, against real servers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from catalyst_operator.adapters.destinations import Anywhere
from catalyst_operator.adapters.dns import Dns
from catalyst_operator.adapters.powerdns import PowerDns
from catalyst_operator.core.domains.observation import DnsQuestion
from catalyst_operator.core.domains.zone import RRset, Zone, contents, delegation, differences, new_zone
from catalyst_operator.core.settings import Nameserver
from catalyst_operator.errors import DnsConflict, DnsDenied, DnsRefused, DnsUnavailable
from e2e.lab import powerdns
from e2e.lab.layout import DNS_API_KEY
from e2e.lab.powerdns import Place
from tests.integration.powerdns import free_dns_port, powerdns_server

pytestmark = pytest.mark.integration
MARK = "3b0d9f0e-6f3a-4c57-9a53-0f6f6f1f2a11"
ADDRESS, OTHER_ADDRESS = "203.0.113.20", "203.0.113.21"
FOREIGN = RRset("mail.omantel.pool.test", "A", 60, ("203.0.113.77",))


@pytest.fixture(scope="module")
def port() -> int:
    return free_dns_port()


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[Place]:
    with powerdns_server(tmp_path_factory.mktemp("ours"), port) as place:
        yield place


@pytest.fixture(scope="module")
def parents(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[tuple[Place, Place]]:
    """Two servers of the zone above, the first of which is also the resolver."""
    with (
        powerdns_server(tmp_path_factory.mktemp("first"), port) as first,
        powerdns_server(tmp_path_factory.mktemp("second"), port) as second,
    ):
        for place in (first, second):
            hosts = ("a.parent.test", "b.parent.test")
            powerdns.call(place.url, "POST", "/zones", powerdns.zone("pool.test", hosts))
            addresses = zip(hosts, (first, second), strict=True)
            sets = [powerdns.rrset(host, "A", server.address) for host, server in addresses]
            powerdns.call(place.url, "POST", "/zones", powerdns.zone("parent.test", hosts, *sets))
        yield first, second


@pytest.fixture
def servers(ours: Place) -> tuple[Nameserver, ...]:
    return (Nameserver("ns1.dns.test", ours.address),)


@pytest.fixture
async def api(ours: Place) -> AsyncIterator[PowerDns]:
    """Ours, without the zones of other tests."""
    async with httpx.AsyncClient(trust_env=False) as client:
        server = PowerDns(ours.url, SecretStr(DNS_API_KEY), client)
        for zone in powerdns.call(ours.url, "GET", "/zones"):
            await server.delete(zone["name"])
        yield server


@pytest.fixture
async def parent_apis(parents: tuple[Place, Place]) -> AsyncIterator[tuple[PowerDns, PowerDns]]:
    async with httpx.AsyncClient(trust_env=False) as client:
        first, second = (PowerDns(place.url, SecretStr(DNS_API_KEY), client) for place in parents)
        yield first, second
        for server in (first, second):
            found = await server.zone("pool.test")
            assert found
            ours = [RRset(r.name, r.type, 0, ()) for r in found.rrsets if r.name != "pool.test"]
            if ours:
                await server.change("pool.test", ours)


def resolver(place: Place, servers: tuple[Nameserver, ...]) -> Dns:
    return Dns(
        servers, lambda: datetime.now(UTC), resolvers=[place.address], port=place.dns_port, destinations=Anywhere()
    )


async def test_a_zone_is_served_as_it_was_made_and_needs_no_change(
    api: PowerDns, servers: tuple[Nameserver, ...]
) -> None:
    made = new_zone("omantel.pool.test", MARK, ADDRESS, servers)
    assert await api.zone(made.name) is None
    await api.create(made)
    found = await api.zone(made.name)
    assert found is not None and found.mark == MARK
    assert {r.mark for r in found.rrsets} == {MARK}
    assert differences(found, contents(made.name, MARK, ADDRESS, servers), MARK, within=made.name).changes == ()


async def test_a_second_zone_of_the_name_is_a_conflict(api: PowerDns, servers: tuple[Nameserver, ...]) -> None:
    made = new_zone("omantel.pool.test", MARK, ADDRESS, servers)
    await api.create(made)
    with pytest.raises(DnsConflict):
        await api.create(made)


async def test_a_changed_address_is_followed_and_a_foreign_record_stays(
    api: PowerDns, servers: tuple[Nameserver, ...]
) -> None:
    await api.create(new_zone("omantel.pool.test", MARK, ADDRESS, servers))
    await api.change("omantel.pool.test", [FOREIGN])
    found = await api.zone("omantel.pool.test")
    assert found
    wanted = contents(found.name, MARK, OTHER_ADDRESS, servers)
    await api.change(found.name, differences(found, wanted, MARK, within=found.name).changes)
    after = await api.zone(found.name)
    assert after
    assert differences(after, wanted, MARK, within=found.name).changes == ()
    assert after.find(*FOREIGN.key) == FOREIGN
    assert after.find("console.omantel.pool.test", "A") == RRset(
        "console.omantel.pool.test", "A", 300, (OTHER_ADDRESS,)
    )


async def test_a_change_that_cannot_be_is_refused_whole(api: PowerDns, servers: tuple[Nameserver, ...]) -> None:
    await api.create(new_zone("omantel.pool.test", MARK, ADDRESS, servers))
    good = RRset("new.omantel.pool.test", "A", 300, (ADDRESS,), MARK)
    bad = RRset("other.omantel.pool.test", "A", 300, ("not an address",), MARK)
    with pytest.raises(DnsRefused, match=r"other\.omantel"):
        await api.change("omantel.pool.test", [good, bad])
    found = await api.zone("omantel.pool.test")
    assert found and found.find(*good.key) is None


async def test_the_soa_counts_changes(api: PowerDns, servers: tuple[Nameserver, ...]) -> None:
    await api.create(new_zone("omantel.pool.test", MARK, ADDRESS, servers))

    async def serial() -> int:
        found = await api.zone("omantel.pool.test")
        soa = found.find("omantel.pool.test", "SOA") if found else None
        assert soa
        return int(soa.values[0].split()[2])

    before = await serial()
    await api.change("omantel.pool.test", [FOREIGN])
    assert await serial() > before


async def test_deleting_twice_is_fine(api: PowerDns, servers: tuple[Nameserver, ...]) -> None:
    await api.create(new_zone("omantel.pool.test", MARK, ADDRESS, servers))
    await api.delete("omantel.pool.test")
    await api.delete("omantel.pool.test")
    assert await api.zone("omantel.pool.test") is None


async def test_many_changes_at_a_time_are_made_one_after_the_other(
    api: PowerDns, servers: tuple[Nameserver, ...]
) -> None:
    """SQLite takes one writer at a time, and PowerDNS answers the others with an error."""
    made = [new_zone(f"n{number}.pool.test", MARK, ADDRESS, servers) for number in range(20)]
    await asyncio.gather(*map(api.create, made))
    await asyncio.gather(*(api.change(zone.name, contents(zone.name, MARK, OTHER_ADDRESS, servers)) for zone in made))
    await asyncio.gather(*(api.delete(zone.name) for zone in made))
    assert [await api.zone(zone.name) for zone in made] == [None] * 20


async def test_a_wrong_key_is_said_without_showing_it(ours: Place) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(DnsDenied) as refusal:
            await PowerDns(ours.url, SecretStr("a-wrong-key"), client).zone("omantel.pool.test")
    assert "a-wrong-key" not in repr(refusal.value) and refusal.value.__context__ is None


async def test_nobody_there_is_unavailable(tmp_path: Path) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(DnsUnavailable, match="did not answer") as failure:
            await PowerDns("http://127.53.0.1:1", SecretStr("a-secret-key"), client).zone("x.test")
    assert "a-secret-key" not in repr(failure.value) and failure.value.__context__ is None


async def test_everything_that_is_asked_is_answered(
    api: PowerDns,
    parent_apis: tuple[PowerDns, PowerDns],
    parents: tuple[Place, Place],
    servers: tuple[Nameserver, ...],
) -> None:
    name = "omantel.pool.test"
    await api.create(new_zone(name, MARK, ADDRESS, servers))
    for parent in parent_apis:
        await parent.change("pool.test", delegation(name, MARK, servers))
    report = await resolver(parents[0], servers).look("key", DnsQuestion(name, "pool.test", f"console.{name}"))
    assert (report.key, report.parent, report.error) == ("key", "pool.test", "")
    assert [(a.server, a.values, a.error) for a in report.authority] == [("ns1.dns.test", (ADDRESS,), "")]
    assert [(a.server, a.values) for a in report.delegation] == [
        ("a.parent.test", ("ns1.dns.test",)),
        ("b.parent.test", ("ns1.dns.test",)),
    ]


async def test_parents_that_disagree_are_told_apart(
    parent_apis: tuple[PowerDns, PowerDns], parents: tuple[Place, Place], servers: tuple[Nameserver, ...]
) -> None:
    await parent_apis[0].change("pool.test", delegation("omantel.pool.test", MARK, servers))
    report = await resolver(parents[0], servers).look("key", DnsQuestion("omantel.pool.test", "pool.test"))
    assert [a.values for a in report.delegation] == [("ns1.dns.test",), ()]
    assert [a.error for a in report.delegation] == ["", ""]


async def test_glue_is_given_where_a_server_lies_inside(
    parent_apis: tuple[PowerDns, PowerDns], parents: tuple[Place, Place]
) -> None:
    inside = (Nameserver("ns1.dns.pool.test", "203.0.113.53"),)
    for parent in parent_apis:
        await parent.change("pool.test", delegation("dns.pool.test", MARK, inside))
    report = await resolver(parents[0], ()).look("key", DnsQuestion("dns.pool.test", "pool.test"))
    assert {a.values for a in report.delegation} == {("ns1.dns.pool.test",)}
    found = await parent_apis[0].zone("pool.test")
    assert found and found.find("ns1.dns.pool.test", "A") == RRset("ns1.dns.pool.test", "A", 900, ("203.0.113.53",))


async def test_live_records_are_seen(parent_apis: tuple[PowerDns, PowerDns], parents: tuple[Place, Place]) -> None:
    await parent_apis[0].create(
        Zone(
            "live.test",
            "",
            (
                RRset("live.test", "SOA", 60, ("a.parent.test. hostmaster.live.test. 1 1 1 1 1",)),
                RRset("live.test", "NS", 60, ("a.parent.test.",)),
                RRset("live.test", "MX", 60, ("10 mail.live.test.",)),
            ),
        )
    )
    try:
        report = await resolver(parents[0], ()).look("key", DnsQuestion("live.test", "test", live=True))
    finally:
        await parent_apis[0].delete("live.test")
    assert report.live == ("MX 10 mail.live.test.",)
    assert report.live_error == ""


async def test_silence_is_reported_for_each_server(parents: tuple[Place, Place]) -> None:
    nobody = (Nameserver("ns1.dns.test", "127.53.0.1"),)
    report = await resolver(parents[0], nobody).look(
        "key", DnsQuestion("x.pool.test", "pool.test", "console.x.pool.test")
    )
    (answer,) = report.authority
    assert answer.values == () and answer.error


async def test_a_resolver_that_does_not_answer_is_said() -> None:
    dns = Dns((), lambda: datetime.now(UTC), resolvers=["127.53.0.1"], port=1)
    report = await dns.look("key", DnsQuestion("x.pool.test", "pool.test", live=True))
    assert "does not answer" in report.error and "does not answer" in report.live_error
