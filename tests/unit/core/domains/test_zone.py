"""Glue, the longest names, and zones of any content: one change is enough, and what is others' stays."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalyst_operator.core.domains import zone as zones
from catalyst_operator.core.domains.claims.names import is_under
from catalyst_operator.core.domains.zone import RRset, Zone
from catalyst_operator.core.settings import Nameserver
from tests.support.reservations import ADDRESS, SERVERS

MARK, NAME = "ours", "acme.bank.com"
LONGEST = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 56, "test"])


def carried_out(found: Zone, changes: tuple[RRset, ...]) -> Zone:
    """As PowerDNS does: a set without values is removed, another replaces what is there."""
    kept = {rrset.key: rrset for rrset in found.rrsets}
    for change in changes:
        kept.pop(change.key, None)
        if change.values:
            kept[change.key] = change
    return replace(found, rrsets=tuple(kept.values()))


# --- glue -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "address", "glue"),
    [
        ("ns1.openova.test", "203.0.113.53", None),
        (f"x{NAME}", "203.0.113.53", None),
        (f"ns1.{NAME}", "", None),
        (f"ns1.{NAME}", "203.0.113.53", ("A", "203.0.113.53")),
        (NAME, "203.0.113.53", ("A", "203.0.113.53")),
        (f"ns1.{NAME}", "2001:db8::53", ("AAAA", "2001:db8::53")),
        (f"ns1.{NAME}", "2001:DB8:0::53", ("AAAA", "2001:db8::53")),
    ],
    ids=["elsewhere", "only alike", "no address is known", "inside", "the name itself", "IPv6", "IPv6, not as shown"],
)
def test_glue_is_given_for_a_server_inside(host: str, address: str, glue: tuple[str, str] | None) -> None:
    _, *found = zones.delegation(NAME, MARK, (Nameserver(host, address),))
    assert [(r.name, r.type, r.values) for r in found] == ([(host, glue[0], (glue[1],))] if glue else [])


@pytest.mark.parametrize("host", [NAME, f"api.{NAME}"])
def test_a_server_that_has_one_of_our_names_keeps_its_address(host: str) -> None:
    """Two answers for one name would be changed to and fro for ever."""
    servers = (Nameserver(host, "203.0.113.53"), *SERVERS)
    wanted = zones.contents(NAME, MARK, ADDRESS, servers)
    assert len({r.key for r in wanted}) == len(wanted)
    assert [r.values for r in wanted if r.key == (host, "A")] == [("203.0.113.53",)]


# --- the longest names ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("room", range(10))
def test_only_what_fits_is_wanted(room: int) -> None:
    name = LONGEST[room:]
    made = zones.new_zone(name, MARK, ADDRESS, SERVERS)
    assert len(name) == 253 - room
    assert all(len(r.name) <= 253 for r in made.rrsets)
    assert {r.name for r in made.rrsets} == {name} | {
        f"{label}.{name}" for label in zones.HOSTS if label and len(label) + 1 <= room
    }


def test_the_mailbox_of_the_zone_is_a_name_too() -> None:
    made = zones.new_zone(NAME, MARK, ADDRESS, (Nameserver(LONGEST),))
    (soa,) = (r for r in made.rrsets if r.type == "SOA")
    server, mailbox = soa.values[0].split()[:2]
    assert (server, mailbox) == (f"{LONGEST}.", f"hostmaster.{LONGEST.partition('.')[2]}.")


# --- others' names ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "kept"),
    [
        (RRset(f"console.{NAME}", "NS", 60, ("ns.example.",), ""), {"console"}),
        (RRset(NAME, "DNAME", 60, ("example.",), ""), {"*", "console", "api", "gitea", "harbor"}),
        (RRset(NAME, "NS", 60, ("ns.example.",), ""), set()),
        (RRset(f"gitea.{NAME}", "ALIAS", 60, (), ""), set()),
        (RRset(f"x.gitea.{NAME}", "NS", 60, ("ns.example.",), ""), set()),
    ],
    ids=["delegated away", "all below is another name's", "the zone's own servers", "switched off", "below it"],
)
def test_a_name_that_another_zone_answers_for_is_left_to_it(other: RRset, kept: set[str]) -> None:
    found = replace(zones.new_zone(NAME, MARK, ADDRESS, SERVERS), rrsets=(other,))
    diff = zones.differences(found, zones.contents(NAME, MARK, ADDRESS, SERVERS), MARK, within=NAME)
    written = {r.name for r in diff.changes if r.type == "A"}
    left = {label for label in zones.HOSTS if (f"{label}.{NAME}" if label else NAME) not in written}
    assert left == kept
    assert diff.foreign == ((other,) if kept or other.key == (NAME, "NS") else ())


# --- zones of any content ---------------------------------------------------------------------------------------------

LABELS = ["", "*", "console", "api", "gitea", "harbor", "ns1", "mail", "a.b"]
ADDRESSES = ["203.0.113.20", "203.0.113.21"]
RRSETS = st.builds(
    lambda label, type_, ttl, values, mark: RRset(
        f"{label}.{NAME}" if label else NAME, type_, ttl, tuple(sorted(values)), mark
    ),
    st.sampled_from(LABELS),
    st.sampled_from(["A", "AAAA", "TXT", "NS", "CNAME", "ALIAS", "DNAME", "SOA"]),
    st.sampled_from([300, 900]),
    st.sets(st.sampled_from(ADDRESSES), min_size=1),
    st.sampled_from([MARK, MARK, "", "another"]),
)
FOUND = st.lists(RRSETS, unique_by=lambda r: r.key, max_size=12).map(lambda held: Zone(NAME, MARK, tuple(held)))
HOSTS = st.sampled_from([f"ns1.{NAME}", f"api.{NAME}", NAME, "ns1.openova.test", "ns2.openova.test"])
WANTED_SERVERS = st.lists(
    st.builds(Nameserver, HOSTS, st.sampled_from(["", "203.0.113.53", "2001:db8::53"])),
    min_size=1,
    max_size=3,
    unique_by=lambda server: server.host,
).map(tuple)


@given(FOUND, st.sampled_from(ADDRESSES), WANTED_SERVERS)
def test_one_change_is_enough(found: Zone, address: str, servers: tuple[Nameserver, ...]) -> None:
    wanted = zones.contents(NAME, MARK, address, servers)
    diff = zones.differences(found, wanted, MARK, within=NAME)
    once = carried_out(found, diff.changes)
    again = zones.differences(once, wanted, MARK, within=NAME)
    assert again == zones.Diff((), again.foreign)
    stands = {r.key for r in once.rrsets}
    obstacles = [(f.name, f.type) for f in again.foreign]
    assert all(
        w.key in stands or any(w.name == name or is_under(w.name, name) for name, _ in obstacles) for w in wanted
    )


@given(FOUND, st.sampled_from(ADDRESSES), WANTED_SERVERS)
def test_nothing_of_ours_answers_for_a_name_that_somebody_else_answers_for(
    found: Zone, address: str, servers: tuple[Nameserver, ...]
) -> None:
    wanted = zones.contents(NAME, MARK, address, servers)
    once = carried_out(found, zones.differences(found, wanted, MARK, within=NAME).changes)
    ours = {r.name for r in once.rrsets if r.mark == MARK and r.type == "A"}
    theirs = {r.name for r in once.rrsets if r.mark != MARK and r.type in ("A", "CNAME", "ALIAS")}
    assert not ours & theirs


@given(FOUND, st.sampled_from(ADDRESSES), WANTED_SERVERS)
def test_what_is_others_stays_and_what_of_ours_is_not_wanted_goes(
    found: Zone, address: str, servers: tuple[Nameserver, ...]
) -> None:
    wanted = zones.contents(NAME, MARK, address, servers)
    once = carried_out(found, zones.differences(found, wanted, MARK, within=NAME).changes)
    theirs = {r for r in found.rrsets if r.mark != MARK}
    kept = {r for r in once.rrsets if r.mark != MARK}
    assert {(r, r.mark) for r in theirs} == {(r, r.mark) for r in kept}
    ours = {r.key for r in once.rrsets if r.mark == MARK and r.type != "SOA"}
    assert ours <= {r.key for r in wanted}


@given(FOUND, WANTED_SERVERS)
def test_a_delegation_is_given_and_taken_back_without_a_trace(found: Zone, servers: tuple[Nameserver, ...]) -> None:
    """In the pool's zone, which is somebody else's."""
    pool = Zone("bank.com", "", tuple(r for r in found.rrsets if r.mark != MARK))
    given_out = carried_out(
        pool, zones.differences(pool, zones.delegation(NAME, MARK, servers), MARK, within=NAME).changes
    )
    taken_back = carried_out(given_out, zones.differences(given_out, (), MARK, within=NAME).changes)
    assert set(taken_back.rrsets) == set(pool.rrsets)


@given(FOUND)
def test_strangers_are_all_that_a_delegation_would_hide(found: Zone) -> None:
    outside = RRset("other.com", "A", 300, ("203.0.113.20",), "another")
    alike = RRset(f"x{NAME}", "A", 300, ("203.0.113.20",), "another")
    pool = replace(found, name="com", rrsets=(*found.rrsets, outside, alike))
    assert set(zones.strangers(pool, NAME, MARK)) == {r for r in found.rrsets if r.mark != MARK}
