"""Where preflight stands: when the project is looked at, when what was found is still good, and until when to wait."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from catalyst_operator.api.phases import PreflightResult
from catalyst_operator.core import naming, provision
from catalyst_operator.core.actions import AskPreflight
from catalyst_operator.core.decide import decide
from catalyst_operator.core.errors import codes
from catalyst_operator.core.observation import ContainerView, Observation
from catalyst_operator.core.project import preflight
from catalyst_operator.core.project.preflight import Check, Report
from catalyst_operator.core.provision.preflight_due import (
    PASSED_FOR,
    REPEATED_EVERY,
    SPREAD,
    PreflightStanding,
    Repetition,
    repetition,
    standing,
)
from catalyst_operator.core.record import HandOff, Record, SizeChoice
from catalyst_operator.core.runs.tfvars import tfvars
from catalyst_operator.core.telling import events
from tests.support import gen
from tests.support.gen import NOW, SECOND, SETTINGS, SceneMod, annotated, of, seen, tokened

INTERVAL = SETTINGS.preflight_interval
NO = Check("names", PreflightResult.FAILED, "omantel is taken.", codes.NAME_CONFLICT.entry("omantel is taken."))
UNKNOWN = Check("sizes", PreflightResult.UNKNOWN, "Hetzner did not answer.")
LADDER = gen.spec(workers={"size": "cpx32", "replicas": 1, "sizeFallbacks": ["cx33"]})


def asked(o: Observation, record: Record | None = None) -> PreflightStanding:
    kept = record or Record(gen.UID)
    return standing(o, tfvars(o.sovereign, o.settings, kept.sizes), kept)


def found(age: timedelta, *checks: Check, **values: object) -> SceneMod:
    """The report of a look of that long ago at what is wanted."""

    def looked(o: Observation) -> Observation:
        made = gen.looked_at(o, *checks)
        assert made is not None
        return replace(o, preflight=replace(made, at=o.now - age, **values))  # type: ignore[arg-type]

    return looked


@pytest.mark.parametrize(
    ("report", "known", "asks", "why"),
    [
        (found(0 * SECOND), True, False, "all was well a moment ago"),
        (found(PASSED_FOR), True, False, "and that is good for a while"),
        (found(PASSED_FOR + SECOND), False, True, "but not for ever: others use the project too"),
        (found(0 * SECOND, NO), True, False, "a check failed a moment ago"),
        (found(INTERVAL, NO), True, False, "the project is not asked all the time"),
        (found(INTERVAL + SECOND, NO), True, True, "asked again; until the answer comes, the failure is told"),
        (found(PASSED_FOR, UNKNOWN), True, False, "what could not be checked does not hold up"),
        (found(0 * SECOND, key="of something else"), False, True, "the spec, the token or the wish was another one"),
    ],
)
def test_what_a_report_is_good_for(report: SceneMod, known: bool, asks: bool, why: str) -> None:
    stands = asked(gen.observation(report))
    assert (stands.report is not None, bool(stands.ask), stands.wait_until) == (known, asks, None), why


def test_before_the_first_look_it_is_asked_for() -> None:
    o = replace(gen.observation(), preflight=None)
    stands = asked(o)
    assert stands.report is None
    (ask,) = stands.ask
    assert ask.wanted.cluster_name == naming.cluster_name("omantel", gen.UID)
    assert (ask.wanted.location, ask.wanted.uid) == ("fsn1", gen.UID)


def ahead(container: ContainerView) -> ContainerView:
    """As a node tells it whose clock is a minute ahead."""
    skew = timedelta(minutes=1)
    started, finished = container.started, container.finished
    return replace(container, started=started and started + skew, finished=finished and finished + skew)


def test_a_clock_that_is_ahead_does_not_make_every_look_older_than_the_failure() -> None:
    """Else the project is asked again and again until the time is there that the node told."""
    run = gen.run()
    pod = gen.pod(run, "tofu-apply", gen.ended_container(1))
    pod = replace(pod, containers={name: ahead(container) for name, container in pod.containers.items()})
    ladder = of(gen.spec(controlPlane={"size": "cpx22", "sizeFallbacks": ["cpx32", "cpx42"]}))
    o = gen.observation(ladder, gen.known(run), seen(jobs=(gen.job(run),), pods=(pod,)), gen.refused())
    asks = 0
    for _ in range(10):
        decision = decide(o)
        if any(isinstance(action, AskPreflight) for action in decision.actions):
            asks += 1
            o = replace(o, preflight=gen.looked_at(gen.after(o, decision)))
        o = replace(gen.after(o, decision), now=o.now + SECOND)
    assert asks == 1


# --- the cloud asks to be left alone ----------------------------------------------------------------------------------


def limited(age: timedelta, until: timedelta) -> SceneMod:
    """So long ago the project's request limit was used up, until so much later than now."""
    return found(age, *preflight.rate_limited(NOW + until), retry_at=NOW + until)


