"""The adapter for GoDaddy against the emulator of its API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from catalyst_operator.adapters.registrars.connect import keys_of
from catalyst_operator.adapters.registrars.godaddy import GoDaddyCredentials
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
from e2e.lab.registrars.accounts import Account
from e2e.lab.registrars.accounts import Domain as Held
from e2e.lab.registrars.godaddy import OWN_SERVERS
from tests.unit.adapters.registrars.lab import NEW, NOW, OLD, Lab, zone

VENDOR = RegistrarName.GODADDY
KEYS = {"api-key": "dKy1Tq8wZ_AbCdEf", "api-secret": "Rv5Jm2Xs9QpLkH"}
APEX = Domain("bank.co.uk", "bank.co.uk")
CHILD = Domain("eu.acme.bank.co.uk", "bank.co.uk")
NS_PATH = "/v1/domains/bank.co.uk/records/NS/eu.acme"


def hosted(lab: Lab, **more: object) -> Held:
    """A domain that its zone at GoDaddy serves."""
    held = zone("bank.co.uk", ("www.bank.co.uk", "NS", "ns.web.test"), nameservers=OWN_SERVERS, **more)
    lab.account(VENDOR, KEYS, held)
    return held


def moved(lab: Lab, **more: object) -> Held:
    """A domain with name servers of its owner's."""
    held = zone("bank.co.uk", nameservers=OLD, **more)
    lab.account(VENDOR, KEYS, held)
    return held


async def test_name_servers_of_a_registered_domain_are_flipped_and_flipped_back(lab: Lab) -> None:
    moved(lab)
    registrar = lab.connect(VENDOR, KEYS)

    await registrar.validate(APEX)
    assert await registrar.get(APEX) == RegistrarView(OLD)
    await registrar.set_nameservers(APEX, NEW)
    assert await registrar.get(APEX) == RegistrarView(NEW)
    assert lab.registry.delegations == {"bank.co.uk": NEW}

    await registrar.set_nameservers(APEX, OLD)
    assert await registrar.get(APEX) == RegistrarView(OLD)
    assert lab.registry.delegations == {"bank.co.uk": OLD}


async def test_a_child_is_delegated_in_the_zone_and_taken_back_and_nothing_else_is_touched(lab: Lab) -> None:
    held = hosted(lab)
    registrar = lab.connect(VENDOR, KEYS)

    await registrar.validate(CHILD)
    assert await registrar.get(CHILD) == RegistrarView(())
    await registrar.set_nameservers(CHILD, NEW)
    await registrar.set_nameservers(CHILD, NEW)
    assert await registrar.get(CHILD) == RegistrarView(NEW)
    assert lab.registry.delegations == {CHILD.name: NEW}
    assert [record.ttl for record in held.find(CHILD.name)] == [900, 900]

    await registrar.set_nameservers(CHILD, ())
    await registrar.set_nameservers(CHILD, ())
    assert await registrar.get(CHILD) == RegistrarView(())
    assert lab.registry.delegations == {}
    assert [(record.name, record.content) for record in held.records] == [("www.bank.co.uk", "ns.web.test")]
    assert held.nameservers == list(OWN_SERVERS)


async def test_validating_changes_nothing(lab: Lab) -> None:
    hosted(lab)
    registrar = lab.connect(VENDOR, KEYS)
    await registrar.validate(APEX)
    await registrar.validate(CHILD)
    assert {what.partition(" ")[0] for what in lab.asked(VENDOR)} == {"GET"}
    assert lab.registry.history == []


async def test_a_registered_domain_is_never_left_without_name_servers(lab: Lab) -> None:
    moved(lab)
    with lab.raises(RegistrarRefused, "never left without name servers"):
        await lab.connect(VENDOR, KEYS).set_nameservers(APEX, ())
    assert lab.asked(VENDOR) == []


