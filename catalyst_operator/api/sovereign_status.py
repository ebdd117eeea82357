"""The `Sovereign`'s status: everything a person needs to follow a provisioning, and nothing that cannot be
rebuilt."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from catalyst_operator.api.common import Condition, LastError, Message, Tolerant
from catalyst_operator.api.phases import (
    ComponentState,
    OperationState,
    OperationType,
    Phase,
    Phase1Outcome,
    PreflightResult,
    RunResult,
    RunVerb,
    ServerRole,
)
from catalyst_operator.api.scalars import Duration, Time
from catalyst_operator.api.schema import ListMap

Name = Annotated[str, Field(max_length=253)]
Count = Annotated[int, Field(ge=0, le=100000)]
MAX_STAMP = 64
"""As much of an annotation's value as status has room for."""
Stamp = Annotated[str, Field(max_length=MAX_STAMP)]
MAX_REQUEST = 128
"""The same of a request that names a server."""
Addresses = Annotated[tuple[Annotated[str, Field(max_length=256)], ...], Field(max_length=10)]


class QueuePlace(Tolerant):
    """A place among the runs that wait, because as many as may be are under way."""

    position: Annotated[int, Field(ge=1, le=100000)]
    """Whose turn is next has 1. It is told anew when it changed by a tenth or more."""

    of: Annotated[int, Field(ge=1, le=100000)]
    """How many wait for the same: a place in this project, of this namespace, or at all, as description says."""

    since: Time
    """When it began to wait."""


class LastOperation(Tolerant):
    """What the operator is doing, or did last, to the Sovereign as a whole."""

    type: OperationType
    """Create until the infrastructure first exists, Reconcile after, Delete at the end."""

    state: OperationState
    """How it stands: Error is retried by itself, Failed waits for a person, Waiting for an approval, an edit or a
    Secret."""

    description: Message = ""
    """What is going on right now, such as the resource being created and for how long."""

    queue: QueuePlace | None = None
    """The place of the next run in the queue; absent while it does not wait for its turn."""

    project: Annotated[str, Field(max_length=16)] | None = None
    """While a run is under way or waits: a mark of its cloud project, the same for all Sovereigns with the same
    token."""

    start_time: Time
    """When the operation began."""

    last_update_time: Time
    """When this was last written."""


class Plan(Tolerant):
    """The last plan that OpenTofu made."""

    digest: Annotated[str, Field(max_length=80)]
    """Digest over what the plan would do; spec.approvePlan takes it. The same plan has the same digest, in a dry
    run too."""

    config_map: Annotated[str, Field(max_length=253)] | None = None
    """ConfigMap in the Sovereign's namespace with the plan's text, under the key plan.txt; there once the plan waits
    for a person, or is a dry run's or a drift check's."""

    add: Count = 0
    """Objects that would be created."""

    change: Count = 0
    """Objects that would be changed in place; without those that are adopted and left as they are."""

    destroy: Count = 0
    """Objects that would be destroyed, replaced ones included."""

    adopt: Count = 0
    """Objects that an earlier run made and the state does not know of; they are taken into it, not made again."""

    replacing: Addresses = ()
    """Addresses of objects that would be replaced, or made again because somebody deleted them in the project; of
    more than ten, the last entry is a count."""

    destroying: Addresses = ()
    """Addresses of objects that would be destroyed and not made again; of more than ten, the last entry is a
    count."""

    powering_off: Addresses = ()
    """Addresses of servers that would be powered off, as another size needs it; of more than ten, the last entry is a
    count."""


class Drift(Tolerant):
    """What the last drift check found. An apply that went well leaves nothing to find but servers that are off."""

    checked_at: Time
    """When the cloud was compared with what was applied: by a check, or by an apply since."""

    next_check_at: Time | None = None
    """When the next check is due; it comes later where something else is to be done, or others are being checked."""

    add: Count = 0
    """Objects that are gone and would be made again."""

    change: Count = 0
    """Objects that would be changed back; without those that only carry something of others."""

    destroy: Count = 0
    """Objects that would be destroyed, replaced ones included."""

    addresses: Addresses = ()
    """Addresses of the objects that differ; of more than ten, the last entry is a count."""

    powered_off: Addresses = ()
    """Addresses of servers that are off. That differs from nothing that was asked for: whoever powered them off powers
    them on again."""

    of_others: Addresses = ()
    """Addresses of objects that only carry something of others: labels, or further firewalls. Not counted as drift; the
    next apply takes it away."""


class Outputs(Tolerant):
    """What OpenTofu reports about the infrastructure. Present from the first successful apply on."""

    control_plane_ips: Annotated[tuple[Annotated[str, Field(max_length=45)], ...], Field(max_length=3)] = ()
    """Public addresses of the control planes."""

    load_balancer_ip: Annotated[str, Field(max_length=45)] | None = None
    """Public address of the load balancer, to which the domain's records point."""


