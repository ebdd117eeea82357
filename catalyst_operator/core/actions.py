"""Effects as data: what a decision asks the reconciler to do, in order. Each is idempotent.

None of them carries a secret: what is secret is named, and the executor fetches or makes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from catalyst_operator.api.sovereign_status import SovereignStatus
from catalyst_operator.core.access.dead_nodes import DeadNode
from catalyst_operator.core.access.draining import LeavingNode
from catalyst_operator.core.access.seeds import Seed
from catalyst_operator.core.access.source import Followed
from catalyst_operator.core.domains.actions import AskRegistrar
from catalyst_operator.core.kit.pushed import OverlayChange
from catalyst_operator.core.kit.repository import RepositoryQuestion
from catalyst_operator.core.observation import LockView, StateView
from catalyst_operator.core.phase1.target import Target
from catalyst_operator.core.project.identity import ProjectQuestion
from catalyst_operator.core.project.preflight import Wanted
from catalyst_operator.core.queue.order import Entry
from catalyst_operator.core.record import Record, RunEntry


@dataclass(frozen=True)
class AddFinalizer:
    """Hold the Sovereign before anything is made for it."""


@dataclass(frozen=True)
class RemoveFinalizer:
    """Let the Sovereign go: the very last act, after all that is kept for it beside the operator."""


@dataclass(frozen=True)
class TakeTurn:
    """Take the turn of the run that is about to start, if it still is its turn."""

    entry: Entry


@dataclass(frozen=True)
class PrepareNamespace:
    """Make the run namespace and everything in it that does not depend on the run: access, state key, token copy, and
    for a state in a store outside what opens that."""

    refresh_token: bool
    in_store: bool = False


@dataclass(frozen=True)
class OpenNamespace:
    """Bind the operator's own rights in the run namespace."""


@dataclass(frozen=True)
class WriteInputs:
    """Put the rendered inputs of a run into the Secret of this name: tfvars without secrets, and where its state is."""

    name: str
    tfvars: dict[str, Any]
    in_store: bool = False
    """Whether the run's state is in a store outside the management cluster, and not in its namespace."""


@dataclass(frozen=True)
class GiveBootSecrets:
    """Put what the new servers of a run are told into its namespace: the join tokens, and the cluster's authorities
    only for a run that may start the cluster. What there is none of yet is made, once and for all."""

    authorities: bool


@dataclass(frozen=True)
class TakeBootSecrets:
    """Remove what a run was given for its new servers: it is over."""


@dataclass(frozen=True)
class DeleteInputs:
    """Remove the inputs of a run that left the history."""

    name: str


@dataclass(frozen=True)
class WriteRecord:
    """Replace the record."""

    record: Record


@dataclass(frozen=True)
class CreateJob:
    """Create the run's Job; one that exists is adopted."""

    run: RunEntry


@dataclass(frozen=True)
class DeleteJob:
    """Remove a Job. Its Pod is told to stop gracefully and stays until its evidence was recorded."""

    name: str


@dataclass(frozen=True)
class ReleasePod:
    """Take our finalizer off a Pod: its evidence is in the record."""

    name: str


@dataclass(frozen=True)
class RestoreState:
    """Write a state that a run could not write back to where it belongs; `state` is what was seen there, if anything,
    so that nothing newer is overwritten."""

    state: StateView | None


@dataclass(frozen=True)
class ForgetSavedState:
    """Remove a saved state that is no newer than the one in force."""


@dataclass(frozen=True)
class ReleaseLock:
    """Take the lock of the state from a holder that is dead, if it is still that holder's."""

    lock: LockView


@dataclass(frozen=True)
class AskProject:
    """Look in the background whose project it is that the token of the next run opens."""

    key: str
    question: ProjectQuestion


@dataclass(frozen=True)
class AskCrossplaneProject:
    """The same of the token that the Sovereign's own Crossplane is given."""

    key: str
    question: ProjectQuestion


@dataclass(frozen=True)
class AskPreflight:
    """Look at the project in the background; what was found is in a later observation."""

    key: str
    wanted: Wanted
    patient: bool = False
    """Nothing waits for it: it comes after the others with this token, so that little of what a project may be asked is
    used up."""


@dataclass(frozen=True)
class AskRepository:
    """Look at the Git repository that the new cluster is to follow, in the background."""

    key: str
    question: RepositoryQuestion


@dataclass(frozen=True)
class FollowLog:
    """Listen to the log of a running phase."""

    pod: str
    container: str


@dataclass(frozen=True)
class ForgetLogs:
    """Stop listening: the run is over."""


@dataclass(frozen=True)
class PushOverlay:
    """Push the Sovereign's folder to its Git repository in the background."""

    key: str
    url: str
    branch: str
    change: OverlayChange


@dataclass(frozen=True)
class ReserveDomain:
    """Make the reservation of the Sovereign's name, or have it ask for what the Sovereign asks for now. With an address
    the name is served."""

    address: str | None


