"""Follows the log of a running phase, so that status can tell what is being created and for how long.

A follower is a cache, never the truth: it can be lost at any time and is then rebuilt from the log, which the kubelet
keeps as long as the Pod is held.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from catalyst_operator.adapters.kube import Kube
from catalyst_operator.core.tofu.apply_progress import Progress, fold, fold_lines
from catalyst_operator.errors import ApiError

log = logging.getLogger(__name__)

IDLE_SECONDS = 75.0
COALESCE_SECONDS = 0.5
LOG_LIMIT = 4 * 1024 * 1024


@dataclass
class _Followed:
    progress: Progress
    task: asyncio.Task[None]
    telling: asyncio.TimerHandle | None = None


class RunLogs:
    """One follower for each (namespace, pod, container) asked for."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._followed: dict[tuple[str, str, str], _Followed] = {}

    def progress(self, namespace: str, pod: str, container: str) -> Progress | None:
        """What was heard so far, or None when nobody listens."""
        followed = self._followed.get((namespace, pod, container))
        return followed.progress if followed else None

    def follow(self, namespace: str, pod: str, container: str, changed: Callable[[], None]) -> None:
        """Listen from the start of the log; `changed` is called when there is something new. Again is harmless: a log
        that broke off is read anew into what was heard, since folding a line twice is folding it once."""
        key = (namespace, pod, container)
        known = self._followed.get(key)
        if known and not known.task.done():
            return
        task = asyncio.create_task(self._listen(key, changed), name=f"log of {namespace}/{pod}")
        self._followed[key] = _Followed(known.progress if known else Progress(), task)

    async def read(self, namespace: str, pod: str, container: str) -> Progress:
        """The whole log of a container that ended, folded. Raises ApiError."""
        text = await self._kube.log(namespace, pod, container, limit_bytes=LOG_LIMIT)
        return replace(fold_lines(text.splitlines()), ended=True)

    def forget(self, namespace: str) -> None:
        """Stop listening in a run namespace: its run is over."""
        for key in [key for key in self._followed if key[0] == namespace]:
            followed = self._followed.pop(key)
            followed.task.cancel()
            if followed.telling:
                followed.telling.cancel()

    async def close(self) -> None:
        """Stop all followers."""
        tasks = [followed.task for followed in self._followed.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _listen(self, key: tuple[str, str, str], changed: Callable[[], None]) -> None:
        try:
            async for line in self._kube.follow_log(*key, idle_seconds=IDLE_SECONDS):
                self._take(key, line, changed)
        except ApiError as error:
            # The reconcile that sees the container still running asks again.
            log.info("log of %s/%s (%s): %s", *key, error)

    def _take(self, key: tuple[str, str, str], line: str, changed: Callable[[], None]) -> None:
        followed = self._followed.get(key)
        if followed is None:
            return
        progress = fold(followed.progress, line)
        if progress != followed.progress:
            followed.progress = progress
            self._tell(followed, changed)

    @staticmethod
    def _tell(followed: _Followed, changed: Callable[[], None]) -> None:
        """One call for all that comes within half a second: a burst of lines is one thing to look at."""
        if followed.telling is None or followed.telling.when() < asyncio.get_running_loop().time():
            followed.telling = asyncio.get_running_loop().call_later(COALESCE_SECONDS, changed)
