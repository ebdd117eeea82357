"""What the papers tell people to run, taken from the papers themselves: a command that is wrong there fails a story."""

from __future__ import annotations

import re
import shlex
import textwrap
from pathlib import Path

from e2e.lab.layout import REPOSITORY

HOW_TO = REPOSITORY / "docs" / "how-to.md"
LAB = REPOSITORY / "e2e" / "lab" / "README.md"


def chapter(page: Path, heading: str) -> str:
    """The text below a heading, up to the next one of its level or above. Raises ValueError without it."""
    text = page.read_text(encoding="utf-8")
    begun = re.search(rf"^(#+) {re.escape(heading)}$", text, re.MULTILINE)
    if begun is None:
        raise ValueError(f"{page} has no heading '{heading}'")
    rest = text[begun.end() :]
    ended = re.search(rf"^#{{1,{len(begun[1])}}} ", rest, re.MULTILINE)
    return rest[: ended.start()] if ended else rest


def waits_for(asked: str) -> str:
    """The argument of `kubectl wait` for what somebody asked for. Raises KeyError for what the page does not list."""
    rows = dict(re.findall(r"^\| (.+?) \| `(--for=.+?)` \|$", chapter(HOW_TO, "Wait in a script"), re.MULTILINE))
    (argument,) = shlex.split(rows[asked])
    return argument


def scripts(page: Path, heading: str) -> list[str]:
    """The shell scripts of a chapter."""
    fenced: list[str] = re.findall(r"^```sh\n(.*?)^```$", chapter(page, heading), re.MULTILINE | re.DOTALL)
    return fenced


def command(page: Path, heading: str, begins: str, **replaced: str) -> str:
    """The first indented command of a chapter that begins so, with its following lines, and with words replaced by
    those of the story. Raises StopIteration without it."""
    blocks = re.findall(r"(?:^ {4,}.*\n?)+", chapter(page, heading), re.MULTILINE)
    lines = (line for block in blocks for line in textwrap.dedent(block).replace("\\\n", " ").splitlines())
    found = next(line.strip() for line in lines if line.strip().startswith(begins))
    for word, other in replaced.items():
        found = re.sub(rf"\b{word}\b", other, found)
    return found
