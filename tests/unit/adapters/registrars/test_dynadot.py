"""Dynadot's adapter against its emulator."""

from __future__ import annotations

from typing import Any

import pytest

from catalyst_operator.adapters.registrars.registrar import Registrar
from catalyst_operator.adapters.suffixes import domain_of
from catalyst_operator.api.enums import RegistrarName
from catalyst_operator.errors import (
    RegistrarForbidden,
    RegistrarRateLimited,
    RegistrarRefused,
    RegistrarUnauthorized,
    RegistrarUnavailable,
)
from tests.unit.adapters.registrars.lab import NEW, NOW, OLD, Lab, zone

VENDOR = RegistrarName.DYNADOT
KEYS = {"api-key": "7Q6s8L9E6r7h9P8s7I6z8W9b7M6u"}
APEX, CHILD = domain_of("bank.test"), domain_of("acme.bank.test")
CHANGES = {"add_ns", "set_ns"}


def holder(lab: Lab, **options: Any) -> Registrar:
    """An adapter with the key of an account that holds the domain."""
    lab.account(VENDOR, KEYS, zone("bank.test"), options={"servers": list(OLD)} | options)
    return lab.connect(VENDOR, KEYS)


class TestNameServers:
    async def test_are_set(self, lab: Lab) -> None:
        registrar = holder(lab)
        await registrar.validate(APEX)
        assert not CHANGES & set(lab.asked(VENDOR)), "validation changes nothing"
        assert (await registrar.get(APEX)).nameservers == OLD
        await registrar.set_nameservers(APEX, NEW)
        assert (await registrar.get(APEX)).nameservers == NEW
        assert lab.registry.delegations == {"bank.test": NEW}

    async def test_hosts_that_the_account_lacks_are_added_first(self, lab: Lab) -> None:
        await holder(lab, servers=[NEW[0]]).set_nameservers(APEX, NEW)
        assert lab.asked(VENDOR) == ["get_ns", "server_list", "add_ns", "set_ns"]

    async def test_repeating_it_asks_for_no_change(self, lab: Lab) -> None:
        registrar = holder(lab)
        await registrar.set_nameservers(APEX, NEW)
        await registrar.set_nameservers(APEX, NEW)
        assert lab.asked(VENDOR).count("set_ns") == 1

    async def test_rollback_to_the_previous_servers(self, lab: Lab) -> None:
        registrar = holder(lab)
        before = (await registrar.get(APEX)).nameservers
        await registrar.set_nameservers(APEX, NEW)
        await registrar.set_nameservers(APEX, before)
        assert lab.registry.history == [("bank.test", NEW), ("bank.test", OLD)]

    async def test_thirteen_are_the_most(self, lab: Lab) -> None:
        registrar = holder(lab)
        hosts = tuple(f"ns{number:02}.openova.test" for number in range(14))
        await registrar.set_nameservers(APEX, hosts[:13])
        assert lab.registry.delegations == {"bank.test": hosts[:13]}
        with lab.raises(RegistrarRefused, "at most 13"):
            await registrar.set_nameservers(APEX, hosts)

    async def test_none_are_not_accepted(self, lab: Lab) -> None:
        registrar = holder(lab)
        with lab.raises(RegistrarRefused, "never left without"):
            await registrar.set_nameservers(APEX, ())
        assert lab.asked(VENDOR) == []

    async def test_a_child_is_refused(self, lab: Lab) -> None:
        registrar = holder(lab)
        for attempt in (registrar.validate(CHILD), registrar.get(CHILD), registrar.set_nameservers(CHILD, NEW)):
            with lab.raises(RegistrarRefused, "without replacing all other records of bank.test") as caught:
                await attempt
            assert "byo-manual" in caught.value.remedy
        assert lab.asked(VENDOR) == []


