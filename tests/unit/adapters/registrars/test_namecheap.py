"""The adapter for Namecheap against the emulator of its API."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from catalyst_operator.adapters.registrars import namecheap_answers as answers
from catalyst_operator.adapters.registrars.connect import connect, keys_of
from catalyst_operator.adapters.registrars.namecheap import NamecheapCredentials
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
from e2e.lab.registrars.accounts import Account, Record
from e2e.lab.registrars.accounts import Domain as Held
from e2e.lab.registrars.namecheap import OWN_SERVERS, RIGHT_API, RIGHT_EDIT
from tests.unit.adapters.registrars.lab import NEW, NOW, OLD, Lab, zone

VENDOR = RegistrarName.NAMECHEAP
KEYS = {"api-user": "bankinc7", "api-key": "f3a1d9c07b5e4f62a8", "client-ip": "203.0.113.77"}
APEX = Domain("bank.co.uk", "bank.co.uk")
CHILD = Domain("eu.acme.bank.co.uk", "bank.co.uk")
SIBLING = Domain("us.acme.bank.co.uk", "bank.co.uk")

RECORDS = (
    Record(name="bank.co.uk", type="URL301", content="https://www.bank.co.uk/?a=1&b=<2>", ttl=300),
    Record(name="bank.co.uk", type="MX", content="mx1.mail.test", comment="5"),
    Record(name="bank.co.uk", type="TXT", content='v=spf1 include:"mail.test" ~all; ü'),
    Record(name="bank.co.uk", type="CAA", content='0 issue "letsencrypt.org"'),
    Record(name="www.bank.co.uk", type="A", content="192.0.2.10", ttl=60),
    Record(name="shop.bank.co.uk", type="CNAME", content="shops.example", ttl=60000),
    Record(name="lab.bank.co.uk", type="NS", content="ns.lab.test"),
)


def moved(lab: Lab, **more: object) -> Held:
    """A domain with name servers of its owner's."""
    held = zone("bank.co.uk", nameservers=OLD, **more)
    lab.account(VENDOR, KEYS, held)
    return held


def hosted(lab: Lab, *records: Record, **more: Any) -> Held:
    """A domain that Namecheap's DNS serves."""
    found = [record.model_copy() for record in records or RECORDS]
    options = {"email-type": "MX" if any(one.type == "MX" for one in found) else "NONE", **more.pop("options", {})}
    held = Held(name="bank.co.uk", nameservers=list(OWN_SERVERS), records=found, options=options, **more)
    lab.account(VENDOR, KEYS, held)
    return held


def plain(records: list[Record]) -> set[tuple[str, str, str, int, str]]:
    """What is to survive."""
    return {(one.name, one.type, one.content, one.ttl, one.comment) for one in records}


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
    assert lab.asked(VENDOR).count("setCustom") == 2


async def test_going_back_to_namecheaps_own_servers_brings_back_their_services(lab: Lab) -> None:
    hosted(lab)
    registrar = lab.connect(VENDOR, KEYS)
    before = (await registrar.get(APEX)).nameservers
    await registrar.set_nameservers(APEX, NEW)
    await registrar.set_nameservers(APEX, before)
    assert lab.asked(VENDOR) == ["getList", "setCustom", "setDefault"]
    assert lab.registry.delegations == {"bank.co.uk": OWN_SERVERS}


async def test_a_child_is_delegated_and_taken_back_and_all_other_host_records_stay_as_they_are(lab: Lab) -> None:
    held = hosted(lab)
    registrar = lab.connect(VENDOR, KEYS)

    await registrar.validate(CHILD)
    assert await registrar.get(CHILD) == RegistrarView(())
    await registrar.set_nameservers(CHILD, NEW)
    assert await registrar.get(CHILD) == RegistrarView(NEW)
    assert lab.registry.delegations == {CHILD.name: NEW}
    assert plain(held.records) >= plain(list(RECORDS))
    assert [record.ttl for record in held.find(CHILD.name)] == [900, 900]
    assert held.options["email-type"] == "MX"

    writes = lab.asked(VENDOR).count("setHosts")
    await registrar.set_nameservers(CHILD, NEW)
    assert lab.asked(VENDOR).count("setHosts") == writes

    await registrar.set_nameservers(CHILD, ())
    await registrar.set_nameservers(CHILD, ())
    assert plain(held.records) == plain(list(RECORDS))
    assert lab.registry.delegations == {}
    assert held.nameservers == list(OWN_SERVERS)


