"""What is still missing for Ready, in the order in which it is worth knowing.

Ready stands for all of it: a node that never joined or a console that is dead is not a Sovereign that is ready.

Why: docs/explanation.md#what-ready-stands-for
"""

from __future__ import annotations

from collections.abc import Iterator

from catalyst_operator.api.conditions import Reason
from catalyst_operator.api.phases import Phase1Outcome
from catalyst_operator.core.phase1.expected import listed
from catalyst_operator.core.phase1.views import FLUX_NAMESPACE, ClusterView, KustomizationView, Link, Survey

Missing = tuple[Reason, str]
"""A reason of the condition Ready, and a sentence that names what is missing."""
NOT_CHECKED: tuple[bool | None, str] = (None, "")
"""Of a check that is not made."""


def missing(
    view: ClusterView | None,
    outcome: Phase1Outcome | None,
    nodes_wanted: tuple[str, ...],
    console_wanted: bool,
    dns: tuple[bool | None, str] = NOT_CHECKED,
) -> tuple[Missing, ...]:
    """What is missing; empty when all that Ready stands for holds, and only then.

    `nodes_wanted` are the names of the nodes that were asked for. `dns` is whether the domain is served and delegated,
    and what it lacks otherwise; None while that is not checked. Without `console_wanted` the console is not asked for.
    """
    if view is None or not view.synced or view.link.state is not Link.UP:
        return ((Reason.KIT_NOT_READY, "The new cluster cannot be seen at the moment."), *_dns(dns))
    return (
        *_kit(outcome),
        *_kustomizations(view),
        *_nodes(view.survey, nodes_wanted),
        *_dns(dns),
        *(_console(view) if console_wanted else ()),
    )


def _kit(outcome: Phase1Outcome | None) -> Iterator[Missing]:
    if outcome is not Phase1Outcome.READY:
        yield Reason.KIT_NOT_READY, "The bootstrap kit is not installed; KitReady says what is missing."


def _kustomizations(view: ClusterView) -> Iterator[Missing]:
    ours = tuple(k for k in view.kustomizations if k.namespace == FLUX_NAMESPACE)
    if not ours:
        yield Reason.KUSTOMIZATION_NOT_READY, "There is no Kustomization in flux-system."
    for found in ours:
        if not found.ready:
            yield Reason.KUSTOMIZATION_NOT_READY, f"Kustomization {found.name} is not ready{_why(found)}."


def _why(found: KustomizationView) -> str:
    ready = found.condition("Ready")
    said = ready.message.rstrip(".") if ready and ready.status != "True" else ""
    return f": {said}" if said else ""


def _nodes(survey: Survey | None, wanted: tuple[str, ...]) -> Iterator[Missing]:
    if survey is None:
        yield Reason.NODES_NOT_READY, "The nodes have not been looked at yet."
        return
    if survey.nodes is None:
        yield Reason.NODES_NOT_READY, "The nodes could not be read; they are looked at again."
        return
    there = {node.name: node for node in survey.nodes}
    absent = tuple(name for name in wanted if name not in there)
    if absent:
        yield Reason.NODES_NOT_READY, f"Not joined yet: {listed(absent)}."
    for node in survey.nodes:
        if node.name in wanted and not node.ready:
            said = f": {node.message.rstrip('.')}" if node.message else ""
            yield Reason.NODES_NOT_READY, f"Node {node.name} is not ready{said}."


def _dns(dns: tuple[bool | None, str]) -> Iterator[Missing]:
    answers, message = dns
    if answers is False:
        yield Reason.DNS_NOT_READY, message or "The authoritative server does not answer for the domain yet."


def _console(view: ClusterView) -> Iterator[Missing]:
    console = view.console
    if console is None:
        yield Reason.CONSOLE_UNREACHABLE, "The console has not been asked yet."
    elif not console.answers:
        said = f": {console.message.rstrip('.')}" if console.message else ""
        yield Reason.CONSOLE_UNREACHABLE, f"The console does not answer{said}."
