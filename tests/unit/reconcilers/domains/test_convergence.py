"""Sovereigns of an operator that serves domains: whatever happens, nothing is spent before the name is theirs, nothing
of others is touched, and the name is given back once nothing is left, and before the Sovereign goes.

The world is that of `tests/support/world.py`, with a judge of names and name servers that are one step each.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalyst_operator.api import labels
from tests.support import drive, gen, reservations
from tests.support.drive import check_end, check_quiet, settle
from tests.support.fake_kube import Key, Object
from tests.support.tofu import Broken
from tests.support.world import World
from tests.unit.core.decide import test_convergence as chaos
from tests.unit.core.decide.test_convergence import CHAOS, Step, perform

FQDN = "omantel.omani.works"
NAME = Key("domainreservations", "", FQDN)
ANOTHER = "11111111-6f3a-4c57-9a53-0f6f6f1f2a11"


class Named(World):
    """A world in which the Sovereign's name matters."""

    settings = replace(gen.SETTINGS, domains=reservations.SETTINGS)

    def __init__(self, *mods: gen.RawMod) -> None:
        self.refuses = ""
        """Why the judge does not give the name, as the reason of a condition."""
        self._by_hand = False
        self._given = False
        """Whether the name was this Sovereign's at any time."""
        super().__init__(*mods)

    # --- who judges and serves names ----------------------------------------------------------------------------------

    def enabled(self) -> list[Callable[[], None]]:
        """Also the next step of the name."""
        return [*super().enabled(), *self._named()]

    def _named(self) -> list[Callable[[], None]]:
        found = self.api.get(*NAME)
        if found is None:
            return []
        if "deletionTimestamp" in found["metadata"]:
            return [self._give_back]
        wanted = self._standing(found)
        return [] if (found.get("status") or {}) == wanted else [lambda: self._tell(wanted)]

    def _standing(self, found: Object) -> Object:
        if self.refuses:
            told = reservations.told(
                Ready=f"False {self.refuses}", Stalled=f"True {self.refuses}", Reserved=f"False {self.refuses}"
            )
        elif "loadBalancerIP" in found["spec"]:
            told = reservations.told(
                Ready="True Succeeded",
                Reserved="True Committed",
                ZoneReady="True Succeeded",
                Delegated="True Succeeded",
            )
        else:
            told = reservations.told(Ready="False AwaitingAddress", Reserved="True Reserved")
        return {"observedGeneration": found["metadata"]["generation"], "conditions": told}

    def _tell(self, status: Object) -> None:
        def edit(found: Object) -> None:
            finalizers = [labels.FINALIZER_DOMAIN_RESERVATION] if "loadBalancerIP" in found["spec"] else []
            found["metadata"]["finalizers"] = finalizers
            found["status"] = status

        self.api.change(NAME, edit)
        self._given |= not self.refuses and _is_ours(self.api.get(*NAME) or {})

    def _give_back(self) -> None:
        self.api.change(NAME, lambda found: found["metadata"].update(finalizers=[]))

    # --- people -------------------------------------------------------------------------------------------------------

    def take(self) -> None:
        """Somebody else has the name, if it is free."""
        if self.api.get(*NAME) is None:
            reference = {"namespace": "team-b", "name": "omantel", "uid": ANOTHER}
            spec = {"mode": "pool", "sovereignRef": reference}
            self.api.put("domainreservations", {"metadata": {"name": FQDN}, "spec": spec})

    def give_up(self) -> None:
        """Somebody deletes the reservation, whose it ever is."""
        self._by_hand = True
        self.api.remove(*NAME)
        self._by_hand = False

    def mend(self) -> None:
        """Whatever kept the name from the Sovereign is over."""
        self.refuses = ""
        found = self.api.get(*NAME)
        if found is not None and not _is_ours(found):
            self.give_up()

    # --- what must always hold ----------------------------------------------------------------------------------------

    def _changed(self, key: Key, before: Object | None, after: Object | None) -> None:
        super()._changed(key, before, after)
        if key == NAME:
            self.wake = True
            self._check_name(before, after)
        if key.plural == "jobs" and before is None and after is not None:
            self._check_spending(after)
        if key.plural == "sovereigns" and before is not None and after is None:
            self._check_gone()

    def _check_name(self, before: Object | None, after: Object | None) -> None:
        if before and after and not _is_ours(before) and before["spec"] != after["spec"]:
            raise Broken("somebody else's reservation was written to")
        if before and not self._by_hand and not _going(before) and (after is None or _going(after)):
            if not _is_ours(before):
                raise Broken("somebody else's reservation was deleted")
            if self.cloud.objects:
                raise Broken(f"the name was given back while the cloud still has {sorted(self.cloud.objects)}")

    def _check_spending(self, job: Object) -> None:
        name: str = job["metadata"]["name"]
        known = self.record()
        if not name.startswith("apply-") or name in self._strays or (known is not None and known.outputs):
            return
        if not self._given:
            raise Broken(f"{name} was started before the name was given")

    def _check_gone(self) -> None:
        found = self.api.get(*NAME)
        if found is not None and _is_ours(found) and not self.orphaned:
            raise Broken("the Sovereign went, and its name is still held")


