"""What a sweep does about an object next, and how it tells what it did."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalyst_operator.core.project import sweeping
from catalyst_operator.core.project.belongings import Reference, Thing, Whose
from catalyst_operator.core.project.sweeping import SweepStep, step
from catalyst_operator.core.tofu.termination import MAX_TERMINATION_BYTES

ON_A_SERVER = frozenset({("servers", 10)})
IN_USE = frozenset({("load_balancers", 3)})


def thing(kind: str, members: frozenset[Reference] = frozenset(), *, protected: bool = False) -> Thing:
    return Thing(kind, 7, "x", {}, members, protected=protected)


@pytest.mark.parametrize(
    ("kind", "members", "what", "expected"),
    [
        ("volumes", ON_A_SERVER, Whose.MADE_INSIDE, SweepStep.MARK),
        ("volumes", ON_A_SERVER, Whose.LABELLED, SweepStep.DETACH),
        ("volumes", frozenset(), Whose.LABELLED, SweepStep.DELETE),
        ("certificates", IN_USE, Whose.MADE_INSIDE, SweepStep.MARK),
        ("certificates", IN_USE, Whose.LABELLED, SweepStep.WAIT),
        ("certificates", frozenset(), Whose.LABELLED, SweepStep.DELETE),
        ("load_balancers", frozenset({("networks", 1)}), Whose.MADE_INSIDE, SweepStep.DELETE),
        ("floating_ips", ON_A_SERVER, Whose.LABELLED, SweepStep.DETACH),
        ("floating_ips", frozenset(), Whose.LABELLED, SweepStep.DELETE),
        ("primary_ips", ON_A_SERVER, Whose.LABELLED, SweepStep.WAIT),
        ("primary_ips", frozenset(), Whose.LABELLED, SweepStep.DELETE),
        ("images", frozenset(), Whose.LABELLED, SweepStep.DELETE),
        ("servers", frozenset({("networks", 1)}), Whose.LABELLED, SweepStep.DELETE),
    ],
)
def test_next_step(kind: str, members: frozenset[Reference], what: Whose, expected: SweepStep) -> None:
    assert step(thing(kind, members), what, sweep_all=False) is expected


@pytest.mark.parametrize("what", [Whose.HELD, Whose.SHARED, Whose.UNRELATED])
@pytest.mark.parametrize("sweep_all", [True, False])
def test_left_alone_whatever_is_asked_for(what: Whose, sweep_all: bool) -> None:
    assert step(thing("volumes"), what, sweep_all=sweep_all) is None


def test_somebody_elses_goes_only_if_that_is_asked_for() -> None:
    assert step(thing("servers"), Whose.FOREIGN, sweep_all=False) is None
    assert step(thing("servers"), Whose.FOREIGN, sweep_all=True) is SweepStep.DELETE
    assert step(thing("volumes", ON_A_SERVER), Whose.FOREIGN, sweep_all=True) is SweepStep.MARK


@pytest.mark.parametrize("what", list(Whose))
def test_protection_is_a_persons_word(what: Whose) -> None:
    assert step(thing("volumes", protected=True), what, sweep_all=True) is None


REFERENCES = st.sets(st.tuples(st.sampled_from(["volumes", "load_balancers"]), st.integers(1, 10**10)), max_size=300)


@given(REFERENCES, REFERENCES, st.lists(st.text(max_size=200), max_size=30), st.text(max_size=2000))
def test_what_is_told_fits_and_is_read_again(
    found: set[Reference], removed: set[Reference], names: list[str], words: str
) -> None:
    text = sweeping.termination_message({"explanation": words}, names, {"found": found, "removed": removed})
    assert len(text.encode()) <= MAX_TERMINATION_BYTES
    told = json.loads(text)
    assert told["count"] == len(names)
    for name, whole in (("found", found), ("removed", removed)):
        read = references(sweeping.unpacked(told.get(name)))
        assert read <= whole
        assert len(read) + told.get("more", {}).get(name, 0) == len(whole)


def references(ids: sweeping.Ids) -> set[Reference]:
    return {(kind, id_) for kind, found in ids.items() for id_ in found}


def test_objects_that_were_made_together_fit_by_the_hundred() -> None:
    many: Iterable[Reference] = [("volumes", 104_000_000 + 37 * n) for n in range(250)]
    told = json.loads(sweeping.termination_message({}, (), {"removed": set(many)}))
    assert "more" not in told
    assert references(sweeping.unpacked(told["removed"])) == set(many)


@pytest.mark.parametrize("packed", [None, [], "x", {"volumes": "x"}, {"volumes": [1, "y"]}, {"volumes": [1.5]}])
def test_what_is_no_list_of_ids_is_none(packed: object) -> None:
    assert sweeping.unpacked(packed) == {}


def test_ids_are_joined_and_taken_away() -> None:
    first, second = {"volumes": (1, 3)}, {"volumes": (2, 3), "images": (9,)}
    assert sweeping.joined(first, second) == {"images": (9,), "volumes": (1, 2, 3)}
    assert sweeping.without(first, second) == {"volumes": (1,)}


def test_what_is_in_the_way_is_named_with_what_to_do() -> None:
    stranger, kept = Thing("servers", 77, "bastion", {}), Thing("volumes", 8, "pvc-1", {}, protected=True)
    words = sweeping.in_the_way_words([stranger], [kept], sweep_all=False)
    assert "servers/77 bastion" in words
    assert "spec.decommission.sweep to All" in words
    assert "volumes/8 pvc-1. Take the protection off" in words
    assert "sweep" not in sweeping.in_the_way_words([stranger], [], sweep_all=True)


def test_many_names_are_cut_and_counted() -> None:
    assert sweeping.some_of(f"v{n}" for n in range(12)) == ", ".join(f"v{n}" for n in range(10)) + " and 2 more"
