"""A state that somebody hands in for a deletion, instead of the one that was archived: what its Crossplane wrote since.

Whoever hands it in wrote it, so it is believed in nothing that it could be used for: it has to go on from our archive,
list only what the module makes, and hang on the very network that the record knows. What its ids stand for is looked at
once more when they are read in the project (plan_gate.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from catalyst_operator.api import labels
from catalyst_operator.core.tofu.gone import PARTS

PROVIDER = 'provider["registry.opentofu.org/hetznercloud/hcloud"]'
_OF_THE_MODULE = frozenset(
    {
        ("hcloud_network", "this"),
        ("hcloud_network_subnet", "this"),
        ("hcloud_firewall", "this"),
        ("hcloud_ssh_key", "this"),
        ("hcloud_placement_group", "control_plane"),
        ("hcloud_placement_group", "worker"),
        ("hcloud_server", "control_plane"),
        ("hcloud_server", "worker"),
        ("hcloud_load_balancer", "this"),
        ("hcloud_load_balancer_network", "this"),
        ("hcloud_load_balancer_service", "this"),
        ("hcloud_load_balancer_target", "this"),
    }
)
MOST_VALUES = 1 << 18
"""JSON values of a state, which take some 15 ms and 27 MiB to read; one of a hundred servers has a fiftieth of them.
`[],` is three bytes to write and a hundred to keep."""
_PARENTS = {"network_id": "hcloud_network", "load_balancer_id": "hcloud_load_balancer"}
"""Attribute by which a part, which carries no label, names what it belongs to -> the type of that."""
_FOUND_BY_ID = {
    "hcloud_network_subnet": "network_id",
    "hcloud_load_balancer_network": "load_balancer_id",
    "hcloud_load_balancer_service": "load_balancer_id",
}
"""Parts that the provider looks up by their id and nothing else -> the attribute that their id begins with."""


def wrong(content: bytes, *, lineage: str, serial: int, network: str) -> str:
    """Why a state, opened, cannot be what the Sovereign's Crossplane made of the archived one of this lineage and
    serial; a clause, empty if nothing is wrong. `network` is the id of the Sovereign's network; empty: not known."""
    try:
        state = parsed(content)
        resources = list(state["resources"])
        if (state["version"], state["lineage"]) != (4, lineage):
            return "it is of another origin than the archived one"
        if int(state["serial"]) <= serial:
            return "it is no newer than the archived one"
        return _foreign(resources) or _elsewhere(resources, network)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return "it is no state of OpenTofu's"


def parsed(content: bytes) -> Any:
    """The JSON value that a state is. Raises ValueError, also for one of too many values, and RecursionError."""
    # All of these in texts count too: what is in bounds is far below them.
    if content.count(b"{") + content.count(b"[") + content.count(b",") > MOST_VALUES:
        raise ValueError(f"it has more than {MOST_VALUES} values")
    return json.loads(content)


def strangers(plan: Mapping[str, Any], uid: str) -> tuple[str, ...]:
    """Addresses of what a plan would destroy although, as it was just read in the project, it does not carry the label
    of the Sovereign with this UID."""
    gone = (raw for raw in plan.get("resource_changes") or () if "delete" in raw["change"]["actions"])
    labelled = ((raw["address"], raw["change"].get("before") or {}) for raw in gone if raw["type"] not in PARTS)
    return tuple(
        address for address, before in labelled if (before.get("labels") or {}).get(labels.LABEL_SOVEREIGN_UID) != uid
    )


def _foreign(resources: Iterable[Mapping[str, Any]]) -> str:
    for resource in resources:
        known = (resource["type"], resource["name"]) in _OF_THE_MODULE
        ours = resource["mode"] == "managed" and resource["provider"] == PROVIDER and "module" not in resource
        if not (known and ours):
            return f"it lists {resource['type']}.{resource['name']}, which the module does not make"
    return ""


def _elsewhere(resources: list[Mapping[str, Any]], network: str) -> str:
    """Parts are found by what they belong to: that has to be in the state itself, where its label is looked at."""
    ids = {kind: {str(found["id"]) for found in _attributes(resources, kind)} for kind in _PARENTS.values()}
    if network and not ids["hcloud_network"] <= {network}:
        return "its network is not the Sovereign's"
    for resource in resources:
        for found in _attributes([resource], resource["type"]):
            for attribute, kind in _PARENTS.items():
                if attribute in found and str(found[attribute]) not in ids[kind]:
                    return f"it lists {resource['type']}.{resource['name']} of something that it does not list"
            if not _is_where_it_says(resource["type"], found):
                return f"it lists {resource['type']}.{resource['name']} whose id is of something else"
    return ""


def _is_where_it_says(kind: str, found: Mapping[str, Any]) -> bool:
    parent = _FOUND_BY_ID.get(kind)
    return parent is None or re.split(r"[-_]", str(found["id"]), maxsplit=1)[0] == str(found[parent])


def _attributes(resources: Iterable[Mapping[str, Any]], kind: str) -> list[Mapping[str, Any]]:
    return [instance["attributes"] for found in resources if found["type"] == kind for instance in found["instances"]]
