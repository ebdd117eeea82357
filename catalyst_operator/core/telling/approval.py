"""What people read about a plan that waits for approval: why, and the commands to read it and to approve it."""

from __future__ import annotations

from catalyst_operator.api import labels
from catalyst_operator.core import naming
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.record import RunEntry
from catalyst_operator.core.telling.messages import plan_words


def approval_words(o: Observation, run: RunEntry) -> str:
    """What waits for approval, why, and the commands to read it and to approve it."""
    plan = run.plan
    log = f"`kubectl -n {o.run_namespace} logs job/{run.job} -c plan-gate`"
    if plan is None:
        return (
            f"A plan waits for approval, but its digest could not be read; it is in the log: {log}. Set "
            f"spec.approvePlan to it, or ask for another try with the annotation {labels.ANNOTATION_RETRY}."
        )
    why = f", because {plan.why}" if plan.why else ""
    return (
        f"A plan waits for approval: {plan_words(run)}{why}. Approve it with `{approval_command(o, run)}`. "
        f"Read it with `{plan_command(o)}`."
    )


def plan_command(o: Observation) -> str:
    """The line that shows an owner the text of the last plan."""
    meta = o.sovereign.metadata
    name = naming.plan_config_map(meta.name, meta.uid)
    return f"kubectl -n {meta.namespace} get configmap {name} -o go-template='{{{{index .data \"plan.txt\"}}}}'"


def approval_command(o: Observation, run: RunEntry) -> str:
    """The line that approves a plan; empty while its digest is not known."""
    if run.plan is None:
        return ""
    meta, approve = o.sovereign.metadata, f'{{"spec":{{"approvePlan":"{run.plan.digest}"}}}}'
    return f"kubectl -n {meta.namespace} patch sovereign {meta.name} --type merge -p '{approve}'"
