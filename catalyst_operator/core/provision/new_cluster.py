"""Checks of the new cluster: what is wanted was applied, and now everything that Ready stands for has to come true."""

from __future__ import annotations

from datetime import datetime, timedelta

from catalyst_operator.api import labels
from catalyst_operator.api.conditions import Reason
from catalyst_operator.api.phases import Phase, Phase1Outcome, RunVerb
from catalyst_operator.core.access import seeds
from catalyst_operator.core.access.seeds import Seed
from catalyst_operator.core.drift import checking
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.phase1.expected import listed
from catalyst_operator.core.phase1.views import FLUX_NAMESPACE
from catalyst_operator.core.project import ssh_keys
from catalyst_operator.core.provision import hand_off
from catalyst_operator.core.provision.verdicts import stalled
from catalyst_operator.core.ready.assessment import Assessment, assess
from catalyst_operator.core.ready.kept import as_told
from catalyst_operator.core.ready.watching import REMOVE_AGAIN, SEED_AGAIN
from catalyst_operator.core.record import DrainEntry, ErrorEntry
from catalyst_operator.core.runs.retries import run_wanted_again
from catalyst_operator.core.scene import Answer, Scene
from catalyst_operator.core.telling.cluster_status import KIT_REASONS
from catalyst_operator.core.verdict import Stance, Verdict

VIEW_LOOK_AGAIN = timedelta(seconds=1)
"""The least pause before a look that only time calls for."""


def converged(scene: Scene) -> Answer | None:
    """What is wanted was applied: the new cluster is followed until it is handed over."""
    record = scene.record
    if scene.verb is not RunVerb.APPLY or record.applied_digest != scene.digest or record.outputs is None:
        return None
    if run_wanted_again(scene.o, record, scene.variables):
        return None
    found = assess(scene.o, record)
    return None if found is None else checking.beside(scene, _followed(scene, found))


def _followed(scene: Scene, found: Assessment) -> Answer:
    if found.stands_until and (kept := as_told(scene.o)):
        return Answer(kept, requeue_after=max(found.stands_until - scene.o.now, VIEW_LOOK_AGAIN))
    if not found.missing:
        due = _undelivered(scene)
        # Handed over without them, the new cluster would never get them; and there is no way back, so that nothing may
        # rest on what was answered before.
        rests = found.rests_on_former or scene.record.dead or scene.record.drain
        waits = due or rests or checking.under_way(scene)
        return (None if waits else hand_off.begin(scene)) or _ready(scene, due, _again(scene, found))
    return Answer(_verdict(scene.o, found), requeue_after=_again(scene, found))


def _ready(scene: Scene, due: tuple[Seed, ...], again: timedelta | None) -> Answer:
    spec = scene.o.sovereign.spec
    if due:
        fields = ", ".join(f"spec.{seed.field}" for seed in due)
        waits = f"The content of the Secret that {fields} names is on its way; only then can it be handed over."
        waits += _absent(scene.o)
    elif scene.record.dead:
        waits = f"The server of {listed(tuple(scene.record.dead))} is gone, and the node is being removed."
    elif scene.record.drain:
        waits = _opening(scene.o, scene.record.drain)
    else:
        waits = "It waits to be handed over, by the annotation handOffRequestedAt."
    verdict = Verdict(
        Stance.SETTLED,
        Phase.READY,
        Reason.SUCCEEDED,
        f"Ready: https://console.{spec.domain.fqdn}. {waits}{_other_keys(scene)}",
        ready=True,
        errors=_not_delivered(scene.o) if due else (),
    )
    return Answer(verdict, requeue_after=again)


def _other_keys(scene: Scene) -> str:
    """Which servers were made with other SSH keys than the spec has now, and how they get these."""
    now = ssh_keys.digest(scene.o.sovereign.spec.ssh_public_keys)
    others = tuple(name for name, made_with in scene.record.keys.items() if made_with != now)
    if not others:
        return ""
    return (
        f" Made with other SSH keys than spec.sshPublicKeys has now: {listed(others)}. Servers take keys when they are "
        f"made: edit /root/.ssh/authorized_keys there, or have them made again ({labels.ANNOTATION_REBUILD})."
    )