@pytest.mark.parametrize(
    "keys",
    [
        {**KEYS, "api-key": "dKy1unknownunknown"},
        {**KEYS, "api-secret": "Rv5wrongwrong"},
        {**KEYS, "api-secret": "not-of-this-shape"},
    ],
    ids=["unknown key", "wrong secret", "malformed"],
)
async def test_wrong_credentials(lab: Lab, keys: dict[str, str]) -> None:
    moved(lab)
    lab.world.accounts.put(Account(vendor="nobody", credentials=keys))
    for attempt in (lab.connect(VENDOR, keys).validate(APEX), lab.connect(VENDOR, keys).get(CHILD)):
        with lab.raises(RegistrarUnauthorized, "does not accept the API key") as caught:
            await attempt
        assert "Production" in caught.value.remedy


async def test_incomplete_credentials(lab: Lab) -> None:
    with lab.raises(RegistrarCredentialsIncomplete, "api-secret") as caught:
        lab.connect(VENDOR, {"api-key": "dKy1Tq8wZ"})
    assert caught.value.keys == ("api-secret",)
    assert [keys.required for keys in keys_of(VENDOR)] == [("api-key", "api-secret")]


async def test_an_account_that_the_api_is_closed_to(lab: Lab) -> None:
    lab.account(VENDOR, KEYS, zone("bank.co.uk"), rights=set())
    with lab.raises(RegistrarForbidden, "does not let this account") as caught:
        await lab.connect(VENDOR, KEYS).validate(APEX)
    assert "ten domains" in caught.value.remedy


async def test_a_right_that_is_missing_only_for_the_change(lab: Lab) -> None:
    moved(lab)
    lab.fault(VENDOR, "PATCH .*", refuse="ACCESS_DENIED")
    with lab.raises(RegistrarForbidden):
        await lab.connect(VENDOR, KEYS).set_nameservers(APEX, NEW)
    assert lab.registry.history == []


async def test_a_domain_of_somebody_else(lab: Lab) -> None:
    lab.account(VENDOR, KEYS, zone("other.com"))
    with lab.raises(RegistrarRefused, "not in this GoDaddy account"):
        await lab.connect(VENDOR, KEYS).validate(APEX)


async def test_a_domain_that_is_not_active(lab: Lab) -> None:
    moved(lab, options={"status": "CANCELLED"})
    with lab.raises(RegistrarRefused, "not active"):
        await lab.connect(VENDOR, KEYS).validate(APEX)


async def test_a_domain_that_is_being_worked_on_is_pending(lab: Lab) -> None:
    moved(lab, options={"status": "PENDING_DNS"})
    assert await lab.connect(VENDOR, KEYS).get(APEX) == RegistrarView(OLD, "GoDaddy is working on the domain")


async def test_a_domain_that_is_not_eligible(lab: Lab) -> None:
    moved(lab, locked=True)
    with lab.raises(RegistrarRefused, "does not let this domain's name servers be changed") as caught:
        await lab.connect(VENDOR, KEYS).set_nameservers(APEX, NEW)
    assert "control panel" in caught.value.remedy


@pytest.mark.parametrize("hosts", [("ns1.openova.test",), ("ns1.openova.test", "localhost")], ids=["one", "no host"])
async def test_name_servers_that_are_not_accepted(lab: Lab, hosts: tuple[str, ...]) -> None:
    moved(lab)
    with lab.raises(RegistrarRefused, "does not accept these name servers"):
        await lab.connect(VENDOR, KEYS).set_nameservers(APEX, hosts)
    assert lab.registry.history == []


async def test_a_child_whose_parent_has_left_the_zone_is_refused_before_anything_changes(lab: Lab) -> None:
    moved(lab)
    with lab.raises(RegistrarRefused, "not served by its zone") as caught:
        await lab.connect(VENDOR, KEYS).validate(CHILD)
    assert "byo-manual" in caught.value.remedy


@pytest.mark.parametrize("name", ["eu.acme.bank.co.uk", "shop.eu.acme.bank.co.uk"])
async def test_a_delegation_that_would_hide_records_is_refused_before_anything_changes(lab: Lab, name: str) -> None:
    records = ((name, "A", "192.0.2.7"), ("acme.bank.co.uk", "A", "192.0.2.8"))
    lab.account(VENDOR, KEYS, zone("bank.co.uk", *records, nameservers=OWN_SERVERS))
    registrar = lab.connect(VENDOR, KEYS)
    for attempt in (registrar.validate(CHILD), registrar.set_nameservers(CHILD, NEW)):
        with lab.raises(RegistrarRefused, f"would hide records that answer now: {name} A$"):
            await attempt
    assert lab.registry.history == []


