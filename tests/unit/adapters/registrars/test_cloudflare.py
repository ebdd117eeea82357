"""Cloudflare's adapter against its emulator."""

from __future__ import annotations

import pytest

from catalyst_operator.adapters.registrars.registrar import Registrar
from catalyst_operator.adapters.suffixes import domain_of
from catalyst_operator.api.enums import RegistrarName
from catalyst_operator.errors import (
    RegistrarCredentialsIncomplete,
    RegistrarForbidden,
    RegistrarRateLimited,
    RegistrarRefused,
    RegistrarUnauthorized,
    RegistrarUnavailable,
)
from e2e.lab.registrars.accounts import Domain
from tests.unit.adapters.registrars.lab import NEW, NOW, OLD, Lab, zone

VENDOR = RegistrarName.CLOUDFLARE
TOKEN = "u7_kX-b2Q9vN4mLw8Rz1Yt6Ps3Hd5Gf0JcAeBiEo"
ACCOUNT_TOKEN = "cfat_" + "Zq4T" * 12
ACCOUNT_ID = "0123456789abcdef" * 2
KEYS = {"api-token": TOKEN}
CHILD, APEX = domain_of("acme.bank.test"), domain_of("bank.test")
BATCH = r"POST /zones/.*/batch"

ELSEWHERE = ("bank.test", "MX", "mail.bank.test"), ("www.bank.test", "A", "192.0.2.1")
"""Records that have nothing to do with the child."""


def delegated(*hosts: str) -> Domain:
    """A zone in which the child is delegated."""
    return zone("bank.test", *ELSEWHERE, *(("acme.bank.test", "NS", host) for host in hosts))


def holder(lab: Lab, domain: Domain | None = None, **more: object) -> Registrar:
    """An adapter with the token of an account that holds the domain."""
    lab.account(VENDOR, KEYS, domain or zone("bank.test", *ELSEWHERE), **more)
    return lab.connect(VENDOR, KEYS)


class TestDelegation:
    async def test_a_child(self, lab: Lab) -> None:
        registrar = holder(lab)
        await registrar.validate(CHILD)
        assert lab.registry.delegations == {}, "validation changes nothing"
        assert (await registrar.get(CHILD)).nameservers == ()
        await registrar.set_nameservers(CHILD, NEW)
        assert (await registrar.get(CHILD)).nameservers == NEW
        assert lab.registry.delegations == {"acme.bank.test": NEW}

    async def test_our_records_are_marked_and_others_untouched(self, lab: Lab) -> None:
        await holder(lab).set_nameservers(CHILD, NEW)
        records = lab.world.accounts.of(VENDOR)[0].domains[0].records
        assert [(one.type, one.ttl, one.comment) for one in records if one.type == "NS"] == [
            ("NS", 900, "Delegation by catalyst-operator")
        ] * 2
        assert [(one.name, one.type, one.content) for one in records if one.type != "NS"] == list(ELSEWHERE)

    async def test_repeating_it_asks_for_no_change(self, lab: Lab) -> None:
        registrar = holder(lab)
        for _ in range(2):
            await registrar.set_nameservers(CHILD, NEW)
        assert len([what for what in lab.asked(VENDOR) if what.startswith("POST")]) == 1

    async def test_rollback_to_the_previous_servers(self, lab: Lab) -> None:
        registrar = holder(lab, delegated(*OLD))
        before = (await registrar.get(CHILD)).nameservers
        await registrar.set_nameservers(CHILD, NEW)
        await registrar.set_nameservers(CHILD, before)
        assert lab.registry.history == [("acme.bank.test", NEW), ("acme.bank.test", OLD)]

    async def test_rollback_to_no_delegation(self, lab: Lab) -> None:
        registrar = holder(lab)
        await registrar.set_nameservers(CHILD, NEW)
        await registrar.set_nameservers(CHILD, ())
        assert lab.registry.delegations == {}
        assert (await registrar.get(CHILD)).nameservers == ()

    async def test_what_stays_is_not_made_anew(self, lab: Lab) -> None:
        registrar = holder(lab, delegated(OLD[0], NEW[0]))
        await registrar.set_nameservers(CHILD, NEW)
        bodies = [entry["parameters"]["body"] for entry in lab.world.log if "batch" in entry["what"]]
        assert len(bodies) == 1
        assert NEW[1] in bodies[0]
        assert NEW[0] not in bodies[0]

    async def test_a_zone_of_its_own_between_the_child_and_the_registered_domain(self, lab: Lab) -> None:
        lab.account(VENDOR, KEYS, zone("bank.test"), zone("eu.bank.test"))
        registrar = lab.connect(VENDOR, KEYS)
        await registrar.set_nameservers(domain_of("acme.eu.bank.test"), NEW)
        found = {domain.name: len(domain.records) for domain in lab.world.accounts.of(VENDOR)[0].domains}
        assert found == {"bank.test": 0, "eu.bank.test": 2}

    async def test_all_pages_are_read(self, lab: Lab) -> None:
        many = [(f"h{number}.acme.bank.test", "A", "192.0.2.1") for number in range(150)]
        registrar = holder(lab, zone("bank.test", *many, *(("acme.bank.test", "NS", host) for host in OLD)))
        assert (await registrar.get(CHILD)).nameservers == OLD


