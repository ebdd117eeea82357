"""Two operators, as processes with the rights of deploy/base: one acts, the other waits, and takes over in time."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalyst_operator.operator import EXIT_LEASE_LOST
from tests.integration import actors
from tests.integration.actors import NAMESPACES
from tests.integration.admission import sovereign, sovereigns
from tests.integration.apiserver import Api, ApiServer
from tests.integration.operators import DURATION, LEASE, Start, heard, operators, taken, wait

pytestmark = pytest.mark.integration

FINALIZER = "catalyst.openova.io/sovereign"
MANY = 12
"""Sovereigns that come at once, so that an operator is busy with them for a while."""


@pytest.fixture
def start(api: Api, apiserver: ApiServer, tmp_path: Path) -> Iterator[Start]:
    with operators(api, apiserver, tmp_path) as started:
        yield started


def is_held(api: Api, namespace: str, name: str = "omantel") -> bool:
    """Whether an operator did something for the Sovereign."""
    return FINALIZER in api.get(f"{sovereigns(namespace)}/{name}")["metadata"].get("finalizers", [])


def make_many(api: Api, namespace: str) -> list[str]:
    names = [f"omantel-{number}" for number in range(MANY)]
    for name in names:
        made = sovereign()
        made["metadata"]["name"] = name
        api.create(sovereigns(namespace), made)
    return names


def test_the_second_one_waits_and_takes_over_when_the_first_is_gone(api: Api, namespace: str, start: Start) -> None:
    first = start("first")
    wait(lambda: first.acts, "the first to act", first)
    second = start("second")
    wait(lambda: second.waits, "the second to wait", first, second)
    assert second.asked("healthz")[0] == 200, "it lives: the kubelet must not restart it"
    assert "first_1 holds the Lease catalyst-system/catalyst-operator" in second.asked("readyz")[1]
    assert "waits and does nothing: first_1 holds" in second.log.read_text()
    assert (first.leads, second.leads) == ("1.0", "0.0")

    first.end(signal.SIGKILL)
    assert wait(lambda: second.acts, "the second to take over", second) > DURATION / 3, "not before it is surely dead"
    assert "takes over" in second.log.read_text()
    api.create(sovereigns(namespace), sovereign())
    wait(lambda: is_held(api, namespace), "the second to act", second)
    assert second.leads == "1.0"


def test_one_that_was_frozen_writes_nothing_when_it_goes_on(
    api: Api, apiserver: ApiServer, namespace: str, start: Start
) -> None:
    """It is stopped in the middle of its work, and of whatever it was about to send."""
    first = start("first")
    wait(lambda: first.acts, "the first to act", first)
    second = start("second")
    wait(lambda: second.waits, "the second to wait", first, second)
    names = make_many(api, namespace)
    wait(lambda: any(is_held(api, namespace, name) for name in names), "the first to begin", first)
    first.send(signal.SIGSTOP)
    wait(lambda: second.acts, "the second to take over", second)
    wait(lambda: all(is_held(api, namespace, name) for name in names), "the second to go on", second)

    first.send(signal.SIGCONT)
    assert first.process.wait(DURATION) == EXIT_LEASE_LOST
    assert [write for write in heard(apiserver, first) if write.at >= taken(apiserver, second)] == []
    assert "This operator ends at once, because" in first.log.read_text()


def test_one_that_is_cut_off_ends_before_the_other_begins(
    api: Api, apiserver: ApiServer, namespace: str, start: Start
) -> None:
    """Nothing of what it sent arrives later, either, when the network is whole again."""
    first = start("first")
    wait(lambda: first.acts, "the first to act", first)
    second = start("second")
    wait(lambda: second.waits, "the second to wait", first, second)
    names = make_many(api, namespace)
    first.network.cut()
    assert first.process.wait(DURATION) == EXIT_LEASE_LOST, "before the Lease can be another's"
    assert not second.acts
    wait(lambda: second.acts, "the second to take over", second)
    first.network.heal()
    wait(lambda: all(is_held(api, namespace, name) for name in names), "the second to act", second)
    assert [write for write in heard(apiserver, first) if write.at >= taken(apiserver, second)] == []


def test_one_that_waits_and_is_cut_off_is_not_ready_and_takes_nothing_over(start: Start) -> None:
    first = start("first")
    wait(lambda: first.acts, "the first to act", first)
    second = start("second")
    wait(lambda: second.waits, "the second to wait", first, second)
    second.network.cut()
    wait(lambda: second.asked("readyz")[0] == 503, "the second not to be ready", first, second)
    assert second.asked("healthz")[0] == 200
    second.network.heal()
    wait(lambda: second.waits, "the second to wait again", first, second)
    assert first.acts


def test_one_that_ends_in_good_order_is_followed_at_once(start: Start, api: Api) -> None:
    first = start("first")
    wait(lambda: first.acts, "the first to act", first)
    second = start("second")
    wait(lambda: second.waits, "the second to wait", first, second)
    assert first.end(signal.SIGTERM) == 0
    assert api.get(LEASE)["spec"].get("holderIdentity", "second_1") == "second_1"
    assert wait(lambda: second.acts, "the second to take over", second) < DURATION * 2 / 3


def test_one_that_waits_ends_when_it_is_told_to(start: Start) -> None:
    """As process 1 of a container it would not be ended by the signal itself."""
    first = start("first")
    wait(lambda: first.acts, "the first to act", first)
    second = start("second")
    wait(lambda: second.waits, "the second to wait", first, second)
    assert second.end(signal.SIGTERM) == 0
    assert first.acts


def test_a_holder_that_cannot_renew_stops_acting(api: Api, namespace: str, start: Start) -> None:
    """Another one has the Lease: it ends at once, and does nothing for a Sovereign that comes then."""
    first = start("first")
    wait(lambda: first.acts, "the first to act", first)
    actors.administrator(api).patch(LEASE, {"spec": {"holderIdentity": "another"}})
    assert first.process.wait(DURATION) == EXIT_LEASE_LOST
    api.create(sovereigns(namespace), sovereign())
    assert not is_held(api, namespace)
    assert "This operator ends at once, because the Lease" in first.log.read_text()


def test_a_run_namespace_that_lost_its_sovereign_is_told_at_once(
    api: Api, apiserver: ApiServer, namespace: str, start: Start
) -> None:
    """The watches of a real operator see it go."""
    space = actors.run_namespace(api, actors.held(api, namespace, suspend=True))
    first = start("first")
    wait(lambda: first.acts, "the first to act", first)
    path = f"{sovereigns(namespace)}/omantel"
    wait(lambda: bool(api.get(path).get("status")), "the Sovereign to be seen", first)
    # Its run namespace has no proof of this operator's key, so the operator lets it go without taking that along.
    api.patch(path, {"spec": {"deletionProtection": False}})
    api.delete(path)

    def told() -> bool:
        events = api.get(f"{NAMESPACES}/default/events")["items"]
        return [e["reason"] for e in events if e["involvedObject"]["name"] == space] == ["OrphanedRunNamespace"]

    wait(told, "the event about it", first)
    actors.break_glass(apiserver, "delete", "namespace", space, "--wait=false")
    record = f"{NAMESPACES}/{space}/configmaps/record"
    wait(lambda: not api.get(record)["metadata"].get("finalizers"), "its record to be let go", first)
    assert "sovereigns.catalyst" not in str(api.get(f"{NAMESPACES}/{namespace}")["metadata"].get("annotations"))
