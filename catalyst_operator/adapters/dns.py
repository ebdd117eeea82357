"""Questions to name servers: ours, the parent's, each by its own address, so that no cache answers in their place.

Only addresses are looked up by a resolver. All of it is one look with one limit; what could not be learnt is said.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address

import dns.asyncquery
import dns.asyncresolver
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.resolver
from dns.rdatatype import RdataType

from catalyst_operator.adapters.destinations import OUTSIDE, Destinations
from catalyst_operator.clock import Clock
from catalyst_operator.core.domains.claims.names import parent_of, plain
from catalyst_operator.core.domains.observation import DnsAnswer, DnsQuestion, DnsReport
from catalyst_operator.core.settings import Nameserver

SERVER_SECONDS = 2.0
"""For one question to one server, by UDP and, when that is cut short, by TCP."""
DNS_ATTEMPTS = 2
DNS_LOOK_SECONDS = 15.0
TOO_LATE = f"no answer within {DNS_LOOK_SECONDS:g} s"
NOT_ASKED = "its address is none that the operator asks"
MAX_SERVERS = 13
ADDRESSES_EACH = 4
"""Of each of them. Whoever owns the zone above may name any number, of anybody's."""
RECORDS_EACH = 32
"""Of one answer: nobody delegates to more servers, and a long answer holds thousands."""
DNS_LOOKS_AT_ONCE, DNS_LOOKS_EACH = 64, 16
"""Looks under way, and of those one namespace's. Each may take some dozens of sockets, and after a restart every name
is looked at."""
PORT = 53


class _NotFound(Exception):
    """What was looked for is not in DNS, or nobody answers; the message is a clause."""


@dataclass(frozen=True)
class _Above:
    """What was learnt of the zone above; see DnsReport."""

    parent: str = ""
    delegation: tuple[DnsAnswer, ...] = ()
    signed: tuple[str, ...] = ()
    signed_error: str = ""
    error: str = ""


def unforeseen(clock: Clock, key: str, error: Exception) -> DnsReport:
    """Of a look that ended in an error which nobody foresaw: nothing is known, and it is asked again as always."""
    told = f"the look itself failed ({type(error).__name__}), see the operator's log"
    return DnsReport(key, clock(), error=told, signed_error=told, live_error=told)


