"""The queue of runs in memory: it is what statuses tell, two passes never have one turn, and who is next is woken."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from catalyst_operator.adapters import kube
from catalyst_operator.api import labels
from catalyst_operator.api.scalars import format_time
from catalyst_operator.core.queue.order import UNKNOWN_PROJECT, Entry, RunKind, RunLimits
from catalyst_operator.core.queue.standing import RunStanding
from catalyst_operator.errors import Conflict
from catalyst_operator.reconcilers.run_queue import TELL_AFTER, RunQueue
from tests.support import gen
from tests.support.fake_kube import FakeApi
from tests.support.gen import NOW, SECOND

WANTED = RunKind.WANTED


def entry(uid: str, since: int = 0, project: str = "p") -> Entry:
    return Entry(uid, "team-a", project, WANTED, NOW + since * SECOND)


def waiting(uid: str, since: int = 0, told: int = 1, project: str = "p") -> RunStanding:
    return RunStanding("team-a", uid, waiting=entry(uid, since, project), told=told)


async def collected(queue: RunQueue) -> None:
    """Until what changed was told."""
    async with asyncio.timeout(60):
        while queue._timer:  # noqa: ASYNC110 - a timer sets no event
            await asyncio.sleep(TELL_AFTER / 10)


async def test_of_two_passes_that_decide_at_the_same_time_one_has_the_turn() -> None:
    queue = RunQueue(RunLimits(project=1))
    queue.take(entry("1"), "one", NOW)
    with pytest.raises(Conflict):
        queue.take(entry("2"), "two", NOW)
    queue.close()


async def test_a_turn_may_be_taken_again_by_whoever_has_it() -> None:
    queue = RunQueue(RunLimits(project=1))
    for _ in range(2):
        queue.take(entry("1"), "one", NOW)
    queue.close()


async def test_who_is_next_is_woken_once_when_a_run_ends() -> None:
    woken: list[str] = []
    queue = RunQueue(RunLimits(project=1))
    queue.wake = lambda namespace, name: woken.append(f"{namespace}/{name}")
    queue.take(entry("1"), "1", NOW)
    queue.note("2", waiting("2", 1, told=1))
    queue.note("3", waiting("3", 2, told=2))
    await collected(queue)
    assert woken == []
    queue.note("1", RunStanding("team-a", "1", began=NOW))
    await collected(queue)
    assert woken == ["team-a/2"]
    queue.note("9", RunStanding("team-b", "9"))
    await collected(queue)
    assert woken == ["team-a/2"], "told already"
    queue.take(entry("2", 1), "2", NOW)
    await collected(queue)
    assert woken == ["team-a/2", "team-a/3"], "it is not the second any more, but the first that waits"
    queue.close()


async def test_a_place_far_behind_is_not_told_anew_for_every_run_that_ends() -> None:
    woken: list[str] = []
    queue = RunQueue(RunLimits(operator=1))
    queue.wake = lambda _, name: woken.append(name)
    queue.take(entry("run"), "run", NOW)
    for number in range(1, 101):
        queue.note(f"{number:03}", waiting(f"{number:03}", number, told=number))
    queue.forget("team-a", "001")
    await collected(queue)
    assert {"002", "010"} <= set(woken)
    assert not {name for name in woken if int(name) > 10}
    queue.close()


async def test_who_leaves_makes_room() -> None:
    queue = RunQueue(RunLimits(project=1))
    queue.take(entry("1"), "one", NOW)
    queue.forget("team-a", "one")
    queue.take(entry("2"), "two", NOW)
    assert [one.uid for one in queue.seen().under_way] == ["2"]
    queue.close()


def _put(api: FakeApi, name: str, **status: object) -> str:
    raw = gen.raw_sovereign(gen.meta(name=name), gen.status(**status))
    api.put("sovereigns", raw)
    found = api.get("sovereigns", "team-a", name)
    assert found is not None
    return str(found["metadata"]["uid"])


def _operation(**values: object) -> dict[str, object]:
    at = format_time(NOW)
    return {"type": "Create", "state": "Processing", "startTime": at, "lastUpdateTime": at, "project": "p", **values}


async def test_a_new_operator_knows_what_the_one_before_it_told() -> None:
    api = FakeApi()
    api.put("namespaces", {"metadata": {"name": "team-a"}})
    since = NOW - timedelta(minutes=3)
    first = _put(
        api,
        "runs",
        currentRun={"jobRef": {"namespace": "s", "name": "apply-1"}, "attempt": 1, "startTime": format_time(NOW)},
        lastOperation=_operation(),
    )
    place = {"position": 4, "of": 9, "since": format_time(since)}
    second = _put(api, "waits", lastOperation=_operation(queue=place))
    third = _put(api, "rests")
    queue = RunQueue()
    await queue.fill(api.client())
    seen = queue.seen()
    assert seen.under_way == (Entry(first, "team-a", "p", WANTED, NOW),)
    assert seen.waiting == (Entry(second, "team-a", "p", WANTED, since),)
    assert third not in str(seen)
    queue.close()


async def test_a_run_whose_operator_died_before_it_told_of_it_counts_everywhere() -> None:
    api = FakeApi()
    for name in ("team-a", "sov-a-12345"):
        api.put("namespaces", {"metadata": {"name": name}})
    uid = _put(api, "lost")
    over, strange = _put(api, "over"), "of nobody"
    for name, owner, phase in (("p1", uid, "Running"), ("p2", over, "Succeeded"), ("p3", strange, "Pending")):
        meta = {"name": name, "namespace": "sov-a-12345", "labels": {labels.LABEL_SOVEREIGN_UID: owner}}
        api.put("pods", {"metadata": meta, "status": {"phase": phase}})
    queue = RunQueue()
    await queue.fill(api.client())
    assert [(one.uid, one.project) for one in queue.seen().under_way] == [(uid, UNKNOWN_PROJECT)]
    queue.close()


async def test_a_pod_of_before_a_restore_counts_for_the_restored_one_and_nobody_takes_anothers_part() -> None:
    """Pods have the UID that a Sovereign was made with; anybody may claim it."""
    api = FakeApi()
    for name in ("team-a", "sov-a-12345"):
        api.put("namespaces", {"metadata": {"name": name}})
    old = "3b0d9f0e-6f3a-4c57-9a53-0f6f6f1f2a99"
    api.put("sovereigns", gen.raw_sovereign(gen.meta(name="restored"), gen.spec(originalUID=old)))
    held = _put(api, "waits", lastOperation=_operation(queue={"position": 1, "of": 1, "since": format_time(NOW)}))
    api.put("sovereigns", gen.raw_sovereign(gen.meta(name="claims"), gen.spec(originalUID=held)))
    meta = {"name": "p", "namespace": "sov-a-12345", "labels": {labels.LABEL_SOVEREIGN_UID: old}}
    api.put("pods", {"metadata": meta, "status": {"phase": "Running"}})
    queue = RunQueue()
    await queue.fill(api.client())
    restored = api.get("sovereigns", "team-a", "restored")
    assert restored is not None
    assert [one.uid for one in queue.seen().under_way] == [restored["metadata"]["uid"]]
    assert [one.uid for one in queue.seen().waiting] == [held]
    queue.close()


async def test_all_pages_are_read() -> None:
    api = FakeApi()
    api.put("namespaces", {"metadata": {"name": "team-a"}})
    for number in range(450):
        api.put("secrets", {"metadata": {"name": f"s{number}", "namespace": "team-a"}, "data": {}})
    found = [item["metadata"]["name"] async for item in api.client().pages(kube.SECRETS)]
    assert len(set(found)) == len(found) == 450
