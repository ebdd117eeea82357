"""What spec.deletionProtection does: nothing is destroyed."""

from __future__ import annotations

from catalyst_operator.api.conditions import Reason
from catalyst_operator.api.phases import RunVerb
from catalyst_operator.core.finalize.deletion import Deletion, stalled
from catalyst_operator.core.scene import Answer


def protected(scene: Deletion) -> Answer | None:
    """A deletion that slipped past admission destroys nothing while protection is on."""
    run = scene.evidence.run
    # Once nothing is left the record goes with its namespace: that it is missing then says nothing.
    left = scene.something_left and not scene.announced
    anything = left or (run is not None and run.active and run.verb is RunVerb.APPLY)
    if not scene.o.sovereign.spec.deletion_protection or not anything:
        return None
    meta = scene.o.sovereign.metadata
    destroyed = "what is left stays" if scene.last else "nothing is destroyed"
    message = (
        f"Deletion was requested while spec.deletionProtection is true: {destroyed}. To let it go on: kubectl "
        f'-n {meta.namespace} patch sovereign {meta.name} --type merge -p \'{{"spec":{{"deletionProtection":false}}}}\''
    )
    return Answer(stalled(Reason.PROTECTED_DELETION, Reason.PROTECTED_DELETION, message))
