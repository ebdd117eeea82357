"""Fixtures of the integration tests: a real API server, empty or with the CRDs and admission policies installed."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from e2e.support.waiting import OFTEN, wait_for
from tests.integration.admission import sovereign, sovereigns
from tests.integration.apiserver import Api, ApiError, ApiServer, api_server
from tests.integration.installation import aggregated_roles, install, rules_of

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
NAMESPACES = "/api/v1/namespaces"

_PLURALS = ("sovereigns", "domainreservations")
_WAITING = "hcloud"
"""Folder of the files that mostly wait: for the provider's polls, and for boots."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread the files that mostly wait evenly among those that compute, because several run at once. Within a file
    nothing moves."""
    files = list(dict.fromkeys(item.path for item in items))
    place: dict[Path, float] = {}
    for waits in (True, False):
        alike = [file for file in files if (file.parent.name == _WAITING) is waits]
        place |= {file: (number + 0.5) / len(alike) for number, file in enumerate(alike)}
    items.sort(key=lambda item: place[item.path])


@pytest.fixture(scope="session")
def apiserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A running API server with nothing of ours in it; `apiserver.kubeconfig` is an administrator's."""
    with api_server(tmp_path_factory.mktemp("apiserver")) as server:
        yield server


@pytest.fixture(scope="session")
def api(apiserver: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An administrator's client of the API server, with all of deploy/base in force but the operator's process."""
    folder = tmp_path_factory.mktemp("installation")
    install(apiserver, folder)
    with aggregated_roles(apiserver, folder):
        client = apiserver.api
        _wait_until_served(client)
        _wait_until_policies_act(client)
        _wait_until(lambda: "catalyst.openova.io" in rules_of(apiserver, "edit"))
        yield client


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
    """The API server takes up to a second or two to load policies; the one that is applied last is the probe."""
    name = api.create(NAMESPACES, {"metadata": {"generateName": "probe-"}})["metadata"]["name"]
    api.create(sovereigns(name), sovereign())

    def refused() -> bool:
        try:
            api.patch(f"{sovereigns(name)}/omantel/status", {"status": {"phase": "ready"}}, dryRun="All")
        except ApiError as error:
            return "catalyst-status" in str(error)
        return False

    _wait_until(refused)


def _wait_until(condition: Callable[[], bool], timeout: float = 30.0) -> None:
    wait_for(condition, "the API server to serve, and to refuse", seconds=timeout, every=OFTEN)