def _opening(o: Observation, entry: DrainEntry) -> str:
    trouble = f": {o.drain.trouble}" if o.drain and o.drain.trouble else ""
    nodes = f"The nodes of {listed(entry.servers)} are closed to new Pods, and are being opened again{trouble}."
    return f"{nodes} `kubectl uncordon` there does it, too."


def _absent(o: Observation) -> str:
    """First boot is over, so that nobody makes the Secret any more that is to be filled."""
    if o.seeds is None or not o.seeds.absent:
        return ""
    return (
        f" But there is no Secret {FLUX_NAMESPACE}/{o.seeds.absent} on the new cluster. Make it again, on the first "
        "control plane: `kubectl create -f /etc/catalyst/manifests/30-secrets.yaml`, which leaves the others as they "
        "are; it then goes on by itself."
    )


def _undelivered(scene: Scene) -> tuple[Seed, ...]:
    begun = scene.record.bootstrap
    o = scene.o
    return seeds.due(o.sovereign.spec, o.owner_secrets, begun.seeded, o.settings.pull_secret) if begun else ()


def _not_delivered(o: Observation) -> tuple[ErrorEntry, ...]:
    return (o.seeds.error,) if o.seeds and o.seeds.error else ()


def _verdict(o: Observation, found: Assessment) -> Verdict:
    outcome = found.judgement.outcome
    reason, lacking, lost = found.missing[0]
    if outcome is not None and outcome is not Phase1Outcome.READY:
        return stalled(KIT_REASONS[outcome], _words(found, found.judgement.message), found.errors)
    if found.flux.error:
        return stalled(found.flux.reason, _words(found, found.flux.message), found.errors)
    if not found.flux.done and (found.seen or not found.flux_seen):
        told = found.flux.message
        return Verdict(Stance.WORKING, Phase.FLUX_BOOTSTRAP, Reason.AWAITING_FLUX_BOOTSTRAP, told, found.errors)
    if reason is Reason.DNS_NOT_READY and found.domain is not None and found.domain.stalled:
        return stalled(reason, _words(found, lacking), found.errors)
    if reason is Reason.KIT_NOT_READY and outcome is None and found.upgrading:
        told = _words(found, found.judgement.message)
        return Verdict(Stance.WORKING, Phase.UPGRADING, Reason.UPGRADING, told, found.errors)
    told = found.judgement.message if reason is Reason.KIT_NOT_READY and outcome is None and found.seen else lacking
    waits_for_domain = reason is Reason.DNS_NOT_READY and found.domain is not None
    retry_at = found.domain.retry_at if waits_for_domain and found.domain else None
    told = _words(found, told)
    return Verdict(Stance.WORKING, Phase.PHASE_1, reason, told, found.errors, lost=lost, retry_at=retry_at)


def _words(found: Assessment, told: str) -> str:
    """With the first cause, if one is known: what it is called, what happened and what to do."""
    if not found.errors:
        return told
    cause = found.errors[0]
    said = "" if cause.message.rstrip(".") in told else f" {cause.code}: {cause.message.rstrip('.')}."
    return f"{told}{said} {cause.remedy}".strip()


def _again(scene: Scene, found: Assessment) -> timedelta | None:
    """When to look again although nothing was heard: a deadline, or a delivery of Secrets that is due."""
    times: list[datetime] = [found.again] if found.again else []
    pauses = [max(at - scene.o.now, VIEW_LOOK_AGAIN) for at in times] + ([SEED_AGAIN] if _undelivered(scene) else [])
    pauses += [REMOVE_AGAIN] if scene.record.dead or scene.record.drain else []
    return min(pauses, default=None)