@pytest.mark.parametrize(
    ("report", "why"),
    [
        (limited(0 * SECOND, 10 * SECOND), "it has just said so"),
        (limited(timedelta(hours=1), SECOND), "however long ago that was"),
    ],
)
def test_nothing_is_asked_before_the_cloud_wants_to_be(report: SceneMod, why: str) -> None:
    stands = asked(gen.observation(report))
    assert (stands.ask, stands.report is not None) == ((), True), why
    assert stands.wait_until is not None
    assert stands.wait_until > NOW


@pytest.mark.parametrize(
    ("report", "why"),
    [
        (limited(timedelta(hours=1), 0 * SECOND), "long ago"),
        (limited(5 * SECOND, 0 * SECOND), "a few seconds ago: status said that it would be asked at this moment"),
    ],
)
def test_once_the_wait_is_over_the_project_is_asked_before_anything_is_made(report: SceneMod, why: str) -> None:
    """That report found nothing, so it is no reason to go on."""
    stands = asked(gen.observation(report))
    assert (stands.report, bool(stands.ask)) == (None, True), why


# --- what a look is about ---------------------------------------------------------------------------------------------


def key(*mods: SceneMod, record: Record | None = None) -> str:
    o = replace(gen.observation(*mods), preflight=None)
    return asked(o, record).ask[0].key


@pytest.mark.parametrize(
    ("mod", "why"),
    [
        (of(gen.workers(1)), "another server is wanted"),
        (of(gen.spec(controlPlane={"size": "cpx22", "sizeFallbacks": ["cpx32"]})), "another size may be tried"),
        (tokened(version="s/2"), "another token, perhaps of another project"),
        (of(annotated(retryRequestedAt="1")), "a person says that something changed"),
    ],
)
def test_another_question_is_asked_anew(mod: SceneMod, why: str) -> None:
    assert key(mod) != key(), why


@pytest.mark.parametrize(
    ("mod", "why"),
    [
        (of(gen.spec(adminEmail="other@omantel.example")), "the cloud does not see it"),
        (of(annotated(cancelRequestedAt="1")), "nor that"),
        (gen.later(timedelta(hours=1)), "the time is no part of the question"),
        (seen(settings=replace(SETTINGS, poll=SECOND)), "nor is how the operator was set up"),
    ],
)
def test_the_same_question_is_not_asked_twice(mod: SceneMod, why: str) -> None:
    assert key(mod) == key(), why


def test_only_the_sizes_that_are_left_are_asked_about() -> None:
    """A size that was left behind may well be retired: that is no reason to stop."""
    o = replace(gen.observation(of(LADDER)), preflight=None)
    cluster = naming.cluster_name("omantel", gen.UID)
    whole = asked(o).ask[0].wanted.sizes
    assert whole == {f"{cluster}-control-plane-0": ("cpx22",), f"{cluster}-worker-0": ("cpx32", "cx33")}
    stepped = replace(Record(gen.UID), sizes={"worker-0": SizeChoice("cx33", "cpx32")})
    assert asked(o, stepped).ask[0].wanted.sizes[f"{cluster}-worker-0"] == ("cx33",)
    assert key(of(LADDER), record=stepped) != key(of(LADDER))


def test_a_report_is_told_from_another_by_its_key_alone() -> None:
    o = gen.observation()
    assert isinstance(o.preflight, Report)
    assert o.preflight.key == key()


# --- repeated although nothing waits for it ---------------------------------------------------------------------------

STANDS = gen.known(gen.succeeded())
LONGEST = REPEATED_EVERY * (1 + 1 / SPREAD)
REFUSED = preflight.unauthorized("team-a/hcloud", "it is not known there, or was revoked")


def again(*mods: SceneMod) -> Repetition:
    return repetition(provision.look(gen.observation(STANDS, *mods)))


