"""Questions to name servers, over real sockets of this machine: who is asked, what is lost, what each answer means."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import cast

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from catalyst_operator.adapters.destinations import OUTSIDE, Anywhere, Destinations
from catalyst_operator.adapters.dns import ADDRESSES_EACH, NOT_ASKED, Dns
from catalyst_operator.adapters.errands import Errands
from catalyst_operator.adapters.turns import Turns
from catalyst_operator.core.domains.observation import DnsQuestion, DnsReport
from catalyst_operator.core.settings import Nameserver
from tests.support import gen

OURS, PARENT_A, PARENT_B, RESOLVER = "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"
HOSTS = ("ns1.openova.test", "ns2.openova.test")
NAME = "acme.bank.test"
HERE = Anywhere()
PATIENCE = 0.25
"""Seconds that a server gets to answer here; what is not lost is answered at once."""


@dataclass
class Server:
    """A name server: record sets by name and type, and what goes wrong with it."""

    address: str
    records: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    referrals: dict[str, tuple[str, ...]] = field(default_factory=dict)
    lose: int = 0
    """So many packets are lost before one is answered."""
    rcode: dns.rcode.Rcode = dns.rcode.NOERROR
    cut: bool = False
    """Whether what is asked by UDP has to be asked again by TCP."""
    hang_up: bool = False
    """Whether it closes connections by TCP without an answer."""
    old: bool = False
    """Whether it knows nothing of DNSSEC: where it delegates to, it refers to for DS records as well."""
    lame: str = ""
    """It does not serve the zone, and says where somebody else may: the name of a zone above, as `.` for the root."""
    lame_for: set[str] = field(default_factory=set)
    """Questions to which it answers so."""
    refused: set[str] = field(default_factory=set)
    """Questions that it refuses."""
    asked: list[str] = field(default_factory=list)
    recursion: list[bool] = field(default_factory=list)

    def answer(self, wire: bytes, *, tcp: bool = False) -> bytes | None:
        query = dns.message.from_wire(wire)
        asked = query.question[0]
        name, kind = asked.name.to_text().rstrip("."), dns.rdatatype.to_text(asked.rdtype)
        self.asked.append(f"{kind} {name}")
        self.recursion.append(bool(query.flags & dns.flags.RD))
        if self.lose:
            self.lose -= 1
            return None
        response = dns.message.make_response(query)
        response.set_rcode(self.rcode)
        if self.asked[-1] in self.refused:
            response.set_rcode(dns.rcode.REFUSED)
            return response.to_wire()
        if self.cut and not tcp:
            response.flags |= dns.flags.TC
            return response.to_wire()
        if self.lame or self.asked[-1] in self.lame_for:
            response.authority.append(dns.rrset.from_text(self.lame or ".", 300, "IN", "NS", "a.root-servers.test."))
            return response.to_wire()
        response.flags |= dns.flags.AA
        if (name, "CNAME") in self.records:
            target = self.records[name, "CNAME"][0]
            response.answer.append(dns.rrset.from_text(asked.name, 300, "IN", "CNAME", target))
            response.answer.append(dns.rrset.from_text(target, 300, "IN", kind, *self.records[target[:-1], kind]))
        elif (name, kind) in self.records:
            response.answer.append(dns.rrset.from_text(asked.name, 300, "IN", kind, *self.records[name, kind]))
        elif name in self.referrals and (kind == "NS" or self.old):
            response.flags &= ~dns.flags.AA
            response.authority.append(dns.rrset.from_text(asked.name, 300, "IN", "NS", *self.referrals[name]))
        elif not any(known == name for known, _ in self.records) and self.rcode is dns.rcode.NOERROR:
            response.set_rcode(dns.rcode.NXDOMAIN)
        return response.to_wire()


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, server: Server) -> None:
        self._server = server
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = self._server.answer(data)
        if answer and self._transport:
            self._transport.sendto(answer, addr)


@asynccontextmanager
async def listening(*servers: Server) -> AsyncIterator[int]:
    """All of them on one port, which is handed out."""
    loop = asyncio.get_running_loop()
    port, open_ = 0, []
    for server in servers:
        made, _ = await loop.create_datagram_endpoint(lambda s=server: _Udp(s), local_addr=(server.address, port))  # type: ignore[misc]
        port = made.get_extra_info("sockname")[1]
        tcp = await asyncio.start_server(_over_tcp(server), server.address, port)
        open_.append((made, tcp))
    try:
        yield port
    finally:
        for made, tcp in open_:
            made.close()
            tcp.close()
            await tcp.wait_closed()


def _over_tcp(server: Server) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        size = int.from_bytes(await reader.readexactly(2), "big")
        answer = server.answer(await reader.readexactly(size), tcp=True)
        if answer and not server.hang_up:
            writer.write(len(answer).to_bytes(2, "big") + answer)
            await writer.drain()
        writer.close()

    return serve


@dataclass
class Net:
    """Our server, two of the zone above, and a resolver that knows where they are."""

    ours: Server = field(default_factory=lambda: Server(OURS, {(f"console.{NAME}", "A"): ("203.0.113.20",)}))
    a: Server = field(default_factory=lambda: Server(PARENT_A, referrals={NAME: tuple(f"{h}." for h in HOSTS)}))
    b: Server = field(default_factory=lambda: Server(PARENT_B, referrals={NAME: tuple(f"{h}." for h in HOSTS)}))
    resolver: Server = field(
        default_factory=lambda: Server(
            RESOLVER,
            {
                ("bank.test", "NS"): ("b.bank.test.", "a.bank.test."),
                ("a.bank.test", "A"): (PARENT_A,),
                ("b.bank.test", "A"): (PARENT_B,),
                ("ns1.openova.test", "A"): (OURS,),
            },
        )
    )

    async def look(
        self,
        probe: str = f"console.{NAME}",
        *,
        live: bool = False,
        at: str = OURS,
        parent: str = "bank.test",
        here: Destinations = HERE,
    ) -> DnsReport:
        async with listening(self.ours, self.a, self.b, self.resolver) as port:
            servers = (Nameserver("ns1.openova.test", at),)
            resolver = Dns(
                servers, lambda: gen.NOW, resolvers=(RESOLVER,), port=port, server_seconds=PATIENCE, destinations=here
            )
            return await resolver.look("key", DnsQuestion(NAME, parent, probe, live))


async def test_everybody_is_asked_by_their_own_address() -> None:
    net = Net()
    report = await net.look()
    (ours,) = report.authority
    assert (ours.server, ours.address, ours.values) == ("ns1.openova.test", OURS, ("203.0.113.20",))
    assert report.parent == "bank.test"
    assert [(a.server, a.address, a.values) for a in report.delegation] == [
        ("a.bank.test", PARENT_A, HOSTS),
        ("b.bank.test", PARENT_B, HOSTS),
    ]
    assert (report.error, report.live, report.live_error, report.at) == ("", (), "", gen.NOW)
    assert not any((*net.ours.recursion, *net.a.recursion, *net.b.recursion)), "no server is to ask others"


async def test_one_lost_packet_is_no_answer_that_is_missing() -> None:
    """Of thirteen servers asked every few minutes, one packet a day is lost: no name is broken by that."""
    net = Net()
    net.ours.lose = net.a.lose = 1
    report = await net.look()
    assert [a.error for a in (*report.authority, *report.delegation)] == ["", "", ""]
    assert net.a.asked.count(f"NS {NAME}") == 2


async def test_many_names_are_not_all_asked_for_at_once() -> None:
    """After a restart every name is asked for: the process has so many sockets and not more."""
    net = Net()
    names = ("acme.bank.test", "beta.bank.test", "gamma.bank.test")
    looks: Errands[DnsReport] = Errands("look", Turns(2, 1))
    async with listening(net.ours, net.a, net.b, net.resolver) as port:
        servers = (Nameserver("ns1.openova.test", OURS),)
        resolver = Dns(
            servers, lambda: gen.NOW, resolvers=(RESOLVER,), port=port, server_seconds=PATIENCE, destinations=Anywhere()
        )
        told = asyncio.Queue[str]()
        for name in names:
            look = partial(resolver.look, name, DnsQuestion(name, "bank.test"))
            looks.run(name, name, look, partial(told.put_nowait, name), owner="team-a")
        assert [await told.get() for _ in names] == list(names)
    assert net.a.asked == [f"{kind} {name}" for name in names for kind in ("NS", "DS")]


async def test_a_server_that_is_down_is_said_to_be_and_holds_up_nothing() -> None:
    net = Net()
    net.b.lose = 99
    report = await net.look()
    assert [(a.values, a.error) for a in report.delegation] == [(HOSTS, ""), ((), "no answer")]


async def test_a_long_answer_is_fetched_by_tcp() -> None:
    net = Net()
    net.a.cut = True
    report = await net.look()
    assert report.delegation[0].values == HOSTS


async def test_a_server_of_very_many_addresses_is_asked_at_some_of_them() -> None:
    """Whoever owns the zone above may name any number, of anybody's: nobody is asked by way of us."""
    net = Net()
    net.resolver.records["b.bank.test", "A"] = tuple(f"127.0.9.{n}" for n in range(20))
    report = await net.look()
    assert len([a for a in report.delegation if a.server == "b.bank.test"]) == ADDRESSES_EACH


