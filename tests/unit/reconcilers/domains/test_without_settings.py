"""An operator that lost its settings for a while, as after a slip in its Deployment, and then has them again."""

from __future__ import annotations

import json
from dataclasses import replace

import httpx
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from catalyst_operator.adapters.errands import Errands
from catalyst_operator.adapters.powerdns import PowerDns
from catalyst_operator.adapters.registrars.talks import RegistrarTalks
from catalyst_operator.api import labels
from catalyst_operator.core.domains.decide import decide
from catalyst_operator.core.domains.observation import DnsQuestion, DnsReport, DomainObservation
from catalyst_operator.metrics import Metrics
from catalyst_operator.reconcilers.domains.outside import DomainsOutside
from catalyst_operator.reconcilers.domains.reconciler import DomainReconciler
from tests.support import gen, reservations
from tests.support.fake_kube import FakeApi, Key

NAME = reservations.NAME
HELD = Key("domainreservations", "", NAME)


class Silent:
    """Name servers of which nothing is known."""

    async def look(self, key: str, question: DnsQuestion) -> DnsReport:
        return DnsReport(key, gen.NOW, error=f"nobody answers for {question.name}")


def test_what_was_told_before_stays() -> None:
    found = reservations.ready(finalizers=[labels.FINALIZER_DOMAIN_RESERVATION])
    decision = decide(DomainObservation(now=gen.NOW, settings=gen.SETTINGS, reservation=found))
    assert decision.status is not None
    told = {c.type: c.status for c in decision.status.conditions}
    assert (told["Reserved"], told["ZoneReady"], told["Ready"], told["Stalled"]) == ("True", "True", "False", "True")


async def test_a_reservation_that_lost_its_status_still_gives_its_zone_back() -> None:
    deleted: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "DELETE":
            deleted.append(request.url.path.rpartition("/")[2])
            return httpx.Response(204)
        account = reservations.UID if not deleted else ""
        name = request.url.path.rpartition("/")[2]
        return httpx.Response(200, json={"name": name, "account": account, "rrsets": []})

    api = FakeApi(lambda: gen.NOW)
    raw = json.loads(reservations.ready(deleted=True).model_dump_json(by_alias=True, exclude_none=True))
    raw.pop("status")
    api.put("domainreservations", raw)
    api.change(HELD, lambda o: o["metadata"].update(uid=reservations.UID))

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        server = PowerDns("http://powerdns.example", SecretStr("key"), client)
        outside = DomainsOutside(
            zones=server,
            pools=server,
            dns=Silent(),
            looks=Errands("look"),
            talks=RegistrarTalks(lambda *_: (_ for _ in ()).throw(AssertionError), lambda: gen.NOW),
            client=client,
        )
        settings = replace(gen.SETTINGS, domains=reservations.SETTINGS)
        metrics = Metrics(CollectorRegistry())
        reconciler = DomainReconciler(api.client(), outside, settings, metrics, lambda: gen.NOW)
        await reconciler.reconcile(NAME)
        await outside.close()
    assert deleted == [f"{NAME}."]
