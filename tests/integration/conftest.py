"""Fixtures of the integration tests: a real API server, empty or with the CRDs and admission policies installed."""

import time
from collections.abc import Callable, Iterator

import pytest
import yaml

from tests.integration.apiserver import Api, ApiError, ApiServer, api_server
from tests.support.paths import REPOSITORY

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
POLICIES = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
BINDINGS = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings"
NAMESPACES = "/api/v1/namespaces"

_PLURALS = ("sovereigns", "domainreservations")
_COLLECTIONS = {"ValidatingAdmissionPolicy": POLICIES, "ValidatingAdmissionPolicyBinding": BINDINGS}


@pytest.fixture(scope="session")
def apiserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A running API server with nothing of ours in it; `apiserver.kubeconfig` is an administrator's."""
    with api_server(tmp_path_factory.mktemp("apiserver")) as server:
        yield server


@pytest.fixture(scope="session")
def api(apiserver: ApiServer) -> Api:
    """An administrator's client of the API server, with our CRDs and admission policies in force."""
    client = apiserver.api
    for path in sorted((REPOSITORY / "crds").glob("catalyst.openova.io_*.yaml")):
        client.create(CRDS, yaml.safe_load(path.read_text("utf-8")))
    for document in yaml.safe_load_all((REPOSITORY / "deploy/base/admission-policies.yaml").read_text("utf-8")):
        client.create(_COLLECTIONS[document["kind"]], document)
    _wait_until_served(client)
    _wait_until_policies_act(client)
    return client


@pytest.fixture
def namespace(api: Api) -> str:
    """A namespace of the test's own."""
    created = api.create(NAMESPACES, {"metadata": {"generateName": "test-"}})
    name: str = created["metadata"]["name"]
    return name


def _wait_until_served(api: Api) -> None:
    def served() -> bool:
        try:
            return all(api.get(f"/apis/catalyst.openova.io/v1alpha1/{plural}") for plural in _PLURALS)
        except ApiError:
            return False

    _wait_until(served)


def _wait_until_policies_act(api: Api) -> None:
    """The API server takes up to a second or two to load a policy; the one created last is the probe."""
    labels = {"catalyst.openova.io/role": "run"}
    name = api.create(NAMESPACES, {"metadata": {"generateName": "probe-", "labels": labels}})["metadata"]["name"]

    def refused() -> bool:
        try:
            api.delete(f"{NAMESPACES}/{name}", dryRun="All")
        except ApiError as error:
            return error.code in (403, 422)
        return False

    _wait_until(refused)


def _wait_until(condition: Callable[[], bool], timeout: float = 30.0) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"not true within {timeout:.0f} s"
        time.sleep(0.05)
