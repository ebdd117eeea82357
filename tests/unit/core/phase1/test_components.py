"""The state of a component: a table of every case."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from catalyst_operator.api.phases import ComponentState
from catalyst_operator.core.phase1 import components
from catalyst_operator.core.phase1.components import by_name, component
from catalyst_operator.core.phase1.views import HelmReleaseView
from tests.unit.core.phase1 import kit
from tests.unit.core.phase1.kit import Mod


@dataclass(frozen=True)
class Case:
    """One row: a HelmRelease with these marks is in this state and says this."""

    why: str
    mods: tuple[Mod, ...]
    state: ComponentState
    says: str = ""


_RETRIES = kit.spec(install={"remediation": {"retries": 3}})
_FIRST_FAILURE = kit.status(installFailures=1, lastAttemptedReleaseAction="install", observedGeneration=1)
_SPENT = kit.status(installFailures=4, failures=4, lastAttemptedReleaseAction="install", observedGeneration=1)
_UPGRADE_LEFT = (
    kit.spec(upgrade={"remediation": {"retries": 2}}),
    kit.status(upgradeFailures=1, lastAttemptedReleaseAction="upgrade"),
)
CASES = (
    Case("no controller has looked at it yet", (), ComponentState.PENDING, "helm-controller has not come to it"),
    Case(
        "the first mark comes before its dependencies are looked at",
        (kit.condition("Reconciling", "True", "Progressing", "Fulfilling prerequisites"),),
        ComponentState.PENDING,
    ),
    Case("it waits for another", (kit.waiting_for("bp-openbao"),), ComponentState.PENDING, "bp-openbao' is not ready"),
    Case(
        "its chart is not there yet",
        (kit.not_ready("SourceNotReady", "HelmChart 'flux-system/flux-system-bp-keycloak' is not ready"),),
        ComponentState.PENDING,
        "HelmChart",
    ),
    Case("it is suspended before anything", (kit.spec(suspend=True),), ComponentState.PENDING, "suspended"),
    Case(
        "it waits for another, after its own retries were used up",
        (_RETRIES, _SPENT, kit.waiting_for("bp-openbao")),
        ComponentState.PENDING,
        "bp-openbao' is not ready",
    ),
    Case(
        "its chart is awaited, after its retries were used up with the one before",
        (_RETRIES, _SPENT, kit.not_ready("SourceNotReady", "HelmChart 'flux-system/x' is not ready")),
        ComponentState.PENDING,
    ),
    Case(
        "what keeps Helm from beginning is tried for ever, whatever was counted before",
        (_RETRIES, _SPENT, kit.not_ready("ValuesError", "could not find ConfigMap 'flux-system/values'")),
        ComponentState.INSTALLING,
    ),
    Case(
        "the retries are used up, and another version's helm-controller gives a reason that nobody knows",
        (_RETRIES, _SPENT, kit.not_ready("SomethingNew", "?")),
        ComponentState.INSTALLING,
    ),
    Case("helm works on it", (kit.progressing(),), ComponentState.INSTALLING, "Running 'install'"),
    Case(
        "an install failed and has retries left",
        (_RETRIES, kit.install_failed(), _FIRST_FAILURE),
        ComponentState.INSTALLING,
        "Helm install failed",
    ),
    Case(
        "it failed before Helm stored anything, which is not counted and always tried again",
        (kit.install_failed("rendered manifests contain a resource that already exists"),),
        ComponentState.INSTALLING,
    ),
    Case(
        "a value it refers to is missing, which is looked for again",
        (kit.not_ready("ValuesError", "could not find ConfigMap 'flux-system/values'"),),
        ComponentState.INSTALLING,
        "could not find",
    ),
    Case("it is installed", (kit.ready(),), ComponentState.INSTALLED, "Helm install succeeded"),
    Case(
        "it is looked at again, as each hour",
        (kit.ready(), kit.condition("Reconciling", "True", "Progressing", "Fulfilling prerequisites")),
        ComponentState.INSTALLED,
    ),
    Case(
        "an early failure is still counted although the retry succeeded",
        (kit.ready(), _FIRST_FAILURE),
        ComponentState.INSTALLED,
    ),
    Case(
        "installed, and suspended since", (kit.ready(), kit.spec(suspend=True)), ComponentState.INSTALLED, "suspended"
    ),
    Case(
        "installed, and suspended by an edit that nobody speaks of",
        (kit.ready(), kit.suspended),
        ComponentState.INSTALLED,
        "what is installed stays as it is",
    ),
    Case(
        "installed, and suspended while its dependency was upgraded",
        (kit.in_sync, kit.waiting_for("bp-openbao"), kit.suspended),
        ComponentState.INSTALLED,
    ),
    Case(
        "installed, and suspended while it was looked at again",
        (kit.in_sync, kit.progressing("reconciliation in progress"), kit.suspended),
        ComponentState.INSTALLED,
    ),
    Case(
        "suspended before its install succeeded",
        (_RETRIES, kit.install_failed(), _FIRST_FAILURE, kit.suspended),
        ComponentState.PENDING,
        "nobody works on it before spec.suspend of its HelmRelease is false",
    ),
    Case("suspended amid its install", (kit.progressing(), kit.suspended), ComponentState.PENDING, "nobody works on"),
    Case("given up, then suspended", (kit.install_failed(), kit.stalled(), kit.suspended), ComponentState.FAILED),
    Case(
        "its upgrade failed, and was suspended to look at it",
        (kit.deployed, kit.not_ready("UpgradeFailed", "Helm upgrade failed"), *_UPGRADE_LEFT, kit.suspended),
        ComponentState.DEGRADED,
    ),
    Case("ready was said of an older generation", (kit.ready(), kit.edited), ComponentState.UPGRADING, "An edit of it"),
    Case(
        "never installed, and edited meanwhile", (kit.progressing(), kit.edited), ComponentState.INSTALLING, "An edit"
    ),
    Case(
        "an upgrade of it is running",
        (kit.deployed, kit.progressing("Running 'upgrade' action with timeout of 5m0s")),
        ComponentState.UPGRADING,
        "Running 'upgrade'",
    ),
    Case(
        "values of it changed without an edit of it, and an upgrade is running",
        (kit.in_sync, kit.status(lastAttemptedConfigDigest="sha256:b"), kit.progressing("Running 'upgrade' action")),
        ComponentState.UPGRADING,
    ),
    Case(
        "it waited for another a moment ago and is looked at again: Unknown is not False",
        (kit.in_sync, kit.progressing("reconciliation in progress")),
        ComponentState.INSTALLED,
    ),
    Case(
        "the chart of its next version is not there yet",
        (
            kit.in_sync,
            kit.edited,
            kit.not_ready("SourceNotReady", "latest generation of object has not been reconciled"),
        ),
        ComponentState.UPGRADING,
    ),
    Case(
        "an upgrade failed and has retries left",
        (kit.deployed, kit.not_ready("UpgradeFailed", "Helm upgrade failed"), *_UPGRADE_LEFT),
        ComponentState.DEGRADED,
        "Helm upgrade failed",
    ),
    Case(
        "it worked, and now waits for another: by itself that says nothing of what is installed",
        (kit.deployed, kit.waiting_for("bp-openbao")),
        ComponentState.PENDING,
    ),
    Case(
        "its chart is gone, though it works still",
        (kit.in_sync, kit.not_ready("ArtifactFailed", "could not get Source object: helmcharts 'x' not found")),
        ComponentState.DEGRADED,
    ),
    Case("it worked and is being deleted", (kit.ready(), kit.deleting), ComponentState.DEGRADED, "being deleted"),
    Case("it is being deleted and never worked", (kit.install_failed(), kit.deleting), ComponentState.PENDING),
    Case(
        "helm-controller gave up",
        (_RETRIES, kit.install_failed(), kit.stalled()),
        ComponentState.FAILED,
        "Failed to install after 4 attempt(s): Helm install failed",
    ),
    Case(
        "the last retry failed, and its remains are being removed before it is given up",
        (kit.not_ready("UninstallSucceeded", "Helm uninstall succeeded"), _FIRST_FAILURE),
        ComponentState.FAILED,
    ),
    Case(
        "another kind of giving up",
        (kit.not_ready("AccessDenied", "can't access"), kit.stalled("AccessDenied", "can't access")),
        ComponentState.FAILED,
        "can't access",
    ),
    Case(
        "its upgrade was given up although the version before works",
        (kit.deployed, kit.not_ready("RollbackSucceeded", "Helm rollback succeeded"), kit.stalled()),
        ComponentState.FAILED,
    ),
    Case(
        "given up, then edited: it is tried again",
        (kit.install_failed(), kit.stalled(), _FIRST_FAILURE, kit.edited),
        ComponentState.INSTALLING,
    ),
    Case(
        "given up, then its failures were reset by request",
        (kit.install_failed(), kit.condition("Reconciling", "True", "Progressing")),
        ComponentState.INSTALLING,
    ),
    Case(
        "given up, then forced: while helm works on it nothing is decided",
        (kit.progressing(), _FIRST_FAILURE),
        ComponentState.INSTALLING,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.why)
def test_state(case: Case) -> None:
    """Each state is told by the level of the HelmRelease alone."""
    found = component("bp-keycloak", kit.release("bp-keycloak", *case.mods))
    assert (found.state, found.name) == (case.state, "bp-keycloak"), case.why
    assert case.says in found.message


def test_without_a_helm_release_it_is_pending() -> None:
    """What is expected and was not made is not there by accident."""
    found = component("bp-keycloak", None)
    assert (found.state, found.since) == (ComponentState.PENDING, None)
    assert "has not made" in found.message


def test_since_is_when_flux_changed_its_mind() -> None:
    """Status says since when."""
    at = component("bp-keycloak", kit.release("bp-keycloak", kit.ready(minutes=7))).since
    assert at is not None and at.isoformat() == "2026-11-22T11:53:00+00:00"


def _blocked(*releases: HelmReleaseView, failed: tuple[str, ...] = ("bp-a",)) -> set[str]:
    return set(components.blocked(by_name(releases), failed))


def test_what_waits_for_a_failed_one_is_blocked_through_others_too() -> None:
    """Else one failure would never be told before the deadline."""
    second = kit.release("bp-b", kit.depends_on("bp-a"), kit.waiting_for("bp-a"))
    third = kit.release("bp-c", kit.depends_on("bp-b"), kit.waiting_for("bp-b"))
    untouched = kit.release("bp-d", kit.depends_on("bp-c"))
    assert _blocked(third, untouched, second) == {"bp-b", "bp-c", "bp-d"}


def test_what_is_at_work_or_waits_for_a_healthy_one_is_not_blocked() -> None:
    """It may still change the verdict."""
    working = kit.release("bp-b", kit.depends_on("bp-a"), kit.progressing())
    healthy = kit.release("bp-c", kit.depends_on("bp-x"), kit.waiting_for("bp-x"))
    elsewhere = kit.release("bp-d", kit.spec(dependsOn=[{"name": "bp-a", "namespace": "other"}]))
    assert _blocked(working, healthy, elsewhere) == set()


UPGRADED = kit.release("bp-a", kit.deployed, kit.progressing("Running 'upgrade' action with timeout of 5m0s"))


def _waits(name: str, *others: str, **where: str) -> HelmReleaseView:
    """Installed, and not looked at while others are not ready."""
    return kit.release(name, kit.in_sync, kit.depends_on(*others), kit.waiting_for(others[0]), **where)


def _states(*releases: HelmReleaseView) -> dict[str, ComponentState]:
    return components.states(by_name(releases))


def test_what_is_installed_stays_so_while_another_is_upgraded_also_through_others() -> None:
    """helm-controller calls none of them ready then, and nothing of them changed."""
    found = _states(_waits("bp-c", "bp-b"), _waits("bp-b", "bp-a"), UPGRADED)
    assert found == {
        "bp-a": ComponentState.UPGRADING,
        "bp-b": ComponentState.INSTALLED,
        "bp-c": ComponentState.INSTALLED,
    }


@pytest.mark.parametrize(
    "first",
    [
        (kit.deployed, kit.not_ready("UpgradeFailed", "Helm upgrade failed"), *_UPGRADE_LEFT),
        (kit.install_failed(), kit.stalled()),
        (kit.ready(), kit.deleting),
    ],
    ids=["fails", "failed for good", "goes away"],
)
def test_what_waits_for_one_that_is_in_trouble_is_not_called_installed(first: tuple[Mod, ...]) -> None:
    assert _states(kit.release("bp-a", *first), _waits("bp-b", "bp-a"))["bp-b"] is ComponentState.PENDING


def test_what_waits_for_one_that_does_not_exist_is_not_called_installed() -> None:
    assert _states(_waits("bp-b", "bp-x")) == {"bp-b": ComponentState.PENDING}


def test_releases_of_one_name_in_two_namespaces_are_two() -> None:
    """A kit may bring a second one for a tenant, and the owner one of the same name."""
    elsewhere = kit.release("bp-a", kit.install_failed(), kit.stalled(), namespace="tenants")
    assert _states(UPGRADED, elsewhere) == {"bp-a": ComponentState.UPGRADING, "tenants/bp-a": ComponentState.FAILED}


def test_what_waits_for_a_failed_one_of_another_namespace_is_blocked() -> None:
    dependency = kit.spec(dependsOn=[{"name": "bp-a", "namespace": "other"}])
    assert _blocked(kit.release("bp-d", dependency), failed=("other/bp-a",)) == {"bp-d"}


def test_a_cycle_of_dependencies_ends() -> None:
    """Somebody will write one."""
    one = kit.release("bp-b", kit.depends_on("bp-c"), kit.waiting_for("bp-c"))
    two = kit.release("bp-c", kit.depends_on("bp-b"), kit.waiting_for("bp-b"))
    assert _blocked(one, two) == set()
