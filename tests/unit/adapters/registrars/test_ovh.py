"""The adapter for OVHcloud against the emulator of its API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from catalyst_operator.adapters.registrars.connect import keys_of
from catalyst_operator.adapters.registrars.http import Api
from catalyst_operator.adapters.registrars.ovh_api import ENDPOINTS, OvhApi, OvhCredentials
from catalyst_operator.api.enums import RegistrarName
from catalyst_operator.core.domains.registrar import Domain, RegistrarView
from catalyst_operator.errors import (
    RegistrarCredentialsIncomplete,
    RegistrarForbidden,
    RegistrarRateLimited,
    RegistrarRefused,
    RegistrarUnauthorized,
    RegistrarUnavailable,
)
from e2e.lab.registrars.accounts import Domain as Held
from e2e.lab.registrars.ovh import READ, WRITE, ZONE
from tests.unit.adapters.registrars.lab import NEW, NOW, OLD, Lab, zone

VENDOR = RegistrarName.OVH
KEYS = {
    "application-key": "7kbG7Bk7S9Nt7ZSV",
    "application-secret": "EXEgWIz07P0HYwtQDs7cNIqCiQaWSuHF",
    "consumer-key": "MtSwSrPpNjqfVSmJhLbPyr2i45lSwPU1",
}
APEX = Domain("bank.co.uk", "bank.co.uk")
CHILD = Domain("eu.acme.bank.co.uk", "bank.co.uk")
UPDATE = "POST /domain/bank.co.uk/nameServers/update"


def holding(lab: Lab, *records: tuple[str, str, str], **more: Any) -> Held:
    """A domain in the account."""
    rights = more.pop("rights", None)
    held = zone("bank.co.uk", *records, **more)
    lab.account(VENDOR, KEYS, held, rights=rights)
    return held


def later(lab: Lab) -> None:
    """So much that a task is carried out."""
    lab.now += timedelta(seconds=5)


async def test_name_servers_are_changed_by_a_task_and_changed_back(lab: Lab) -> None:
    holding(lab)
    registrar = lab.connect(VENDOR, KEYS)

    await registrar.validate(APEX)
    assert await registrar.get(APEX) == RegistrarView(OLD)
    await registrar.set_nameservers(APEX, NEW)
    assert await registrar.get(APEX) == RegistrarView(OLD, "OVHcloud's task 1001 is todo")
    assert lab.registry.delegations == {}
    later(lab)
    assert await registrar.get(APEX) == RegistrarView(NEW)
    assert lab.registry.delegations == {"bank.co.uk": NEW}

    await registrar.set_nameservers(APEX, OLD)
    later(lab)
    assert await registrar.get(APEX) == RegistrarView(OLD)


async def test_a_task_that_is_under_way_is_not_joined_by_a_second(lab: Lab) -> None:
    holding(lab)
    registrar = lab.connect(VENDOR, KEYS)
    await registrar.set_nameservers(APEX, NEW)
    await registrar.set_nameservers(APEX, NEW)
    assert lab.asked(VENDOR).count(UPDATE) == 1


async def test_a_task_that_failed_says_why_and_can_be_asked_for_again(lab: Lab) -> None:
    holding(lab)
    registrar = lab.connect(VENDOR, KEYS)
    lab.fault(VENDOR, "POST .*", task_error="DNSSEC is active")
    await registrar.set_nameservers(APEX, NEW)
    later(lab)
    seen = await registrar.get(APEX)
    assert seen == RegistrarView(OLD, "", "OVHcloud's task 1001 ended as error: DNSSEC is active")

    await registrar.set_nameservers(APEX, NEW)
    later(lab)
    assert await registrar.get(APEX) == RegistrarView(NEW)


async def test_a_domain_on_ovhs_own_servers_becomes_external_first(lab: Lab) -> None:
    held = holding(lab, options={"type": "hosted"})
    await lab.connect(VENDOR, KEYS).set_nameservers(APEX, NEW)
    assert held.options["type"] == "external"
    changes = [what for what in lab.asked(VENDOR) if not what.startswith("GET")]
    assert changes == ["PUT /domain/bank.co.uk", UPDATE]


async def test_a_child_is_delegated_in_the_zone_and_taken_back_and_nothing_else_is_touched(lab: Lab) -> None:
    held = holding(lab, ("www.bank.co.uk", "A", "192.0.2.1"))
    registrar = lab.connect(VENDOR, KEYS)

    await registrar.validate(CHILD)
    assert await registrar.get(CHILD) == RegistrarView(())
    await registrar.set_nameservers(CHILD, NEW)
    await registrar.set_nameservers(CHILD, NEW)
    assert await registrar.get(CHILD) == RegistrarView(NEW)
    assert lab.registry.delegations == {CHILD.name: NEW}
    assert [record.ttl for record in held.find(CHILD.name)] == [900, 900]

    await registrar.set_nameservers(CHILD, ())
    assert await registrar.get(CHILD) == RegistrarView(())
    assert lab.registry.delegations == {}
    assert [record.name for record in held.records] == ["www.bank.co.uk"]


async def test_an_attempt_that_ended_before_the_refresh_is_gone_on_from(lab: Lab) -> None:
    holding(lab)
    registrar = lab.connect(VENDOR, KEYS)
    lab.fault(VENDOR, "POST .*/refresh", drop_request=True)
    with lab.raises(RegistrarUnavailable):
        await registrar.set_nameservers(CHILD, NEW)
    assert lab.registry.delegations == {}
    await registrar.set_nameservers(CHILD, NEW)
    assert lab.registry.delegations == {CHILD.name: NEW}


async def test_validating_changes_nothing(lab: Lab) -> None:
    holding(lab)
    registrar = lab.connect(VENDOR, KEYS)
    await registrar.validate(APEX)
    await registrar.validate(CHILD)
    assert {what.partition(" ")[0] for what in lab.asked(VENDOR)} == {"GET"}
    assert lab.registry.history == []


async def test_a_registered_domain_is_never_left_without_name_servers(lab: Lab) -> None:
    holding(lab)
    with lab.raises(RegistrarRefused, "never left without name servers"):
        await lab.connect(VENDOR, KEYS).set_nameservers(APEX, ())
    assert lab.asked(VENDOR) == []


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("application-key", "does not accept the keys"),
        ("application-secret", "the application secret does not fit"),
        ("consumer-key", "does not accept the keys"),
    ],
)
async def test_wrong_credentials(lab: Lab, key: str, says: str) -> None:
    holding(lab)
    wrong = {**KEYS, key: KEYS[key][::-1]}
    with lab.raises(RegistrarUnauthorized, says) as caught:
        await lab.connect(VENDOR, wrong).validate(APEX)
    assert "createToken" in caught.value.remedy


async def test_incomplete_credentials(lab: Lab) -> None:
    with lab.raises(RegistrarCredentialsIncomplete, "consumer-key") as caught:
        lab.connect(VENDOR, {key: value for key, value in KEYS.items() if key != "consumer-key"})
    assert caught.value.keys == ("consumer-key",)
    assert [keys.required for keys in keys_of(VENDOR)] == [tuple(KEYS)]
    assert [keys.optional for keys in keys_of(VENDOR)] == [("endpoint",)]


async def test_a_region_that_there_is_not(lab: Lab) -> None:
    with lab.raises(RegistrarUnauthorized, "none of OVHcloud's") as caught:
        lab.connect(VENDOR, {**KEYS, "endpoint": "ovh-mars"})
    assert "ovh-ca" in caught.value.remedy


async def test_a_clock_that_is_wrong_does_not_matter(lab: Lab) -> None:
    """The signature carries the vendor's time, not ours."""
    holding(lab)
    registrar = lab.connect(VENDOR, KEYS)
    lab.world.now = lambda: NOW + timedelta(hours=3)
    await registrar.validate(APEX)