class Endpoints(Tolerant):
    """URLs of the Sovereign."""

    console: Annotated[str, Field(max_length=256)] | None = None
    """The console, where the first sovereign-admin logs in."""

    gitea: Annotated[str, Field(max_length=256)] | None = None
    """The Sovereign's own Git server."""

    admin: Annotated[str, Field(max_length=256)] | None = None
    """The administration console."""

    api: Annotated[str, Field(max_length=256)] | None = None
    """The Kubernetes API."""


class ComponentStatus(Tolerant):
    """A component of the kit."""

    name: Name
    """Name of the component."""

    state: ComponentState
    """State, from its HelmRelease. Upgrading: it is installed, and another version or other values of it are being."""

    message: Message = ""
    """What Flux says about it."""

    since: Time | None = None
    """When the state was entered."""

    pulled_in_by: Annotated[tuple[Name, ...], Field(max_length=64)] = ()
    """Components that depend on it, if it was not asked for itself."""


class KustomizationStatus(Tolerant):
    """A Kustomization of the new cluster."""

    name: Name
    """Name of the Kustomization."""

    ready: bool = False
    """Whether Flux calls it ready."""

    message: Message = ""
    """What Flux says about it."""


class Cost(Tolerant):
    """What the infrastructure costs by list price, without traffic and storage."""

    monthly: Annotated[str, Field(max_length=16)]
    """Net price of a month, such as 31.20."""

    currency: Annotated[str, Field(max_length=3)] = "EUR"
    """Currency of the price."""

    prices_as_of: Annotated[str, Field(max_length=10)]
    """Date of the price list, such as 2026-06-15."""


class JobRef(Tolerant):
    """Names a run's Job."""

    namespace: Annotated[str, Field(max_length=63)]
    """The run namespace."""

    name: Annotated[str, Field(max_length=63)]
    """Name of the Job."""


class CurrentRun(Tolerant):
    """The run in progress."""

    job_ref: JobRef
    """Its Job; each phase is a container of it, such as `kubectl logs` takes with -c tofu-apply."""

    verb: RunVerb = RunVerb.APPLY
    """What it does."""

    drift_check: bool = False
    """Whether it only looks for drift: nobody asked for it, and nothing waits for it."""

    attempt: Count
    """Number of the attempt, counted over the life of the Sovereign."""

    start_time: Time
    """When it began."""


class RunRecord(Tolerant):
    """A run that has ended."""

    verb: RunVerb
    """What it did."""

    drift_check: bool = False
    """Whether it only looked for drift. Of drift checks the last is kept."""

    attempt: Count
    """Number of the attempt."""

    result: RunResult
    """How it ended. Interrupted: from outside. Lost: its end was never seen. Cancelled: stopped on request, or
    because the spec was edited before anything was applied."""

    start_time: Time
    """When it began."""

    completion_time: Time
    """When it ended."""

    duration: Annotated[timedelta, Duration("0s", "8760h")]
    """How long it took."""

    job_name: Annotated[str | None, Field(max_length=63)] = None
    """Its Job in status.runNamespace; Jobs and logs of the last three runs are kept, but for those that were
    stopped."""

    error_code: Annotated[str | None, Field(max_length=64)] = None
    """Code of what made it fail."""


class Phase1InForce(Tolerant):
    """The Phase-1 values in force, and the deadlines that follow from them."""

    first_seen_timeout: Annotated[timedelta, Duration("1s", "24h")]
    """How long until the first HelmRelease must be seen."""

    watch_timeout: Annotated[timedelta, Duration("1s", "168h")]
    """How long until every component must be installed."""

    min_components: Count
    """At least so many HelmReleases must have been seen before a verdict."""

    first_seen_deadline: Time | None = None
    """When the first HelmRelease must have been seen."""

    watch_deadline: Time | None = None
    """When every component must be installed; a rejoin resets it."""


class ServerStatus(Tolerant):
    """A server and the size that was to be had for it."""

    name: Name
    """Name of the server."""

    role: ServerRole
    """Control plane or worker."""

    size: Annotated[str, Field(max_length=32)]
    """The server type in use, or tried next: spec's size or one of its fallbacks."""


class PreflightCheck(Tolerant):
    """One check made before anything is spent."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    """What was checked: token, sizes, names and ssh-keys with the cloud, git in the repository that the new cluster is
    to follow, domain, user-data in the plan; project, where the token opens another one than the Sovereign's."""

    result: PreflightResult
    """Passed, Failed, or Unknown when it could not be checked; OpenTofu decides then."""

    message: Message = ""
    """What was found."""

    checked_at: Time | None = None
    """When it was looked at. Those with the cloud are repeated every 15 to 18 minutes until the hand-off. Absent for
    what is judged anew whenever the operator looks at the Sovereign."""


