"""A name that is not reserved yet: whether it could be had, judged as its reservation would be, without holding it."""

from __future__ import annotations

from dataclasses import dataclass

from catalyst_operator.api.conditions import Reason
from catalyst_operator.api.enums import DomainMode
from catalyst_operator.core.domains.claims import claim
from catalyst_operator.core.domains.observation import DomainObservation
from catalyst_operator.core.domains.registering import valid
from catalyst_operator.core.domains.steps import DomainStance, Step, done


@dataclass(frozen=True)
class Outlook:
    """What would become of a reservation of the name, in a step that may ask for something first."""

    step: Step
    worth_asking: bool
    """Whether a reservation is to be made for it. Also of a name that another owner holds without proof: only a
    reservation can show that it is somebody else's."""


def outlook(o: DomainObservation) -> Outlook:
    """Whether the name could be had now."""
    refused = claim.refusal(o) or claim.over_quota(o) or claim.outdone(o)
    if refused:
        return Outlook(refused, worth_asking=False)
    credentials = valid(o) if o.reservation.spec.mode is DomainMode.BYO_API else None
    if credentials and credentials.stance is not DomainStance.DONE:
        return Outlook(credentials, worth_asking=False)
    free = done(Reason.PASSED, f"The name {o.name} can be had.")
    return Outlook(claim.contested(o) or free, worth_asking=True)
