"""Adoption: which cloud objects of a Sovereign its state does not know of, and at which addresses they belong.

A tofu that is killed in mid-apply leaves objects that no state holds. What carries this Sovereign's label is matched by
name with the addresses of `infra/hetzner`; what hangs on such an object and has no label of its own (a subnet, the
load balancer's services) by what it is.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from catalyst_operator.core.project.hetzner import SPREAD_GROUP_SIZE
from catalyst_operator.core.tofu import termination

Raw = Mapping[str, Any]
Cloud = Mapping[str, Sequence[Raw]]
"""Kind, such as "servers", to its objects as the API lists them."""

SUBNET = "10.0.1.0/24"
SERVICES = {80: "http", 443: "https"}
TARGET_LIMIT = 25
MAX_WORKERS = 90
HIGH_AVAILABILITY = 3
"""Facts of the module; control planes are one or so many."""

_INDEX = "(0|[1-9][0-9]?)"
_BY_NAME: dict[str, tuple[tuple[str, str], ...]] = {
    "networks": (("", "hcloud_network.this"),),
    "firewalls": (("", "hcloud_firewall.this"),),
    "load_balancers": (("", "hcloud_load_balancer.this"),),
    "ssh_keys": (("-([0-9a-f]{12})", 'hcloud_ssh_key.this["{}"]'),),
    "placement_groups": (
        ("-control-plane", "hcloud_placement_group.control_plane"),
        (f"-worker-{_INDEX}", "hcloud_placement_group.worker[{}]"),
    ),
    "servers": (
        (f"-control-plane-{_INDEX}", "hcloud_server.control_plane[{}]"),
        (f"-worker-{_INDEX}", "hcloud_server.worker[{}]"),
    ),
}
"""Kind to what follows the cluster's name in the names that the module gives, and the address of each."""

_ALWAYS = (
    "hcloud_network.this",
    "hcloud_network_subnet.this",
    "hcloud_firewall.this",
    "hcloud_placement_group.control_plane",
    "hcloud_load_balancer.this",
    "hcloud_load_balancer_network.this",
    *(f'hcloud_load_balancer_service.this["{name}"]' for name in SERVICES.values()),
)


@dataclass(frozen=True)
class Import:
    """An object that is to be adopted. `id` is what the provider's import takes."""

    address: str
    id: str

    def __str__(self) -> str:
        return f"{self.address} (id {self.id})"


@dataclass(frozen=True)
class Orphans:
    """What exists, carries the label and is in no state."""

    wanted: tuple[Import, ...] = ()
    """At addresses that the configuration has: an import block will do."""
    surplus: tuple[Import, ...] = ()
    """At addresses that it has no more, such as a worker beyond the wanted count."""
    stale: tuple[str, ...] = ()
    """Addresses under which the state holds an object that is gone, while another has its name."""
    unknown: tuple[str, ...] = ()
    """Labelled objects to which no address belongs, as `kind/id name`, and what has an address that the module cannot
    be asked for, as `address (id ...)`."""
    wider: Raw = field(default_factory=dict)
    """Variables that would want the surplus too: OpenTofu imports nothing that the configuration does not have."""


def find(variables: Raw, state: Raw, cloud: Cloud) -> Orphans:
    """Compare the cloud with the state (as `tofu state pull` prints it; {} without one) and with what `variables`, the
    module's, ask for."""
    found = _found(variables["cluster_name"], cloud)
    held = _held(state)
    orphans = {address: id_ for address, id_ in found.items() if held.get(address) != id_}
    wider = _wider(variables, orphans, cloud)
    want, reachable = _addresses(variables), _addresses({**variables, **wider})
    imports = [Import(address, id_) for address, id_ in sorted(orphans.items())]
    known = {(_type(address), id_) for address, id_ in {**held, **found}.items()}
    return Orphans(
        wanted=tuple(i for i in imports if i.address in want),
        surplus=tuple(i for i in imports if i.address in reachable - want),
        stale=tuple(i.address for i in imports if i.address in held and i.address in reachable | want),
        unknown=(*_nameless(known, cloud), *(str(i) for i in imports if i.address not in reachable | want)),
        wider=wider,
    )


