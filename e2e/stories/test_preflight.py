"""What the project cannot give is found out before anything is spent, or costs one run and no more."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from e2e.stories.conftest import Make
from e2e.stories.inventory import assert_kept, assert_one_cluster, complete
from e2e.support import cloud
from e2e.support.cloud import Project, changed_offer, new_token
from e2e.support.kubectl import KubectlError
from e2e.support.sovereigns import Sovereign, codes, condition, public_key, results
from e2e.support.waiting import wait_for

pytestmark = pytest.mark.e2e

CHECKS = {"token", "sizes", "names", "ssh-keys"}
UNTIL = re.compile(r"\d\d:\d\d:\d\d UTC")
"""How a message says when something is tried again."""


@dataclass(frozen=True)
class Refusal:
    """One thing that cannot be: how it is asked for, what is said of it, and what corrects it."""

    name: str
    code: str
    check: str
    named: tuple[str, ...]
    """What the message must name, so that a person knows what is meant."""
    correct: Callable[[Sovereign, Project], None]
    spec: dict[str, Any] = field(default_factory=dict)
    stalled: str = "CheckFailed"
    token: str = ""
    """A token other than the project's."""


def resize(sovereign: Sovereign, _: Project) -> None:
    sovereign.patch(controlPlane={"size": "cx33"})


RETIRED = ("ccx13", "nbg1")
"""Sold by the catalogue that the operator carries; the cloud says otherwise while the story runs."""

REFUSALS = (
    Refusal(
        name="unknown-size",
        spec={"controlPlane": {"size": "cx99", "replicas": 1}},
        code="ERR_SIZE_UNKNOWN",
        check="sizes",
        named=("cx99",),
        correct=resize,
    ),
    Refusal(
        name="elsewhere",
        spec={"regions": [{"location": "ash"}]},
        code="ERR_SIZE_NOT_IN_LOCATION",
        check="sizes",
        named=("cx33", "ash"),
        # The location can be corrected as long as nothing exists.
        correct=lambda sovereign, _: sovereign.patch(regions=[{"location": "fsn1"}]),
    ),
    Refusal(
        name="retired",
        spec={"regions": [{"location": RETIRED[1]}], "controlPlane": {"size": RETIRED[0], "replicas": 1}},
        code="ERR_SIZE_RETIRED",
        check="sizes",
        named=RETIRED,
        correct=resize,
    ),
    Refusal(
        name="stranger",
        token=new_token(),
        code="ERR_TOKEN_INVALID",
        check="token",
        named=("token",),
        stalled="CredentialsInvalid",
        correct=lambda sovereign, project: sovereign.put_token(project.token),
    ),
)


def test_what_cannot_be_had_is_refused_before_a_run(make: Make) -> None:
    """A size unknown, elsewhere or retired, or a token unknown: no run, a code and a remedy; goes on once corrected."""
    made = [(row, *make(row.name, **row.spec)) for row in REFUSALS]
    with changed_offer(*RETIRED, retired=True):
        for row, sovereign, _ in made:
            sovereign.token = row.token or sovereign.token
            sovereign.apply()
        for row, sovereign, project in made:
            assert_refused(row, sovereign)
            assert_nothing_spent(sovereign, project)
        for row, sovereign, project in made:
            row.correct(sovereign, project)
        for _, sovereign, project in made:
            status = sovereign.provisioned(seconds=180)
            assert condition(status, "PreflightPassed")["status"] == "True"
            assert codes(status) == []
            assert results(status) == ["Succeeded"]
            assert_one_cluster(project.inventory(), sovereign.uid)


def assert_refused(row: Refusal, sovereign: Sovereign) -> None:
    """The code, its remedy and its chapter of the runbook; each check by name, and the one that failed."""
    status = sovereign.wait("refused", Stalled=row.stalled, PreflightPassed="CheckFailed", Ready=row.stalled)
    assert_told(status, row.code, *row.named)
    found = {check["name"]: check["result"] for check in status["preflight"]}
    assert found.keys() >= CHECKS
    assert found[row.check] == "Failed"
    assert condition(status, "PreflightPassed")["status"] == "False"


def assert_told(status: dict[str, Any], code: str, *named: str) -> None:
    """A person learns what is wrong, with what, and what to do."""
    assert codes(status)[:1] == [code]
    error = status["lastErrors"][0]
    assert [word for word in named if word not in error["message"]] == [], error["message"]
    assert error["remedy"]
    assert error["runbook"].endswith(f"#{code.lower()}")


