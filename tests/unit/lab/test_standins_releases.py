"""Which step comes next for a HelmRelease, and what is written at each, as helm-controller does it."""

from typing import Any

import pytest

from e2e.lab.standins import release_status
from e2e.lab.standins.objects import Draft
from e2e.lab.standins.release import Release, Step, next_step, read, unmet

NOW = "2026-01-01T00:00:00Z"


def _obj(name: str = "bp-a", generation: int = 1, **spec: Any) -> dict[str, Any]:
    chart = {"spec": {"chart": name, "version": "1.2.3"}}
    body = {"interval": "15m", "chart": chart, "targetNamespace": "apps", "releaseName": "a", **spec}
    meta = {"name": name, "namespace": "flux-system", "generation": generation}
    return {"metadata": meta, "spec": body, "status": {"observedGeneration": -1}}


def _ready(obj: dict[str, Any]) -> dict[str, Any]:
    return {**obj, "status": {"observedGeneration": 1, "conditions": [{"type": "Ready", "status": "True"}]}}


def _retries(count: int, **more: Any) -> dict[str, Any]:
    return {"remediation": {"retries": count, **more}}


class Walk:
    """A release on its way, one step of the controller after the other."""

    def __init__(self, **spec: Any) -> None:
        self.obj = _obj(**spec)
        self.draft = Draft(self.obj, NOW)

    @property
    def release(self) -> Release:
        return read(self.obj)

    def next(self) -> Step:
        return next_step(self.release, self.draft.status)

    def edit(self, **spec: Any) -> None:
        """A person edits the spec: a new generation, whose failures are counted anew."""
        status = self.draft.status
        self.obj = {**_obj(generation=self.draft.generation + 1, **spec), "status": status}
        self.draft = Draft(self.obj, NOW)

    def succeed(self) -> None:
        step = self.next()
        release_status.started(self.draft, self.release, step)
        if step in (Step.UNINSTALL, Step.ROLLBACK):
            release_status.remediated(self.draft, self.release, step)
        else:
            release_status.succeeded(self.draft, self.release, step)

    def fail(self) -> None:
        step = self.next()
        release_status.started(self.draft, self.release, step)
        release_status.failed(self.draft, self.release, step, "boom")

    def says(self, type_: str = "Ready") -> tuple[str, str, str] | None:
        found = self.draft.find(type_)
        return (found["status"], found["reason"], found["message"]) if found else None

    @property
    def history(self) -> list[tuple[int, str]]:
        return [(entry["version"], entry["status"]) for entry in self.draft.status.get("history", [])]


def test_an_install_is_announced_and_ends() -> None:
    """Unknown first, with the timeout in the message, then True with release and chart."""
    walk = Walk(install={"timeout": "15m"})
    release_status.started(walk.draft, walk.release, walk.next())
    message = "Running 'install' action with timeout of 15m0s"
    assert walk.says() == ("Unknown", "Progressing", message)
    assert walk.says("Reconciling") == ("True", "Progressing", message)
    assert walk.draft.status["observedGeneration"] == -1
    walk.succeed()
    success = ("True", "InstallSucceeded", "Helm install succeeded for release apps/a.v1 with chart bp-a@1.2.3")
    assert (walk.says(), walk.says("Released"), walk.says("Reconciling")) == (success, success, None)
    assert (walk.next(), walk.history, walk.draft.status["observedGeneration"]) == (Step.NONE, [(1, "deployed")], 1)


@pytest.mark.parametrize(
    ("change", "step"),
    [({"values": {"a": 1}}, Step.UPGRADE), ({"interval": "1m"}, Step.NONE), ({"timeout": "1m"}, Step.NONE)],
)
def test_only_what_is_released_makes_an_upgrade(change: dict[str, Any], step: Step) -> None:
    """The real controller does not upgrade for an interval either; the generation is observed all the same."""
    walk = Walk()
    walk.succeed()
    walk.edit(**change)
    assert walk.next() is step


def test_an_upgrade_keeps_the_release_before() -> None:
    """The operator tells by the history that a component was installed once."""
    walk = Walk()
    walk.succeed()
    for values in ({"a": 1}, {"a": 2}):
        walk.edit(values=values)
        walk.succeed()
    assert walk.history == [(3, "deployed"), (2, "superseded")]
    assert walk.says() == (
        "True",
        "UpgradeSucceeded",
        "Helm upgrade succeeded for release apps/a.v3 with chart bp-a@1.2.3",
    )


