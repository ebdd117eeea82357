"""The token of another project: nothing is run with it, nothing is lost, and with the right one it goes on."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from catalyst_operator.api import labels
from catalyst_operator.core import naming
from e2e.stories.conftest import Make
from e2e.stories.inventory import assert_kept, assert_one_cluster, complete
from e2e.support.cloud import Project
from e2e.support.kubectl import Kubectl
from e2e.support.sovereigns import Sovereign, codes, condition, results
from e2e.support.waiting import wait_for

pytestmark = pytest.mark.e2e

TWO_WORKERS = {"size": "cx43", "replicas": 2}
STATE = (naming.STATE_SECRET, naming.STATE_KEY_SECRET)


def held(kubectl: Kubectl, sovereign: Sovereign, *names: str) -> list[Any]:
    """What the Secrets of the run namespace hold; each of them has to be there."""
    return [kubectl.get("-n", sovereign.run_namespace, "secret", name)["data"] for name in names]


def assert_untouched(project: Project, other: Project, before: dict[str, Any], writes: int) -> None:
    """Neither project was asked for anything that changes it."""
    assert project.inventory() == before
    assert len(project.writes()) == writes
    assert (other.inventory(), other.writes()) == ({}, [])


def test_another_projects_token_at_an_apply_and_at_a_destroy(make: Make, kubectl: Kubectl) -> None:
    """One worker more would be a second cluster, and a deletion would forget the one that runs."""
    sovereign, project = make("mismatched", projectID="production")
    other = Project()
    sovereign.apply()
    sovereign.provisioned(seconds=120)
    before, writes, kept = project.inventory(), len(project.writes()), complete(project.inventory())
    secrets = held(kubectl, sovereign, *STATE)

    sovereign.put_token(other.token)
    sovereign.patch(workers=TWO_WORKERS, projectID="staging")
    status = sovereign.wait("refused", Stalled="ProjectMismatch", PreflightPassed="CheckFailed")
    assert codes(status) == ["ERR_PROJECT_MISMATCH"]
    assert [name for name in ("staging", "production") if name not in sovereign.message] == []
    assert results(sovereign.look_again()) == ["Succeeded"], "no run was made"
    assert_untouched(project, other, before, writes)

    sovereign.put_token(project.token)
    assert results(sovereign.provisioned(seconds=120)) == ["Succeeded", "Succeeded"]
    assert_one_cluster(project.inventory(), sovereign.uid, workers=2)
    assert_kept(kept, project.inventory())

    before, writes = project.inventory(), len(project.writes())
    secrets = held(kubectl, sovereign, *STATE)
    sovereign.put_token(other.token)
    sovereign.request_deletion()
    sovereign.until("refused", lambda s: condition(s, "Deleting").get("reason") == "ProjectMismatch")
    assert codes(sovereign.look_again()) == ["ERR_PROJECT_MISMATCH"]
    assert held(kubectl, sovereign, *STATE) == secrets, "the state and its key stay"
    assert_untouched(project, other, before, writes)

    sovereign.put_token(project.token)
    sovereign.gone(seconds=120)
    assert project.inventory() == {}


@pytest.mark.slow
def test_another_projects_token_after_the_hand_off(make: Make, kubectl: Kubectl) -> None:
    """The operator has no token any more: the one that is given for a deletion has to be of the right project."""
    sovereign, project = make("handed-mismatch", project=Project(boots=True), workers={"replicas": 0})
    other = Project()
    sovereign.apply()
    sovereign.handed_off()
    before, writes = project.inventory(), len(project.writes())
    archive = held(kubectl, sovereign, naming.ARCHIVED_STATE_SECRET, naming.STATE_KEY_SECRET)

    sovereign.put_token(other.token)
    sovereign.request_deletion(decommission={"acknowledgeExported": True})
    sovereign.until("refused", lambda s: condition(s, "Deleting").get("reason") == "ProjectMismatch")
    assert held(kubectl, sovereign, naming.ARCHIVED_STATE_SECRET, naming.STATE_KEY_SECRET) == archive
    assert_untouched(project, other, before, writes)

    sovereign.put_token(project.token)
    sovereign.gone(seconds=120)
    assert project.inventory() == {}


@pytest.mark.slow
def test_an_emptied_project_is_no_success_until_a_person_says_so(make: Make, kubectl: Kubectl) -> None:
    """Everything was deleted by hand: the state stays, and one annotation says that it is really gone."""
    sovereign, project = make("emptied")
    sovereign.apply()
    sovereign.provisioned(seconds=120)
    secrets = held(kubectl, sovereign, *STATE)
    for kind in ("load_balancers", "servers", "networks", "firewalls", "placement_groups", "ssh_keys"):
        for found in project.inventory().get(kind, ()):
            wait_for(partial(deleted, project, kind, found), f"{kind} to be gone", seconds=30)

    sovereign.request_deletion()
    sovereign.until("refused", lambda s: codes(s) == ["ERR_OBJECTS_GONE"])
    assert held(kubectl, sovereign, *STATE) == secrets
    sovereign.annotate(labels.ANNOTATION_CONFIRM_PROJECT)
    sovereign.gone(seconds=120)


def deleted(project: Project, kind: str, found: dict[str, Any]) -> bool:
    """Whether an object is gone; asked to go until it is."""
    if found["id"] not in [item["id"] for item in project.inventory().get(kind, ())]:
        return True
    try:
        project.request("DELETE", f"/{kind}/{found['id']}")
    except OSError:  # still in use, or on its way out
        return False
    return False
