"""Compares the users' image with the lab's, path by path: what differs is named in differences.yaml, with a reason.

What nobody named fails, and so does a row that explains nothing any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field

from e2e.image.contents import Contents, Entry, packages

TABLE = Path(__file__).with_name("differences.yaml")

OURS = ("opt/catalyst/", "usr/local/")
"""Where content is compared, too. Debian's files are of the day on which each image was made."""


class Where(StrEnum):
    """In which of the two images a path is."""

    USERS = "users"
    LAB = "lab"
    BOTH = "both"
    """In both, and not the same."""


@dataclass(frozen=True)
class Difference:
    where: Where
    path: str
    shown: str


class Row(BaseModel):
    """Explains differences: of the files of Debian packages, or of paths with * for any characters."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    where: Where
    packages: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    why: str = Field(min_length=20)


def table(path: Path = TABLE) -> list[Row]:
    return [Row.model_validate(row) for row in yaml.safe_load(path.read_text(encoding="utf-8"))]


def between(users: Contents, lab: Contents) -> list[Difference]:
    """All differences, by path."""
    found = []
    for path in sorted(users.keys() | lab.keys()):
        if path not in lab:
            found.append(Difference(Where.USERS, path, users[path].shown))
        elif path not in users:
            found.append(Difference(Where.LAB, path, lab[path].shown))
        elif not _same(path, users[path], lab[path]):
            found.append(Difference(Where.BOTH, path, f"{users[path].shown}, in the lab {lab[path].shown}"))
    return found


def _same(path: str, one: Entry, other: Entry) -> bool:
    content = not path.startswith(OURS) or one.content == other.content
    links = one.kind != "link" or one.content == other.content
    mode = one.kind == "link" or one.mode == other.mode
    return one.kind == other.kind and one.owner == other.owner and content and links and mode


def complaints(rows: Sequence[Row], users: Contents, lab: Contents) -> list[str]:
    """A sentence for each difference that no row explains, and for each row that explains none."""
    owned = {Where.USERS: packages(users), Where.LAB: packages(lab)}
    owned[Where.BOTH] = owned[Where.USERS]
    found, used = between(users, lab), set()
    said = []
    for difference in found:
        by = [row for row in rows if _explains(row, difference, owned[difference.where])]
        used.update(by)
        if not by:
            said.append(f"/{difference.path} ({difference.shown}): {_WORDS[difference.where]}")
    return said + [f"differences.yaml explains what is not there: {_name(row)}" for row in rows if row not in used]


_WORDS = {
    Where.USERS: "only in the users' image",
    Where.LAB: "only in the lab's image",
    Where.BOTH: "not the same in both images",
}


def _explains(row: Row, difference: Difference, owned: dict[str, set[str]]) -> bool:
    if row.where != difference.where:
        return False
    return _matches(row.paths, difference.path) or any(difference.path in owned.get(p, ()) for p in row.packages)


def _matches(patterns: Iterable[str], path: str) -> bool:
    return any(fnmatchcase(f"/{path}", pattern) for pattern in patterns)


def _name(row: Row) -> str:
    return f"{row.where}: {', '.join(row.packages or row.paths)}"
