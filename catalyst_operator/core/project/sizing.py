"""Which size each server gets: the spec's, or a fallback where that was not to be had.

A choice is kept for as long as the spec asks for the same size, so that no later plan replaces or resizes a server only
because prices or availability changed. Another size in the spec is an edit, and is followed: by one server after the
other, since a resize powers its server off, and etcd lives as long as most control planes do.

Why: docs/explanation.md#preflight-and-sizes
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from catalyst_operator.api.phases import ServerRole
from catalyst_operator.api.sovereign import SovereignSpec
from catalyst_operator.core.naming import digest_of
from catalyst_operator.core.record import SizeChoice
from catalyst_operator.core.tofu.server_names import STARTER, address_of

Choices = Mapping[str, SizeChoice]
"""Server -> what was chosen for it."""


@dataclass(frozen=True)
class Server:
    """One server that a spec asks for. `ladder` is its sizes in the order in which they are tried."""

    role: ServerRole
    index: int
    ladder: tuple[str, ...]

    @property
    def key(self) -> str:
        """Its name within the Sovereign, such as `control-plane-0`."""
        return f"{self.role.value}-{self.index}"

    @property
    def address(self) -> str:
        """Its resource in infra/hetzner."""
        return address_of(self.key)


def servers(spec: SovereignSpec) -> tuple[Server, ...]:
    """All servers of a spec, control planes first."""
    groups = (
        (ServerRole.CONTROL_PLANE, spec.control_plane.size, spec.control_plane),
        (ServerRole.WORKER, spec.workers.size or "", spec.workers),
    )
    return tuple(
        Server(role, index, (size, *group.size_fallbacks))
        for role, size, group in groups
        for index in range(group.replicas)
    )


def size_of(server: Server, choices: Choices) -> str:
    """The size that a server is to have in the end: the one in use, or the one to be tried next."""
    asked = server.ladder[0]
    choice = choices.get(server.key)
    return choice.size if choice and choice.asked == asked else asked


def current(server: Server, choices: Choices, made: Collection[str]) -> str:
    """The size that a server has, or is to be made with."""
    stands = server.key in made and server.key in choices
    return choices[server.key].size if stands else size_of(server, choices)


def tried_next(server: Server, choices: Choices) -> tuple[str, ...]:
    """The rungs that are left, the one in use first; a choice that is no rung any more has none below it."""
    size = size_of(server, choices)
    return server.ladder[server.ladder.index(size) :] if size in server.ladder else (size,)


def resizes(wanted: Collection[Server], choices: Choices, made: Collection[str]) -> tuple[Server, ...]:
    """The servers of those that were made whose size is to become another one, in the order of their turns."""
    stand = (server for server in wanted if server.key in made and server.key in choices)
    return tuple(server for server in stand if choices[server.key].size != size_of(server, choices))


def later(wanted: Collection[Server], choices: Choices, made: Collection[str]) -> tuple[Server, ...]:
    """The resizes that have to wait: one server is powered off at a time, and none while others are to be made."""
    due = resizes(wanted, choices, made)
    incomplete = STARTER in made and not {server.key for server in wanted} <= {*made}
    return due if incomplete else due[1:]


def in_turn(wanted: Collection[Server], choices: Choices, made: Collection[str]) -> dict[str, SizeChoice]:
    """The choices that the next run carries out, and that hold once it succeeded: every wanted server is held to what
    it has then, and nothing else is remembered. `made` are the servers that exist."""
    waiting = later(wanted, choices, made)
    return {
        server.key: choices[server.key] if server in waiting else _choice(server, size_of(server, choices))
        for server in wanted
    }


def goal(wanted: Collection[Server], choices: Choices) -> str:
    """A digest of the sizes that all servers are to have in the end."""
    return digest_of({server.key: size_of(server, choices) for server in wanted})


def stepped_down(wanted: Collection[Server], choices: Choices, failed: Collection[str]) -> dict[str, SizeChoice] | None:
    """The choices with the next size for each server whose address is in `failed`; None when one of them has no next
    size, so that trying again at once would not help."""
    below = {server: tried_next(server, choices)[1:] for server in wanted if server.address in failed}
    if not below or not all(below.values()):
        return None
    return {**choices, **{server.key: _choice(server, sizes[0]) for server, sizes in below.items()}}


def from_the_top(wanted: Collection[Server], choices: Choices, failed: Collection[str]) -> dict[str, SizeChoice]:
    """The choices without those of servers that got none of their sizes: the next attempt begins with the first."""
    lost = {server.key for server in wanted if server.address in failed}
    return {key: choice for key, choice in choices.items() if key not in lost}


def _choice(server: Server, size: str) -> SizeChoice:
    return SizeChoice(size=size, asked=server.ladder[0])
