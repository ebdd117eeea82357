"""The operator's settings: no other module of its process reads the environment.

What runs inside a Job (`in_job/`) has an environment of its own, which core/runs/job.py writes.

A value that does not parse stops the operator at start, with the variable, the value and what is expected.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from pydantic import SecretStr

from catalyst_operator import logs
from catalyst_operator.adapters import template
from catalyst_operator.adapters.destinations import Destinations, Network, networks
from catalyst_operator.api.enums import RegistrarName
from catalyst_operator.api.scalars import parse_duration
from catalyst_operator.core import naming
from catalyst_operator.core.access import seeds
from catalyst_operator.core.air_gap import authorities, mirrors, proxies
from catalyst_operator.core.air_gap.mirrors import Mirrors
from catalyst_operator.core.air_gap.proxies import ServerProxy
from catalyst_operator.core.domains.claims.names import plain
from catalyst_operator.core.kit import releases
from catalyst_operator.core.leadership.election import LONGEST_LEASE, SHORTEST_LEASE
from catalyst_operator.core.queue.order import RunLimits
from catalyst_operator.core.settings import CoreSettings, DomainSettings, Nameserver
from catalyst_operator.core.tofu import backends
from catalyst_operator.core.tofu.backends import StateBackend
from catalyst_operator.errors import SettingsError

LEAST_RUN_MEMORY = 128
"""MiB that each container of a run asks for."""
MAX_NAMESERVERS = 13
PULL_POLICIES = ("Always", "IfNotPresent", "Never")


@dataclass(frozen=True)
class PowerDnsAccess:
    """The API of one PowerDNS server."""

    url: str
    key: SecretStr


@dataclass(frozen=True)
class DnsAccess:
    """How name servers and registrars are reached."""

    zones: PowerDnsAccess
    """Where the Sovereigns' zones are."""
    pools: PowerDnsAccess
    """Where the pool domains' zones are."""
    resolvers: tuple[str, ...] = ()
    """Addresses of resolvers; none: those of the Pod."""
    registrar_endpoints: Mapping[RegistrarName, str] = field(default_factory=dict)
    """Only for a proxy or an emulator; without one, the vendor's own."""


