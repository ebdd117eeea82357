"""Servers by the names that a Sovereign has for them: `control-plane-0` is `hcloud_server.control_plane[0]`."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from catalyst_operator.api.phases import ServerRole

STARTER = f"{ServerRole.CONTROL_PLANE.value}-0"
"""The server that starts the cluster."""
_ADDRESS = re.compile(r"hcloud_server\.(control_plane|worker)\[(\d+)\]")
_PACKED = re.compile(r"(control-plane|worker):([\d,-]+)")
_RANGE = re.compile(r"(\d{1,2})(?:-(\d{1,2}))?")


def address_of(name: str) -> str:
    """The resource in infra/hetzner."""
    role, _, index = name.rpartition("-")
    return f"hcloud_server.{role.replace('-', '_')}[{index}]"


def target_of(name: str) -> str:
    """The resource by which the load balancer sends to the server."""
    return f'hcloud_load_balancer_target.this["{name}"]'


def name_of(address: str) -> str:
    """The server at an address of the module; empty for what is no server."""
    found = _ADDRESS.fullmatch(address)
    return f"{found[1].replace('_', '-')}-{found[2]}" if found else ""


def is_control_plane(name: str) -> bool:
    """Whether a server is one, by its name."""
    return name.startswith(f"{ServerRole.CONTROL_PLANE.value}-")


def packed(names: Iterable[str]) -> str:
    """Many names in few words, such as `control-plane:0 worker:0-3,7`."""
    indices: defaultdict[str, list[int]] = defaultdict(list)
    for name in names:
        role, _, index = name.rpartition("-")
        indices[role].append(int(index))
    return " ".join(f"{role}:{','.join(_ranges(sorted(found)))}" for role, found in sorted(indices.items()))


def unpacked(text: str) -> tuple[str, ...]:
    """The names that `packed` was given, in order; of a text that it did not make, what can be read."""
    return tuple(
        f"{role}-{index}"
        for role, ranges in _PACKED.findall(text)
        for first, last in _RANGE.findall(ranges)
        for index in range(int(first), int(last or first) + 1)
    )


def _ranges(indices: list[int]) -> Iterator[str]:
    """Numbers in ascending order, neighbours as `first-last`."""
    while indices:
        length = next((n for n, index in enumerate(indices) if index != indices[0] + n), len(indices))
        yield str(indices[0]) if length == 1 else f"{indices[0]}-{indices[length - 1]}"
        indices = indices[length:]