def assert_nothing_spent(sovereign: Sovereign, project: Project) -> None:
    """No run, nor after another look; not one request to the project that would have changed something."""
    status = sovereign.look_again()
    assert "history" not in status
    assert "currentRun" not in status
    assert project.writes() == []


def test_size_known_to_be_retired_is_refused_at_admission(make: Make) -> None:
    """A size that is known to be sold no longer does not get in, and the message names its successor."""
    sovereign, _ = make("outdated", controlPlane={"size": "cpx21", "replicas": 1})
    with pytest.raises(KubectlError, match=r"spec\.controlPlane\.size.*use cpx22"):
        sovereign.apply()


@pytest.mark.slow
def test_exceeded_quota_costs_one_run(make: Make) -> None:
    """The project's limit is reached in mid-apply: one run, then a person's turn; the next uses what was made."""
    project = Project(servers=1)
    sovereign, _ = make("quota", project=project)
    sovereign.apply()
    status = sovereign.wait("stalled", Stalled="RunFailed")
    assert_told(status, "ERR_QUOTA_EXCEEDED", "limit")
    assert results(sovereign.look_again()) == ["Failed"], "it was tried again although nothing had changed"
    made = complete(project.inventory())

    project.limit()
    sovereign.retry()

    assert results(sovereign.provisioned(seconds=120)) == ["Failed", "Succeeded"]
    assert_kept(made, project.inventory())
    assert_one_cluster(project.inventory(), sovereign.uid)


@pytest.mark.slow
def test_used_up_rate_limit_is_waited_for(make: Make) -> None:
    """The project's requests are used up: no run, it says until when it waits, and goes on by itself."""
    sovereign, project = make("limited")
    limit = project.fault({"code": "rate_limit_exceeded", "message": "limit of requests reached"}, times=None)
    sovereign.apply()
    status = sovereign.wait("waiting", Reconciling="Retrying", Ready="Retrying")
    assert_told(status, "ERR_RATE_LIMITED")
    assert UNTIL.search(condition(status, "Ready")["message"]), "it does not say until when"
    assert "history" not in status
    assert limit.struck < 30, "it kept asking although it was told to wait"

    cloud.clear_faults()

    assert codes(sovereign.provisioned(seconds=120)) == []
    assert_one_cluster(project.inventory(), sovereign.uid)


@pytest.mark.slow
def test_name_that_somebody_else_uses_is_left_alone(make: Make) -> None:
    """A network of somebody else has our name: nothing is touched; once that is gone it goes on by itself."""
    sovereign, project = make("taken", suspend=True)
    sovereign.apply()
    sovereign.wait("suspended", Ready="Suspended")
    name = sovereign.cluster_name
    foreign = project.request("POST", "/networks", {"name": name, "ip_range": "10.99.0.0/16"})["network"]

    sovereign.patch(suspend=False)

    status = sovereign.wait("refused", Stalled="CheckFailed", PreflightPassed="CheckFailed")
    assert_told(status, "ERR_NAME_CONFLICT", name, "network")
    assert "history" not in sovereign.look_again()
    assert [found["id"] for found in project.inventory()["networks"]] == [foreign["id"]]

    project.request("DELETE", f"/networks/{foreign['id']}")

    # Nobody tells the operator: it looks again from time to time.
    status = sovereign.provisioned(seconds=180)
    assert results(status) == ["Succeeded"]
    assert_one_cluster(project.inventory(), sovereign.uid)


@pytest.mark.slow
def test_two_sovereigns_with_one_ssh_key_in_one_project(make: Make) -> None:
    """The second is told whose key it is and costs no run; with a key of its own both live in the project."""
    keys = [public_key("shared")]
    first, project = make("first-owner", sshPublicKeys=keys)
    second, _ = make("second-owner", project=project, sshPublicKeys=keys)
    first.apply()
    wait_for(lambda: project.inventory().get("ssh_keys"), "the first one's key", seconds=60, shown=first.describe)
    second.apply()

    status = second.wait("refused", Stalled="CheckFailed", PreflightPassed="CheckFailed")
    assert_told(status, "ERR_SSH_KEY_CONFLICT", f"{first.namespace}/{first.name}")
    assert "history" not in second.look_again()

    second.patch(sshPublicKeys=[public_key("own")])

    second.provisioned(seconds=150)
    first.provisioned()
    assert len(project.inventory()["servers"]) == 4
    assert len(project.inventory()["ssh_keys"]) == 2
    second.delete()
    assert_one_cluster(project.inventory(), first.uid)
