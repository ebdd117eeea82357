"""A state that somebody hands in: what it may be used for, and what a hostile one would be used for."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from catalyst_operator.api.labels import LABEL_SOVEREIGN_UID
from catalyst_operator.core.tofu import given_state
from catalyst_operator.core.tofu.plan_gate import EXIT_STATE_REFUSED, Beside, judge, verdict
from tests.support.gen import NETWORK, UID

State = dict[str, Any]
Edit = Callable[[State], object]


def resource(kind: str, name: str, *instances: State, **fields: Any) -> State:
    listed = [{"attributes": attributes} for attributes in instances]
    return {
        "mode": "managed",
        "type": kind,
        "name": name,
        "provider": given_state.PROVIDER,
        "instances": listed,
        **fields,
    }


def state(*edits: Edit) -> bytes:
    """What a Crossplane left that added a worker."""
    made: State = {
        "version": 4,
        "serial": 9,
        "lineage": "l",
        "resources": [
            resource("hcloud_network", "this", {"id": NETWORK}),
            resource("hcloud_network_subnet", "this", {"id": f"{NETWORK}-10.0.1.0/24", "network_id": int(NETWORK)}),
            resource("hcloud_server", "worker", {"id": "7"}, {"id": "8"}),
            resource("hcloud_load_balancer", "this", {"id": "3"}),
            resource("hcloud_load_balancer_target", "this", {"id": "t", "load_balancer_id": 3}),
        ],
    }
    for edit in edits:
        edit(made)
    return json.dumps(made).encode()


def wrong(content: bytes) -> str:
    return given_state.wrong(content, lineage="l", serial=7, network=NETWORK)


def add(kind: str, name: str, *instances: State, **fields: Any) -> Edit:
    return lambda made: made["resources"].append(resource(kind, name, *instances, **fields))


def test_what_its_crossplane_made_of_the_archived_state_is_taken() -> None:
    assert wrong(state()) == ""


def test_where_the_network_is_not_known_its_label_has_to_do() -> None:
    """Records of before it was kept."""
    assert given_state.wrong(state(), lineage="l", serial=7, network="") == ""


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        (lambda made: made.update(lineage="another"), "of another origin"),
        (lambda made: made.update(serial=7), "no newer"),
        (lambda made: made.update(serial="9; rm"), "no state"),
        (lambda made: made.update(serial=float("inf")), "no state"),
        (lambda made: made.update(version=3), "of another origin"),
        (lambda made: made.pop("resources"), "no state"),
        (lambda made: made.update(resources=[1]), "no state"),
        (lambda made: made["resources"][0]["instances"][0]["attributes"].update(id="666"), "not the Sovereign's"),
        (
            add("hcloud_load_balancer_service", "this", {"id": "666__443", "load_balancer_id": 3}),
            "hcloud_load_balancer_service.this whose id is of something else",
        ),
        (add("hcloud_load_balancer_network", "this", {"id": "666-1", "load_balancer_id": 3}), "whose id is"),
        (add("hcloud_network_subnet", "this", {"id": "666-10.0.2.0/24", "network_id": int(NETWORK)}), "whose id is of"),
        (add("hcloud_network_subnet", "this", {"id": f"{NETWORK}-10.0.2.0/24"}), "no state"),
        (add("hcloud_server", "neighbours", {"id": "9"}), "hcloud_server.neighbours, which the module does not make"),
        (add("hcloud_volume", "this", {"id": "9"}), "hcloud_volume.this"),
        (add("hcloud_server", "worker", {"id": "9"}, provider='provider["evil.example/a/b"]'), "does not make"),
        (add("hcloud_server", "worker", {"id": "9"}, module="module.other"), "does not make"),
        (add("hcloud_server", "worker", {"id": "9"}, mode="data"), "does not make"),
        (
            add("hcloud_load_balancer_service", "this", {"id": "s", "load_balancer_id": 666}),
            "of something that it does not list",
        ),
        (add("hcloud_network_subnet", "this", {"id": "s", "network_id": 666}), "of something that it does not list"),
    ],
)
def test_what_could_reach_anything_else_is_not(edit: Edit, why: str) -> None:
    assert why in wrong(state(edit))


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"\xff", b"{"])
def test_what_is_no_state_is_told(content: bytes) -> None:
    assert wrong(content) == "it is no state of OpenTofu's"


@pytest.mark.parametrize("many", ["[],", "{},", "1,"])
def test_what_would_fill_the_memory_is_not_read(many: str) -> None:
    """Some MiB of these are half a gibibyte as objects, and keep everybody waiting for seconds."""
    bomb = f'{{"resources":[{many * given_state.MOST_VALUES}1]}}'.encode()
    assert wrong(bomb) == "it is no state of OpenTofu's"
    with pytest.raises(ValueError, match="more than 262144 values"):
        given_state.parsed(bomb)


def destroying(address: str, kind: str, labels: State | None) -> State:
    before = {"id": "9", "labels": labels}
    return {
        "address": address,
        "type": kind,
        "mode": "managed",
        "change": {"actions": ["delete"], "before": before, "after": None},
    }


OURS = destroying("hcloud_server.worker[0]", "hcloud_server", {LABEL_SOVEREIGN_UID: UID})


@pytest.mark.parametrize("labels", [{LABEL_SOVEREIGN_UID: "another"}, {}, None], ids=["another's", "none", "null"])
def test_an_id_of_somebody_elses_is_seen_when_it_is_read_in_the_project(labels: State | None) -> None:
    """Whatever the state says that it is: OpenTofu has read the object before it plans."""
    plan = {"resource_changes": [OURS, destroying("hcloud_server.worker[1]", "hcloud_server", labels)]}
    judged = judge(plan, uid=UID, destroy_run=True, beside=Beside(state_given=True))
    code, told = verdict(judged, manual=False, approved="")
    assert code == EXIT_STATE_REFUSED
    assert "hcloud_server.worker[1]" in told
    assert "hcloud_server.worker[0]" not in told


def test_what_is_ours_goes_and_parts_carry_no_label() -> None:
    part = destroying("hcloud_load_balancer_target.this", "hcloud_load_balancer_target", None)
    judged = judge({"resource_changes": [OURS, part]}, uid=UID, destroy_run=True, beside=Beside(state_given=True))
    assert verdict(judged, manual=False, approved="")[0] == 0


def test_a_state_of_our_own_is_believed() -> None:
    """Somebody may have edited a label; nobody else wrote what the state lists."""
    plan = {"resource_changes": [destroying("hcloud_server.worker[1]", "hcloud_server", {})]}
    assert verdict(judge(plan, uid=UID, destroy_run=True), manual=False, approved="")[0] == 0
