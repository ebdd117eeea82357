"""What the operator sees of a new cluster: frozen views, so that decisions and tests need no API server.

The link, the watched Flux objects and the survey together make a `ClusterView`; how it is obtained is for
`adapters.clusters`, what it means for the modules beside this one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from catalyst_operator.core.access.git_ref import GitRef

FLUX_NAMESPACE = "flux-system"
SOURCE = "openova-public"
"""Name of the GitRepository that cloud-init makes (infra/hetzner/cloudinit.tf)."""


def kit_name(fqdn: str) -> str:
    """Name of the Kustomization that materialises the bootstrap kit."""
    return f"{fqdn}-bootstrap-kit"


def known_as(key: str) -> str:
    """What people call the object of this `namespace/name`: in flux-system its name alone."""
    return key.removeprefix(f"{FLUX_NAMESPACE}/")


class Link(StrEnum):
    """How the connection to the new cluster's API stands."""

    CONNECTING = "connecting"
    """No answer yet, and no error that says anything either."""
    UP = "up"
    DOWN = "down"
    """Refused, timed out, reset: nobody answered."""
    UNTRUSTED = "untrusted"
    """Somebody answered who is not the new cluster: the certificate is not of its authority, or for another name."""
    UNAUTHORIZED = "unauthorized"
    """It answered 401 or 403 to a certificate that is still valid."""
    TOO_MUCH = "too-much"
    """It answers with more than the operator reads, which says nothing of what is there."""


@dataclass(frozen=True)
class LinkView:
    """The connection: its state, since when, and what was said last, as a clause for people."""

    state: Link
    since: datetime
    message: str = ""


@dataclass(frozen=True)
class FluxCondition:
    """One condition of a Flux object."""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    observed_generation: int = 0
    since: datetime | None = None
    """lastTransitionTime."""


@dataclass(frozen=True)
class FluxObject:
    """What all of Flux's objects have in common: sources, Kustomizations, HelmReleases, cert-manager's too."""

    kind: str
    namespace: str
    name: str
    generation: int = 1
    observed_generation: int = 0
    conditions: tuple[FluxCondition, ...] = ()
    suspended: bool = False
    deleting: bool = False
    depends_on: tuple[str, ...] = ()
    """`namespace/name` of each object in spec.dependsOn."""
    created: datetime | None = None

    def condition(self, type_: str) -> FluxCondition | None:
        """The condition of that type."""
        return next((c for c in self.conditions if c.type == type_), None)

    @property
    def key(self) -> str:
        """`namespace/name`."""
        return f"{self.namespace}/{self.name}"

    @property
    def known_as(self) -> str:
        """What people call it, and status too."""
        return known_as(self.key)

    def is_current(self, condition: FluxCondition) -> bool:
        """Whether the condition speaks of the present generation."""
        return max(condition.observed_generation, self.observed_generation) >= self.generation

    @property
    def ready(self) -> bool:
        """Ready is True and speaks of the present generation. Suspending it is an edit too, of which nobody speaks."""
        found = self.condition("Ready")
        return found is not None and found.status == "True" and (self.suspended or self.is_current(found))


@dataclass(frozen=True)
class HelmReleaseView(FluxObject):
    """A HelmRelease, as far as the state of a component depends on it."""

    exhausted: bool = False
    """Its install or upgrade failed more often than its remediation retries."""
    failures: int = 0
    """How often its install or upgrade has failed since it succeeded last, or was edited."""
    was_installed: bool = False
    """Its history tells of a revision that was deployed once."""
    in_sync: bool = False
    """What helm-controller meant to deploy last, of the present generation, is deployed."""
    attempted_generation: int = 0
    """The generation that helm-controller meant to deploy last."""
    chart: str = ""
    """`kind/namespace/name` of the source that has its chart."""
    target_namespace: str = ""
    """Where its objects go, if not to its own namespace."""


@dataclass(frozen=True)
class KustomizationView(FluxObject):
    """A Kustomization, with what it says it has applied."""

    inventory: tuple[str, ...] = ()
    """Ids in Flux's form `<namespace>_<name>_<group>_<kind>`, of the revision that was applied last."""
    applied_revision: str = ""
    attempted_revision: str = ""
    source: str = ""
    """`kind/namespace/name` of spec.sourceRef."""
    path: str = ""
    unready_since: datetime | None = None
    """Since when it is not ready, as remembered: its condition changes with each attempt."""


