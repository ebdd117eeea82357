"""The settings of domains: off without a PowerDNS, and a wrong one stops the operator with a sentence that helps."""

from __future__ import annotations

from datetime import timedelta

import pytest

from catalyst_operator.api.enums import RegistrarName
from catalyst_operator.core.settings import DomainSettings, Nameserver
from catalyst_operator.errors import SettingsError
from catalyst_operator.settings import Settings

KEY = "s3cretK3yOfPowerDns"
LEAST = {
    "CATALYST_IMAGE": "registry.example/catalyst-operator:1",
    "CATALYST_POWERDNS_URL": "http://powerdns:8081",
    "CATALYST_POWERDNS_API_KEY": KEY,
    "CATALYST_NAMESERVERS": "ns1.openova.io=203.0.113.53,ns2.openova.io",
}


def test_without_a_powerdns_no_domains_are_served_whatever_else_is_set() -> None:
    environ = {**LEAST, "CATALYST_POWERDNS_URL": "", "CATALYST_NAMESERVERS": "not a host"}
    settings = Settings.from_env(environ)
    assert (settings.core.domains, settings.dns) == (None, None)


def test_the_least_that_is_needed() -> None:
    settings = Settings.from_env(LEAST)
    servers = (Nameserver("ns1.openova.io", "203.0.113.53"), Nameserver("ns2.openova.io"))
    assert settings.core.domains == DomainSettings(servers), "two places name defaults"
    assert settings.dns is not None
    assert settings.dns.pools == settings.dns.zones, "one server for both"
    assert (settings.dns.zones.url, settings.dns.zones.key.get_secret_value()) == ("http://powerdns:8081", KEY)
    assert (settings.dns.resolvers, settings.dns.registrar_endpoints) == ((), {})


def test_all_of_them() -> None:
    settings = Settings.from_env(
        LEAST
        | {
            "CATALYST_POOL_POWERDNS_URL": "https://pools.example/pdns",
            "CATALYST_POOL_POWERDNS_API_KEY": "an0ther",
            "CATALYST_POOL_DOMAINS": " Omani.Works. , openova.io,",
            "CATALYST_DNS_RESOLVERS": "203.0.113.53, 2001:db8::53",
            "CATALYST_DNS_CHECK_INTERVAL": "3s",
            "CATALYST_MAX_DOMAINS": "5",
            "CATALYST_SETTLED_DNS_CHECK_INTERVAL": "10m",
            "CATALYST_REGISTRAR_ENDPOINTS": "ovh=https://proxy.example/OVH/1.0, dynadot=http://proxy.example/d",
        }
    )
    domains, dns = settings.core.domains, settings.dns
    assert domains is not None and dns is not None
    assert domains.pools == ("omani.works", "openova.io")
    assert (domains.check, domains.settled_check) == (timedelta(seconds=3), timedelta(minutes=10))
    assert domains.most_names == 5
    assert (dns.pools.url, dns.pools.key.get_secret_value()) == ("https://pools.example/pdns", "an0ther")
    assert dns.resolvers == ("203.0.113.53", "2001:db8::53")
    assert dns.registrar_endpoints == {
        RegistrarName("ovh"): "https://proxy.example/OVH/1.0",
        RegistrarName("dynadot"): "http://proxy.example/d",
    }


def test_names_are_compared_as_they_are_answered() -> None:
    settings = Settings.from_env(LEAST | {"CATALYST_NAMESERVERS": "NS2.Openova.io.,ns1.openova.io.=203.0.113.53"})
    assert settings.core.domains is not None
    assert settings.core.domains.hosts == ("ns1.openova.io", "ns2.openova.io")


MANY = ",".join(f"ns{n}.openova.io" for n in range(14))


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("CATALYST_POWERDNS_URL", "powerdns:8081", "expected a URL"),
        ("CATALYST_POWERDNS_URL", "http://admin@powerdns:8081", "expected a URL"),
        ("CATALYST_POWERDNS_URL", "ftp://powerdns", "expected a URL"),
        ("CATALYST_POWERDNS_API_KEY", "", "expected the API key"),
        ("CATALYST_POWERDNS_API_KEY", "two\nlines", "expected the API key"),
        ("CATALYST_POWERDNS_API_KEY", "schlüssel", "expected the API key"),
        ("CATALYST_NAMESERVERS", "", "is not set"),
        ("CATALYST_NAMESERVERS", " , ", "is not set"),
        ("CATALYST_NAMESERVERS", "ns1", "expected a host"),
        ("CATALYST_NAMESERVERS", "203.0.113.53=ns1.openova.io", "expected a host"),
        ("CATALYST_NAMESERVERS", "ns1.openova.io=nowhere", "expected a host"),
        ("CATALYST_NAMESERVERS", "203.0.113.53", "expected a host"),
        ("CATALYST_NAMESERVERS", "ns_1.openova.io", "expected a host"),
        ("CATALYST_NAMESERVERS", "ns1.openova.io,NS1.openova.io.", "twice"),
        ("CATALYST_NAMESERVERS", MANY, "at most 13"),
        ("CATALYST_POOL_DOMAINS", "works", "expected domains"),
        ("CATALYST_POOL_DOMAINS", "*.omani.works", "expected domains"),
        ("CATALYST_POOL_DOMAINS", "omani works", "expected domains"),
        ("CATALYST_DNS_RESOLVERS", "resolver.example", "expected IP addresses"),
        ("CATALYST_DNS_RESOLVERS", "203.0.113.53:5353", "expected IP addresses"),
        ("CATALYST_REGISTRAR_ENDPOINTS", "https://proxy.example", "expected registrar=URL"),
        ("CATALYST_REGISTRAR_ENDPOINTS", "nobody=https://proxy.example", "expected registrar=URL"),
        ("CATALYST_REGISTRAR_ENDPOINTS", "ovh=proxy.example", "expected registrar=URL"),
        ("CATALYST_POOL_POWERDNS_URL", "pools", "expected a URL"),
        ("CATALYST_DNS_CHECK_INTERVAL", "0s", "expected a duration"),
        ("CATALYST_SETTLED_DNS_CHECK_INTERVAL", "often", "expected a duration"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_expected(name: str, value: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says) as refused:
        Settings.from_env(LEAST | {name: value})
    assert name in str(refused.value)
    assert KEY not in str(refused.value)


def test_a_server_of_its_own_for_the_pools_has_a_key_of_its_own() -> None:
    with pytest.raises(SettingsError, match="CATALYST_POOL_POWERDNS_API_KEY"):
        Settings.from_env(LEAST | {"CATALYST_POOL_POWERDNS_URL": "http://pools.example"})


def test_a_wrong_key_is_in_no_message() -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.from_env(LEAST | {"CATALYST_POWERDNS_API_KEY": f"{KEY}\n{KEY}"})
    assert KEY not in repr(refused.value)


def test_keys_are_in_nothing_that_is_printed() -> None:
    assert KEY not in repr(Settings.from_env(LEAST))
