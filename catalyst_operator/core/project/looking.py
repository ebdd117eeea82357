"""A look at all that a destroy has to know of in the project: what is the Sovereign's, and what hangs on it.

It is a conversation: the look yields questions, and is sent what the project answers. So the operator, which looks
before a run, and the run's container, which acts upon it, ask and judge alike, each with a client of its own.

Everything is found by the UID label, by the ids in the state, or by what these refer to. No list of all that the
project has is read: a project may be large, and what hangs on nothing of the Sovereign's is none of its business.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from catalyst_operator.api.labels import LABEL_SOVEREIGN_UID
from catalyst_operator.core.project import belongings
from catalyst_operator.core.project.belongings import (
    CERTIFICATES,
    CSI_LABEL,
    CSI_VALUE,
    FLOATING_IPS,
    IMAGES,
    LOAD_BALANCERS,
    NETWORKS,
    PRIMARY_IPS,
    SERVERS,
    VOLUMES,
    Holdings,
    Thing,
    Whose,
)

Object = Mapping[str, Any]
Objects = dict[int, Object]
_OURS = (Whose.HELD, Whose.LABELLED, Whose.MADE_INSIDE)
_BY_LABEL = (FLOATING_IPS, PRIMARY_IPS, IMAGES)


@dataclass(frozen=True)
class AllLabelled:
    """A question for all objects of a kind that a label selector selects."""

    kind: str
    selector: str


@dataclass(frozen=True)
class TheOne:
    """A question for the object of this id: the answer has it, or nothing if the project has none."""

    kind: str
    id: int


Question = AllLabelled | TheOne
Told = Sequence[Object]
Looking = Generator[Question, Told, "SweepLook"]
"""Yields questions, is sent their answers, and returns what came of it. Raises ValueError for an answer of another
shape than the API's."""


@dataclass(frozen=True)
class SweepLook:
    """What is in the project, each with what it is to the Sovereign."""

    holdings: Holdings
    things: tuple[tuple[Thing, Whose], ...]
    running: tuple[Thing, ...] = ()
    """The Sovereign's servers that are not off."""
    unclear: tuple[Thing, ...] = ()
    """Volumes of some cluster's claims that hang on no server: nothing tells whose they are."""


def look(holdings: Holdings, *, only_in_use: bool = False) -> Looking:
    """Look at everything once, or only at the kinds that can be in a destroy's way. Of the holdings no more need be
    known than the UID, and what the state lists."""
    return _Look(holdings, only_in_use).all()


