"""Termination messages: whole JSON that fits, whatever there is to name."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from catalyst_operator.core.tofu.termination import MAX_TERMINATION_BYTES, message

NAMES = [f"hcloud_server.worker[{n}]" for n in range(25)]


def test_ten_names_and_a_count_of_the_rest() -> None:
    told = json.loads(message({"add": 1}, {"few": NAMES[:10], "many": NAMES, "none": []}))
    assert told == {"add": 1, "few": NAMES[:10], "many": [*NAMES[:9], "and 16 more"], "none": []}


def test_long_lists_share_the_room() -> None:
    long = [f'hcloud_load_balancer_target.this["control-plane-{n}"]' for n in range(25)]
    said = message({}, {"one": long, "two": long, "three": long})
    assert len(said) <= MAX_TERMINATION_BYTES
    told = json.loads(said)
    assert [len(told[key]) for key in ("one", "two", "three")] == [len(told["one"])] * 3
    assert len(told["one"]) > 5, "no more is cut than has to be"


names = st.lists(st.text(min_size=1, max_size=300), max_size=40)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(names, names, names)
def test_it_always_fits_and_counts_what_it_cuts(one: list[str], two: list[str], three: list[str]) -> None:
    said = message({"digest": "0" * 64}, {"one": one, "two": two, "three": three})
    assert len(said.encode()) <= MAX_TERMINATION_BYTES
    told = json.loads(said)
    for key, given_names in (("one", one), ("two", two), ("three", three)):
        cut = len(told[key]) < len(given_names)
        assert told[key][-1:] == ([f"and {len(given_names) - len(told[key]) + 1} more"] if cut else told[key][-1:])
