"""Seals a state with another key. Only OpenTofu knows its own format, so OpenTofu does it: a state is pulled with one
key and pushed with the other, in folders of their own without module, provider or backend.

What is not sealed goes through a pipe and is never a file. Each takes about a hundred MiB for half a second, and
namespaces take turns: two at a time, of one namespace one. A state that somebody else wrote may be made to take far
more, as by numbers that are short to write and long to print: what OpenTofu may take and say is bounded, since it lives
in the operator's own memory.

Why: docs/decisions/0069-state-for-crossplane.md, 0044-namespaces-take-turns.md
"""

from __future__ import annotations

import asyncio
import resource
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from catalyst_operator.adapters.turns import Turns
from catalyst_operator.core.redact import shorten
from catalyst_operator.core.tofu import encryption
from catalyst_operator.errors import TofuError, TofuTimeout, TofuUnavailable

SEALED_AT_ONCE, SEALED_EACH = 2, 1
"""Of all, and of one namespace."""
SEAL_SECONDS = 60.0
"""For one command; it takes a quarter of a second where nothing else is at work."""
WORK_SECONDS = 10
"""Of a processor, for one command, after which the kernel ends it; a state of 900 servers takes half a second."""
MEMORY = "96MiB"
"""What OpenTofu's garbage collector aims at."""
MOST_MEMORY = 192 << 20
"""Bytes of data after which the kernel gives it no more; a state of 900 servers takes less than 128 MiB."""
MOST_SAID = 16 << 20
"""Bytes of an opened state; one of a hundred servers has about one MiB."""
_CHUNK = 1 << 16
STATE_FILE = "terraform.tfstate"
PROGRAMS = "/usr/local/bin:/usr/bin:/bin"
"""Where OpenTofu lies in the image, and the command of its key provider."""
_KEY_FILE = "key"


Check = Callable[[bytes], None]
"""Looks at an opened state; raises TofuError."""


def unchecked(_: bytes) -> None:
    """Of a state that nobody else has written."""


class Seal(Protocol):
    """`Sealing.sealed_anew`."""

    async def __call__(self, state: bytes, key: str, other: str, check: Check = unchecked, *, owner: str) -> bytes: ...


class Sealing:
    """Runs `program`, which is looked for in PROGRAMS unless it is a path."""

    def __init__(self, program: str = "tofu") -> None:
        self._program = program
        self._turns = Turns(SEALED_AT_ONCE, SEALED_EACH)

    async def sealed_anew(self, state: bytes, key: str, other: str, check: Check = unchecked, *, owner: str) -> bytes:
        """`state`, sealed with `key`, sealed with the key `other` instead: of the same lineage, with a later serial.
        When it is the turn of `owner`, a namespace; `check` sees it opened. Raises TofuError."""
        async with self._turns.turn(owner):
            with TemporaryDirectory() as top:
                old, new = _folder(top, "old", key), _folder(top, "new", other)
                (old / STATE_FILE).write_bytes(state)
                plain = await self._run(old, "state", "pull")
                check(plain)
                await self._run(new, "state", "push", "-", given=plain)
                return (new / STATE_FILE).read_bytes()

    async def _run(self, folder: Path, *arguments: str, given: bytes = b"") -> bytes:
        try:
            process = await asyncio.create_subprocess_exec(
                self._program, *arguments, cwd=folder, env=_environment(folder), stdin=PIPE, stdout=PIPE, stderr=PIPE
            )
        except OSError as error:
            raise TofuUnavailable(f"OpenTofu could not be run: {error}") from error
        with suppress(ProcessLookupError):
            resource.prlimit(process.pid, resource.RLIMIT_DATA, (MOST_MEMORY, MOST_MEMORY))
            resource.prlimit(process.pid, resource.RLIMIT_CPU, (WORK_SECONDS, WORK_SECONDS))
        try:
            async with asyncio.timeout(SEAL_SECONDS):
                said, errors = await _talk(process, given)
        except TimeoutError as error:
            raise TofuTimeout(f"tofu {' '.join(arguments)} did not come to an end") from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode == -signal.SIGKILL:
            # By the kernel, which ends as well whatever takes memory that its node does not have.
            raise TofuTimeout(f"tofu {' '.join(arguments)} was ended: it took too much time or memory")
        if process.returncode:
            told = shorten(errors.decode(errors="replace"))
            raise TofuError(f"tofu {' '.join(arguments)} ended with {process.returncode}: {told}")
        return said


async def _talk(process: Process, given: bytes) -> tuple[bytes, bytes]:
    """What it says and complains of until it ends. Raises TofuError if that is more than anybody reads."""
    into, out, complaints = process.stdin, process.stdout, process.stderr
    if into is None or out is None or complaints is None:
        raise ValueError("a process without pipes")
    _, said, errors = await asyncio.gather(_give(into, given), _read(out, process), _read(complaints, process))
    await process.wait()
    return said, errors


async def _give(stream: asyncio.StreamWriter, given: bytes) -> None:
    """One that ends before it has read all of it says why itself."""
    with suppress(BrokenPipeError, ConnectionResetError):
        stream.write(given)
        await stream.drain()
    stream.close()


async def _read(stream: asyncio.StreamReader, process: Process) -> bytes:
    found = bytearray()
    while chunk := await stream.read(_CHUNK):
        if len(found) <= MOST_SAID:
            found += chunk
        else:
            # What is left in the pipe is read: until then its end is not noticed.
            with suppress(ProcessLookupError):
                process.kill()
    if len(found) > MOST_SAID:
        raise TofuError(f"OpenTofu says more than {MOST_SAID >> 20} MiB of it")
    return bytes(found)


def _folder(top: str, name: str, key: str) -> Path:
    folder = Path(top) / name
    folder.mkdir(mode=0o700)
    (folder / _KEY_FILE).write_text(key)
    return folder


def _environment(folder: Path) -> dict[str, str]:
    """Nothing of the operator's own."""
    return {
        "PATH": PROGRAMS,
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "TF_ENCRYPTION": encryption.configuration(_KEY_FILE),
        "TF_IN_AUTOMATION": "1",
        "TF_CLI_ARGS": "-no-color",
        "CHECKPOINT_DISABLE": "1",
        "GOMEMLIMIT": MEMORY,
        "GOMAXPROCS": "1",
    }
