"""What has to be remembered of a new cluster, and what keeps an eye on it: part of every look from its first apply on,
whatever else there is to do for the Sovereign."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from catalyst_operator.api import labels
from catalyst_operator.api.phases import Phase1Outcome
from catalyst_operator.core.access import dead_nodes, seeds, source
from catalyst_operator.core.actions import (
    Action,
    CorrectSource,
    ForgetCluster,
    LookAgain,
    RemoveNodes,
    SeedCluster,
    WatchCluster,
)
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.phase1.bootstrap import flux_available
from catalyst_operator.core.phase1.former import joined, remembered
from catalyst_operator.core.phase1.target import Target
from catalyst_operator.core.phase1.views import ClusterView, Link, NodeView, kit_name
from catalyst_operator.core.ready import draining
from catalyst_operator.core.ready.assessment import Assessment, assess, kit_wanted, nodes_wanted
from catalyst_operator.core.ready.before_hand_off import behind
from catalyst_operator.core.record import Bootstrap, Record
from catalyst_operator.core.runs.attempts import requested, unanswered

MOST_REMEMBERED = 64
"""Kustomizations of which it is remembered what they said: as many as status shows."""
REMOVE_AGAIN = timedelta(seconds=30)
"""How soon dead nodes that are still there are removed again. k3s lets a node go once its etcd has."""
SEED_AGAIN = timedelta(seconds=5)
"""How soon the same delivery is tried again. Another one, of a Secret that changed since, does not wait."""


def advance(o: Observation, record: Record) -> Record:
    """The record with what this look adds to it."""
    if record.outputs is None or record.hand_off is not None or o.sovereign.metadata.deletion_timestamp is not None:
        return record
    record = _rejoined(o, replace(record, bootstrap=record.bootstrap or Bootstrap(since=o.now, watch_since=o.now)))
    record = _corrected(o, record)
    begun = _seen(o, record.bootstrap or Bootstrap(o.now, o.now))
    record = draining.advance(o, replace(record, bootstrap=begun, dead=_dead(o, record)))
    found = assess(o, record)
    return record if found is None else replace(record, bootstrap=_judged(o, record, begun, found))


def watch(o: Observation, record: Record) -> tuple[Action, ...]:
    """What keeps an eye on the new cluster, as long as the operator has any business with it."""
    if record.outputs is None or record.bootstrap is None or record.hand_off is not None:
        return (ForgetCluster(),) if o.cluster and record.hand_off is None else ()
    verdict = record.bootstrap.outcome is not None
    target = Target(
        addresses=record.outputs.control_plane_ips,
        fqdn=o.sovereign.spec.domain.fqdn,
        balancer=record.outputs.load_balancer_ip,
        console=o.settings.console_check,
        pace=o.settings.settled_survey_interval if verdict else o.settings.survey_interval,
    )
    look = (LookAgain(),) if _asked_to_look(o) else ()
    seed, correct = _seeding(o, record.bootstrap), _correcting(o, record.bootstrap)
    return (WatchCluster(target), *look, *seed, *correct, *_removing(o, record), *draining.opening(o, record))


def _asked_to_look(o: Observation) -> bool:
    asked = requested(o, labels.ANNOTATION_RECONCILE)
    return bool(asked) and asked != o.sovereign.status.last_handled_reconcile_at


def _rejoined(o: Observation, record: Record) -> Record:
    """A rejoin gives the kit its time again, from now on."""
    if record.bootstrap is None or not unanswered(o, record, labels.ANNOTATION_REJOIN):
        return record
    return replace(
        record,
        bootstrap=_from_now(o, record.bootstrap),
        handled={**record.handled, labels.ANNOTATION_REJOIN: requested(o, labels.ANNOTATION_REJOIN)},
    )


def _corrected(o: Observation, record: Record) -> Record:
    """So does a correction of what Flux follows: its time begins once it can find something."""
    begun, report = record.bootstrap, o.correction
    if begun is None or report is None or report.error or report.key == begun.corrected:
        return record
    return replace(record, bootstrap=replace(_from_now(o, begun), corrected=report.key))


def _from_now(o: Observation, begun: Bootstrap) -> Bootstrap:
    since = begun.since if begun.first_seen else o.now
    return replace(begun, since=since, watch_since=o.now, outcome=None, installed=False)


def _seen(o: Observation, begun: Bootstrap) -> Bootstrap:
    """What was seen for the first time, and what has to be remembered since it is not said all the time."""
    view = o.cluster
    delivered = o.seeds.seeded if o.seeds else {}
    begun = replace(begun, seeded={**begun.seeded, **delivered})
    if view is None or view.link.state is not Link.UP:
        return begun
    survey, wanted = view.survey, kit_wanted(o)
    ours = [k for k in view.kustomizations if wanted.has(k)]
    ours.sort(key=lambda k: k.key not in wanted.kustomizations)
    return replace(
        begun,
        first_seen=begun.first_seen or (o.now if any(map(wanted.has, view.releases)) else None),
        flux_seen=begun.flux_seen or flux_available(view),
        applied=_applied(o, view) or begun.applied,
        cluster_uid=(survey.cluster_uid if survey else "") or begun.cluster_uid,
        kustomizations=remembered(begun.kustomizations, ours[:MOST_REMEMBERED], o.now)
        if view.synced
        else begun.kustomizations,
        joined=joined(begun.joined, survey, nodes_wanted(o)),
    )


def _applied(o: Observation, view: ClusterView) -> str:
    found = view.kustomization(kit_name(o.sovereign.spec.domain.fqdn))
    return found.applied_revision if found else ""


def _judged(o: Observation, record: Record, begun: Bootstrap, found: Assessment) -> Bootstrap:
    stands = found.judgement.outcome is Phase1Outcome.READY
    return replace(
        begun,
        outcome=found.judgement.outcome,
        was_ready=begun.was_ready or (stands and not found.missing),
        # What was pushed last and not applied yet has its time still before it.
        installed=True if stands and not behind(o, record) else begun.installed,
    )


def _seeding(o: Observation, begun: Bootstrap) -> tuple[Action, ...]:
    """The owner's Secrets that the new cluster does not have yet, once it answers."""
    if o.cluster is None or o.cluster.link.state is not Link.UP:
        return ()
    due = seeds.due(o.sovereign.spec, o.owner_secrets, begun.seeded, o.settings.pull_secret)
    key = seeds.key_of(due, o.owner_secrets)
    waits = o.seeds is not None and o.seeds.key == key and o.now - o.seeds.at < SEED_AGAIN
    return (SeedCluster(key, due),) if due and not waits else ()


