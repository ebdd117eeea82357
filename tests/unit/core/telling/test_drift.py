"""What people read about drift: what differs, whose doing it is, who puts it right."""

from __future__ import annotations

from dataclasses import replace

import pytest

from catalyst_operator.core.decide import decide
from catalyst_operator.core.drift import findings
from catalyst_operator.core.record import DriftEntry, PlanEntry, RunState
from catalyst_operator.core.redact import shorten
from catalyst_operator.core.telling import events
from tests.support import gen
from tests.support.gen import NOW, SceneMod, of
from tests.unit.core.decide.drifts import FOUND, LABELLED, OFF, REFUSED, REPAIR, REPORT, STOPPED, check, found, stands
from tests.unit.core.decide.table import first_error


def told(*given: SceneMod) -> str:
    """The message of Drifted."""
    status = decide(gen.observation(*given)).status
    assert status is not None
    return next((c.message for c in status.conditions if c.type == "Drifted"), "")


@pytest.mark.parametrize(
    ("mods", "plan", "says"),
    [
        (
            REPORT,
            FOUND,
            ("0 to add, 1 to change, 0 to destroy (hcloud_firewall.this)", "mode Report", "retryRequested"),
        ),
        (REPORT, FOUND, ("get configmap",)),
        (REPAIR, FOUND, ("A run puts it right; Ready says how that stands.",)),
        (REPORT, STOPPED, ("Nothing differs from what was asked for", "Powered off, and left so, since", OFF)),
        (REPORT, replace(FOUND, off=(OFF,)), ("1 to change", "Powered off", OFF)),
        (REPORT, LABELLED, ("as it was applied", "Not counted: labels", "next apply takes them away")),
        (
            REPORT,
            replace(FOUND, change=2, of_others=("hcloud_network.this",), others=1),
            ("1 to change", "Not counted"),
        ),
    ],
)
def test_what_is_said_of_what_was_found(mods: gen.RawMod, plan: PlanEntry, says: tuple[str, ...]) -> None:
    message = told(of(mods), found(plan))
    assert [part for part in says if part not in message] == [], message


def test_what_must_not_be_applied_says_why_and_what_to_do() -> None:
    message = told(of(REPAIR), found(FOUND, REFUSED))
    assert "ERR_PLAN_REFUSED: it must not be applied: it would be replaced. Leave it." in message


def test_what_differed_goes_on_to_be_told_while_nobody_can_look() -> None:
    """That nothing did, does not: nobody knows any more."""
    entry = DriftEntry(NOW - gen.SECOND, check().digest, FOUND)
    message = told(of(REPORT), stands(drift=entry), gen.tokened(None))
    assert "1 to change" in message
    assert "A check is due and cannot be made: Secret team-a/hcloud" in message
    fine = replace(entry, plan=None)
    assert told(of(REPORT), stands(drift=fine), gen.tokened(None)).startswith("A check is due and cannot be made")


def test_as_data() -> None:
    status = decide(gen.observation(of(REPORT), found(replace(FOUND, add=3, off=(OFF,))))).status
    assert status is not None
    assert status.drift is not None
    assert (status.drift.add, status.drift.change, status.drift.destroy) == (3, 1, 0)
    assert (status.drift.addresses, status.drift.powered_off) == (("hcloud_firewall.this",), (OFF,))
    assert status.drift.next_check_at is not None
    assert status.drift.next_check_at > NOW


def test_a_check_that_found_something_shows_its_plan_and_others_do_not() -> None:
    status = decide(gen.observation(of(REPORT), found(FOUND))).status
    assert status is not None
    assert status.plan is not None
    assert (status.plan.digest, bool(status.plan.config_map)) == (FOUND.digest, True)
    status = decide(gen.observation(of(REPORT), found(STOPPED))).status
    assert status is not None
    assert status.plan is not None
    assert status.plan.digest == gen.PLAN.digest, "the plan that was applied last"


def test_it_is_told_once_as_a_warning() -> None:
    o = gen.observation(of(REPORT), found(FOUND))
    decision = decide(o)
    assert decision.status is not None
    told = [e for e in events.between(o.sovereign, decision.status, NOW) if e["reason"].startswith("Drift")]
    assert [(e["type"], e["reason"]) for e in told] == [("Warning", "DriftDetected")]
    later = gen.after(o, decision)
    again = decide(later).status
    assert again is not None
    assert not [e for e in events.between(later.sovereign, again, NOW) if e["reason"].startswith("Drift")]


@pytest.mark.parametrize("mods", [(), (REPORT, gen.deleting)], ids=["not asked for", "being deleted"])
def test_where_nobody_wants_to_know_nothing_is_said(mods: tuple[gen.RawMod, ...]) -> None:
    o = gen.observation(of(*mods), found(FOUND, REFUSED))
    status = decide(o).status
    assert status is not None
    assert (told(of(*mods), found(FOUND, REFUSED)), status.drift) == ("", None)
    assert first_error(status) != "ERR_PLAN_REFUSED"


def test_what_nobody_wants_to_know_any_more_is_forgotten() -> None:
    o = gen.observation(found(FOUND))
    assert o.record is not None
    assert findings.advance(o, o.record).drift is None


def test_an_apply_leaves_nothing_but_servers_that_are_off() -> None:
    o = gen.observation(of(REPAIR), found(replace(FOUND, off=(OFF,))))
    assert o.record is not None
    after = findings.noted(o, o.record, gen.succeeded(3)).drift
    assert after is not None
    assert (after.differs, after.off) == (False, (OFF,))
    failed = findings.noted(o, o.record, gen.failed(attempt=3)).drift
    assert failed == o.record.drift, "an apply that failed says nothing of it"


def test_a_message_is_as_long_as_a_condition_takes() -> None:
    many = tuple(f'hcloud_load_balancer_service.this["{"x" * 60}{n}"]' for n in range(10))
    plan = replace(FOUND, differing=many, of_others=many, others=10, change=20, off=many)
    message = told(of(REPORT), found(plan))
    assert len(message) <= 1024
    assert shorten(message, 2000) == message


def test_an_interrupted_check_is_no_error_of_the_owner() -> None:
    run = check(RunState.INTERRUPTED, cause="evicted")
    status = decide(gen.observation(of(REPORT), stands(run))).status
    assert status is not None
    assert status.last_errors == ()
    assert "came to nothing" in told(of(REPORT), stands(run))
