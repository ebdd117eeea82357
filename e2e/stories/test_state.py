"""The OpenTofu state is the only memory of what was made: its lock, its key, and a write that is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from catalyst_operator.api import labels
from catalyst_operator.core import naming
from e2e.lab import images
from e2e.stories.conftest import Make
from e2e.stories.inventory import assert_kept, assert_one_cluster, complete
from e2e.support import audit
from e2e.support.admission import state_refused
from e2e.support.kubectl import Kubectl
from e2e.support.lease import Lease
from e2e.support.sovereigns import Sovereign, codes, results
from e2e.support.waiting import wait_for

pytestmark = pytest.mark.e2e

TWO_WORKERS = {"size": "cx43", "replicas": 2}
RUN_POD = "apply-0c2cdb7a-9-x7k2p"
"""A name as the Job controller gives it to the Pod of a run."""


def test_live_lock_is_never_broken(make: Make, kubectl: Kubectl) -> None:
    """The state is locked by a living Pod, or by a person: a change waits, says for whom, and goes on by itself."""
    (by_pod, pod_project), (by_person, person_project) = make("lock-pod"), make("lock-laptop")
    both = (by_pod, by_person)
    for sovereign in both:
        sovereign.apply()
    for sovereign in both:
        sovereign.provisioned(seconds=120)
    locks = [Lease(kubectl, sovereign.run_namespace) for sovereign in both]
    with living_pod(kubectl, by_pod):
        locks[0].hold(f"@{RUN_POD}")
        locks[1].hold("root@laptop")
        held = [lock.read() for lock in locks]
        for sovereign in both:
            sovereign.patch(workers=TWO_WORKERS)

        wait_for(lambda: RUN_POD in by_pod.message, "it to name the Pod", seconds=30, shown=by_pod.describe)
        status = by_person.wait("stalled", Stalled="StateLocked")
        assert codes(status) == ["ERR_STATE_LOCKED"]
        assert "root@laptop" in by_person.message
        for sovereign in both:
            assert results(sovereign.look_again()) == ["Succeeded"]
            assert "currentRun" not in sovereign.status
        assert [lock.read() for lock in locks] == held
    locks[1].release()

    for sovereign, project in ((by_pod, pod_project), (by_person, person_project)):
        assert results(sovereign.provisioned(seconds=120)) == ["Succeeded", "Succeeded"]
        assert_one_cluster(project.inventory(), sovereign.uid, workers=2)


@contextmanager
def living_pod(kubectl: Kubectl, sovereign: Sovereign) -> Iterator[None]:
    """While this holds, a Pod of an earlier run of the Sovereign is still at work."""
    kubectl.breaking_glass("create", "-f", "-", stdin=json.dumps(run_pod(sovereign)))
    try:
        kubectl("-n", sovereign.run_namespace, "wait", "--for=condition=Ready", f"pod/{RUN_POD}", "--timeout=30s")
        yield
    finally:
        kubectl("-n", sovereign.run_namespace, "delete", "pod", RUN_POD, "--ignore-not-found")


def run_pod(sovereign: Sovereign) -> dict[str, Any]:
    """A Pod such as runs have, whose work never ends."""
    container = {
        "name": "tofu-apply",
        "image": images.OPERATOR_IMAGE,
        "imagePullPolicy": "Never",
        "command": ["sleep", "infinity"],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    marks = {
        labels.LABEL_SOVEREIGN: sovereign.name,
        labels.LABEL_SOVEREIGN_NAMESPACE: sovereign.namespace,
        labels.LABEL_SOVEREIGN_UID: sovereign.uid,
        labels.LABEL_ROLE: labels.ROLE_RUN,
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": RUN_POD, "namespace": sovereign.run_namespace, "labels": marks},
        "spec": {
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,
            "restartPolicy": "Never",
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65534,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
        },
    }


@pytest.mark.slow
def test_lost_state_key_is_never_made_anew(make: Make, kubectl: Kubectl) -> None:
    """The state's key is deleted: a change is refused and no new key is made; it goes on with the old one back."""
    sovereign, project = make("keyless")
    sovereign.apply()
    sovereign.provisioned()
    before = project.inventory()
    secret = ("-n", sovereign.run_namespace, "secret", naming.STATE_KEY_SECRET)
    key = kubectl.get(*secret)
    kubectl.breaking_glass("delete", *secret)

    sovereign.patch(workers=TWO_WORKERS)
    status = sovereign.wait("refused", Stalled="StateUnreadable", Ready="StateUnreadable")
    assert codes(status) == ["ERR_STATE_KEY"]
    assert naming.STATE_KEY_SECRET in sovereign.message
    assert results(sovereign.look_again()) == ["Succeeded"]
    assert kubectl.find(*secret) is None, "a new key cannot read the old state"
    assert project.inventory() == before

    sovereign.put_secret(key)
    assert results(sovereign.provisioned()) == ["Succeeded", "Succeeded"]
    assert_kept(complete(before), project.inventory())
    assert_one_cluster(project.inventory(), sovereign.uid, workers=2)


@pytest.mark.slow
def test_refused_state_is_kept_and_written_back(make: Make, kubectl: Kubectl) -> None:
    """The API server refuses the state: it is saved, written back before the next run, and nothing is made twice."""
    sovereign, project = make("refused")
    begin = datetime.now(UTC)
    # Long enough for the policy to be in force before the apply ends.
    wire = project.fault({"action_seconds": 7}, times=2, method="POST", path="/servers")
    sovereign.apply()
    wait_for(lambda: wire.struck, "a server to be ordered", seconds=90, shown=sovereign.describe)

    def saved() -> bool:
        # The operator may write it back and remove it within the second; the audit log remembers.
        written = audit.writes(sovereign.run_user, begin)
        return any(f"/secrets/{naming.ERRORED_STATE_SECRET}" in write for write in written)

    with state_refused(kubectl, sovereign):
        wait_for(saved, "the state to be saved", seconds=90, shown=sovereign.describe, every=1)
        made = complete(project.inventory())

    status = sovereign.provisioned(seconds=120)
    assert "ERR_STATE_WRITE" in [run.get("errorCode") for run in status["history"]]
    plan = status["plan"]
    assert (plan["add"], plan.get("adopt", 0), plan["destroy"]) == (0, 0, 0), "the state that was saved was not used"
    assert_kept(made, project.inventory())
    assert_one_cluster(project.inventory(), sovereign.uid)
    errored = ("-n", sovereign.run_namespace, "secret", naming.ERRORED_STATE_SECRET)
    assert kubectl.find(*errored) is None, "it would be taken for a newer state one day"
