"""How a new cluster stands, put together once from what is seen of it and what is recorded: the input of the checks of
provisioning and of status alike."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from catalyst_operator.api.phases import ComponentState, RunVerb
from catalyst_operator.core import kit, naming
from catalyst_operator.core.access import seeds
from catalyst_operator.core.domains import of_sovereign
from catalyst_operator.core.domains.of_sovereign import DomainStanding
from catalyst_operator.core.errors import codes
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.phase1.bootstrap import FluxBootstrap, bootstrap
from catalyst_operator.core.phase1.expected import Expected, expected
from catalyst_operator.core.phase1.first_cause import Cause, first_cause
from catalyst_operator.core.phase1.former import as_answered
from catalyst_operator.core.phase1.outcome import Judgement, Limits, judge
from catalyst_operator.core.phase1.views import ClusterView, Link, kit_name
from catalyst_operator.core.project import sizing
from catalyst_operator.core.ready.phase1_limits import limits_of
from catalyst_operator.core.ready.requirements import NOT_CHECKED, Missing, missing, silent_until
from catalyst_operator.core.record import Bootstrap, ErrorEntry, Record, RunState

SIGHT_PATIENCE = timedelta(minutes=2)
"""How long what was told last stands while the cluster cannot be seen: the operator was restarted, or a link broke."""


@dataclass(frozen=True)
class Assessment:
    """How the new cluster stands now."""

    view: ClusterView | None
    """What is seen, with the former answers of what is just being asked again."""
    stands_until: datetime | None
    """Until when what was told last stands, since the cluster cannot be seen just now; None where it can, or could not
    for too long."""
    stood: bool
    """Whether the kit stood as a whole since its time began: what happens to it now is no installation any more."""
    was_ready: bool
    """Whether all that Ready stands for held once."""
    limits: Limits
    expected: Expected
    judgement: Judgement
    flux: FluxBootstrap
    flux_seen: bool
    """Whether Flux was available once, now or earlier."""
    missing: tuple[Missing, ...]
    """What Ready still lacks, the most telling first."""
    errors: tuple[ErrorEntry, ...]
    domain: DomainStanding | None
    """How its domain stands; None for an operator that serves none."""
    again: datetime | None
    """When time alone may change something next."""

    rests_on_former: bool = False
    """Whether anything is judged by what it said before it was asked again, or fell silent."""

    @property
    def seen(self) -> bool:
        """Whether the cluster can be seen now."""
        return self.view is not None and self.view.seen

    @property
    def upgrading(self) -> bool:
        """Whether a kit that stood as a whole is being changed."""
        at_work = (ComponentState.UPGRADING, ComponentState.INSTALLING)
        return self.stood and self.seen and any(c.state in at_work for c in self.judgement.components)


def assess(o: Observation, record: Record) -> Assessment | None:
    """None before there is a cluster, and once it is its owner's."""
    begun = record.bootstrap
    if begun is None or record.outputs is None or record.handed_off:
        return None
    spec = o.sovereign.spec
    view = as_answered(o.cluster, begun.kustomizations) if o.cluster else None
    limits = limits_of(o, begun)
    wanted = kit_wanted(o)
    judgement = judge(
        view,
        wanted,
        limits,
        ever_seen=begun.first_seen is not None,
        before=begun.outcome,
        now=o.now,
        installed=begun.stood,
    )
    flux = bootstrap(view, spec.domain.fqdn, begun.since, o.now, flux_seen=begun.flux_seen)
    domain = of_sovereign.standing(o.sovereign, o.reservation) if o.settings.domains else None
    dns = (domain.is_ready, domain.ready[2]) if domain else NOT_CHECKED
    lacking = missing(
        view,
        judgement.outcome,
        nodes_wanted(o),
        o.settings.console_check,
        dns,
        expected=wanted,
        joined=begun.joined,
        now=o.now,
    )
    meta = o.sovereign.metadata
    cause = Cause()
    if lacking:
        cause = first_cause(
            view,
            spec.domain.fqdn,
            _stands_since(record, begun),
            o.now,
            expected=wanted,
            outcome=judgement.outcome,
            flux_seen=begun.flux_seen,
            nodes_wanted=nodes_wanted(o),
            nodes_joined=begun.joined,
            console_wanted=o.settings.console_check,
            sovereign=(meta.namespace, meta.name),
        )
    silent = silent_until(view, begun.joined, o.now)
    times = (judgement.again, flux.again, cause.again, silent)
    removal = o.removal.error if o.removal and record.dead else None
    of_domain = of_sovereign.errors_of(o.sovereign, o.reservation, domain) if domain else ()
    correction = o.correction.error if o.correction and not begun.applied else None
    found = [
        entry for entry in (_own_fault(o, begun), removal, correction, cause.error, flux.error, *of_domain) if entry
    ]
    return Assessment(
        view=view,
        stands_until=_stands_until(view, begun, o) if record.hand_off is None else None,
        stood=begun.stood,
        was_ready=begun.was_ready,
        limits=limits,
        expected=wanted,
        judgement=judgement,
        flux=flux,
        flux_seen=begun.flux_seen,
        missing=lacking,
        errors=tuple({entry.code: entry for entry in reversed(found)}.values())[::-1],
        domain=domain,
        again=min((t for t in times if t), default=None),
        rests_on_former=silent is not None or (view is not None and view != o.cluster),
    )


def _own_fault(o: Observation, begun: Bootstrap) -> ErrorEntry | None:
    """A delivery of Secrets that failed by the operator's own fault. That the cluster does not take them yet is part of
    every start, and told only once all else is there."""
    error = o.seeds.error if o.seeds else None
    if error is None or error.code != codes.OPERATOR.code:
        return None
    due = seeds.due(o.sovereign.spec, o.owner_secrets, begun.seeded, o.settings.pull_secret)
    return error if due else None


def kit_wanted(o: Observation) -> Expected:
    """The HelmReleases that the new cluster has to have, as far as it tells."""
    spec, view = o.sovereign.spec, o.cluster
    return expected(
        view.kustomization(kit_name(spec.domain.fqdn)) if view else None,
        rendered=kit.expected(spec),
        selected=kit.selected(spec),
        others=view.kustomizations if view else (),
    )


def _stands_until(view: ClusterView | None, begun: Bootstrap, o: Observation) -> datetime | None:
    """A cluster that refuses the operator, or is another one, is seen well enough; one that nobody saw yet is not
    missed. What was not looked at yet is missed once Ready stood for it."""
    if not (begun.flux_seen or begun.first_seen):
        return None
    if view is None:
        return o.now + SIGHT_PATIENCE
    if view.link.state in (Link.UNTRUSTED, Link.UNAUTHORIZED, Link.TOO_MUCH) or (view.seen and not begun.was_ready):
        return None
    since = view.unseen_since or (None if view.seen else view.link.since)
    return since + SIGHT_PATIENCE if since and o.now < since + SIGHT_PATIENCE else None


def _stands_since(record: Record, begun: Bootstrap) -> datetime:
    """When the infrastructure stood as it is: a later apply may have added servers, which take as long to join."""
    last = record.last_of(RunVerb.APPLY)
    applied = last.finished if last and last.state is RunState.SUCCEEDED else None
    return max(begun.since, applied or begun.since)


def nodes_wanted(o: Observation) -> tuple[str, ...]:
    """Names of the nodes that the spec asks for: those of their servers."""
    prefix = naming.cluster_name(o.sovereign.metadata.name, o.uid)
    return tuple(f"{prefix}-{server.key}" for server in sizing.servers(o.sovereign.spec))
