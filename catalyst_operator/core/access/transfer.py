"""What the Sovereign's own Crossplane is given to take over the servers with, just before the hand-off: the OpenTofu
state under a key of its own, that key, and the module's inputs.

First boot creates both Secrets empty (core/access/boot.py), where clusters/_template/infrastructure/adoption looks for
them. The state goes first and the key last, together with the inputs: until both are there OpenTofu can neither read a
state nor plan, so that it never takes a missing state for an empty one and makes everything a second time.

Why: docs/decisions/0069-state-for-crossplane.md
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

from catalyst_operator.api import labels
from catalyst_operator.core.record import ErrorEntry

NAMESPACE = "crossplane-system"
ADOPTION = "catalyst-adoption"
"""The Secret with key and inputs; the state lies in the one that OpenTofu's backend makes itself."""
KEY, INPUTS, GIT_LOGIN = "state-key", "inputs.tfvars.json", "git-credentials"
"""Keys of that Secret; the last only where the module's repository asks who reads it."""
MARK = f"{labels.GROUP}/handed-over"
EMPTY, FILLED = "no", "yes"
"""Values of that annotation: what was handed over is never written again, whatever its Crossplane made of it since."""

_OF_FIRST_BOOT = ("boot_manifests", "kit_values")


@dataclass(frozen=True)
class TransferReport:
    """What the last attempt came to. Exactly one of the three."""

    key: str
    at: datetime
    done: bool = False
    impossible: str = ""
    """Why it can never be done, as a clause: the cluster was born without what it takes."""
    error: ErrorEntry | None = None
    timeouts: int = 0
    """How many times in a row OpenTofu came to no end. Only our own runs wrote the state, so it is tried for ever,
    though ever more rarely."""


def git_login(url: str, username: str, password: str) -> str:
    """A line of Git's own file of credentials."""
    where = urlsplit(url)
    return f"{where.scheme}://{quote(username, safe='')}:{quote(password, safe='')}@{where.netloc}\n"


def inputs(variables: Mapping[str, Any], agent_token: str) -> dict[str, Any]:
    """The least of a run's variables with which the module plans nothing, and makes workers that join.

    Neither authorities nor the token by which control planes join: whoever has that is given the authorities by k3s.
    """
    kept = {name: value for name, value in variables.items() if name not in _OF_FIRST_BOOT}
    return {
        **kept,
        "cluster_started": True,
        "existing_control_planes": len(variables["control_plane_sizes"]),
        "agent_token": agent_token,
    }