@dataclass(frozen=True)
class Settings:
    """What the composition needs."""

    core: CoreSettings
    """Its image is empty unless CATALYST_IMAGE is set: in a cluster, runs use the image of the operator's own Pod."""
    api_server: str
    """URL of the API server inside a cluster; empty outside, where a kubeconfig says it."""
    pod: str
    pod_uid: str
    lease_duration: timedelta
    """How long an operator that says nothing is taken for acting."""
    health_port: int
    metrics_port: int
    log_level: str
    log_format: str
    resync: timedelta
    """How often a Sovereign is looked at although nothing was heard of it."""
    template: Path
    """Folder of the bootstrap kit's shared template."""
    destinations: Destinations
    """Where the operator connects to when a tenant names the host."""
    dns: DnsAccess | None
    """How name servers and registrars are reached; None for an operator that serves no domains."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Raises SettingsError naming the first variable that is missing or wrong."""
        read = _Reader(environ)
        if not environ.get("CATALYST_IMAGE") and not environ.get("CATALYST_POD"):
            raise SettingsError(
                "neither CATALYST_POD nor CATALYST_IMAGE is set; the Deployment in deploy/base sets the first"
            )
        return cls(
            core=CoreSettings(
                image=read.text("CATALYST_IMAGE", ""),
                image_pull_policy=read.choice("CATALYST_IMAGE_PULL_POLICY", "IfNotPresent", PULL_POLICIES),
                hcloud_endpoint=read.text("HCLOUD_ENDPOINT", ""),
                operator_service_account=read.text("CATALYST_SERVICE_ACCOUNT", "catalyst-operator"),
                operator_namespace=read.text("CATALYST_NAMESPACE", "catalyst-system"),
                poll=read.duration("CATALYST_POLL_INTERVAL", "10s"),
                retry_base=read.duration("CATALYST_RETRY_BASE", "20s"),
                retry_cap=read.duration("CATALYST_RETRY_CAP", "10m"),
                max_attempts=read.count("CATALYST_MAX_ATTEMPTS", "5"),
                limits=RunLimits(
                    operator=read.count("CATALYST_MAX_RUNS", str(RunLimits.operator)),
                    project=read.count("CATALYST_MAX_RUNS_PER_PROJECT", str(RunLimits.project)),
                    namespace=read.count("CATALYST_MAX_RUNS_PER_NAMESPACE", str(RunLimits.namespace)),
                ),
                preflight_interval=read.duration("CATALYST_PREFLIGHT_INTERVAL", "1m"),
                drift_rest=read.duration("CATALYST_DRIFT_REST", "1h"),
                drift_longest_interval=read.duration("CATALYST_DRIFT_LONGEST_INTERVAL", "720h"),
                create_warning=read.duration("CATALYST_CREATE_WARNING", "10m"),
                create_limit=read.duration("CATALYST_CREATE_LIMIT", "15m"),
                drain_timeout=read.duration("CATALYST_DRAIN_TIMEOUT", "10m"),
                run_memory_limit=read.quantity("CATALYST_RUN_MEMORY_LIMIT", CoreSettings.run_memory_limit),
                run_egress_ports=read.ports("CATALYST_RUN_EGRESS_PORTS", "443,6443"),
                first_seen_timeout=read.duration("CATALYST_PHASE1_FIRST_SEEN_TIMEOUT", "15m"),
                watch_timeout=read.duration("CATALYST_PHASE1_WATCH_TIMEOUT", "60m"),
                min_components=read.count("CATALYST_PHASE1_MIN_BOOTSTRAP_KIT_HRS", "11"),
                observer_lifetime=read.duration("CATALYST_OBSERVER_LIFETIME", "1h"),
                survey_interval=read.duration("CATALYST_SURVEY_INTERVAL", "10s"),
                settled_survey_interval=read.duration("CATALYST_SETTLED_SURVEY_INTERVAL", "60s"),
                console_check=read.choice("CATALYST_CONSOLE_CHECK", "true", ("true", "false")) == "true",
                egress_cidrs=tuple(map(str, read.networks("CATALYST_EGRESS_CIDRS"))),
                default_git_url=read.repository("CATALYST_GIT_URL"),
                chart_registry=read.text("CATALYST_CHART_REGISTRY", ""),
                pull_secret=read.object_name("CATALYST_PULL_SECRET", CoreSettings.pull_secret),
                adoption_provider=read.package("CATALYST_ADOPTION_PROVIDER"),
                default_release=read.release("CATALYST_RELEASE"),
                domains=_domains(read),
                state_backend=_state_backend(read),
                mirrors=read.mirrors("CATALYST_MIRRORS"),
                release_digests=read.digests("CATALYST_RELEASE_DIGESTS"),
                authorities=read.authorities("CATALYST_AUTHORITIES"),
                run_proxy=_run_proxy(environ),
                server_proxy=read.server_proxy("CATALYST_SERVER_PROXY", "CATALYST_SERVER_NO_PROXY"),
            ),
            api_server=_api_server(environ),
            pod=read.text("CATALYST_POD", ""),
            pod_uid=read.text("CATALYST_POD_UID", ""),
            lease_duration=read.lease_duration("CATALYST_LEASE_DURATION", "15s"),
            health_port=read.port("CATALYST_HEALTH_PORT", "8080"),
            metrics_port=read.port("CATALYST_METRICS_PORT", "8081"),
            log_level=read.choice("CATALYST_LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR")),
            log_format=read.choice("CATALYST_LOG_FORMAT", "text", logs.FORMATS),
            resync=read.duration("CATALYST_RESYNC_INTERVAL", "10m"),
            template=Path(read.text("CATALYST_TEMPLATE", str(template.default_folder()))),
            destinations=Destinations((*read.networks("CATALYST_REFUSED_CIDRS"), *_own_service(environ))),
            dns=_dns(read),
        )


