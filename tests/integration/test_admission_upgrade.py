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
from tests.integration.admission import edited, refusal, sovereign
from tests.integration.apiserver import Api, ApiError
from tests.integration.conftest import CRDS

pytestmark = pytest.mark.integration

GROUP = "older.example.com"
NAME = f"sovereigns.{GROUP}"


def without_rules(node: Any) -> Any:
    """A schema from a time when there were no rules."""
    if isinstance(node, dict):
        return {key: without_rules(item) for key, item in node.items() if key != "x-kubernetes-validations"}
    return [without_rules(item) for item in node] if isinstance(node, list) else node


@pytest.fixture(scope="module")
def old_object(api: Api) -> Iterator[str]:
    """Path of a Sovereign that was created before the rules came, and breaks two of them."""
    today = crd(SOVEREIGN)
    today["metadata"] = {"name": NAME}
    today["spec"]["group"] = GROUP
    before = copy.deepcopy(today)
    before["spec"]["versions"][0]["schema"] = without_rules(before["spec"]["versions"][0]["schema"])
    collection = f"/apis/{GROUP}/v1alpha1/namespaces/default/sovereigns"
    body = sovereign({"controlPlane.size": "cpx21", "organization.name": "Before {rules}"})
    body["apiVersion"] = f"{GROUP}/v1alpha1"

    api.create(CRDS, before)
    _until(lambda: api.create(collection, body))
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
    api.replace(old_object, edited(api.get(old_object), {"workers": {"size": "cx43", "replicas": 2}}), dryRun="All")


def test_a_retired_size_cannot_be_changed_to_another(api: Api, old_object: str) -> None:
    changed = edited(api.get(old_object), {"controlPlane.size": "cpx31"})
    assert "use cpx32" in str(refusal(api, "PUT", old_object, changed))


def test_a_retired_size_cannot_move(api: Api, old_object: str) -> None:
    changed = edited(api.get(old_object), {"regions[0].location": "nbg1"})
    assert "use cpx22" in str(refusal(api, "PUT", old_object, changed))


def test_a_changed_text_must_follow_its_rule(api: Api, old_object: str) -> None:
    changed = edited(api.get(old_object), {"organization.name": "After {rules}"})
    assert "spec.organization.name" in str(refusal(api, "PUT", old_object, changed))
