"""One control plane and one worker, from `kubectl apply` to `kubectl delete`."""

from __future__ import annotations

import base64
import gzip
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from e2e.lab.layout import Layout
from e2e.stories.conftest import Make
from e2e.support import audit, operator
from e2e.support.kubectl import Kubectl, KubectlError
from e2e.support.sovereigns import Sovereign
from e2e.support.waiting import wait_for

pytestmark = pytest.mark.e2e

SILENCE = timedelta(seconds=3)
LABEL_UID = "catalyst.openova.io/sovereign-uid"
LABELLED = ("servers", "networks", "firewalls", "ssh_keys", "placement_groups", "load_balancers")


def test_from_apply_to_delete(make: Make, kubectl: Kubectl) -> None:
    sovereign, project = make("single")
    sovereign.apply()
    status = sovereign.provisioned()
    uid = (sovereign.read() or {})["metadata"]["uid"]

    inventory = project.inventory()
    assert_inventory(inventory, uid, workers=1)
    assert_status(status, inventory)
    assert_keys_are_out_of_reach(sovereign, kubectl, uid)

    assert_second_apply_does_nothing(sovereign)

    sovereign.patch(workers={"size": "cx43", "replicas": 2})
    status = sovereign.provisioned()
    assert status["history"][0]["attempt"] == 2
    assert status["plan"]["add"] > 0
    assert [status["plan"][name] for name in ("change", "destroy", "adopt")] == [0, 0, 0]
    after = project.inventory()
    assert_inventory(after, uid, workers=2)
    assert_kept(inventory, after)

    namespace = sovereign.run_namespace
    sovereign.delete()
    assert project.inventory() == {}
    assert kubectl.find("namespace", namespace) is None
    assert operator.keys_of(kubectl, uid) == []
    assert_receipt(kubectl, sovereign)


def assert_inventory(inventory: dict[str, list[Any]], uid: str, *, workers: int) -> None:
    """What the module says is there, and nothing else."""
    counts = {kind: len(objects) for kind, objects in inventory.items()}
    assert counts["servers"] == 1 + workers
    assert {k: counts[k] for k in LABELLED if k not in ("servers", "placement_groups")} == {
        "networks": 1,
        "firewalls": 1,
        "ssh_keys": 1,
        "load_balancers": 1,
    }
    for kind in LABELLED:
        assert all(o["labels"][LABEL_UID] == uid for o in inventory[kind]), f"a label is missing on {kind}"

    rules = inventory["firewalls"][0]["rules"]
    opened = {(rule["protocol"], rule.get("port")) for rule in rules if rule["direction"] == "in"}
    assert opened == {("tcp", "80"), ("tcp", "443"), ("tcp", "6443"), ("icmp", None)}, "22 stays closed"

    balancer = inventory["load_balancers"][0]
    services = {(s["protocol"], s["listen_port"], s["destination_port"]) for s in balancer["services"]}
    assert services == {("tcp", 80, 28080), ("tcp", 443, 28443)}
    targets = {t["server"]["id"] for t in balancer["targets"]}
    assert targets <= {server["id"] for server in inventory["servers"]}
    assert len(targets) >= workers
    assert all(t["use_private_ip"] for t in balancer["targets"])


def assert_status(status: dict[str, Any], inventory: dict[str, list[Any]]) -> None:
    """Outputs and cost, as a person reads them."""
    control_plane = next(s for s in inventory["servers"] if s["labels"]["catalyst.openova.io/role"] == "control-plane")
    assert status["outputs"] == {
        "controlPlaneIPs": [control_plane["public_net"]["ipv4"]["ip"]],
        "loadBalancerIP": inventory["load_balancers"][0]["public_net"]["ipv4"]["ip"],
    }
    assert float(status["cost"]["monthly"]) > 0
    assert status["cost"]["currency"] == "EUR"
    assert status["progressPercent"] == 50
    assert "lastErrors" not in status
    assert "currentRun" not in status


def assert_keys_are_out_of_reach(sovereign: Sovereign, kubectl: Kubectl, uid: str) -> None:
    """What a later run could read in its namespace has none of the cluster's keys; where they are, it has no right."""
    held = kubectl.items("-n", sovereign.run_namespace, "secrets")
    assert "boot-secrets" not in {secret["metadata"]["name"] for secret in held}
    texts = "".join(base64.b64decode(v).decode(errors="replace") for s in held for v in (s.get("data") or {}).values())
    assert "PRIVATE KEY" not in texts
    (keys,) = operator.keys_of(kubectl, uid)
    run = f"--as=system:serviceaccount:{sovereign.run_namespace}:run"
    with pytest.raises(KubectlError, match="cannot get resource"):
        kubectl("-n", operator.NAMESPACE, "get", "secret", keys["metadata"]["name"], run)


