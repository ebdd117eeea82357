"""Following the log of a phase: a cache that may be lost at any time, and never holds anything up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from catalyst_operator.adapters.kube import Kube
from catalyst_operator.adapters.run_logs import RunLogs
from catalyst_operator.errors import NotFound, Unavailable
from tests.support.fake_kube import FakeApi

PATIENCE = 5.0
WHERE = ("sov-omantel-d2faa", "apply-1-x", "tofu-apply")


def line(type_: str, address: str = "hcloud_network.this") -> str:
    hook = {"resource": {"addr": address}, "action": "create"}
    return json.dumps({"type": type_, "@timestamp": "2026-11-22T12:00:00Z", "hook": hook})


class Speaking(Kube):
    """A Kube whose one log says what the test puts into `lines`; None ends it, an exception breaks it off."""

    def __init__(self) -> None:
        super().__init__(FakeApi())
        self.lines: asyncio.Queue[str | Exception | None] = asyncio.Queue()
        self.opened = 0
        self.closed = asyncio.Event()

    async def follow_log(self, namespace: str, pod: str, container: str, idle_seconds: float) -> AsyncIterator[str]:
        self.opened += 1
        try:
            while (said := await self.lines.get()) is not None:
                if isinstance(said, Exception):
                    raise said
                yield said
        finally:
            self.closed.set()


class Listener:
    """Counts how often it was told that there is something new."""

    def __init__(self) -> None:
        self.told = asyncio.Event()
        self.times = 0

    def __call__(self) -> None:
        self.times += 1
        self.told.set()

    async def heard(self) -> None:
        await asyncio.wait_for(self.told.wait(), PATIENCE)
        self.told.clear()


async def test_what_is_said_is_heard_and_told() -> None:
    kube, listener = Speaking(), Listener()
    logs = RunLogs(kube)
    logs.follow(*WHERE, listener)
    kube.lines.put_nowait(line("apply_start"))
    await listener.heard()
    progress = logs.progress(*WHERE)
    assert progress is not None
    assert list(progress.resources) == ["hcloud_network.this"]
    await logs.close()


async def test_a_burst_is_told_once() -> None:
    kube, listener = Speaking(), Listener()
    logs = RunLogs(kube)
    logs.follow(*WHERE, listener)
    for n in range(200):
        kube.lines.put_nowait(line("apply_start", f"r{n}"))
    await listener.heard()
    progress = logs.progress(*WHERE)
    assert progress is not None
    assert (len(progress.resources), listener.times) == (200, 1)
    await logs.close()


async def test_lines_that_say_nothing_are_not_told() -> None:
    kube, listener = Speaking(), Listener()
    logs = RunLogs(kube)
    logs.follow(*WHERE, listener)
    for said in ("not JSON", '{"type":"version"}', None):
        kube.lines.put_nowait(said)
    await asyncio.wait_for(kube.closed.wait(), PATIENCE)
    await logs.close()
    assert listener.times == 0


async def test_following_twice_listens_once() -> None:
    kube, listener = Speaking(), Listener()
    logs = RunLogs(kube)
    for _ in range(3):
        logs.follow(*WHERE, listener)
        await asyncio.sleep(0)
    assert kube.opened == 1
    await logs.close()


@pytest.mark.parametrize("error", [Unavailable(0, "silent for 75 s"), NotFound(404, "the Pod is gone")])
async def test_a_log_that_breaks_off_is_followed_again_when_asked_for(error: Exception) -> None:
    """What was heard before stays until then, and the whole log is read anew."""
    kube, listener = Speaking(), Listener()
    logs = RunLogs(kube)
    logs.follow(*WHERE, listener)
    kube.lines.put_nowait(line("apply_start"))
    kube.lines.put_nowait(error)
    await listener.heard()
    await asyncio.wait_for(kube.closed.wait(), PATIENCE)
    assert logs.progress(*WHERE) is not None
    kube.closed.clear()
    before = logs.progress(*WHERE)
    logs.follow(*WHERE, listener)
    assert logs.progress(*WHERE) == before, "progress fell when the log was opened again"
    kube.lines.put_nowait(line("apply_start"))
    kube.lines.put_nowait(line("apply_complete"))
    await listener.heard()
    progress = logs.progress(*WHERE)
    assert progress is not None
    assert (kube.opened, progress.done) == (2, 1)
    await logs.close()


async def test_forgetting_stops_listening_in_that_namespace_only() -> None:
    kube, listener = Speaking(), Listener()
    logs = RunLogs(kube)
    other = ("sov-other-00000", *WHERE[1:])
    logs.follow(*WHERE, listener)
    logs.follow(*other, listener)
    await asyncio.sleep(0)
    logs.forget(WHERE[0])
    await asyncio.wait_for(kube.closed.wait(), PATIENCE)
    assert logs.progress(*WHERE) is None
    assert logs.progress(*other) is not None
    await logs.close()


async def test_a_whole_log_is_read_at_the_end() -> None:
    api = FakeApi()
    api.put("namespaces", {"metadata": {"name": WHERE[0]}})
    api.put("pods", {"metadata": {"name": WHERE[1], "namespace": WHERE[0]}})
    api.logs[WHERE] = [line("apply_start"), line("apply_complete")]
    progress = await RunLogs(api.client()).read(*WHERE)
    assert (progress.done, progress.ended) == (1, True)


async def test_the_log_of_a_pod_that_is_gone() -> None:
    with pytest.raises(NotFound):
        await RunLogs(FakeApi().client()).read(*WHERE)
