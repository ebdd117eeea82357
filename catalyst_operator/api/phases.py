"""What a Sovereign is busy with. For people and columns only: no decision is ever taken on a phase."""

from enum import StrEnum


class Phase(StrEnum):
    """The step in progress, lower-case: as in the names of the containers of a run."""

    PENDING = "pending"
    RESERVING = "reserving"
    TOFU_INIT = "tofu-init"
    TOFU_PLAN = "tofu-plan"
    AWAITING_APPROVAL = "awaiting-approval"
    TOFU_APPLY = "tofu-apply"
    TOFU_OUTPUT = "tofu-output"
    FLUX_BOOTSTRAP = "flux-bootstrap"
    PHASE_1 = "phase-1"
    READY = "ready"
    UPGRADING = "upgrading"
    HANDED_OFF = "handed-off"
    FAILED = "failed"
    DELETING = "deleting"


class Phase1Outcome(StrEnum):
    """The verdict on the bootstrap kit; absent while there is none."""

    READY = "ready"
    FAILED = "failed"
    FLUX_NOT_RECONCILING = "flux-not-reconciling"
    TIMEOUT = "timeout"


class ComponentState(StrEnum):
    """State of one component of the kit, from its HelmRelease. Upgrading: one that is installed is being changed."""

    PENDING = "pending"
    INSTALLING = "installing"
    INSTALLED = "installed"
    UPGRADING = "upgrading"
    DEGRADED = "degraded"
    FAILED = "failed"


class OperationType(StrEnum):
    """What the operator is doing to a Sovereign as a whole."""

    CREATE = "Create"
    RECONCILE = "Reconcile"
    DELETE = "Delete"


class OperationState(StrEnum):
    """How that operation stands. Error is retried by itself; Failed waits for an edit."""

    PENDING = "Pending"
    PROCESSING = "Processing"
    WAITING = "Waiting"
    SUCCEEDED = "Succeeded"
    ERROR = "Error"
    FAILED = "Failed"
    ABORTED = "Aborted"


class RunVerb(StrEnum):
    """What a run's Job does."""

    PLAN = "plan"
    APPLY = "apply"
    DESTROY = "destroy"


class RunResult(StrEnum):
    """How a run ended."""

    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    AWAITING_APPROVAL = "AwaitingApproval"
    CANCELLED = "Cancelled"
    INTERRUPTED = "Interrupted"
    LOST = "Lost"


class ServerRole(StrEnum):
    """What a server is for."""

    CONTROL_PLANE = "control-plane"
    WORKER = "worker"


class PreflightResult(StrEnum):
    """How a check before spending ended; Unknown says that it could not be made, never that it passed."""

    PASSED = "Passed"
    FAILED = "Failed"
    UNKNOWN = "Unknown"