def _going(found: Object) -> bool:
    return "deletionTimestamp" in found["metadata"]


def _is_ours(found: Object) -> bool:
    return bool((found["spec"].get("sovereignRef") or {}).get("uid") == gen.UID)


FEWER = settings(CHAOS, max_examples=12)


EVENTS: dict[str, Callable[[Named, int], None]] = {
    "take the name": lambda world, _: world.take(),
    "give the name up": lambda world, _: world.give_up(),
    "refuse the name": lambda world, value: setattr(
        world, "refuses", ["NameReserved", "DomainTaken", "NotInPool", ""][value % 4]
    ),
}


async def play(steps: list[Step]) -> Named:
    """A whole scenario: what happens, then rest, then the checks of the end."""
    world = Named()
    for step in steps:
        if step.name in EVENTS:
            world.events.append(repr(step))
            EVENTS[step.name](world, step.value)
        else:
            await perform(world, step)
    world.mend()
    await settle(world)
    check_end(world)
    found = world.api.get(*NAME)
    if world.sovereign is not None:
        assert found is not None and _is_ours(found), drive.story(world)
        assert found["spec"]["loadBalancerIP"] == world.status["outputs"]["loadBalancerIP"], drive.story(world)
        assert world.condition("DomainReady")["status"] == "True", drive.story(world)
    await check_quiet(world)
    await world.close()
    return world


def events() -> st.SearchStrategy[Step]:
    """What may happen to a Sovereign, and to its name."""
    return st.one_of(
        chaos.events(), chaos.events(), st.builds(Step, st.sampled_from(sorted(EVENTS)), st.integers(0, 3))
    )


@FEWER
@given(st.lists(events(), max_size=25))
def test_whatever_happens_it_ends_well(steps: list[Step]) -> None:
    """Any order of events, a crash at any point, and a name that comes and goes."""
    asyncio.run(play(steps))


@FEWER
@given(st.integers(0, 60), st.lists(events(), max_size=10))
def test_whenever_it_is_deleted_its_name_is_given_back(when: int, steps: list[Step]) -> None:
    """Deleted in any phase, with anything happening after it."""
    world = asyncio.run(play([Step("go on", when), Step("delete", 1), *steps]))
    assert world.sovereign is None
    found = world.api.get(*NAME)
    assert world.orphaned or found is None or not _is_ours(found), drive.story(world)


@pytest.mark.parametrize("reason", ["NameReserved", "DomainTaken"])
async def test_a_name_that_is_refused_costs_nothing_until_it_is_given(reason: str) -> None:
    world = Named()
    world.refuses = reason
    await drive.undisturbed(world, 60)
    assert world.condition("Ready")["reason"] == reason
    assert (world.jobs(), world.cloud.objects) == ([], {})
    world.mend()
    await settle(world)
    check_end(world)
    await world.close()


async def test_somebody_elses_name_costs_nothing_until_it_is_free() -> None:
    world = Named()
    world.take()
    theirs = world.api.get(*NAME)
    await drive.undisturbed(world, 60)
    assert world.condition("DomainReserved")["reason"] == "DomainTaken"
    assert (world.jobs(), world.cloud.objects) == ([], {})
    assert theirs is not None and (world.api.get(*NAME) or {})["spec"] == theirs["spec"]
    world.mend()
    await settle(world)
    check_end(world)
    await world.close()
