"""Access to a new cluster: minted anew each time, from what the run namespace holds, until that is gone."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from catalyst_operator.adapters.new_cluster import authorities
from catalyst_operator.adapters.new_cluster.identities import Identities
from catalyst_operator.core import manifests, naming
from catalyst_operator.core.access.identity import OBSERVER, SEEDER
from catalyst_operator.errors import NotFound, Unavailable
from tests.support import gen
from tests.support.fake_kube import FakeApi
from tests.support.gen import NOW

TRUST = authorities.make(NOW)
FQDN = "omantel.omani.works"
HOUR = timedelta(hours=1)


class Scene:
    """The operator's namespace with a cluster's authorities, and a clock that the test sets."""

    def __init__(self) -> None:
        self.api = FakeApi()
        self.now = NOW
        self.api.put("namespaces", {"metadata": {"name": gen.HOME}})
        self.hold(TRUST)

    def hold(self, trust: authorities.Trust) -> None:
        self.api.remove("secrets", gen.HOME, naming.cluster_secrets(gen.UID))
        self.api.put("secrets", manifests.cluster_secrets(gen.sovereign(), gen.HOME, trust.variables))

    def identities(self, *addresses: str) -> Identities:
        return Identities(self.api.client(), self._clock, gen.HOME, gen.UID, addresses or ("203.0.113.10",), FQDN)

    def _clock(self) -> datetime:
        return self.now


def certificate(text: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(text.encode())


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_all_servers_are_that_cluster(scene: Scene) -> None:
    """By its name and its own authority, whatever address answers."""
    access = await scene.identities("203.0.113.10", "203.0.113.11").access(OBSERVER, HOUR)
    assert access.servers == ("203.0.113.10:6443", "203.0.113.11:6443")
    assert (access.tls_name, access.authority) == (FQDN, TRUST.files["server-ca.crt"])


@pytest.mark.parametrize("groups", [(), ("system:masters",)], ids=["nobody's", "administrators"])
async def test_one_is_who_was_asked_for(scene: Scene, groups: tuple[str, ...]) -> None:
    """Of no group unless one is named: the operator's own may do what they are bound to."""
    subject = certificate((await scene.identities().access(SEEDER, HOUR, groups)).certificate).subject
    assert [a.value for a in subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == [SEEDER]
    assert [a.value for a in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)] == list(groups)


async def test_it_is_minted_anew_by_the_clock(scene: Scene) -> None:
    """Nothing is kept that could be lost or go stale."""
    identities = scene.identities()
    first = await identities.access(OBSERVER, HOUR)
    scene.now += timedelta(minutes=50)
    second = await identities.access(OBSERVER, HOUR)
    assert (first.expires, second.expires) == (NOW + HOUR, NOW + timedelta(minutes=110))
    assert certificate(first.certificate).serial_number != certificate(second.certificate).serial_number
    assert first.key != second.key
    assert scene.api.writes == []


async def test_the_authorities_are_read_each_time(scene: Scene) -> None:
    """What was removed must not live on in memory."""
    identities = scene.identities()
    await identities.access(OBSERVER, HOUR)
    other = authorities.make(NOW)
    scene.hold(other)
    access = await identities.access(OBSERVER, HOUR)
    assert access.authority == other.files["server-ca.crt"]
    certificate(access.certificate).verify_directly_issued_by(certificate(other.files["client-ca.crt"]))


async def test_after_a_hand_off_there_is_no_access(scene: Scene) -> None:
    identities = scene.identities()
    await identities.access(OBSERVER, HOUR)
    scene.api.remove("secrets", gen.HOME, naming.cluster_secrets(gen.UID))
    with pytest.raises(NotFound):
        await identities.access(OBSERVER, HOUR)


async def test_an_api_that_does_not_answer_is_not_a_hand_off(scene: Scene) -> None:
    scene.api.refusals["GET", "secrets"] = (503, "etcd is away")
    with pytest.raises(Unavailable):
        await scene.identities().access(OBSERVER, HOUR)