async def test_two_children_of_one_domain_take_turns(lab: Lab) -> None:
    held = hosted(lab)
    await asyncio.gather(
        *(lab.connect(VENDOR, KEYS).set_nameservers(child, NEW) for child in (CHILD, SIBLING, CHILD, SIBLING))
    )
    assert held.hosts(CHILD.name) == held.hosts(SIBLING.name) == NEW
    assert lab.asked(VENDOR).count("setHosts") == 2


async def test_a_zone_that_somebody_else_changes_in_the_same_moment_is_noticed(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = hosted(lab)
    publish = lab.registry.publish

    async def meddle(zone: str, name: str, hosts: tuple[str, ...]) -> None:
        await publish(zone, name, hosts)
        held.records.append(Record(name="new.bank.co.uk", type="A", content="192.0.2.99"))

    monkeypatch.setattr(lab.registry, "publish", meddle)
    with lab.raises(RegistrarUnavailable, "shows other host records"):
        await lab.connect(VENDOR, KEYS).set_nameservers(CHILD, NEW)


async def test_validating_changes_nothing(lab: Lab) -> None:
    hosted(lab)
    registrar = lab.connect(VENDOR, KEYS)
    await registrar.validate(APEX)
    await registrar.validate(CHILD)
    assert lab.asked(VENDOR) == ["getList", "getHosts"]
    assert lab.registry.history == []


async def test_a_registered_domain_is_never_left_without_name_servers(lab: Lab) -> None:
    moved(lab)
    with lab.raises(RegistrarRefused, "never left without name servers"):
        await lab.connect(VENDOR, KEYS).set_nameservers(APEX, ())
    assert lab.asked(VENDOR) == []


@pytest.mark.parametrize(
    "keys", [{**KEYS, "api-key": "0000wrong0000"}, {**KEYS, "api-user": "somebody9"}], ids=["wrong key", "unknown user"]
)
async def test_wrong_credentials(lab: Lab, keys: dict[str, str]) -> None:
    moved(lab)
    lab.world.accounts.put(Account(vendor="nobody", credentials=keys))
    for attempt in (lab.connect(VENDOR, keys).validate(APEX), lab.connect(VENDOR, keys).get(CHILD)):
        with lab.raises(RegistrarUnauthorized, "does not accept the API user or key") as caught:
            await attempt
        assert "Enable API access" in caught.value.remedy


async def test_an_account_without_api_access(lab: Lab) -> None:
    lab.account(VENDOR, KEYS, zone("bank.co.uk"), rights={RIGHT_EDIT})
    with lab.raises(RegistrarUnauthorized, "API access is not enabled"):
        await lab.connect(VENDOR, KEYS).validate(APEX)


async def test_incomplete_credentials(lab: Lab) -> None:
    with lab.raises(RegistrarCredentialsIncomplete, "client-ip") as caught:
        lab.connect(VENDOR, {key: KEYS[key] for key in ("api-user", "api-key")})
    assert caught.value.keys == ("client-ip",)
    required, optional = keys_of(VENDOR)[0].required, keys_of(VENDOR)[0].optional
    assert (required, optional) == (("api-user", "api-key", "client-ip"), ("user-name",))


@pytest.mark.parametrize("address", ["2001:db8::1", "gateway.bank.co.uk", "203.0.113.0/24"])
async def test_an_address_that_is_none_of_ipv4_is_sent_to_nobody(lab: Lab, address: str) -> None:
    with lab.raises(RegistrarUnauthorized, "client-ip in the Secret is not an IPv4 address"):
        lab.connect(VENDOR, {**KEYS, "client-ip": address})


async def test_an_address_that_is_not_on_the_allow_list_is_named(lab: Lab) -> None:
    moved(lab)
    with lab.raises(RegistrarForbidden, r"does not take requests from 198\.51\.100\.4$") as caught:
        await lab.connect(VENDOR, {**KEYS, "client-ip": "198.51.100.4"}).validate(APEX)
    assert "allow-list" in caught.value.remedy


async def test_a_user_of_somebody_elses_account(lab: Lab) -> None:
    keys = {**KEYS, "user-name": "owner31"}
    lab.account(VENDOR, keys, zone("bank.co.uk"))
    await lab.connect(VENDOR, keys).validate(APEX)
    with lab.raises(RegistrarUnauthorized):
        await lab.connect(VENDOR, KEYS).validate(APEX)


async def test_a_right_that_is_missing_for_the_change(lab: Lab) -> None:
    lab.account(VENDOR, KEYS, zone("bank.co.uk"), rights={RIGHT_API})
    registrar = lab.connect(VENDOR, KEYS)
    await registrar.validate(APEX)
    with lab.raises(RegistrarForbidden, "may not change the domain"):
        await registrar.set_nameservers(APEX, NEW)
    assert lab.registry.history == []


async def test_a_domain_of_somebody_else(lab: Lab) -> None:
    lab.account(VENDOR, KEYS, zone("other.com"))
    for domain in (APEX, CHILD):
        with lab.raises(RegistrarRefused, "not in this Namecheap account"):
            await lab.connect(VENDOR, KEYS).validate(domain)


@pytest.mark.parametrize("hosts", [("ns1.openova.test",), ("ns1.openova.test", "localhost")], ids=["one", "no host"])
async def test_name_servers_that_are_not_accepted(lab: Lab, hosts: tuple[str, ...]) -> None:
    moved(lab)
    with lab.raises(RegistrarRefused, "registry behind Namecheap"):
        await lab.connect(VENDOR, KEYS).set_nameservers(APEX, hosts)
    assert lab.registry.history == []


async def test_a_child_of_a_domain_that_is_served_elsewhere(lab: Lab) -> None:
    moved(lab)
    with lab.raises(RegistrarRefused, "does not use Namecheap's own DNS") as caught:
        await lab.connect(VENDOR, KEYS).validate(CHILD)
    assert "byo-manual" in caught.value.remedy


@pytest.mark.parametrize(
    ("record", "options", "reason"),
    [
        (Record(name="bank.co.uk", type="MX", content="mx.mail.test"), {"email-type": "OX"}, "its mail"),
        (Record(name="bank.co.uk", type="MX", content="mx.mail.test"), {"email-type": "GMAIL"}, "its mail"),
        (Record(name="_sip._tcp.bank.co.uk", type="SRV", content="0 5 5060 sip.test"), {}, "of a type"),
        (Record(name="www.bank.co.uk", type="A", content="192.0.2.1", comment="inactive"), {}, "switched off"),
        (Record(name="home.bank.co.uk", type="A", content="192.0.2.1", comment="ddns"), {}, "dynamic DNS"),
    ],
)
async def test_a_zone_that_cannot_be_written_back_as_it_was_is_left_alone(
    lab: Lab, record: Record, options: dict[str, str], reason: str
) -> None:
    hosted(lab, record, options=options)
    registrar = lab.connect(VENDOR, KEYS)
    for attempt in (registrar.validate(CHILD), registrar.set_nameservers(CHILD, NEW)):
        with lab.raises(RegistrarRefused, reason) as caught:
            await attempt
        assert "byo-manual" in caught.value.remedy
    assert "setHosts" not in lab.asked(VENDOR)


@pytest.mark.parametrize("name", [CHILD.name, f"shop.{CHILD.name}"])
async def test_a_delegation_that_would_hide_records_is_refused_before_anything_changes(lab: Lab, name: str) -> None:
    hosted(lab, Record(name=name, type="A", content="192.0.2.7"))
    registrar = lab.connect(VENDOR, KEYS)
    for attempt in (registrar.validate(CHILD), registrar.set_nameservers(CHILD, NEW)):
        with lab.raises(RegistrarRefused, f"would hide records that answer now: {name} A$"):
            await attempt
    assert "setHosts" not in lab.asked(VENDOR)


async def test_the_last_host_records_are_not_removed(lab: Lab) -> None:
    hosted(lab, Record(name=CHILD.name, type="NS", content=NEW[0]))
    with lab.raises(RegistrarRefused, "nothing would be left"):
        await lab.connect(VENDOR, KEYS).set_nameservers(CHILD, ())


@pytest.mark.parametrize("fault", [{"limited_seconds": 30}, {"refuse": "500000"}], ids=["HTTP 405", "number 500000"])
async def test_a_rate_limit(lab: Lab, fault: dict[str, Any]) -> None:
    moved(lab)
    lab.fault(VENDOR, **fault)
    with lab.raises(RegistrarRateLimited, "no more requests") as caught:
        await lab.connect(VENDOR, KEYS).set_nameservers(APEX, NEW)
    assert caught.value.until == NOW + timedelta(minutes=1)
    assert lab.registry.history == []


@pytest.mark.parametrize("fault", [{"drop_response": True}, {"hang": "after"}], ids=["cut off", "timed out"])
async def test_a_change_that_got_no_answer_is_looked_for_and_may_be_repeated(lab: Lab, fault: dict[str, Any]) -> None:
    held = hosted(lab)
    registrar = lab.connect(VENDOR, KEYS, limit_seconds=0.2)
    for domain, command in ((CHILD, "setHosts"), (APEX, "setCustom")):
        lab.fault(VENDOR, command, **fault)
        with lab.raises(RegistrarUnavailable, "did not answer"):
            await registrar.set_nameservers(domain, NEW)
        assert await registrar.get(domain) == RegistrarView(NEW)
        await registrar.set_nameservers(domain, NEW)
    assert plain(held.records) >= plain(list(RECORDS))
    assert lab.registry.delegations == {CHILD.name: NEW, APEX.name: NEW}


async def test_a_change_that_did_not_arrive_is_seen_as_not_made(lab: Lab) -> None:
    moved(lab)
    registrar = lab.connect(VENDOR, KEYS)
    lab.fault(VENDOR, "setCustom", drop_request=True)
    with lab.raises(RegistrarUnavailable, "did not answer"):
        await registrar.set_nameservers(APEX, NEW)
    assert await registrar.get(APEX) == RegistrarView(OLD)


async def test_a_read_is_repeated(lab: Lab) -> None:
    moved(lab)
    lab.fault(VENDOR, "getList", times=2, drop_response=True)
    assert await lab.connect(VENDOR, KEYS).get(APEX) == RegistrarView(OLD)


async def test_a_broken_backend_is_told_as_such(lab: Lab) -> None:
    moved(lab)
    lab.fault(VENDOR, refuse="3050900")
    with lab.raises(RegistrarUnavailable, "Unknown error from Enom"):
        await lab.connect(VENDOR, KEYS).validate(APEX)


@pytest.mark.parametrize("status", [200, 403, 503])
async def test_a_page_of_a_proxy_is_not_taken_for_namecheaps_word(lab: Lab, status: int) -> None:
    moved(lab)
    lab.fault(VENDOR, times=3, raw_status=status)
    with lab.raises(RegistrarUnavailable, "Namecheap's API"):
        await lab.connect(VENDOR, KEYS).validate(APEX)


async def test_a_domain_that_is_no_registrable_one(lab: Lab) -> None:
    moved(lab)
    with lab.raises(RegistrarRefused, "public suffix"):
        await lab.connect(VENDOR, KEYS).validate(Domain("co.uk", "co.uk"))


async def test_the_key_is_in_no_url_and_the_request_is_a_form(lab: Lab) -> None:
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(405)

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        registrar = connect(VENDOR, {key: SecretStr(value) for key, value in KEYS.items()}, client=client)
        with lab.raises(RegistrarRateLimited, "Namecheap"):
            await registrar.validate(APEX)
    assert str(sent[0].url) == "https://api.namecheap.com/xml.response"
    assert sent[0].headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert b"&SLD=bank&TLD=co.uk" in sent[0].content


OK = b'<ApiResponse Status="OK" xmlns="http://api.namecheap.com/xml.response"><Errors />%b</ApiResponse>'


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'<!DOCTYPE x [<!ENTITY a "b">]>' + OK % b"&a;", "document type"),
        (("<!DOCTYPE x>" + (OK % b"").decode()).encode("utf-16"), "another encoding"),
        (b"<ApiResponse", "not answer in XML"),
        (b"", "not answer in XML"),
        (b"<html/>", "not its own"),
        (b"<ApiResponse Status='MAYBE'/>", "not its own"),
    ],
)
def test_what_is_not_read(content: bytes, reason: str) -> None:
    with pytest.raises(answers.Unreadable, match=reason):
        answers.read(content)


def test_the_documents_examples_are_read() -> None:
    hosts = b'<Host HostId="12" Name="@" Type="A" Address="1.2.3.4" MXPref="10" TTL="1800" />'
    result = b'<DomainDNSGetHostsResult Domain="domain.com" IsUsingOurDNS="true">%b</DomainDNSGetHostsResult>' % hosts
    read = answers.read(b"\xef\xbb\xbf" + OK % (b"<CommandResponse>%b</CommandResponse>" % result))
    assert read.result is not None
    assert answers.host_zone(read.result).hosts == (answers.Host("@", "A", "1.2.3.4", "10", "1800"),)


@pytest.mark.parametrize("text", ["Invalid request IP: key=s3cret", "Invalid request IP: 999.1.1.1", ""])
def test_of_an_errors_text_only_an_address_is_passed_on(text: str) -> None:
    refused = answers.refusal({"1011150": text})
    assert refused is not None
    assert refused.message == "Namecheap does not take requests from this address"


def test_credentials_do_not_show() -> None:
    keys = NamecheapCredentials.model_validate({key: SecretStr(value) for key, value in KEYS.items()})
    assert not any(value in f"{keys!r} {keys}" for value in KEYS.values())
