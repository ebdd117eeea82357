"""Deciding for a Sovereign that is wanted: reads as a checklist, first answer wins.

What has been started is followed to its end before anything new is started; a new run starts only when the inputs
differ from what was applied last and nothing says to wait. The checks are in the modules beside this one, by what they
look at.
"""

from __future__ import annotations

from collections.abc import Callable

from catalyst_operator.api import labels
from catalyst_operator.api.phases import RunVerb
from catalyst_operator.core.actions import AddFinalizer, AskPreflight, Decision
from catalyst_operator.core.drift import checking
from catalyst_operator.core.evidence import gather
from catalyst_operator.core.kit.releases import UnknownReleaseError
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.provision import (
    all_at_once,
    domain,
    dry_run,
    hand_off,
    invalid_spec,
    new_cluster,
    overlays,
    preflight_due,
    run_checks,
    surroundings,
    suspend,
)
from catalyst_operator.core.provision.servers import drains, rebuilds, resizes
from catalyst_operator.core.ready import watching
from catalyst_operator.core.runs.tfvars import inputs_digest, of_any_release, tfvars
from catalyst_operator.core.scene import Answer, Scene
from catalyst_operator.core.telling import status


def decide(o: Observation) -> Decision:
    """What to do for a Sovereign that is not being deleted."""
    scene = look(o)
    check, answer = next((check, answer) for check in CHECKS if (answer := check(scene)))
    answer = all_at_once.completed(scene, check, answer)
    hold = () if labels.FINALIZER_SOVEREIGN in o.sovereign.metadata.finalizers else (AddFinalizer(),)
    record = answer.record or scene.record
    run = answer.run_in_view(scene)
    again = preflight_due.repetition(scene)
    asked = any(isinstance(action, AskPreflight) for action in answer.actions)
    return Decision(
        actions=(
            *hold,
            *scene.evidence.actions,
            *watching.watch(o, scene.record),
            *domain.keep(scene),
            *answer.actions,
            *(() if asked else again.ask),
        ),
        status=status.build(o, record, run, answer.verdict),
        ended=scene.evidence.ended,
        requeue_after=answer.requeue_after,
        look_by=min(filter(None, (again.look_by, checking.after(scene))), default=None),
    )


def look(o: Observation) -> Scene:
    """The scene of an observation."""
    evidence = gather(o)
    verb = RunVerb.PLAN if o.sovereign.spec.dry_run else RunVerb.APPLY
    record = evidence.record
    refusals = invalid_spec.refusals(o, record)
    try:
        variables = tfvars(o.sovereign, o.settings, record.sizes, record.release, record.made)
    except UnknownReleaseError:
        # For what is asked of the project; nothing is run with them.
        variables = of_any_release(o.sovereign, o.settings, record.sizes)
        return Scene(o, evidence, variables, "", verb, refusals)
    return Scene(o, evidence, variables, inputs_digest(verb, variables), verb, refusals)


CHECKS: tuple[Callable[[Scene], Answer | None], ...] = (
    surroundings.namespace_foreign,
    surroundings.namespace_terminating,
    hand_off.handed_off,
    hand_off.handing_over,
    run_checks.stopping,
    run_checks.run_in_progress,
    surroundings.state_obstacle,
    surroundings.state_lost,
    invalid_spec.spec_invalid,
    suspend.suspended,
    domain.not_to_be_had,
    dry_run.planned,
    domain.not_reserved,
    overlays.not_pushed,
    rebuilds.refused,
    new_cluster.converged,
    surroundings.credentials_missing,
    surroundings.credentials_malformed,
    surroundings.owner_secrets_missing,
    run_checks.awaiting_approval,
    run_checks.cancelled,
    run_checks.failed_for_good,
    run_checks.called_off,
    run_checks.backing_off,
    run_checks.queued,
    surroundings.run_obstacle,
    run_checks.job_not_created,
    resizes.not_its_turn,
    rebuilds.not_its_turn,
    surroundings.preflight_first,
    domain.reserving,
    run_checks.awaiting_turn,
    drains.not_empty,
    run_checks.new_run,
)
