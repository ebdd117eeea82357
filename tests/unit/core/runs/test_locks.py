"""The lock of the state: whom it is taken from, and whom never."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from catalyst_operator.api.phases import RunVerb
from catalyst_operator.core.observation import ContainerView, LockView, PodView
from catalyst_operator.core.runs import locks
from catalyst_operator.core.runs.locks import LOCK_PATIENCE, Holder, LockVerdict
from tests.support import gen
from tests.support.gen import NOW, SECOND, ended_container, finished_pod, pod

RUN = gen.run()
POD = f"{RUN.job}-abcde"
"""The name that the generators give to the Pod of a run."""
KEEPER = {"state-keeper": ContainerView("running")}


def judged(who: str, *pods: PodView, **said: str) -> LockVerdict:
    lock = LockView("lock-1", who, **said)
    verdict = locks.judge(gen.observation(gen.known(RUN), gen.seen(lock=lock, pods=pods)))
    assert verdict is not None
    return verdict


def with_keeper(view: PodView) -> PodView:
    """Its sidecar still runs: it ends last, once it has saved what is left."""
    return replace(view, containers={**view.containers, **KEEPER})


def test_a_free_lock_needs_no_verdict() -> None:
    assert locks.judge(gen.observation(gen.known(RUN))) is None


@pytest.mark.parametrize(
    ("pods", "holder", "why"),
    [
        ((), Holder.DEAD, "its Pod is gone, and what held the lock with it"),
        ((pod(RUN, "tofu-apply"),), Holder.ALIVE, "it is applying"),
        ((pod(RUN),), Holder.ALIVE, "its containers have not started again after a node's restart"),
        ((pod(RUN, "tofu-apply", phase="Failed"),), Holder.DEAD, "the Pod ended, whatever its container's state says"),
        ((pod(RUN, "tofu-apply", ended_container(137)),), Holder.DEAD, "killed before it could let go"),
        ((finished_pod(RUN),), Holder.DEAD, "it ended well and did not let go"),
        (
            (with_keeper(finished_pod(RUN, phase="Running")),),
            Holder.DEAD,
            "only the sidecar is left, and that never takes the lock",
        ),
        (
            (with_keeper(pod(RUN, "tofu-apply")),),
            Holder.ALIVE,
            "the sidecar beside it proves nothing",
        ),
        ((pod(RUN, deletion=NOW, node="", phase="Pending"),), Holder.DEAD, "deleted before it found a node"),
        ((pod(RUN, "tofu-apply", deletion=NOW + 900 * SECOND),), Holder.ALIVE, "within its grace period"),
        ((pod(RUN, "tofu-apply", deletion=NOW - LOCK_PATIENCE),), Holder.ALIVE, "a moment late, which is no wonder"),
        (
            (pod(RUN, "tofu-apply", deletion=NOW - LOCK_PATIENCE - SECOND),),
            Holder.UNKNOWN,
            "its node does not say that it ended: it may be out of reach, and the Pod at work",
        ),
        (
            (pod(RUN, "tofu-apply", ended_container(1), deletion=NOW - timedelta(hours=1)),),
            Holder.DEAD,
            "the kubelet said that it ended",
        ),
        ((pod(gen.run(attempt=2), "tofu-apply"),), Holder.DEAD, "another run's Pod is not the holder"),
    ],
)
def test_what_is_known_of_a_run_that_holds_the_lock(pods: tuple[PodView, ...], holder: Holder, why: str) -> None:
    assert judged(f"@{POD}", *pods).holder is holder, why


@pytest.mark.parametrize("verb", list(RunVerb))
def test_a_run_of_any_verb_is_known_by_the_name_of_its_pod(verb: RunVerb) -> None:
    """OpenTofu says user@host; in a Pod there is no user name, and the host's is the Pod's."""
    run = gen.run(verb=verb, attempt=12)
    assert judged(f"@{run.job}-x9z8y").holder is Holder.DEAD


@pytest.mark.parametrize(
    ("who", "why"),
    [
        ("admin@laptop", "a person at work by hand"),
        ("root@debug-abcde", "somebody in a Pod of his own"),
        ("@apply-laptop", "a host that only begins like one of ours"),
        ("@import-1a2b3c4d-7-x9z8y", "no verb of ours"),
        ("", "nobody said who"),
        ("apply", "nor is this a Pod's name"),
    ],
)
def test_nobody_else_is_ever_taken_for_dead(who: str, why: str) -> None:
    verdict = judged(who)
    assert verdict.holder is Holder.UNKNOWN, why
    assert "`tofu force-unlock lock-1`" in verdict.message, "the person who is sure can do it"


def test_a_person_is_told_who_holds_the_lock_since_when_and_for_what() -> None:
    message = judged("admin@laptop", operation="OperationTypeApply", created="2026-11-22T11:58:03").message
    assert message.startswith(
        "admin@laptop has held the lock of the OpenTofu state since 2026-11-22T11:58:03 UTC (OperationTypeApply). It "
        "is no run of this operator"
    )
    assert judged("").message.startswith("Somebody holds the lock of the OpenTofu state. It is no run of this operator")


def test_a_node_out_of_reach_is_named_with_the_taint_that_says_that_it_is_off() -> None:
    away = pod(RUN, "tofu-apply", node="node-7", deletion=NOW - timedelta(minutes=5))
    message = judged(f"@{POD}", away).message
    assert POD in message
    assert "kubectl taint node node-7 node.kubernetes.io/out-of-service=nodeshutdown:NoExecute" in message


def test_of_a_living_run_it_is_told_that_its_end_is_awaited() -> None:
    message = judged(f"@{POD}", pod(RUN, "tofu-apply")).message
    assert message == f"Pod {POD} holds the lock of the OpenTofu state; waiting until it has ended."
