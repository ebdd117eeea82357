"""Manifests of a run namespace: labelled, named as the parts agree, secret only where they may be."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import replace
from typing import Any

import pytest
import yaml

from catalyst_operator.api import labels
from catalyst_operator.core import manifests, naming
from catalyst_operator.core.tofu import backends
from tests.support import gen
from tests.support.gen import SETTINGS, TOKEN
from tests.support.paths import REPOSITORY

S = gen.sovereign()
KEY = bytes(range(32))
EVERYTHING: dict[str, dict[str, Any]] = {
    "namespace": manifests.run_namespace(S, SETTINGS),
    **{f"access {n}": made for n, made in enumerate(manifests.access(S, SETTINGS))},
    "state key": manifests.state_key(S, KEY),
    "boot secrets": manifests.boot_secrets(S, {"server_token": "server"}),
    "token": manifests.provider_token(S, TOKEN),
    "inputs": manifests.inputs(S, "inputs-1a2b3c4d", {"a": "b"}),
    "record": manifests.record(S, "{}"),
    "receipt": manifests.receipt(S, "{}"),
}


STATE_FILE = b'{"serial": 8, "lineage": "l", "encrypted_data": "..."}'
RESTORED = manifests.restored_state(S, base64.b64encode(STATE_FILE).decode(), "41")


def content(secret: dict[str, Any], name: str) -> str:
    return base64.b64decode(secret["data"][name]).decode()


@pytest.mark.parametrize("made", EVERYTHING.values(), ids=EVERYTHING)
def test_everything_carries_the_sovereigns_labels(made: dict[str, Any]) -> None:
    held = made["metadata"]["labels"]
    assert held[labels.LABEL_SOVEREIGN_UID] == gen.UID
    assert held[labels.LABEL_SOVEREIGN] == "omantel"
    assert held[labels.LABEL_SOVEREIGN_NAMESPACE] == "team-a"
    assert held[labels.LABEL_ROLE]


@pytest.mark.parametrize("made", EVERYTHING.values(), ids=EVERYTHING)
def test_nothing_is_owned(made: dict[str, Any]) -> None:
    """Foreground deletion removes what is owned before our finalizer runs, and a destroy needs it."""
    assert "ownerReferences" not in made["metadata"]


BESIDE_THE_OPERATOR = {
    f"cluster-secrets-{gen.UID}": manifests.cluster_secrets(S, "platform", {"server_token": "server"}),
    f"registrar-credentials-{gen.UID}": manifests.registrar_credentials(S, "platform", {}, "1/2"),
}


@pytest.mark.parametrize("name", BESIDE_THE_OPERATOR)
def test_what_no_run_may_read_lies_beside_the_operator_under_the_sovereigns_uid(name: str) -> None:
    """One that is made again under the same name has another UID, and finds nothing of its predecessor's."""
    meta = BESIDE_THE_OPERATOR[name]["metadata"]
    assert (meta["namespace"], meta["name"]) == ("platform", name)
    assert meta["labels"][labels.LABEL_SOVEREIGN_UID] == gen.UID
    assert meta["labels"][labels.LABEL_ROLE] == labels.ROLE_KEYS


def test_the_keys_that_nodes_know_are_never_changed_and_what_a_run_is_given_is() -> None:
    """Another run needs more of them, or less."""
    assert BESIDE_THE_OPERATOR[f"cluster-secrets-{gen.UID}"]["immutable"] is True
    assert "immutable" not in EVERYTHING["boot secrets"]


@pytest.mark.parametrize("name", [name for name in EVERYTHING if name not in ("namespace", "receipt")])
def test_all_but_the_receipt_lie_in_the_run_namespace(name: str) -> None:
    assert EVERYTHING[name]["metadata"]["namespace"] == gen.SPACE


def test_the_receipt_lies_with_the_owner() -> None:
    meta = EVERYTHING["receipt"]["metadata"]
    assert (meta["namespace"], meta["name"]) == ("team-a", f"omantel-receipt-{naming.hash5(gen.UID)}")


