"""Whose doing a difference is: what others added is told from what was changed, and a server that is off from both."""

from __future__ import annotations

import json
from typing import Any

import pytest

from catalyst_operator.core.tofu.apart import only_of_others
from catalyst_operator.core.tofu.plan_gate import judge, termination_message, verdict
from tests.support.gen import UID

OURS = {"catalyst.openova.io/sovereign": "omantel"}
SERVER = {"id": "42", "labels": OURS, "firewall_ids": [7], "status": "running", "server_type": "cx33"}


def update(before: dict[str, Any], after: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What a plan says of a server that was changed by hand: from how it is to how it was applied."""
    return {"actions": ["update"], "before": SERVER | before, "after": SERVER | after, "after_unknown": {}, **more}


@pytest.mark.parametrize(
    ("change", "apart", "why"),
    [
        (update({"labels": {**OURS, "team": "b"}}, {}), True, "somebody labelled it"),
        (update({"firewall_ids": [7, 8]}, {}), True, "somebody put it behind another firewall as well"),
        (update({"labels": {**OURS, "team": "b"}, "firewall_ids": [7, 8]}, {}), True, "both"),
        (update({"labels": {"team": "b"}}, {}), False, "a label of ours is gone"),
        (update({"labels": {}}, {}), False, "all labels are gone"),
        (update({"labels": {"catalyst.openova.io/sovereign": "other"}}, {}), False, "a label of ours was changed"),
        (update({"labels": {**OURS, "catalyst.openova.io/role": "x"}}, {}), False, "a label that only we set"),
        (update({"firewall_ids": [8]}, {}), False, "it is not behind our firewall any more"),
        (update({"firewall_ids": []}, {}), False, "it is behind no firewall"),
        (update({"server_type": "cx23"}, {}), False, "it has another size"),
        (update({"labels": {**OURS, "team": "b"}, "server_type": "cx23"}, {}), False, "and a label besides"),
        (update({}, {}), False, "nothing that is known differs"),
        (update({"labels": None}, {}), False, "no labels at all"),
        ({**update({"labels": {**OURS, "a": "b"}}, {}), "actions": ["delete", "create"]}, False, "it is replaced"),
        (update({"labels": {**OURS, "a": "b"}}, {}, importing={"id": "42"}), False, "it is adopted"),
        (
            update({"labels": {**OURS, "a": "b"}, "status": "off"}, {}, after_unknown={"status": True}),
            True,
            "what is only known afterwards is no difference",
        ),
        ({}, False, "a plan that says nothing"),
    ],
)
def test_what_only_others_did(change: dict[str, Any], apart: bool, why: str) -> None:
    assert only_of_others(change) is apart, why


def entry(address: str, change: dict[str, Any]) -> dict[str, Any]:
    return {"address": address, "mode": "managed", "type": address.split(".", maxsplit=1)[0], "change": change}


def nothing(before: dict[str, Any]) -> dict[str, Any]:
    return {"actions": ["no-op"], "before": SERVER | before, "after": SERVER | before, "after_unknown": {}}


PLAN = {
    "resource_changes": [
        entry("hcloud_server.worker[0]", update({"labels": {**OURS, "team": "b"}}, {})),
        entry("hcloud_server.worker[1]", nothing({"status": "off"})),
        entry("hcloud_server.worker[2]", nothing({})),
        entry("hcloud_network.this", update({"labels": {}}, {})),
        entry("hcloud_placement_group.worker[0]", {"actions": ["create"], "before": None, "after": {"id": "1"}}),
    ]
}


def test_the_gate_tells_them_apart() -> None:
    found = judge(PLAN, uid=UID)
    assert found.differing == ("hcloud_network.this", "hcloud_placement_group.worker[0]")
    assert (found.of_others, found.off) == (("hcloud_server.worker[0]",), ("hcloud_server.worker[1]",))
    assert (found.add, found.change, found.destroy) == (1, 2, 0)


def test_a_server_that_is_off_is_no_change_and_needs_no_approval() -> None:
    found = judge({"resource_changes": PLAN["resource_changes"][1:3]}, uid=UID)
    assert (found.differing, found.change) == ((), 0)
    assert verdict(found, manual=True, approved="")[0] == 0


def test_all_that_differs_is_named_where_nothing_is_applied() -> None:
    found = judge(PLAN, uid=UID)
    told = json.loads(termination_message(found, "why", plan_only=True))
    assert told["differing"] == list(found.differing)
    assert (told["of_others"], told["others"], told["off"]) == (list(found.of_others), 1, list(found.off))
    assert not {"differing", "of_others", "others", "off"} & json.loads(termination_message(found, "why")).keys()


def test_of_many_as_many_are_named_as_fit() -> None:
    def many(change: dict[str, Any], kind: str) -> list[dict[str, Any]]:
        return [entry(f'{kind}.of_a_long_name["{n}"]', change) for n in range(60)]

    labelled = update({"labels": {**OURS, "team": "b"}}, {})
    listed = [*many(labelled, "hcloud_firewall"), *many(update({"labels": {}}, {}), "hcloud_network")]
    said = termination_message(judge({"resource_changes": listed}, uid=UID), "why", plan_only=True)
    told = json.loads(said)
    assert len(said) <= 1500
    assert (told["change"], told["others"]) == (120, 60)
    assert told["differing"][-1].endswith("more")