@dataclass(frozen=True)
class AskRegistrarBeforehand:
    """Have the registrar asked in the background whether it accepts the credentials, before the name is reserved."""

    ask: AskRegistrar


@dataclass(frozen=True)
class ReleaseDomain:
    """Delete the reservation: what was made for the name is given back."""


@dataclass(frozen=True)
class KeepRegistrarCredentials:
    """Copy the registrar's Secret to where the owner's namespace does not take it along, and no run can read it."""


@dataclass(frozen=True)
class WatchCluster:
    """Watch the new cluster; again, with the same target, changes nothing."""

    target: Target


@dataclass(frozen=True)
class LookAgain:
    """Look at what is not watched of the new cluster without waiting for its turn."""


@dataclass(frozen=True)
class ForgetCluster:
    """Close every connection to the new cluster."""


@dataclass(frozen=True)
class SeedCluster:
    """Fill the Secrets that the new cluster was born with, in the background."""

    key: str
    seeds: tuple[Seed, ...]


@dataclass(frozen=True)
class CorrectSource:
    """Have the new cluster's Flux follow this, in the background: it has applied nothing yet."""

    followed: Followed


@dataclass(frozen=True)
class RemoveNodes:
    """Remove nodes of the new cluster whose servers are gone, in the background."""

    key: str
    nodes: tuple[DeadNode, ...]


@dataclass(frozen=True)
class DrainNodes:
    """One round of emptying nodes, in the background: closed to new Pods, and those that can move are asked to."""

    key: str
    nodes: tuple[LeavingNode, ...]


@dataclass(frozen=True)
class OpenNodes:
    """Have nodes take Pods again, in the background: their servers stay."""

    key: str
    nodes: tuple[LeavingNode, ...]


@dataclass(frozen=True)
class ArchiveState:
    """Keep the state as it is at hand-off in a Secret that nothing changes any more."""


@dataclass(frozen=True)
class TransferState:
    """Give the Sovereign's own Crossplane the archived state and the module's inputs, in the background."""

    key: str
    variables: dict[str, Any]


@dataclass(frozen=True)
class WriteOwnerKubeconfig:
    """Give the owner an administrator's kubeconfig."""


@dataclass(frozen=True)
class GiveUpAccess:
    """Take away the operator's own rights on the new cluster, and see that they are gone; in the background."""

    key: str


@dataclass(frozen=True)
class ForgetKeys:
    """Remove what opens the new cluster or the project: authorities, join tokens, the token's copy, the working
    state."""


@dataclass(frozen=True)
class RestoreArchive:
    """Make a working state of the archived one: a handed-off Sovereign is being deleted."""


@dataclass(frozen=True)
class TakeGivenState:
    """Make a working state of the one that the owner hands in, if it can be what came after the archived one; in the
    background."""

    key: str


@dataclass(frozen=True)
class DropGivenState:
    """Remove the working state that was made of what the owner handed in, if it is still this one: the archive
    stays."""

    state: StateView


@dataclass(frozen=True)
class PublishPlan:
    """Put the text of a run's plan where its owner can read it."""

    job: str
    digest: str


@dataclass(frozen=True)
class WriteReceipt:
    """Tell the owner, in the owner's namespace, what a deletion removed and left."""

    content: dict[str, Any]


@dataclass(frozen=True)
class DeleteNamespace:
    """Remove the run namespace with all that is in it, the record included."""


Action = (
    AddFinalizer
    | RemoveFinalizer
    | TakeTurn
    | PrepareNamespace
    | OpenNamespace
    | WriteInputs
    | GiveBootSecrets
    | TakeBootSecrets
    | DeleteInputs
    | WriteRecord
    | CreateJob
    | DeleteJob
    | ReleasePod
    | RestoreState
    | ForgetSavedState
    | ReleaseLock
    | AskProject
    | AskCrossplaneProject
    | AskPreflight
    | AskRepository
    | FollowLog
    | ForgetLogs
    | PushOverlay
    | ReserveDomain
    | AskRegistrarBeforehand
    | ReleaseDomain
    | KeepRegistrarCredentials
    | WatchCluster
    | LookAgain
    | ForgetCluster
    | SeedCluster
    | CorrectSource
    | RemoveNodes
    | DrainNodes
    | OpenNodes
    | ArchiveState
    | TransferState
    | WriteOwnerKubeconfig
    | GiveUpAccess
    | ForgetKeys
    | RestoreArchive
    | TakeGivenState
    | DropGivenState
    | WriteReceipt
    | PublishPlan
    | DeleteNamespace
)


@dataclass(frozen=True)
class Decision:
    """What follows from one observation. `status` is whole; None means that there is nothing left to write it to."""

    actions: tuple[Action, ...] = ()
    status: SovereignStatus | None = None
    ended: RunEntry | None = None
    """The run whose end this decision records."""
    requeue_after: timedelta | None = None
    look_by: timedelta | None = None
    """When to look at the latest although nothing calls for it: what was checked is to be checked again."""
