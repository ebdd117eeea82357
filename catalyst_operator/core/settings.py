"""The operator's settings as far as decisions depend on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from catalyst_operator import __version__
from catalyst_operator.core.access.seeds import PULL
from catalyst_operator.core.air_gap.mirrors import ADOPTION_PROVIDER, CHARTS, NO_MIRRORS, Mirrors
from catalyst_operator.core.air_gap.proxies import ServerProxy
from catalyst_operator.core.queue.order import RunLimits
from catalyst_operator.core.tofu.backends import StateBackend


@dataclass(frozen=True)
class Nameserver:
    """One of the authoritative servers of the Sovereigns' zones, by its name without a trailing dot. With an address it
    is asked there, and it can be given as glue where its name lies inside a delegated one."""

    host: str
    address: str = ""


@dataclass(frozen=True)
class DomainSettings:
    """How domains are served. An operator without these serves none, and no Sovereign waits for one."""

    nameservers: tuple[Nameserver, ...]
    """At least one; what the parent of every domain has to delegate to."""
    pools: tuple[str, ...] = ()
    """Domains under which mode pool gives out names; their zones are served by PowerDNS too."""
    check: timedelta = timedelta(seconds=2)
    """The least pause between two looks at what a name's servers answer, while that is waited for."""
    settled_check: timedelta = timedelta(minutes=5)
    """The pause once everything answers."""
    most_names: int = 20
    """How many names the Sovereigns of one namespace may hold."""

    @property
    def hosts(self) -> tuple[str, ...]:
        """Names of the servers, sorted."""
        return tuple(sorted(server.host for server in self.nameservers))


@dataclass(frozen=True)
class CoreSettings:
    """Built by `catalyst_operator.settings` from the environment; tests build it directly."""

    image: str
    """The one image, also used by the containers of runs."""
    image_pull_policy: str = "IfNotPresent"
    image_pull_secrets: tuple[str, ...] = ()
    hcloud_endpoint: str = ""
    """Only for a proxy or an emulator; empty means the provider's own default."""
    operator_service_account: str = "catalyst-operator"
    operator_namespace: str = "catalyst-system"
    proof_key: str = field(default="", repr=False)
    """Proves that a run namespace is of the operator's making. It lies in a Secret beside the operator; while it is
    empty, nothing is proven."""
    poll: timedelta = timedelta(seconds=10)
    """How soon to look again at what cannot be watched (a missing Secret, a namespace that goes)."""
    progress_interval: timedelta = timedelta(seconds=3)
    """How often the elapsed time of a long creation is told anew."""
    retry_base: timedelta = timedelta(seconds=20)
    retry_cap: timedelta = timedelta(minutes=10)
    max_attempts: int = 5
    """How many attempts at the same inputs may fail transiently before it is the user's turn."""
    limits: RunLimits = field(default_factory=RunLimits)
    """How many runs may be under way at once."""
    preflight_interval: timedelta = timedelta(minutes=1)
    """How often a project that failed a preflight check is asked again."""
    drift_rest: timedelta = timedelta(hours=1)
    """How long after an apply, or after a drift check that came to nothing, no drift check is made."""
    drift_longest_interval: timedelta = timedelta(hours=720)
    """Drift is checked for at least so often, whatever a spec says, if at all."""
    create_warning: timedelta = timedelta(minutes=10)
    """How long something may be in creation before status warns of it."""
    create_limit: timedelta = timedelta(minutes=15)
    """How long something may be in creation before the run is stopped."""
    drain_timeout: timedelta = timedelta(minutes=10)
    """How long Pods have to move from a server before it is taken away."""
    first_seen_timeout: timedelta = timedelta(minutes=15)
    """How long until the first HelmRelease of a new cluster must be seen, where the spec does not say."""
    watch_timeout: timedelta = timedelta(minutes=60)
    """How long until every component must be installed, where the spec does not say."""
    min_components: int = 11
    """At least so many HelmReleases must have been seen before a verdict, where the spec does not say."""
    observer_lifetime: timedelta = timedelta(hours=1)
    """How long a minted certificate of the observer is valid; another is minted as needed."""
    survey_interval: timedelta = timedelta(seconds=10)
    """How often nodes, Pods, claims and sources of a new cluster are looked at before there is a verdict."""
    settled_survey_interval: timedelta = timedelta(seconds=60)
    """The same, after a verdict."""
    console_check: bool = True
    """Whether Ready asks that the console answers; off where the operator has no way out to the load balancer."""
    default_git_url: str = ""
    """Empty: each Sovereign has to name a repository."""
    default_git_tag: str = f"v{__version__}"
    chart_registry: str = ""
    """Where the kit's charts come from, such as oci://registry.example/charts; empty: the template's own."""
    pull_secret: str = PULL
    """What the Secret with the credentials for charts is called on new clusters."""
    adoption_provider: str = ""
    """Package of Crossplane's provider for OpenTofu, such as registry.example/provider-opentofu:v1.1.5; empty: the
    template's own."""
    default_git_path: str = "clusters/_template/bootstrap-kit"
    default_release: str | None = None
    """None: the default that releases.yaml names."""
    runbook_url: str = "https://github.com/openova-io/catalyst-operator/blob/main/docs/runbook.md"
    run_cpu_request: str = "50m"
    run_memory_request: str = "128Mi"
    run_memory_limit: str = "512Mi"
    run_egress_ports: tuple[int, ...] = (443, 6443)
    """TCP ports that runs may connect to: the API server's, and Hetzner's."""
    grace_seconds: int = 900
    """A run's termination grace period: what tofu gets to write its state after SIGTERM."""
    egress_cidrs: tuple[str, ...] = ()
    """Networks from which the operator reaches the internet; new clusters whose API is not open to everybody let them
    in besides those that their specs name."""
    domains: DomainSettings | None = None
    state_backend: StateBackend | None = None
    """Where the states of Sovereigns are, if not in their run namespaces."""
    # What stands in for the vendors, where there is no way to them.
    mirrors: Mirrors = NO_MIRRORS
    release_digests: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Release -> download -> sha256, of those that the release itself has none for."""

    authorities: tuple[str, ...] = ()
    """Certificates, PEM, that runs, servers and Flux trust besides their images' own."""
    run_proxy: Mapping[str, str] = field(default_factory=dict)
    """Variables of each container of a run; see `air_gap.proxies`."""
    server_proxy: ServerProxy | None = None

    def digests_of(self, release: str) -> Mapping[str, str]:
        """Download -> sha256, of those of this release that an administrator vouches for."""
        return self.release_digests.get(release, {})

    @property
    def charts(self) -> str:
        """Where the kit's charts come from; empty: the template's own place."""
        asked = self.chart_registry or CHARTS
        found = self.mirrors.of(f"{asked}/").rstrip("/")
        return found if found != asked else self.chart_registry

    @property
    def chart_authorities(self) -> bool:
        """Whether charts come from somewhere that is trusted by the company's own authorities."""
        return bool(self.authorities and self.charts)

    @property
    def adoption_package(self) -> str:
        """Crossplane's provider for OpenTofu; empty: the template's own."""
        asked = self.adoption_provider or ADOPTION_PROVIDER
        found = self.mirrors.of_package(asked)
        return found if found != asked else self.adoption_provider
