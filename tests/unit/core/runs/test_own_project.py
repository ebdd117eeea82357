"""What is remembered of the project: when a token has to be looked at, and what a look or a person's word changes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import SecretStr

from catalyst_operator.api.labels import ANNOTATION_CONFIRM_PROJECT
from catalyst_operator.api.phases import RunVerb
from catalyst_operator.core import record
from catalyst_operator.core.evidence import gather
from catalyst_operator.core.observation import NamespaceView, Observation, StateView
from catalyst_operator.core.project.identity import ForeignMember, fingerprint, named
from catalyst_operator.core.record import ProjectEntry, Record, RunEntry
from catalyst_operator.core.runs import own_project
from catalyst_operator.core.runs.attempts import next_run
from catalyst_operator.core.tofu.apply_progress import Diagnostic, Progress, ResourceProgress
from tests.support import gen
from tests.support.gen import NOW, SceneMod, known, of, seen, spec
from tests.unit.core.decide.table import CONFIRM, at_work

OTHER = "Other0Token0" + "z" * 52
APPLIED = known(gen.succeeded())
DRY = known(gen.succeeded(verb=RunVerb.PLAN), touched=False, outputs=None)


def kept(o: Observation) -> Record:
    """The record after this look."""
    return gather(o).record


def test_a_fingerprint_tells_tokens_apart_and_tells_nothing_of_them() -> None:
    mark = fingerprint(gen.UID, SecretStr(gen.TOKEN))
    assert mark == fingerprint(gen.UID, SecretStr(gen.TOKEN))
    assert mark != fingerprint(gen.UID, SecretStr(OTHER))
    assert mark != fingerprint("another", SecretStr(gen.TOKEN)), "one token of two Sovereigns is not seen to be one"
    assert gen.TOKEN[:12] not in record.to_json(Record(uid=gen.UID, project=ProjectEntry(mark)))


@pytest.mark.parametrize(
    ("given", "lacking", "why"),
    [
        ((), False, "nothing was made yet"),
        ((APPLIED,), False, "the token is the one that it was made with"),
        ((APPLIED, gen.tokened(OTHER)), True, "another token"),
        ((APPLIED, gen.tokened("rubbish")), False, "a run would get the copy of before"),
        ((APPLIED, seen(credentials=None, token_copy=SecretStr(OTHER))), True, "a copy that somebody put there"),
        ((APPLIED, seen(credentials=None, token_copy=None)), False, "there is no token to look with"),
        ((known(gen.failed(), project=None),), True, "a record of before projects were remembered"),
        ((known(gen.failed(), nothing_made=True), gen.tokened(OTHER)), False, "nothing came of that"),
        ((seen(state=StateView(3)),), True, "a state says that something was made, whatever the record says"),
        ((DRY, seen(state=StateView(1))), False, "a dry run leaves an empty state, as `tofu init` makes it"),
        ((DRY, seen(state=StateView(1)), gen.tokened(OTHER)), False, "the same with another token"),
    ],
)
def test_when_a_token_has_to_be_looked_at(given: tuple[SceneMod, ...], lacking: bool, why: str) -> None:
    o = gen.observation(*given)
    assert own_project.lacking(o, kept(o)) is lacking, why


def test_a_look_that_found_us_is_remembered_with_what_people_call_the_project() -> None:
    o = gen.observation(of(spec(projectID="prod-1")), APPLIED, gen.tokened(OTHER), gen.in_project())
    assert kept(o).project == ProjectEntry(fingerprint(gen.UID, SecretStr(OTHER)), "prod-1")


@pytest.mark.parametrize("report", [gen.in_project(""), gen.unasked], ids=["it found nothing", "nobody looked"])
def test_what_was_known_stays_until_something_else_is(report: SceneMod) -> None:
    assert kept(gen.observation(APPLIED, gen.tokened(OTHER), report)).project == gen.PROJECT


def test_a_report_on_another_token_says_nothing_of_this_one() -> None:
    o = gen.observation(APPLIED, gen.in_project(), gen.tokened(OTHER))
    assert kept(o).project == gen.PROJECT


def test_a_persons_word_makes_the_project_the_right_one_and_is_answered() -> None:
    o = gen.observation(of(CONFIRM), APPLIED, gen.tokened(OTHER), gen.in_project(""))
    after = kept(o)
    assert after.project == ProjectEntry(fingerprint(gen.UID, SecretStr(OTHER)), confirmed=True)
    assert after.handled == {ANNOTATION_CONFIRM_PROJECT: "now"}
    assert own_project.gone_is_gone(o, after)


def test_a_word_that_nobody_asked_for_is_answered_and_changes_nothing() -> None:
    after = kept(gen.observation(of(CONFIRM), APPLIED))
    assert (after.project, after.handled) == (gen.PROJECT, {ANNOTATION_CONFIRM_PROJECT: "now"})


def test_no_record_is_made_where_one_is_lost() -> None:
    """It would hide the loss: then everything would be made a second time."""
    o = gen.observation(of(CONFIRM), seen(namespace=NamespaceView(), state=StateView(3)), gen.in_project())
    assert gather(o).actions == ()


def begun(o: Observation, verb: RunVerb = RunVerb.APPLY) -> Record:
    """The record with a new run in it."""
    before = kept(o)
    return own_project.bound(o, before.with_new_run(next_run(o, before, verb, gen.variables())))


def test_the_first_apply_says_which_project_it_is() -> None:
    assert begun(gen.observation()).project == gen.PROJECT
    other = fingerprint(gen.UID, SecretStr(OTHER))
    nothing = gen.observation(known(gen.failed(), nothing_made=True), gen.tokened(OTHER))
    assert begun(nothing).project == ProjectEntry(other)


def test_a_dry_run_binds_nothing_and_a_later_run_changes_nothing() -> None:
    assert begun(gen.observation(), RunVerb.PLAN).project is None
    assert begun(gen.observation(APPLIED, gen.tokened(OTHER))).project == gen.PROJECT


# --- what an apply made -----------------------------------------------------------------------------------------------

READONLY = Diagnostic("token is only allowed to perform GET requests (token_readonly, 01ab)", "", "hcloud_network.this")
QUOTA = Diagnostic("server limit exceeded (resource_limit_exceeded, 01ab)", "", "hcloud_server.worker[0]")


def told(*errors: Diagnostic, **resources: str) -> Progress:
    """What the log of an apply said: resource -> how its creation ended."""
    made = {name: ResourceProgress("create", NOW, state) for name, state in resources.items()}
    return Progress(made, errors, ended=True)


@pytest.mark.parametrize(
    ("before", "progress", "nothing", "why"),
    [
        ({}, told(READONLY, network="failed"), True, "a token that may not write has made nothing"),
        ({}, told(READONLY, network="done"), False, "something was made before"),
        ({}, told(READONLY, QUOTA, network="failed"), False, "another error may leave half an object"),
        ({}, told(QUOTA, network="failed"), False, "the same"),
        ({}, Progress(ended=True), False, "its log is gone: nobody knows"),
        ({}, None, False, "the same"),
        ({"touched": True}, told(READONLY, network="failed"), False, "an earlier one may have made something"),
        ({"touched": True, "nothing_made": True}, told(READONLY, network="failed"), True, "nor had the one before"),
        ({"outputs": gen.OUTPUTS}, told(READONLY, network="failed"), False, "it stood once"),
    ],
)
def test_whether_nothing_was_ever_made(
    before: dict[str, object], progress: Progress | None, nothing: bool, why: str
) -> None:
    run = gen.run()
    ended = at_work(run, "tofu-apply", gen.ended_container(1))
    o = replace(gen.observation(known(run, **{"touched": False, **before}), ended), progress=progress)
    assert kept(o).nothing_made is nothing, why


def test_an_apply_that_came_further_takes_back_that_nothing_was_made() -> None:
    run = gen.run()
    ended = at_work(run, "tofu-apply", gen.ended_container(137))
    assert not kept(gen.observation(known(run, touched=True, nothing_made=True), ended)).nothing_made


def ended_well(run: RunEntry) -> Record:
    finished = seen(jobs=(gen.job(run, complete=True),), pods=(gen.finished_pod(run),))
    return kept(gen.observation(known(run), finished))


@pytest.mark.parametrize(
    ("outputs", "standing"), [(gen.OUTPUTS, ("control-plane-0", "worker-0")), (None, ())], ids=["stood", "never stood"]
)
def test_a_run_knows_what_stood_before_it(outputs: record.OutputsEntry | None, standing: tuple[str, ...]) -> None:
    o = gen.observation(known(gen.failed(), made=("control-plane-0", "worker-0"), outputs=outputs))
    made = next_run(o, kept(o), RunVerb.APPLY, gen.variables(gen.workers(2)))
    assert made.standing == standing


def test_the_network_is_remembered_with_the_other_outputs() -> None:
    found = ended_well(gen.run()).outputs
    assert found is not None
    assert found.network_id == gen.NETWORK


def test_foreign_members_are_named_ten_at_most() -> None:
    members = [ForeignMember("servers", n, f"s{n}", "network a") for n in range(12)]
    assert named(members[:2]) == "servers/0 s0 (network a), servers/1 s1 (network a)"
    assert named(members).endswith("servers/9 s9 (network a) and 2 more")