class TestRefusedBeforeAnythingIsAsked:
    async def test_a_registered_domain(self, lab: Lab) -> None:
        registrar = holder(lab)
        for attempt in (registrar.validate(APEX), registrar.set_nameservers(APEX, NEW)):
            with lab.raises(RegistrarRefused, "no API of Cloudflare changes the name servers of bank.test") as caught:
                await attempt
            assert "cloud.bank.test" in caught.value.remedy
        assert lab.asked(VENDOR) == []
        assert (await registrar.get(APEX)).nameservers == OLD

    async def test_a_token_of_an_account_without_the_account(self, lab: Lab) -> None:
        with lab.raises(RegistrarCredentialsIncomplete, "account-id") as caught:
            await lab.connect(VENDOR, {"api-token": ACCOUNT_TOKEN}).validate(CHILD)
        assert caught.value.keys == ("account-id",)


class TestHiddenRecords:
    @pytest.mark.parametrize(
        ("record", "why"),
        [
            (("acme.bank.test", "A", "192.0.2.1"), "at the name"),
            (("acme.bank.test", "TXT", "v=spf1 -all"), "of any type"),
            (("www.acme.bank.test", "CNAME", "shop.test"), "below the name"),
        ],
    )
    async def test_are_a_reason_to_refuse(self, lab: Lab, record: tuple[str, str, str], why: str) -> None:
        registrar = holder(lab, zone("bank.test", record))
        for attempt in (registrar.validate(CHILD), registrar.set_nameservers(CHILD, NEW)):
            with lab.raises(RegistrarRefused, f"would hide records that answer now: {record[0]} {record[1]}"):
                await attempt
        assert lab.registry.history == [], why

    async def test_those_of_a_name_that_ends_alike_do_not_count(self, lab: Lab) -> None:
        registrar = holder(lab, zone("bank.test", ("macme.bank.test", "A", "192.0.2.1")))
        await registrar.validate(CHILD)

    async def test_addresses_of_name_servers_below_the_name_are_needed(self, lab: Lab) -> None:
        registrar = holder(lab, zone("bank.test", ("ns1.acme.bank.test", "A", "192.0.2.1")))
        await registrar.set_nameservers(CHILD, ("ns1.acme.bank.test",))
        assert lab.registry.delegations == {"acme.bank.test": ("ns1.acme.bank.test",)}

    async def test_behind_a_delegation_records_are_hidden_already(self, lab: Lab) -> None:
        domain = delegated(*OLD)
        domain.records.append(zone("", ("www.acme.bank.test", "A", "192.0.2.1")).records[0])
        registrar = holder(lab, domain)
        await registrar.validate(CHILD)
        await registrar.set_nameservers(CHILD, NEW)
        assert lab.registry.delegations == {"acme.bank.test": NEW}

    async def test_a_signed_delegation_is_not_given_to_others(self, lab: Lab) -> None:
        domain = delegated(*OLD)
        domain.records.append(zone("", ("acme.bank.test", "DS", "12345 13 2 00")).records[0])
        registrar = holder(lab, domain)
        with lab.raises(RegistrarRefused, "has a DS record"):
            await registrar.set_nameservers(CHILD, NEW)
        assert lab.registry.history == []

    async def test_a_record_that_came_in_between(self, lab: Lab) -> None:
        registrar = holder(lab)
        lab.fault(VENDOR, BATCH, refuse="81053")
        with lab.raises(RegistrarRefused, "another record of that name"):
            await registrar.set_nameservers(CHILD, NEW)


