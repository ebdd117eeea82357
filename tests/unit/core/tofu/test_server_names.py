"""Servers by name: there and back, and many of them in few words."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalyst_operator.core.tofu.server_names import address_of, is_control_plane, name_of, packed, unpacked

NAMES = [*(f"control-plane-{n}" for n in range(3)), *(f"worker-{n}" for n in range(90))]


@pytest.mark.parametrize(
    ("name", "address"),
    [("control-plane-0", "hcloud_server.control_plane[0]"), ("worker-12", "hcloud_server.worker[12]")],
)
def test_a_server_has_one_address(name: str, address: str) -> None:
    assert (address_of(name), name_of(address)) == (address, name)


@pytest.mark.parametrize(
    "address", ["hcloud_network.this", 'hcloud_load_balancer_target.this["worker-0"]', "and 3 more"]
)
def test_what_is_no_server_has_no_name(address: str) -> None:
    assert name_of(address) == ""


def test_control_planes_are_told_from_workers() -> None:
    assert [is_control_plane(name) for name in ("control-plane-2", "worker-2")] == [True, False]


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ([], ""),
        (["control-plane-0"], "control-plane:0"),
        (["worker-7", "worker-0", "worker-1", "control-plane-2", "worker-2"], "control-plane:2 worker:0-2,7"),
        (NAMES, "control-plane:0-2 worker:0-89"),
    ],
)
def test_many_names_take_few_words(names: list[str], text: str) -> None:
    """All of them go into a termination message, which is short."""
    assert packed(names) == text


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.sets(st.sampled_from(NAMES)))
def test_packed_names_are_unpacked_again(names: set[str]) -> None:
    assert set(unpacked(packed(names))) == names
    assert len(packed(names)) < 300


@pytest.mark.parametrize("text", ["worker:", "worker:x", "other:1-3", "worker:0-999999999999"])
def test_of_another_text_no_more_is_read_than_there_can_be(text: str) -> None:
    assert len(unpacked(text)) < 1000
