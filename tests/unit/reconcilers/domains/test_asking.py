"""A Sovereign's hand on its reservation: made once, changed only as it was seen, and nobody else's ever touched."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest

from catalyst_operator.api import labels
from catalyst_operator.api.sovereign import Sovereign
from catalyst_operator.core import actions, manifests, naming
from catalyst_operator.core.actions import KeepRegistrarCredentials, ReleaseDomain, ReserveDomain
from catalyst_operator.core.observation import Observation
from catalyst_operator.errors import Conflict
from catalyst_operator.reconcilers.domains.of_sovereign import DomainOfSovereign
from catalyst_operator.reconcilers.observe import Observer
from tests.support import gen, reservations
from tests.support.fake_kube import FakeApi, Key
from tests.support.outside import outside
from tests.support.reservations import ADDRESS, NAME

SOVEREIGN = Key("sovereigns", "team-a", "omantel")
RESERVATION = Key("domainreservations", "", NAME)
COPY = Key("secrets", gen.HOME, naming.registrar_secret(gen.UID))
DOMAIN = {
    "mode": "byo-api",
    "fqdn": NAME,
    "registrar": {"name": "ovh", "credentialsSecretRef": {"name": "ovh"}},
}
SETTINGS = replace(gen.SETTINGS, domains=reservations.SETTINGS)


class Scene:
    """An API server with a Sovereign and its run namespace in it, looked at by the real observer."""

    def __init__(self, *mods: gen.RawMod) -> None:
        self.api = FakeApi()
        self.api.put("namespaces", {"metadata": {"name": "team-a"}})
        self.api.put("namespaces", {"metadata": {"name": gen.HOME}})
        self.api.put("namespaces", manifests.run_namespace(gen.sovereign(), SETTINGS))
        self.api.put("sovereigns", gen.raw_sovereign(*mods))
        self.api.change(SOVEREIGN, lambda o: o["metadata"].update(uid=gen.UID))

    async def look(self) -> Observation:
        client = self.api.client()
        sovereign = Sovereign.parse(self.api.get(*SOVEREIGN) or {})
        return await Observer(client, outside(client), SETTINGS).observe(sovereign, gen.NOW)

    async def do(
        self,
        action: actions.ReserveDomain | actions.ReleaseDomain | actions.KeepRegistrarCredentials,
        o: Observation | None = None,
    ) -> None:
        """Carry out one action, on what was seen before or is seen now."""
        await DomainOfSovereign(self.api.client(), o or await self.look()).run(action)

    def reservation(self) -> dict[str, Any]:
        return self.api.get(*RESERVATION) or {}

    def theirs(self) -> None:
        """Another owner has the name."""
        reference = {"namespace": "team-b", "name": "omantel", "uid": "another"}
        self.api.put(
            "domainreservations", {"metadata": {"name": NAME}, "spec": {"mode": "pool", "sovereignRef": reference}}
        )

    def secret(self, text: str, name: str = "ovh") -> None:
        """The owner writes the registrar's Secret."""
        self.api.remove("secrets", "team-a", name)
        data = {"application-secret": base64.b64encode(text.encode()).decode()}
        self.api.put("secrets", {"metadata": {"namespace": "team-a", "name": name}, "data": data})


async def test_it_is_made_and_made_again_without_harm() -> None:
    scene = Scene()
    before = await scene.look()
    await scene.do(ReserveDomain(None), before)
    made = scene.reservation()
    await scene.do(ReserveDomain(None), before)
    assert scene.reservation() == made
    assert made["spec"]["sovereignRef"] == {"namespace": "team-a", "name": "omantel", "uid": gen.UID}
    assert "loadBalancerIP" not in made["spec"]


async def test_whoever_was_faster_keeps_the_name() -> None:
    """Between the look and the deed somebody else applied it."""
    scene = Scene()
    before = await scene.look()
    scene.theirs()
    theirs = scene.reservation()
    await scene.do(ReserveDomain(ADDRESS), before)
    assert scene.reservation() == theirs


