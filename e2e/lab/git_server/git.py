"""Runs git on a bare repository of the server, without anything of the developer's own configuration."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path


class GitError(Exception):
    """A git command failed; the text is what it said."""


def environment(home: Path, **more: str) -> dict[str, str]:
    """What every git process of the server is started with."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        **more,
    }


def git(repository: Path, *arguments: str, stdin: bytes | None = None, env: Mapping[str, str] | None = None) -> str:
    """Run `git` on a bare repository; its output without the last newline. Raises GitError."""
    return git_bytes(repository, *arguments, stdin=stdin, env=env).decode("utf-8", "replace").rstrip("\n")


def git_bytes(
    repository: Path, *arguments: str, stdin: bytes | None = None, env: Mapping[str, str] | None = None
) -> bytes:
    """As `git`, for output that is a file's content."""
    done = subprocess.run(
        ["git", f"--git-dir={repository}", *arguments],
        input=stdin if stdin is not None else b"",
        capture_output=True,
        env=environment(repository.parent, **(env or {})),
        check=False,
    )
    if done.returncode:
        raise GitError(f"git {arguments[0]}: {done.stderr.decode('utf-8', 'replace').strip()}")
    return done.stdout