def of_what_is_fetched(environ: Mapping[str, str] = os.environ) -> CoreSettings:
    """What says where things come from, and nothing else: for `mirror-list`, which needs no operator. Raises
    SettingsError."""
    read = _Reader(environ)
    return CoreSettings(
        image="",
        default_git_url=read.repository("CATALYST_GIT_URL"),
        chart_registry=read.text("CATALYST_CHART_REGISTRY", ""),
        adoption_provider=read.package("CATALYST_ADOPTION_PROVIDER"),
        default_release=read.release("CATALYST_RELEASE"),
        mirrors=read.mirrors("CATALYST_MIRRORS"),
        release_digests=read.digests("CATALYST_RELEASE_DIGESTS"),
    )


def _domains(read: _Reader) -> DomainSettings | None:
    """None where no PowerDNS is named: the operator then serves no domains."""
    if not read.text("CATALYST_POWERDNS_URL", ""):
        return None
    return DomainSettings(
        nameservers=read.nameservers("CATALYST_NAMESERVERS"),
        pools=read.names("CATALYST_POOL_DOMAINS"),
        check=read.duration("CATALYST_DNS_CHECK_INTERVAL", "2s"),
        settled_check=read.duration("CATALYST_SETTLED_DNS_CHECK_INTERVAL", "5m"),
        most_names=read.count("CATALYST_MAX_DOMAINS", "20"),
    )


def _state_backend(read: _Reader) -> StateBackend | None:
    """None where states are in the run namespaces."""
    kind = read.choice("CATALYST_STATE_BACKEND", backends.KUBERNETES, backends.KINDS)
    items = read.items("CATALYST_STATE_BACKEND_CONFIG")
    secret = read.object_name("CATALYST_STATE_BACKEND_SECRET", naming.STATE_BACKEND_SECRET)
    if kind == backends.KUBERNETES:
        if items:
            raise SettingsError("CATALYST_STATE_BACKEND_CONFIG is set, but CATALYST_STATE_BACKEND is kubernetes")
        return None
    try:
        return backends.parse(kind, items, secret)
    except ValueError as error:
        raise SettingsError(f"CATALYST_STATE_BACKEND_CONFIG for {kind}: {error}") from error


def _dns(read: _Reader) -> DnsAccess | None:
    if not read.text("CATALYST_POWERDNS_URL", ""):
        return None
    zones = PowerDnsAccess(read.url("CATALYST_POWERDNS_URL"), read.secret("CATALYST_POWERDNS_API_KEY"))
    apart = read.text("CATALYST_POOL_POWERDNS_URL", "")
    return DnsAccess(
        zones=zones,
        pools=PowerDnsAccess(read.url("CATALYST_POOL_POWERDNS_URL"), read.secret("CATALYST_POOL_POWERDNS_API_KEY"))
        if apart
        else zones,
        resolvers=read.addresses("CATALYST_DNS_RESOLVERS"),
        registrar_endpoints=read.endpoints("CATALYST_REGISTRAR_ENDPOINTS"),
    )


_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def _is_host(text: str) -> bool:
    return _HOST.fullmatch(text) is not None and not _is_address(text)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _api_server(environ: Mapping[str, str]) -> str:
    host, port = environ.get("KUBERNETES_SERVICE_HOST", ""), environ.get("KUBERNETES_SERVICE_PORT", "443")
    literal = f"[{host}]" if ":" in host else host
    return f"https://{literal}:{port}" if host else ""


def _run_proxy(environ: Mapping[str, str]) -> dict[str, str]:
    try:
        return proxies.of_runs(environ, _api_server(environ))
    except proxies.ProxyError as error:
        raise SettingsError(str(error)) from error


def _own_service(environ: Mapping[str, str]) -> tuple[Network, ...]:
    """The one Service of the management cluster that the operator knows of by itself: its API server's."""
    host = environ.get("KUBERNETES_SERVICE_HOST", "")
    return networks([host]) if _is_address(host) else ()


