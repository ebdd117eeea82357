"""What is known of the published charts (facts.yaml), and of a path in their values whether it is known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

KNOWN = Path(__file__).with_name("facts.yaml")
SHORTEST = 4
"""Characters of a name, from which on a slip of one character is told from another name."""


@dataclass(frozen=True)
class Published:
    """The HelmRelease of a chart in the published kit."""

    namespace: str
    waits: bool
    depends_on: tuple[str, ...]


@dataclass(frozen=True)
class Chart:
    """One published chart."""

    name: str
    version: str
    wraps: tuple[str, ...]
    """Names of the vendors' charts in it."""
    keys: tuple[str, ...]
    """The top-level keys that it reads."""
    own: tuple[str, ...]
    """Paths of its own keys, joined by dots; empty where none are known."""
    whole: bool
    """Whether `own` has all of them."""
    presets: tuple[str, ...]
    """Paths that it sets in the wrapped charts, joined by dots."""
    kinds: tuple[str, ...]
    published: Published | None

    def objection(self, path: tuple[str, ...]) -> str:
        """What is wrong with a path in its values, as a clause; empty where nothing is known to be."""
        top = path[0]
        if top not in self.keys:
            return f"{self.title} reads no key '{top}'{_nearest(top, self.keys)}"
        if top in self.wraps:
            return self._slip(path)
        dotted = ".".join(path)
        of_top = [own for own in self.own if own == top or own.startswith(f"{top}.")]
        if not of_top or not self.whole or any(own == dotted or own.startswith(f"{dotted}.") for own in of_top):
            return ""
        return f"{self.title} reads no value '{dotted}'{_nearest(dotted, of_top)}"

    @property
    def title(self) -> str:
        return f"{self.name} {self.version}"

    def _slip(self, path: tuple[str, ...]) -> str:
        """A vendor's chart may read anything; only what is almost the name of a preset is told."""
        for depth in range(1, len(path)):
            known = self._presets_below(path[:depth])
            if path[depth] in known:
                continue
            meant = next((name for name in sorted(known) if _is_slip(path[depth], name)), "")
            dotted = ".".join(path[: depth + 1])
            return f"{self.title} presets '{meant}' where this says '{dotted}'" if meant else ""
        return ""

    def _presets_below(self, path: tuple[str, ...]) -> set[str]:
        parts = (tuple(preset.split(".")) for preset in self.presets)
        return {preset[len(path)] for preset in parts if preset[: len(path)] == path and len(preset) > len(path)}


@cache
def load() -> dict[str, Chart]:
    """All charts that are known, by name."""
    return {name: _chart(name, entry) for name, entry in _read()["charts"].items()}


@cache
def as_of() -> str:
    """The day of the facts."""
    return str(_read()["as_of"])


def _read() -> Any:
    return yaml.safe_load(KNOWN.read_text(encoding="utf-8"))


def _chart(name: str, entry: dict[str, Any]) -> Chart:
    published = entry.get("published")
    return Chart(
        name=name,
        version=entry["version"],
        wraps=tuple(wrapped.partition(" ")[0] for wrapped in entry["wraps"]),
        keys=tuple(entry["values"]),
        own=tuple(entry.get("own_values", ())),
        whole=entry.get("whole", True),
        presets=tuple(entry.get("presets", ())),
        kinds=tuple(entry.get("kinds", ())),
        published=published
        and Published(published["namespace"], not published["disableWait"], tuple(published["dependsOn"])),
    )


def _nearest(name: str, known: Iterable[str]) -> str:
    found = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
    return f"; the nearest that it knows is '{found[0]}'" if found else ""


def _is_slip(said: str, meant: str) -> bool:
    """Whether one character is wrong, missing, too many or in the wrong place, or only upper and lower case differ."""
    if said.casefold() == meant.casefold():
        return True
    if min(len(said), len(meant)) < SHORTEST or abs(len(said) - len(meant)) > 1:
        return False
    start = next((n for n, (a, b) in enumerate(zip(said, meant, strict=False)) if a != b), min(len(said), len(meant)))
    rest, other = said[start:], meant[start:]
    swapped = rest[1:2] + rest[:1] + rest[2:]
    return other in (swapped, rest[1:]) or rest == other[1:] or rest[1:] == other[1:]