class Dns:
    """Asks with `resolvers` (addresses; none: those of the host). All servers listen on `port`."""

    def __init__(
        self,
        nameservers: Sequence[Nameserver],
        clock: Clock,
        *,
        resolvers: Sequence[str] = (),
        port: int = PORT,
        server_seconds: float = SERVER_SECONDS,
        destinations: Destinations = OUTSIDE,
    ) -> None:
        self._nameservers = tuple(nameservers)
        self._clock = clock
        self._port = port
        self._seconds = server_seconds
        self._destinations = destinations
        self._resolver = dns.asyncresolver.Resolver(configure=not resolvers)
        if resolvers:
            self._resolver.nameservers = list(resolvers)
            self._resolver.port = port
        self._resolver.cache = None
        self._resolver.timeout = server_seconds
        self._resolver.lifetime = 2 * server_seconds

    async def look(self, key: str, question: DnsQuestion) -> DnsReport:
        """Everything at the same time. Never raises: what went wrong is in the report."""
        try:
            async with asyncio.timeout(DNS_LOOK_SECONDS):
                return await self._look(key, question)
        except TimeoutError:
            return DnsReport(key, self._clock(), error=TOO_LATE, signed_error=TOO_LATE, live_error=TOO_LATE)

    async def _look(self, key: str, question: DnsQuestion) -> DnsReport:
        authority, above, (live, problem) = await asyncio.gather(
            self._authority(question), self._above(question), self._live(question)
        )
        return DnsReport(
            key,
            self._clock(),
            authority=authority,
            parent=above.parent,
            delegation=above.delegation,
            signed=above.signed,
            signed_error=above.signed_error,
            live=live,
            error=above.error,
            live_error=problem,
        )

    # --- our servers --------------------------------------------------------------------------------------------------

    async def _authority(self, question: DnsQuestion) -> tuple[DnsAnswer, ...]:
        if not question.probe:
            return ()
        return tuple(await asyncio.gather(*(self._probe(server, question.probe) for server in self._nameservers)))

    async def _probe(self, server: Nameserver, name: str) -> DnsAnswer:
        try:
            address = server.address or (await self._addresses(server.host))[0]
        except _NotFound as error:
            return DnsAnswer(server.host, "", error=str(error))
        return await self._ask(server.host, address, name, RdataType.A)

    # --- the parent's -------------------------------------------------------------------------------------------------

    async def _above(self, question: DnsQuestion) -> _Above:
        """The zone above, what each of its servers gives, whether it calls the name signed, and why that is not
        known."""
        try:
            parent, hosts = await self._zone_above(question.parent)
        except _NotFound as error:
            return _Above(error=str(error), signed_error=str(error))
        asked = await asyncio.gather(*(self._ask_parent(host, question.name) for host in hosts[:MAX_SERVERS]))
        answers = tuple(answer for answers in asked for answer in answers)
        signed, unknown = await self._signed(question.name, answers)
        return _Above(parent, answers, signed, unknown)

    async def _signed(self, name: str, answers: tuple[DnsAnswer, ...]) -> tuple[tuple[str, ...], str]:
        """The DS records of the name, and why they are not known. The first server that tells is enough: all of them
        carry one zone."""
        for one in (answer for answer in answers if not answer.error):
            told = await self._ask(one.server, one.address, name, RdataType.DS)
            if not told.error:
                return told.values, ""
        return (), "no server of the zone above answers"

    async def _zone_above(self, name: str) -> tuple[str, tuple[str, ...]]:
        """The closest zone at or above `name`, and its servers."""
        where = name
        while where:
            answer = await self._resolve(where, RdataType.NS)
            hosts = sorted(plain(host) for host in answer)
            if hosts:
                return where, tuple(hosts)
            where = parent_of(where)
        raise _NotFound(f"the resolver knows no zone at or above {name}")

    async def _ask_parent(self, host: str, name: str) -> tuple[DnsAnswer, ...]:
        try:
            addresses = await self._addresses(host)
        except _NotFound as error:
            return (DnsAnswer(host, "", error=str(error)),)
        asked = (self._ask_outside(host, address, name) for address in addresses[:ADDRESSES_EACH])
        return tuple(await asyncio.gather(*asked))

    async def _ask_outside(self, host: str, address: str, name: str) -> DnsAnswer:
        """The zone above may be a tenant's, who says where its servers are."""
        if not self._destinations.allows(address):
            return DnsAnswer(host, address, error=NOT_ASKED)
        return await self._ask(host, address, name, RdataType.NS)

    # --- live records -------------------------------------------------------------------------------------------------

    async def _live(self, question: DnsQuestion) -> tuple[tuple[str, ...], str]:
        """What the domain itself answers to the world, and why that is not known."""
        if not question.live:
            return (), ""
        found: list[str] = []
        try:
            for type_ in (RdataType.MX, RdataType.A, RdataType.AAAA):
                values = await self._resolve(question.name, type_)
                found += [f"{RdataType.to_text(type_)} {value}" for value in values if _in_use(type_, value)]
        except _NotFound as error:
            return (), str(error)
        return tuple(sorted(found)), ""

    # --- one question -------------------------------------------------------------------------------------------------

    async def _ask(self, host: str, address: str, name: str, type_: RdataType) -> DnsAnswer:
        """One question to one server, which is not to ask others."""
        query = dns.message.make_query(dns.name.from_text(name), type_)
        query.flags &= ~dns.flags.RD
        if no_way := _no_way_to(address, self._port):
            return DnsAnswer(host, address, error=no_way)
        try:
            response = await self._send(query, address)
        except (dns.exception.DNSException, OSError, EOFError) as error:
            return DnsAnswer(host, address, error=_reason(error))
        if response.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            return DnsAnswer(host, address, error=f"answers {dns.rcode.to_text(response.rcode())}")
        if not _knows(response, name):
            return DnsAnswer(host, address, error="answers that others serve the zone")
        values = _values(response, name, type_)
        if len(values) > RECORDS_EACH:
            return DnsAnswer(host, address, error=f"answers with {len(values)} records")
        return DnsAnswer(host, address, values)

    async def _send(self, query: dns.message.Message, address: str) -> dns.message.Message:
        """A packet may be lost: only the second one that is not answered says something of the server."""
        for _ in range(DNS_ATTEMPTS - 1):
            with suppress(dns.exception.Timeout):
                return await self._send_once(query, address)
        return await self._send_once(query, address)

    async def _send_once(self, query: dns.message.Message, address: str) -> dns.message.Message:
        response, _ = await dns.asyncquery.udp_with_fallback(
            query, address, timeout=self._seconds, port=self._port, ignore_unexpected=True
        )
        return response

    async def _addresses(self, host: str) -> tuple[str, ...]:
        found = await self._resolve(host, RdataType.A) or await self._resolve(host, RdataType.AAAA)
        if not found:
            raise _NotFound(f"{host} has no address")
        return tuple(found)

    async def _resolve(self, name: str, type_: RdataType) -> tuple[str, ...]:
        """By the resolver, sorted; nothing where there is nothing. Raises _NotFound when nobody answers."""
        try:
            answer = await self._resolver.resolve(dns.name.from_text(name), type_, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN:
            return ()
        except (dns.exception.DNSException, OSError) as error:
            raise _NotFound(f"the resolver does not answer for {name} ({_reason(error)})") from None
        if type_ is RdataType.NS and answer.canonical_name != answer.qname:
            # An alias, maybe a wildcard's: it leads to a zone that has nothing to do with the name.
            return ()
        return tuple(sorted(item.to_text() for item in answer.rrset or ()))


def _knows(response: dns.message.Message, name: str) -> bool:
    """Whether that nothing else is in it says that there is nothing else: it comes from a server of the zone, or from
    one that delegates the very name. One that does not serve the zone refers to where somebody may, with no error."""
    delegates = any(s.name == dns.name.from_text(name) and s.rdtype is RdataType.NS for s in response.authority)
    return bool(response.flags & dns.flags.AA or response.answer) or delegates


def _values(response: dns.message.Message, name: str, type_: RdataType) -> tuple[str, ...]:
    """From the answer, or for name servers from the referral."""
    sections = (response.answer, response.authority) if type_ is RdataType.NS else (response.answer,)
    wanted = dns.name.from_text(name)
    found = (s for section in sections for s in section if s.name == wanted and s.rdtype is type_)
    texts = (item.to_text() for item in next(found, ()))
    return tuple(sorted(plain(text) if type_ is RdataType.NS else text for text in texts))


def _in_use(type_: RdataType, value: str) -> bool:
    """Whether a record makes its name answer somebody. `MX 0 .` says that there is no mail (RFC 7505), and nobody
    outside is reached at an unspecified or a loopback address."""
    if type_ is RdataType.MX:
        return value.rsplit(maxsplit=1)[-1] != "."
    address = ip_address(value)
    return not (address.is_unspecified or address.is_loopback)


def _no_way_to(address: str, port: int) -> str:
    """Why nothing can be sent to an address, as from a network without IPv6; empty if it can. Sends nothing."""
    version = ip_address(address).version
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, port))
    except OSError:
        return f"not reachable from here over IPv{version}"
    return ""


def _reason(error: Exception) -> str:
    if isinstance(error, dns.exception.Timeout):
        return "no answer"
    return "it closed the connection" if isinstance(error, EOFError) else type(error).__name__