def assert_second_apply_does_nothing(sovereign: Sovereign) -> None:
    """No Job and no write by the operator; what else it wakes for, it only reads."""
    # Its domain becomes ready beside its cluster, and events follow the status that they tell of.
    sovereign.wait("its domain is ready", DomainReady="True", seconds=30)
    wait_for(lambda: not audit.of_operator(datetime.now(UTC) - SILENCE), "silence", seconds=60)
    before, jobs = datetime.now(UTC), len(sovereign.jobs())
    handled = sovereign.status.get("observedGeneration")
    sovereign.kubectl.apply(sovereign.manifest)
    assert sovereign.status.get("observedGeneration") == handled
    # Something the operator must answer, so that it is known to have looked since.
    sovereign.look_again()
    assert len(sovereign.jobs()) == jobs
    written = [write for write in audit.of_operator(before) if f"/sovereigns/{sovereign.name}/status" not in write]
    assert written == []


def assert_kept(before: dict[str, list[Any]], after: dict[str, list[Any]]) -> None:
    """Everything that was there still is, as the same object."""
    for kind in LABELLED:
        assert {o["id"] for o in before[kind]} <= {o["id"] for o in after[kind]}, f"{kind} were replaced"


def assert_receipt(kubectl: Kubectl, sovereign: Sovereign) -> None:
    """The owner can read what became of it."""
    receipts = kubectl.items(
        "-n", sovereign.namespace, "configmaps", "-l", f"catalyst.openova.io/sovereign={sovereign.name}"
    )
    assert len(receipts) == 1
    receipt = json.loads(receipts[0]["data"]["receipt.json"])
    assert receipt["result"] == "destroyed"
    assert receipt["left"] == []
    assert receipt["destroyJob"].endswith("-3"), "the first destroy run was not enough"


def test_operator_killed_in_mid_apply(make: Make, kubectl: Kubectl) -> None:
    """Same Job, same Pod, one server each."""
    sovereign, project = make("killed")
    sovereign.apply()
    sovereign.wait("tofu-apply to run", TofuApply="Running")
    pods = kubectl.items("-n", sovereign.run_namespace, "pods")

    operator.kill(kubectl)

    sovereign.provisioned()
    assert [p["metadata"]["uid"] for p in kubectl.items("-n", sovereign.run_namespace, "pods")] == [
        p["metadata"]["uid"] for p in pods
    ]
    assert len(sovereign.jobs()) == 1
    assert len(project.inventory()["servers"]) == 2


def test_progress_is_told_while_tofu_applies(make: Make) -> None:
    """The description names the resource and how long it has been creating, and the percentage moves."""
    sovereign, _ = make("progress")
    sovereign.apply()
    seen: set[int] = set()

    def told() -> bool:
        status = sovereign.status
        seen.add(status.get("progressPercent", 0))
        text = status.get("lastOperation", {}).get("description", "")
        return "creating hcloud_server." in text and " for " in text

    wait_for(told, "the description to name a server being created", seconds=60, shown=sovereign.describe)
    sovereign.provisioned()
    assert len({percent for percent in seen if percent > 8}) >= 1


def test_token_is_nowhere_but_in_its_secret(make: Make, kubectl: Kubectl) -> None:
    """Logs, objects, events, plan and state of a whole run, and the emulator's own log of requests."""
    sovereign, project = make("canary")
    sovereign.apply()
    sovereign.provisioned()
    token, namespace = project.token, sovereign.run_namespace
    jobs = [job["metadata"]["name"] for job in sovereign.jobs()]
    kinds = "sovereigns,jobs,pods,configmaps,events,namespaces,serviceaccounts,rolebindings,leases"
    texts = {
        "objects": kubectl("get", kinds, "-A", "-o", "yaml"),
        "operator log": kubectl(
            "-n", operator.NAMESPACE, "logs", "-l", operator.SELECTOR, "--all-containers", "--tail=-1"
        ),
        "run log": "".join(kubectl("-n", namespace, "logs", f"job/{job}", "--all-containers") for job in jobs),
    }
    for file in Layout.of_checkout().log.glob("*.log"):
        texts[f"lab log {file.name}"] = file.read_text(errors="replace") or "empty"
    for place, text in texts.items():
        assert text, f"nothing to look at in {place}"
        assert token not in text, f"the token is in: {place}"
    holders = {
        f"{s['metadata']['namespace']}/{s['metadata']['name']}"
        for s in kubectl.items("secrets", "-A")
        if any(token in decoded for decoded in decoded_values(s))
    }
    assert holders == {f"{sovereign.namespace}/hcloud", f"{namespace}/provider-token"}


def decoded_values(secret: dict[str, Any]) -> list[str]:
    """The values of a Secret; the state is compressed."""
    values = [base64.b64decode(v) for v in (secret.get("data") or {}).values()]
    plain = [gzip.decompress(v) if v[:2] == b"\x1f\x8b" else v for v in values]
    return [v.decode(errors="replace") for v in plain]
