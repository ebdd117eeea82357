"""What a zone shall hold, and how it differs from what it holds. Whatever does not carry our mark is somebody else's
and stays as it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import ip_address

from catalyst_operator.core.domains.claims.names import absolute, is_under, parent_of
from catalyst_operator.core.settings import Nameserver

RECORD_TTL, DELEGATION_TTL = 300, 900
"""Seconds. An address may change while somebody waits for it; name servers hardly ever do."""
HOSTS = ("", "*", "console", "api", "gitea", "harbor")
"""Relative names that get an address; the empty one is the zone itself."""
ADDRESSES = frozenset({"A", "AAAA"})
ALIASES = frozenset({"CNAME", "ALIAS"})
"""Types with which a name has the addresses of another one."""
NAME_MAX = 253
"""Of a DNS name: below the longest ones there is no room for others."""
SOA_TIMES = "10800 3600 604800 300"
"""Refresh, retry, expire, and how long "there is no such name" is remembered."""


@dataclass(frozen=True)
class RRset:
    """All records of one name and type. An empty `values` asks for its removal."""

    name: str
    type: str
    ttl: int
    values: tuple[str, ...]
    """Contents as the server writes them, sorted."""
    mark: str = field(default="", compare=False)
    """Account of its comment: whose it is."""

    @property
    def key(self) -> tuple[str, str]:
        """Name and type."""
        return self.name, self.type


@dataclass(frozen=True)
class Zone:
    """A zone as it is served. `mark` is its account: the UID of the reservation that made it, or somebody else's."""

    name: str
    mark: str
    rrsets: tuple[RRset, ...] = ()

    def find(self, name: str, type_: str) -> RRset | None:
        """The record set, if it is there."""
        return next((rrset for rrset in self.rrsets if rrset.key == (name, type_)), None)


@dataclass(frozen=True)
class Diff:
    """What has to change, and what stands in the way and is not ours to change."""

    changes: tuple[RRset, ...] = ()
    foreign: tuple[RRset, ...] = ()


def new_zone(name: str, mark: str, address: str, servers: tuple[Nameserver, ...]) -> Zone:
    """The zone to create: SOA, name servers, addresses."""
    first = servers[0].host
    # Whoever runs the name servers: a mailbox below the longest names would not be a name any more.
    mailbox = f"hostmaster.{parent_of(first)}"
    soa = RRset(name, "SOA", DELEGATION_TTL, (f"{absolute(first)} {absolute(mailbox)} 0 {SOA_TIMES}",), mark)
    return Zone(name, mark, (soa, *contents(name, mark, address, servers)))


def contents(name: str, mark: str, address: str, servers: tuple[Nameserver, ...]) -> tuple[RRset, ...]:
    """What a zone shall hold beside its SOA."""
    hosts = (f"{label}.{name}" if label else name for label in HOSTS)
    delegated = delegation(name, mark, servers)
    taken = {rrset.key for rrset in delegated}
    fitting = (host for host in hosts if len(host) <= NAME_MAX and (host, "A") not in taken)
    return (*delegated, *(RRset(host, "A", RECORD_TTL, (address,), mark) for host in fitting))


def delegation(name: str, mark: str, servers: tuple[Nameserver, ...]) -> tuple[RRset, ...]:
    """What the parent zone shall hold for `name`: its servers and, where a server's own name lies inside it, glue."""
    hosts = tuple(sorted(absolute(server.host) for server in servers))
    inside = (s for s in servers if s.address and (s.host == name or is_under(s.host, name)))
    return (RRset(name, "NS", DELEGATION_TTL, hosts, mark), *(_glue(server, mark) for server in inside))


def _glue(server: Nameserver, mark: str) -> RRset:
    address = ip_address(server.address)
    type_ = "A" if address.version == 4 else "AAAA"
    return RRset(server.host, type_, DELEGATION_TTL, (address.compressed,), mark)


def differences(zone: Zone, wanted: Iterable[RRset], mark: str, *, within: str) -> Diff:
    """What makes `zone` hold what is wanted at and below `within`, and what of ours is not wanted any more gone."""
    changes: list[RRset] = []
    foreign: dict[tuple[str, str], RRset] = {}
    keys = set()
    for rrset in wanted:
        found, obstacle = zone.find(*rrset.key), _obstacle(zone, rrset, mark)
        if obstacle is not None:
            foreign[obstacle.key] = obstacle
            continue
        keys.add(rrset.key)
        if found != rrset:
            changes.append(rrset)
    ours = (
        r for r in zone.rrsets if r.mark == mark and r.type != "SOA" and (r.name == within or is_under(r.name, within))
    )
    gone = (RRset(r.name, r.type, r.ttl, (), mark) for r in ours if r.key not in keys)
    # A record that goes may be what a new one could not stand beside.
    return Diff((*gone, *changes), tuple(foreign.values()))


def _obstacle(zone: Zone, wanted: RRset, mark: str) -> RRset | None:
    """What of somebody else's already answers for this name: the name is theirs, whatever type they chose. One of ours
    would change what they get, also where the server takes both (PowerDNS refuses others beside a CNAME alone)."""
    found = zone.find(*wanted.key)
    if found is not None and found != wanted and found.mark != mark:
        return found
    others = (r for r in zone.rrsets if r.mark != mark and r.values and r.key != wanted.key)
    return next((r for r in others if _answers_for(r, wanted, zone.name)), None)


def _answers_for(other: RRset, wanted: RRset, zone: str) -> bool:
    """Whether a record set of another type decides what is answered where the wanted one would be."""
    if is_under(wanted.name, other.name):
        # All below is another zone's, or under another name.
        return other.type == "DNAME" or (other.type == "NS" and other.name != zone)
    if other.name != wanted.name:
        return False
    if wanted.type in ADDRESSES:
        return other.type in ALIASES or _computed(other, wanted.type) or (other.type == "NS" and other.name != zone)
    return other.type == "CNAME"


def _computed(other: RRset, type_: str) -> bool:
    """Whether it is a script of PowerDNS' that answers for this type: the first word of its content says for which."""
    return other.type == "LUA" and any(value.split()[:1] in ([type_], ["CNAME"]) for value in other.values)


def strangers(zone: Zone, name: str, mark: str) -> tuple[RRset, ...]:
    """What a parent zone holds at or below `name` that is not ours: a delegation would hide it."""
    inside = (r for r in zone.rrsets if r.name == name or is_under(r.name, name))
    return tuple(r for r in inside if r.mark != mark)
