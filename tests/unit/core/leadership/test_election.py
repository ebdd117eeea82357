"""Who may write when: of two operators never both, however their clocks run, whatever is late, lost or frozen."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from catalyst_operator.core.leadership.election import (
    LONGEST_LEASE,
    MISSING,
    FoundLease,
    LeaseState,
    Sighting,
    Terms,
    judge,
)

TERMS = Terms(15)
HELD = FoundLease("1", "other", 15)


def test_the_holder_stops_when_two_thirds_of_the_time_are_over() -> None:
    assert TERMS.left(None, 0) == 0, "it never had it"
    assert TERMS.left(100, 100) == 10
    assert TERMS.left(100, 109) == 1
    assert TERMS.left(100, 110) == TERMS.left(100, 1e9) == 0
    assert TERMS.pause == 3


@pytest.mark.parametrize(
    ("found", "seen", "now", "claim", "why"),
    [
        (FoundLease("1", ""), None, 0, LeaseState.FREE, "its holder gave it up"),
        (FoundLease("1", "me", 15), None, 0, LeaseState.FREE, "the container was started again"),
        (HELD, None, 1e9, LeaseState.HELD, "seen for the first time: it may have been renewed a moment ago"),
        (HELD, Sighting("1", 100), 114.9, LeaseState.HELD, "not all of the time is over"),
        (HELD, Sighting("1", 100), 115, LeaseState.EXPIRED, "nothing was heard of it for all of its time"),
        (HELD, Sighting("0", 100), 115, LeaseState.HELD, "it was renewed"),
        (replace(HELD, duration=60), Sighting("1", 100), 115, LeaseState.HELD, "its holder asks for more time"),
        (replace(HELD, duration=0), Sighting("1", 100), 115, LeaseState.EXPIRED, "its holder does not say"),
        (replace(HELD, duration=1e9), Sighting("1", 0), LONGEST_LEASE, LeaseState.EXPIRED, "no operator asks for that"),
        (MISSING, None, 100, LeaseState.HELD, "somebody took it away: its holder may still write"),
        (MISSING, Sighting("", 100), 115, LeaseState.EXPIRED, "whoever held it has stopped"),
    ],
)
def test_what_the_lease_is_to_whoever_looks(
    found: FoundLease, seen: Sighting | None, now: float, claim: LeaseState, why: str
) -> None:
    assert judge(found, "me", seen, now, TERMS)[0] is claim, why


# --- two operators and one Lease --------------------------------------------------------------------------------------


@dataclass
class Write:
    """A request that is under way, and took effect or not; its answer may never come."""

    expected: str
    holder: str
    began: float
    landed: str | None = None
    """The version that it made; None as long as it has not arrived, or was refused."""
    arrived: bool = False


@dataclass
class Candidate:
    """An operator that is only ever as far as it was let."""

    name: str
    offset: float
    rate: float
    renewed: float | None = None
    version: str = ""
    seen: Sighting | None = None
    looked: tuple[float, FoundLease] | None = None
    under_way: list[Write] = field(default_factory=list)

    def clock(self, time: float) -> float:
        return self.offset + self.rate * time


class World:
    """The Lease as the API server keeps it: each write only over the version that its sender saw."""

    def __init__(self, candidates: list[Candidate]) -> None:
        self.time = 0.0
        self.lease = FoundLease("0", "")
        self.deleted = False
        self.candidates = candidates

    def step(self, who: int, what: str, seconds: float) -> None:
        self.time += seconds
        candidate = self.candidates[who]
        for deed in AT_ONCE.get(what, (what,)):
            getattr(self, f"_{deed}")(candidate, candidate.clock(self.time))

    def _wait(self, _candidate: Candidate, _now: float) -> None:
        """Frozen, or busy with something else."""

    def _look(self, candidate: Candidate, now: float) -> None:
        candidate.looked = (now, self.lease)

    def _judge(self, candidate: Candidate, now: float) -> None:
        """Of what it was answered, which may be old by now."""
        if candidate.looked is None or candidate.renewed is not None:
            return
        (began, found), candidate.looked = candidate.looked, None
        claim, candidate.seen = judge(found, candidate.name, candidate.seen, now, TERMS)
        if claim is not LeaseState.HELD:
            candidate.under_way.append(Write(found.version, candidate.name, began))

    def _renew(self, candidate: Candidate, now: float) -> None:
        if TERMS.left(candidate.renewed, now):
            candidate.under_way.append(Write(candidate.version, candidate.name, now))

    def _release(self, candidate: Candidate, _now: float) -> None:
        if candidate.renewed is not None:
            candidate.renewed = None
            candidate.under_way.append(Write(candidate.version, "", 0))

    def _delete(self, _candidate: Candidate, _now: float) -> None:
        """Somebody does, once."""
        if not self.deleted:
            self.deleted, self.lease = True, MISSING

    def _arrive(self, candidate: Candidate, _now: float) -> None:
        waiting = [write for write in candidate.under_way if not write.arrived]
        if waiting:
            write = waiting[0]
            write.arrived = True
            if write.expected == self.lease.version:
                write.landed = f"{self.time}/{id(write)}"
                self.lease = FoundLease(write.landed, write.holder, 15)

    def _answer(self, candidate: Candidate, _now: float) -> None:
        answered = [write for write in candidate.under_way if write.arrived]
        if answered:
            write = answered[0]
            candidate.under_way.remove(write)
            if write.landed and write.holder:
                candidate.version, candidate.renewed = write.landed, write.began

    def _lose(self, candidate: Candidate, _now: float) -> None:
        """The connection breaks; what is under way may still arrive, and nobody hears of it."""
        candidate.under_way = [write for write in candidate.under_way if not write.arrived]

    def _end(self, candidate: Candidate, now: float) -> None:
        """It sees that its time is over, and begins anew as another process."""
        if candidate.renewed is not None and not TERMS.left(candidate.renewed, now):
            candidate.name += "'"
            candidate.renewed, candidate.looked, candidate.seen = None, None, None

    def may_write(self) -> list[str]:
        return [c.name for c in self.candidates if TERMS.left(c.renewed, c.clock(self.time))]


AT_ONCE = {"take": ("look", "judge", "arrive", "answer"), "keep": ("renew", "arrive", "answer")}
"""What nothing comes between, most of the time."""
DEEDS = (
    ["take"] * 4
    + ["keep"] * 2
    + ["look", "judge", "renew", "arrive", "answer", "wait", "lose", "release", "end", "delete"]
)
STEPS = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from(DEEDS), st.sampled_from([0.0, 0.1, 1.0, 3.0, 6.0, 14.0])),
    min_size=10,
    max_size=60,
)
CLOCKS = st.tuples(st.floats(0, 1e6), st.floats(0.85, 1.15))


@settings(deadline=None, max_examples=200)
@given(STEPS, CLOCKS, CLOCKS)
def test_never_may_two_write_at_a_time(
    steps: list[tuple[int, str, float]], first: tuple[float, float], second: tuple[float, float]
) -> None:
    world = World([Candidate("first", *first), Candidate("second", *second)])
    world.step(0, "take", 0)
    for who, what, seconds in steps:
        world.step(who, what, seconds)
        assert len(world.may_write()) <= 1


@settings(deadline=None)
@given(CLOCKS, CLOCKS)
def test_one_that_goes_on_looking_takes_over_in_time(first: tuple[float, float], second: tuple[float, float]) -> None:
    """The other is silent from its first moment: killed, frozen or cut off."""
    world = World([Candidate("first", *first), Candidate("second", *second)])
    world.step(0, "take", 0)
    while world.may_write() != ["second"]:
        assert world.time < 15 / 0.85 + 2 * TERMS.pause
        world.step(1, "take", TERMS.pause)


@settings(deadline=None)
@given(CLOCKS, CLOCKS)
@example((0, 0.85), (0, 1.15))
def test_the_holder_has_stopped_when_the_fastest_clock_says_that_its_time_is_over(
    first: tuple[float, float], second: tuple[float, float]
) -> None:
    """The renewal is seen in the very moment in which it was begun, and the Lease judged as soon as it can be taken."""
    holder, other = Candidate("first", *first), Candidate("second", *second)
    over = (TERMS.duration + 0.001) / other.rate
    seen = Sighting("1", other.clock(0))
    assert judge(FoundLease("1", "first", 15), "second", seen, other.clock(over), TERMS)[0] is LeaseState.EXPIRED
    assert not TERMS.left(holder.clock(0), holder.clock(over))