class TestTokens:
    async def test_a_token_of_an_account(self, lab: Lab) -> None:
        keys = {"api-token": ACCOUNT_TOKEN}
        options = {"kind": "account", "account-id": ACCOUNT_ID}
        lab.account(VENDOR, keys, zone("bank.test"), options=options)
        registrar = lab.connect(VENDOR, keys | {"account-id": ACCOUNT_ID})
        await registrar.validate(CHILD)
        await registrar.set_nameservers(CHILD, NEW)
        assert lab.asked(VENDOR)[0] == f"GET /accounts/{ACCOUNT_ID}/tokens/verify"

    async def test_an_account_is_named_for_a_token_of_a_user(self, lab: Lab) -> None:
        holder(lab, options={"account-id": ACCOUNT_ID})
        await lab.connect(VENDOR, KEYS | {"account-id": ACCOUNT_ID}).validate(CHILD)
        assert lab.asked(VENDOR)[1] == "GET /user/tokens/verify"

    @pytest.mark.parametrize("account_id", ["../user", "bank"])
    async def test_what_is_no_account_is_not_sent(self, lab: Lab, account_id: str) -> None:
        with lab.raises(RegistrarUnauthorized, "account-id"):
            await lab.connect(VENDOR, KEYS | {"account-id": account_id}).validate(CHILD)
        assert lab.asked(VENDOR) == []

    async def test_a_bad_token(self, lab: Lab) -> None:
        """The API says the same of it as of a token that lacks a right."""
        holder(lab)
        registrar = lab.connect(VENDOR, {"api-token": "A" * 40})
        for attempt in (registrar.validate(CHILD), registrar.get(CHILD), registrar.set_nameservers(CHILD, NEW)):
            with lab.raises(RegistrarUnauthorized, "does not accept the token") as caught:
                await attempt
            assert "Zone / DNS / Edit" in caught.value.remedy

    async def test_what_has_not_the_form_of_a_token(self, lab: Lab) -> None:
        with lab.raises(RegistrarUnauthorized, "form of a token"):
            await lab.connect(VENDOR, {"api-token": "secret"}).get(CHILD)

    @pytest.mark.parametrize("status", ["expired", "disabled"])
    async def test_a_token_that_is_over(self, lab: Lab, status: str) -> None:
        registrar = holder(lab, options={"status": status})
        with lab.raises(RegistrarUnauthorized, f"the token is {status}"):
            await registrar.validate(CHILD)

    @pytest.mark.parametrize("rights", [{"dns:read", "dns:edit"}, {"zone:read"}])
    async def test_a_right_to_read_that_is_missing(self, lab: Lab, rights: set[str]) -> None:
        registrar = holder(lab, rights=rights)
        with lab.raises(RegistrarForbidden, "the token is valid") as caught:
            await registrar.validate(CHILD)
        assert "Zone / Zone / Read" in caught.value.remedy

    async def test_the_right_to_write_that_is_missing(self, lab: Lab) -> None:
        """Only a change shows it."""
        registrar = holder(lab, rights={"zone:read", "dns:read"})
        await registrar.validate(CHILD)
        with lab.raises(RegistrarForbidden, r"\(code 10000\)"):
            await registrar.set_nameservers(CHILD, NEW)
        assert lab.registry.history == []

    async def test_an_account_that_was_taken_back(self, lab: Lab) -> None:
        registrar = holder(lab)
        lab.world.accounts.remove(VENDOR, "default")
        with lab.raises(RegistrarUnauthorized):
            await registrar.get(CHILD)