def test_a_failed_install_is_retried_and_then_given_up() -> None:
    """InstallFailed alone is not the end: retries come first, Stalled says that none is left."""
    walk = Walk(install=_retries(1))
    walk.fail()
    failure = ("False", "InstallFailed", "Helm install failed for release apps/a with chart bp-a@1.2.3: boom")
    assert (walk.says(), walk.says("Stalled"), walk.next()) == (failure, None, Step.UNINSTALL)
    walk.succeed()
    assert walk.says("Reconciling") is not None
    remedy = "Helm uninstall remediation for release apps/a.v1 with chart bp-a@1.2.3 succeeded"
    assert walk.says() == ("False", "UninstallSucceeded", remedy)
    assert (walk.history, walk.next()) == ([(1, "uninstalled")], Step.INSTALL)
    walk.fail()
    assert walk.next() is Step.STALL
    release_status.stalled(walk.draft)
    assert walk.says("Stalled") == ("True", "RetriesExceeded", "Failed to install after 2 attempt(s)")
    assert (walk.says(), walk.says("Reconciling")) == (failure, None)
    assert walk.draft.status["observedGeneration"] == 1


def test_without_end_means_without_end() -> None:
    """Negative retries are never exhausted."""
    walk = Walk(install=_retries(-1))
    for _ in range(20):
        walk.fail()
        walk.succeed()
    assert walk.next() is Step.INSTALL


def test_an_edit_gives_a_stalled_release_new_tries() -> None:
    """What failed is upgraded, since something of it lies in the cluster."""
    walk = Walk()
    walk.fail()
    assert walk.next() is Step.STALL
    walk.edit(values={"a": 1})
    release_status.forget_failures(walk.draft)
    assert walk.next() is Step.UPGRADE
    walk.succeed()
    assert (walk.says("Stalled"), walk.history) == (None, [(2, "deployed"), (1, "failed")])


def test_a_failed_upgrade_is_rolled_back_and_given_up() -> None:
    """With retries the last failure is rolled back too, and the old release stays installed."""
    walk = Walk(upgrade=_retries(1))
    walk.succeed()
    walk.edit(values={"a": 1}, upgrade=_retries(1))
    for _ in range(2):
        walk.fail()
        assert walk.says() is not None
        assert walk.next() is Step.ROLLBACK
        walk.succeed()
    assert walk.says() == (
        "False",
        "RollbackSucceeded",
        "Helm rollback to previous release apps/a.v3 with chart bp-a@1.2.3 succeeded",
    )
    assert walk.next() is Step.STALL
    release_status.stalled(walk.draft)
    assert walk.says("Stalled") == ("True", "RetriesExceeded", "Failed to upgrade after 2 attempt(s)")
    walk.edit(upgrade=_retries(1))
    assert walk.next() is Step.NONE
    release_status.in_sync(walk.draft)
    assert walk.says("Remediated") is None
    assert walk.says() == (
        "True",
        "UpgradeSucceeded",
        "Helm upgrade succeeded for release apps/a.v5 with chart bp-a@1.2.3",
    )


def test_a_release_waits_for_the_first_dependency_that_is_not_ready() -> None:
    """Pending, not failed, and the generation is not observed."""
    obj = _obj("bp-c", dependsOn=[{"name": "bp-a"}, {"name": "bp-b", "namespace": "other"}])
    known = {"flux-system/bp-a": _obj("bp-a")}
    assert unmet(obj, known) == "dependency 'flux-system/bp-a' is not ready"
    known = {"flux-system/bp-a": _ready(_obj("bp-a"))}
    assert unmet(obj, known) == (
        "unable to get 'other/bp-b' dependency: helmreleases.helm.toolkit.fluxcd.io \"bp-b\" not found"
    )
    assert unmet(obj, {**known, "other/bp-b": _ready(_obj("bp-b"))}) is None
    draft = Draft(obj, NOW)
    release_status.waiting(draft, "dependency 'flux-system/bp-a' is not ready")
    assert draft.status["observedGeneration"] == -1
    assert draft.find("Stalled") is None


def test_a_held_action_says_the_same_at_every_look() -> None:
    """A release that hangs is written once."""
    walk = Walk()
    release_status.started(walk.draft, walk.release, Step.INSTALL)
    again = Draft({**walk.obj, "status": walk.draft.status}, "2026-01-01T01:00:00Z")
    assert release_status.running(again)
    release_status.started(again, walk.release, Step.INSTALL)
    assert again.patch is None


@pytest.mark.parametrize(
    ("spec", "release", "target"),
    [
        ({}, "a", "apps"),
        ({"releaseName": None}, "apps-bp-a", "apps"),
        ({"releaseName": None, "targetNamespace": None}, "bp-a", "flux-system"),
    ],
)
def test_a_release_is_named_as_helm_controller_names_it(spec: dict[str, Any], release: str, target: str) -> None:
    """Messages and Pods carry the name."""
    found = read(_obj(**spec))
    assert (found.release, found.target, found.storage) == (release, target, "flux-system")
