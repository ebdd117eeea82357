"""What was applied once and is not in the project any more, as far as a plan shows it.

OpenTofu takes an object that it does not find for one that is to be made: it says "create" of a server that somebody
deleted, and of a whole second cluster when the token opens another project. To the people whose data was on it that is
a replacement, and they are asked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from catalyst_operator.core.project.hetzner import SPREAD_GROUP_SIZE
from catalyst_operator.core.tofu.server_names import address_of, is_control_plane

PARTS = frozenset(
    {
        "hcloud_network_subnet",
        "hcloud_load_balancer_network",
        "hcloud_load_balancer_service",
        "hcloud_load_balancer_target",
    }
)
"""Resources that are a part of another and hold nothing: made again they are as before."""
_ALWAYS = (
    "hcloud_network.this",
    "hcloud_firewall.this",
    "hcloud_placement_group.control_plane",
    "hcloud_load_balancer.this",
)


def made_again(plan: Mapping[str, Any], standing: Collection[str]) -> tuple[str, ...]:
    """Addresses of what the plan would create although it was applied once. `standing` are the servers that were made,
    by name, once an apply has succeeded; without any nothing was ever in service."""
    if not standing:
        return ()
    once = applied_once(standing) | _vanished(plan.get("resource_drift") or ())
    created = (raw for raw in plan.get("resource_changes") or () if _creates(raw) and raw.get("type") not in PARTS)
    return tuple(address for raw in created if (address := str(raw.get("address", ""))) in once)


def applied_once(standing: Collection[str]) -> frozenset[str]:
    """Addresses of `infra/hetzner` that were made with these servers, but for parts and SSH keys."""
    workers = (int(name.rpartition("-")[2]) for name in standing if not is_control_plane(name))
    groups = (f"hcloud_placement_group.worker[{index // SPREAD_GROUP_SIZE}]" for index in workers)
    return frozenset((*_ALWAYS, *groups, *map(address_of, standing)))


def missed(plan: Mapping[str, Any], held: Iterable[str]) -> tuple[str, ...]:
    """Of the addresses that the state holds, those that a destroy would not remove, because they were not found."""
    removed = {str(raw.get("address")) for raw in plan.get("resource_changes") or () if "delete" in _actions(raw)}
    return tuple(address for address in held if address not in removed)


def _vanished(drift: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """What the state holds and refreshing did not find. A destroy's plan does not tell."""
    return frozenset(str(raw.get("address")) for raw in drift if _actions(raw) == ["delete"])


def _creates(raw: Mapping[str, Any]) -> bool:
    return raw.get("mode") != "data" and _actions(raw) == ["create"]


def _actions(raw: Mapping[str, Any]) -> list[str]:
    return list((raw.get("change") or {}).get("actions") or ())
