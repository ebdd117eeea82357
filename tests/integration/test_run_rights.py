"""What a run reaches with its token: the state, and what lies in its own namespace. Neither the keys of a cluster that
has started nor the registrar's account lie there."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from catalyst_operator.api.sovereign import Sovereign
from catalyst_operator.core import actions, manifests, naming
from catalyst_operator.reconcilers.keys import Keys
from tests.integration import actors
from tests.integration.actors import HOME, NAMESPACES, SETTINGS
from tests.integration.apiserver import Api, ApiError, ApiServer, kubeconfig
from tests.integration.tofu import find
from tests.support import gen

pytestmark = pytest.mark.integration

LEASES = "/apis/coordination.k8s.io/v1/namespaces"
BACKEND = """\
terraform {{
  backend "kubernetes" {{
    secret_suffix = "{suffix}"
    namespace     = "{namespace}"
  }}
}}
resource "terraform_data" "server" {{
  input = var.size
}}
variable "size" {{
  type = string
}}
"""


@pytest.fixture
def held(api: Api, namespace: str) -> Sovereign:
    """A Sovereign that the operator holds."""
    return actors.held(api, namespace)


@pytest.fixture
def space(api: Api, held: Sovereign) -> str:
    """Name of its run namespace, with everything in it but a state, and with the rights that the operator binds."""
    name = actors.run_namespace(api, held)
    almighty = api.acting_as(f"system:serviceaccount:{HOME}:catalyst-operator")
    bindings = f"{actors.RBAC}/namespaces/{name}/rolebindings"
    for made in manifests.access(held, SETTINGS):
        if made["kind"] == "RoleBinding":
            almighty.create(bindings, made)
        if made["kind"] == "ServiceAccount":
            almighty.create(f"{NAMESPACES}/{name}/serviceaccounts", made)
    almighty.delete(f"{NAMESPACES}/{name}/secrets/{naming.STATE_SECRET}")
    return name


@pytest.fixture
def run(api: Api, space: str) -> Api:
    """A run, with its own rights and no others."""
    return actors.run(api, space)


def refused(api: Api, method: str, path: str, body: Any = None) -> str:
    with pytest.raises(ApiError) as caught:
        api.request(method, path, body)
    assert caught.value.code == 403, caught.value.status
    return str(caught.value)


def test_a_run_reads_nothing_of_what_is_kept_beside_the_operator(api: Api, run: Api, held: Sovereign) -> None:
    """Neither by name nor in a list, in no namespace."""
    for secret in actors.kept(held):
        path = f"{NAMESPACES}/{HOME}/secrets/{secret['metadata']['name']}"
        assert api.get(path)["data"]
        for method, body in (("GET", None), ("PATCH", {"metadata": {"labels": {"a": "b"}}}), ("DELETE", None)):
            refused(run, method, path, body)
    for path in (f"{NAMESPACES}/{HOME}/secrets", "/api/v1/secrets"):
        refused(run, "GET", path)
    refused(run, "POST", f"{NAMESPACES}/{HOME}/secrets", {"metadata": {"name": "a"}})


async def test_nothing_that_it_can_read_opens_a_cluster_that_has_started(
    apiserver: ApiServer, run: Api, held: Sovereign, space: str
) -> None:
    """Whatever OpenTofu's backend is given when it looks for workspaces, while a run is at work."""
    client = actors.kube(apiserver)
    keys = Keys(client, replace(gen.observation(), sovereign=held, settings=SETTINGS, has_cluster_secrets=True))
    await keys.run(actions.GiveBootSecrets(authorities=False))
    await client.close()
    readable = json.dumps([_texts(secret) for secret in run.get(f"{NAMESPACES}/{space}/secrets")["items"]])
    assert "agent_token" in readable
    assert "server-ca.key" not in readable


def _texts(secret: dict[str, Any]) -> dict[str, str]:
    return {name: base64.b64decode(value).decode(errors="replace") for name, value in secret["data"].items()}


def test_another_sovereigns_namespace_is_closed_to_it(api: Api, run: Api) -> None:
    other = api.create(NAMESPACES, {"metadata": {"generateName": "test-"}})["metadata"]["name"]
    refused(run, "GET", f"{NAMESPACES}/{other}/secrets")
    refused(run, "GET", f"{NAMESPACES}/{other}/secrets/{naming.STATE_SECRET}")


