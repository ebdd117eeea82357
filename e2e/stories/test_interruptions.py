"""Runs that end before their time: killed, evicted, cancelled. What they made is neither lost nor made twice."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest

from catalyst_operator.core.runs.job import ADOPT
from e2e.stories.conftest import Make
from e2e.stories.inventory import Identity, assert_kept, assert_one_cluster, complete
from e2e.support import processes
from e2e.support.cloud import Fault, Project
from e2e.support.kubectl import Kubectl
from e2e.support.sovereigns import Sovereign, destroy, has, results
from e2e.support.waiting import wait_for

pytestmark = pytest.mark.e2e

AT_ONCE = 4
"""Sovereigns that are provisioned at the same time: what two processors carry."""
TIGHT = 0.02
"""Between two looks for the moment to kill, in seconds."""


@dataclass(frozen=True)
class Moment:
    """When to kill: as soon as the nth request to a path has come in."""

    name: str
    path: str
    nth: int = 1


NETWORK = Moment("network", r"/networks")
SECOND_SERVER = Moment("second-server", r"/servers", 2)
MOMENTS = (
    NETWORK,
    Moment("subnet", r"/networks/\d+/actions/add_subnet"),
    Moment("balancer", r"/load_balancers"),
    Moment("balancer-service", r"/load_balancers/\d+/actions/add_service"),
    Moment("balancer-network", r"/load_balancers/\d+/actions/attach_to_network"),
    Moment("first-server", r"/servers"),
    SECOND_SERVER,
    Moment("server-network", r"/servers/\d+/actions/attach_to_network"),
    Moment("first-target", r"/load_balancers/\d+/actions/add_target"),
    Moment("last-target", r"/load_balancers/\d+/actions/add_target", 2),
)


@dataclass
class Victim:
    """A Sovereign whose tofu is to be killed, and what had been made by then."""

    sovereign: Sovereign
    project: Project
    wire: Fault
    uid: str
    made: set[Identity] = field(default_factory=set)
    killed: bool = False

    @classmethod
    def at(cls, make: Make, moment: Moment, story: str) -> Victim:
        sovereign, project = make(f"{story}-{moment.name}")
        wire = project.tripwire("POST", moment.path, nth=moment.nth)
        sovereign.apply()
        return cls(sovereign, project, wire, sovereign.uid)

    def kill_when_due(self) -> None:
        """Kill tofu, once, if its moment has come."""
        if self.killed or not self.wire.struck:
            return
        pid = processes.find_tofu(self.uid)
        assert pid is not None, f"{self.sovereign.name}: tofu had ended before it could be killed"
        processes.kill(pid)
        self.made = complete(self.project.inventory())
        self.killed = True


def kill_tofu(victims: list[Victim]) -> None:
    """Kill each tofu at its moment, and see one cluster come out of it all the same."""

    def all_killed() -> bool:
        for victim in victims:
            victim.kill_when_due()
        return all(victim.killed for victim in victims)

    def shown() -> str:
        return "\n".join(victim.sovereign.describe() for victim in victims if not victim.killed)

    wait_for(all_killed, "the moments to kill tofu", seconds=90, shown=shown, every=TIGHT)
    for victim in victims:
        status = victim.sovereign.provisioned(seconds=180)
        assert results(status) == ["Interrupted", "Succeeded"]
        assert_one_cluster(victim.project.inventory(), victim.uid)
        assert_kept(victim.made, victim.project.inventory())
        assert ADOPT in victim.sovereign.phases_run(), "nobody looked for what the killed run had made"
    destroy([victim.sovereign for victim in victims])
    assert [victim.project.inventory() for victim in victims] == [{} for _ in victims]


def test_killed_tofu_is_made_good(make: Make) -> None:
    """kill -9 of tofu after the network, and amid the servers: what was made is adopted, not made twice."""
    kill_tofu([Victim.at(make, moment, "kill") for moment in (NETWORK, SECOND_SERVER)])


@pytest.mark.slow
def test_tofu_killed_at_ten_moments_is_made_good(make: Make) -> None:
    """kill -9 of tofu at ten moments from the network to the load balancer's last target: each time the same end."""
    for begin in range(0, len(MOMENTS), AT_ONCE):
        kill_tofu([Victim.at(make, moment, "ten") for moment in MOMENTS[begin : begin + AT_ONCE]])


@pytest.mark.slow
def test_deleted_and_evicted_pods_lose_nothing(make: Make, kubectl: Kubectl) -> None:
    """A run's Pod is deleted, or evicted, in mid-apply: tofu writes its state, and the next run goes on from there."""
    deleted, evicted = make("deleted"), make("evicted")
    wires = {sovereign.name: servers_take_long(project) for sovereign, project in (deleted, evicted)}
    for sovereign, _ in (deleted, evicted):
        sovereign.apply()
    for (sovereign, _), end in ((deleted, delete_pod), (evicted, evict_pod)):
        in_mid_apply(sovereign, wires[sovereign.name])
        end(kubectl, sovereign)
    for sovereign, project in (deleted, evicted):
        sovereign.until("the run's end", results)
        made = complete(project.inventory())
        assert results(sovereign.provisioned(seconds=150)) == ["Interrupted", "Succeeded"]
        assert_kept(made, project.inventory())
        assert_one_cluster(project.inventory(), sovereign.uid)
    destroy([deleted[0], evicted[0]])
    assert [project.inventory() for _, project in (deleted, evicted)] == [{}, {}]


def servers_take_long(project: Project) -> Fault:
    """Have both servers take long enough to be interrupted."""
    return project.fault({"action_seconds": 7}, times=2, method="POST", path="/servers")


def in_mid_apply(sovereign: Sovereign, wire: Fault) -> None:
    wait_for(lambda: wire.struck, "a server to be ordered", seconds=90, shown=sovereign.describe, every=TIGHT)


def delete_pod(kubectl: Kubectl, sovereign: Sovereign) -> None:
    kubectl("-n", sovereign.run_namespace, "delete", "pod", sovereign.run_pod(), "--wait=false")


def evict_pod(kubectl: Kubectl, sovereign: Sovereign) -> None:
    """As `kubectl drain` does it."""
    namespace, pod = sovereign.run_namespace, sovereign.run_pod()
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": namespace}}
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}/eviction"
    kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(eviction))


def test_cancelled_run_waits_for_a_retry(make: Make) -> None:
    """A cancelled run ends, and goes on when a retry is asked for; a suspended Sovereign starts nothing at all."""
    sovereign, project = make("cancelled")
    suspended, untouched = make("suspended", suspend=True)
    wire = servers_take_long(project)
    suspended.apply()
    sovereign.apply()
    in_mid_apply(sovereign, wire)

    asked = sovereign.cancel()

    status = sovereign.wait("cancelled", Stalled="RunCancelled", Ready="RunCancelled")
    assert results(status) == ["Cancelled"]
    assert status["lastHandledCancelAt"] == asked
    assert "retryRequestedAt" in sovereign.message, "it does not say how to go on"
    assert results(sovereign.look_again()) == ["Cancelled"]
    assert "currentRun" not in sovereign.status
    made = complete(project.inventory())

    sovereign.retry()
    status = sovereign.provisioned()
    assert results(status) == ["Cancelled", "Succeeded"]
    assert_kept(made, project.inventory())
    assert_one_cluster(project.inventory(), sovereign.uid)

    status = suspended.look_again()
    assert has(status, Ready="Suspended")
    assert "history" not in status
    assert untouched.writes() == []
