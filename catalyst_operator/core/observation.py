"""What one look at the world found: the frozen input of `decide`.

The views keep only what decisions need, so that tests can build them in a line and nothing else can leak in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import SecretStr

from catalyst_operator.api.domain_reservation import DomainReservation
from catalyst_operator.api.phases import RunVerb
from catalyst_operator.api.sovereign import Sovereign
from catalyst_operator.core import naming
from catalyst_operator.core.access.dead_nodes import RemovalReport
from catalyst_operator.core.access.draining import DrainReport
from catalyst_operator.core.access.farewell import FarewellReport
from catalyst_operator.core.access.seeds import SecretView, SeedReport
from catalyst_operator.core.access.source import CorrectionReport
from catalyst_operator.core.access.transfer import TransferReport
from catalyst_operator.core.domains.observation import DomainObservation
from catalyst_operator.core.kit.pushed import OverlayReport
from catalyst_operator.core.moving.identity import Standing
from catalyst_operator.core.phase1.views import ClusterView
from catalyst_operator.core.project.hetzner import well_formed
from catalyst_operator.core.project.identity import ProjectReport
from catalyst_operator.core.project.preflight import Report
from catalyst_operator.core.queue.order import Queue
from catalyst_operator.core.record import ErrorEntry, Record
from catalyst_operator.core.settings import CoreSettings
from catalyst_operator.core.tofu.apply_progress import Progress


@dataclass(frozen=True)
class CredentialsView:
    """The owner's credential Secret. `version` changes whenever its content may have."""

    version: str
    token: SecretStr | None
    """None when the Secret has no usable key `token`."""


@dataclass(frozen=True)
class NamespaceView:
    """The run namespace."""

    terminating: bool = False
    ours: bool = True
    """Whether it is proven that the operator made it for this Sovereign; any other namespace of the name is never
    used."""
    version: str = ""
    """resourceVersion, so that only what was seen is written to."""
    held_by: str = ""
    """Which object holds it, if not the one that it was made for; see `core.moving.identity`."""
    stuck: str = ""
    """Why it does not go, although it is being deleted, in the words of Kubernetes' namespace controller."""
    closed: str = ""
    """Why nothing in it could be read: the operator's rights in it are missing, as after a crash just after it was
    made."""


@dataclass(frozen=True)
class StateView:
    """OpenTofu's state Secret; content is encrypted, serial is not."""

    serial: int
    lineage: str = ""

    @property
    def may_list_something(self) -> bool:
        """Whether it was ever written by an apply. `tofu init` makes an empty one of serial 1, in a dry run too, and
        whatever is written later has a higher one."""
        return self.serial > 1


@dataclass(frozen=True)
class GivenStateView:
    """What the owner hands in for a deletion, as far as it can be read without its key."""

    version: str
    """Of the Secret."""
    state: StateView | None
    has_key: bool


@dataclass(frozen=True)
class TakingReport:
    """What it came to when a state that was handed in was to be taken over."""

    key: str
    at: datetime
    wrong: str = ""
    """What is wrong with the state itself, as a clause: it is not looked at again before the Secret changes."""
    error: ErrorEntry | None = None
    """What else was in the way, which says nothing of the state: it is tried again."""
    timed_out: bool = False
    """OpenTofu came to no end with it, which may have been the machine's doing; a second time it is the state's."""


@dataclass(frozen=True)
class LockView:
    """OpenTofu's lock on the state while somebody holds it: who says so, and since when in OpenTofu's words."""

    id: str
    who: str
    """`user@host`; a run has no user name, and its Pod's name as its host's."""
    operation: str = ""
    created: str = ""


@dataclass(frozen=True)
class ContainerView:
    """One container's state as the kubelet reports it."""

    state: str  # waiting | running | terminated
    reason: str = ""
    message: str = ""
    exit_code: int | None = None
    started: datetime | None = None
    finished: datetime | None = None


@dataclass(frozen=True)
class PodView:
    """One Pod of a run. `held` says whether our finalizer still keeps its evidence."""

    name: str
    uid: str
    job: str
    phase: str
    reason: str = ""
    message: str = ""
    held: bool = True
    deletion: datetime | None = None
    """When its grace period ends, once it is being deleted."""
    node: str = ""
    """Where it was placed; empty until it is."""
    containers: dict[str, ContainerView] = field(default_factory=dict)

    @property
    def terminating(self) -> bool:
        """Whether it is being deleted."""
        return self.deletion is not None

    @property
    def ended(self) -> bool:
        """Whether nothing of it runs any more; a Pod deleted before it found a node never will."""
        return self.phase in ("Succeeded", "Failed") or (self.terminating and not self.node)


@dataclass(frozen=True)
class JobView:
    """One Job of a run."""

    name: str
    verb: RunVerb
    attempt: int
    complete: bool = False
    failed: bool = False
    terminating: bool = False

    @property
    def ended(self) -> bool:
        """Whether the Job controller called it finished."""
        return self.complete or self.failed


