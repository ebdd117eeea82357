"""Two operators, as processes with the rights of deploy/base: one acts, the other waits, and takes over in time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests
import yaml

from catalyst_operator.operator import EXIT_LEASE_LOST
from e2e.support.waiting import OFTEN, wait_for
from tests.integration import actors
from tests.integration.actors import HOME, NAMESPACES
from tests.integration.admission import sovereign, sovereigns
from tests.integration.apiserver import Api, ApiServer, free_port
from tests.support.paths import REPOSITORY

pytestmark = pytest.mark.integration

DURATION = 6
"""Of the Lease, in seconds: short, so that the tests are."""
LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{HOME}/leases/catalyst-operator"
START = 30.0
FINALIZER = "catalyst.openova.io/sovereign"


class Operator:
    """One process, called by a name of its own."""

    def __init__(self, name: str, kubeconfig: Path, log: Path) -> None:
        self.name = name
        self.log = log
        self._port = free_port()
        environ = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("KUBERNETES_", "CATALYST_"))},
            "KUBECONFIG": str(kubeconfig),
            "CATALYST_IMAGE": "registry.example/catalyst-operator:test",
            "CATALYST_POD": name,
            "CATALYST_POD_UID": "1",
            "CATALYST_LEASE_DURATION": f"{DURATION}s",
            "CATALYST_HEALTH_PORT": str(self._port),
            "CATALYST_METRICS_PORT": str(free_port()),
        }
        command = [sys.executable, "-m", "catalyst_operator"]
        with log.open("wb") as written:
            self.process = subprocess.Popen(command, cwd=REPOSITORY, env=environ, stderr=written)

    def asked(self, path: str) -> tuple[int, str]:
        """What the kubelet would be answered; status 0 while nothing is."""
        try:
            answer = requests.get(f"http://127.0.0.1:{self._port}/{path}", timeout=5)
        except requests.ConnectionError:
            return 0, ""
        return answer.status_code, answer.text

    @property
    def acts(self) -> bool:
        return self.asked("readyz")[0] == 200

    @property
    def waits(self) -> bool:
        return self.asked("readyz")[0] == 503 and "waits and does nothing" in self.asked("readyz")[1]

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)


@pytest.fixture
def start(api: Api, apiserver: ApiServer, tmp_path: Path) -> Iterator[Callable[[str], Operator]]:
    """Starts operators, which end with the test. The Lease is nobody's at first."""
    api.request("DELETE", LEASE.rpartition("/")[0])
    kubeconfig = tmp_path / "kubeconfig"
    admin = yaml.safe_load(apiserver.kubeconfig.read_text())
    path = f"{NAMESPACES}/{HOME}/serviceaccounts/catalyst-operator/token"
    token = api.create(path, {"spec": {"expirationSeconds": 3600}})["status"]["token"]
    kubeconfig.write_text(yaml.safe_dump({**admin, "users": [{"name": "admin", "user": {"token": token}}]}))
    with ExitStack() as stack:

        def started(name: str) -> Operator:
            made = Operator(name, kubeconfig, tmp_path / f"{name}.log")
            stack.callback(made.end, signal.SIGKILL)
            return made

        yield started


def wait(holds: Callable[[], bool], what: str, *operators: Operator) -> float:
    """How many seconds it took."""

    def logs() -> str:
        return "\n".join(f"--- {o.name}\n{o.log.read_text()[-3000:]}" for o in operators)

    begin = time.monotonic()
    wait_for(holds, what, seconds=START, shown=logs, every=OFTEN)
    return time.monotonic() - begin


def is_held(api: Api, namespace: str) -> bool:
    """Whether an operator did something for the Sovereign."""
    return FINALIZER in api.get(f"{sovereigns(namespace)}/omantel")["metadata"].get("finalizers", [])


def test_the_second_one_waits_and_takes_over_when_the_first_is_gone(
    api: Api, namespace: str, start: Callable[[str], Operator]
) -> None:
    first = start("first")
    wait(lambda: first.acts, "the first to act", first)
    second = start("second")
    wait(lambda: second.waits, "the second to wait", first, second)
    assert second.asked("healthz")[0] == 200, "it lives: the kubelet must not restart it"
    assert "first_1 holds the Lease catalyst-system/catalyst-operator" in second.asked("readyz")[1]
    assert "waits and does nothing: first_1 holds" in second.log.read_text()

    first.end(signal.SIGKILL)
    assert wait(lambda: second.acts, "the second to take over", second) > DURATION / 3, "not before it is surely dead"
    assert "takes over" in second.log.read_text()
    api.create(sovereigns(namespace), sovereign())
    wait(lambda: is_held(api, namespace), "the second to act", second)


def test_one_that_ends_in_good_order_is_followed_at_once(start: Callable[[str], Operator], api: Api) -> None:
    first = start("first")
    wait(lambda: first.acts, "the first to act", first)
    second = start("second")
    wait(lambda: second.waits, "the second to wait", first, second)
    assert first.end(signal.SIGTERM) == 0
    assert "holderIdentity" not in api.get(LEASE)["spec"] or api.get(LEASE)["spec"]["holderIdentity"] == "second_1"
    wait(lambda: second.acts, "the second to take over", second)


def test_one_that_waits_ends_when_it_is_told_to(start: Callable[[str], Operator]) -> None:
    """As process 1 of a container it would not be ended by the signal itself."""
    first = start("first")
    wait(lambda: first.acts, "the first to act", first)
    second = start("second")
    wait(lambda: second.waits, "the second to wait", first, second)
    assert second.end(signal.SIGTERM) == 0
    assert first.acts


def test_a_holder_that_cannot_renew_stops_acting(api: Api, namespace: str, start: Callable[[str], Operator]) -> None:
    """Another one has the Lease: it ends at once, and does nothing for a Sovereign that comes then."""
    first = start("first")
    wait(lambda: first.acts, "the first to act", first)
    actors.administrator(api).patch(LEASE, {"spec": {"holderIdentity": "another"}})
    assert first.process.wait(DURATION) == EXIT_LEASE_LOST
    api.create(sovereigns(namespace), sovereign())
    assert not is_held(api, namespace)
    assert "This operator ends at once, because the Lease" in first.log.read_text()


def test_a_run_namespace_that_lost_its_sovereign_is_told_at_once(
    api: Api, apiserver: ApiServer, namespace: str, start: Callable[[str], Operator]
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