@pytest.mark.parametrize(
    ("domain", "rights", "call"),
    [
        (APEX, {READ}, "POST /domain/bank.co.uk/nameServers/update$"),
        (CHILD, {READ, WRITE}, "POST /domain/zone/bank.co.uk/record, DELETE .*, POST /domain/zone/bank.co.uk/refresh$"),
        (CHILD, {WRITE, ZONE}, "lacks a right$"),
    ],
    ids=["name servers", "zone", "reading"],
)
async def test_a_right_that_is_missing_is_seen_before_anything_changes(
    lab: Lab, domain: Domain, rights: set[str], call: str
) -> None:
    holding(lab, rights=rights)
    registrar = lab.connect(VENDOR, KEYS)
    with lab.raises(RegistrarForbidden, call) as caught:
        await registrar.validate(domain)
    assert "nameServers/update" in caught.value.remedy
    with lab.raises(RegistrarForbidden, "lacks a right"):
        await registrar.set_nameservers(domain, NEW)
    assert lab.registry.history == []


async def test_a_hosted_domain_takes_the_right_to_make_it_external(lab: Lab) -> None:
    holding(lab, options={"type": "hosted"}, rights={READ})
    with lab.raises(RegistrarForbidden, "PUT /domain/bank.co.uk, POST"):
        await lab.connect(VENDOR, KEYS).validate(APEX)


