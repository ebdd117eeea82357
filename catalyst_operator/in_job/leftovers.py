"""After a destroy: lists what still carries this Sovereign's UID label in the cloud project.

Read-only. An object may live some seconds longer than the DELETE that was answered with success, so it looks again
until nothing is left or a minute is over; what is then left is named and the run fails.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from catalyst_operator.in_job import hcloud

EXIT_LEFT = 6
MAX_NAMED_LEFTOVERS = 10
TERMINATION_LOG = Path("/dev/termination-log")


@dataclass(frozen=True)
class Patience:
    """How long to wait for what is on its way out, and between two looks; in seconds."""

    deadline: float = 60.0
    pause: float = 2.0


def main(termination_log: Path = TERMINATION_LOG, patience: Patience = Patience()) -> int:
    """Exit code 0 when nothing is left, EXIT_LEFT when something is, hcloud.EXIT_UNAUTHORIZED when the token is
    refused, and 1 when the API could not be asked."""
    deadline = time.monotonic() + patience.deadline
    pause = threading.Event()
    try:
        left = find()
        while left and time.monotonic() < deadline:
            print(f"still there: {describe(left)}", flush=True)
            pause.wait(patience.pause)
            left = find()
    except hcloud.TROUBLE as error:
        print(f"could not list what is left in the project: {error}", file=sys.stderr, flush=True)
        return hcloud.exit_code(error)
    termination_log.write_text(json.dumps({"left": left[:MAX_NAMED_LEFTOVERS], "count": len(left)}))
    print(f"left: {describe(left)}" if left else "nothing is left", flush=True)
    return EXIT_LEFT if left else 0


def describe(left: list[str]) -> str:
    """The first ten by name, and how many more."""
    more = len(left) - MAX_NAMED_LEFTOVERS
    return ", ".join(left[:MAX_NAMED_LEFTOVERS]) + (f" and {more} more" if more > 0 else "")


def find() -> list[str]:
    """What carries the label, as `kind/id name`."""
    return [f"{kind}/{found['id']} {found['name']}" for kind in hcloud.KINDS for found in hcloud.labelled(kind)]
