"""The lab's cache, filled by tests that run beside each other."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from e2e.lab.cache import cached
from e2e.lab.timeline import Timeline


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAB_CACHE", str(tmp_path))
    return tmp_path


def test_what_two_ask_for_at_once_is_made_once_and_given_to_both(cache: Path) -> None:
    made: list[Path] = []
    with ThreadPoolExecutor() as pool:
        others: list[Future[Path]] = []

        def make(out: Path) -> None:
            made.append(out)
            (out / "tool").write_text("whole")
            if len(made) == 1:
                others.append(pool.submit(ask))
                # It would be through by then, and have put its own in this one's place.
                wait(others, timeout=0.3)

        def ask() -> Path:
            return cached("tools/one", make, Timeline(), "make it", "a moment")

        folders = {ask(), *(other.result() for other in others)}
    assert (len(made), folders) == (1, {cache / "tools" / "one"})
    assert (cache / "tools" / "one" / "tool").read_text() == "whole"


def test_what_could_not_be_made_is_tried_again_by_the_next(cache: Path) -> None:
    def fail(out: Path) -> None:
        (out / "half").touch()
        raise OSError("no network")

    with pytest.raises(OSError, match="no network"):
        cached("tools/one", fail, Timeline(), "make it", "a moment")
    folder = cached("tools/one", lambda out: (out / "tool").touch(), Timeline(), "make it", "a moment")
    assert [file.name for file in folder.iterdir()] == ["tool"]
    assert folder == cache / "tools" / "one"
