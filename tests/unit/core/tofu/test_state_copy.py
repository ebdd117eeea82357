"""Which of the two a run goes on from: the state in a store, or its copy."""

from __future__ import annotations

import json

import pytest

from catalyst_operator.core.tofu.state_copy import LeftLock, Source, StateVersion, is_left, lock_in, source

NONE = StateVersion(0, "", lists=False)
BARE = StateVersion(1, "made by the first push", lists=False)


@pytest.mark.parametrize(
    ("store", "copy", "found"),
    [
        pytest.param(NONE, None, Source.STORE, id="nothing was ever made"),
        pytest.param(BARE, None, Source.STORE, id="a run was killed before it kept a copy"),
        pytest.param(StateVersion(7, "l"), StateVersion(7, "l"), Source.STORE, id="as it should be"),
        pytest.param(StateVersion(9, "l"), StateVersion(7, "l"), Source.STORE, id="a run was killed after it wrote"),
        pytest.param(
            StateVersion(7, "l"), StateVersion(9, "l"), Source.COPY, id="the store refused it, a run saved it"
        ),
        pytest.param(NONE, StateVersion(9, "l"), Source.COPY, id="a new store, or one that lost it"),
        pytest.param(BARE, StateVersion(9, "l"), Source.COPY, id="a run was killed between its first two pushes"),
        pytest.param(StateVersion(9, "other"), StateVersion(7, "l"), Source.FOREIGN, id="somebody else's, and newer"),
        pytest.param(StateVersion(1, "other"), StateVersion(7, "l"), Source.FOREIGN, id="somebody else's, and older"),
        pytest.param(StateVersion(9, "l", lists=False), StateVersion(7, "l"), Source.STORE, id="destroyed"),
        pytest.param(StateVersion(3, "l"), NONE, Source.STORE, id="an empty copy says nothing"),
    ],
)
def test_the_newer_of_one_origin(store: StateVersion, copy: StateVersion | None, found: Source) -> None:
    assert source(store, copy) is found


def test_a_sealed_state_is_taken_to_list_something() -> None:
    sealed = json.loads('{"serial": 3, "lineage": "l", "meta": {}, "encrypted_data": "..."}')
    assert StateVersion.of(sealed) == StateVersion(3, "l", lists=True)
    assert not StateVersion.of({"serial": 1, "lineage": "l", "resources": [], "outputs": {}}).lists
    assert StateVersion.of({"serial": 1, "lineage": "l", "resources": [], "outputs": {"a": {}}}).lists


SAID = """Error: Error acquiring the state lock

Error message: HTTP remote state already locked:
ID=99999999-aaaa-bbbb-cccc-000000000000
Lock Info:
  ID:        99999999-aaaa-bbbb-cccc-000000000000
  Path:      {path}
  Operation: OperationTypeApply
  Who:       {who}
  Version:   1.12.6
  Created:   2026-01-01 00:00:00 +0000 UTC
"""


@pytest.mark.parametrize(
    ("who", "left"),
    [
        ("@apply-1a2b3c4d-7-x9z8y", True),
        ("@apply-1a2b3c4d-8-x9z8y", False),
        ("anna@laptop", False),
        ("anna@apply-1a2b3c4d-7", False),
        ("@", False),
    ],
)
def test_only_a_run_that_is_known_to_be_over_leaves_a_lock(who: str, left: bool) -> None:
    """Its job, without what makes its Pod's name unique."""
    found = lock_in(SAID.format(path="", who=who))
    assert found is not None
    assert found.id == "99999999-aaaa-bbbb-cccc-000000000000"
    assert is_left(found, ("plan-1a2b3c4d-6", "apply-1a2b3c4d-7")) is left
    assert not is_left(found, ())


def test_what_names_no_lock_has_none() -> None:
    assert lock_in('Error: Failed to get state: Get "https://a.example": dial tcp: connection refused') is None


def test_a_lock_without_a_holder_is_nobodys_to_take_away() -> None:
    found = lock_in("Lock Info:\n  ID:        1234\n")
    assert found == LeftLock("1234", "")
    assert not is_left(found, ("", "apply-1a2b3c4d-7"))
