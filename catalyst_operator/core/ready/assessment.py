"""How a new cluster stands, put together once from what is seen of it and what is recorded: the input of the checks of
provisioning and of status alike."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from catalyst_operator.api.phases import RunVerb
from catalyst_operator.core import kit, naming
from catalyst_operator.core.domains import of_sovereign
from catalyst_operator.core.domains.of_sovereign import DomainStanding
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.phase1.bootstrap import FluxBootstrap, bootstrap
from catalyst_operator.core.phase1.expected import Expected, expected
from catalyst_operator.core.phase1.first_cause import Cause, first_cause
from catalyst_operator.core.phase1.outcome import Judgement, Limits, judge
from catalyst_operator.core.phase1.readiness import NOT_CHECKED, Missing, missing
from catalyst_operator.core.phase1.views import kit_name
from catalyst_operator.core.project import sizing
from catalyst_operator.core.record import Bootstrap, ErrorEntry, Record, RunState


@dataclass(frozen=True)
class Assessment:
    """How the new cluster stands now."""

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


def assess(o: Observation, record: Record) -> Assessment | None:
    """None before there is a cluster, and once it is its owner's."""
    begun = record.bootstrap
    if begun is None or record.outputs is None or record.handed_off:
        return None
    spec, view = o.sovereign.spec, o.cluster
    limits = limits_of(o, begun)
    wanted = expected(
        view.kustomization(kit_name(spec.domain.fqdn)) if view else None,
        rendered=kit.expected(spec),
        selected=kit.selected(spec),
        others=view.kustomizations if view else (),
    )
    judgement = judge(view, wanted, limits, ever_seen=begun.first_seen is not None, before=begun.outcome, now=o.now)
    flux = bootstrap(view, spec.domain.fqdn, begun.since, o.now, flux_seen=begun.flux_seen)
    domain = of_sovereign.standing(o.sovereign, o.reservation) if o.settings.domains else None
    dns = (domain.is_ready, domain.ready[2]) if domain else NOT_CHECKED
    lacking = missing(view, judgement.outcome, nodes_wanted(o), o.settings.console_check, dns)
    meta = o.sovereign.metadata
    cause = Cause()
    if lacking:
        cause = first_cause(
            view,
            spec.domain.fqdn,
            _stands_since(record, begun),
            o.now,
            outcome=judgement.outcome,
            flux_seen=begun.flux_seen,
            nodes_wanted=nodes_wanted(o),
            console_wanted=o.settings.console_check,
            sovereign=(meta.namespace, meta.name),
        )
    of_domain = of_sovereign.errors_of(o.sovereign, o.reservation, domain) if domain else ()
    found = [entry for entry in (cause.error, flux.error, *of_domain) if entry]
    return Assessment(
        limits=limits,
        expected=wanted,
        judgement=judgement,
        flux=flux,
        flux_seen=begun.flux_seen,
        missing=lacking,
        errors=tuple({entry.code: entry for entry in reversed(found)}.values())[::-1],
        domain=domain,
        again=min((t for t in (judgement.again, flux.again, cause.again) if t), default=None),
    )


def limits_of(o: Observation, begun: Bootstrap) -> Limits:
    """The Phase-1 values in force: the spec's, else the operator's."""
    asked, settings = o.sovereign.spec.phase1, o.settings
    first_seen = asked.first_seen_timeout or settings.first_seen_timeout
    return Limits(
        first_seen_timeout=first_seen,
        first_seen_deadline=begun.since + first_seen,
        watch_deadline=begun.watch_since + (asked.watch_timeout or settings.watch_timeout),
        min_components=asked.min_components or settings.min_components,
    )


def _stands_since(record: Record, begun: Bootstrap) -> datetime:
    """When the infrastructure stood as it is: a later apply may have added servers, which take as long to join."""
    last = record.last_of(RunVerb.APPLY)
    applied = last.finished if last and last.state is RunState.SUCCEEDED else None
    return max(begun.since, applied or begun.since)


def nodes_wanted(o: Observation) -> tuple[str, ...]:
    """Names of the nodes that the spec asks for: those of their servers."""
    prefix = naming.cluster_name(o.sovereign.metadata.name, o.uid)
    return tuple(f"{prefix}-{server.key}" for server in sizing.servers(o.sovereign.spec))