class _Reader:
    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def text(self, name: str, default: str | None = None) -> str:
        value = self._environ.get(name, default)
        if value is None:
            raise SettingsError(f"{name} is not set; the operator's Deployment sets it")
        return value

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        value = self.text(name, default)
        if value not in choices:
            raise SettingsError(f"{name}={value!r}: expected one of {', '.join(choices)}")
        return value

    def duration(self, name: str, default: str) -> timedelta:
        """At least a second: a pause of none would be a hot loop."""
        value = self.text(name, default)
        try:
            found = parse_duration(value)
        except ValueError:
            found = timedelta(0)
        if found < timedelta(seconds=1):
            raise SettingsError(f"{name}={value!r}: expected a duration of a second or more, such as 90s, 15m or 1h30m")
        return found

    def lease_duration(self, name: str, default: str) -> timedelta:
        found = self.duration(name, default)
        if not SHORTEST_LEASE <= found.total_seconds() <= LONGEST_LEASE:
            raise SettingsError(
                f"{name}={self.text(name, default)!r}: expected a duration from {SHORTEST_LEASE:g}s to "
                f"{LONGEST_LEASE:g}s: with a shorter one a moment's silence of the API server ends the operator, and "
                "with a longer one nobody acts for minutes after it has ended"
            )
        return found

    def count(self, name: str, default: str) -> int:
        value = self.text(name, default)
        if not value.isdecimal() or int(value) < 1:
            raise SettingsError(f"{name}={value!r}: expected a whole number of 1 or more")
        return int(value)

    def object_name(self, name: str, default: str) -> str:
        value, taken = self.text(name, default), (*seeds.OTHERS, seeds.AUTHORITIES)
        if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", value) or value in taken:
            raise SettingsError(
                f"{name}={value!r}: expected the name of a Secret, such as {default}, and none of {', '.join(taken)}"
            )
        return value

    def package(self, name: str) -> str:
        """Empty where it is not set: the template then has its own."""
        value = self.text(name, "")
        version = r"(:[\w][\w.-]{0,127}|@sha256:[0-9a-f]{64})"
        if value and not re.fullmatch(rf"[a-z0-9.-]+\.[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)+{version}", value, re.ASCII):
            raise SettingsError(
                f"{name}={value!r}: expected registry, name and version of a package, such as "
                "registry.example.com/upbound/provider-opentofu:v1.1.5"
            )
        return value

    def quantity(self, name: str, default: str) -> str:
        value = self.text(name, default)
        found = re.fullmatch(r"([1-9][0-9]*)(Mi|Gi)", value)
        if not found or int(found[1]) * {"Mi": 1, "Gi": 1024}[found[2]] < LEAST_RUN_MEMORY:
            raise SettingsError(f"{name}={value!r}: expected {LEAST_RUN_MEMORY}Mi or more, such as 512Mi or 1Gi")
        return value

    def url(self, name: str) -> str:
        value = self.text(name, "")
        if not re.fullmatch(r"https?://[^/\s@]+(/\S*)?", value):
            raise SettingsError(f"{name}={value!r}: expected a URL without user name, such as http://powerdns:8081")
        return value

    def repository(self, name: str) -> str:
        """Empty where it is not set: Sovereigns then name one themselves."""
        value = self.text(name, "")
        if value and not re.fullmatch(r"https://[^/\s@?#]+/[^\s?#]+", value):
            raise SettingsError(
                f"{name}={value!r}: expected the https:// URL of a Git repository without user name, such as "
                "https://git.example.com/platform/kit.git"
            )
        return value

    def secret(self, name: str) -> SecretStr:
        """Its value is in no message."""
        value = self.text(name, "").strip()
        if not value or not value.isascii() or not value.isprintable():
            raise SettingsError(f"{name}: expected the API key, from a Secret, in printable ASCII characters")
        return SecretStr(value)

    def names(self, name: str) -> tuple[str, ...]:
        found = tuple(map(plain, self.items(name)))
        if wrong := [item for item in found if not _is_host(item)]:
            raise SettingsError(f"{name}: {wrong[0]!r}: expected domains, such as omani.works,openova.io")
        return found

    def nameservers(self, name: str) -> tuple[Nameserver, ...]:
        found: list[Nameserver] = []
        for item in self.items(name):
            given, _, address = item.partition("=")
            host = plain(given)
            if not _is_host(host) or (address and not _is_address(address)):
                raise SettingsError(f"{name}: {item!r}: expected a host, with its address or without")
            if host in (server.host for server in found):
                raise SettingsError(f"{name}: {host!r} is there twice")
            found.append(Nameserver(host, address))
        if not found:
            raise SettingsError(
                f"{name} is not set: with CATALYST_POWERDNS_URL it names the servers that domains are delegated to, "
                "such as ns1.openova.io=203.0.113.53,ns2.openova.io=198.51.100.53"
            )
        if len(found) > MAX_NAMESERVERS:
            raise SettingsError(f"{name}: {len(found)} servers; registrars take at most {MAX_NAMESERVERS}")
        return tuple(found)

    def addresses(self, name: str) -> tuple[str, ...]:
        found = self.items(name)
        if wrong := [item for item in found if not _is_address(item)]:
            raise SettingsError(f"{name}: {wrong[0]!r}: expected IP addresses, such as 203.0.113.53,198.51.100.53")
        return found

    def endpoints(self, name: str) -> dict[RegistrarName, str]:
        found = {}
        for item in self.items(name):
            given, _, url = item.partition("=")
            vendor = given.lower()
            if vendor not in list(RegistrarName) or not url.startswith(("http://", "https://")):
                raise SettingsError(f"{name}: {item!r}: expected registrar=URL, such as ovh=https://proxy.example/1.0")
            found[RegistrarName(vendor)] = url
        return found

    def networks(self, name: str) -> tuple[Network, ...]:
        try:
            return networks(self.items(name))
        except ValueError as error:
            raise SettingsError(
                f"{name}={self.text(name, '')!r}: {error}: expected networks in CIDR notation, such as "
                "10.96.0.0/12,10.244.0.0/16"
            ) from error

    def items(self, name: str) -> tuple[str, ...]:
        """A list with commas."""
        given = (item.strip() for item in self.text(name, "").split(","))
        return tuple(item for item in given if item)

    def release(self, name: str) -> str | None:
        value = self.text(name, "") or None
        try:
            releases.load().get(value)
        except releases.UnknownReleaseError as error:
            known = ", ".join(sorted(releases.load().releases))
            raise SettingsError(f"{name}={value!r}: expected one of {known}") from error
        return value

    def mirrors(self, name: str) -> Mirrors:
        try:
            return mirrors.parse(self.text(name, ""))
        except mirrors.MirrorError as error:
            raise SettingsError(f"{name}: {error}") from error

    def digests(self, name: str) -> dict[str, dict[str, str]]:
        try:
            return releases.parse_digests(self.items(name), releases.load())
        except releases.OverrideError as error:
            raise SettingsError(f"{name}: {error}") from error

    def authorities(self, name: str) -> tuple[str, ...]:
        """Of a file, which a ConfigMap beside the operator is mounted as."""
        path = self.text(name, "")
        if not path:
            return ()
        try:
            return authorities.parse(Path(path).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{name}={path!r}: expected a file with certificates in PEM: {error}") from error
        except authorities.AuthorityError as error:
            raise SettingsError(f"{name}={path!r}: {error}") from error

    def server_proxy(self, name: str, exceptions: str) -> ServerProxy | None:
        url, given = self.text(name, ""), self.text(exceptions, "")
        try:
            return ServerProxy(proxies.checked(name, url), proxies.split(exceptions, given)) if url else None
        except proxies.ProxyError as error:
            raise SettingsError(str(error)) from error

    def ports(self, name: str, default: str) -> tuple[int, ...]:
        items = [item.strip() for item in self.text(name, default).split(",")]
        if not all(item.isdecimal() and 0 < int(item) < 65536 for item in items):
            raise SettingsError(f"{name}={','.join(items)!r}: expected ports from 1 to 65535, such as 443,6443")
        return tuple(map(int, items))

    def port(self, name: str, default: str) -> int:
        value = self.text(name, default)
        if not value.isdecimal() or not 0 < int(value) < 65536:
            raise SettingsError(f"{name}={value!r}: expected a port from 1 to 65535")
        return int(value)