@dataclass(frozen=True)
class SourceView(FluxObject):
    """A GitRepository, OCIRepository, HelmRepository or HelmChart."""

    url: str = ""
    ref: GitRef = field(default_factory=GitRef)
    """Of a GitRepository."""
    secret: str = ""
    """Name of the Secret that it is read with."""
    verify: str = ""
    """What Flux wants signed of a GitRepository; empty: nothing."""
    revision: str = ""
    """Of its artifact, if it has one."""
    source: str = ""
    """`kind/namespace/name` of the repository that a HelmChart is taken from."""

    @property
    def reference(self) -> str:
        """`kind/namespace/name`, as others refer to it."""
        return f"{self.kind}/{self.key}"


@dataclass(frozen=True)
class NodeView:
    """A node that joined. `ready` is its own condition."""

    name: str
    ready: bool
    message: str = ""
    """Of its Ready condition, while that is not True."""
    since: datetime | None = None
    """When that condition changed last."""
    silent: bool = False
    """That condition is Unknown: its kubelet says nothing, neither good nor bad."""
    uid: str = ""
    cordoned: bool = False
    """Whether it takes no new Pods."""


@dataclass(frozen=True)
class DeploymentView:
    """A Deployment of flux-system."""

    name: str
    available: bool
    since: datetime | None = None
    """When that changed last."""


@dataclass(frozen=True)
class StorageClassView:
    """A StorageClass."""

    name: str
    default: bool


@dataclass(frozen=True)
class ClaimView:
    """A PersistentVolumeClaim that is not bound. `storage_class` is empty where it asks for the default one."""

    namespace: str
    name: str
    storage_class: str = ""
    since: datetime | None = None
    """When it was made."""


@dataclass(frozen=True)
class PodTroubleView:
    """A Pod that should run and does not, with the kubelet's or the scheduler's reason."""

    namespace: str
    name: str
    reason: str
    message: str = ""
    since: datetime | None = None


@dataclass(frozen=True)
class EventView:
    """A warning event of the last half hour."""

    namespace: str
    kind: str
    name: str
    reason: str
    message: str
    at: datetime | None = None


@dataclass(frozen=True)
class Survey:
    """One look at what is not watched. What could not be read is None, never empty."""

    at: datetime
    cluster_uid: str = ""
    """UID of the namespace kube-system: tells one cluster from another at the same address."""
    nodes: tuple[NodeView, ...] | None = ()
    deployments: tuple[DeploymentView, ...] | None = None
    """Of flux-system."""
    sources: tuple[SourceView, ...] | None = None
    storage_classes: tuple[StorageClassView, ...] | None = None
    claims: tuple[ClaimView, ...] | None = None
    pods: tuple[PodTroubleView, ...] | None = None
    events: tuple[EventView, ...] | None = None
    certificates: tuple[FluxObject, ...] = ()
    """cert-manager's Certificates, CertificateRequests and Orders that are not ready; none while it is not there."""
    too_much: str = ""
    """What of these was more than the operator reads, as a noun; it is None then."""


@dataclass(frozen=True)
class ConsoleView:
    """Whether https://console.<fqdn> answers at the load balancer's address."""

    at: datetime
    answers: bool
    message: str = ""
    """What it answered instead, as a clause."""


@dataclass(frozen=True)
class ClusterView:
    """What is known of a new cluster. `synced`: both lists, of all namespaces, were read completely since this
    operator's start, so that what is not in them is not there."""

    link: LinkView
    synced: bool = False
    releases: tuple[HelmReleaseView, ...] = ()
    kustomizations: tuple[KustomizationView, ...] = ()
    survey: Survey | None = None
    console: ConsoleView | None = None
    unseen_since: datetime | None = None
    """Since when not all of it is seen: since this operator began to look, or since it lost sight of something."""

    def kustomization(self, name: str) -> KustomizationView | None:
        """The Kustomization of that name in flux-system."""
        return next((k for k in self.kustomizations if k.known_as == name), None)

    def source(self, name: str) -> SourceView | None:
        """The GitRepository of that name in flux-system, if the survey has one."""
        found = self.survey.sources or () if self.survey else ()
        return next((s for s in found if s.kind == "GitRepository" and s.known_as == name), None)

    @property
    def seen(self) -> bool:
        """Whether it can be seen now. Nothing can be concluded from what cannot, neither good nor bad."""
        return self.synced and self.link.state is Link.UP

    @property
    def default_class(self) -> bool | None:
        """Whether a default StorageClass exists; None where that was not seen."""
        classes = self.survey.storage_classes if self.survey else None
        return None if classes is None else any(c.default for c in classes)