@dataclass(frozen=True)
class Observation:
    """Everything, read once."""

    now: datetime
    settings: CoreSettings
    sovereign: Sovereign
    credentials: CredentialsView | None
    namespace: NamespaceView | None
    record: Record | None
    state: StateView | None
    standing: Standing = Standing.OWN
    """Whether the Sovereign may act as the one that it says it is; nothing else was read if it may not."""
    jobs: tuple[JobView, ...] = ()
    pods: tuple[PodView, ...] = ()
    progress: Progress | None = None
    """What the run's log told so far; of the run that is active or was not recorded yet."""
    record_version: str = ""
    """resourceVersion of the record, so that it is never written over one that was not seen."""
    token_copy: SecretStr | None = None
    """The copy of the token that the run namespace has from an earlier run."""
    backend_lacks: str = ""
    """What the Secret that opens the store of states lacks, as a clause; empty if nothing, or states are in the run
    namespaces."""
    has_state_key: bool = False
    """Whether the run namespace has the key of state and plan."""
    has_cluster_secrets: bool = False
    """Whether the authorities and join tokens that the cluster's nodes were given are there."""
    has_boot_secrets: bool = False
    """Whether the run namespace has what a run was given of them."""
    saved_state: StateView | None = None
    """A state that a run could not write to its backend, and that its state-keeper saved."""
    lock: LockView | None = None
    """Who holds the lock of the state; None while it is free."""
    archived_state: StateView | None = None
    """The state as it was archived at hand-off."""
    given_state: GivenStateView | None = None
    """The state that the owner hands in for a deletion, if the spec names one and it is there."""
    taking: TakingReport | None = None
    """What it came to when that was to be taken over."""
    owner_kubeconfig: str = ""
    """UID of the Sovereign that the owner's kubeconfig Secret was written for; `foreign` for a Secret of somebody
    else's, empty while there is none."""
    project: ProjectReport | None = None
    """What the last look at whose project it is found, whatever it was about."""
    crossplane_token: SecretStr | None = None
    """What the Sovereign's own Crossplane is given: of the Secret that spec.crossplane names. None while there is none,
    or none is named."""
    crossplane_project: ProjectReport | None = None
    """What the last look at whose project that token opens found, whatever it was about."""
    preflight: Report | None = None
    """What the last preflight found, whatever it was about."""
    repository: Report | None = None
    """What the last look at the Git repository found, whatever it was about."""
    owner_secrets: Mapping[str, SecretView] = field(default_factory=dict)
    """The owner's Secrets that the spec names for the new cluster, those that exist."""
    reservation: DomainReservation | None = None
    """The reservation of the Sovereign's name, whoever's it is."""
    name: DomainObservation | None = None
    """What is known of the Sovereign's name as long as nobody has reserved it; None for an operator that serves no
    domains."""
    registrar_secret: str = ""
    """Version of the owner's registrar Secret; empty while there is none, or none is needed."""
    kept_registrar_secret: str = ""
    """The version of it that there is a copy of."""
    overlay: OverlayReport | None = None
    """What the last push to the Git repository came to."""
    cluster: ClusterView | None = None
    """The new cluster; None while nobody watches it."""
    seeds: SeedReport | None = None
    """What the last delivery of Secrets to the new cluster came to."""
    correction: CorrectionReport | None = None
    """What the last correction of what the new cluster follows came to."""
    removal: RemovalReport | None = None
    """What the last removal of dead nodes from the new cluster came to."""
    drain: DrainReport | None = None
    """What the last round of emptying nodes, or of opening them again, came to."""
    transfer: TransferReport | None = None
    """What the last attempt to give the new cluster its state came to."""
    queue: Queue = field(default_factory=Queue)
    """The runs of all Sovereigns, those under way and those that wait."""
    farewell: FarewellReport | None = None
    """What was seen when rights on the new cluster were given up."""

    @property
    def uid(self) -> str:
        """The Sovereign's UID."""
        return self.sovereign.metadata.uid

    @property
    def run_namespace(self) -> str:
        """Name of the run namespace, whether it exists or not."""
        return naming.run_namespace(self.sovereign.metadata.name, self.uid)

    @property
    def credentials_name(self) -> str:
        """The owner's credential Secret, as `namespace/name`."""
        return f"{self.sovereign.metadata.namespace}/{self.sovereign.spec.credentials_secret_ref.name}"

    @property
    def cluster_secrets_name(self) -> str:
        """The Secret with the cluster's authorities and join tokens, as `namespace/name`."""
        return f"{self.settings.operator_namespace}/{naming.cluster_secrets(self.uid)}"

    @property
    def has_token_copy(self) -> bool:
        """Whether a run could be given the token of an earlier one."""
        return self.token_copy is not None

    @property
    def run_token(self) -> SecretStr | None:
        """The token that a run made now is given: the owner's where it can be one, else that of an earlier run."""
        own = self.credentials.token if self.credentials else None
        return own if own is not None and well_formed(own.get_secret_value()) else self.token_copy

    def job(self, name: str) -> JobView | None:
        """The Job called `name`, if it is there."""
        return next((job for job in self.jobs if job.name == name), None)

    def pod_of(self, job: str) -> PodView | None:
        """The Pod of `job`: with backoffLimit 0 there is one, or two if a Job of the name was deleted and made again.
        Then the one that is not over speaks."""
        found = sorted((pod for pod in self.pods if pod.job == job), key=lambda pod: pod.ended)
        return found[0] if found else None

    @property
    def runs_were_made(self) -> bool:
        """Whether anything but the record says that a run was made for this Sovereign."""
        told = self.sovereign.status
        return bool(told.outputs or told.run_namespace or told.history or self.state or self.jobs)
