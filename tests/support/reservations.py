"""DomainReservations for tests, made by generators with what a test is about."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from catalyst_operator.api import labels
from catalyst_operator.api.conditions import DOMAIN_CONDITIONS, ConditionType
from catalyst_operator.api.domain_reservation import DomainReservation
from catalyst_operator.core import conditions
from catalyst_operator.core.domains import observation as domains
from catalyst_operator.core.domains import questions, registering
from catalyst_operator.core.domains import zone as zones
from catalyst_operator.core.domains.actions import DomainDecision
from catalyst_operator.core.domains.registrar import RegistrarView
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.settings import DomainSettings, Nameserver
from tests.support import gen
from tests.support.gen import SceneMod

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
    status = {"conditions": conditions, "expiresAt": "2026-11-22T12:09:00Z"}
    return reservation(**{"status": status, **more})


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


# --- what is seen -----------------------------------------------------------------------------------------------------

HELD: dict[str, Any] = {"finalizers": [labels.FINALIZER_DOMAIN_RESERVATION]}
BY_API: dict[str, Any] = {
    "mode": "byo-api",
    "registrar": {"name": "ovh", "credentialsSecretRef": {"namespace": "team-a", "name": "ovh"}},
}
OLD = ("ns1.old.test", "ns2.old.test")
HOSTS = SETTINGS.hosts


def look(found: DomainReservation, **seen: Any) -> domains.DomainObservation:
    """An observation of it, in which what a test does not name is as it should be: a name is registered by itself, and
    the servers answer as they are asked to."""
    settings = replace(gen.SETTINGS, domains=SETTINGS)
    name = found.metadata.name
    o = domains.DomainObservation(
        now=gen.NOW, settings=settings, reservation=found, registered=seen.pop("registered", name)
    )
    return replace(o, **seen)


def our_zone(name: str = NAME, address: str = ADDRESS) -> domains.ZoneView:
    """The zone as the operator makes it."""
    return domains.ZoneView(zones.new_zone(name, UID, address, SERVERS))


def pool(*rrsets: zones.RRset) -> domains.ZoneView:
    """The pool's zone, with what it holds besides its own."""
    return domains.ZoneView(zones.Zone("omani.works", "", rrsets))


def delegated(name: str = NAME) -> domains.ZoneView:
    """The pool's zone with our delegation."""
    return pool(*zones.delegation(name, UID, SERVERS))


def answered(o: domains.DomainObservation, **more: Any) -> domains.DomainObservation:
    """With a report of the name servers in which all is well, but for what is named."""
    answers = {
        "authority": tuple(domains.DnsAnswer(s.host, s.address, (ADDRESS,)) for s in SERVERS),
        "parent": "omani.works",
        "delegation": tuple(domains.DnsAnswer(f"{n}.parent.test", "203.0.113.1", HOSTS) for n in "ab"),
        **more,
    }
    return replace(o, dns=domains.DnsReport(questions.key_of(o), o.now, **answers))


def asked(
    o: domains.DomainObservation, *hosts: str, problem: domains.RegistrarProblem | None = None, **more: Any
) -> domains.DomainObservation:
    """With a report of the registrar, which says that these are the name servers."""
    with_secret = replace(o, credentials=o.credentials or domains.RegistrarCredentials("s/1"))
    view = more.pop("view", RegistrarView(tuple(hosts), more.pop("pending", ""), more.pop("failed", "")))
    report = domains.RegistrarReport(registering.key_of(with_secret), o.now, view, problem, **more)
    return replace(with_secret, registrar=report)


# --- how one stands ---------------------------------------------------------------------------------------------------

BANK = "acme.bank.com"
APEX = "bank.com"
PREVIOUS = {labels.ANNOTATION_PREVIOUS_NAMESERVERS: ",".join(OLD)}


def named(name: str, **more: Any) -> dict[str, Any]:
    """What a reservation of this name, that is committed and held, is made of."""
    spec = {"mode": "byo-manual", "loadBalancerIP": ADDRESS}
    return {"name": name, **HELD, **more, "spec": {**spec, **more.get("spec", {})}}


def pooled(**seen: Any) -> domains.DomainObservation:
    """A pool's name that is committed, made, delegated and answers."""
    o = look(ready(**HELD), **{"zone": our_zone(), "parent": delegated(), **seen})
    return answered(o)


def manual(name: str = BANK, **answers: Any) -> domains.DomainObservation:
    """A name of one's own that is served, and what the servers say."""
    return answered(look(ready(**named(name)), zone=our_zone(name), registered=APEX), **{"parent": APEX, **answers})


def by_api(name: str = APEX, *, previous: bool = False, **more: Any) -> domains.DomainObservation:
    """A name that a registrar delegates, served, and delegated to the old servers as yet."""
    annotations = PREVIOUS if previous else {}
    found = ready(**named(name, annotations=annotations, spec={**BY_API, **more.pop("spec", {})}))
    o = look(found, zone=our_zone(name), registered=APEX)
    old = tuple(domains.DnsAnswer(f"{n}.parent.test", "203.0.113.1", OLD) for n in "ab")
    return answered(o, **{"parent": "com", "delegation": old, **more})


def going(**more: Any) -> domains.DomainObservation:
    """A pool's name that is to be given back."""
    return look(ready(deleted=True), **{"zone": our_zone(), "parent": delegated(), **more})


def leaving(**more: Any) -> domains.DomainObservation:
    """A registrar's name that is to be given back, and has our servers."""
    found = ready(**named(APEX, annotations=PREVIOUS, spec=BY_API | more.pop("spec", {})), deleted=True)
    return answered(look(found, zone=our_zone(APEX), registered=APEX), **more)


# --- what every decision keeps to -------------------------------------------------------------------------------------

REASONS = {doc.type.value: {reason.value for reason in doc.reasons} for doc in DOMAIN_CONDITIONS}


def flaws(decision: DomainDecision, o: domains.DomainObservation) -> list[str]:
    """Which rules a decision breaks, in words. A look that changes nothing and is repeated at once is a hot loop."""
    if decision.status is None:
        return [] if decision.requeue_after is None else ["it looks again at what it has nothing to say about"]
    told = decision.status.conditions
    idle = not decision.actions and decision.status.to_wire() == o.reservation.status.to_wire()
    at_once = decision.requeue_after is not None and decision.requeue_after <= timedelta(0)
    stalled = conditions.find(told, ConditionType.STALLED)
    return [
        *(["it is Stalled and has no error as data"] if stalled and not decision.status.last_errors else []),
        *conditions.violations(told, o.reservation.metadata.generation),
        *(f"{c.type} has the undocumented reason {c.reason}" for c in told if c.reason not in REASONS[c.type]),
        *(["it looks again at once, and has neither done nor said anything"] if idle and at_once else []),
    ]
