"""The Sovereign's domain: reserved before anything is spent, served once there is an address, followed if it moves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from catalyst_operator.api.domain_reservation import DomainReservation
from catalyst_operator.api.phases import RunVerb
from catalyst_operator.core.domains.observation import (
    Claim,
    RegistrarCredentials,
    RegistrarProblem,
    RegistrarReport,
    Trouble,
)
from catalyst_operator.core.domains.of_sovereign import manifest
from catalyst_operator.core.domains.registering import SECRET_POLL, key_of
from catalyst_operator.core.errors import codes
from catalyst_operator.core.errors.codes import Code
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.project.preflight import unauthorized
from catalyst_operator.core.scene import SAFETY
from tests.support import gen
from tests.support.gen import OUTPUTS, SceneMod, known, of, seen, spec
from tests.support.reservations import look, ready, reservation, reserved, served, told
from tests.unit.core.decide.table import POLL, START, Case

BY_API = spec(
    domain={
        "mode": "byo-api",
        "fqdn": "omantel.omani.works",
        "registrar": {"name": "ovh", "credentialsSecretRef": {"name": "ovh"}},
    }
)
REGISTRAR = {"name": "ovh", "credentialsSecretRef": {"namespace": "team-a", "name": "ovh"}}
MOVED = replace(OUTPUTS, load_balancer_ip="203.0.113.99")


def matter(waits_for: str, code: Code) -> dict[str, Any]:
    """What a reservation's status says as data."""
    return {"waitsFor": waits_for, "lastErrors": [{"code": code.code, "message": "It is so.", "remedy": "Do this."}]}


def ahead(**seen: Any) -> SceneMod:
    """What is known of the name before it is reserved."""

    def mod(o: Observation) -> Observation:
        name = o.sovereign.spec.domain.fqdn
        wanted = DomainReservation.parse(
            {**manifest(o.sovereign, None), "metadata": {"name": name, "uid": gen.UID, "generation": 1}}
        )
        return replace(o, name=look(wanted, **{"registered": name, **seen}))

    return mod


def refusing(o: Observation) -> Observation:
    """The registrar does not accept the credentials."""
    assert o.name is not None
    problem = RegistrarProblem(Trouble.UNAUTHORIZED, "it says no", "Do this.")
    return replace(o, name=replace(o.name, registrar=RegistrarReport(key_of(o.name), gen.NOW, problem=problem)))


MANUAL = spec(domain={"mode": "byo-manual", "fqdn": "acme.bank.com"})
OWN = spec(
    domain={
        "mode": "byo-api",
        "fqdn": "bank.com",
        "registrar": {"name": "ovh", "credentialsSecretRef": {"name": "ovh"}},
    }
)
DRY = spec(dryRun=True)
PLANNED = gen.succeeded(verb=RunVerb.PLAN, digest=gen.digest(DRY, verb=RunVerb.PLAN))
PROVEN, UNPROVEN = (Claim("bank.com", "another", proven=proven) for proven in (True, False))

