"""An object that is older than a rule stays editable, and must follow the rule as soon as the part in question changes.

Sizes get retired and rules get stricter while Sovereigns live: an upgrade of the CRD may not lock them. This is tested
on a CRD of another group, so that the one the other tests use stays as it is.
"""

import copy
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from catalyst_operator.api.generate.crds import crd
from catalyst_operator.api.resources import SOVEREIGN
from e2e.support.waiting import OFTEN, wait_for
from tests.integration.admission import Edits, edited, refusal, sovereign
from tests.integration.apiserver import Api, ApiError
from tests.integration.conftest import CRDS

pytestmark = pytest.mark.integration

GROUP = "older.example.com"
LEAVING = "leaving"
FINALIZER = "older.example.com/sovereign"
PLACEHOLDER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGV4YW1wbGUta2V5LW9mLW9tYW50ZWwuLi4uLi4uLi4u"
NAME = f"sovereigns.{GROUP}"


def without_rules(node: Any) -> Any:
    """A schema from a time when there were no rules."""
    if isinstance(node, dict):
        return {key: without_rules(item) for key, item in node.items() if key != "x-kubernetes-validations"}
    return [without_rules(item) for item in node] if isinstance(node, list) else node


@pytest.fixture(scope="module")
def old_object(api: Api) -> Iterator[str]:
    """Path of a Sovereign that was created before the rules came, and breaks some of them."""
    today = crd(SOVEREIGN)
    today["metadata"] = {"name": NAME}
    today["spec"]["group"] = GROUP
    before = copy.deepcopy(today)
    before["spec"]["versions"][0]["schema"] = without_rules(before["spec"]["versions"][0]["schema"])
    collection = f"/apis/{GROUP}/v1alpha1/namespaces/default/sovereigns"
    body = sovereign(
        {
            "controlPlane.size": "cpx21",
            "organization.name": "Before {rules}",
            "workers": {"replicas": 0, "size": "t3-large", "sizeFallbacks": ["m5-large"]},
            "components": ["dropped", "harbor"],
            "release": "2019-01",
            "sshPublicKeys": [PLACEHOLDER],
            "/metadata.finalizers": [FINALIZER],
        }
    )
    body["apiVersion"] = f"{GROUP}/v1alpha1"

    api.create(CRDS, before)
    _until(lambda: api.create(collection, body))
    api.create(collection, body | {"metadata": body["metadata"] | {"name": LEAVING}})
    api.patch(f"{CRDS}/{NAME}", {"spec": today["spec"]})
    _until(lambda: refusal(api, "POST", collection, body | {"metadata": {"name": "newer"}}))
    yield f"{collection}/omantel"
    api.delete(f"{CRDS}/{NAME}")


def _until(attempt: Any, timeout: float = 30.0) -> None:
    """Repeat until the API server has taken the CRD in."""

    def done() -> bool:
        with suppress(ApiError, AssertionError):
            attempt()
            return True
        return False

    wait_for(done, "the API server to have taken it in", seconds=timeout, every=OFTEN)


def test_other_fields_stay_editable(api: Api, old_object: str) -> None:
    changed = {"workers": {"size": "cx43", "replicas": 2}, "approval": "Manual"}
    api.replace(old_object, edited(api.get(old_object), changed), dryRun="All")


def test_its_status_is_written(api: Api, old_object: str) -> None:
    api.patch(f"{old_object}/status", {"status": {"phase": "pending", "observedGeneration": 1}})
    assert api.get(old_object)["status"]["phase"] == "pending"


@pytest.mark.parametrize(
    ("edits", "says"),
    [
        ({"components": ["dropped", "harbor", "loki"]}, "dropped is no blueprint of this version"),
        ({"release": "2019-02"}, "2019-02 is no release of this version"),
        ({"workers.size": "m5-large"}, "is no server type of Hetzner"),
        ({"sshPublicKeys": [f"{PLACEHOLDER} me"]}, "is a placeholder"),
    ],
    ids=["components", "release", "size", "SSH key"],
)
def test_what_is_changed_must_be_known(api: Api, old_object: str, edits: Edits, says: str) -> None:
    assert says in str(refusal(api, "PUT", old_object, edited(api.get(old_object), edits)))


def test_a_retired_size_cannot_be_changed_to_another(api: Api, old_object: str) -> None:
    changed = edited(api.get(old_object), {"controlPlane.size": "cpx31"})
    assert "use cpx32" in str(refusal(api, "PUT", old_object, changed))


def test_a_retired_size_cannot_move(api: Api, old_object: str) -> None:
    changed = edited(api.get(old_object), {"regions[0].location": "nbg1"})
    assert "use cpx22" in str(refusal(api, "PUT", old_object, changed))


def test_a_changed_text_must_follow_its_rule(api: Api, old_object: str) -> None:
    changed = edited(api.get(old_object), {"organization.name": "After {rules}"})
    assert "spec.organization.name" in str(refusal(api, "PUT", old_object, changed))


def test_it_can_be_deleted(api: Api, old_object: str) -> None:
    """That is two writes, by the API server and for the finalizer."""
    going = old_object.replace("omantel", LEAVING)
    api.delete(going)
    assert api.get(going)["metadata"]["finalizers"] == [FINALIZER]
    api.patch(going, {"metadata": {"finalizers": None}})
    with pytest.raises(ApiError, match="not found"):
        api.get(going)