async def test_an_address_is_added_and_what_people_set_stays() -> None:
    scene = Scene()
    await scene.do(ReserveDomain(None))
    scene.api.change(RESERVATION, lambda o: o["spec"].update(rollbackNameservers=["ns1.old.test"], ttl="1h"))
    await scene.do(ReserveDomain(ADDRESS))
    spec = scene.reservation()["spec"]
    assert (spec["loadBalancerIP"], spec["rollbackNameservers"], spec["ttl"]) == (ADDRESS, ["ns1.old.test"], "1h")


async def test_an_address_is_not_taken_away() -> None:
    scene = Scene()
    await scene.do(ReserveDomain(ADDRESS))
    await scene.do(ReserveDomain(None))
    assert scene.reservation()["spec"]["loadBalancerIP"] == ADDRESS


async def test_only_what_was_seen_is_changed() -> None:
    """It was deleted and is somebody else's by now."""
    scene = Scene()
    await scene.do(ReserveDomain(None))
    before = await scene.look()
    scene.api.remove(*RESERVATION)
    scene.theirs()
    theirs = scene.reservation()
    with pytest.raises(Conflict):
        await scene.do(ReserveDomain(ADDRESS), before)
    with pytest.raises(Conflict):
        await scene.do(ReleaseDomain(), before)
    assert scene.reservation() == theirs


async def test_a_registrar_that_is_not_wanted_any_more_goes() -> None:
    scene = Scene(gen.spec(domain=DOMAIN))
    await scene.do(ReserveDomain(ADDRESS))
    assert scene.reservation()["spec"]["registrar"]["credentialsSecretRef"] == {"namespace": "team-a", "name": "ovh"}
    scene.api.change(SOVEREIGN, gen.spec(domain={"mode": "byo-manual", "fqdn": NAME}))
    await scene.do(ReserveDomain(ADDRESS))
    assert scene.reservation()["spec"].get("registrar") is None
    assert scene.reservation()["spec"]["mode"] == "byo-manual"


async def test_it_is_given_back_once_and_that_it_is_gone_is_fine() -> None:
    scene = Scene()
    await scene.do(ReserveDomain(None))
    before = await scene.look()
    await scene.do(ReleaseDomain(), before)
    await scene.do(ReleaseDomain(), before)
    assert scene.reservation() == {}


# --- the registrar's Secret -------------------------------------------------------------------------------------------


async def test_the_copy_is_known_for_what_it_is() -> None:
    """Else it would be made with every look."""
    scene = Scene(gen.spec(domain=DOMAIN))
    scene.secret("one")
    before = await scene.look()
    assert before.registrar_secret and not before.kept_registrar_secret
    await scene.do(KeepRegistrarCredentials())
    kept = await scene.look()
    assert kept.kept_registrar_secret == kept.registrar_secret
    copy = scene.api.get(*COPY) or {}
    assert base64.b64decode(copy["data"]["application-secret"]) == b"one"
    assert copy["metadata"]["labels"][labels.LABEL_SOVEREIGN_UID] == gen.UID


async def test_a_new_one_is_copied_over_it() -> None:
    scene = Scene(gen.spec(domain=DOMAIN))
    scene.secret("one")
    await scene.do(KeepRegistrarCredentials())
    scene.secret("two")
    seen = await scene.look()
    assert seen.kept_registrar_secret != seen.registrar_secret
    await scene.do(KeepRegistrarCredentials())
    copy = scene.api.get(*COPY) or {}
    assert base64.b64decode(copy["data"]["application-secret"]) == b"two"


async def test_one_that_is_gone_leaves_the_copy() -> None:
    """It is what the name is given back with."""
    scene = Scene(gen.spec(domain=DOMAIN))
    scene.secret("one")
    await scene.do(KeepRegistrarCredentials())
    before = await scene.look()
    scene.api.remove("secrets", "team-a", "ovh")
    await scene.do(KeepRegistrarCredentials(), before)
    assert (scene.api.get(*COPY) or {})["data"]
    assert (await scene.look()).registrar_secret == ""


async def test_without_a_registrar_nothing_is_read_or_copied() -> None:
    scene = Scene()
    scene.secret("one")
    scene.api.requests.clear()
    seen = await scene.look()
    await scene.do(KeepRegistrarCredentials(), seen)
    assert seen.registrar_secret == ""
    assert not [r for r in scene.api.requests if r.key == Key("secrets", "team-a", "ovh")]
    assert scene.api.get(*COPY) is None
