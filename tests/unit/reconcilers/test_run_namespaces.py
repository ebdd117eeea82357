"""The look at everything: orphans are told and let go, marks put right, and nothing else is written to."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from catalyst_operator.adapters.kube import METADATA_ALONE
from catalyst_operator.api import labels
from catalyst_operator.core import manifests, naming
from catalyst_operator.metrics import Metrics
from catalyst_operator.reconcilers.run_namespaces import INTERVAL, RunNamespaces
from tests.support import gen
from tests.support.fake_kube import FakeApi, Key, Request

SOVEREIGN = Key("sovereigns", "team-a", "omantel")
OWNERS = Key("namespaces", "", "team-a")
SPACE = Key("namespaces", "", gen.SPACE)
POD = Key("pods", gen.SPACE, "apply-1a2b3c4d-1-x7k2p")
RECORD = Key("configmaps", gen.SPACE, naming.RECORD)
KEYS = [Key("secrets", gen.HOME, name) for name in (naming.cluster_secrets(gen.UID), naming.registrar_secret(gen.UID))]
MARK = "sovereigns.catalyst.openova.io/omantel"


class Scene:
    """A Sovereign with its run namespace, as they are in quiet times."""

    def __init__(self) -> None:
        self.api = FakeApi()
        self.registry = CollectorRegistry()
        for name in ("default", gen.HOME):
            self.api.put("namespaces", {"metadata": {"name": name}})
        self.api.put("namespaces", {"metadata": {"name": "team-a", "annotations": {MARK: gen.UID}}})
        self.api.put("namespaces", manifests.run_namespace(gen.sovereign(), gen.SETTINGS))
        self.api.put("configmaps", manifests.record(gen.sovereign(), "{}"))
        held = manifests.labels_for(gen.sovereign(), labels.ROLE_RUN)
        meta = {
            "name": POD.name,
            "namespace": gen.SPACE,
            "labels": held,
            "finalizers": [labels.FINALIZER_OBSERVED, "x/y"],
        }
        self.api.put("pods", {"metadata": meta})
        self.api.put("sovereigns", gen.raw_sovereign())
        self.api.change(SOVEREIGN, lambda o: o["metadata"].update(uid=gen.UID))
        for key in KEYS:
            held = manifests.labels_for(gen.sovereign(), labels.ROLE_KEYS)
            self.api.put("secrets", {"metadata": {"name": key.name, "namespace": gen.HOME, "labels": held}})
        self.api.put("secrets", manifests.proof_key(gen.HOME, "key"))
        self.look = RunNamespaces(self.api.client(), gen.HOME, Metrics(self.registry), lambda: gen.NOW)

    def lose(self) -> None:
        """The finalizer is taken off, and the Sovereign is gone at once."""
        self.api.remove(*SOVEREIGN)
        self.api.change(SOVEREIGN, lambda o: o["metadata"].update(finalizers=[]))
        assert self.api.get(*SOVEREIGN) is None

    def shown(self) -> float | None:
        """The metric of the run namespace."""
        series = {"run_namespace": gen.SPACE, "namespace": "team-a", "name": "omantel"}
        return self.registry.get_sample_value("catalyst_orphaned_run_namespace", series)

    def finalizers(self, key: Key) -> list[str]:
        found: list[str] = (self.api.get(*key) or {})["metadata"].get("finalizers") or []
        return found

    def annotations(self) -> dict[str, Any]:
        found: dict[str, Any] = (self.api.get(*OWNERS) or {})["metadata"].get("annotations") or {}
        return found


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_in_quiet_times_nothing_is_written(scene: Scene) -> None:
    assert await scene.look.reconcile() == INTERVAL
    assert scene.api.writes == []
    assert scene.shown() is None


async def test_an_orphan_is_told_by_metric_event_and_log(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.lose()
    with caplog.at_level(logging.WARNING):
        await scene.look.reconcile()
    (event,) = scene.api.all("events")
    assert (event["reason"], event["metadata"]["namespace"]) == ("OrphanedRunNamespace", "default")
    assert scene.shown() == 1
    assert [r for r in caplog.records if gen.SPACE in r.getMessage() and "Orphaned run namespaces" in r.getMessage()]


async def test_an_event_that_is_refused_keeps_nothing_up(scene: Scene) -> None:
    scene.lose()
    scene.api.refusals = {("POST", "events"): (403, "forbidden")}
    await scene.look.reconcile()
    assert scene.shown() == 1
    assert scene.annotations() == {}


async def test_it_is_told_once(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.lose()
    await scene.look.reconcile()
    caplog.clear()
    before = len(scene.api.writes)
    with caplog.at_level(logging.WARNING):
        await scene.look.reconcile()
    assert scene.api.writes[before:] == []
    assert caplog.records == []
    assert scene.shown() == 1, "the metric stays as long as it does"


async def test_until_an_administrator_deletes_it_its_record_is_kept(scene: Scene) -> None:
    scene.lose()
    await scene.look.reconcile()
    assert scene.finalizers(RECORD) == [labels.FINALIZER_RECORD]
    assert scene.finalizers(POD) == ["x/y"], "nobody waits for its evidence; others' finalizers are theirs"
    assert "deletionTimestamp" not in (scene.api.get(*SPACE) or {})["metadata"]


async def test_deleted_by_an_administrator_it_is_let_go(scene: Scene) -> None:
    scene.lose()
    scene.api.remove(*SPACE)
    await scene.look.reconcile()
    assert scene.finalizers(RECORD) == []
    assert scene.api.all("events") == []
    assert all(scene.api.get(*key) for key in KEYS), "as long as the run namespace is there, somebody may need them"
    scene.api.finish(SPACE)
    await scene.look.reconcile()
    assert scene.shown() is None
    assert [secret["metadata"]["name"] for secret in scene.api.all("secrets")] == [naming.PROOF_KEY_SECRET]


async def test_the_keys_of_a_sovereign_that_is_there_stay_without_its_run_namespace(scene: Scene) -> None:
    """Somebody deleted that: a backup may bring it back."""
    scene.api.finish(SPACE)
    await scene.look.reconcile()
    assert all(scene.api.get(*key) for key in KEYS)


async def test_the_right_to_let_pods_go_may_be_gone_before_the_namespace_is(scene: Scene) -> None:
    scene.lose()
    scene.api.remove(*SPACE)
    scene.api.refusals = {("GET", "pods"): (403, "forbidden")}
    await scene.look.reconcile()
    assert scene.finalizers(RECORD) == []


async def test_a_run_namespace_that_goes_with_its_sovereign_is_none_of_its_business(scene: Scene) -> None:
    scene.api.remove(*SOVEREIGN)
    scene.api.remove(*SPACE)
    before = len(scene.api.writes)
    await scene.look.reconcile()
    assert scene.api.writes[before:] == []
    assert scene.finalizers(RECORD) == [labels.FINALIZER_RECORD]


async def test_the_mark_of_one_that_is_gone_is_taken_off(scene: Scene) -> None:
    """Its owner could never delete the namespace otherwise."""
    scene.lose()
    await scene.look.reconcile()
    assert scene.annotations() == {}


async def test_a_mark_that_is_missing_is_put_on(scene: Scene) -> None:
    """As on the namespaces of Sovereigns that an earlier version held."""
    scene.api.change(OWNERS, lambda o: o["metadata"].update(annotations={}))
    await scene.look.reconcile()
    assert scene.annotations() == {MARK: gen.UID}


async def test_marks_are_changed_only_as_they_were_seen(scene: Scene) -> None:
    """Meanwhile a new Sovereign of the name may be held, with a mark of its own."""
    scene.lose()

    def held_anew(request: Request) -> None:
        if request.key == OWNERS:
            scene.api.before_request = lambda _: None
            scene.api.change(OWNERS, lambda o: o["metadata"].update(annotations={MARK: "new"}))

    scene.api.before_request = held_anew
    await scene.look.reconcile()
    assert scene.annotations() == {MARK: "new"}


async def test_sovereigns_are_read_after_the_namespaces_and_keys_before_both(scene: Scene) -> None:
    """Else one that is made in between looks gone, and loses its keys."""
    await scene.look.reconcile()
    read = [request.key.plural for request in scene.api.requests]
    assert read == ["secrets", "namespaces", "sovereigns"]


async def test_what_is_in_the_objects_is_not_read() -> None:
    """Among them is what tenants wrote: a megabyte in each Secret for a registrar, and there may be hundreds."""
    scene = Scene()
    await scene.look.reconcile()
    lists = [request for request in scene.api.requests if request.method == "GET" and not request.key.name]
    assert {request.key.plural for request in lists} == {"secrets", "namespaces", "sovereigns"}
    assert {request.accept for request in lists} == {METADATA_ALONE}
