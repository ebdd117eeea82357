"""Actions: what the cloud is still doing. They end when their time has come, and may change an object as they do.

An action's end is kept with it as a point in time, and what happens then is found by its command, so that a restart of
the emulator continues every action where it was.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping

from e2e.lab.hcloud.store import ACTIONS, Object, Store
from e2e.lab.hcloud.times import rfc3339

Effect = Callable[[Object], None]
"""What the end of an action does; it is given the action."""


class Actions:
    """Starts actions and ends them in time."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._effects: dict[str, Effect] = {}
        # Most actions have ended long ago; what still runs is asked for with every answer about a server.
        self._running = {item["id"]: item for item in store.where(ACTIONS, lambda item: item["status"] == "running")}
        self._changed = asyncio.Event()

    def when_done(self, effects: Mapping[str, Effect]) -> None:
        """Register what happens at the end of each command."""
        self._effects.update(effects)

    def start(
        self, project: str, command: str, seconds: float, *resources: tuple[str, int], error: Object | None = None
    ) -> Object:
        """Start an action on resources, each as (type, id); with an error it will fail. It runs for `seconds`."""
        now = self._clock()
        action = {
            "id": self._store.next_id(ACTIONS),
            "project": project,
            "command": command,
            "status": "running",
            "started": now,
            "ends": now + seconds,
            "finished": None,
            "error": None,
            "fails_with": error,
            "resources": [{"type": kind, "id": number} for kind, number in resources],
        }
        self._store.save(ACTIONS, action)
        self._running[action["id"]] = action
        self._changed.set()
        return action

    def running(self, kind: str, number: int) -> list[Object]:
        """The actions that still run on a resource."""
        resource = {"type": kind, "id": number}
        return [action for action in self._running.values() if resource in action["resources"]]

    def forget(self) -> None:
        """Drop what runs, because the store was cleared."""
        self._running.clear()

    def hold(self, action: Object) -> None:
        """Let an action run for ever, until it is cancelled."""
        action["ends"] = None
        self._store.save(ACTIONS, action)

    def cancel(self, kind: str, number: int) -> None:
        """End what runs on a resource as failed, without its effect: the resource is being deleted."""
        for action in self.running(kind, number):
            self._end(action, {"code": "action_failed", "message": f"{kind} was deleted"})

    def advance(self) -> None:
        """End every action whose time has come, earliest first."""
        now = self._clock()
        due = [action for action in self._running.values() if action["ends"] is not None and action["ends"] <= now]
        for action in sorted(due, key=lambda a: (a["ends"], a["id"])):
            if action["status"] != "running":
                continue
            self._end(action, action["fails_with"])
            effect = self._effects.get(action["command"])
            if effect and action["status"] == "success":
                effect(action)
        if due:
            self._store.commit()

    async def run(self) -> None:
        """End actions in time, for ever: also those that nobody asks for."""
        while True:
            self.advance()
            ends = [action["ends"] for action in self._running.values() if action["ends"] is not None]
            pause = max(0.0, min(ends) - self._clock()) if ends else None
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), pause)

    def render(self, action: Object) -> Object:
        """An action as the API shows it."""
        return {
            "id": action["id"],
            "command": action["command"],
            "status": action["status"],
            "progress": self._progress(action),
            "started": rfc3339(action["started"]),
            "finished": rfc3339(action["finished"]) if action["finished"] else None,
            "resources": action["resources"],
            "error": action["error"],
        }

    def _progress(self, action: Object) -> int:
        if action["status"] != "running":
            return 100
        if action["ends"] is None:
            return 0
        passed = self._clock() - action["started"]
        return min(99, int(100 * passed / max(action["ends"] - action["started"], 0.001)))

    def _end(self, action: Object, error: Object | None) -> None:
        action["status"] = "error" if error else "success"
        action["error"] = error
        action["finished"] = self._clock()
        self._running.pop(action["id"], None)
        self._store.save(ACTIONS, action)
