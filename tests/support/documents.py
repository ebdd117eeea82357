"""The repository's text files, and what a Markdown page links to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tests.support.paths import REPOSITORY

FOLDERS = ("catalyst_operator", "clusters", "crds", "deploy", "docs", "e2e", "infra", "tests", ".ci")
NOT_TEXT = frozenset({".pyc", ".sum", ".lock"})
_FENCE = re.compile(r"^( *)```.*?^\1```\s*?$", re.MULTILINE | re.DOTALL)
_CODE_SPAN = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"\]\(((?!https?://|mailto:)[^)\s]+)\)")


def text_files() -> list[Path]:
    """Every file of the repository that people wrote or that is generated for them."""
    top = [path for path in REPOSITORY.iterdir() if path.is_file() and path.suffix in ("", ".md", ".toml", ".yaml")]
    inside = [path for folder in FOLDERS for path in (REPOSITORY / folder).rglob("*") if path.is_file()]
    return sorted(path for path in (*top, *inside) if path.suffix not in NOT_TEXT and not _is_cache(path))


def _is_cache(path: Path) -> bool:
    """What tools leave lying about: `.terraform`, `.pytest_cache`."""
    folders = path.relative_to(REPOSITORY).parts[:-1]
    return any(folder.startswith(".") and folder != ".ci" for folder in folders)


def pages() -> list[Path]:
    """Every Markdown page."""
    return [path for path in text_files() if path.suffix == ".md"]


def links(page: Path) -> Iterator[tuple[str, str]]:
    """The relative links of a page: the path as it is written, empty for the page itself, and the anchor or none."""
    prose = _CODE_SPAN.sub("", _FENCE.sub("", page.read_text(encoding="utf-8")))
    for target in _LINK.findall(prose):
        path, _, anchor = target.partition("#")
        yield path, anchor


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    found: list[str] = []
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", _FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        found.append(f"{slug}-{found.count(slug)}" if slug in found else slug)
    return set(found)