async def test_a_zone_above_does_not_have_the_operators_own_machine_asked() -> None:
    """Nor the cloud's metadata service, nor a Service of its cluster: whoever owns that zone names the addresses."""
    net = Net()
    report = await net.look(here=OUTSIDE)
    assert [(a.values, a.error) for a in report.delegation] == [((), NOT_ASKED)] * 2
    assert (net.a.asked, net.b.asked) == ([], [])
    assert report.authority[0].values, "where ours are the administrator says"


async def test_more_servers_than_anybody_has_are_an_error_and_are_not_kept() -> None:
    net = Net()
    net.a.referrals = {NAME: tuple(f"ns{n}.test." for n in range(40))}
    report = await net.look()
    assert (report.delegation[0].values, report.delegation[0].error) == ((), "answers with 40 records")


async def test_a_server_that_hangs_up_is_said_to_and_spoils_no_look() -> None:
    """A firewall that lets connections through and no answers."""
    net = Net()
    net.a.cut = net.a.hang_up = True
    report = await net.look()
    assert [(a.server, a.values, a.error) for a in report.delegation] == [
        ("a.bank.test", (), "it closed the connection"),
        ("b.bank.test", HOSTS, ""),
    ]
    assert (report.signed_error, report.authority[0].values) == ("", ("203.0.113.20",))


