"""What is refused, and how a person gets on from there."""

from __future__ import annotations

import pytest

from e2e.stories.conftest import Make
from e2e.support.cloud import Project
from e2e.support.kubectl import Kubectl, KubectlError

pytestmark = pytest.mark.e2e


def test_protected_sovereign_is_not_deleted(make: Make, kubectl: Kubectl) -> None:
    sovereign, project = make("protected")
    sovereign.apply()
    sovereign.until("its first apply, from which on there is something to protect", lambda s: bool(s.get("servers")))

    with pytest.raises(KubectlError) as refused:
        kubectl("-n", sovereign.namespace, "delete", "sovereign", sovereign.name, "--wait=false")

    assert "deletionProtection" in str(refused.value)
    assert "false" in str(refused.value), "it does not say how to go on"
    assert (sovereign.read() or {})["metadata"].get("deletionTimestamp") is None
    sovereign.delete()
    assert project.inventory() == {}


def test_read_only_token_stalls_until_the_secret_is_corrected(make: Make) -> None:
    sovereign, _ = make("readonly", readonly=True)
    sovereign.apply()
    status = sovereign.wait("stalled", Stalled="CredentialsInvalid", Ready="False")

    error = status["lastErrors"][0]
    assert error["code"] == "ERR_TOKEN_READONLY"
    assert "Read & Write" in error["remedy"]
    assert len(status["history"]) == 1, "it was tried again although nothing had changed"

    project = Project()
    sovereign.put_token(project.token)
    status = sovereign.provisioned()
    assert "lastErrors" not in status
    assert len(project.inventory()["servers"]) == 2


def test_malformed_token_costs_no_run(make: Make) -> None:
    sovereign, _ = make("malformed")
    sovereign.token = "too-short"
    sovereign.apply()
    status = sovereign.wait("stalled", Stalled="CredentialsInvalid")
    assert status["lastErrors"][0]["code"] == "ERR_TOKEN_INVALID"
    assert "history" not in status
    assert "too-short" not in str(status)


def test_bad_input_is_refused_with_the_field_named(make: Make, kubectl: Kubectl) -> None:
    sovereign, _ = make("bad")
    sovereign.apply()
    with pytest.raises(KubectlError, match=r"spec\.domain\.fqdn"):
        sovereign.patch(domain={"mode": "pool", "fqdn": "ab.omani.works"})
    with pytest.raises(KubectlError, match=r"spec\.controlPlane\.replicas"):
        sovereign.patch(controlPlane={"size": "cx33", "replicas": 2})
