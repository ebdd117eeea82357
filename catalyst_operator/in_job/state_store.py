"""First and last container of a run whose state is in a store outside: they initialise OpenTofu and print its outputs,
as plain `tofu` does in other runs, and see to the copy of the state that the run namespace has.

Only OpenTofu knows its own format: what is sealed or opened is pushed or pulled in a folder of its own without a
backend. What is not sealed goes through pipes and is never a file.

Why: docs/decisions/0097-where-the-state-lives.md
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from catalyst_operator.core import manifests, naming
from catalyst_operator.core.runs.job import STATE_COPY_DIR, TOFU_INIT, TOFU_OUTPUT
from catalyst_operator.core.tofu import state_copy
from catalyst_operator.core.tofu.state_copy import EXIT_FOREIGN, NOT_ANSWERED, Source, StateVersion
from catalyst_operator.core.tofu.termination import MAX_TERMINATION_BYTES
from catalyst_operator.in_job import own_secrets
from catalyst_operator.in_job.own_secrets import SERVICE_ACCOUNT

COPY = Path(STATE_COPY_DIR, "tfstate")
TERMINATION_LOG = Path("/dev/termination-log")
LOCAL_STATE = "terraform.tfstate"
LOCK_TIMEOUT = "60s"
KEEP_SECONDS, KEEP_PAUSE_SECONDS = 120.0, 5.0
"""How long the API server is asked to take the copy, and how long between two tries."""
_CONFIGURED = "Successfully configured the backend"
_TAKE_LOCK, _NOWHERE = ("untaint", "-allow-missing"), "terraform_data.nothing"
_EMPTY = {"version": 4, "terraform_version": "1.12.0", "serial": 1, "lineage": "", "outputs": {}, "resources": []}


class StoreError(Exception):
    """Why the store is not used: what OpenTofu said, and the exit code of the container."""

    def __init__(self, said: str, code: int = 1) -> None:
        super().__init__(said)
        self.code = code


def opened(copy: Path = COPY, termination_log: Path = TERMINATION_LOG, lock_timeout: str = LOCK_TIMEOUT) -> int:
    """`tofu init`; then, before anything is bought, the store's lock is taken once, and what it lacks of the copy is
    put into it. Exit code EXIT_FOREIGN where store and copy are of different origins."""
    try:
        _init()
        _go_on_from(copy.read_bytes() if copy.exists() else b"", lock_timeout)
    except StoreError as error:
        return _told(error, termination_log)
    return 0


def closed(
    account: Path = SERVICE_ACCOUNT, termination_log: Path = TERMINATION_LOG, output: Sequence[str] = TOFU_OUTPUT
) -> int:
    """Keep a sealed copy of the state in the run namespace, then `tofu output`; its exit code."""
    try:
        _keep(_sealed(_pulled()), account)
    except StoreError as error:
        return _told(error, termination_log)
    return subprocess.run(output, check=False).returncode


def _told(error: StoreError, termination_log: Path) -> int:
    print(error, file=sys.stderr, flush=True)
    termination_log.write_text(" ".join(str(error).split())[:MAX_TERMINATION_BYTES])
    return error.code


def _init() -> None:
    ran = subprocess.run(TOFU_INIT, capture_output=True, text=True, check=False)
    print(ran.stdout, flush=True)
    if ran.returncode:
        store = "" if _CONFIGURED in ran.stdout else f"{NOT_ANSWERED}: "
        raise StoreError(f"{store}{ran.stderr}", ran.returncode)


def _go_on_from(packed: bytes, lock_timeout: str) -> None:
    _take_lock(lock_timeout)
    store = _pulled()
    if not StateVersion.of(store).exists:
        # OpenTofu gives what it pushes to an empty store another origin; over an empty state it does not.
        _push(json.dumps(_EMPTY))
        store = _pulled()
    sealed = _unpacked(packed)
    found = state_copy.source(StateVersion.of(store), StateVersion.of(json.loads(sealed)) if sealed else None)
    if found is Source.FOREIGN:
        raise StoreError(
            f"The state in the state backend is of another origin than its copy, Secret {naming.STATE_SECRET} of the "
            "run namespace. Look which of the two lists what exists, and take the other away.",
            EXIT_FOREIGN,
        )
    if found is Source.COPY:
        print("the state backend has an older state than its copy, or none: the copy is put into it", flush=True)
        _push(_opened(sealed))


def _take_lock(lock_timeout: str) -> None:
    """Take the lock and let it go, without a write: whoever held it and is over holds it no more; anybody else is
    waited for. Pushing the same state would not do: OpenTofu finds it different from itself."""
    ran = _tofu(*_TAKE_LOCK, _NOWHERE)
    lock = state_copy.lock_in(ran.stderr) if ran.returncode else None
    if lock and state_copy.is_left(lock, os.environ["CATALYST_RUNS_OVER"].split(",")):
        print(f"run {lock.job} left the state locked and is over: releasing the lock {lock.id}", flush=True)
        _tofu("force-unlock", "-force", lock.id)
    if ran.returncode:
        ran = _tofu(*_TAKE_LOCK, f"-lock-timeout={lock_timeout}", _NOWHERE)
    if ran.returncode:
        raise StoreError(f"{NOT_ANSWERED}: {ran.stderr}")


def _pulled(folder: Path | None = None) -> dict[str, Any]:
    """A state as OpenTofu prints it; one of serial 0 where there is none."""
    ran = _tofu("state", "pull", folder=folder)
    if ran.returncode:
        raise StoreError(f"{NOT_ANSWERED}: {ran.stderr}")
    state: dict[str, Any] = json.loads(ran.stdout or '{"serial": 0, "lineage": "", "resources": []}')
    return state


def _push(state: str) -> None:
    ran = _tofu("state", "push", f"-lock-timeout={LOCK_TIMEOUT}", "-", given=state)
    if ran.returncode:
        raise StoreError(f"{NOT_ANSWERED}: {ran.stderr}")


def _unpacked(packed: bytes) -> bytes:
    try:
        return gzip.decompress(packed) if packed else b""
    except (OSError, EOFError, zlib.error) as error:
        raise StoreError(f"The copy of the state, Secret {naming.STATE_SECRET}, cannot be read: {error}") from error


def _opened(sealed: bytes) -> str:
    with TemporaryDirectory() as folder:
        Path(folder, LOCAL_STATE).write_bytes(sealed)
        return json.dumps(_pulled(Path(folder)))


def _sealed(state: dict[str, Any]) -> bytes:
    """The state, sealed as the one in the store is, and with its serial: a push adds to that, one or two, and for the
    same state as much each time. With a later one the next run would put the copy into the store without need."""
    serial = int(state["serial"])
    added = int(json.loads(_pushed_locally(state, serial))["serial"]) - serial
    return _pushed_locally(state, max(0, serial - added))


def _pushed_locally(state: dict[str, Any], serial: int) -> bytes:
    with TemporaryDirectory() as folder:
        ran = _tofu("state", "push", "-", folder=Path(folder), given=json.dumps({**state, "serial": serial}))
        if ran.returncode:
            raise StoreError(f"OpenTofu could not seal a copy of the state: {ran.stderr}")
        return Path(folder, LOCAL_STATE).read_bytes()


def _keep(sealed: bytes, account: Path) -> None:
    """What is not written fails the run: each archive, backup and look is made of the copy."""
    made = manifests.state_secret(os.environ["CATALYST_RUN_NAMESPACE"])
    until, pause = time.monotonic() + KEEP_SECONDS, threading.Event()
    while True:
        try:
            return own_secrets.put(naming.STATE_SECRET, manifests.packed_state(sealed), account, made["metadata"])
        except own_secrets.TROUBLE as error:
            if time.monotonic() >= until:
                raise StoreError(f"Failed to save state: its copy, Secret {naming.STATE_SECRET}: {error}") from error
            print(f"could not keep a copy of the state yet: {error}", flush=True)
            pause.wait(KEEP_PAUSE_SECONDS)


def _tofu(*arguments: str, folder: Path | None = None, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(["tofu", *arguments], cwd=folder, input=given, capture_output=True, text=True, check=False)
