"""Whose a cloud object is, when a Sovereign is destroyed: its own, made by its cluster, or somebody else's.

Labels are for everybody in the project to write, and two Sovereigns may share a project. What counts is the UID label
and what an object hangs on (a network, a server, a load balancer): something that also hangs on what is not the
Sovereign's is never taken for its own, whatever its labels say. Names count for nothing: a name can be used again.

The labels of controllers are those that Hetzner's own write: hcloud-cloud-controller-manager on the load balancers and
managed certificates of Services, and csi-driver on the volumes of claims.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from catalyst_operator.api.labels import LABEL_SOVEREIGN_UID

Raw = Mapping[str, Any]
Reference = tuple[str, int]
"""Kind, plural as the API spells it, and id."""

NETWORKS, SERVERS, LOAD_BALANCERS, VOLUMES = "networks", "servers", "load_balancers", "volumes"
FLOATING_IPS, PRIMARY_IPS, CERTIFICATES, IMAGES = "floating_ips", "primary_ips", "certificates", "images"
CCM_LABEL = "hcloud-ccm/service-uid"
"""On what hcloud-cloud-controller-manager makes; its value is the Service's UID."""
CSI_LABEL, CSI_VALUE = "managed-by", "csi-driver"
"""On what csi-driver makes, beside the names of claim and volume."""
IN_USE = frozenset({SERVERS, LOAD_BALANCERS, VOLUMES})
"""Kinds of which one that hangs on the Sovereign's objects is harmed by a destroy, or stands in its way."""


class Whose(StrEnum):
    """What an object is to a Sovereign."""

    HELD = "Held"
    """The state lists it: it is OpenTofu's to remove."""
    LABELLED = "Labelled"
    """It carries the Sovereign's UID label, and hangs on nothing that is not the Sovereign's."""
    MADE_INSIDE = "MadeInside"
    """A controller in the cluster made it."""
    FOREIGN = "Foreign"
    """Somebody else's, and hangs on the Sovereign's objects and on nothing else."""
    SHARED = "Shared"
    """Another Sovereign's, or hangs on what is not this one's as well."""
    UNRELATED = "Unrelated"


@dataclass(frozen=True)
class Thing:
    """An object of the project, as far as it matters whose it is."""

    kind: str
    id: int
    name: str
    labels: Mapping[str, str]
    members: frozenset[Reference] = frozenset()
    """What it hangs on, or serves."""
    untraceable: bool = False
    """Whether it also serves something of which the API does not say what it is."""
    protected: bool = False
    """Whether somebody protected it from being deleted."""

    @property
    def reference(self) -> Reference:
        """What names it."""
        return self.kind, self.id

    def __str__(self) -> str:
        return f"{self.kind}/{self.id} {self.name}"


@dataclass(frozen=True)
class Holdings:
    """What is surely the Sovereign's, for others to be judged by."""

    uid: str
    held: frozenset[Reference] = frozenset()
    """What its state lists."""
    members: frozenset[Reference] = frozenset()
    """Its networks, servers and load balancers."""


def whose(thing: Thing, holdings: Holdings) -> Whose:
    """What an object is to the Sovereign whose holdings these are."""
    if thing.reference in holdings.held:
        return Whose.HELD
    label = thing.labels.get(LABEL_SOVEREIGN_UID)
    hangs, elsewhere = bool(thing.members & holdings.members), bool(thing.members - holdings.members)
    if label == holdings.uid:
        return Whose.SHARED if elsewhere else Whose.LABELLED
    if not hangs:
        return Whose.UNRELATED
    if label is not None or elsewhere or thing.untraceable:
        return Whose.SHARED
    return Whose.MADE_INSIDE if made_inside(thing) else Whose.FOREIGN


def made_inside(thing: Thing) -> bool:
    """Whether it looks as what a controller in a cluster makes, of whatever cluster."""
    if thing.kind == VOLUMES:
        return thing.labels.get(CSI_LABEL) == CSI_VALUE
    return thing.kind in (LOAD_BALANCERS, CERTIFICATES) and bool(thing.labels.get(CCM_LABEL))


def in_the_way(thing: Thing, what: Whose, *, sweep_all: bool) -> bool:
    """Whether nothing may be destroyed because of it. With `sweep_all` only what is not the Sovereign's alone is."""
    if thing.kind not in IN_USE:
        return False
    return what is Whose.SHARED or (what is Whose.FOREIGN and not sweep_all)


def thing(kind: str, raw: Raw) -> Thing:
    """An object as the API shows it. Raises ValueError for something else."""
    try:
        protection = raw.get("protection") or {}
        return Thing(
            kind=kind,
            id=int(raw["id"]),
            name=str(raw.get("name") or raw.get("description") or ""),
            labels={str(key): str(value) for key, value in (raw.get("labels") or {}).items()},
            members=frozenset(_members(kind, raw)),
            untraceable=any(_untraceable(target) for target in _targets(kind, raw)),
            protected=bool(protection.get("delete")),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"one of {kind} in the project has another shape than Hetzner's API gives it") from error


def parts(raw: Raw, name: str) -> tuple[int, ...]:
    """The ids in a list of an object, such as a server's `volumes`. Raises ValueError for something else."""
    try:
        return tuple(int(number) for number in raw.get(name) or ())
    except (TypeError, ValueError) as error:
        raise ValueError(f"the {name} of an object in the project are no list of ids") from error


def certificates_of(balancer: Raw) -> tuple[int, ...]:
    """The ids of the certificates that a load balancer's services have. Raises ValueError for something else."""
    try:
        services = balancer.get("services") or ()
        return tuple(int(id_) for s in services for id_ in (s.get("http") or {}).get("certificates") or ())
    except (TypeError, AttributeError) as error:
        raise ValueError("a load balancer in the project has services of another shape than Hetzner's") from error


def _members(kind: str, raw: Raw) -> Iterator[Reference]:
    if kind in (SERVERS, LOAD_BALANCERS):
        yield from ((NETWORKS, int(net["network"])) for net in raw.get("private_net") or ())
    server = {VOLUMES: "server", FLOATING_IPS: "server", PRIMARY_IPS: "assignee_id"}.get(kind, "")
    if server and raw.get(server) is not None:
        yield SERVERS, int(raw[server])
    for used in raw.get("used_by") or () if kind == CERTIFICATES else ():
        yield f"{used['type']}s", int(used["id"])
    for target in _targets(kind, raw):
        for reached in (target, *(target.get("targets") or ())):
            if reached.get("server"):
                yield SERVERS, int(reached["server"]["id"])


def _targets(kind: str, raw: Raw) -> tuple[Raw, ...]:
    return tuple(raw.get("targets") or ()) if kind == LOAD_BALANCERS else ()


def _untraceable(target: Raw) -> bool:
    """An address may be anybody's; a selector says whom it selects, unless the API leaves that out."""
    return target["type"] == "ip" or (target["type"] == "label_selector" and target.get("targets") is None)
