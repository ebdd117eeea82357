"""Fetches what a GitRepository points at, with real git, and packs it as source-controller does."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from e2e.lab.standins.git_errors import go_text


class GitFailed(Exception):
    """What go-git would have said in this place."""


@dataclass(frozen=True)
class Credentials:
    """What a GitRepository's Secret holds, or nothing."""

    username: str = ""
    password: str = field(default="", repr=False)
    authority: str | None = None
    """PEM of whom to trust."""


@dataclass(frozen=True)
class Reference:
    """What of a repository is wanted: spec.ref, in Flux' order of precedence."""

    branch: str = ""
    tag: str = ""
    commit: str = ""
    name: str = ""

    @property
    def ref(self) -> str:
        """The remote's name of it."""
        if self.name or self.tag:
            return self.name or f"refs/tags/{self.tag}"
        return f"refs/heads/{self.branch or 'master'}"

    def revision(self, sha: str) -> str:
        """As Flux writes it in status.artifact.revision."""
        if self.commit:
            return f"{self.branch}@sha1:{sha}" if self.branch else f"sha1:{sha}"
        return f"{self.name or self.tag or self.branch or 'master'}@sha1:{sha}"


@dataclass(frozen=True)
class Remote:
    """One repository at its URL, with a bare clone of our own in `folder`."""

    url: str
    credentials: Credentials
    folder: Path
    timeout: float

    async def head(self, wanted: Reference, *, seen: bool) -> str:
        """The commit that is wanted. `seen`: it was cloned before, which changes how Flux words an error."""
        if wanted.commit:
            return wanted.commit
        doing = "list remote for" if seen else "clone"
        text = (await self._remote(doing, "ls-remote", self.url, wanted.ref, f"{wanted.ref}^{{}}")).decode()
        lines = {name: sha for sha, _, name in (line.partition("\t") for line in text.splitlines())}
        found = lines.get(f"{wanted.ref}^{{}}") or lines.get(wanted.ref)
        if found is None:
            raise GitFailed(f"unable to clone '{self.url}': couldn't find remote ref \"{wanted.ref}\"")
        return found

    async def archive(self, wanted: Reference, sha: str, target: Path) -> str:
        """Fetch the commit and write its tree to `target` as tar.gz. The digest, as `sha256:...`."""
        if not (self.folder / "HEAD").exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            await self._local("init", "--quiet", "--bare")
        # go-git clones whole where a commit is asked for: it need not be the head of anything.
        spec = ["refs/heads/*:refs/heads/*"] if wanted.commit else ["--depth=1", wanted.ref]
        await self._remote("clone", "fetch", "--quiet", "--force", "--no-tags", self.url, *spec)
        try:
            content = await self._local("archive", "--format=tar.gz", f"{sha}^{{tree}}")
        except GitFailed as error:
            raise GitFailed(f"unable to resolve commit object for '{sha}': object not found") from error
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_suffix(".part")
        part.write_bytes(content)
        part.replace(target)
        return f"sha256:{hashlib.sha256(content).hexdigest()}"

    async def _local(self, *arguments: str) -> bytes:
        return await _run(self.folder, arguments, self.timeout, {})

    async def _remote(self, doing: str, *arguments: str) -> bytes:
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            return await _run(self.folder, arguments, self.timeout, self._environment())
        except GitFailed as error:
            raise GitFailed(f"unable to {doing} '{self.url}': {go_text(str(error), self.url)}") from error

    def _environment(self) -> dict[str, str]:
        settings: dict[str, str] = {}
        if self.credentials.username or self.credentials.password:
            pair = f"{self.credentials.username}:{self.credentials.password}"
            # In the environment, not among the arguments: those are everybody's to read.
            settings["http.extraHeader"] = f"Authorization: Basic {base64.b64encode(pair.encode()).decode()}"
        if self.credentials.authority is not None:
            file = self.folder.with_suffix(".ca.crt")
            file.write_text(self.credentials.authority)
            settings["http.sslCAInfo"] = str(file)
        return _as_environment(settings)


def _as_environment(settings: Mapping[str, str]) -> dict[str, str]:
    named = {f"GIT_CONFIG_KEY_{index}": name for index, name in enumerate(settings)}
    valued = {f"GIT_CONFIG_VALUE_{index}": value for index, value in enumerate(settings.values())}
    return {"GIT_CONFIG_COUNT": str(len(settings)), **named, **valued}


async def _run(folder: Path, arguments: tuple[str, ...], timeout: float, more: dict[str, str]) -> bytes:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        **more,
    }
    process = await asyncio.create_subprocess_exec(
        "git", f"--git-dir={folder}", *arguments, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, env=environment
    )
    try:
        output, errors = await asyncio.wait_for(process.communicate(), timeout)
    except TimeoutError as error:
        raise GitFailed("context deadline exceeded") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise GitFailed(errors.decode("utf-8", "replace").strip())
    return output
