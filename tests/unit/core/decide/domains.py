"""The Sovereign's domain: reserved before anything is spent, served once there is an address, followed if it moves."""

from __future__ import annotations

from dataclasses import replace

from catalyst_operator.core.scene import SAFETY
from tests.support import gen
from tests.support.gen import OUTPUTS, known, of, seen, spec
from tests.support.reservations import ready, reservation, reserved, served, told
from tests.unit.core.decide.table import START, Case

BY_API = spec(
    domain={
        "mode": "byo-api",
        "fqdn": "omantel.omani.works",
        "registrar": {"name": "ovh", "credentialsSecretRef": {"name": "ovh"}},
    }
)
REGISTRAR = {"name": "ovh", "credentialsSecretRef": {"namespace": "team-a", "name": "ovh"}}
MOVED = replace(OUTPUTS, load_balancer_ip="203.0.113.99")

CASES = (
    Case(
        "nothing is started before the name is reserved",
        (served(),),
        check="not_reserved",
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
                        ]
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
                        ]
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
                        ]
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
                            {**told(Delegated="False ServersDisagree")[0], "message": "Ready says so."},
                        ]
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
                            {**told(ZoneReady="False ZoneForeign")[0], "message": "Ready says so."},
                        ]
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