NOT_ITS_OWN = "answers that others serve the zone"


@pytest.mark.parametrize("elsewhere", [".", "test."])
async def test_a_server_that_does_not_serve_the_zone_has_not_said_that_there_is_nothing(elsewhere: str) -> None:
    """A lame one refers upwards, with no error."""
    net = Net()
    net.a.lame = net.ours.lame = elsewhere
    report = await net.look()
    assert [(a.values, a.error) for a in report.delegation] == [((), NOT_ITS_OWN), (HOSTS, "")]
    assert [(a.values, a.error) for a in report.authority] == [((), NOT_ITS_OWN)]


async def test_only_a_server_of_the_zone_above_knows_that_there_are_no_signatures() -> None:
    """A domain that is signed would be gone for whoever validates."""
    net = Net()
    net.a.referrals, net.a.records[NAME, "NS"] = {}, tuple(f"{host}." for host in HOSTS)
    net.a.lame_for = {f"DS {NAME}"}
    net.b.records[NAME, "DS"] = ("2371 13 2 " + "1f" * 32,)
    assert (await net.look()).signed, "the next one is asked"
    net.b.lame_for = {f"DS {NAME}"}
    report = await net.look()
    assert (report.signed, report.signed_error) == ((), "no server of the zone above answers")


async def test_a_server_that_knows_nothing_of_signatures_has_none() -> None:
    net = Net()
    net.a.old = True
    report = await net.look()
    assert (report.signed, report.signed_error) == ((), "")


@pytest.mark.parametrize("rcode", [dns.rcode.REFUSED, dns.rcode.SERVFAIL])
async def test_a_server_that_refuses_has_not_said_that_there_is_nothing(rcode: dns.rcode.Rcode) -> None:
    net = Net()
    net.a.rcode = rcode
    report = await net.look()
    assert report.delegation[0].error == f"answers {dns.rcode.to_text(rcode)}"


async def test_a_name_that_is_not_there_is_an_answer() -> None:
    net = Net()
    net.a.referrals = {}
    report = await net.look()
    assert (report.delegation[0].values, report.delegation[0].error) == ((), "")


async def test_whether_the_zone_above_calls_it_signed() -> None:
    net = Net()
    assert (await net.look()).signed == ()
    for server in (net.a, net.b):
        server.records[NAME, "DS"] = ("2371 13 2 " + "1f" * 32,)
    report = await net.look()
    assert report.signed == ("2371 13 2 " + "1f" * 32,)
    assert report.delegation[0].values == HOSTS


async def test_a_silent_server_is_not_the_one_that_is_asked_for_that() -> None:
    net = Net()
    net.a.lose = 99
    net.b.records[NAME, "DS"] = ("2371 13 2 " + "1f" * 32,)
    assert (await net.look()).signed


async def test_a_server_that_does_not_tell_of_signatures_has_not_said_that_there_are_none() -> None:
    net = Net()
    net.a.refused = {f"DS {NAME}"}
    net.b.records[NAME, "DS"] = ("2371 13 2 " + "1f" * 32,)
    assert (await net.look()).signed, "the next one is asked"
    net.b.refused = {f"DS {NAME}"}
    report = await net.look()
    assert (report.signed, report.signed_error) == ((), "no server of the zone above answers")
    net.a.lose = net.b.lose = 99
    assert (await net.look()).signed_error == "no server of the zone above answers"


