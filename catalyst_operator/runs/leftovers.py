"""After a destroy: lists what still carries this Sovereign's UID label in the cloud project.

Read-only. An object may live some seconds longer than the DELETE that was answered with success, so it looks again
until nothing is left or a minute is over; what is then left is named and the run fails.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from catalyst_operator.api.labels import LABEL_SOVEREIGN_UID

DEFAULT_ENDPOINT = "https://api.hetzner.cloud/v1"
KINDS = (
    "servers",
    "load_balancers",
    "networks",
    "firewalls",
    "ssh_keys",
    "placement_groups",
    "volumes",
    "primary_ips",
)
EXIT_LEFT = 6
EXIT_UNAUTHORIZED = 7
UNAUTHORIZED = (401, 403)
MAX_NAMED = 10
TERMINATION_LOG = Path("/dev/termination-log")


@dataclass(frozen=True)
class Patience:
    """How long to wait for what is on its way out, and between two looks; in seconds."""

    deadline: float = 60.0
    pause: float = 2.0


def main(termination_log: Path = TERMINATION_LOG, patience: Patience = Patience()) -> int:
    """Exit code 0 when nothing is left, EXIT_LEFT when something is, EXIT_UNAUTHORIZED when the token is refused, and
    1 when the API could not be asked."""
    deadline = time.monotonic() + patience.deadline
    pause = threading.Event()
    try:
        left = find()
        while left and time.monotonic() < deadline:
            print(f"still there: {describe(left)}", flush=True)
            pause.wait(patience.pause)
            left = find()
    except urllib.error.HTTPError as error:
        print(f"could not list what is left in the project: {error}", file=sys.stderr, flush=True)
        return EXIT_UNAUTHORIZED if error.code in UNAUTHORIZED else 1
    except (urllib.error.URLError, TimeoutError, ValueError) as error:
        print(f"could not list what is left in the project: {error}", file=sys.stderr, flush=True)
        return 1
    termination_log.write_text(json.dumps({"left": left[:MAX_NAMED], "count": len(left)}))
    print(f"left: {describe(left)}" if left else "nothing is left", flush=True)
    return EXIT_LEFT if left else 0


def describe(left: list[str]) -> str:
    """The first ten by name, and how many more."""
    more = len(left) - MAX_NAMED
    return ", ".join(left[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")


def find() -> list[str]:
    """What carries the label, as `kind/id name`. Only the first page of each kind: one object is enough to say no."""
    selector = f"{LABEL_SOVEREIGN_UID}={os.environ['CATALYST_SOVEREIGN_UID']}"
    query = urllib.parse.urlencode({"label_selector": selector, "per_page": 50})
    return [
        f"{kind}/{found['id']} {found['name']}" for kind in KINDS for found in _get(f"/{kind}?{query}").get(kind, ())
    ]


def _get(path: str) -> dict[str, list[dict[str, str]]]:
    endpoint = os.environ.get("HCLOUD_ENDPOINT", DEFAULT_ENDPOINT)
    request = urllib.request.Request(  # noqa: S310 - the endpoint is the operator's setting
        endpoint + path, headers={"Authorization": f"Bearer {os.environ['HCLOUD_TOKEN']}"}
    )
    with urllib.request.urlopen(request, timeout=20) as response:  # noqa: S310
        result: dict[str, list[dict[str, str]]] = json.load(response)
    return result