def held(state: Raw) -> tuple[str, ...]:
    """The addresses that a state holds, as `tofu state pull` prints it; none without one."""
    return tuple(_held(state))


def references(state: Raw) -> frozenset[tuple[str, int]]:
    """Kind and id of every object that a state holds, without the parts of one, which have no id of their own."""
    pairs = ((_type(address), id_) for address, id_ in _held(state).items())
    return frozenset((f"{type_.removeprefix('hcloud_')}s", int(id_)) for type_, id_ in pairs if id_.isdigit())


def attached(variables: Raw, cloud: Cloud) -> dict[str, str]:
    """Address of each server that is in the Sovereign's network -> its private address there."""
    found = dict(_named(variables["cluster_name"], cloud))
    network = found.get("hcloud_network.this", "")
    addresses = {id_: address for address, id_ in found.items() if _type(address) == "hcloud_server"}
    return {
        addresses[str(raw["id"])]: str(place["ip"])
        for raw in cloud.get("servers", ())
        for place in raw.get("private_net") or ()
        if str(raw["id"]) in addresses and str(place["network"]) == network
    }


def import_blocks(imports: Iterable[Import]) -> str:
    """HCL that lets the next plan adopt them."""
    return "".join(f'import {{\n  to = {i.address}\n  id = "{i.id}"\n}}\n' for i in imports)


def termination_message(adopted: Sequence[Import], unknown: Sequence[str]) -> str:
    """What the operator reads from the container's end."""
    return termination.message(
        {"count": len(adopted)}, {"adopted": [i.address for i in adopted], "unknown": list(unknown)}
    )


# --- what is wanted ---------------------------------------------------------------------------------------------------


