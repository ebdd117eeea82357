"""What a newcomer meets first: the samples apply, the columns read well, fields can be selected."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration import actors
from tests.integration.admission import GROUP, RESERVATIONS, reservation, sovereign, sovereigns
from tests.integration.apiserver import Api
from tests.support.paths import REPOSITORY

pytestmark = pytest.mark.integration

SAMPLES = sorted((REPOSITORY / "deploy/samples").glob("*.yaml"))
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_sample_applies(api: Api, namespace: str, path: Path) -> None:
    for document in yaml.safe_load_all(path.read_text("utf-8")):
        api.apply(_path(document, namespace), _moved(document, namespace), dryRun="All", fieldValidation="Strict")


def _path(document: dict[str, Any], namespace: str) -> str:
    name = document["metadata"]["name"]
    return {
        "Namespace": f"/api/v1/namespaces/{name}",
        "Secret": f"/api/v1/namespaces/{namespace}/secrets/{name}",
        "Sovereign": f"{sovereigns(namespace)}/{name}",
    }[document["kind"]]


def _moved(document: dict[str, Any], namespace: str) -> dict[str, Any]:
    if document["kind"] == "Namespace":
        return document
    return document | {"metadata": document["metadata"] | {"namespace": namespace}}


def _columns(api: Api, path: str, *, wide: bool = False) -> dict[str, Any]:
    """What `kubectl get` would print of the first object, by column."""
    table = api.request("GET", path, accept=TABLE)
    shown = [(n, one) for n, one in enumerate(table["columnDefinitions"]) if wide or one["priority"] == 0]
    return {one["name"]: table["rows"][0]["cells"][n] for n, one in shown}


def test_columns_of_a_sovereign(api: Api, namespace: str) -> None:
    api.create(sovereigns(namespace), sovereign())
    ready = {
        "type": "Ready",
        "status": "False",
        "reason": "Provisioning",
        "message": "creating hcloud_server.worker[0], 12 s",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    status = {
        "conditions": [ready],
        "phase": "tofu-apply",
        "summary": "creating hcloud_server.worker[0], 12 s",
        "progressPercent": 40,
        "cost": {"monthly": "32.97", "currency": "EUR", "pricesAsOf": "2026-06-15"},
        "outputs": {"loadBalancerIP": "203.0.113.2"},
    }
    actors.operator(api).patch(f"{sovereigns(namespace)}/omantel/status", {"status": status})

    assert list(_columns(api, sovereigns(namespace), wide=True))[-1] == "Message", "it has no bound that a terminal has"
    columns = _columns(api, sovereigns(namespace))
    assert list(columns) == ["Name", "Ready", "Phase", "Progress", "FQDN", "Age", "Message"]
    del columns["Age"]
    assert columns == {
        "Name": "omantel",
        "Ready": "False",
        "Phase": "tofu-apply",
        "Progress": 40,
        "FQDN": "omantel.omani.works",
        "Message": "creating hcloud_server.worker[0], 12 s",
    }
    wide = _columns(api, sovereigns(namespace), wide=True)
    assert list(wide)[6:] == ["Provider", "Region", "LB-IP", "Components", "Outcome", "Cost", "Message"]
    assert (wide["Region"], wide["LB-IP"], wide["Cost"]) == ("fsn1", "203.0.113.2", "32.97")


def test_columns_of_a_domain_reservation(api: Api) -> None:
    api.create(RESERVATIONS, reservation({"loadBalancerIP": "203.0.113.7"}, name="columns.omani.works"))
    columns = _columns(api, RESERVATIONS)
    api.delete(f"{RESERVATIONS}/columns.omani.works")
    assert list(columns) == ["Name", "Ready", "Mode", "IP", "Delegated", "Expires", "Sovereign", "Age"]
    assert (columns["Mode"], columns["IP"], columns["Sovereign"]) == ("pool", "203.0.113.7", "omantel")


def test_fields_can_be_selected(api: Api, namespace: str) -> None:
    api.create(sovereigns(namespace), sovereign())
    api.create(sovereigns(namespace), sovereign({"domain.fqdn": "other.omani.works"}, name="other"))
    found = api.request("GET", f"{GROUP}/sovereigns", fieldSelector="spec.domain.fqdn=other.omani.works")
    assert [item["metadata"]["name"] for item in found["items"]] == ["other"]


@pytest.mark.parametrize("kind", ["sovereign", "domainreservation"])
def test_short_names_and_category(api: Api, kind: str) -> None:
    resources = {one["singularName"]: one for one in api.get(GROUP)["resources"]}
    assert resources[kind]["categories"] == ["catalyst"]
    assert resources[kind]["shortNames"] == [{"sovereign": "sov", "domainreservation": "domres"}[kind]]
