"""The frame of the emulated registrars: the lab's own API, the log, and how a change reaches the DNS."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from catalyst_operator.api.enums import RegistrarName
from e2e.lab.registrars.registry import MemoryRegistry, PowerDns, PowerDnsRegistry, parent
from e2e.lab.registrars.vendors import all_vendors
from tests.unit.adapters.registrars.lab import NEW, Lab

KEY = "7Q6s8L9E6r7h9P8s7I6z8W9b7M6u"
ACCOUNT = {
    "vendor": "dynadot",
    "credentials": {"api-key": KEY},
    "domains": [{"name": "bank.test", "nameservers": ["ns1.old.test"]}],
}


async def call(lab: Lab, method: str, path: str, body: Any = None) -> httpx.Response:
    return await lab.client.request(method, f"{lab.url}/_lab/{path}", json=body)


async def get_ns(lab: Lab) -> Any:
    query = {"key": KEY, "command": "get_ns", "domain": "bank.test"}
    answer = await lab.client.get(f"{lab.url}/dynadot/api3.json", params=query)
    return next(iter(answer.json().values()))


def test_vendors_have_names_of_registrars() -> None:
    names = [vendor.name for vendor in all_vendors()]
    assert len(set(names)) == len(names)
    assert set(names) <= set(RegistrarName)


class TestLabApi:
    async def test_an_account_comes_and_goes(self, lab: Lab) -> None:
        assert (await get_ns(lab))["Error"] == "invalid key"
        assert (await call(lab, "POST", "accounts", ACCOUNT)).status_code == 201
        assert (await get_ns(lab))["NsContent"] == {"Host0": "ns1.old.test"}
        name = {"vendor": "dynadot"}
        assert (await call(lab, "DELETE", "accounts", name)).status_code == 204
        assert (await call(lab, "DELETE", "accounts", name)).status_code == 404
        assert (await get_ns(lab))["Error"] == "invalid key"

    async def test_neither_accounts_nor_the_log_show_credentials(self, lab: Lab) -> None:
        await call(lab, "POST", "accounts", ACCOUNT)
        await get_ns(lab)
        accounts, requests = await call(lab, "GET", "accounts"), await call(lab, "GET", "requests")
        assert KEY not in accounts.text + requests.text
        assert accounts.json()["accounts"][0]["domains"][0]["name"] == "bank.test"
        assert requests.json()["requests"] == [
            {
                "vendor": "dynadot",
                "what": "get_ns",
                "parameters": {"key": "[redacted]", "command": "get_ns", "domain": "bank.test"},
                "account": "default",
                "status": 200,
            }
        ]

    async def test_a_fault_strikes_as_often_as_it_was_asked_for(self, lab: Lab) -> None:
        await call(lab, "POST", "accounts", ACCOUNT)
        fault = {"vendor": "dynadot", "what": "get_.*", "effect": {"refuse": "busy"}, "after": 1, "times": 2}
        assert (await call(lab, "POST", "faults", fault)).status_code == 201
        assert [(await get_ns(lab))["Status"] for _ in range(4)] == ["success", "error", "error", "success"]
        assert (await call(lab, "GET", "faults")).json()["faults"][0]["struck"] == 2

    async def test_reset_forgets_everything(self, lab: Lab) -> None:
        await call(lab, "POST", "accounts", ACCOUNT)
        await call(lab, "POST", "faults", {"vendor": "dynadot", "effect": {"raw_status": 500}})
        await call(lab, "POST", "reset")
        for what in ("accounts", "requests", "faults"):
            assert (await call(lab, "GET", what)).json() == {what: []}

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("accounts", {"vendor": "nobody", "credentials": {}}),
            ("accounts", {"vendor": "dynadot"}),
            ("faults", {"vendor": "dynadot", "what": "(", "effect": {}}),
            ("faults", {"vendor": "dynadot", "effect": {"sabotage": True}}),
        ],
    )
    async def test_mistakes_are_told(self, lab: Lab, path: str, body: dict[str, Any]) -> None:
        assert (await call(lab, "POST", path, body)).status_code == 422


class TestRegistry:
    async def test_powerdns_gets_the_records_on_each_server(self) -> None:
        seen: list[tuple[str, str, Any]] = []

        def respond(request: httpx.Request) -> httpx.Response:
            seen.append((str(request.url), request.headers["X-API-Key"], json.loads(request.content)["rrsets"]))
            return httpx.Response(204)

        servers = tuple(PowerDns(f"http://192.0.2.{number}:8081/", f"key-{number}") for number in (1, 2))
        async with httpx.AsyncClient(transport=httpx.MockTransport(respond)) as client:
            registry = PowerDnsRegistry(servers, client)
            await registry.publish("bank.test", "acme.bank.test", NEW)
            await registry.publish("bank.test", "acme.bank.test", ())
        zone = "api/v1/servers/localhost/zones/bank.test."
        records = [{"content": f"{host}.", "disabled": False} for host in NEW]
        name = {"name": "acme.bank.test.", "type": "NS"}
        replace = [{**name, "changetype": "REPLACE", "ttl": 900, "records": records}]
        delete = [{**name, "changetype": "DELETE"}]
        assert seen == [
            (f"http://192.0.2.{number}:8081/{zone}", f"key-{number}", change)
            for change in (replace, delete)
            for number in (1, 2)
        ]

    async def test_a_zone_that_powerdns_lacks_is_an_error(self) -> None:
        transport = httpx.MockTransport(lambda _request: httpx.Response(404))
        async with httpx.AsyncClient(transport=transport) as client:
            with pytest.raises(httpx.HTTPStatusError):
                await PowerDnsRegistry((PowerDns("http://192.0.2.1", "key"),), client).publish("test", "bank.test", NEW)

    async def test_memory_remembers_the_order(self) -> None:
        registry = MemoryRegistry()
        await registry.publish("test", "bank.test", NEW)
        await registry.publish("test", "bank.test", ())
        assert registry.delegations == {}
        assert registry.history == [("bank.test", NEW), ("bank.test", ())]

    @pytest.mark.parametrize(("name", "zone"), [("bank.test", "test"), ("acme.co.uk", "co.uk")])
    def test_the_parent_of_a_registered_domain(self, name: str, zone: str) -> None:
        assert parent(name) == zone
