"""The stand-ins' list and watch, and the loop that reconciles: what they do when the API server goes away."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import aiohttp
import pytest

from e2e.lab.standins import controller as controller_module
from e2e.lab.standins import watching
from e2e.lab.standins.controller import Controller
from e2e.lab.standins.kube import ApiError, Kube
from e2e.lab.standins.objects import Object
from e2e.lab.standins.watching import Watched
from e2e.support.waiting import until

PATIENCE = 5.0


def _obj(name: str, version: int) -> Object:
    return {"metadata": {"name": name, "namespace": "ns", "resourceVersion": str(version)}}


class FakeKube:
    """An API server whose lists and streams are written down in advance; afterwards it stays silent."""

    def __init__(self, lists: list[list[Object] | Exception], streams: list[list[Any]]) -> None:
        self.lists, self.streams = lists, streams
        self.versions: list[str] = []

    async def get(self, _path: str, **_query: str) -> Object:
        if not self.lists:
            await asyncio.Event().wait()
        answer = self.lists.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return {"metadata": {"resourceVersion": "10"}, "items": answer}

    async def watch(self, _path: str, version: str, **_query: str) -> AsyncIterator[tuple[str, Object]]:
        self.versions.append(version)
        if not self.streams:
            await asyncio.Event().wait()
        for event in self.streams.pop(0):
            if isinstance(event, Exception):
                raise event
            yield event


async def _until(condition: Callable[[], bool]) -> None:
    await until(condition, seconds=PATIENCE)


async def _told(
    lists: list[list[Object] | Exception], streams: list[list[Any]], count: int
) -> list[tuple[str, Any, Any]]:
    """What the listener hears of the server's answers, up to `count` things."""
    told: list[tuple[str, Any, Any]] = []

    def version(obj: Object | None) -> str | None:
        return None if obj is None else str(obj["metadata"]["resourceVersion"])

    def listen(key: str, old: Object | None, new: Object | None) -> None:
        told.append((key, version(old), version(new)))

    watched = Watched(cast(Kube, FakeKube(lists, streams)), "/things", listen)
    task = asyncio.create_task(watched.run())
    try:
        await _until(lambda: len(told) >= count)
        assert watched.synced.is_set()
    finally:
        task.cancel()
    return told


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses of production would only make the tests wait."""
    for module in (watching, controller_module):
        monkeypatch.setattr(module, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(watching, "_SHORTEST_STREAM", 0.0)


async def test_changes_are_told_as_they_come() -> None:
    """Added, changed, and gone."""
    stream = [("ADDED", _obj("b", 11)), ("MODIFIED", _obj("a", 12)), ("DELETED", _obj("b", 13))]
    told = await _told([[_obj("a", 1)]], [stream], 4)
    assert told == [("ns/a", None, "1"), ("ns/b", None, "11"), ("ns/a", "1", "12"), ("ns/b", "11", None)]


async def test_older_news_are_no_news() -> None:
    """A stream may repeat what a write of our own returned before."""
    told = await _told([[_obj("a", 5)]], [[("MODIFIED", _obj("a", 5)), ("MODIFIED", _obj("a", 6))]], 2)
    assert told == [("ns/a", None, "5"), ("ns/a", "5", "6")]


@pytest.mark.parametrize(
    "trouble",
    [
        aiohttp.ClientPayloadError("cut"),
        ApiError(410, "too old"),
        ApiError(403, "not yet"),
        ("ERROR", {"code": 410, "message": "too old"}),
    ],
)
async def test_what_was_missed_is_found_in_the_next_list(trouble: Any) -> None:
    """Whatever ends the stream, the difference is told, deletions included."""
    told = await _told([[_obj("a", 1), _obj("b", 2)], [_obj("a", 1), _obj("c", 3)]], [[trouble]], 5)
    assert sorted(told[2:], key=str) == [("ns/a", "1", "1"), ("ns/b", "2", None), ("ns/c", None, "3")]


async def test_an_api_server_that_is_away_is_waited_for() -> None:
    """The stand-ins may start before it and outlive it."""
    told = await _told([ApiError(404, "no such kind"), TimeoutError(), [_obj("a", 1)]], [], 1)
    assert told == [("ns/a", None, "1")]


async def test_a_stream_goes_on_where_the_last_one_ended() -> None:
    """A bookmark moves the version without being an object."""
    kube = FakeKube([[]], [[("BOOKMARK", _obj("", 42))], []])
    task = asyncio.create_task(Watched(cast(Kube, kube), "/things", lambda *_: None).run())
    await _until(lambda: len(kube.versions) == 3)
    task.cancel()
    assert kube.versions == ["10", "42", "42"]


async def test_an_object_is_reconciled_once_at_a_time_and_once_more_when_woken() -> None:
    """A change during a reconciliation must not be lost, nor run beside it."""
    running, most, done = 0, 0, 0
    going = asyncio.Event()

    async def reconcile(_key: str) -> float | None:
        nonlocal running, most, done
        running += 1
        most = max(most, running)
        await going.wait()
        running -= 1
        done += 1
        return 3600.0

    controller = Controller("test", reconcile)
    task = asyncio.create_task(controller.run())
    controller.wake("ns/a")
    await _until(lambda: running == 1)
    for _ in range(3):
        controller.wake("ns/a")
    going.set()
    await _until(lambda: done == 2)
    task.cancel()
    assert most == 1


async def test_a_failed_write_is_tried_again_and_a_gone_object_forgotten() -> None:
    """As the real controllers requeue."""
    answers: list[float | Exception | None] = [ApiError(409, "conflict"), aiohttp.ClientOSError(), None, None]
    looks = 0

    async def reconcile(_key: str) -> float | None:
        nonlocal looks
        looks += 1
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    controller = Controller("test", reconcile)
    task = asyncio.create_task(controller.run())
    controller.wake("ns/a")
    await _until(lambda: looks == 3)
    controller.wake("ns/a")
    await _until(lambda: looks == 4)
    task.cancel()
