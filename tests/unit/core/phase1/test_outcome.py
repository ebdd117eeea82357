"""The verdict on the kit: a table of every case, and what holds in any order of events."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalyst_operator.api.phases import ComponentState, Phase1Outcome
from catalyst_operator.core.phase1.components import state
from catalyst_operator.core.phase1.expected import Expected, expected
from catalyst_operator.core.phase1.outcome import Judgement, Limits, go_duration, judge, warning
from catalyst_operator.core.phase1.views import ClusterView, HelmReleaseView, Link, LinkView
from tests.unit.core.phase1 import kit
from tests.unit.core.phase1.kit import CHAIN, KIT, NOW, Mod

READY, FAILED, TIMEOUT = Phase1Outcome.READY, Phase1Outcome.FAILED, Phase1Outcome.TIMEOUT
NOTHING_SEEN = Phase1Outcome.FLUX_NOT_RECONCILING
MINUTE = timedelta(minutes=1)
LIMITS = Limits(15 * MINUTE, NOW + 5 * MINUTE, NOW + 50 * MINUTE, 11)
LATER, TOO_LATE = NOW + 10 * MINUTE, NOW + 60 * MINUTE
LARGE = tuple(f"bp-{number:02}" for number in range(38))
EMPTY = ClusterView(kit.UP, synced=True)
DOWN = LinkView(Link.DOWN, NOW)
LAST_FAILED = {CHAIN[-1]: (kit.install_failed(), kit.stalled())}
INSTALLING = {CHAIN[-1]: (kit.progressing(),)}
UPGRADING = {CHAIN[-1]: (kit.deployed, kit.progressing("Running 'upgrade' action with timeout of 5m0s"))}
MARKS: dict[str, tuple[Mod, ...]] = {
    "installed": (kit.ready(),),
    "untouched": (),
    "waiting": (kit.waiting_for("bp-cilium"),),
    "working": (kit.progressing(),),
    "retrying": (kit.spec(install={"remediation": {"retries": 3}}), kit.install_failed()),
    "failed": (kit.install_failed(), kit.stalled()),
    "degraded": (kit.deployed, kit.not_ready("UpgradeFailed"), kit.spec(upgrade={"remediation": {"retries": 9}})),
    "edited": (kit.ready(), kit.edited),
    "deleting": (kit.ready(), kit.deleting),
}
NAMESAKE = kit.release("bp-tenant", kit.ready())
MINE = kit.release("my-app", kit.install_failed(), kit.stalled(), namespace="apps")


def kit_of(names: tuple[str, ...] = CHAIN, *mods: Mod, **releases: Any) -> ClusterView:
    """A cluster whose kit has these names; `marks` are as for `kit.chain`."""
    return kit.cluster(
        releases=kit.chain(*names, mods=releases.get("marks")),
        kustomizations=(kit.kustomization(KIT, *(mods or (kit.applied(names),))),),
    )


def with_one_more(*mods: Mod) -> ClusterView:
    """All is well with the kit, which has a component in the namespace of tenants besides, with these marks."""
    view = kit_of(CHAIN, kit.applied(), kit.inventory(("bp-tenant",), namespace="tenants"))
    return replace(view, releases=(*view.releases, kit.release("bp-tenant", *mods, namespace="tenants")))


def blocked_after(name: str) -> dict[str, tuple[Mod, ...]]:
    """`name` failed for good, and all after it wait, one for the other."""
    at = CHAIN.index(name)
    waits = {CHAIN[n]: (kit.waiting_for(CHAIN[n - 1]),) for n in range(at + 1, len(CHAIN))}
    return {name: (kit.install_failed(), kit.stalled()), **waits}


def verdict(
    view: ClusterView | None = None,
    now: datetime = NOW,
    *,
    ever_seen: bool = False,
    before: Phase1Outcome | None = None,
    limits: Limits = LIMITS,
    selected: tuple[str, ...] = (),
    wanted: Expected | None = None,
    installed: bool = False,
) -> Judgement:
    """The verdict on a cluster whose expected components are its own."""
    told = expected(view.kustomization(KIT) if view else None, CHAIN, selected, view.kustomizations if view else ())
    return judge(view, wanted or told, limits, ever_seen=ever_seen, before=before, now=now, installed=installed)


TOO_MUCH = LinkView(Link.TOO_MUCH, NOW, "an answer of more than 4 MiB")


@dataclass(frozen=True)
class Case:
    """One row: what is seen, and recorded, leads to this outcome and says this."""

    why: str
    view: ClusterView | None
    outcome: Phase1Outcome | None
    says: str = ""
    now: datetime = NOW
    seen: bool = False
    before: Phase1Outcome | None = None
    min_components: int = 11
    selected: tuple[str, ...] = ()
    installed: bool = False
    """Whether the kit stood as a whole before."""


CASES = (
    # --- ready ---
    Case("all 12 are installed", kit_of(), READY, "All 12 components are installed."),
    Case("38 instead of 12", kit_of(LARGE), READY, "All 38"),
    Case(
        "the 12th of 12 is not installed, though 11 would do", kit_of(marks=INSTALLING), None, "Being installed: bp-cat"
    ),
    Case(
        "37 of 38",
        kit_of(LARGE, marks={"bp-20": (kit.progressing(),)}),
        None,
        "37 of 38 components are installed. Being installed: bp-20.",
    ),
    Case("late convergence after failed", kit_of(), READY, now=TOO_LATE, seen=True, before=FAILED),
    Case("late convergence after timeout", kit_of(), READY, now=TOO_LATE, seen=True, before=TIMEOUT),
    Case("late convergence after nothing was seen", kit_of(), READY, now=LATER, before=NOTHING_SEEN),
    # --- not ready: early, empty or unsure ---
    Case("nothing there, lists complete", EMPTY, None, "has not told yet"),
    Case("lists not complete", replace(kit_of(), synced=False), None),
    Case("nobody watches it yet", None, None),
    Case("the link is down although all was installed", replace(kit_of(), link=DOWN), None),
    Case("fewer than the minimum", kit_of(CHAIN[:10]), None, "10 HelmReleases are there, of the 11 asked for"),
    Case("a small kit whose owner said so", kit_of(CHAIN[:3]), READY, min_components=3),
    Case(
        "all that was rendered is installed, but the cluster does not say what its kit has",
        kit_of(CHAIN, kit.not_ready("BuildFailed")),
        None,
        "has not told yet",
    ),
    Case(
        "with `wait`, the kit is healthy for the HelmReleases and Flux has not said so yet",
        kit_of(CHAIN, kit.inventory(CHAIN)),
        None,
        "A Kustomization of the kit has not been applied yet",
    ),
    Case(
        "an edit of a component is not applied yet",
        kit_of(marks={"bp-openbao": (kit.ready(), kit.edited)}),
        None,
        "Upgrading: bp-openbao",
    ),
    Case(
        "a component of another namespace that the kit has is not there",
        kit_of(CHAIN, kit.applied(), kit.inventory(("bp-tenant",), namespace="tenants")),
        None,
        "12 of 13 components are installed. Waiting: tenants/bp-tenant.",
    ),
    Case(
        "a component of another namespace is installed too",
        with_one_more(kit.ready()),
        READY,
        "All 13",
    ),
    Case(
        "a namesake of it, in flux-system, says nothing of it",
        replace(with_one_more(kit.progressing()), releases=(*with_one_more(kit.progressing()).releases, NAMESAKE)),
        None,
        "12 of 13 components are installed. Being installed: tenants/bp-tenant.",
    ),
    Case(
        "the owner's own, which is broken, does not count",
        replace(kit_of(), releases=(*kit_of().releases, MINE)),
        READY,
        "All 12",
    ),
    Case("one is suspended, and was installed", kit_of(marks={CHAIN[-1]: (kit.ready(), kit.suspended)}), READY),
    Case(
        "one is suspended before it was installed: told as what is awaited",
        kit_of(marks={CHAIN[-1]: (kit.suspended,)}),
        None,
        "11 of 12 components are installed. Suspended, and awaited: bp-catalyst-platform.",
    ),
    Case(
        "one was deleted",
        replace(kit_of(), releases=kit.chain()[:-1]),
        None,
        "Waiting: bp-catalyst-platform",
        seen=True,
    ),
    Case("a selected component is not in the kit", kit_of(), None, "Waiting: bp-harbor", selected=("bp-harbor",)),
    Case("one more HelmRelease than expected harms nothing", kit_of(CHAIN, kit.applied(CHAIN[:11])), READY),
    # --- failed ---
    Case(
        "the last one failed for good",
        kit_of(marks=LAST_FAILED),
        FAILED,
        "11 of 12 components are installed. Failed for good: bp-catalyst-platform.",
    ),
    Case(
        "one in the middle failed and the rest waits for it",
        kit_of(marks=blocked_after("bp-keycloak")),
        FAILED,
        "Failed for good: bp-keycloak. bp-gitea, bp-powerdns, bp-catalyst-platform wait for that.",
    ),
    Case(
        "with `wait`, Flux never calls such a kit applied",
        kit_of(CHAIN, kit.inventory(CHAIN), kit.not_ready("HealthCheckFailed"), marks=LAST_FAILED),
        FAILED,
    ),
    Case(
        "one failed, another is still at work",
        kit_of(marks={"bp-spire": (kit.progressing(),), **LAST_FAILED}),
        None,
        "Failed for good: bp-catalyst-platform. Being installed: bp-spire.",
    ),
    Case(
        "an install failed that is tried again",
        kit_of(marks={CHAIN[-1]: (kit.spec(install={"remediation": {"retries": 3}}), kit.install_failed())}),
        None,
    ),
    Case("the repair is at work", kit_of(marks=INSTALLING), None, before=FAILED, seen=True),
    Case("fewer than the minimum, one of them failed", kit_of(CHAIN[:2], marks={"bp-cilium": (kit.stalled(),)}), None),
    # --- nothing seen ---
    Case("none seen, and it is time", EMPTY, NOTHING_SEEN, "Phase 1 watch saw 0 HelmReleases in 15m0s", now=LATER),
    Case("none seen since nobody answers", ClusterView(DOWN), NOTHING_SEEN, now=LATER),
    Case("none seen, long after both deadlines", EMPTY, NOTHING_SEEN, now=TOO_LATE),
    Case("a late one recovers", kit_of(marks=INSTALLING), None, now=LATER, before=NOTHING_SEEN),
    Case("one is seen of many expected", replace(kit_of(), releases=kit.chain(CHAIN[0])), None, now=LATER),
    Case("seen once, all deleted since", EMPTY, None, now=LATER, seen=True),
    # --- timeout ---
    Case(
        "some seen, not all installed in time",
        kit_of(marks=INSTALLING),
        TIMEOUT,
        "ended at 2026-11-22 12:50",
        now=TOO_LATE,
    ),
    Case("seen once, all deleted since, and it is time", EMPTY, TIMEOUT, now=TOO_LATE, seen=True),
    Case("a rejoin moved the deadline", kit_of(marks=INSTALLING), None, before=TIMEOUT, seen=True),
    # Once the kit stood, the time to install it is over: an upgrade, or what breaks later, is told as what it is.
    Case(
        "one is upgraded after the deadline of the installation",
        kit_of(marks=UPGRADING),
        None,
        "11 of 12 components are installed. Upgrading: bp-catalyst-platform.",
        now=TOO_LATE,
        before=READY,
        seen=True,
        installed=True,
    ),
    Case(
        "the first of all is upgraded, and the rest waits for it: only that one is named",
        kit_of(marks={CHAIN[0]: UPGRADING[CHAIN[-1]], CHAIN[1]: (kit.in_sync, kit.waiting_for(CHAIN[0]))}),
        None,
        "11 of 12 components are installed. Upgrading: bp-cilium.",
        now=TOO_LATE,
        seen=True,
        installed=True,
    ),
    Case(
        "one breaks after the deadline, and nobody pushed anything",
        kit_of(marks={CHAIN[-1]: MARKS["degraded"]}),
        None,
        "11 of 12 components are installed. Degraded: bp-catalyst-platform.",
        now=TOO_LATE,
        before=READY,
        seen=True,
        installed=True,
    ),
    Case(
        "one that is new is installed after the deadline, since the branch went on",
        kit_of((*CHAIN, "bp-new"), marks={"bp-new": (kit.progressing(),)}),
        None,
        "Being installed: bp-new.",
        now=TOO_LATE,
        before=READY,
        seen=True,
        installed=True,
    ),
    Case("all of it is deleted later", EMPTY, None, now=TOO_LATE, before=READY, seen=True, installed=True),
    Case("an upgrade failed for good", kit_of(marks=LAST_FAILED), FAILED, now=TOO_LATE, before=READY, installed=True),
    Case(
        "it stood, and a push or a rejoin gave it its time anew",
        kit_of(marks=INSTALLING),
        TIMEOUT,
        now=TOO_LATE,
        seen=True,
    ),
    Case("a later degradation before it", kit_of(marks=INSTALLING), None, before=READY, seen=True),
    # --- what cannot be seen is as it was ---
    Case("ready, then the link is cut", replace(kit_of(), link=DOWN), READY, now=TOO_LATE, seen=True, before=READY),
    Case(
        "ready, then the operator restarts",
        None,
        READY,
        "when the cluster was last seen",
        now=LATER,
        seen=True,
        before=READY,
    ),
    Case(
        "failed, then the operator restarts", None, FAILED, "when the cluster was last seen", seen=True, before=FAILED
    ),
    Case("cut, and the time passes", replace(kit_of(marks=INSTALLING), link=DOWN), TIMEOUT, now=TOO_LATE, seen=True),
    Case("restarted, and the time passes", None, TIMEOUT, now=TOO_LATE, seen=True),
    Case("restarted after the timeout", None, TIMEOUT, now=TOO_LATE, seen=True, before=TIMEOUT),
    Case("restarted after a rejoin", None, None, seen=True, before=TIMEOUT),
    Case("somebody else answers", replace(kit_of(), link=LinkView(Link.UNTRUSTED, NOW)), None),
    Case("more than can be read, none ever seen", ClusterView(TOO_MUCH), None, now=LATER),
    Case("more than can be read, some seen", replace(kit_of(marks=INSTALLING), link=TOO_MUCH), None, now=TOO_LATE),
    Case("more than can be read, once ready", replace(kit_of(), link=TOO_MUCH), READY, now=TOO_LATE, before=READY),
    Case("it answers 403", replace(kit_of(), link=LinkView(Link.UNAUTHORIZED, NOW)), READY, before=READY, seen=True),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.why)
def test_outcome(case: Case) -> None:
    """Every case of the runbook, and those around them."""
    found = verdict(
        case.view,
        case.now,
        ever_seen=case.seen,
        before=case.before,
        selected=case.selected,
        installed=case.installed,
        limits=replace(LIMITS, min_components=case.min_components),
    )
    assert found.outcome == case.outcome, found.message
    assert case.says in found.message


def test_counts_and_who_is_settled() -> None:
    """Status shows them while there is no verdict too."""
    found = verdict(kit_of(marks=blocked_after("bp-keycloak")))
    assert (found.summary, found.installed, found.settled, found.seen) == ("8/12", 8, True, True)
    assert (found.failed, found.blocked) == (("bp-keycloak",), CHAIN[9:])
    assert not verdict(kit_of(marks=INSTALLING)).settled


def test_the_warning_is_the_runbooks() -> None:
    """People search for these very words."""
    assert verdict(EMPTY, LATER).warning == (
        "Phase 1 watch saw 0 HelmReleases in 15m0s; the bootstrap-kit Kustomization may not be reconciling. "
        "Operator: run flux get kustomization -n flux-system on the new cluster."
    )
    assert verdict(EMPTY).warning == verdict(kit_of(), LATER).warning == ""


@pytest.mark.parametrize(
    ("seconds", "text"), [(900, "15m0s"), (3600, "1h0m0s"), (45, "45s"), (90, "1m30s"), (5415, "1h30m15s"), (0, "0s")]
)
def test_durations_as_go_prints_them(seconds: int, text: str) -> None:
    """People search for the sentence as the runbook has it, and there Go wrote it."""
    assert go_duration(timedelta(seconds=seconds)) == text


def test_the_next_moment_that_matters() -> None:
    """Nothing else wakes the operator when nothing happens."""
    assert verdict(EMPTY).again == LIMITS.first_seen_deadline
    assert verdict(None).again == LIMITS.first_seen_deadline
    assert verdict(kit_of(marks=INSTALLING)).again == LIMITS.watch_deadline
    assert verdict(EMPTY, LATER, ever_seen=True).again == LIMITS.watch_deadline
    assert verdict(kit_of(marks=INSTALLING), installed=True).again is None
    for done in (verdict(kit_of()), verdict(EMPTY, LATER), verdict(kit_of(marks=INSTALLING), TOO_LATE)):
        assert done.outcome and done.again is None


# --- what holds always ------------------------------------------------------------------------------------------------

NOT_INSTALLED = sorted(set(MARKS) - {"installed"})
_marks = st.dictionaries(st.sampled_from(CHAIN), st.sampled_from(sorted(MARKS)))
_missing = st.sets(st.sampled_from(CHAIN), max_size=3)
_links = st.sampled_from(list(Link))
_befores = st.sampled_from([None, *Phase1Outcome])
_minutes = st.integers(min_value=-10, max_value=120)


def _view(marks: dict[str, str], missing: set[str], link: Link, synced: bool) -> ClusterView:
    view = kit_of(marks={name: MARKS[mark] for name, mark in marks.items()})
    there = tuple(r for r in view.releases if r.name not in missing)
    return replace(view, releases=there, link=LinkView(link, NOW), synced=synced)


def _installed(view: ClusterView) -> set[str]:
    return {r.name for r in view.releases if state(r) is ComponentState.INSTALLED}


_views = st.builds(_view, _marks, _missing, _links, st.booleans())


@given(_views, _befores, st.booleans(), _minutes)
@settings(max_examples=300, deadline=None)
def test_ready_is_earned(view: ClusterView, before: Phase1Outcome | None, seen: bool, minutes: int) -> None:
    """Never with one missing, pending, failed or stale, never on a list that is not complete, never by the clock."""
    found = verdict(view, NOW + minutes * MINUTE, ever_seen=seen, before=before)
    sees = view.synced and view.link.state is Link.UP
    if found.outcome is READY:
        assert _installed(view) == set(CHAIN) if sees else before is READY
    if sees and _installed(view) == set(CHAIN):
        assert found.outcome is READY


@given(st.sampled_from(CHAIN), st.sampled_from(NOT_INSTALLED), _befores, _minutes)
@settings(max_examples=200, deadline=None)
def test_one_that_is_not_installed_is_enough(name: str, mark: str, before: Phase1Outcome | None, minutes: int) -> None:
    """The others do not outvote it."""
    view = _view({name: mark}, set(), Link.UP, True)
    assert verdict(view, NOW + minutes * MINUTE, ever_seen=True, before=before).outcome is not READY


@given(_views, _befores, st.booleans(), _minutes, _minutes)
@settings(max_examples=300, deadline=None)
def test_deadlines_strike_once(
    view: ClusterView, before: Phase1Outcome | None, seen: bool, one: int, other: int
) -> None:
    """As time passes and nothing else, there is a verdict at most once, and it stays."""
    early, late = sorted((one, other))
    first = verdict(view, NOW + early * MINUTE, ever_seen=seen, before=before)
    second = verdict(view, NOW + late * MINUTE, ever_seen=first.seen, before=first.outcome)
    if first.outcome is not None:
        assert second.outcome == first.outcome
    if first.again is not None:
        assert verdict(view, first.again, ever_seen=seen, before=before).outcome is not None
        just_before = first.again - timedelta(seconds=1)
        assert verdict(view, just_before, ever_seen=seen, before=before).outcome is None


@given(st.lists(_views, max_size=6), _views, _minutes)
@settings(max_examples=200, deadline=None)
def test_only_the_level_counts(history: list[ClusterView], last: ClusterView, minutes: int) -> None:
    """Whatever happened before, and in which order: what is seen now decides."""
    seeing = replace(last, synced=True, link=kit.UP)
    before, seen = None, False
    for view in history:
        step = verdict(view, NOW, ever_seen=seen, before=before)
        before, seen = step.outcome, step.seen
    now = NOW + minutes * MINUTE
    directly = verdict(seeing, now, ever_seen=seen)
    assert verdict(seeing, now, ever_seen=seen, before=before) == directly


@given(st.permutations(list(range(len(CHAIN)))), _marks)
@settings(max_examples=100, deadline=None)
def test_the_order_in_which_they_are_listed_does_not_matter(order: list[int], marks: dict[str, str]) -> None:
    """A list comes in any order."""
    view = _view(marks, set(), Link.UP, True)
    shuffled: tuple[HelmReleaseView, ...] = tuple(view.releases[at] for at in order)
    assert verdict(replace(view, releases=shuffled)) == verdict(view)


def test_the_sentence_of_the_warning_needs_no_verdict() -> None:
    """The event is written with the values of the time."""
    assert "in 45s;" in warning(timedelta(seconds=45))