class SovereignStatus(Tolerant):
    """What the operator observed and did."""

    observed_generation: Annotated[int, Field(ge=0)] = 0
    """Generation of the spec that this status speaks of."""

    phase: Phase | None = None
    """The step in progress, for people; programs use the conditions."""

    phase1_outcome: Phase1Outcome | None = None
    """The verdict on the bootstrap kit; absent while there is none."""

    progress_percent: Annotated[int, Field(ge=0, le=100)] = 0
    """How far the provisioning or deletion has come, in percent of its steps. 50: the infrastructure is there, the
    new cluster's bootstrap is not."""

    summary: Annotated[str, Field(max_length=120)] = ""
    """What is going on, or what is wrong, in one short line; Ready's message has all of it."""

    retry_at: Time | None = None
    """When the operator tries again by itself; absent while nothing waits for a time."""

    conditions: Annotated[tuple[Condition, ...], Field(max_length=32), ListMap(("type",))] = ()
    """Observations, each with a reason and a sentence. Ready is always among them."""

    last_operation: LastOperation | None = None
    """What the operator is doing, or did last."""

    last_errors: Annotated[tuple[LastError, ...], Field(max_length=10)] = ()
    """What is wrong at the moment, with what to do about it; empty when all is well. Past runs keep the code of
    theirs in history."""

    preflight: Annotated[tuple[PreflightCheck, ...], Field(max_length=32), ListMap(("name",))] = ()
    """The checks made before anything is spent, each as of its last look."""

    plan: Plan | None = None
    """The last plan that OpenTofu made, of a dry run too, and of a drift check if that found something; whether it was
    applied is in conditions and history."""

    drift: Drift | None = None
    """What the last drift check found; absent without spec.driftDetection, before the infrastructure exists, and from
    the hand-off on."""

    outputs: Outputs | None = None
    """What OpenTofu reports about the infrastructure; present from the first successful apply on."""

    endpoints: Endpoints | None = None
    """URLs of the Sovereign."""

    servers: Annotated[tuple[ServerStatus, ...], Field(max_length=64), ListMap(("name",))] = ()
    """The servers, each with the size it has or is to get."""

    components: Annotated[tuple[ComponentStatus, ...], Field(max_length=256), ListMap(("name",))] = ()
    """The components of the kit."""

    components_summary: Annotated[str, Field(max_length=16)] | None = None
    """Installed of expected components, such as 9/12."""

    kustomizations: Annotated[tuple[KustomizationStatus, ...], Field(max_length=64), ListMap(("name",))] = ()
    """The Kustomizations of the new cluster."""

    kit_revision: Annotated[str, Field(max_length=512)] | None = None
    """The revision of the Git repository that Flux on the new cluster applied the kit from last. As long as there is
    none, spec.gitops can be corrected."""

    cluster_seen_at: Time | None = None
    """When the new cluster was last seen, as of this status: while nothing changes it is not written again. While the
    cluster cannot be seen, all that status says of it is of then."""

    cost: Cost | None = None
    """What the infrastructure that the spec asks for costs by list price; absent where a price is not known."""

    release: Annotated[str, Field(max_length=63)] | None = None
    """The set of versions in force."""

    unverified_downloads: Annotated[tuple[Annotated[str, Field(max_length=63)], ...], Field(max_length=16)] = ()
    """What of that set has no checksum of ours: servers check it against what its vendor publishes when they boot."""

    phase1: Phase1InForce | None = None
    """The Phase-1 values in force."""

    run_namespace: Annotated[str, Field(max_length=63)] | None = None
    """The namespace in which the runs, their logs and the state of this Sovereign live."""

    current_run: CurrentRun | None = None
    """The run in progress."""

    history: Annotated[tuple[RunRecord, ...], Field(max_length=5)] = ()
    """Of the last five runs those that have ended, newest first."""

    last_handled_reconcile_at: Stamp | None = None
    """Value of reconcile.fluxcd.io/requestedAt that was answered last."""

    last_handled_retry_at: Stamp | None = None
    """Value of catalyst.openova.io/retryRequestedAt that was answered last."""

    last_handled_cancel_at: Stamp | None = None
    """Value of catalyst.openova.io/cancelRequestedAt that was answered last."""

    last_handled_rejoin_at: Stamp | None = None
    """Value of catalyst.openova.io/rejoinRequestedAt that was answered last."""

    last_handled_hand_off_at: Stamp | None = None
    """Value of catalyst.openova.io/handOffRequestedAt that was answered last."""

    last_handled_project_confirmed_at: Stamp | None = None
    """Value of catalyst.openova.io/projectConfirmedAt that was answered last."""

    last_handled_rebuild: Annotated[str, Field(max_length=MAX_REQUEST)] | None = None
    """Value of catalyst.openova.io/rebuild that was answered last: that server was made again, or is being so."""