async def test_a_key_that_may_not_ask_about_itself_shows_it_with_the_change(lab: Lab) -> None:
    holding(lab, rights={READ})
    registrar = lab.connect(VENDOR, KEYS)
    lab.fault(VENDOR, "GET /auth/currentCredential", refuse="NOT_GRANTED_CALL")
    await registrar.validate(APEX)
    with lab.raises(RegistrarForbidden, "lacks a right"):
        await registrar.set_nameservers(APEX, NEW)


async def test_a_clock_that_jumps_is_no_refusal(lab: Lab) -> None:
    holding(lab)
    registrar = lab.connect(VENDOR, KEYS)
    await registrar.get(APEX)
    lab.world.now = lambda: NOW + timedelta(hours=1)
    with lab.raises(RegistrarUnavailable, "time of the request"):
        await registrar.get(APEX)
    assert await registrar.get(APEX) == RegistrarView(OLD)


async def test_a_change_that_waits_for_another_says_so(lab: Lab) -> None:
    """As when a Sovereign is deleted while its own change is under way."""
    holding(lab)
    registrar = lab.connect(VENDOR, KEYS)
    await registrar.set_nameservers(APEX, NEW)
    with lab.raises(RegistrarUnavailable, "another change"):
        await registrar.set_nameservers(APEX, OLD)
    assert lab.asked(VENDOR).count(UPDATE) == 1
    later(lab)
    await registrar.set_nameservers(APEX, OLD)
    later(lab)
    assert await registrar.get(APEX) == RegistrarView(OLD)


@pytest.mark.parametrize("status", ["cancelled", "problem"])
async def test_other_ends_of_a_task_are_failures_and_tasks_of_other_kinds_are_not_looked_at(
    lab: Lab, status: str
) -> None:
    task = {"id": 7, "function": "DomainDnsUpdate", "status": status, "comment": None, "hosts": [], "due": ""}
    other = {**task, "id": 8, "function": "DomainDnsUpdateOwo", "status": "done"}
    holding(lab, options={"tasks": [task, other]})
    assert await lab.connect(VENDOR, KEYS).get(APEX) == RegistrarView(OLD, "", f"OVHcloud's task 7 ended as {status}")


async def test_a_comment_that_quotes_a_key_is_not_passed_on(lab: Lab) -> None:
    holding(lab)
    registrar = lab.connect(VENDOR, KEYS)
    lab.fault(VENDOR, "POST .*", task_error=f"refused for {KEYS['consumer-key']}")
    await registrar.set_nameservers(APEX, NEW)
    later(lab)
    assert (await registrar.get(APEX)).failed == "OVHcloud's task 1001 ended as error"


async def test_a_child_whose_parent_has_left_the_zone_is_refused_before_anything_changes(lab: Lab) -> None:
    holding(lab, options={"zone_servers": ["dns16.ovh.net", "ns16.ovh.net"]})
    with lab.raises(RegistrarRefused, "not served by its zone") as caught:
        await lab.connect(VENDOR, KEYS).validate(CHILD)
    assert "byo-manual" in caught.value.remedy


async def test_a_child_is_not_mistaken_for_one_whose_name_is_like_its_own(lab: Lab) -> None:
    held = holding(lab, ("new.acme.bank.co.uk", "NS", "ns.other.test"), ("newest.bank.co.uk", "NS", "ns.other.test"))
    registrar = lab.connect(VENDOR, KEYS)
    child = Domain("new.bank.co.uk", "bank.co.uk")
    assert await registrar.get(child) == RegistrarView(())
    await registrar.set_nameservers(child, NEW)
    await registrar.set_nameservers(child, ())
    assert [record.content for record in held.records] == ["ns.other.test", "ns.other.test"]


