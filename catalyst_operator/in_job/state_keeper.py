"""The sidecar that puts in order what tofu leaves behind: a state that its backend refused lies in `errored.tfstate`,
and the kubelet wipes it seconds after the Pod fails; a server whose resize was refused is off.

It sleeps until it is told to stop (the kubelet stops a sidecar after the last container ended), then saves the file,
encrypted as it is, to a Secret, and keeps trying while the grace period lasts. Servers are started in between.
"""

from __future__ import annotations

import base64
import signal
import threading
from pathlib import Path

from catalyst_operator.core.naming import ERRORED_STATE_SECRET
from catalyst_operator.core.tofu import termination
from catalyst_operator.in_job import own_secrets, power
from catalyst_operator.in_job.own_secrets import SERVICE_ACCOUNT

ERRORED_STATE = Path("errored.tfstate")
TERMINATION_LOG = Path("/dev/termination-log")
PROCESSES = Path("/proc")
"""Of the whole Pod: its containers share their processes."""
KEEPER_LOOK_SECONDS = 0.2
RETRY_SECONDS = 5


def main(
    account: Path = SERVICE_ACCOUNT,
    pause: float = RETRY_SECONDS,
    processes: Path = PROCESSES,
    termination_log: Path = TERMINATION_LOG,
) -> int:
    """Exit code 0 when there was nothing to save or it was saved. `pause` is in seconds, between two tries."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    stop.wait()
    # Told to stop once, it does not let go of a state because it is told again: only the kubelet's SIGKILL ends it.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    again = threading.Event()
    while _tofu_runs(processes):
        again.wait(KEEPER_LOOK_SECONDS)
    saved = _saved(account)
    _start_servers(termination_log)
    while not saved:
        again.wait(pause)
        saved = _saved(account)
    return 0


def _saved(account: Path) -> bool:
    """Whether there is nothing to save, or no more."""
    if not ERRORED_STATE.exists():
        return True
    saved = _save(ERRORED_STATE.read_bytes(), account)
    if saved:
        print(f"saved {ERRORED_STATE} to Secret {ERRORED_STATE_SECRET}", flush=True)
    return saved


def _start_servers(termination_log: Path) -> None:
    started = power.start(power.noted())
    if started != power.Started():
        told = {"started": started.again, "off": started.not_at_all}
        termination_log.write_text(termination.message({}, told))


def _tofu_runs(processes: Path) -> bool:
    """Whether an OpenTofu is still at work in this Pod: when the Pod is deleted, both are told to stop at once."""
    return any(_name(process) == "tofu" for process in processes.glob("[0-9]*/comm"))


def _name(process: Path) -> str:
    try:
        return process.read_text().strip()
    except OSError:  # It ended between the two looks.
        return ""


def _save(content: bytes, account: Path) -> bool:
    try:
        own_secrets.put(ERRORED_STATE_SECRET, base64.b64encode(content).decode(), account)
    except own_secrets.TROUBLE as error:
        print(f"could not save {ERRORED_STATE} yet: {error}", flush=True)
        return False
    return True
