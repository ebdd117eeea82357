"""A name that a registrar delegates: in whose hands it is, and how often the registrar is asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from catalyst_operator.api import labels
from catalyst_operator.api.enums import RegistrarName
from catalyst_operator.core.domains.actions import AskDns, AskRegistrar, DomainDecision
from catalyst_operator.core.domains.decide import decide
from catalyst_operator.core.domains.observation import (
    DnsAnswer,
    DomainObservation,
    RegistrarCredentials,
    RegistrarProblem,
    Trouble,
    ZoneView,
)
from catalyst_operator.core.domains.registering import MOST_TRIES, pause_after
from catalyst_operator.core.domains.zone import Zone
from tests.support import gen
from tests.support.reservations import (
    APEX,
    BY_API,
    HOSTS,
    OLD,
    answered,
    asked,
    by_api,
    flaws,
    look,
    reservation,
    reserved,
)

HEALTHY = answered(by_api(previous=True))
HALF = (DnsAnswer("a", "1", HOSTS), DnsAnswer("b", "2", OLD))


def problem(trouble: Trouble, **more: object) -> RegistrarProblem:
    return RegistrarProblem(trouble, "it says no", "Do this.", **more)  # type: ignore[arg-type]


def sound(o: DomainObservation) -> DomainDecision:
    decision = decide(o)
    assert flaws(decision, o) == []
    return decision


def talks(o: DomainObservation) -> list[tuple[str, ...] | None]:
    """What the registrar is asked for: None to read, hosts to have them set."""
    return [action.hosts for action in sound(o).actions if isinstance(action, AskRegistrar)]


def told(o: DomainObservation) -> dict[str, str]:
    status = sound(o).status
    assert status is not None
    return {c.type: f"{c.status} {c.reason}" for c in status.conditions}


def later(o: DomainObservation, pause: timedelta) -> DomainObservation:
    return replace(o, now=o.now + pause)


# --- somebody changes what was set ------------------------------------------------------------------------------------


def test_a_name_taken_away_at_the_registrar_is_noticed() -> None:
    """What was read there weeks ago is no reason to wait for the parent's servers for ever."""
    o = asked(by_api(previous=True), *HOSTS)
    assert talks(o) == [], "it was read a moment ago"
    assert talks(later(o, timedelta(minutes=5))) == [None]
    assert talks(asked(o, *OLD)) == [HOSTS]


def test_also_where_the_parents_servers_disagree() -> None:
    o = answered(asked(by_api(previous=True), *HOSTS), parent="com", delegation=HALF)
    assert told(o)["Delegated"] == "False ServersDisagree"
    assert talks(later(o, timedelta(minutes=5))) == [None]


def test_a_registrar_is_left_in_peace_while_all_is_well() -> None:
    assert talks(later(asked(HEALTHY, *HOSTS), timedelta(days=3))) == []


# --- once it is delegated, credentials are nobody's trouble -----------------------------------------------------------

TROUBLES = [
    *(
        pytest.param(asked(HEALTHY, problem=problem(trouble)), id=trouble.name)
        for trouble in (*Trouble,)
        if trouble is not Trouble.REFUSED
    ),
    pytest.param(HEALTHY, id="no Secret"),
    pytest.param(replace(HEALTHY, denied="It is not read."), id="a Secret that may not be read"),
]


@pytest.mark.parametrize("o", TROUBLES)
def test_a_delegated_name_is_ready_whatever_became_of_its_credentials(o: DomainObservation) -> None:
    assert told(o)["Ready"] == "True Succeeded"
    assert told(o)["RegistrarCredentialsValid"].split()[0] != "True"


@pytest.mark.parametrize("o", TROUBLES)
def test_nobody_is_asked_every_few_seconds_for_what_nobody_needs(o: DomainObservation) -> None:
    again = sound(o).requeue_after
    assert again is not None and again >= o.domains.settled_check


# --- before anything is spent -----------------------------------------------------------------------------------------


def waiting(**more: object) -> DomainObservation:
    """Reserved, without an address."""
    o = look(reserved(name=APEX, spec=BY_API), zone=ZoneView(), registered=APEX)
    old = (DnsAnswer("a.parent.test", "203.0.113.1", OLD),)
    return answered(o, **{"authority": (), "parent": "com", "delegation": old, **more})


def test_live_records_are_told_before_there_is_an_address() -> None:
    o = asked(waiting(live=("MX 10 mail.bank.com.",)), *OLD)
    assert (told(o)["Ready"], told(o)["Delegated"]) == ("False LiveRecords", "False LiveRecords")
    assert told(o)["Reserved"] == "True Reserved"


