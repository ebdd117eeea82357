"""The lock of a state, as OpenTofu's kubernetes backend keeps it: a Lease that names its holder and never expires."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import Any

from catalyst_operator.core import naming
from e2e.support.kubectl import Kubectl, Object

LOCK_INFO = "app.terraform.io/lock-info"


class Lease:
    """The lock of one Sovereign's state. It exists from the first run on."""

    def __init__(self, kubectl: Kubectl, namespace: str) -> None:
        self._kubectl = kubectl
        self._namespace = namespace
        self._name = f"lock-{naming.STATE_SECRET}"

    def hold(self, who: str) -> None:
        """Take the lock in somebody's name, as an apply of theirs would."""
        info = lock_info(who, datetime.now(UTC))
        self._patch(holder=info["ID"], info=json.dumps(info))

    def release(self) -> None:
        """Let go of the lock, as `tofu force-unlock` does."""
        self._patch(holder=None, info=None)

    def read(self) -> Object:
        return self._kubectl.get("-n", self._namespace, "lease", self._name)

    def _patch(self, holder: str | None, info: str | None) -> None:
        patch = {"metadata": {"annotations": {LOCK_INFO: info}}, "spec": {"holderIdentity": holder}}
        self._kubectl("-n", self._namespace, "patch", "lease", self._name, "--type=merge", "-p", json.dumps(patch))


def lock_info(who: str, now: datetime) -> dict[str, Any]:
    """What OpenTofu writes about a lock; `who` is user@host, and in a run's Pod the user has no name."""
    return {
        "ID": str(uuid.uuid4()),
        "Operation": "OperationTypeApply",
        "Info": "",
        "Who": who,
        "Version": "1.12.6",
        "Created": now.isoformat().replace("+00:00", "Z"),
        "Path": "",
    }