@pytest.mark.parametrize(
    ("mods", "asks", "why"),
    [
        ((), False, "it was looked at a moment ago"),
        ((found(REPEATED_EVERY - SECOND),), False, "not more often than every 15 minutes"),
        ((found(LONGEST),), True, "a token that is revoked is not heard of"),
        ((found(LONGEST), tokened("y" * 64, "s/2"), gen.looked()), False, "the new one was looked at"),
        ((gen.looked(), tokened("y" * 64, "s/2")), True, "another token is looked at when it is seen"),
        ((found(LONGEST), tokened(None)), False, "without a token there is nothing to ask with"),
        ((found(LONGEST), tokened("short")), False, "nor with what is none"),
        ((gen.unlooked,), False, "what was never looked at is not repeated"),
        ((found(LONGEST, *preflight.rate_limited(NOW + SECOND), retry_at=NOW + SECOND),), False, "asked to wait"),
        ((found(LONGEST, *REFUSED),), True, "a token that was refused may be accepted again"),
    ],
)
def test_when_a_check_is_repeated(mods: tuple[SceneMod, ...], asks: bool, why: str) -> None:
    assert bool(again(*mods).ask) is asks, why


def test_a_check_is_repeated_in_time_and_waits_for_others() -> None:
    assert again(found(LONGEST - SECOND - REPEATED_EVERY)).look_by is not None
    (ask,) = again(found(LONGEST)).ask
    assert ask.patient


def test_each_sovereign_has_a_pause_of_its_own() -> None:
    pauses = {again(gen.of(gen.meta(uid=f"uid-{n}")), gen.looked()).look_by for n in range(20)}
    assert len(pauses) > 15
    assert all(pause and REPEATED_EVERY <= pause <= LONGEST for pause in pauses)


@pytest.mark.parametrize(
    "mods",
    [(gen.tokened(None),), (seen(credentials=None),), (found(SECOND, *REFUSED),)],
    ids=["no token", "no Secret", "refused"],
)
def test_a_token_that_is_wrong_is_looked_for_soon(mods: tuple[SceneMod, ...]) -> None:
    """Nothing is asked of Hetzner; whether somebody put another one there is."""
    assert again(*mods) == Repetition(look_by=INTERVAL)


def test_after_a_restart_the_dates_in_status_count() -> None:
    """Else a thousand Sovereigns would be looked at at once."""
    o = gen.observation(STANDS)
    told = decide(o).status
    assert told is not None
    late = replace(gen.after(o, decide(o)), preflight=None)
    for age, asks in ((REPEATED_EVERY - SECOND, False), (LONGEST, True)):
        assert bool(repetition(provision.look(replace(late, now=NOW + age))).ask) is asks


def test_with_the_hand_off_the_operator_has_no_use_for_the_token() -> None:
    handed = gen.known(gen.succeeded(), hand_off=HandOff(NOW - SECOND, NOW, NOW))
    assert repetition(provision.look(gen.observation(handed, found(LONGEST)))) == Repetition()


def test_what_a_run_waits_for_is_asked_once() -> None:
    o = gen.observation(gen.known(), found(LONGEST))
    asks = [action for action in decide(o).actions if isinstance(action, AskPreflight)]
    assert [ask.patient for ask in asks] == [False]


def test_a_healthy_cluster_stays_ready_while_its_token_is_refused() -> None:
    o = gen.observation(STANDS, found(SECOND, *REFUSED))
    status = decide(o).status
    assert status is not None
    told = {c.type: c for c in status.conditions}
    assert (told["Ready"].status, told["PreflightPassed"].status, "Stalled" in told) == ("True", "False", False)
    for part in (
        "Secret team-a/hcloud",
        "Put a valid token under the key 'token'",
        "Checked at 2026-11-22 11:59:59 UTC",
    ):
        assert part in told["PreflightPassed"].message
    assert [(error.code, "kubectl" in error.command) for error in status.last_errors] == [("ERR_TOKEN_INVALID", True)]
    assert {c.checked_at for c in status.preflight if c.name != "user-data"} == {NOW - SECOND}


@pytest.mark.parametrize(
    ("credentials", "says", "code"),
    [
        (seen(credentials=None), "Secret team-a/hcloud does not exist", "ERR_SECRET_MISSING"),
        (tokened(None), "Secret team-a/hcloud has no text under the key 'token'", "ERR_SECRET_MISSING"),
        (tokened("short"), "The token in Secret team-a/hcloud has 5 characters", "ERR_TOKEN_INVALID"),
    ],
)
def test_a_secret_that_is_gone_from_a_healthy_cluster_is_told_by_its_name(
    credentials: SceneMod, says: str, code: str
) -> None:
    before = gen.observation(STANDS)
    known = gen.after(before, decide(before))
    status = decide(credentials(known)).status
    assert status is not None
    told = {c.type: c for c in status.conditions}
    assert told["Ready"].status == "True"
    assert [error.code for error in status.last_errors] == [code]
    (event,) = events.between(known.sovereign, status, NOW)
    assert (event["type"], event["reason"]) == ("Warning", "PreflightPassedCheckFailed")
    assert says in event["message"]