def test_the_run_namespace_enforces_pod_security() -> None:
    assert EVERYTHING["namespace"]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_a_run_may_not_be_reached_and_mounts_no_token_by_default() -> None:
    access = {(made["kind"], made["metadata"]["name"]): made for made in manifests.access(S, SETTINGS)}
    assert access["NetworkPolicy", "deny-ingress"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress"]}
    assert access["ServiceAccount", naming.RUN_SERVICE_ACCOUNT]["automountServiceAccountToken"] is False


@pytest.mark.parametrize(
    ("endpoint", "ports"),
    [("", [443, 6443]), ("http://10.99.0.1:8443/v1", [443, 6443, 8443]), ("https://proxy.example/v1", [443, 6443])],
)
def test_a_run_connects_to_the_api_server_and_to_hetzner_and_never_to_the_metadata_service(
    endpoint: str, ports: list[int]
) -> None:
    made = manifests.access(S, replace(SETTINGS, hcloud_endpoint=endpoint))
    [egress] = [one["spec"] for one in made if one["metadata"]["name"] == "egress"]
    assert (egress["podSelector"], egress["policyTypes"]) == ({}, ["Egress"])
    dns, outside = egress["egress"]
    assert {port["port"] for port in dns["ports"]} == {53}
    assert [port["port"] for port in outside["ports"]] == ports
    assert "169.254.0.0/16" in outside["to"][0]["ipBlock"]["except"]


def test_a_run_whose_state_is_in_a_store_outside_connects_to_that_as_well() -> None:
    store = backends.parse(backends.PG, ("host=pg.example", "port=6432", "database=states"), "state-backend")
    made = manifests.access(S, replace(SETTINGS, state_backend=store))
    [egress] = [one["spec"]["egress"] for one in made if one["metadata"]["name"] == "egress"]
    assert [port["port"] for port in egress[1]["ports"]] == [443, 6432, 6443]


def test_the_operators_own_policy_says_the_same() -> None:
    """No cluster of the tests enforces it: the lab's bridge does not, so it is read as text."""
    made = yaml.safe_load((REPOSITORY / "deploy/base/network-policy.yaml").read_text(encoding="utf-8"))
    assert made["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert all("169.254.0.0/16" in str(rule) for rule in made["spec"]["egress"] if "to" in rule)
    deployment = yaml.safe_load((REPOSITORY / "deploy/base/deployment.yaml").read_text(encoding="utf-8"))
    selected = made["spec"]["podSelector"]["matchLabels"]
    assert selected.items() <= deployment["spec"]["template"]["metadata"]["labels"].items()
    opened = {port["port"] for rule in made["spec"]["ingress"] for port in rule["ports"]}
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    assert opened == {port["containerPort"] for port in container["ports"]}


def test_the_operator_is_let_in_before_it_needs_to_be() -> None:
    first, *_, run = [made for made in manifests.access(S, SETTINGS) if made["kind"] == "RoleBinding"]
    assert first["subjects"] == [
        {"kind": "ServiceAccount", "name": "catalyst-operator", "namespace": "catalyst-system"}
    ]
    assert run["roleRef"]["name"] == naming.RUN_CLUSTER_ROLE
    assert run["subjects"][0]["namespace"] == gen.SPACE


def test_the_state_key_is_what_opentofus_external_key_provider_reads() -> None:
    """Two lines of JSON: the header with its magic, then the keys; the key itself in base64."""
    header, body = content(EVERYTHING["state key"], "provider-output").splitlines()
    assert json.loads(header) == {"magic": "OpenTofu-External-Key-Provider", "version": 1}
    keys = json.loads(body)["keys"]
    assert base64.b64decode(keys["encryption_key"]) == base64.b64decode(keys["decryption_key"]) == KEY


@pytest.mark.parametrize("name", ["state key", "inputs"])
def test_what_must_never_change_is_immutable(name: str) -> None:
    assert EVERYTHING[name]["immutable"] is True


def test_the_token_can_be_refreshed() -> None:
    assert "immutable" not in EVERYTHING["token"]
    assert content(EVERYTHING["token"], "token") == TOKEN


def test_a_restored_state_is_where_and_as_opentofu_keeps_it() -> None:
    """Its kubernetes backend finds the Secret by name, lists workspaces by label, and reads what gzip packed."""
    meta = RESTORED["metadata"]
    assert (meta["name"], meta["namespace"]) == (naming.STATE_SECRET, gen.SPACE)
    assert meta["name"] == f"tfstate-{meta['labels']['tfstateWorkspace']}-{meta['labels']['tfstateSecretSuffix']}"
    assert (meta["labels"]["tfstate"], meta["labels"]["app.kubernetes.io/managed-by"]) == ("true", "terraform")
    assert meta["annotations"] == {"encoding": "gzip"}
    assert gzip.decompress(base64.b64decode(RESTORED["data"]["tfstate"])) == STATE_FILE


def test_a_restored_state_can_be_written_again_by_opentofu() -> None:
    assert "immutable" not in RESTORED
    assert "finalizers" not in RESTORED["metadata"]


def test_a_restored_state_names_the_version_that_it_goes_over() -> None:
    assert RESTORED["metadata"]["resourceVersion"] == "41"
    assert "resourceVersion" not in manifests.restored_state(S, "", "")["metadata"]


def test_restoring_twice_is_restoring_the_same() -> None:
    """Else the second time would be a write: gzip notes the time in bytes 4 to 8 unless it is told not to."""
    assert base64.b64decode(RESTORED["data"]["tfstate"])[4:8] == bytes(4)
    assert manifests.restored_state(S, base64.b64encode(STATE_FILE).decode(), "41") == RESTORED


def test_secret_variables_are_a_file_that_tofu_loads_by_itself() -> None:
    (name,) = EVERYTHING["boot secrets"]["data"]
    assert name.endswith(".auto.tfvars.json")
    assert json.loads(content(EVERYTHING["boot secrets"], name)) == {"server_token": "server"}


def test_the_record_is_held() -> None:
    assert EVERYTHING["record"]["metadata"]["finalizers"] == [labels.FINALIZER_RECORD]


@pytest.mark.parametrize("name", [name for name in EVERYTHING if name != "token"])
def test_only_one_object_holds_the_token(name: str) -> None:
    assert TOKEN not in json.dumps(EVERYTHING[name])
    assert base64.b64encode(TOKEN.encode()).decode() not in json.dumps(EVERYTHING[name])