def test_whether_there_are_any_is_asked_before_there_is_an_address() -> None:
    o = replace(asked(waiting(), *OLD), dns=None)
    assert [type(action) for action in sound(o).actions] == [AskDns]
    assert told(o)["Delegated"] == "Unknown AwaitingDelegation"


def test_nobody_knows_whether_there_are_any() -> None:
    o = asked(waiting(live_error="the resolver does not answer"), *OLD)
    assert told(o)["Delegated"] == "Unknown AwaitingDelegation"
    assert talks(o) == []


def test_nothing_is_in_the_way_but_the_address() -> None:
    assert told(asked(waiting(), *OLD))["Ready"] == "False AwaitingAddress"


def test_credentials_are_tested_before_there_is_an_address() -> None:
    assert talks(replace(waiting(), credentials=RegistrarCredentials("s/1"))) == [None]
    o = asked(waiting(), problem=problem(Trouble.UNAUTHORIZED))
    assert told(o)["Ready"] == "False CredentialsInvalid"


def test_a_name_that_points_to_us_from_before_still_needs_credentials_that_work() -> None:
    """Nothing is spent for one whose registrar will not do, and the Secret is looked at again."""
    o = asked(waiting(delegation=(DnsAnswer("a", "1", HOSTS),)), problem=problem(Trouble.UNAUTHORIZED))
    assert told(o)["Ready"] == "False CredentialsInvalid"
    assert sound(o).requeue_after == timedelta(seconds=10)


# --- nothing is changed for a zone that is not there ------------------------------------------------------------------


@pytest.mark.parametrize(
    "zone",
    [ZoneView(), ZoneView(Zone(APEX, "somebody")), ZoneView(problem="it did not answer")],
    ids=["absent", "somebody else's", "unknown"],
)
def test_nothing_is_set_before_our_servers_know_the_name(zone: ZoneView) -> None:
    o = replace(asked(by_api(previous=True), *OLD), zone=zone)
    assert talks(o) == []


def test_other_credentials_are_tested_before_they_are_used() -> None:
    """A report of the former ones says nothing about these."""
    o = replace(asked(by_api(previous=True), *OLD), credentials=RegistrarCredentials("s/2"))
    assert talks(o) == [None]


# --- how often --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trouble", "pause"),
    [
        (Trouble.UNAUTHORIZED, timedelta(minutes=5)),
        (Trouble.FORBIDDEN, timedelta(minutes=5)),
        (Trouble.REFUSED, timedelta(minutes=5)),
        (Trouble.UNAVAILABLE, timedelta(seconds=5)),
        (Trouble.RATE_LIMITED, timedelta(seconds=5)),
    ],
)
def test_a_registrar_that_does_not_do_is_asked_again(trouble: Trouble, pause: timedelta) -> None:
    o = asked(by_api(previous=True), problem=problem(trouble))
    assert talks(later(o, pause - timedelta(seconds=1))) == []
    assert talks(later(o, pause)) == [None]


def test_a_key_that_is_missing_is_not_asked_about() -> None:
    """The registrar knows nothing about it; another Secret is another talk."""
    o = asked(by_api(previous=True), problem=problem(Trouble.INCOMPLETE))
    assert talks(later(o, timedelta(days=1))) == []


def test_too_many_requests_are_followed_by_none_until_then() -> None:
    until = gen.NOW + timedelta(minutes=30)
    o = asked(by_api(previous=True), problem=problem(Trouble.RATE_LIMITED, until=until))
    assert talks(later(o, timedelta(minutes=29))) == []
    assert talks(later(o, timedelta(minutes=30))) == [None]


@pytest.mark.parametrize("view", [{"pending": "task 7 is todo"}, {"set_at": gen.NOW, "set_to": HOSTS}])
def test_a_change_that_is_under_way_is_looked_at_every_few_seconds(view: dict[str, Any]) -> None:
    o = asked(by_api(previous=True), *OLD, **view)
    assert talks(o) == []
    assert talks(later(o, timedelta(seconds=5))) == [None]


def test_a_change_that_was_accepted_and_does_not_come_is_asked_for_again() -> None:
    o = asked(by_api(previous=True), *OLD, set_at=gen.NOW, set_to=HOSTS)
    assert talks(later(o, timedelta(minutes=9))) == [None]
    assert talks(later(o, timedelta(minutes=10))) == [HOSTS]