async def test_a_zone_that_is_not_shown_as_a_whole_may_hold_records_that_would_be_hidden(lab: Lab) -> None:
    """GoDaddy shows 500, and does not say that there are more."""
    many = [(f"host-{n}.bank.co.uk", "A", "192.0.2.7") for n in range(500)]
    hidden = ("eu.acme.bank.co.uk", "A", "192.0.2.8")
    lab.account(VENDOR, KEYS, zone("bank.co.uk", *many, hidden, nameservers=OWN_SERVERS))
    registrar = lab.connect(VENDOR, KEYS)
    for attempt in (registrar.validate(CHILD), registrar.set_nameservers(CHILD, NEW)):
        with lab.raises(RegistrarRefused, "shows only the first 500 records") as caught:
            await attempt
        assert "byo-manual" in caught.value.remedy
    assert lab.registry.history == []


async def test_a_child_without_a_zone(lab: Lab) -> None:
    moved(lab, options={"zone": False})
    with lab.raises(RegistrarRefused, "a zone of it"):
        await lab.connect(VENDOR, KEYS).validate(CHILD)


async def test_a_rate_limit_says_how_long(lab: Lab) -> None:
    moved(lab)
    lab.fault(VENDOR, limited_seconds=35)
    with lab.raises(RegistrarRateLimited) as caught:
        await lab.connect(VENDOR, KEYS).set_nameservers(APEX, NEW)
    assert caught.value.until == NOW + timedelta(seconds=35)
    assert lab.registry.history == []


@pytest.mark.parametrize("fault", [{"drop_response": True}, {"hang": "after"}], ids=["cut off", "timed out"])
async def test_a_change_that_got_no_answer_is_looked_for_and_may_be_repeated(lab: Lab, fault: dict[str, Any]) -> None:
    moved(lab)
    registrar = lab.connect(VENDOR, KEYS, limit_seconds=0.2)
    lab.fault(VENDOR, "PATCH .*", **fault)
    with lab.raises(RegistrarUnavailable, "did not answer"):
        await registrar.set_nameservers(APEX, NEW)
    assert await registrar.get(APEX) == RegistrarView(NEW)
    await registrar.set_nameservers(APEX, NEW)
    assert lab.registry.delegations == {"bank.co.uk": NEW}


async def test_a_change_that_did_not_arrive_is_seen_as_not_made(lab: Lab) -> None:
    hosted(lab)
    registrar = lab.connect(VENDOR, KEYS)
    lab.fault(VENDOR, f"PUT {NS_PATH}", drop_request=True)
    with lab.raises(RegistrarUnavailable):
        await registrar.set_nameservers(CHILD, NEW)
    assert await registrar.get(CHILD) == RegistrarView(())
    await registrar.set_nameservers(CHILD, NEW)
    assert await registrar.get(CHILD) == RegistrarView(NEW)


async def test_a_read_is_repeated(lab: Lab) -> None:
    moved(lab)
    lab.fault(VENDOR, "GET .*", times=2, drop_response=True)
    assert await lab.connect(VENDOR, KEYS).get(APEX) == RegistrarView(OLD)


@pytest.mark.parametrize("status", [200, 401, 403, 404, 503])
async def test_a_page_of_a_proxy_is_not_taken_for_godaddys_word(lab: Lab, status: int) -> None:
    moved(lab)
    lab.fault(VENDOR, times=3, raw_status=status)
    with lab.raises(RegistrarUnavailable):
        await lab.connect(VENDOR, KEYS).validate(APEX)


def test_credentials_do_not_show() -> None:
    keys = GoDaddyCredentials.model_validate({key: SecretStr(value) for key, value in KEYS.items()})
    assert not any(value in f"{keys!r} {keys}" for value in KEYS.values())
