"""The lab's name servers: what others must agree with, and what can be said without starting one."""

from __future__ import annotations

import re
import shlex
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import yaml

from catalyst_operator.api.enums import RegistrarName
from catalyst_operator.settings import Settings
from e2e.lab import layout as places
from e2e.lab import lifecycle, packages, powerdns
from e2e.lab.layout import DNS_API_KEY, DNS_SERVERS, NAMESERVERS, PARENTS, POOL_DOMAIN, REPOSITORY, Layout
from e2e.lab.powerdns import Place

SOVEREIGNS, PARENT, SECOND = DNS_SERVERS


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    lab = Layout(tmp_path / ".lab")
    lab.root.mkdir()
    lab.hcloud_token.write_text("t" * 64 + "\n")
    return lab


def overlay() -> dict[str, str]:
    """The operator's settings in the lab."""
    content = yaml.safe_load((REPOSITORY / "deploy/overlays/lab/kustomization.yaml").read_text())
    (secret,) = content["secretGenerator"]
    key = secret["literals"][0].removeprefix("key=")
    added = [op["value"] for patch in content["patches"] for op in yaml.safe_load(patch["patch"])]
    return {value["name"]: value.get("value", key) for value in added if isinstance(value, dict)}


def env(layout: Layout) -> dict[str, str]:
    """What a shell makes of .lab/env."""
    lifecycle.write_env(layout)
    return dict(word.split("=", 1) for word in shlex.split(layout.env_file.read_text()))


def names_in(zones: list[dict[str, Any]]) -> set[str]:
    return {zone["name"] for zone in zones}


def test_the_operator_of_the_lab_uses_the_lab_s_servers(layout: Layout) -> None:
    settings = Settings.from_env({**overlay(), "CATALYST_IMAGE": "operator"})
    assert settings.dns and settings.core.domains
    for access, server in ((settings.dns.zones, SOVEREIGNS), (settings.dns.pools, PARENT)):
        assert (access.url, access.key.get_secret_value()) == (powerdns.place_of(layout, server).url, DNS_API_KEY)
    assert settings.dns.resolvers == (DNS_SERVERS[PARENT],)
    assert settings.core.domains.pools == (POOL_DOMAIN,)
    assert {server.host: server.address for server in settings.core.domains.nameservers} == NAMESERVERS
    vendors = {name.value: url for name, url in settings.dns.registrar_endpoints.items()}
    assert vendors == {name: f"{places.REGISTRARS_URL}/{name}" for name in places.REGISTRARS}


def test_every_registrar_of_the_api_is_emulated() -> None:
    assert sorted(places.REGISTRARS) == sorted(name.value for name in RegistrarName)


def test_the_env_file_keeps_the_contract(layout: Layout) -> None:
    found = env(layout)
    assert found["PDNS_API_URL"] == f"http://{DNS_SERVERS[SOVEREIGNS]}:8181"
    assert found["PDNS_DNS"] == f"{DNS_SERVERS[SOVEREIGNS]}:53"
    assert found["PDNS_PARENT_DNS"] == f"{DNS_SERVERS[PARENT]}:53"
    assert found["PDNS_PARENT_SECOND_API_URL"] == f"http://{DNS_SERVERS[SECOND]}:8181"
    assert found["PDNS_API_KEY"] == DNS_API_KEY
    assert found["REGISTRAR_OVH_URL"] == f"{places.REGISTRARS_URL}/ovh"


def test_the_env_file_names_are_documented(layout: Layout) -> None:
    row = re.search(r"^\| `env` \|.*$", (REPOSITORY / "e2e/lab/README.md").read_text(), re.MULTILINE)
    assert row
    documented = set(re.findall(r"`([A-Z_<>]+)`", row[0]))
    vendors = {f"REGISTRAR_{name.upper()}_URL" for name in places.REGISTRARS}
    assert documented == (set(env(layout)) - vendors) | {"REGISTRAR_<NAME>_URL"}


def test_an_env_file_that_is_right_is_not_written_again(layout: Layout) -> None:
    """Whoever reads it meanwhile would find it empty."""
    lifecycle.write_env(layout)
    before = layout.env_file.stat().st_mtime_ns
    lifecycle.write_env(layout)
    assert layout.env_file.stat().st_mtime_ns == before


def test_the_parents_begin_with_where_the_name_servers_are() -> None:
    for server in PARENTS.values():
        zone = powerdns.zones_of(server)[0]
        addresses = {r["name"]: r["records"][0]["content"] for r in zone["rrsets"] if r["type"] == "A"}
        wanted = {**{host: DNS_SERVERS[other] for host, other in PARENTS.items()}, **NAMESERVERS}
        assert addresses == {f"{host}.": address for host, address in wanted.items()}


def test_only_the_first_parent_has_the_pool_domain() -> None:
    assert f"{POOL_DOMAIN}." in names_in(powerdns.zones_of(PARENT))
    assert f"{POOL_DOMAIN}." not in names_in(powerdns.zones_of(SECOND))
    assert powerdns.zones_of(SOVEREIGNS) == []


def test_a_place_is_prepared_once_and_configured_each_time(tmp_path: Path) -> None:
    """What a server holds outlives it; its configuration is that of now."""
    powerdns.prepare(Place(tmp_path / "dns", "127.0.0.1", 5300), key="before")
    with sqlite3.connect(tmp_path / "dns" / "zones.db") as database:
        database.execute("INSERT INTO domains (name, type) VALUES ('kept.test', 'NATIVE')")
    database.close()
    powerdns.prepare(Place(tmp_path / "dns", "127.0.0.2", 5301), key="after")
    configuration = (tmp_path / "dns" / "pdns.conf").read_text().splitlines()
    assert {"local-address=127.0.0.2", "local-port=5301", "api-key=after"} <= set(configuration)
    database = sqlite3.connect(tmp_path / "dns" / "zones.db")
    assert database.execute("SELECT name FROM domains").fetchall() == [("kept.test",)]
    database.close()


def test_a_server_started_again_has_the_configuration_of_now(layout: Layout) -> None:
    powerdns.component(layout, PARENT).prepare()
    configuration = (layout.data / PARENT / "pdns.conf").read_text().splitlines()
    assert f"local-address={DNS_SERVERS[PARENT]}" in configuration


def test_a_package_s_services_are_found_and_its_templates_are_not() -> None:
    files = ["/lib/systemd/system", "/lib/systemd/system/pdns.service", "/lib/systemd/system/pdns@.service"]
    assert packages.services_in([*files, "/usr/share/doc/pdns.service", "/usr/sbin/pdns_server"]) == ["pdns.service"]
