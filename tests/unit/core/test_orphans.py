"""Which run namespaces have lost their Sovereign, and what the marks on owners' namespaces should be."""

from __future__ import annotations

from typing import Any

import pytest

from catalyst_operator.api import labels
from catalyst_operator.core import manifests, orphans
from tests.support import gen

Raw = dict[str, Any]
HELD = gen.raw_sovereign()
RUN_NAMESPACE = manifests.run_namespace(gen.sovereign(), gen.SETTINGS)
RUN_NAMESPACE["metadata"]["uid"] = "namespace-1"
OWNERS: Raw = {"metadata": {"name": "team-a"}}
MARK = "sovereigns.catalyst.openova.io/omantel"


def with_meta(raw: Raw, **values: Any) -> Raw:
    return {**raw, "metadata": {**raw["metadata"], **values}}


def marked(**marks: str) -> Raw:
    return with_meta(OWNERS, annotations={f"{labels.MARK_PREFIX}{name}": uid for name, uid in marks.items()})


def test_a_run_namespace_of_a_sovereign_that_is_there_is_no_orphan() -> None:
    assert orphans.find([OWNERS, RUN_NAMESPACE], [HELD]) == ()


@pytest.mark.parametrize(
    "others",
    [[], [with_meta(HELD, name="another", uid="u-2")], [with_meta(HELD, uid="u-2")]],
    ids=["none at all", "another", "one of the same name that was made anew"],
)
def test_without_its_sovereign_it_is_one(others: list[Raw]) -> None:
    (found,) = orphans.find([OWNERS, RUN_NAMESPACE], others)
    assert (found.name, found.namespace, found.sovereign, found.sovereign_uid) == (
        gen.SPACE,
        "team-a",
        "omantel",
        gen.UID,
    )
    assert not found.going


KEY: Raw = {"metadata": {"name": "k", "labels": {labels.LABEL_SOVEREIGN_UID: gen.UID}}}


@pytest.mark.parametrize(
    ("namespaces", "sovereigns", "nobodys"),
    [
        ([RUN_NAMESPACE], [HELD], ()),
        ([], [HELD], ()),
        ([RUN_NAMESPACE], [], ()),
        ([OWNERS], [with_meta(HELD, uid="u-2")], ("k",)),
        ([with_meta(RUN_NAMESPACE, labels={labels.LABEL_SOVEREIGN_UID: gen.UID})], [], ("k",)),
    ],
    ids=[
        "both there",
        "the Sovereign",
        "its run namespace",
        "one of the same name",
        "a namespace that is none of ours",
    ],
)
def test_keys_are_nobodys_once_sovereign_and_run_namespace_are_gone(
    namespaces: list[Raw], sovereigns: list[Raw], nobodys: tuple[str, ...]
) -> None:
    assert orphans.keys_of_nobody([KEY], namespaces, sovereigns) == nobodys


def test_one_that_an_administrator_deleted_is_known() -> None:
    gone = with_meta(RUN_NAMESPACE, deletionTimestamp="2026-11-22T12:00:00Z")
    assert [orphan.going for orphan in orphans.find([gone], [])] == [True]


def test_people_are_told_what_it_costs_and_what_to_do() -> None:
    (found,) = orphans.find([RUN_NAMESPACE], [])
    told = orphans.event(found, gen.NOW)
    assert told["involvedObject"] == {"apiVersion": "v1", "kind": "Namespace", "name": gen.SPACE, "uid": "namespace-1"}
    assert (told["type"], told["reason"]) == ("Warning", "OrphanedRunNamespace")
    for part in ("team-a/omantel", gen.SPACE, "may still run", f"sovereign-uid={gen.UID}", "docs/runbook.md"):
        assert part in told["message"]
    assert len(told["message"]) < 1024, "the API server takes no more"


def test_the_event_is_the_same_one_however_often_it_is_told() -> None:
    (found,) = orphans.find([RUN_NAMESPACE], [])
    later = orphans.event(found, gen.NOW + gen.SECOND)
    assert orphans.event(found, gen.NOW)["metadata"] == later["metadata"]


@pytest.mark.parametrize(
    ("namespace", "sovereigns", "changes"),
    [
        pytest.param(OWNERS, [HELD], {MARK: gen.UID}, id="one that is held, as an earlier version left it"),
        pytest.param(OWNERS, [with_meta(HELD, finalizers=[])], {}, id="one that is not held yet"),
        pytest.param(OWNERS, [gen.raw_sovereign(gen.deleting)], {}, id="one that goes"),
        pytest.param(OWNERS, [with_meta(HELD, namespace="team-b")], {}, id="one in another namespace"),
        pytest.param(marked(omantel=gen.UID), [HELD], {}, id="a mark that is right"),
        pytest.param(marked(omantel=gen.UID), [with_meta(HELD, finalizers=[])], {}, id="a mark just before it is held"),
        pytest.param(marked(omantel=gen.UID), [gen.raw_sovereign(gen.deleting)], {}, id="a mark of one that goes"),
        pytest.param(marked(omantel=gen.UID), [], {MARK: None}, id="a mark of one that is gone"),
        pytest.param(marked(omantel="u-0"), [HELD], {MARK: gen.UID}, id="a mark of an earlier one of the name"),
    ],
)
def test_marks_say_which_sovereigns_a_namespace_holds(
    namespace: Raw, sovereigns: list[Raw], changes: dict[str, str | None]
) -> None:
    assert list(orphans.wrong_marks([namespace], sovereigns)) == ([(namespace, changes)] if changes else [])


def test_annotations_of_others_are_left_alone() -> None:
    theirs = with_meta(OWNERS, annotations={"example.com/owner": "alice"})
    assert list(orphans.wrong_marks([theirs], [])) == []


class Counted(Raw):
    """An object that counts how often it is looked at."""

    looks = 0

    def __getitem__(self, key: str) -> Any:
        Counted.looks += 1
        return super().__getitem__(key)


def test_of_thousands_each_is_looked_at_a_few_times_and_not_once_for_each_namespace() -> None:
    count = 300
    namespaces = [with_meta(OWNERS, name=f"team-{n}") for n in range(count)]
    sovereigns = [Counted(with_meta(HELD, namespace=f"team-{n}")) for n in range(count)]
    assert len(list(orphans.wrong_marks(namespaces, sovereigns))) == count
    assert Counted.looks < 10 * count
