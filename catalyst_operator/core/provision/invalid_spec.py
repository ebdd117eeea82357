"""What admission could not judge of a spec: whether it can be carried out."""

from __future__ import annotations

from catalyst_operator.api.conditions import Reason
from catalyst_operator.api.enums import GitOpsMode
from catalyst_operator.core import kit
from catalyst_operator.core.kit import pins, releases
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.provision.verdicts import stalled
from catalyst_operator.core.record import Record
from catalyst_operator.core.scene import Answer, Scene


def spec_invalid(scene: Scene) -> Answer | None:
    """A spec that admission could not judge and that cannot be carried out."""
    return Answer(stalled(Reason.INVALID_SPEC, scene.refusal)) if scene.refusal else None


def refusal(o: Observation, record: Record) -> str:
    """Components that nobody knows, or a release whose pins would destroy the new cluster's Flux. What a cluster was
    born with is not questioned again."""
    spec, stands = o.sovereign.spec, record.outputs is not None
    unknown = "" if stands and spec.gitops.mode is GitOpsMode.TEMPLATE else kit.refusal(spec)
    if unknown or stands:
        return unknown
    catalogue = releases.load()
    release = catalogue.get(spec.release or record.release or o.settings.default_release)
    return " ".join(pins.release_violations(release, catalogue))