def pauses(o: DomainObservation, tries: int) -> timedelta:
    """How long after that many tries in a row the registrar is asked again."""
    assert o.registrar is not None
    o = replace(o, registrar=replace(o.registrar, tries=tries))
    return next(timedelta(seconds=n) for n in range(0, 3600, 5) if talks(later(o, timedelta(seconds=n))))


def test_a_registrar_that_is_down_is_asked_ever_more_seldom_and_for_ever() -> None:
    o = asked(by_api(previous=True), problem=problem(Trouble.UNAVAILABLE))
    assert [pauses(o, tries).total_seconds() for tries in (1, 2, 3, 7, 1000)] == [5, 10, 20, 300, 300]


def test_an_answer_that_nobody_knows_is_asked_for_some_times_and_then_no_more() -> None:
    o = asked(by_api(previous=True), problem=problem(Trouble.UNCLEAR), tries=MOST_TRIES - 1)
    assert told(o)["Ready"] == "Unknown Retrying"
    assert talks(later(o, timedelta(minutes=5))) == [None]
    spent = asked(by_api(previous=True), problem=problem(Trouble.UNCLEAR), tries=MOST_TRIES)
    assert told(spent)["Ready"] == "False RegistrarDenied"
    assert talks(later(spent, timedelta(days=30))) == []
    status = sound(spent).status
    assert status is not None and status.retry_at is None
    (error,) = status.last_errors
    assert (error.code, error.remedy) == ("ERR_REGISTRAR_DENIED", "Do this.") and "it says no" in error.message


def test_some_times_take_some_minutes() -> None:
    assert MOST_TRIES <= 20
    pauses = sum(map(pause_after, range(1, MOST_TRIES)), timedelta())
    assert timedelta(minutes=5) < pauses < timedelta(minutes=30)


@pytest.mark.parametrize("what", ["Secret", "registrar", "annotation"])
def test_until_something_changes(what: str) -> None:
    o = asked(by_api(previous=True), problem=problem(Trouble.UNCLEAR), tries=MOST_TRIES)
    spec, meta = o.reservation.spec, o.reservation.metadata
    if what == "Secret":
        o = replace(o, credentials=RegistrarCredentials("s/2"))
    elif what == "registrar":
        assert spec.registrar is not None
        registrar = spec.registrar.model_copy(update={"name": RegistrarName.DYNADOT})
        spec = spec.model_copy(update={"registrar": registrar})
        o = replace(o, reservation=o.reservation.model_copy(update={"spec": spec}))
    else:
        meta = meta.model_copy(update={"annotations": {**meta.annotations, labels.ANNOTATION_RETRY: "now"}})
        o = replace(o, reservation=o.reservation.model_copy(update={"metadata": meta}))
    assert talks(o) == [None]


@pytest.mark.parametrize("trouble", [Trouble.FORBIDDEN, Trouble.REFUSED, Trouble.UNCLEAR])
def test_a_change_that_is_refused_is_told_in_its_words_and_asked_for_some_times(trouble: Trouble) -> None:
    """Reading works: the credentials are not at fault, and the words are not forgotten with the next look."""
    o = asked(by_api(previous=True), *OLD, refused=problem(trouble), refusals=3, tried_at=gen.NOW)
    assert (told(o)["RegistrarCredentialsValid"], told(o)["Ready"]) == ("True Passed", "False RegistrarDenied")
    assert talks(o) == []
    status = sound(o).status
    assert status is not None and status.retry_at == gen.NOW + timedelta(minutes=1)
    assert [e.code for e in status.last_errors] == ["ERR_REGISTRAR_DENIED"]
    assert talks(later(o, timedelta(minutes=1))) == [HOSTS]
    spent = asked(by_api(previous=True), *OLD, refused=problem(trouble), refusals=MOST_TRIES, tried_at=gen.NOW)
    assert HOSTS not in talks(later(spent, timedelta(days=30)))


@pytest.mark.parametrize(
    "o",
    [by_api(previous=True), look(reservation(APEX, spec=BY_API), registered=APEX)],
    ids=["served", "not held yet, so that nobody else is asked"],
)
def test_a_long_limit_does_not_hide_a_secret_that_was_replaced(o: DomainObservation) -> None:
    """Secrets are not watched: whoever waits for an hour would not see it before."""
    until = gen.NOW + timedelta(hours=1)
    o = asked(o, problem=problem(Trouble.RATE_LIMITED, until=until))
    decision = sound(o)
    assert decision.requeue_after is not None and decision.requeue_after <= timedelta(seconds=10)
    assert decision.status is not None and decision.status.retry_at == until
    assert talks(replace(o, credentials=RegistrarCredentials("s/2"))) == [None]
