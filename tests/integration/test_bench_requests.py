"""The benchmark's count of the operator's requests: a real API server tells whom each was for."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import suppress

import pytest

from catalyst_operator.adapters import kube
from e2e.bench.apis import Api as BenchApi
from e2e.bench.apis import Client
from e2e.bench.errors import BenchError
from e2e.bench.scale import requests
from e2e.bench.scale.requests import Requests
from e2e.support.waiting import wait_for
from tests.integration.actors import HOME, NAMESPACES
from tests.integration.apiserver import Api, ApiServer

pytestmark = pytest.mark.integration

LEASE = kube.LEASES.path(HOME, "catalyst-operator")
PATIENCE = 60.0


def speaking(server: ApiServer, token: str) -> BenchApi:
    """With that token."""
    tls = ssl.create_default_context(cafile=str(server.ca))
    return BenchApi(server.url, tls, {"Authorization": f"Bearer {token}"})


@pytest.fixture
def admin(apiserver: ApiServer) -> BenchApi:
    return speaking(apiserver, apiserver.token)


@pytest.fixture
def operator(apiserver: ApiServer, api: Api) -> Iterator[Client]:
    account = f"{NAMESPACES}/{HOME}/serviceaccounts/catalyst-operator/token"
    token = api.create(account, {"spec": {"expirationSeconds": 3600}})["status"]["token"]
    with Client(speaking(apiserver, token)) as client:
        yield client


def asked(client: Client, path: str) -> None:
    """Whatever is answered: it is a request all the same."""
    with suppress(BenchError):
        client("GET", path)


def test_the_api_server_tells_whom_a_request_of_the_operator_was_for(admin: BenchApi, operator: Client) -> None:
    with Client(admin) as client:
        requests.count_for(client, ["sov-handed-off", "team-a"])

        def begun() -> bool:
            asked(operator, kube.SECRETS.path("sov-handed-off", "state"))
            return requests.read(admin).handed_off > 0

        wait_for(begun, "the API server to count by the new schemas", seconds=PATIENCE)
        before = requests.read(admin)
        for path in (
            kube.SOVEREIGNS.path("team-a", "omantel"),
            kube.CONFIG_MAPS.path("sov-handed-off", "record"),
            kube.NAMESPACES.path("", "sov-handed-off"),
            kube.NAMESPACES.path("", "sov-of-another"),
            kube.SOVEREIGNS.path(),
            LEASE,
        ):
            asked(operator, path)
        asked(client, kube.SECRETS.path("sov-handed-off", "state"))
        assert requests.read(admin).since(before) == Requests(handed_off=3, cluster_wide=1, elsewhere=1)
        requests.forget(client)
        requests.forget(client)
        assert client("GET", f"{requests.PATH}/exempt"), "only its own are gone"
        with pytest.raises(BenchError, match="404"):
            client("GET", f"{requests.PATH}/{requests.HANDED_OFF}")
