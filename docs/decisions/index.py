"""The index of decisions, newest first: `python -m docs.decisions.index [--check]`, run by `make generate`.

A decision is a file `NNNN-title.md` whose first line is `# N. Title` and whose third line is `Decided YYYY-MM-DD.` A
new one needs no date, and may number its heading as its file: it is given today's date. With `--check` nothing is
written, and the exit code is 1 where something would be.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

FOLDER = Path(__file__).parent
INDEX = FOLDER / "README.md"
HEADING = re.compile(r"# 0*(\d+)[.:] (.+)\n+")
DATED = re.compile(r"# (?P<number>\d+)\. (?P<title>.+)\n\nDecided (?P<date>\d{4}-\d\d-\d\d)\.\n\n\S")

HEAD = """\
# Decisions

Why things are as they are: one page for each choice that the next person would question. The newest are at the top.
A decision is not edited when it is overtaken: a new one says which it replaces. To add one, write `NNNN-title.md` with
the next number, about 120 words, and run `make generate`.

<!-- Written by `make generate` from the files beside this one; edit those. -->

| decided | number | decision |
|---|---|---|
"""


@dataclass(frozen=True)
class Decision:
    """One of the files."""

    file: str
    number: int
    title: str
    date: str


class MalformedDecision(ValueError):
    """A file that is not of the shape above; the message names it."""


def read(path: Path, text: str) -> Decision:
    """The decision in a file. Raises MalformedDecision."""
    matched = DATED.match(text)
    if matched is None or int(matched["number"]) != int(path.name[:4]):
        raise MalformedDecision(f"{path.name}: expected '# {int(path.name[:4])}. Title', then 'Decided YYYY-MM-DD.'")
    return Decision(path.name, int(matched["number"]), matched["title"], matched["date"])


def dated(text: str, today: str) -> str:
    """The text of a decision with its heading as all have it, and with a date: its own, or today's."""
    text = HEADING.sub(r"# \1. \2\n\n", text, count=1)
    return text if DATED.match(text) else HEADING.sub(rf"# \1. \2\n\nDecided {today}.\n\n", text, count=1)


def index(decisions: list[Decision]) -> str:
    """The page that lists them."""
    newest_first = sorted(decisions, key=lambda decision: decision.number, reverse=True)
    return HEAD + "".join(f"| {d.date} | {d.number} | [{d.title}]({d.file}) |\n" for d in newest_first)


def wanted(today: str) -> dict[Path, str]:
    """What each file of the folder should hold. Raises MalformedDecision."""
    texts = {path: dated(path.read_text(encoding="utf-8"), today) for path in sorted(FOLDER.glob("[0-9]*.md"))}
    return {**texts, INDEX: index([read(path, text) for path, text in texts.items()])}


def main(arguments: list[str]) -> int:
    """Exit code 1 where `--check` finds that something is to be written."""
    files = wanted(f"{datetime.now(UTC):%Y-%m-%d}")
    stale = [path for path, text in files.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if "--check" in arguments:
        for path in stale:
            print(f"{path} is not what it should be: run `make generate`", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        path.write_text(files[path], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
