"""What rests is not looked at, and what only came to rest is looked at once more."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from catalyst_operator.core import manifests, record
from catalyst_operator.core.ready.resting import RESTS_FOR
from catalyst_operator.core.record import HandOff
from catalyst_operator.metrics import Metrics
from catalyst_operator.reconcilers.sovereign import Key, SovereignReconciler
from tests.support import fake_kube, gen
from tests.support.fake_kube import FakeApi
from tests.support.gen import NOW, SETTINGS, UID
from tests.support.outside import outside

KEY = Key("team-a", "omantel")
PLACE = fake_kube.Key("sovereigns", *KEY)
RESYNC = timedelta(minutes=10)


class Fleet:
    """One Sovereign that was handed off, its operator, and what that asks."""

    def __init__(self) -> None:
        self.api = FakeApi()
        for name in ("team-a", gen.HOME):
            self.api.put("namespaces", {"metadata": {"name": name}})
        self.api.put("sovereigns", gen.raw_sovereign())
        self.api.change(PLACE, lambda o: o["metadata"].update(uid=UID))
        self.api.put("namespaces", manifests.run_namespace(gen.sovereign(), SETTINGS))
        done = gen.record(gen.succeeded(), hand_off=HandOff(NOW, NOW, NOW))
        self.api.put("configmaps", manifests.record(gen.sovereign(), record.to_json(done)))
        self.start()

    def start(self) -> None:
        client = self.api.client()
        self.metrics = Metrics(CollectorRegistry())
        self.operator = SovereignReconciler(
            client, outside(client), SETTINGS, self.metrics, clock=lambda: NOW, resync=RESYNC
        )

    def raw(self) -> dict[str, Any]:
        found = self.api.get(*PLACE)
        assert found is not None
        return found


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


async def test_after_it_was_handed_off_it_is_looked_at_once_more_and_then_once_a_day(fleet: Fleet) -> None:
    assert await fleet.operator.reconcile(KEY) == SETTINGS.poll
    assert await fleet.operator.reconcile(KEY) == RESTS_FOR


async def test_a_new_operator_asks_nothing_about_it_and_shows_it_all_the_same(fleet: Fleet) -> None:
    await fleet.operator.reconcile(KEY)
    fleet.start()
    asked = len(fleet.api.requests)
    again = fleet.operator.saw(KEY, fleet.raw())
    assert again is not None
    assert again <= RESTS_FOR
    assert len(fleet.api.requests) == asked
    shown = generate_latest(fleet.metrics.registry).decode()
    assert 'catalyst_sovereign_condition{name="omantel",namespace="team-a",type="HandedOff"} 1.0' in shown


async def test_whatever_changes_in_its_object_has_it_looked_at(fleet: Fleet) -> None:
    assert fleet.operator.saw(KEY, fleet.raw()) is None, "it has no status yet"
    await fleet.operator.reconcile(KEY)
    assert fleet.operator.saw(KEY, fleet.raw()) is not None
    fleet.api.change(PLACE, gen.annotated(retryRequestedAt="now"))
    assert fleet.operator.saw(KEY, fleet.raw()) is None
    await fleet.operator.reconcile(KEY)
    assert fleet.operator.saw(KEY, fleet.raw()) is not None, "the request was answered"


async def test_another_one_of_the_same_name_is_looked_at(fleet: Fleet) -> None:
    """What is kept of the former one is forgotten in a pass."""
    await fleet.operator.reconcile(KEY)
    fleet.api.change(PLACE, lambda o: o["metadata"].update(uid="another"))
    assert fleet.operator.saw(KEY, fleet.raw()) is None