def _addresses(variables: Raw) -> frozenset[str]:
    """Every address that the module has with these variables."""
    control_planes, workers = (_count(variables, f"{role}_sizes") for role in ("control_plane", "worker"))
    keys = [*(f"worker-{n}" for n in range(workers)), *(f"control-plane-{n}" for n in range(control_planes))]
    return frozenset(
        (
            *_ALWAYS,
            *(f'hcloud_ssh_key.this["{_key_digest(key)}"]' for key in variables.get("ssh_public_keys") or ()),
            *(f"hcloud_placement_group.worker[{n}]" for n in range(-(-workers // SPREAD_GROUP_SIZE))),
            *(f"hcloud_server.control_plane[{n}]" for n in range(control_planes)),
            *(f"hcloud_server.worker[{n}]" for n in range(workers)),
            *(f'hcloud_load_balancer_target.this["{key}"]' for key in keys[:TARGET_LIMIT]),
        )
    )


def _count(variables: Raw, name: str) -> int:
    return len(variables.get(name) or ())


def _key_digest(public_key: str) -> str:
    """What the module calls a key: a digest of its type and body."""
    body = " ".join(public_key.strip().split(" ")[:2])
    return hashlib.sha256(body.encode()).hexdigest()[:12]


def _wider(variables: Raw, orphans: Iterable[str], cloud: Cloud) -> dict[str, list[str]]:
    """The lists among the variables, as long as it takes to have every orphan's address."""
    filler = variables["control_plane_sizes"][0]
    wide = {name: list(variables.get(name) or ()) for name in ("control_plane_sizes", "worker_sizes")}
    for role, count in map(_servers_for, orphans):
        if role == "worker" and count <= MAX_WORKERS:
            wide["worker_sizes"] += [filler] * (count - len(wide["worker_sizes"]))
        elif role == "control-plane" and count > len(wide["control_plane_sizes"]):
            wide["control_plane_sizes"] = [filler] * HIGH_AVAILABILITY
    keys = [str(key["public_key"]) for key in cloud.get("ssh_keys", ())]
    return {**wide, "ssh_public_keys": [*(variables.get("ssh_public_keys") or ()), *keys]}


def _servers_for(address: str) -> tuple[str, int]:
    """Of which role there must be how many servers for the module to have this address; ("", 0) if any will do."""
    match = re.search(r"(control.plane|worker)(?:-|\[)(\d+)", address)
    if not match:
        return "", 0
    role, index = match[1].replace("_", "-"), int(match[2])
    return role, 1 + index * (SPREAD_GROUP_SIZE if address.startswith("hcloud_placement_group.") else 1)


# --- what there is ----------------------------------------------------------------------------------------------------


def _found(cluster: str, cloud: Cloud) -> dict[str, str]:
    """Address to import id of everything in the cloud that has one."""
    found = dict(_named(cluster, cloud))
    network, balancer = found.get("hcloud_network.this", ""), found.get("hcloud_load_balancer.this", "")
    servers = {id_: address for address, id_ in found.items() if _type(address) == "hcloud_server"}
    for raw in cloud.get("networks", ()):
        if str(raw["id"]) == network:
            found.update(_of_network(raw))
    for raw in cloud.get("load_balancers", ()):
        if str(raw["id"]) == balancer:
            found.update(_of_load_balancer(raw, network, servers))
    return found


def _named(cluster: str, cloud: Cloud) -> Iterator[tuple[str, str]]:
    for kind, patterns in _BY_NAME.items():
        for raw in cloud.get(kind, ()):
            for suffix, address in patterns:
                if match := re.fullmatch(re.escape(cluster) + suffix, str(raw["name"])):
                    yield address.format(*match.groups()), str(raw["id"])


def _of_network(network: Raw) -> Iterator[tuple[str, str]]:
    if any(subnet["ip_range"] == SUBNET for subnet in network.get("subnets") or ()):
        yield "hcloud_network_subnet.this", f"{network['id']}-{SUBNET}"


def _of_load_balancer(balancer: Raw, network: str, servers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    id_ = balancer["id"]
    if any(str(attached["network"]) == network for attached in balancer.get("private_net") or ()):
        yield "hcloud_load_balancer_network.this", f"{id_}-{network}"
    for service in balancer.get("services") or ():
        if name := SERVICES.get(service["listen_port"]):
            yield f'hcloud_load_balancer_service.this["{name}"]', f"{id_}__{service['listen_port']}"
    for target in balancer.get("targets") or ():
        server = str((target.get("server") or {}).get("id", ""))
        if server in servers:
            role, count = _servers_for(servers[server])
            yield f'hcloud_load_balancer_target.this["{role}-{count - 1}"]', f"{id_}__server__{server}"


def _nameless(known: Set[tuple[str, str]], cloud: Cloud) -> list[str]:
    """Labelled objects that have no address, neither by name nor in the state."""
    return [
        f"{kind}/{raw['id']} {raw['name']}"
        for kind, listed in cloud.items()
        for raw in listed
        if (f"hcloud_{kind.removesuffix('s')}", str(raw["id"])) not in known
    ]


def _type(address: str) -> str:
    return address.partition(".")[0]


# --- what the state knows ---------------------------------------------------------------------------------------------


def _held(state: Raw) -> dict[str, str]:
    """Address to import id of everything in the state."""
    return {
        f"{resource['type']}.{resource['name']}{_index(instance)}": _import_id(resource["type"], instance["attributes"])
        for resource in state.get("resources") or ()
        if resource["mode"] == "managed"
        for instance in resource["instances"]
        if "deposed" not in instance
    }


def _index(instance: Raw) -> str:
    key = instance.get("index_key")
    return "" if key is None else f"[{key}]" if isinstance(key, int) else f'["{key}"]'


def _import_id(type_: str, attributes: Raw) -> str:
    """What an import would have taken; of all types the target alone keeps another id in the state."""
    if type_ == "hcloud_load_balancer_target":
        return f"{attributes['load_balancer_id']}__server__{attributes['server_id']}"
    return str(attributes["id"])