def test_it_writes_its_state_and_no_other_secret(run: Api, space: str) -> None:
    secrets = f"{NAMESPACES}/{space}/secrets"
    saved = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": naming.ERRORED_STATE_SECRET}}
    run.apply(f"{secrets}/{naming.ERRORED_STATE_SECRET}", {**saved, "data": {"tfstate": "e30="}})
    run.apply(f"{secrets}/{naming.ERRORED_STATE_SECRET}", {**saved, "data": {"tfstate": "e30K"}})
    copy = {**manifests.state_secret(space), "data": {"tfstate": "e30="}}
    for _ in ("of a state that is in a store outside", "and once more"):
        run.apply(f"{secrets}/{naming.STATE_SECRET}", copy)
    kept = (naming.TOKEN_SECRET, naming.STATE_KEY_SECRET, naming.STATE_BACKEND_SECRET, naming.BOOT_SECRETS)
    for name in (*kept, "inputs-1a2b3c4d"):
        refused(run, "PATCH", f"{secrets}/{name}", {"data": {}})
        refused(run, "DELETE", f"{secrets}/{name}")
    refused(run, "DELETE", f"{secrets}/{naming.ERRORED_STATE_SECRET}")
    assert "no other Secret" in refused(run, "POST", secrets, {"metadata": {"name": "anything"}})


def test_it_makes_itself_no_token_that_outlives_it(run: Api, space: str) -> None:
    """With one it could read what later runs are given."""
    account = {"kubernetes.io/service-account.name": "run"}
    for name in ("token", naming.STATE_SECRET):
        body = {"type": "kubernetes.io/service-account-token", "metadata": {"name": name, "annotations": account}}
        assert "no other Secret" in refused(run, "POST", f"{NAMESPACES}/{space}/secrets", body)
    refused(run, "POST", f"{NAMESPACES}/{space}/serviceaccounts/run/token", {"spec": {}})


def test_of_leases_it_takes_the_lock_of_its_state_only(api: Api, run: Api, space: str) -> None:
    leases = f"{LEASES}/{space}/leases"
    api.create(leases, {"metadata": {"name": "another"}})
    refused(run, "GET", leases)
    for method in ("GET", "DELETE"):
        refused(run, method, f"{leases}/another")
    lock = run.create(leases, {"metadata": {"name": naming.STATE_LEASE}, "spec": {"holderIdentity": "it"}})
    lock["spec"].pop("holderIdentity")
    run.replace(f"{leases}/{naming.STATE_LEASE}", lock)
    refused(run, "DELETE", f"{leases}/{naming.STATE_LEASE}")


def test_with_these_rights_opentofu_does_all_that_a_run_does(
    apiserver: ApiServer, api: Api, space: str, tmp_path: Path
) -> None:
    """From the first state on, its lock included, to the last."""
    (tmp_path / "main.tf").write_text(BACKEND.format(suffix=naming.STATE_SUFFIX, namespace=space))
    token = api.create(f"{NAMESPACES}/{space}/serviceaccounts/run/token", {"spec": {}})["status"]["token"]
    environ = {
        "HOME": str(tmp_path),
        "PATH": os.environ["PATH"],
        "CHECKPOINT_DISABLE": "1",
        "TF_VAR_size": "cx33",
        "KUBE_CONFIG_PATH": str(kubeconfig(tmp_path / "kubeconfig", apiserver.url, token, apiserver.ca)),
    }

    def tofu(*arguments: str) -> str:
        command = [str(find("tofu")), *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def state() -> dict[str, Any]:
        found: dict[str, Any] = json.loads(tofu("state", "pull"))
        return found

    tofu("init", "-input=false")
    tofu("plan", "-out=plan.bin")
    tofu("apply", "plan.bin")
    assert [r["type"] for r in state()["resources"]] == ["terraform_data"]
    tofu("state", "rm", "terraform_data.server")
    tofu("import", "terraform_data.server", "server-1")
    tofu("apply", "-refresh-only", "-auto-approve")
    tofu("output", "-json")
    tofu("apply", "-destroy", "-auto-approve")
    assert state()["resources"] == []
    assert "holderIdentity" not in api.get(f"{LEASES}/{space}/leases/{naming.STATE_LEASE}")["spec"]