class _Look:
    def __init__(self, holdings: Holdings, only_in_use: bool) -> None:
        self._holdings = holdings
        self._only_in_use = only_in_use

    def all(self) -> Looking:
        networks = yield from self._with_label_or_held(NETWORKS)
        self._note_networks(networks.values())
        own = list(self._own(NETWORKS, networks))
        servers = yield from self._with_label_or_held(SERVERS)
        yield from _add(SERVERS, servers, _parts(own, "servers"))
        self._note(server for server in map(_server, servers.values()) if self._is_own_server(server))
        own += self._own(SERVERS, servers)
        balancers = yield from self._with_label_or_held(LOAD_BALANCERS)
        yield from _add(LOAD_BALANCERS, balancers, _parts(own, "load_balancers"))
        ours = [raw for raw in balancers.values() if self._whose(LOAD_BALANCERS, raw) in _OURS]
        self._note(belongings.thing(LOAD_BALANCERS, raw) for raw in ours)
        claimed = yield from _listed(VOLUMES, f"{CSI_LABEL}={CSI_VALUE}")
        volumes = yield from self._volumes(list(_parts(self._own(SERVERS, servers), "volumes")), claimed)
        found = {SERVERS: servers, LOAD_BALANCERS: balancers, VOLUMES: volumes}
        if not self._only_in_use:
            found |= yield from self._others(ours)
        things = [belongings.thing(kind, raw) for kind, listed in found.items() for raw in listed.values()]
        free = (belongings.thing(VOLUMES, raw) for raw in claimed.values() if raw.get("server") is None)
        return SweepLook(
            holdings=self._holdings,
            things=tuple((thing, belongings.whose(thing, self._holdings)) for thing in things),
            running=tuple(_server(raw) for raw in self._own(SERVERS, servers) if raw.get("status") != "off"),
            unclear=tuple(volume for volume in free if LABEL_SOVEREIGN_UID not in volume.labels),
        )

    def _volumes(self, attached: Sequence[int], claimed: Objects) -> Generator[Question, Told, Objects]:
        """Those that are the Sovereign's, or hang on its servers. What a CSI driver made comes from one list, since a
        question about each of a large cluster's would take the project's requests of an hour."""
        volumes = yield from self._with_label_or_held(VOLUMES)
        volumes |= {id_: claimed[id_] for id_ in attached if id_ in claimed and id_ not in volumes}
        yield from _add(VOLUMES, volumes, attached)
        return volumes

    def _others(self, balancers: Iterable[Object]) -> Generator[Question, Told, dict[str, Objects]]:
        """What is in nobody's way, by its label, and the certificates of the Sovereign's load balancers."""
        certificates = yield from self._with_label_or_held(CERTIFICATES)
        yield from _add(
            CERTIFICATES, certificates, (id_ for raw in balancers for id_ in belongings.certificates_of(raw))
        )
        found = {CERTIFICATES: certificates}
        for kind in _BY_LABEL:
            found[kind] = yield from self._with_label_or_held(kind)
        return found

    def _with_label_or_held(self, kind: str) -> Generator[Question, Told, Objects]:
        """Those with the label, and those that the state lists and that lost it; by id."""
        found = yield from _listed(kind, f"{LABEL_SOVEREIGN_UID}={self._holdings.uid}")
        yield from _add(kind, found, (id_ for of, id_ in sorted(self._holdings.held) if of == kind))
        return found

    def _note_networks(self, networks: Iterable[Object]) -> None:
        """A network of the state is the Sovereign's. What only a label says so of is one where the state has none:
        anybody can label another Sovereign's."""
        known = [belongings.thing(NETWORKS, raw) for raw in networks]
        listed = [thing for thing in known if thing.reference in self._holdings.held and self._unclaimed(thing)]
        self._note(listed or [thing for thing in known if thing.labels.get(LABEL_SOVEREIGN_UID) == self._holdings.uid])

    def _note(self, things: Iterable[Thing]) -> None:
        self._holdings = replace(self._holdings, members=self._holdings.members | {thing.reference for thing in things})

    def _own(self, kind: str, found: Objects) -> Iterator[Object]:
        return (raw for id_, raw in found.items() if (kind, id_) in self._holdings.members)

    def _is_own_server(self, server: Thing) -> bool:
        what = belongings.whose(server, self._holdings)
        return what is Whose.LABELLED or (what is Whose.HELD and self._unclaimed(server))

    def _unclaimed(self, thing: Thing) -> bool:
        """Whether no other Sovereign's label is on it: a state that was handed in may list anything."""
        return thing.labels.get(LABEL_SOVEREIGN_UID, self._holdings.uid) == self._holdings.uid

    def _whose(self, kind: str, raw: Object) -> Whose:
        return belongings.whose(belongings.thing(kind, raw), self._holdings)


def _listed(kind: str, selector: str) -> Generator[Question, Told, Objects]:
    answer = yield AllLabelled(kind, selector)
    return {belongings.thing(kind, raw).id: raw for raw in answer}


def _add(kind: str, found: Objects, ids: Iterable[int]) -> Generator[Question, Told, None]:
    """Also those of these ids; who has gone meanwhile is left out."""
    for id_ in dict.fromkeys(ids):
        if id_ not in found and (answer := (yield TheOne(kind, id_))):
            found[id_] = answer[0]


def _parts(objects: Iterable[Object], name: str) -> Iterator[int]:
    return (id_ for raw in objects for id_ in belongings.parts(raw, name))


def _server(raw: Object) -> Thing:
    return belongings.thing(SERVERS, raw)