async def test_a_server_that_only_has_ipv6_is_asked_over_ipv6() -> None:
    net = Net()
    del net.resolver.records["b.bank.test", "A"]
    net.resolver.records["b.bank.test", "AAAA"] = ("::1",)
    net.b.address = "::1"
    report = await net.look()
    assert [(a.server, a.address, a.values) for a in report.delegation][1] == ("b.bank.test", "::1", HOSTS)


async def test_a_server_that_no_way_leads_to_is_said_to_be_out_of_reach() -> None:
    """As every address of IPv6 is from a network that has none. A link-local one belongs to no link here."""
    net = Net()
    del net.resolver.records["b.bank.test", "A"]
    net.resolver.records["b.bank.test", "AAAA"] = ("fe80::1",)
    report = await net.look()
    assert [(a.server, a.error) for a in report.delegation] == [
        ("a.bank.test", ""),
        ("b.bank.test", "not reachable from here over IPv6"),
    ]


async def test_a_server_that_has_the_zone_itself_answers_too() -> None:
    net = Net()
    net.a.records[NAME, "NS"] = ("NS2.openova.test.", "ns1.openova.test.")
    report = await net.look()
    assert report.delegation[0].values == HOSTS


async def test_without_an_address_in_the_settings_it_is_looked_up() -> None:
    report = await Net().look(at="")
    assert report.authority[0].values == ("203.0.113.20",)


async def test_a_server_without_any_address_is_said_to_have_none() -> None:
    net = Net()
    del net.resolver.records["ns1.openova.test", "A"]
    report = await net.look(at="")
    assert report.authority[0].error == "ns1.openova.test has no address"


async def test_a_server_of_the_zone_above_without_any_address_is_said_to_have_none() -> None:
    net = Net()
    del net.resolver.records["b.bank.test", "A"]
    report = await net.look()
    assert [(a.server, a.error) for a in report.delegation] == [
        ("a.bank.test", ""),
        ("b.bank.test", "b.bank.test has no address"),
    ]


async def test_the_zone_above_may_be_further_up() -> None:
    """eu.bank.test is a name, not a zone of its own."""
    report = await Net().look(parent="eu.bank.test")
    assert report.parent == "bank.test"


async def test_an_alias_is_no_zone() -> None:
    """A wildcard answers for what is not there: the zone it leads to delegates nothing of ours."""
    net = Net()
    net.resolver.records["eu.bank.test", "CNAME"] = ("cdn.test.",)
    net.resolver.records["cdn.test", "NS"] = ("a.bank.test.",)
    report = await net.look(parent="eu.bank.test")
    assert report.parent == "bank.test"


async def test_where_nobody_knows_a_zone_above() -> None:
    net = Net()
    net.resolver.records = {}
    report = await net.look()
    assert (report.delegation, report.parent) == ((), "")
    assert "knows no zone at or above bank.test" in report.error


async def test_a_resolver_that_is_down_is_named() -> None:
    net = Net()
    net.resolver.lose = 99
    report = await net.look(live=True)
    assert "the resolver does not answer for bank.test" in report.error
    assert "the resolver does not answer" in report.live_error, "unknown is not the same as none"
    assert report.authority[0].values == ("203.0.113.20",), "ours are known by their address"


async def test_what_is_in_use_is_found() -> None:
    net = Net()
    net.resolver.records[NAME, "MX"] = ("10 mail.bank.test.",)
    net.resolver.records[NAME, "A"] = ("203.0.113.7",)
    report = await net.look(live=True)
    assert report.live == ("A 203.0.113.7", "MX 10 mail.bank.test.")


async def test_a_site_of_ipv6_alone_is_in_use() -> None:
    net = Net()
    net.resolver.records[NAME, "AAAA"] = ("2001:db8::7",)
    assert (await net.look(live=True)).live == ("AAAA 2001:db8::7",)


async def test_a_domain_that_says_it_has_no_mail_and_no_site_is_not_in_use() -> None:
    net = Net()
    net.resolver.records[NAME, "MX"] = ("0 .",)
    net.resolver.records[NAME, "A"] = ("0.0.0.0", "127.0.0.1")  # noqa: S104  an answer, nothing is bound
    net.resolver.records[NAME, "AAAA"] = ("::",)
    report = await net.look(live=True)
    assert (report.live, report.live_error) == ((), "")
    net.resolver.records[NAME, "MX"] = ("0 .", "10 mail.bank.test.")
    assert (await net.look(live=True)).live == ("MX 10 mail.bank.test.",)


async def test_nothing_is_in_use_where_there_is_nothing() -> None:
    report = await Net().look(live=True)
    assert (report.live, report.live_error) == ((), "")


async def test_before_there_is_a_zone_ours_are_not_asked() -> None:
    net = Net()
    report = await net.look("")
    assert (report.authority, net.ours.asked) == ((), [])