async def test_a_domain_of_somebody_else(lab: Lab) -> None:
    lab.account(VENDOR, KEYS, zone("other.com"))
    with lab.raises(RegistrarRefused, "not in this OVHcloud account"):
        await lab.connect(VENDOR, KEYS).validate(APEX)


async def test_a_child_without_a_zone(lab: Lab) -> None:
    holding(lab, options={"zone": False})
    with lab.raises(RegistrarRefused, "a zone of it"):
        await lab.connect(VENDOR, KEYS).validate(CHILD)


async def test_a_domain_that_is_locked(lab: Lab) -> None:
    holding(lab, locked=True)
    with lab.raises(RegistrarRefused, "does not change this domain's name servers now"):
        await lab.connect(VENDOR, KEYS).set_nameservers(APEX, NEW)


@pytest.mark.parametrize("name", ["eu.acme.bank.co.uk", "shop.eu.acme.bank.co.uk"])
async def test_a_delegation_that_would_hide_records_is_refused_before_anything_changes(lab: Lab, name: str) -> None:
    holding(lab, (name, "A", "192.0.2.7"), ("acme.bank.co.uk", "A", "192.0.2.8"))
    registrar = lab.connect(VENDOR, KEYS)
    for attempt in (registrar.validate(CHILD), registrar.set_nameservers(CHILD, NEW)):
        with lab.raises(RegistrarRefused, f"would hide records that answer now: {name} A$"):
            await attempt
    assert lab.registry.history == []


async def test_a_rate_limit_says_how_long(lab: Lab) -> None:
    holding(lab)
    lab.fault(VENDOR, limited_seconds=35)
    with lab.raises(RegistrarRateLimited) as caught:
        await lab.connect(VENDOR, KEYS).get(APEX)
    assert caught.value.until == NOW + timedelta(seconds=35)


@pytest.mark.parametrize("fault", [{"drop_response": True}, {"hang": "after"}], ids=["cut off", "timed out"])
async def test_a_change_that_got_no_answer_is_looked_for_and_may_be_repeated(lab: Lab, fault: dict[str, Any]) -> None:
    holding(lab)
    registrar = lab.connect(VENDOR, KEYS, limit_seconds=0.2)
    lab.fault(VENDOR, UPDATE, **fault)
    with lab.raises(RegistrarUnavailable, "did not answer"):
        await registrar.set_nameservers(APEX, NEW)
    assert (await registrar.get(APEX)).pending
    await registrar.set_nameservers(APEX, NEW)
    later(lab)
    assert await registrar.get(APEX) == RegistrarView(NEW)
    assert lab.asked(VENDOR).count(UPDATE) == 1


@pytest.mark.parametrize("status", [200, 401, 403, 404, 503])
async def test_a_page_of_a_proxy_is_not_taken_for_ovhs_word(lab: Lab, status: int) -> None:
    holding(lab)
    lab.fault(VENDOR, times=3, raw_status=status)
    with lab.raises(RegistrarUnavailable):
        await lab.connect(VENDOR, KEYS).validate(APEX)


def test_credentials_do_not_show() -> None:
    keys = OvhCredentials.model_validate({key: SecretStr(value) for key, value in KEYS.items()})
    assert not any(value in f"{keys!r} {keys}" for value in KEYS.values())


@pytest.mark.parametrize(
    ("region", "address"),
    [
        ("", "https://eu.api.ovh.com/1.0"),
        ("ovh-ca", "https://ca.api.ovh.com/1.0"),
        ("ovh-us", "https://api.us.ovhcloud.com/1.0"),
    ],
)
async def test_the_signature_is_the_one_of_the_documents_example_and_goes_to_the_region(
    region: str, address: str
) -> None:
    """The example is of "First steps with the OVHcloud APIs": these keys, this time, GET of /domains/ in Europe."""
    moment = datetime.fromtimestamp(1366560945, UTC)
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json=int(moment.timestamp()))

    keys = OvhCredentials.model_validate({key: SecretStr(value) for key, value in {**KEYS, "endpoint": region}.items()})
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        await OvhApi(keys, Api("OVHcloud", ENDPOINTS["ovh-eu"], client, clock=lambda: moment)).read("/domains/")
    assert [str(request.url) for request in sent] == [f"{address}/auth/time", f"{address}/domains/"]
    assert "X-Ovh-Signature" not in sent[0].headers
    if not region:
        assert sent[1].headers["X-Ovh-Signature"] == "$1$d3705e8afb27a0d2970a322b96550abfc67bb798"
