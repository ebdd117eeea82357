"""The conversation in which a project is looked at: what is asked, and what follows from the answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from catalyst_operator.api.labels import LABEL_SOVEREIGN_UID
from catalyst_operator.core.project import looking
from catalyst_operator.core.project.belongings import CCM_LABEL, Holdings, Whose
from catalyst_operator.core.project.looking import AllLabelled, Question, SweepLook, TheOne

UID, OTHER = "0d3e", "77aa"
OURS, THEIRS = {LABEL_SOVEREIGN_UID: UID}, {LABEL_SOVEREIGN_UID: OTHER}
CSI = {"managed-by": "csi-driver"}
Raw = dict[str, Any]


def raw(id_: int, labels: Mapping[str, str], **values: Any) -> Raw:
    return {"id": id_, "name": f"n{id_}", "labels": dict(labels), **values}


def net(id_: int) -> Raw:
    return {"network": id_, "ip": "10.0.1.10"}


def talked(
    project: Mapping[str, Sequence[Raw]], holdings: Holdings, *, only_in_use: bool = False
) -> tuple[SweepLook, list[Question]]:
    """What a look comes to, and what it asked on the way."""
    conversation, asked = looking.look(holdings, only_in_use=only_in_use), list[Question]()
    try:
        question = next(conversation)
        while True:
            asked.append(question)
            question = conversation.send(answer(project, question))
    except StopIteration as end:
        seen: SweepLook = end.value
        return seen, asked


def answer(project: Mapping[str, Sequence[Raw]], question: Question) -> list[Raw]:
    listed = project.get(question.kind, ())
    if isinstance(question, TheOne):
        return [item for item in listed if item["id"] == question.id]
    key, _, value = question.selector.partition("=")
    return [item for item in listed if item["labels"].get(key) == value]


PROJECT: dict[str, list[Raw]] = {
    "networks": [raw(1, OURS, servers=[10, 30], load_balancers=[40, 41]), raw(2, THEIRS, servers=[20])],
    "servers": [
        raw(10, OURS, status="running", private_net=[net(1)], volumes=[50, 51], load_balancers=[40, 42]),
        raw(11, OURS, status="off", private_net=[net(1)], volumes=[]),
        raw(20, THEIRS, status="running", private_net=[net(2)], volumes=[52]),
        raw(30, {}, status="running", private_net=[net(1)], volumes=[53]),
    ],
    "load_balancers": [
        raw(40, OURS, private_net=[net(1)], services=[], targets=[{"type": "server", "server": {"id": 10}}]),
        raw(41, {CCM_LABEL: "s"}, private_net=[net(1)], services=[{"http": {"certificates": [60, 61]}}], targets=[]),
        raw(42, {CCM_LABEL: "t"}, private_net=[], targets=[{"type": "server", "server": {"id": 10}}]),
        raw(43, {CCM_LABEL: "u"}, private_net=[net(2)], targets=[]),
    ],
    "volumes": [
        raw(50, CSI, server=10),
        raw(51, {}, server=10),
        raw(52, CSI, server=20),
        raw(53, CSI, server=30),
        raw(54, CSI, server=None),
        raw(55, {**CSI, **THEIRS}, server=None),
    ],
    "certificates": [
        raw(60, {CCM_LABEL: "s"}, used_by=[{"id": 41, "type": "load_balancer"}]),
        raw(61, {}, used_by=[{"id": 41, "type": "load_balancer"}]),
    ],
    "images": [raw(70, OURS)],
}
HELD = frozenset({("networks", 1), ("servers", 10), ("servers", 99), ("load_balancers", 40)})


def test_everything_is_found_with_what_it_is() -> None:
    seen, _ = talked(PROJECT, Holdings(UID, HELD))
    assert {(thing.kind, thing.id): what for thing, what in seen.things} == {
        ("servers", 10): Whose.HELD,
        ("servers", 11): Whose.LABELLED,
        ("servers", 30): Whose.FOREIGN,
        ("load_balancers", 40): Whose.HELD,
        ("load_balancers", 41): Whose.MADE_INSIDE,
        ("load_balancers", 42): Whose.MADE_INSIDE,
        ("volumes", 50): Whose.MADE_INSIDE,
        ("volumes", 51): Whose.FOREIGN,
        ("certificates", 60): Whose.MADE_INSIDE,
        ("certificates", 61): Whose.FOREIGN,
        ("images", 70): Whose.LABELLED,
    }
    assert [thing.id for thing in seen.running] == [10]
    assert [thing.id for thing in seen.unclear] == [54]


def test_no_list_of_all_that_the_project_has_is_read() -> None:
    _, asked = talked(PROJECT, Holdings(UID, HELD))
    selectors = {question.selector for question in asked if isinstance(question, AllLabelled)}
    assert selectors == {f"{LABEL_SOVEREIGN_UID}={UID}", "managed-by=csi-driver"}
    assert {question.id for question in asked if isinstance(question, TheOne)} == {30, 41, 42, 51, 60, 61, 99}


def test_before_a_run_only_what_can_be_in_the_way_is_asked_for() -> None:
    seen, asked = talked(PROJECT, Holdings(UID, HELD), only_in_use=True)
    assert {question.kind for question in asked} == {"networks", "servers", "load_balancers", "volumes"}
    assert {thing.kind for thing, _ in seen.things} == {"servers", "load_balancers", "volumes"}


def test_a_network_with_our_label_is_not_ours_beside_that_of_the_state() -> None:
    stolen = {**PROJECT, "networks": [PROJECT["networks"][0], raw(2, OURS, servers=[20], load_balancers=[43])]}
    seen, _ = talked(stolen, Holdings(UID, HELD))
    assert not {("load_balancers", 43), ("servers", 20)} & {(thing.kind, thing.id) for thing, _ in seen.things}


def test_without_a_network_in_the_state_its_label_tells() -> None:
    seen, _ = talked(PROJECT, Holdings(UID))
    assert ("networks", 1) in seen.holdings.members


def test_a_state_that_was_handed_in_makes_nobody_elses_server_ours() -> None:
    seen, _ = talked(PROJECT, Holdings(UID, HELD | {("servers", 20), ("networks", 2)}))
    assert not {("servers", 20), ("networks", 2)} & seen.holdings.members
    assert ("volumes", 52) not in {(thing.kind, thing.id) for thing, _ in seen.things}


@pytest.mark.parametrize("kind", ["networks", "servers", "load_balancers", "volumes"])
def test_what_is_not_the_apis_is_told(kind: str) -> None:
    conversation = looking.look(Holdings(UID))
    question = next(conversation)
    with pytest.raises(ValueError, match=r"\w"):
        while True:
            question = conversation.send([{"id": "x"}] if question.kind == kind else [])
