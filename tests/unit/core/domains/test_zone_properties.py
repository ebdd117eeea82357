"""What a zone shall hold, and how it is told from what it holds."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalyst_operator.core.domains import zone
from catalyst_operator.core.domains.claims import names
from catalyst_operator.core.domains.zone import RRset, Zone
from catalyst_operator.core.settings import Nameserver
from tests.support.reservations import ADDRESS, SERVERS

MARK, NAME = "ours", "omantel.omani.works"
WANTED = zone.contents(NAME, MARK, ADDRESS, SERVERS)


def after(found: Zone, changes: tuple[RRset, ...]) -> Zone:
    """As PowerDNS carries changes out: one after the other, an empty one removes."""
    kept = {rrset.key: rrset for rrset in found.rrsets}
    for change in changes:
        kept.pop(change.key, None)
        if change.values:
            kept[change.key] = change
    return replace(found, rrsets=tuple(kept.values()))


def test_a_new_zone_needs_no_change() -> None:
    made = zone.new_zone(NAME, MARK, ADDRESS, SERVERS)
    assert zone.differences(made, WANTED, MARK, within=NAME) == zone.Diff()
    assert {r.mark for r in made.rrsets} == {MARK}


def test_the_six_addresses_and_the_servers() -> None:
    assert [(r.name, r.type, r.ttl, r.values) for r in WANTED] == [
        (NAME, "NS", 900, ("ns1.openova.test.", "ns2.openova.test.")),
        (NAME, "A", 300, (ADDRESS,)),
        (f"*.{NAME}", "A", 300, (ADDRESS,)),
        (f"console.{NAME}", "A", 300, (ADDRESS,)),
        (f"api.{NAME}", "A", 300, (ADDRESS,)),
        (f"gitea.{NAME}", "A", 300, (ADDRESS,)),
        (f"harbor.{NAME}", "A", 300, (ADDRESS,)),
    ]


def test_a_server_inside_the_zone_gets_glue_and_one_outside_does_not() -> None:
    servers = (Nameserver(f"ns1.{NAME}", "203.0.113.53"), Nameserver("ns2.openova.test", "203.0.113.54"))
    ns, glue = zone.delegation(NAME, MARK, servers)
    assert ns.values == ("ns1.omantel.omani.works.", "ns2.openova.test.")
    assert (glue.name, glue.type, glue.values) == (f"ns1.{NAME}", "A", ("203.0.113.53",))
    assert len(zone.delegation(NAME, MARK, servers[1:])) == 1


def test_below_the_longest_names_there_is_room_for_nothing() -> None:
    longest = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 56, "test"])
    made = zone.new_zone(longest, MARK, ADDRESS, SERVERS)
    assert all(len(r.name) <= 253 for r in made.rrsets)
    assert {r.type for r in made.rrsets if r.name == longest} == {"SOA", "NS", "A"}


def test_a_foreign_record_of_the_same_name_is_left_alone_and_told() -> None:
    other = RRset(f"gitea.{NAME}", "A", 60, ("203.0.113.99",), "")
    found = after(zone.new_zone(NAME, MARK, ADDRESS, SERVERS), (other,))
    diff = zone.differences(found, WANTED, MARK, within=NAME)
    assert (diff.changes, diff.foreign) == ((), (other,))


def test_an_alias_of_somebody_else_stands_in_the_way() -> None:
    alias = RRset(f"gitea.{NAME}", "CNAME", 60, ("elsewhere.example.",), "")
    made = zone.new_zone(NAME, MARK, ADDRESS, SERVERS)
    found = replace(made, rrsets=(*(r for r in made.rrsets if r.name != alias.name), alias))
    diff = zone.differences(found, WANTED, MARK, within=NAME)
    assert (diff.changes, diff.foreign) == ((), (alias,))


def test_a_foreign_record_that_says_the_same_is_as_good_as_ours() -> None:
    same = replace(next(r for r in WANTED if r.name == f"api.{NAME}"), mark="")
    found = after(zone.new_zone(NAME, MARK, ADDRESS, SERVERS), (same,))
    assert zone.differences(found, WANTED, MARK, within=NAME) == zone.Diff()


def test_what_of_ours_is_not_wanted_any_more_goes_and_only_within() -> None:
    stale = RRset(f"old.{NAME}", "A", 300, (ADDRESS,), MARK)
    elsewhere = RRset("other.omani.works", "NS", 900, ("ns1.openova.test.",), MARK)
    found = Zone("omani.works", "", (stale, elsewhere))
    diff = zone.differences(found, (), MARK, within=NAME)
    assert [(r.key, r.values) for r in diff.changes] == [(stale.key, ())]


LABELS = st.sampled_from(["", "*", "console", "api", "gitea", "mail", "a.b"])
RRSETS = st.builds(
    lambda label, type_, ttl, values, mark: RRset(
        f"{label}.{NAME}" if label else NAME, type_, ttl, tuple(sorted(values)), mark
    ),
    LABELS,
    st.sampled_from(["A", "AAAA", "TXT", "NS", "CNAME"]),
    st.sampled_from([60, 300, 900]),
    st.sets(st.sampled_from(["203.0.113.1", "203.0.113.2", ADDRESS]), min_size=1),
    st.sampled_from([MARK, "", "another"]),
)
ZONES = st.lists(RRSETS, unique_by=lambda r: r.key).map(lambda found: Zone(NAME, MARK, tuple(found)))


@given(ZONES)
def test_one_change_is_enough_and_nothing_of_others_is_touched(found: Zone) -> None:
    diff = zone.differences(found, WANTED, MARK, within=NAME)
    changed = after(found, diff.changes)

    again = zone.differences(changed, WANTED, MARK, within=NAME)
    assert again.changes == ()
    others = {r.key: r for r in found.rrsets if r.mark != MARK}
    assert {key: changed.find(*key) for key in others} == others
    wanted = {r.key for r in WANTED}
    assert all(r.key in wanted for r in changed.rrsets if r.mark == MARK and r.type != "SOA")
    missing = [r for r in WANTED if changed.find(*r.key) != r]
    told = {r.name for r in again.foreign}
    assert all(r.name in told for r in missing)


@given(ZONES)
def test_giving_back_leaves_exactly_what_is_others(found: Zone) -> None:
    diff = zone.differences(found, (), MARK, within=NAME)
    left = after(found, diff.changes)
    assert set(left.rrsets) == {r for r in found.rrsets if r.mark != MARK}


@pytest.mark.parametrize(
    ("one", "other", "related"),
    [
        ("omani.works", "omantel.omani.works", True),
        ("omantel.omani.works", "omani.works", True),
        ("a.omani.works", "b.omani.works", False),
        ("xomani.works", "omani.works", False),
        ("omani.works", "omani.works", False),
    ],
)
def test_related(one: str, other: str, related: bool) -> None:
    assert names.related(one, other) is related


@pytest.mark.parametrize(
    ("name", "pool"),
    [
        ("omantel.omani.works", "omani.works"),
        ("omani.works", "omani.works"),
        ("works", "omani.works"),
        ("deep.down.omani.works", "omani.works"),
        ("omani.example", None),
    ],
)
def test_what_belongs_to_a_pool(name: str, pool: str | None) -> None:
    assert names.pool_of(name, ("openova.io", "omani.works")) == pool


def test_reserved_labels_are_labels() -> None:
    reserved = names.reserved_labels()
    assert {"www", "console", "mail"} <= reserved
    assert all(label == label.lower() and "." not in label for label in reserved)