def _correcting(o: Observation, begun: Bootstrap) -> tuple[Action, ...]:
    """The branch or the folder was corrected, or the spec edited during the first apply: carried over as long as Flux
    has applied nothing. A dry run changes nothing."""
    view, spec = o.cluster, o.sovereign.spec
    if begun.applied or spec.dry_run or view is None or view.link.state is not Link.UP:
        return ()
    told, wanted = source.seen(view, spec.domain.fqdn), source.wanted(spec, o.settings)
    if told is None or told == wanted or not wanted.url:
        return ()
    report = o.correction
    waits = report is not None and report.key == wanted.key and o.now - report.at < SEED_AGAIN
    return () if waits else (CorrectSource(wanted),)


def _dead(o: Observation, record: Record) -> dict[str, str]:
    """The dead nodes without those that are seen to be gone."""
    nodes = _nodes(o)
    if not record.dead or nodes is None:
        return record.dead
    return {node.name: node.uid for node in dead_nodes.still_there(record.dead, nodes)}


def _removing(o: Observation, record: Record) -> tuple[Action, ...]:
    """Dead nodes, once the cluster answers."""
    due = dead_nodes.still_there(record.dead, _nodes(o) or ())
    key = dead_nodes.key_of(due)
    waits = o.removal is not None and o.removal.key == key and o.now - o.removal.at < REMOVE_AGAIN
    return (RemoveNodes(key, due),) if due and not waits else ()


def _nodes(o: Observation) -> tuple[NodeView, ...] | None:
    """The nodes that the new cluster has now; None where they are not seen."""
    view = o.cluster
    return view.survey.nodes if view and view.survey and view.link.state is Link.UP else None
