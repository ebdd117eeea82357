"""Who is woken by an event, for tests of the handlers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

import kopf

from catalyst_operator import handlers
from catalyst_operator.reconcilers.sovereign import Key


class Wakes:
    """What the handlers put on the queues. They are found as kopf finds them."""

    def __init__(self) -> None:
        self.sovereigns: list[Key] = []
        self.names: list[str] = []
        self.looks = 0
        self._registry = kopf.OperatorRegistry()
        wake, name, look = self.sovereigns.append, self.names.append, self._look_at_all
        handlers.register(self._registry, lambda key, _: wake(key), wake, name, look, api_server="")

    def _look_at_all(self) -> None:
        self.looks += 1

    async def event(self, plural: str, raw: dict[str, Any], type: str = "MODIFIED") -> None:
        all_ = self._registry._watching.get_all_handlers()
        (handler,) = [found for found in all_ if found.selector and found.selector.any_name == plural]
        meta = raw["metadata"]
        given = {"namespace": meta.get("namespace"), "name": meta["name"], "labels": meta.get("labels", {})}
        await cast("Callable[..., Awaitable[None]]", handler.fn)(
            **given, meta=meta, type=type, spec=raw.get("spec", {}), body=raw
        )
