"""Deciding for a Sovereign that is being deleted: everything that was made is taken back, then it may go.

Destroying is never forced and never skipped: what cannot be done keeps the finalizer and says why. Removing the run
namespace is announced in status one step before it is done, so that a namespace that is gone without that
announcement is told from one that this deletion removed.

Why: docs/explanation.md#deletion
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from catalyst_operator.api import labels
from catalyst_operator.api.phases import RunVerb
from catalyst_operator.api.scalars import ANYWHERE
from catalyst_operator.core.actions import Decision, ForgetCluster, RemoveFinalizer
from catalyst_operator.core.evidence import gather
from catalyst_operator.core.finalize import after_hand_off, destroys, domain, overlay, protection, run_namespace
from catalyst_operator.core.finalize.deletion import Deletion
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.record import Record
from catalyst_operator.core.runs.tfvars import inputs_digest, of_any_release
from catalyst_operator.core.scene import Answer
from catalyst_operator.core.telling import status


def decide(o: Observation) -> Decision:
    """What to do for a Sovereign with a deletionTimestamp."""
    if labels.FINALIZER_SOVEREIGN not in o.sovereign.metadata.finalizers:
        return Decision()
    scene = look(o)
    answer = next(answer for check in CHECKS if (answer := check(scene)))
    record = answer.record or scene.record
    run = answer.run_in_view(scene)
    gone = any(isinstance(action, RemoveFinalizer) for action in answer.actions)
    unwatched = (ForgetCluster(),) if o.cluster else ()
    return Decision(
        actions=(*unwatched, *scene.evidence.actions, *answer.actions),
        status=None if gone else status.build(o, record, run, answer.verdict),
        ended=scene.evidence.ended,
        requeue_after=answer.requeue_after,
    )


def look(o: Observation) -> Deletion:
    """The scene of an observation."""
    evidence = gather(o)
    variables = _variables(o, evidence.record)
    return Deletion(o, evidence, variables, inputs_digest(RunVerb.DESTROY, variables), RunVerb.DESTROY)


def _variables(o: Observation, record: Record) -> dict[str, Any]:
    """What the module needs to validate, and no more: what only new servers and rules would get blocks no deletion, an
    unknown release as little as a network that the module does not take."""
    spec = o.sovereign.spec.model_copy(update={"ssh_allowed_cidrs": (), "api_allowed_cidrs": ANYWHERE})
    return of_any_release(o.sovereign.model_copy(update={"spec": spec}), o.settings, record.sizes, record.release)


CHECKS: tuple[Callable[[Deletion], Answer | None], ...] = (
    destroys.destroy_in_progress,
    protection.protected,
    overlay.overlay_not_removed,
    domain.domain_not_released,
    run_namespace.cleaned_up,
    run_namespace.namespace_leaving,
    destroys.other_in_progress,
    after_hand_off.export_not_acknowledged,
    after_hand_off.given_state_refused,
    after_hand_off.given_state_not_taken,
    after_hand_off.archive_not_restored,
    run_namespace.namespace_foreign,
    run_namespace.namespace_vanished,
    run_namespace.nothing_left,
    destroys.state_obstacle,
    destroys.no_credentials,
    destroys.destroy_failed,
    destroys.destroy_cancelled,
    destroys.queued,
    destroys.run_obstacle,
    destroys.job_not_created,
    destroys.awaiting_turn,
    destroys.new_destroy,
)
