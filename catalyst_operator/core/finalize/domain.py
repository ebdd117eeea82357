"""The domain of a Sovereign that is deleted: its name is given back before what is needed for that goes."""

from __future__ import annotations

from catalyst_operator.api.conditions import ConditionType, Reason
from catalyst_operator.core import conditions
from catalyst_operator.core.actions import ReleaseDomain
from catalyst_operator.core.domains import of_sovereign
from catalyst_operator.core.finalize.deletion import Deletion, working
from catalyst_operator.core.scene import SAFETY, Answer


def domain_not_released(scene: Deletion) -> Answer | None:
    """Nothing is left in the cloud: the name is given back before what is needed for it goes. With policy Orphan it
    goes on pointing to what stays."""
    o, run = scene.o, scene.evidence.run
    found = o.reservation
    if o.settings.domains is None or found is None or not of_sovereign.is_ours(o.sovereign, found):
        return None
    if scene.something_left or scene.orphaned or (run is not None and run.active):
        return None
    ready = conditions.find(found.status.conditions, ConditionType.READY)
    going = found.metadata.deletion_timestamp is not None
    said = f" {ready.message}" if ready and going else ""
    verdict = working(Reason.RELEASING_DOMAIN, f"The name {found.metadata.name} is being given back.{said}")
    return Answer(verdict, () if going else (ReleaseDomain(),), SAFETY)
