"""What is still missing for Ready, in the order in which it is worth knowing.

Ready stands for all of it: a node that never joined or a console that is dead is not a Sovereign that is ready.

Why: docs/explanation.md#what-ready-stands-for
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from catalyst_operator.api.conditions import Reason
from catalyst_operator.api.phases import Phase1Outcome
from catalyst_operator.core.phase1.expected import Expected, listed
from catalyst_operator.core.phase1.views import ClusterView, KustomizationView, NodeView, Survey

NODE_SILENCE = timedelta(minutes=1)
"""How long nothing is concluded from the silence of a node that was ready: a kubelet that is restarted, or a network
that is busy. Kubernetes itself calls it silent after most of a minute."""


class Missing(NamedTuple):
    """Something that Ready lacks."""

    reason: Reason
    """Of the condition Ready."""
    message: str
    """A sentence that names what is missing."""
    lost: bool = False
    """It was there and is not any more: Ready is False then, and not only unknown."""


NOT_CHECKED: tuple[bool | None, str] = (None, "")
"""Of a check that is not made."""


def missing(
    view: ClusterView | None,
    outcome: Phase1Outcome | None,
    nodes_wanted: tuple[str, ...],
    console_wanted: bool,
    dns: tuple[bool | None, str] = NOT_CHECKED,
    *,
    expected: Expected,
    joined: Collection[str],
    now: datetime,
) -> tuple[Missing, ...]:
    """What is missing, first what was lost; empty when all that Ready stands for holds, and only then.

    `nodes_wanted` are the names of the nodes that were asked for, `joined` those that were ready once. `dns` is whether
    the domain is served and delegated, and what it lacks otherwise; None while that is not checked. Without
    `console_wanted` the console is not asked for.
    """
    if view is None or not view.seen:
        return (Missing(Reason.KIT_NOT_READY, _unseen(view)), *_dns(dns))
    found = (
        *_kit(outcome),
        *_kustomizations(view, expected),
        *_nodes(view.survey, nodes_wanted, joined, now),
        *_dns(dns),
        *(_console(view) if console_wanted else ()),
    )
    return tuple(sorted(found, key=lambda one: not one.lost))


def silent_until(view: ClusterView | None, joined: Collection[str], now: datetime) -> datetime | None:
    """When the first of the nodes that fell silent counts as lost."""
    nodes = view.survey.nodes or () if view and view.survey else ()
    ends = [n.since + NODE_SILENCE for n in nodes if n.silent and n.since and n.name in joined]
    return min((end for end in ends if end > now), default=None)


def _unseen(view: ClusterView | None) -> str:
    if view is None or view.unseen_since is None:
        return "The new cluster cannot be seen at the moment."
    said = f": {view.link.message.rstrip('.')}" if view.link.message else ""
    return f"The new cluster cannot be seen since {view.unseen_since:%H:%M:%S} UTC{said}."


def _kit(outcome: Phase1Outcome | None) -> Iterator[Missing]:
    if outcome is not Phase1Outcome.READY:
        yield Missing(Reason.KIT_NOT_READY, "The bootstrap kit is not installed; KitReady says what is missing.")


# --- Kustomizations ---------------------------------------------------------------------------------------------------


def _kustomizations(view: ClusterView, expected: Expected) -> Iterator[Missing]:
    ours = tuple(k for k in view.kustomizations if expected.has(k))
    if not ours:
        yield Missing(Reason.KUSTOMIZATION_NOT_READY, "There is no Kustomization in flux-system.")
    for found in ours:
        if not found.ready:
            told = f"Kustomization {found.known_as} is not ready{_why(found)}."
            yield Missing(Reason.KUSTOMIZATION_NOT_READY, told)


def _why(found: KustomizationView) -> str:
    if found.suspended:
        return ", and it is suspended: Flux does nothing with it before its spec.suspend is false"
    ready = found.condition("Ready")
    said = ready.message.rstrip(".") if ready and ready.status != "True" else ""
    return f": {said}" if said else ""


# --- nodes ------------------------------------------------------------------------------------------------------------


def _nodes(survey: Survey | None, wanted: tuple[str, ...], joined: Collection[str], now: datetime) -> Iterator[Missing]:
    if survey is None:
        yield Missing(Reason.NODES_NOT_READY, "The nodes have not been looked at yet.")
        return
    if survey.nodes is None:
        yield Missing(Reason.NODES_NOT_READY, "The nodes could not be read; they are looked at again.")
        return
    there = {node.name: node for node in survey.nodes}
    gone = tuple(name for name in wanted if name not in there and name in joined)
    if gone:
        yield Missing(Reason.NODES_NOT_READY, f"Gone from the cluster, which they had joined: {listed(gone)}.", True)
    for name in wanted:
        if name in there and not there[name].ready and not _only_silent(there[name], joined, now):
            yield _not_ready(there[name], lost=name in joined)
    awaited = tuple(name for name in wanted if name not in there and name not in joined)
    if awaited:
        yield Missing(Reason.NODES_NOT_READY, f"Not joined yet: {listed(awaited)}.")


def _not_ready(node: NodeView, *, lost: bool) -> Missing:
    said = f": {node.message.rstrip('.')}" if node.message else ""
    return Missing(Reason.NODES_NOT_READY, f"Node {node.name} is not ready{said}.", lost)


def _only_silent(node: NodeView, joined: Collection[str], now: datetime) -> bool:
    """A node that says nothing is as it was, for a while."""
    since = node.since if node.silent and node.name in joined else None
    return since is not None and now - since < NODE_SILENCE


# --- from outside -----------------------------------------------------------------------------------------------------


def _dns(dns: tuple[bool | None, str]) -> Iterator[Missing]:
    answers, message = dns
    if answers is False:
        told = message or "The authoritative server does not answer for the domain yet."
        yield Missing(Reason.DNS_NOT_READY, told)


def _console(view: ClusterView) -> Iterator[Missing]:
    console = view.console
    if console is None:
        yield Missing(Reason.CONSOLE_UNREACHABLE, "The console has not been asked yet.")
    elif not console.answers:
        said = f": {console.message.rstrip('.')}" if console.message else ""
        yield Missing(Reason.CONSOLE_UNREACHABLE, f"The console does not answer{said}.")