CASES = (
    Case(
        "whoever has no token holds no name",
        (served(), seen(credentials=None)),
        check="credentials_missing",
        reason="CredentialsMissing",
        operation="Waiting",
        again=POLL,
        does=(),
    ),
    Case(
        "nor whoever has one that Hetzner does not know",
        (served(), gen.looked(*unauthorized("team-a/hcloud", "it is not known"))),
        check="preflight_first",
        reason="CredentialsInvalid",
        summary="Stalled",
        operation="Failed",
        again=POLL,
        code="ERR_TOKEN_INVALID",
        does=(),
    ),
    Case(
        "a name that somebody else has proven is not asked for",
        (of(MANUAL), served(), ahead(registered="bank.com", claims=(PROVEN,))),
        check="not_reserved",
        reason="DomainTaken",
        says=("ERR_DOMAIN_TAKEN: nothing was started", "bank.com, the name above this one"),
        summary="Stalled",
        operation="Failed",
        again=SAFETY,
        code="ERR_DOMAIN_TAKEN",
        does=(),
    ),
    Case(
        "one that somebody holds without proof is: only a reservation can show that it is ours",
        (of(MANUAL), served(), ahead(registered="bank.com", claims=(UNPROVEN,))),
        check="reserving",
        reason="Pending",
        does=("ReserveDomain",),
        again=SAFETY,
    ),
    Case(
        "a name in no pool is not asked for",
        (of(spec(domain={"mode": "pool", "fqdn": "omantel.example.com"})), served(), ahead()),
        check="not_reserved",
        reason="NotInPool",
        summary="Stalled",
        operation="Failed",
        again=SAFETY,
        code="ERR_DOMAIN_NAME",
        does=(),
    ),
    Case(
        "a namespace that holds as many names as it may asks for no more",
        (served(), ahead(names_held=20)),
        check="not_reserved",
        reason="DomainQuota",
        says=("team-a holds 20 names, and may hold 20",),
        summary="Stalled",
        operation="Failed",
        again=SAFETY,
        code="ERR_DOMAIN_QUOTA",
        does=(),
    ),
    Case(
        "a registrar is asked before the name is",
        (of(OWN), served(), ahead(credentials=RegistrarCredentials("s/1"))),
        check="not_reserved",
        reason="Pending",
        says=("Asking ovh",),
        does=("AskRegistrarBeforehand",),
        again=SAFETY,
    ),
    Case(
        "credentials that it does not accept hold nothing",
        (of(OWN), served(), ahead(credentials=RegistrarCredentials("s/1")), refusing),
        check="not_reserved",
        reason="CredentialsInvalid",
        summary="Stalled",
        operation="Failed",
        again=SECRET_POLL,
        code="ERR_REGISTRAR_CREDENTIALS",
        does=(),
    ),
    Case(
        "a dry run says that the name is another owner's, and plans nothing",
        (of(DRY), served(ready(owner="another"))),
        check="not_to_be_had",
        reason="DomainTaken",
        says=("ERR_DOMAIN_TAKEN: nothing was planned",),
        summary="Stalled",
        operation="Failed",
        again=SAFETY,
        code="ERR_DOMAIN_TAKEN",
        does=(),
        shows=("PreflightPassed=False CheckFailed",),
    ),
    Case(
        "also where a plan was made before",
        (of(DRY), known(PLANNED), served(), ahead(claims=(Claim("a.omantel.omani.works", "another", proven=True),))),
        check="not_to_be_had",
        reason="DomainTaken",
        summary="Stalled",
        operation="Failed",
        again=SAFETY,
        code="ERR_DOMAIN_TAKEN",
        does=(),
        shows=("PreflightPassed=False CheckFailed",),
    ),
    Case(
        "a dry run says that the pool keeps the name",
        (of(spec(dryRun=True, domain={"mode": "pool", "fqdn": "www.omani.works"})), served(), ahead()),
        check="not_to_be_had",
        reason="NameReserved",
        summary="Stalled",
        operation="Failed",
        again=SAFETY,
        code="ERR_DOMAIN_NAME",
        does=(),
        shows=("PreflightPassed=False CheckFailed",),
    ),
    Case(
        "nothing is started before the name is reserved, which is when all else stands",
        (served(),),
        check="reserving",
        reason="Pending",
        says=("omantel.omani.works is being reserved",),
        does=("ReserveDomain",),
        again=SAFETY,
    ),
    Case(
        "a reservation that nobody judged yet is waited for",
        (served(reservation()),),
        check="not_reserved",
        reason="Pending",
        again=SAFETY,
        shows=("DomainReserved=Unknown Pending",),
    ),
    Case(
        "somebody else has the name: nothing is started, and theirs is not touched",
        (served(ready(owner="another")),),
        check="not_reserved",
        reason="DomainTaken",
        says=("ERR_DOMAIN_TAKEN", "nothing was started", "another owner"),
        summary="Stalled",
        operation="Failed",
        again=SAFETY,
        code="ERR_DOMAIN_TAKEN",
        shows=("DomainReserved=False DomainTaken", "DomainReady=False DomainTaken"),
    ),
    Case(
        "a reservation without a Sovereign is somebody else's, too",
        (served(ready(owner="")),),
        check="not_reserved",
        reason="DomainTaken",
        summary="Stalled",
        operation="Failed",
        again=SAFETY,
        code="ERR_DOMAIN_TAKEN",
    ),
    Case(
        "a name that the pool keeps for itself costs nothing",
        (
            served(
                reservation(
                    status={
                        "conditions": [
                            *told(Ready="False NameReserved", Stalled="True NameReserved"),
                            *told(Reserved="False NameReserved"),
                        ],
                        **matter("Reserved", codes.DOMAIN_NAME),
                    }
                )
            ),
        ),
        check="not_reserved",
        reason="NameReserved",
        says=("ERR_DOMAIN_NAME", "Reserved says so."),
        summary="Stalled",
        operation="Failed",
        again=SAFETY,
        code="ERR_DOMAIN_NAME",
    ),
    Case(
        "a registrar that refuses the credentials costs nothing either",
        (
            of(BY_API),
            seen(registrar_secret="r/1"),
            served(
                reserved(
                    spec={"mode": "byo-api", "registrar": REGISTRAR},
                    status={
                        "conditions": [
                            *told(Ready="False CredentialsInvalid", Stalled="True CredentialsInvalid"),
                            *told(Reserved="True Reserved", RegistrarCredentialsValid="False CredentialsInvalid"),
                        ],
                        **matter("RegistrarCredentialsValid", codes.REGISTRAR_CREDENTIALS),
                    },
                )
            ),
        ),
        check="not_reserved",
        reason="CredentialsInvalid",
        says=("ERR_REGISTRAR_CREDENTIALS", "nothing was started"),
        summary="Stalled",
        operation="Failed",
        again=SAFETY,
        code="ERR_REGISTRAR_CREDENTIALS",
        shows=("DomainReserved=False CredentialsInvalid",),
    ),
    Case(
        "a domain in use is not taken over, and nothing is spent before its owner said so",
        (
            of(BY_API),
            served(
                reserved(
                    spec={"mode": "byo-api", "registrar": REGISTRAR},
                    status={
                        "conditions": [
                            *told(Ready="False LiveRecords", Stalled="True LiveRecords", Reserved="True Reserved"),
                            *told(RegistrarCredentialsValid="True Passed", Delegated="False LiveRecords"),
                        ],
                        **matter("Delegated", codes.LIVE_RECORDS),
                    },
                )
            ),
        ),
        check="not_reserved",
        reason="LiveRecords",
        says=("ERR_LIVE_RECORDS",),
        summary="Stalled",
        operation="Failed",
        again=SAFETY,
        code="ERR_LIVE_RECORDS",
    ),
    Case(
        "the name is ours: the first run is made",
        (served(reserved()),),
        check="new_run",
        reason="Provisioning",
        does=START,
        again=SAFETY,
        shows=("DomainReserved=True Reserved", "DomainReady=False AwaitingAddress"),
    ),
    Case(
        "a dry run reserves nothing",
        (of(spec(dryRun=True)), served()),
        check="new_run",
        reason="Provisioning",
        does=START,
        again=SAFETY,
    ),
    Case(
        "suspended: nothing is reserved",
        (of(spec(suspend=True)), served()),
        check="suspended",
        reason="Suspended",
        summary="",
        operation="Waiting",
    ),
    Case(
        "the load balancer has an address: the name is to be served, and the cluster is followed meanwhile",
        (known(gen.succeeded()), served(reserved())),
        check="converged",
        reason="DNSNotReady",
        ready="Unknown",
        says=("as soon as the load balancer has an address",),
        does=("ReserveDomain",),
    ),
    Case(
        "everything else is there: the domain is what Ready waits for",
        (known(gen.succeeded()), served(reserved(spec={"loadBalancerIP": OUTPUTS.load_balancer_ip}))),
        check="converged",
        reason="DNSNotReady",
        ready="Unknown",
        shows=("DomainReady=False AwaitingAddress",),
    ),
    Case(
        "a delegation by hand is missing: what to set is said, with a code once it takes long",
        (
            known(gen.succeeded()),
            served(
                ready(
                    status={
                        "conditions": [
                            *told(Ready="False AwaitingDelegation", Reconciling="True AwaitingDelegation"),
                            *told(Reserved="True Committed", ZoneReady="True Succeeded"),
                            *told(Delegated="False ServersDisagree"),
                        ],
                        **matter("Delegated", codes.NS_NOT_DELEGATED),
                    }
                )
            ),
        ),
        check="converged",
        reason="DNSNotReady",
        ready="Unknown",
        says=("Ready says so.",),
        code="ERR_NS_NOT_DELEGATED",
        shows=("DomainReady=False ServersDisagree",),
    ),
    Case(
        "a person has to act on the domain: the Sovereign says so",
        (
            known(gen.succeeded()),
            served(
                ready(
                    status={
                        "conditions": [
                            *told(Ready="False ZoneForeign", Stalled="True ZoneForeign", Reserved="True Committed"),
                            *told(ZoneReady="False ZoneForeign"),
                        ],
                        **matter("ZoneReady", codes.ZONE_FOREIGN),
                    }
                )
            ),
        ),
        check="converged",
        reason="DNSNotReady",
        says=("Ready says so.",),
        summary="Stalled",
        operation="Failed",
        code="ERR_ZONE_FOREIGN",
    ),
    Case(
        "a name that is served and delegated holds up nothing",
        (known(gen.succeeded()), served(ready())),
        check="converged",
        reason="Succeeded",
        says=("Ready: https://console.omantel.omani.works",),
        summary="",
        ready="True",
        operation="Succeeded",
        shows=("DomainReserved=True Reserved", "DomainReady=True Succeeded"),
    ),
    Case(
        "an address that changed is followed",
        (known(gen.succeeded(), outputs=MOVED), served(ready())),
        check="converged",
        reason="Succeeded",
        summary="",
        ready="True",
        does=("ReserveDomain",),
        operation="Succeeded",
    ),
    Case(
        "a reservation that somebody deleted is made anew once it is gone",
        (known(gen.succeeded()), served(ready(deleted=True))),
        check="converged",
        reason="DNSNotReady",
        ready="Unknown",
        says=("is being given back; it is made anew then",),
    ),
    Case(
        "the registrar's Secret is kept where the owner's namespace does not take it along",
        (
            of(BY_API),
            known(gen.succeeded(digest=gen.digest(BY_API))),
            seen(registrar_secret="r/2", kept_registrar_secret="r/1"),
            served(ready(spec={"mode": "byo-api", "registrar": REGISTRAR})),
        ),
        check="converged",
        reason="Succeeded",
        summary="",
        ready="True",
        does=("KeepRegistrarCredentials",),
        operation="Succeeded",
    ),
)
