"""DomainReservations for tests, made by generators with what a test is about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from catalyst_operator.api import labels
from catalyst_operator.api.domain_reservation import DomainReservation
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.settings import DomainSettings, Nameserver
from tests import gen
from tests.gen import SceneMod

NAME = "omantel.omani.works"
UID = "5f8d0c52-8a39-4b0e-9a4b-7f8e4f1d9c01"
ADDRESS = "203.0.113.20"
SERVERS = (Nameserver("ns1.openova.test", "203.0.113.53"), Nameserver("ns2.openova.test", "203.0.113.54"))
SETTINGS = DomainSettings(SERVERS, ("omani.works",))
LONG_AGO = "2026-11-22T11:00:00Z"


def told(**conditions: str) -> list[dict[str, Any]]:
    """Conditions as `Type="Status Reason"`; the message of each is `<Type> says so.`"""
    found = []
    for type_, value in conditions.items():
        status, reason = value.split()
        message = f"{type_} says so."
        found.append({"type": type_, "status": status, "reason": reason, "message": message})
    return [{**c, "lastTransitionTime": LONG_AGO} for c in found]


def reservation(name: str = NAME, *, owner: str = gen.UID, deleted: bool = False, **more: Any) -> DomainReservation:
    """A pool's name, of the usual Sovereign. `spec`, `status`, `annotations` and `finalizers` are merged in."""
    meta: dict[str, Any] = {
        "name": name,
        "uid": UID,
        "generation": 1,
        "resourceVersion": "1",
        "creationTimestamp": "2026-11-22T11:59:00Z",
        "annotations": more.get("annotations", {}),
        "finalizers": more.get("finalizers", []),
    }
    if deleted:
        meta["deletionTimestamp"] = "2026-11-22T11:59:59Z"
        meta["finalizers"] = [labels.FINALIZER_DOMAIN_RESERVATION]
    reference = {"namespace": "team-a", "name": "omantel", "uid": owner}
    spec = {"mode": "pool", **({"sovereignRef": reference} if owner else {}), **more.get("spec", {})}
    status = {"observedGeneration": 1, **more.get("status", {})}
    return DomainReservation.parse({"metadata": meta, "spec": spec, "status": status})


def reserved(**more: Any) -> DomainReservation:
    """One that holds its name, without an address."""
    conditions = told(Ready="False AwaitingAddress", Reserved="True Reserved", ZoneReady="False AwaitingAddress")
    return reservation(**{"status": {"conditions": conditions}, **more})


def ready(**more: Any) -> DomainReservation:
    """One that is served and delegated."""
    conditions = told(
        Ready="True Succeeded", Reserved="True Committed", ZoneReady="True Succeeded", Delegated="True Succeeded"
    )
    spec = {"loadBalancerIP": ADDRESS, **more.pop("spec", {})}
    return reservation(**{"status": {"conditions": conditions}, "spec": spec, **more})


def served(found: DomainReservation | None = None) -> SceneMod:
    """An operator that serves domains, and the reservation of the Sovereign's name."""

    def mod(o: Observation) -> Observation:
        return replace(o, settings=replace(o.settings, domains=SETTINGS), reservation=found)

    return mod
