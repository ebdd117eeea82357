"""Everything the emulated cloud knows, in memory and in an SQLite file, so that a restart or a kill loses nothing.

Objects are plain dictionaries with `id` and `project`. Relations are kept on one side only (a server names its
firewalls, a firewall does not name its servers); the other side is derived when an answer is rendered.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Object = dict[str, Any]

KINDS = (
    "servers",
    "networks",
    "firewalls",
    "ssh_keys",
    "placement_groups",
    "load_balancers",
    "volumes",
    "primary_ips",
    "floating_ips",
    "certificates",
    "images",
)
"""What a project owns, by the names of the API's paths."""

ACTIONS = "actions"

_FIRST_OBJECT_ID = 100_000_001
# The real API's ids of actions left the 32-bit range long ago: clients must not think otherwise.
_FIRST_ACTION_ID = 580_000_000_000_001

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (kind TEXT, id INTEGER, body TEXT, PRIMARY KEY (kind, id));
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, body TEXT);
CREATE TABLE IF NOT EXISTS log (number INTEGER PRIMARY KEY, body TEXT);
"""


class Store:
    """Reads come from memory; every write goes to the file too, and is durable against a kill once committed."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = sqlite3.connect(folder / "hcloud.sqlite")
        self._file.execute("PRAGMA journal_mode=WAL")
        # Safe against the end of this process, which is what the lab does to it; a power cut may lose the last commits.
        self._file.execute("PRAGMA synchronous=OFF")
        self._file.executescript(_SCHEMA)
        self._told: dict[str, list[Callable[[], None]]] = {}
        self._objects: dict[str, dict[int, Object]] = {kind: {} for kind in (*KINDS, ACTIONS)}
        for kind, number, body in self._file.execute("SELECT kind, id, body FROM objects ORDER BY id"):
            self._objects[kind][number] = json.loads(body)

    def when_changed(self, kind: str, told: Callable[[], None]) -> None:
        """Call this after every change of an object of the kind."""
        self._told.setdefault(kind, []).append(told)

    def close(self) -> None:
        self.commit()
        self._file.close()

    def commit(self) -> None:
        """Make everything since the last commit durable at once."""
        self._file.commit()

    def next_id(self, kind: str) -> int:
        """A new id; ids are never used twice, not even after an object was deleted."""
        counter = ACTIONS if kind == ACTIONS else "objects"
        last = self.setting(f"last_id_{counter}")
        first = _FIRST_ACTION_ID if kind == ACTIONS else _FIRST_OBJECT_ID
        number = int(last) + 1 if last is not None else first
        self.set_setting(f"last_id_{counter}", number)
        return number

    def save(self, kind: str, item: Object) -> Object:
        """Insert or replace; call it after every change of an object."""
        self._objects[kind][item["id"]] = item
        self._file.execute("INSERT OR REPLACE INTO objects VALUES (?, ?, ?)", (kind, item["id"], json.dumps(item)))
        self._tell(kind)
        return item

    def delete(self, kind: str, number: int) -> None:
        self._objects[kind].pop(number, None)
        self._file.execute("DELETE FROM objects WHERE kind = ? AND id = ?", (kind, number))
        self._tell(kind)

    def _tell(self, kind: str) -> None:
        for told in self._told.get(kind, ()):
            told()

    def get(self, kind: str, number: int | None, project: str | None = None) -> Object | None:
        """The object with this id, if it exists and belongs to the project."""
        item = self._objects[kind].get(number) if number is not None else None
        return item if item and project in {None, item["project"]} else None

    def all(self, kind: str, project: str | None = None) -> list[Object]:
        """The objects of a kind in the order of their ids, of one project or of all."""
        items = self._objects[kind].values()
        return [item for item in items if project is None or item["project"] == project]

    def where(self, kind: str, test: Callable[[Object], bool]) -> Iterator[Object]:
        return (item for item in self.all(kind) if test(item))

    def setting(self, name: str) -> Any:
        row = self._file.execute("SELECT body FROM settings WHERE name = ?", (name,)).fetchone()
        return json.loads(row[0]) if row else None

    def set_setting(self, name: str, value: Any) -> None:
        self._file.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, json.dumps(value)))

    def append_log(self, entry: Object) -> None:
        self._file.execute("INSERT INTO log (body) VALUES (?)", (json.dumps(entry),))

    def log(self) -> list[Object]:
        return [json.loads(body) for (body,) in self._file.execute("SELECT body FROM log ORDER BY number")]

    def clear(self) -> None:
        """Forget all objects, actions and the log; settings and the counters of ids stay."""
        for items in self._objects.values():
            items.clear()
        self._file.execute("DELETE FROM objects")
        self._file.execute("DELETE FROM log")
        self.commit()
        for kind in KINDS:
            self._tell(kind)
