"""What is known of drift: noted when a check or an apply ends, and forgotten when nobody wants to know any more."""

from __future__ import annotations

from dataclasses import replace

from catalyst_operator.api.enums import DriftMode
from catalyst_operator.api.phases import RunVerb
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.record import DriftEntry, Record, RunEntry, RunState


def noted(o: Observation, record: Record, run: RunEntry) -> Record:
    """The record after a run that has ended. A plan that the gate refuses is a finding, too."""
    before = record.drift
    if o.sovereign.spec.drift_detection is None:
        return record
    if run.drift_check and run.plan:
        error = run.errors[0] if run.errors else None
        return replace(record, drift=DriftEntry(run.over_at(o.now), run.digest, run.plan, run.plan.off, error))
    if run.verb is RunVerb.APPLY and run.state is RunState.SUCCEEDED:
        return replace(record, drift=DriftEntry(run.over_at(o.now), off=before.off if before else ()))
    return record


def advance(o: Observation, record: Record) -> Record:
    """The record without what nobody wants to know any more: it would be old when somebody does again."""
    return replace(record, drift=None) if record.drift and o.sovereign.spec.drift_detection is None else record


def to_repair(o: Observation, record: Record, digest: str) -> bool:
    """Whether what was found is to be put right unasked, of the inputs with this digest. The gate judges it once more,
    and stops it where a person has to be asked."""
    wanted, found = o.sovereign.spec.drift_detection, record.drift
    if wanted is None or wanted.mode is not DriftMode.REPAIR or found is None:
        return False
    return found.differs and found.error is None and found.digest == digest
