"""Checks of the new cluster: what is wanted was applied, and now everything that Ready stands for has to come true."""

from __future__ import annotations

from datetime import datetime, timedelta

from catalyst_operator.api.conditions import Reason
from catalyst_operator.api.phases import Phase, Phase1Outcome, RunVerb
from catalyst_operator.core import seeds
from catalyst_operator.core.assessment import Assessment, assess
from catalyst_operator.core.cluster_status import KIT_REASONS, reconnecting
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.provision import hand_off
from catalyst_operator.core.provision.verdicts import stalled
from catalyst_operator.core.scene import Answer, Scene
from catalyst_operator.core.status import Stance, Verdict
from catalyst_operator.core.watching import SEED_AGAIN

SOON = timedelta(seconds=1)
"""The least pause before a look that only time calls for."""


def converged(scene: Scene) -> Answer | None:
    """What is wanted was applied: the new cluster is followed until it is handed over."""
    record = scene.record
    if scene.verb is not RunVerb.APPLY or record.applied_digest != scene.digest or record.outputs is None:
        return None
    found = assess(scene.o, record)
    if found is None:
        return None
    if not found.missing:
        return hand_off.begin(scene) or _ready(scene)
    return Answer(_verdict(scene.o, found), requeue_after=_again(scene, found))


def _ready(scene: Scene) -> Answer:
    fqdn = scene.o.sovereign.spec.domain.fqdn
    message = f"Ready: https://console.{fqdn}. It waits to be handed over, by the annotation handOffRequestedAt."
    return Answer(Verdict(Stance.SETTLED, Phase.READY, Reason.SUCCEEDED, message, ready=True))


def _verdict(o: Observation, found: Assessment) -> Verdict:
    outcome = found.judgement.outcome
    reason, lacking = found.missing[0]
    if outcome is not None and outcome is not Phase1Outcome.READY:
        return stalled(KIT_REASONS[outcome], _words(found, found.judgement.message), found.errors)
    if found.flux.error:
        return stalled(found.flux.reason, _words(found, found.flux.message), found.errors)
    if not found.flux.done and not reconnecting(o, found.flux_seen):
        told = found.flux.message
        return Verdict(Stance.WORKING, Phase.FLUX_BOOTSTRAP, Reason.AWAITING_FLUX_BOOTSTRAP, told, found.errors)
    told = found.judgement.message if reason is Reason.KIT_NOT_READY and outcome is None else lacking
    return Verdict(Stance.WORKING, Phase.PHASE_1, reason, _words(found, told), found.errors)


def _words(found: Assessment, told: str) -> str:
    """With the first cause, if one is known: what it is called, what happened and what to do."""
    if not found.errors:
        return told
    cause = found.errors[0]
    said = "" if cause.message.rstrip(".") in told else f" {cause.code}: {cause.message.rstrip('.')}."
    return f"{told}{said} {cause.remedy}".strip()


def _again(scene: Scene, found: Assessment) -> timedelta | None:
    """When to look again although nothing was heard: a deadline, or a delivery of Secrets that is due."""
    begun = scene.record.bootstrap
    due = begun is not None and seeds.due(scene.o.sovereign.spec, scene.o.owner_secrets, begun.seeded)
    times: list[datetime] = [found.again] if found.again else []
    pauses = [max(at - scene.o.now, SOON) for at in times] + ([SEED_AGAIN] if due else [])
    return min(pauses, default=None)
