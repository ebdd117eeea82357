"""Ready stands for all of it: each part alone keeps it away, and says so."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from catalyst_operator.api.conditions import CONDITIONS, ConditionType, Reason
from catalyst_operator.api.phases import Phase1Outcome
from catalyst_operator.core.phase1.expected import expected
from catalyst_operator.core.phase1.views import ClusterView, ConsoleView, Link, LinkView, NodeView
from catalyst_operator.core.ready.requirements import NOT_CHECKED, missing
from tests.unit.core.phase1 import kit
from tests.unit.core.phase1.kit import KIT, NOW

READY = Phase1Outcome.READY
NODES = tuple(node.name for node in kit.NODES)
ALL = kit.cluster(console=ConsoleView(NOW, answers=True))
DNS_FINE = (True, "")


@dataclass(frozen=True)
class Case:
    """One row: with this, Ready lacks these."""

    why: str
    lacks: tuple[Reason, ...]
    says: str = ""
    view: ClusterView | None = ALL
    outcome: Phase1Outcome | None = READY
    nodes: tuple[str, ...] = NODES
    console: bool = True
    dns: tuple[bool | None, str] = DNS_FINE
    joined: tuple[str, ...] = ()
    lost: bool = False
    """Whether what is told first was there once."""


def surveyed(**values: Any) -> ClusterView:
    """All is well but for this in the survey."""
    return replace(ALL, survey=kit.survey(**values))


def silent(minutes: float) -> NodeView:
    """The second node, whose kubelet has said nothing for so long after it was missed."""
    told = "Kubelet stopped posting node status."
    return NodeView("omantel-worker-0", False, told, NOW - timedelta(minutes=minutes), silent=True)


BROKEN = kit.kustomization("infrastructure", kit.not_ready("BuildFailed", "kustomize build failed"))
CASES = (
    Case("all holds", ()),
    Case("no verdict yet", (Reason.KIT_NOT_READY,), "KitReady says", outcome=None),
    Case("the kit failed", (Reason.KIT_NOT_READY,), outcome=Phase1Outcome.FAILED),
    Case(
        "a Kustomization is not ready although the kit is",
        (Reason.KUSTOMIZATION_NOT_READY,),
        "Kustomization infrastructure is not ready: kustomize build failed.",
        view=replace(ALL, kustomizations=(*ALL.kustomizations, BROKEN)),
    ),
    Case(
        "an edit of the kit's Kustomization is not applied yet",
        (Reason.KUSTOMIZATION_NOT_READY,),
        f"{KIT} is not ready.",
        view=replace(ALL, kustomizations=(kit.kustomization(KIT, kit.applied(), kit.edited),)),
    ),
    Case("no Kustomization at all", (Reason.KUSTOMIZATION_NOT_READY,), view=replace(ALL, kustomizations=())),
    Case("a node never joined", (Reason.NODES_NOT_READY,), "omantel-worker-1", nodes=(*NODES, "omantel-worker-1")),
    Case(
        "a node is not ready",
        (Reason.NODES_NOT_READY,),
        "Node omantel-worker-0 is not ready: kubelet stopped posting node status.",
        view=surveyed(
            nodes=(kit.NODES[0], NodeView("omantel-worker-0", False, "kubelet stopped posting node status."))
        ),
    ),
    Case(
        "a node that had joined is gone: told first, and Ready is not only unknown",
        (Reason.NODES_NOT_READY, Reason.KIT_NOT_READY),
        "Gone from the cluster, which they had joined: omantel-worker-0.",
        view=surveyed(nodes=kit.NODES[:1]),
        outcome=None,
        joined=NODES,
        lost=True,
    ),
    Case(
        "a node that had joined says that it is not ready",
        (Reason.NODES_NOT_READY,),
        "Node omantel-worker-0 is not ready: PLEG is not healthy.",
        view=surveyed(nodes=(kit.NODES[0], NodeView("omantel-worker-0", False, "PLEG is not healthy", NOW))),
        joined=NODES,
        lost=True,
    ),
    Case(
        "a node that had joined is silent for half a minute: it is as it was",
        (),
        view=surveyed(nodes=(kit.NODES[0], silent(0.5))),
        joined=NODES,
    ),
    Case(
        "a node that had joined is silent for more than that",
        (Reason.NODES_NOT_READY,),
        "Node omantel-worker-0 is not ready: Kubelet stopped posting node status.",
        view=surveyed(nodes=(kit.NODES[0], silent(1))),
        joined=NODES,
        lost=True,
    ),
    Case(
        "a node that never was ready is silent",
        (Reason.NODES_NOT_READY,),
        view=surveyed(nodes=(kit.NODES[0], silent(0.5))),
    ),
    Case(
        "a Kustomization of another namespace that is not the kit's is not ready",
        (),
        view=replace(ALL, kustomizations=(*ALL.kustomizations, replace(BROKEN, namespace="apps"))),
    ),
    Case(
        "a Kustomization was applied and is suspended since, which is an edit",
        (),
        view=replace(ALL, kustomizations=(kit.kustomization(KIT, kit.applied(), kit.suspended),)),
    ),
    Case(
        "a Kustomization was suspended before it was applied",
        (Reason.KUSTOMIZATION_NOT_READY,),
        "and it is suspended",
        view=replace(ALL, kustomizations=(*ALL.kustomizations, kit.kustomization("infrastructure", kit.suspended))),
    ),
    Case("a node that nobody asked for is not ready", (), view=surveyed(nodes=(*kit.NODES, NodeView("mine", False)))),
    Case("nobody looked at the nodes", (Reason.NODES_NOT_READY,), view=replace(ALL, survey=None)),
    Case("DNS does not answer", (Reason.DNS_NOT_READY,), "NXDOMAIN", dns=(False, "NXDOMAIN from ns1.")),
    Case("DNS is not checked", (), dns=NOT_CHECKED),
    Case("the console was not asked", (Reason.CONSOLE_UNREACHABLE,), view=replace(ALL, console=None)),
    Case(
        "the console is dead",
        (Reason.CONSOLE_UNREACHABLE,),
        "does not answer: it answered 404.",
        view=replace(ALL, console=ConsoleView(NOW, False, "it answered 404")),
    ),
    Case("the console is not asked for", (), view=replace(ALL, console=None), console=False),
    Case("nobody watches it", (Reason.KIT_NOT_READY,), "cannot be seen", view=None),
    Case(
        "the link is down", (Reason.KIT_NOT_READY,), "cannot be seen", view=replace(ALL, link=LinkView(Link.DOWN, NOW))
    ),
    Case("its lists are not complete", (Reason.KIT_NOT_READY,), "cannot be seen", view=replace(ALL, synced=False)),
    Case(
        "all at once, in order",
        (
            Reason.KIT_NOT_READY,
            Reason.KUSTOMIZATION_NOT_READY,
            Reason.NODES_NOT_READY,
            Reason.DNS_NOT_READY,
            Reason.CONSOLE_UNREACHABLE,
        ),
        view=ClusterView(kit.UP, synced=True),
        outcome=Phase1Outcome.TIMEOUT,
        dns=(False, ""),
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.why)
def test_missing(case: Case) -> None:
    """Each is named, in the order in which it is worth knowing."""
    wanted = expected(case.view.kustomization(KIT) if case.view else None, (), ())
    found = missing(
        case.view,
        case.outcome,
        case.nodes,
        case.console,
        case.dns,
        expected=wanted,
        joined=case.joined,
        now=NOW,
    )
    assert tuple(one.reason for one in found) == case.lacks
    assert case.says in " ".join(one.message for one in found)
    assert any(one.lost for one in found[:1]) is case.lost


def test_every_reason_is_one_of_ready() -> None:
    """The API reference lists what may appear there."""
    documented = next(doc.reasons for doc in CONDITIONS if doc.type is ConditionType.READY)
    used = {reason for case in CASES for reason in case.lacks}
    assert used - set(documented) == set()
