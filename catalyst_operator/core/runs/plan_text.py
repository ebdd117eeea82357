"""The text of a plan that a person is to read lies where its owner can read it: runs are not theirs to look into."""

from __future__ import annotations

from dataclasses import replace

from catalyst_operator.core.actions import Action, PublishPlan, WriteRecord
from catalyst_operator.core.record import Record, RunEntry
from catalyst_operator.core.scene import Scene


def publish(scene: Scene, run: RunEntry) -> tuple[tuple[Action, ...], Record | None]:
    """What publishes the plan of a run that has ended, with the record that says so; nothing once it is there."""
    digest = run.plan.digest if run.plan else ""
    if not digest or scene.record.published_plan == digest:
        return (), None
    record = replace(scene.record, published_plan=digest)
    return (PublishPlan(run.job, digest), WriteRecord(record)), record