class TestZones:
    async def test_none(self, lab: Lab) -> None:
        registrar = holder(lab, zone("other.test"))
        with lab.raises(RegistrarRefused, "sees no zone bank.test"):
            await registrar.validate(CHILD)

    @pytest.mark.parametrize("options", [{"type": "partial"}, {"status": "pending"}])
    async def test_one_without_effect(self, lab: Lab, options: dict[str, str]) -> None:
        registrar = holder(lab, zone("bank.test", options=options))
        with lab.raises(RegistrarRefused, "would have no effect"):
            await registrar.validate(CHILD)


class TestTrouble:
    async def test_a_rate_limit(self, lab: Lab) -> None:
        registrar = holder(lab)
        lab.fault(VENDOR, limited_seconds=120)
        with lab.raises(RegistrarRateLimited) as caught:
            await registrar.get(CHILD)
        assert (caught.value.until - NOW).total_seconds() == 120

    async def test_a_change_that_was_made_without_an_answer(self, lab: Lab) -> None:
        """Looking again shows it, and repeating it changes nothing more."""
        registrar = holder(lab)
        lab.fault(VENDOR, BATCH, drop_response=True)
        with lab.raises(RegistrarUnavailable, "did not answer"):
            await registrar.set_nameservers(CHILD, NEW)
        assert (await registrar.get(CHILD)).nameservers == NEW
        await registrar.set_nameservers(CHILD, NEW)
        assert lab.registry.history == [("acme.bank.test", NEW)]

    async def test_a_change_that_was_not_made(self, lab: Lab) -> None:
        registrar = holder(lab)
        lab.fault(VENDOR, BATCH, drop_request=True)
        with lab.raises(RegistrarUnavailable):
            await registrar.set_nameservers(CHILD, NEW)
        assert (await registrar.get(CHILD)).nameservers == ()
        await registrar.set_nameservers(CHILD, NEW)
        assert lab.registry.history == [("acme.bank.test", NEW)]

    async def test_an_answer_that_never_comes(self, lab: Lab) -> None:
        holder(lab)
        lab.fault(VENDOR, BATCH, hang="after")
        with lab.raises(RegistrarUnavailable, r"within 0\.2 s"):
            await lab.connect(VENDOR, KEYS, limit_seconds=0.2).set_nameservers(CHILD, NEW)
        assert lab.registry.delegations == {"acme.bank.test": NEW}

    async def test_a_change_that_somebody_else_makes(self, lab: Lab) -> None:
        registrar = holder(lab)
        lab.fault(VENDOR, BATCH, refuse="81058")
        with lab.raises(RegistrarUnavailable, "changed while"):
            await registrar.set_nameservers(CHILD, NEW)

    async def test_a_read_is_repeated(self, lab: Lab) -> None:
        registrar = holder(lab, delegated(*OLD))
        lab.fault(VENDOR, "GET /zones", drop_request=True)
        lab.fault(VENDOR, "GET /zones", raw_status=502)
        assert (await registrar.get(CHILD)).nameservers == OLD

    @pytest.mark.parametrize("status", [200, 403, 502])
    async def test_a_proxy_that_answers_instead(self, lab: Lab, status: int) -> None:
        registrar = holder(lab)
        lab.fault(VENDOR, times=9, raw_status=status)
        with lab.raises(RegistrarUnavailable, f"HTTP status {status}"):
            await registrar.get(CHILD)

    async def test_a_refusal_nobody_knows(self, lab: Lab) -> None:
        registrar = holder(lab)
        lab.fault(VENDOR, BATCH, refuse="9207")
        with lab.raises(RegistrarRefused, r"HTTP status 400; it says: Request body is invalid. \(code 9207\)"):
            await registrar.set_nameservers(CHILD, NEW)


async def test_no_errors_may_be_said_by_nothing(lab: Lab) -> None:
    registrar = holder(lab)
    told = '{"success": true, "errors": null, "messages": null, "result": {"id": "1", "status": "active"}}'
    lab.fault(VENDOR, "GET .*/verify", times=1, raw_status=200, raw_text=told)
    await registrar.validate(CHILD)
