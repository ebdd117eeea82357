"""What spec.dryRun does: what would be done is planned and told, and nothing more happens."""

from __future__ import annotations

from catalyst_operator.api import labels
from catalyst_operator.api.conditions import Reason
from catalyst_operator.api.phases import Phase, RunVerb
from catalyst_operator.core.project.prices import cost_of
from catalyst_operator.core.record import RunState
from catalyst_operator.core.runs import plan_text
from catalyst_operator.core.runs.attempts import unanswered
from catalyst_operator.core.scene import Answer, Scene
from catalyst_operator.core.telling.approval import plan_command
from catalyst_operator.core.telling.messages import plan_words
from catalyst_operator.core.verdict import Stance, Verdict


def planned(scene: Scene) -> Answer | None:
    """spec.dryRun: what would be done is known, and nothing more is."""
    run = scene.last
    if scene.verb is not RunVerb.PLAN or run is None or run.state is not RunState.SUCCEEDED:
        return None
    if unanswered(scene.o, scene.record, labels.ANNOTATION_RETRY):
        return None
    phase = Phase.FLUX_BOOTSTRAP if scene.record.outputs else Phase.PENDING
    cost = cost_of(scene.o.sovereign.spec, scene.record.sizes)
    price = f", {cost.monthly} {cost.currency} a month in all" if cost else ""
    told = "Nothing was created or changed; set spec.dryRun to false to apply it."
    if run.plan and not run.plan.does_something:
        told = "Everything is as it was applied: there is nothing to do."
    message = f"Dry run: {plan_words(run)}{price}. {told} Read the plan with `{plan_command(scene.o)}`."
    actions, changed = plan_text.publish(scene, run)
    return Answer(Verdict(Stance.SETTLED, phase, Reason.DRY_RUN, message), actions, record=changed)
