"""Which servers exist after a run, and whose nodes are dead: read from what the run had planned and what it logged."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from catalyst_operator.api.phases import RunVerb
from catalyst_operator.core import naming
from catalyst_operator.core.evidence import gather
from catalyst_operator.core.observation import ContainerView, PodView
from catalyst_operator.core.record import Record, RunEntry, SizeChoice
from catalyst_operator.core.tofu.apply_progress import Progress, ResourceProgress
from catalyst_operator.core.tofu.server_names import address_of, packed
from tests.support import gen
from tests.support.gen import NOW, OUTPUTS, RawMod

THREE = gen.spec(controlPlane={"size": "cpx22", "replicas": 3})
ALL = ("control-plane-0", "control-plane-1", "control-plane-2", "worker-0")
PREFIX = naming.cluster_name("omantel", gen.UID)
NODES = {f"{PREFIX}-{name}": f"uid-of-{name}" for name in (*ALL, "worker-1")}


def done(*names: str, action: str = "create", state: str = "done") -> Progress:
    """What the log says was done to servers."""
    return Progress({address_of(name): ResourceProgress(action, NOW, state) for name in names}, ended=True)


def planned(pod: PodView, *names: str) -> PodView:
    """The gate said that these would be made."""
    message = json.dumps({**json.loads(gen.GATE_MESSAGE), "creating": packed(names)})
    gate = replace(pod.containers["plan-gate"], message=message)
    return replace(pod, containers={**pod.containers, "plan-gate": gate})


def ended(
    progress: Progress | None = None,
    *,
    creating: tuple[str, ...] = (),
    good: bool = True,
    edit: RawMod | None = None,
    verb: RunVerb = RunVerb.APPLY,
    end: ContainerView | None = None,
    **record: object,
) -> Record:
    """The record once the end of a run of three control planes and a worker was read."""
    mods = (THREE, gen.workers(1))
    run: RunEntry = gen.run(digest=gen.digest(*mods, verb=verb), verb=verb)
    pod = gen.finished_pod(run) if good else gen.pod(run, "tofu-apply", end or gen.ended_container(1))
    seen = gen.seen(jobs=(gen.job(run),), pods=(planned(pod, *creating),), progress=progress)
    sovereign = gen.of(*mods, *((edit, gen.meta(generation=2)) if edit else ()))
    known = gen.known(run, **{"nodes": NODES, **record})
    return gather(gen.observation(sovereign, known, seen, gen.unseen)).record


def test_a_first_apply_begins_the_cluster() -> None:
    record = ended(creating=ALL, nodes={})
    assert record.made == ALL
    assert (record.begun, record.members) == (True, ALL[:3])
    assert record.dead == {}, "of what never was there is no node"


@pytest.mark.parametrize(
    ("progress", "begun", "members", "why"),
    [
        (done("control-plane-0", "control-plane-2"), True, ("control-plane-0", "control-plane-2"), "it runs already"),
        (done("control-plane-1", "worker-0"), False, ("control-plane-1",), "who was to start the cluster is not there"),
        (done("control-plane-0", state="failed"), False, (), "half made: it is replaced, and starts the cluster then"),
        (done("control-plane-0", state="running"), False, (), "nobody knows how far it came"),
        (None, False, (), "nothing was heard"),
    ],
)
def test_a_first_apply_that_breaks_off(
    progress: Progress | None, begun: bool, members: tuple[str, ...], why: str
) -> None:
    """Once its first control plane has booted, no other server may start a cluster with the same authorities."""
    record = ended(progress, good=False, creating=ALL)
    assert (record.begun, record.members) == (begun, members), why
    assert record.outputs is None


def test_what_a_broken_apply_made_is_resized_from_then_on_and_not_left_to_itself() -> None:
    record = ended(done("control-plane-0", "worker-0"), good=False)
    assert record.sizes == {
        "control-plane-0": SizeChoice("cpx22", "cpx22"),
        "worker-0": SizeChoice("cpx32", "cpx32"),
    }


def test_a_run_that_never_applied_made_nothing() -> None:
    run = gen.run(digest=gen.digest(THREE, gen.workers(1)))
    pod = planned(gen.pod(run, "plan-gate", gen.ended_container(4)), *ALL)
    o = gen.observation(gen.of(THREE, gen.workers(1)), gen.known(run), gen.seen(jobs=(gen.job(run),), pods=(pod,)))
    assert gather(o).record.made == ()


@pytest.mark.parametrize("verb", [RunVerb.PLAN, RunVerb.DESTROY])
def test_only_an_apply_makes_servers(verb: RunVerb) -> None:
    assert ended(creating=ALL, verb=verb).made == ()


@pytest.mark.parametrize("good", [True, False])
def test_the_node_of_a_server_that_was_made_again_is_dead(good: bool) -> None:
    record = ended(done("control-plane-0"), creating=("control-plane-0",), good=good, made=ALL, outputs=OUTPUTS)
    assert record.dead == {f"{PREFIX}-control-plane-0": "uid-of-control-plane-0"}
    assert record.made == ALL


def test_as_long_as_nothing_was_made_the_old_node_is_left_alone() -> None:
    """A replacement that failed before it took the server away."""
    record = ended(done("control-plane-1", state="failed"), good=False, made=ALL, outputs=OUTPUTS)
    assert record.dead == {}


def test_the_node_of_a_server_that_is_not_wanted_any_more_is_dead() -> None:
    """Or it stays for ever, and keeps the next worker of its name out."""
    record = ended(made=(*ALL, "worker-1"), outputs=OUTPUTS)
    assert record.dead == {f"{PREFIX}-worker-1": "uid-of-worker-1"}
    assert record.made == ALL


def test_a_server_that_was_destroyed_before_the_run_broke_off_is_gone_too() -> None:
    progress = done("worker-1", action="delete")
    record = ended(progress, good=False, made=(*ALL, "worker-1"), outputs=OUTPUTS)
    assert record.dead == {f"{PREFIX}-worker-1": "uid-of-worker-1"}
    assert record.made == ALL


def test_a_control_plane_stays_a_member_whatever_becomes_of_it() -> None:
    """etcd counts it until its node is removed, and the gate counts with it."""
    progress = done("control-plane-2", action="delete")
    assert ended(progress, good=False, made=ALL, outputs=OUTPUTS).members == ALL[:3]


def test_an_edit_in_mid_run_says_nothing_about_what_the_run_made() -> None:
    record = ended(creating=("worker-0",), edit=gen.workers(0), made=ALL[:3], outputs=OUTPUTS)
    assert record.made == ALL
    assert record.dead == {f"{PREFIX}-worker-0": "uid-of-worker-0"}


def test_dead_nodes_are_remembered_until_they_are_gone() -> None:
    record = ended(made=ALL, outputs=OUTPUTS, dead={"another": "uid"})
    assert record.dead == {"another": "uid"}


def test_servers_of_an_earlier_operators_record_are_those_that_have_sizes() -> None:
    """Or the next control plane would start a second cluster."""
    sizes = {name: SizeChoice("cpx22", "cpx22") for name in ALL}
    o = gen.observation(gen.of(THREE, gen.workers(1)), gen.known(gen.succeeded(), sizes=sizes))
    record = gather(o).record
    assert (record.begun, record.members) == (True, ALL[:3])