class TestRefused:
    async def test_a_bad_key(self, lab: Lab) -> None:
        holder(lab)
        with lab.raises(RegistrarUnauthorized) as caught:
            await lab.connect(VENDOR, {"api-key": "other"}).validate(APEX)
        assert "api-key" in caught.value.remedy

    async def test_an_address_that_is_not_on_the_list(self, lab: Lab) -> None:
        """The right that is missing here; no document has its text, so the account is asked as well."""
        registrar = holder(lab, addresses=["192.0.2.1"])
        with lab.raises(RegistrarForbidden) as caught:
            await registrar.validate(APEX)
        assert "Tools > API" in caught.value.remedy
        assert lab.asked(VENDOR) == ["domain_info", "account_info"]

    async def test_a_domain_of_somebody_else(self, lab: Lab) -> None:
        registrar = holder(lab)
        with lab.raises(RegistrarRefused, r"other\.test is not in the Dynadot account"):
            await registrar.validate(domain_of("other.test"))

    async def test_a_reason_that_nobody_knows(self, lab: Lab) -> None:
        registrar = holder(lab)
        lab.fault(VENDOR, "domain_info", refuse="unknown")
        with lab.raises(RegistrarRefused, r"does not show bank\.test"):
            await registrar.validate(APEX)
        lab.fault(VENDOR, "set_ns", refuse="unknown")
        with lab.raises(RegistrarRefused, "refuses to change"):
            await registrar.set_nameservers(APEX, NEW)
        assert lab.registry.history == []

    async def test_a_host_without_an_address(self, lab: Lab) -> None:
        registrar = holder(lab, needs_address=[NEW[1]])
        with lab.raises(RegistrarRefused, f"wants {NEW[1]} to be registered") as caught:
            await registrar.set_nameservers(APEX, NEW)
        assert "with its address" in caught.value.remedy


class TestTrouble:
    async def test_a_rate_limit(self, lab: Lab) -> None:
        registrar = holder(lab)
        lab.fault(VENDOR, limited_seconds=30)
        with lab.raises(RegistrarRateLimited) as caught:
            await registrar.get(APEX)
        assert (caught.value.until - NOW).total_seconds() == 60, "Dynadot does not say how long"

    @pytest.mark.parametrize("text", ["busy", "offline"])
    async def test_a_main_server_out_of_reach(self, lab: Lab, text: str) -> None:
        registrar = holder(lab)
        lab.fault(VENDOR, refuse=text)
        with lab.raises(RegistrarUnavailable, "main server"):
            await registrar.get(APEX)

    @pytest.mark.parametrize("command", ["add_ns", "set_ns"])
    @pytest.mark.parametrize("effect", [{"drop_response": True}, {"drop_request": True}])
    async def test_a_change_without_an_answer(self, lab: Lab, command: str, effect: dict[str, Any]) -> None:
        """Whether it was made or not, looking and repeating ends well, with one flip."""
        registrar = holder(lab)
        lab.fault(VENDOR, command, **effect)
        with lab.raises(RegistrarUnavailable, "did not answer"):
            await registrar.set_nameservers(APEX, NEW)
        made = command == "set_ns" and "drop_response" in effect
        assert (await registrar.get(APEX)).nameservers == (NEW if made else OLD)
        await registrar.set_nameservers(APEX, NEW)
        assert lab.registry.history == [("bank.test", NEW)]

    async def test_an_answer_that_never_comes(self, lab: Lab) -> None:
        holder(lab)
        lab.fault(VENDOR, "set_ns", hang="after")
        with lab.raises(RegistrarUnavailable, r"within 0\.2 s"):
            await lab.connect(VENDOR, KEYS, limit_seconds=0.2).set_nameservers(APEX, NEW)
        assert lab.registry.delegations == {"bank.test": NEW}

    @pytest.mark.parametrize("status", [200, 502])
    async def test_a_proxy_that_answers_instead(self, lab: Lab, status: int) -> None:
        registrar = holder(lab)
        lab.fault(VENDOR, times=9, raw_status=status)
        with lab.raises(RegistrarUnavailable, f"HTTP status {status}"):
            await registrar.get(APEX)

    async def test_requests_come_one_a_second(self, lab: Lab) -> None:
        rests: list[float] = []

        async def rest(seconds: float) -> None:
            rests.append(seconds)

        lab.pause = rest
        await holder(lab).set_nameservers(APEX, NEW)
        assert rests == [1.0] * (len(lab.asked(VENDOR)) - 1)
