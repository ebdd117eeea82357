"""What is remembered of objects that change their mind all the time: what they said before they were asked again.

kustomize-controller wipes its answer whenever it looks at a Kustomization anew, every few minutes for ever: Ready is
Unknown then, and the same as before a moment later. Unknown is not False: until there is another answer, the former one
holds for the revision that it was given of. It is recorded, since a restart of the operator must not lose it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from catalyst_operator.core.phase1.views import ClusterView, FluxCondition, KustomizationView, Survey
from catalyst_operator.core.record import KustomizationEntry

_NOTHING = KustomizationEntry()


def remembered(
    before: Mapping[str, KustomizationEntry], seen: Iterable[KustomizationView], now: datetime
) -> dict[str, KustomizationEntry]:
    """What is to be remembered after this look, by `namespace/name`."""
    return {found.key: _entry(before.get(found.key, _NOTHING), found, now) for found in seen}


def _entry(before: KustomizationEntry, found: KustomizationView, now: datetime) -> KustomizationEntry:
    if found.ready:
        return KustomizationEntry(found.applied_revision)
    if _holds_at(before.revision, found):
        return before
    return KustomizationEntry(unready_since=before.unready_since or now)


def _holds_at(revision: str, found: KustomizationView) -> bool:
    """It is being asked again, and neither its spec nor what it applied changed since it was ready at that revision."""
    ready = found.condition("Ready")
    asked_again = ready is not None and ready.status == "Unknown"
    same = found.suspended or found.observed_generation >= found.generation
    return bool(revision) and asked_again and same and found.applied_revision == revision


def is_at_rest(found: KustomizationView) -> bool:
    """Ready, or only asked again about what it has applied already."""
    return found.ready or (
        found.attempted_revision == found.applied_revision and _holds_at(found.applied_revision, found)
    )


def as_answered(view: ClusterView, entries: Mapping[str, KustomizationEntry]) -> ClusterView:
    """The view with the former answer of each that is being asked again."""
    return replace(view, kustomizations=tuple(_answered(k, entries.get(k.key)) for k in view.kustomizations))


def _answered(found: KustomizationView, entry: KustomizationEntry | None) -> KustomizationView:
    if entry is None or found.ready:
        return found
    if not _holds_at(entry.revision, found):
        return replace(found, unready_since=entry.unready_since)
    told = f"Applied revision: {entry.revision}"
    ready = FluxCondition("Ready", "True", "ReconciliationSucceeded", told, found.generation)
    others = tuple(c for c in found.conditions if c.type != "Ready")
    return replace(found, conditions=(*others, ready))


def joined(before: Iterable[str], survey: Survey | None, wanted: Iterable[str]) -> tuple[str, ...]:
    """The nodes of those that are wanted that were ready once."""
    ready = {node.name for node in (survey.nodes or () if survey else ()) if node.ready}
    return tuple(name for name in wanted if name in ready or name in before)
