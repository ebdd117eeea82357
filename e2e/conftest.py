"""Options of the stories."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2e.stories.table import StoryTable


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--story-table FILE` writes what the run found into that document; `--operator-image FILE` runs another image."""
    parser.addoption("--story-table", type=Path, default=None, help="document to write the table of results into")
    parser.addoption("--operator-image", type=Path, default=None, help="archive of the image to use, not the lab's own")


def pytest_configure(config: pytest.Config) -> None:
    """Register the table when it is asked for."""
    path = config.getoption("--story-table")
    if path is not None:
        config.pluginmanager.register(StoryTable(path))
