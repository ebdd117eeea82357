"""The operator's key: made once, by whoever starts first, and never guessed where there should be one."""

from __future__ import annotations

import pytest

from catalyst_operator.adapters import proof_key
from catalyst_operator.core import manifests, naming
from catalyst_operator.errors import SettingsError
from tests.support.fake_kube import FakeApi, Key, Request

SPACE = "catalyst-system"
SECRET = Key("secrets", SPACE, naming.PROOF_KEY_SECRET)


@pytest.fixture
def api() -> FakeApi:
    made = FakeApi()
    made.put("namespaces", {"metadata": {"name": SPACE}})
    return made


async def test_it_is_made_at_the_first_start_and_is_the_same_ever_after(api: FakeApi) -> None:
    first = await proof_key.read(api.client(), SPACE)
    assert len(first) == 2 * proof_key.KEY_BYTES
    assert await proof_key.read(api.client(), SPACE) == first
    assert len(api.writes) == 1


async def test_another_cluster_has_another_one(api: FakeApi) -> None:
    other = FakeApi()
    other.put("namespaces", {"metadata": {"name": SPACE}})
    assert await proof_key.read(api.client(), SPACE) != await proof_key.read(other.client(), SPACE)


async def test_the_one_that_was_made_meanwhile_counts(api: FakeApi) -> None:
    def faster(request: Request) -> None:
        if request.method == "POST":
            api.before_request = lambda _: None
            api.put("secrets", manifests.proof_key(SPACE, "theirs"))

    api.before_request = faster
    assert await proof_key.read(api.client(), SPACE) == "theirs"


@pytest.mark.parametrize("data", [{}, {"key": ""}, {"other": "eHg="}])
async def test_one_without_a_key_stops_the_operator(api: FakeApi, data: dict[str, str]) -> None:
    """Another would make every run namespace a foreign one."""
    api.put("secrets", {"metadata": {"name": SECRET.name, "namespace": SPACE}, "data": data})
    with pytest.raises(SettingsError, match="ERR_NAMESPACE_FOREIGN"):
        await proof_key.read(api.client(), SPACE)
    assert api.writes == []
