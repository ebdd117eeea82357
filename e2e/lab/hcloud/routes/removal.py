"""The delayed end of a deleted object, of whatever kind: see `delete_linger_seconds`."""

from __future__ import annotations

from collections.abc import Mapping

from e2e.lab.hcloud.actions import Effect
from e2e.lab.hcloud.cloud import Cloud
from e2e.lab.hcloud.kinds import REMOVE
from e2e.lab.hcloud.store import KINDS, Object

_PLURALS = {kind.removesuffix("s"): kind for kind in KINDS}


def effects(cloud: Cloud) -> Mapping[str, Effect]:
    def removed(action: Object) -> None:
        for resource in action["resources"]:
            cloud.store.delete(_PLURALS[resource["type"]], resource["id"])

    return {REMOVE: removed}
