"""Who asks the API server, with the rights that they really have, and the objects that the operator made before."""

from __future__ import annotations

from typing import Any

from kubernetes.aio import client

from catalyst_operator.adapters.kube import Kube
from catalyst_operator.api import labels
from catalyst_operator.api.sovereign import Sovereign
from catalyst_operator.core import manifests, naming
from catalyst_operator.core.settings import CoreSettings
from tests.integration.admission import sovereign as raw_sovereign
from tests.integration.admission import sovereigns
from tests.integration.apiserver import Api, ApiServer
from tests.integration.installation import kubectl

Object = dict[str, Any]
NAMESPACES = "/api/v1/namespaces"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
HOME = "catalyst-system"
SETTINGS = CoreSettings(image="registry.example/catalyst-operator:test", proof_key="key of the tests")
ADMINISTRATOR = "alice"
CONTROLLERS = "system:serviceaccount:kube-system"
BREAK_GLASS = ("--as=root", "--as-group=system:masters", f"--as-group={labels.BREAK_GLASS_GROUP}")
"""What an administrator adds to a command of kubectl."""


def operator(api: Api, namespace: str = HOME) -> Api:
    """The operator's ServiceAccount, with no rights but those of its roles."""
    return api.acting_as(f"system:serviceaccount:{namespace}:catalyst-operator", "")


def run(api: Api, namespace: str) -> Api:
    """A run in its run namespace."""
    return api.acting_as(f"system:serviceaccount:{namespace}:run", "")


def administrator(api: Api) -> Api:
    """Somebody who may do everything."""
    return api.acting_as(ADMINISTRATOR)


def controller(api: Api, name: str) -> Api:
    """One of Kubernetes' own controllers."""
    return api.acting_as(f"{CONTROLLERS}:{name}")


def break_glass(server: ApiServer, *arguments: str) -> str:
    """An administrator's command with the glass broken, as the runbook has it. The test fails if it is refused."""
    return kubectl(server, *arguments, *BREAK_GLASS)


def tenant(api: Api, namespace: str, name: str = "tenant") -> Api:
    """Somebody with Kubernetes' own role `edit` in one namespace, and nothing else."""
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"}
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}
    body = {"metadata": {"name": name.replace(":", "-")}, "roleRef": role, "subjects": [subject]}
    api.create(f"{RBAC}/namespaces/{namespace}/rolebindings", body)
    return api.acting_as(name, "")


def kube(server: ApiServer, namespace: str = HOME) -> Kube:
    """The operator's own adapter, with a token of its ServiceAccount."""
    path = f"{NAMESPACES}/{namespace}/serviceaccounts/catalyst-operator/token"
    token = server.api.create(path, {"spec": {"expirationSeconds": 3600}})["status"]["token"]
    configuration = client.Configuration(host=server.url, api_key={"BearerToken": f"Bearer {token}"})
    configuration.ssl_ca_cert = str(server.ca)
    return Kube(client.ApiClient(configuration))


def held(api: Api, namespace: str, **spec: Any) -> Sovereign:
    """A Sovereign that the operator holds, in a namespace that says so."""
    path = sovereigns(namespace)
    made = api.create(path, raw_sovereign(dict(spec)))
    finalizers = {"metadata": {"finalizers": [labels.FINALIZER_SOVEREIGN]}}
    mark = {"metadata": {"annotations": {f"{labels.MARK_PREFIX}omantel": made["metadata"]["uid"]}}}
    operator(api).patch(f"{NAMESPACES}/{namespace}", mark)
    return Sovereign.parse(operator(api).patch(f"{path}/omantel", finalizers))


def kept(sovereign: Sovereign) -> tuple[dict[str, Any], ...]:
    """What the operator keeps for a Sovereign beside itself."""
    variables = {"server_token": "server", "agent_token": "agent", "ca_files": {"server-ca.key": "PEM"}}
    return (
        manifests.cluster_secrets(sovereign, HOME, variables),
        manifests.registrar_credentials(sovereign, HOME, {"key": "a2V5"}, "1/2"),
    )


def run_namespace(api: Api, sovereign: Sovereign) -> str:
    """The Sovereign's run namespace as the operator makes it, with everything that matters in it. Its name."""
    name = naming.run_namespace(sovereign.metadata.name, sovereign.metadata.uid)
    api.acting_as(f"system:serviceaccount:{HOME}:catalyst-operator").create(
        NAMESPACES, manifests.run_namespace(sovereign, SETTINGS)
    )
    secrets = (
        manifests.state_key(sovereign, b"k" * 32),
        manifests.boot_secrets(sovereign, {"server_token": "server"}),
        manifests.provider_token(sovereign, "t" * 64),
        manifests.state_backend(sovereign, {"PGUSER": "tofu", "PGPASSWORD": "p" * 16}),
        manifests.inputs(sovereign, "inputs-1a2b3c4d", {"a": "b"}),
        manifests.state(sovereign, "e30="),
    )
    almighty = api.acting_as(f"system:serviceaccount:{HOME}:catalyst-operator")
    for secret in secrets:
        almighty.create(f"{NAMESPACES}/{name}/secrets", secret)
    for secret in kept(sovereign):
        almighty.create(f"{NAMESPACES}/{HOME}/secrets", secret)
    almighty.create(f"{NAMESPACES}/{name}/configmaps", manifests.record(sovereign, "{}"))
    return name
