"""Mode byo-api: each registrar through its emulator, whose changes take effect in the parents' real name servers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from e2e.lab.layout import Layout
from e2e.support import registrars
from e2e.support.dns import BOTH, PARENT, SECOND, Dns
from e2e.support.kubectl import Kubectl
from e2e.support.reservations import Reservation, put_secret
from e2e.support.sovereigns import condition

pytestmark = pytest.mark.e2e

ADDRESS = "203.0.113.20"
OURS = ["ns1.lab.test.", "ns2.lab.test."]
OLD = ("ns1.old.test", "ns2.old.test")


@dataclass(frozen=True)
class Vendor:
    """A registrar, credentials as its Secret has them, and what it can do."""

    name: str
    credentials: dict[str, str]
    child: bool = False
    """Whether it delegates names below a registered domain, by NS records in that domain's zone."""
    change: str = ""
    """The name of the request that changes something, as the emulator calls it."""

    @property
    def registered(self) -> str:
        return f"{self.name}-bank.test"

    @property
    def domain(self) -> str:
        return f"cloud.{self.registered}" if self.child else self.registered


VENDORS = [
    Vendor(
        "cloudflare",
        {"api-token": "u7_kX-b2Q9vN4mLw8Rz1Yt6Ps3Hd5Gf0JcAeBiEo"},
        child=True,
        change="POST /zones/.*/batch",
    ),
    Vendor("dynadot", {"api-key": "7Q6s8L9E6r7h9P8s7I6z8W9b7M6u"}, change="set_ns"),
    Vendor("godaddy", {"api-key": "dKy1Tq8wZ_AbCdEf", "api-secret": "Rv5Jm2Xs9QpLkH"}, change="P(UT|ATCH) .*"),
    Vendor(
        "namecheap",
        {"api-user": "bankinc7", "api-key": "f3a1d9c07b5e4f62a8", "client-ip": "203.0.113.77"},
        change=".*setCustom",
    ),
    Vendor(
        "ovh",
        {"application-key": "7kbG7Bk7S9Nt7ZSV", "application-secret": "EXEgWIz07P0HYwtQDs7cNIqCiQaWSuHF"}
        | {"consumer-key": "MtSwSrPpNjqfVSmJhLbPyr2i45lSwPU1"},
        change="POST .*nameServers/update",
    ),
]
every_vendor = pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor.name)


@pytest.fixture
def dns() -> Dns:
    return Dns(Layout.of_checkout())


@pytest.fixture
def held(vendor: Vendor, kubectl: Kubectl, dns: Dns) -> Iterator[Reservation]:
    """A reservation of a domain that the vendor's account holds, not applied yet; given back after the story."""
    zone = vendor.registered if vendor.child else "test"
    reservation = Reservation(
        kubectl,
        vendor.domain,
        mode="byo-api",
        loadBalancerIP=ADDRESS,
        registrar={
            "name": vendor.name,
            "credentialsSecretRef": {"namespace": "catalyst-system", "name": f"{vendor.name}-account"},
        },
    )
    with ExitStack() as stack:
        dns.create_zone(zone, *BOTH)
        stack.callback(dns.delete_zone, zone, *BOTH)
        if not vendor.child:
            for server in BOTH:
                dns.replace(server, zone, vendor.domain, "NS", *(f"{host}." for host in OLD))
        stack.enter_context(registrars.account(vendor.name, vendor.credentials, vendor.registered, *OLD))
        put_secret(kubectl, f"{vendor.name}-account", **vendor.credentials)
        stack.callback(kubectl, "-n", "catalyst-system", "delete", "secret", f"{vendor.name}-account")
        stack.callback(reservation.delete)
        yield reservation


def _before(dns: Dns) -> list[object]:
    return [dns.snapshot(server) for server in BOTH]


@every_vendor
def test_it_delegates_and_gives_back(vendor: Vendor, held: Reservation, dns: Dns) -> None:
    before = _before(dns)
    held.apply()
    status = held.ready(seconds=90)
    assert condition(status, "RegistrarCredentialsValid")["status"] == "True"
    assert status.get("previousNameservers", []) == ([] if vendor.child else list(OLD))
    for server in (PARENT, SECOND):
        assert dns.dig(server, vendor.domain, "NS") == OURS
    assert not any(value in str(held.read()) for value in vendor.credentials.values())

    held.delete(seconds=90)
    assert _before(dns) == before


@pytest.mark.slow
@every_vendor
def test_a_refused_secret_is_corrected(vendor: Vendor, held: Reservation, kubectl: Kubectl) -> None:
    wrong = {key: value[::-1] if key != "client-ip" else value for key, value in vendor.credentials.items()}
    put_secret(kubectl, f"{vendor.name}-account", **wrong)
    held.apply()
    held.wait("refused", Stalled="CredentialsInvalid", RegistrarCredentialsValid="CredentialsInvalid", seconds=30)
    put_secret(kubectl, f"{vendor.name}-account", **vendor.credentials)
    held.ready(seconds=90)


@pytest.mark.slow
@every_vendor
def test_a_change_whose_answer_is_lost_is_looked_at_before_it_is_repeated(
    vendor: Vendor, held: Reservation, dns: Dns
) -> None:
    registrars.fault(vendor.name, vendor.change, drop_response=True)
    held.apply()
    held.ready(seconds=90)
    assert dns.dig(PARENT, vendor.domain, "NS") == OURS
