"""Whatever is in the way before anything is spent is told at once, not one thing after the other was put right."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from catalyst_operator.api.sovereign_status import SovereignStatus
from catalyst_operator.core.actions import AskPreflight, AskRegistrarBeforehand, CreateJob, Decision
from catalyst_operator.core.air_gap import mirrors
from catalyst_operator.core.decide import decide
from catalyst_operator.core.domains.observation import RegistrarCredentials
from tests.support import gen
from tests.support.gen import SceneMod, known, of, seen, spec
from tests.support.reservations import served
from tests.unit.core.decide import domains
from tests.unit.core.decide.domains import ahead

KEPT = {"mode": "pool", "fqdn": "www.omani.works"}
WRONG = spec(release="2019-01", components=["harbour"], domain=KEPT)
DRY = spec(dryRun=True)
ALL = ["ERR_SPEC_INVALID", "ERR_SPEC_INVALID", "ERR_DOMAIN_NAME", "ERR_SIZE_UNKNOWN", "ERR_NAME_CONFLICT"]


def told(decision: Decision) -> SovereignStatus:
    assert decision.status is not None
    return decision.status


def codes_of(decision: Decision) -> list[str]:
    return [error.code for error in told(decision).last_errors]


def said(decision: Decision, type_: str) -> tuple[str, str]:
    """Status and message of a condition."""
    (found,) = (c for c in told(decision).conditions if c.type == type_)
    return found.status, found.message


@pytest.mark.parametrize("mod", [DRY, spec()], ids=["a dry run", "what is to be applied"])
def test_all_that_is_wrong_is_told_in_one_go(mod: gen.RawMod) -> None:
    decision = decide(gen.observation(of(WRONG, mod), served(), ahead(), gen.looked(gen.UNKNOWN_SIZE, gen.IN_THE_WAY)))
    assert codes_of(decision) == ALL
    status, message = said(decision, "PreflightPassed")
    assert status == "False"
    for sentence in (
        "no release '2019-01'",
        "'harbour' (did you mean harbor?)",
        "'www' is kept",
        "cpx99",
        "networks/7",
    ):
        assert sentence in message
    checks = {check.name: check.result for check in told(decision).preflight}
    assert checks == {**dict.fromkeys(("spec", "sizes", "names", "domain"), "Failed"), "git": "Passed"}
    _, ready = said(decision, "Ready")
    assert ready.startswith("There is no release '2019-01'")
    assert ready.endswith("Also: ERR_SPEC_INVALID, ERR_DOMAIN_NAME, ERR_SIZE_UNKNOWN, ERR_NAME_CONFLICT (lastErrors).")


def test_a_project_that_nobody_asked_yet_is_asked_first() -> None:
    """Else its errors would come a moment after the others."""
    decision = decide(gen.observation(of(WRONG, DRY), served(), ahead(), gen.unlooked))
    (ask,) = decision.actions[-1:]
    assert isinstance(ask, AskPreflight)
    assert ask.wanted.location == "fsn1"
    assert codes_of(decision) == []
    assert said(decision, "Reconciling")[1].startswith("Checking token, sizes, names and SSH keys")


def test_a_restart_of_the_operator_takes_nothing_back() -> None:
    """The look at the project is forgotten then, and what status says of the rest is still so."""
    before = gen.observation(of(WRONG, DRY), served(), ahead())
    told_then = told(decide(before))
    restarted = replace(before, sovereign=before.sovereign.model_copy(update={"status": told_then}), preflight=None)
    decision = decide(restarted)
    assert codes_of(decision) == ALL[:3]
    assert any(isinstance(action, AskPreflight) for action in decision.actions)


def test_a_look_that_was_good_once_is_repeated_while_the_others_are_told() -> None:
    earlier = gen.looked(at=gen.NOW - timedelta(minutes=11))
    decision = decide(gen.observation(of(WRONG, DRY), served(), ahead(), earlier))
    assert codes_of(decision) == ALL[:3]
    assert isinstance(decision.actions[-1], AskPreflight)


def test_without_a_token_the_rest_is_told_all_the_same() -> None:
    decision = decide(gen.observation(of(WRONG, DRY), served(), ahead(), gen.unlooked, seen(credentials=None)))
    assert codes_of(decision) == [*ALL[:3], "ERR_SECRET_MISSING"]
    assert not any(isinstance(action, AskPreflight) for action in decision.actions)
    assert "does not exist; create it with a Hetzner" in said(decision, "PreflightPassed")[1]


def test_a_registrar_is_asked_while_the_project_is() -> None:
    paper = ahead(credentials=RegistrarCredentials("s/1"))
    decision = decide(gen.observation(of(domains.OWN, DRY), served(), paper, gen.unlooked))
    assert {type(action) for action in decision.actions} >= {AskPreflight, AskRegistrarBeforehand}


def test_what_was_put_right_is_told_no_more() -> None:
    o = gen.observation(of(WRONG, DRY), served(), ahead(), gen.looked(gen.UNKNOWN_SIZE))
    after = told(decide(o))
    right = gen.sovereign(DRY)
    again = replace(o, sovereign=right.model_copy(update={"status": after}), preflight=None)
    again = replace(ahead()(again), preflight=gen.looked_at(again))
    checks = {check.name: check.result for check in told(decide(again)).preflight}
    assert checks == {"token": "Passed", "git": "Passed", "domain": "Passed"}


@pytest.mark.parametrize(
    ("mods", "why"),
    [
        ((of(WRONG, spec(suspend=True)), gen.looked()), "nothing is asked of one that is suspended"),
        ((of(spec(components=["harbour"])), known(gen.failed()), gen.looked()), "there is nothing else"),
    ],
)
def test_nothing_else_is_told(mods: tuple[SceneMod, ...], why: str) -> None:
    decision = decide(gen.observation(*mods))
    assert set(codes_of(decision)) == {"ERR_SPEC_INVALID"}, why
    assert "Also" not in said(decision, "Ready")[1], why


def test_a_cluster_that_stands_is_not_asked_about_what_is_not_wanted_of_it() -> None:
    edit = spec(
        components=["harbour"],
        gitops=gen.PUSHED,
    )
    standing = known(gen.succeeded(), bootstrap=gen.READY)
    decision = decide(gen.observation(of(edit), standing, gen.unlooked))
    assert codes_of(decision) == ["ERR_SPEC_INVALID"]


MIRRORED = replace(gen.SETTINGS, mirrors=mirrors.parse("https://github.com/=https://mirror.example/"))


def test_files_of_a_mirror_that_nobody_vouches_for_are_told_before_anything_is_spent() -> None:
    """On a server they would be waited for until somebody gives up: their vendor is out of reach."""
    decision = decide(gen.observation(served(), ahead(), gen.seen(settings=MIRRORED)))
    assert codes_of(decision) == ["ERR_SPEC_INVALID"]
    (error,) = told(decision).last_errors
    assert "no sha256 of k3s, flux" in error.message
    assert "Set CATALYST_RELEASE_DIGESTS to 2026-04/k3s=SHA256,2026-04/flux=SHA256" in error.message
    assert not any(isinstance(action, CreateJob) for action in decision.actions)


def test_files_of_a_mirror_that_the_operator_vouches_for_are_fetched_there() -> None:
    digests = {"2026-04": {"k3s": "0" * 64, "flux": "0" * 64}}
    vouched = replace(MIRRORED, release_digests=digests)
    assert codes_of(decide(gen.observation(served(), ahead(), gen.seen(settings=vouched)))) == []


def test_a_cluster_that_stands_is_not_stalled_by_a_new_table() -> None:
    decision = decide(gen.observation(gen.known(gen.succeeded()), served(), gen.seen(settings=MIRRORED)))
    assert "ERR_SPEC_INVALID" not in codes_of(decision)
