"""What spec.suspend does: nothing new is started; what runs is followed to its end."""

from __future__ import annotations

from catalyst_operator.api.conditions import Reason
from catalyst_operator.api.phases import Phase
from catalyst_operator.core.scene import Answer, Scene
from catalyst_operator.core.verdict import Stance, Verdict


def suspended(scene: Scene) -> Answer | None:
    """spec.suspend: nothing new is started."""
    if not scene.o.sovereign.spec.suspend:
        return None
    phase = Phase.FLUX_BOOTSTRAP if scene.record.outputs else Phase.PENDING
    message = "Suspended: nothing is started until spec.suspend is false."
    return Answer(Verdict(Stance.SETTLED, phase, Reason.SUSPENDED, message))
