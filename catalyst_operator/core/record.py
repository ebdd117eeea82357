"""The record of a Sovereign: what cannot be observed again.

It lives as JSON in a ConfigMap of the run namespace and is written before the deed it announces: an attempt is
recorded before its Job is created, and evidence before the Pod that holds it is let go. Status can always be rebuilt
from it.

Why: docs/explanation.md#the-record
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from pydantic import ConfigDict, TypeAdapter

from catalyst_operator.api.phases import Phase1Outcome, RunVerb
from catalyst_operator.core import naming
from catalyst_operator.core.project import sweeping
from catalyst_operator.core.project.sweeping import Ids
from catalyst_operator.core.tofu.server_names import STARTER, is_control_plane

HISTORY_LENGTH = 5


class RunState(StrEnum):
    """Where a run stands. Only PENDING and RUNNING change any more; the others are how it ended."""

    PENDING = "Pending"
    """Recorded; its Job may or may not have been created yet."""
    RUNNING = "Running"
    """Its Job was seen."""
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    AWAITING_APPROVAL = "AwaitingApproval"
    """The gate stopped it before anything was touched; nothing failed."""
    CANCELLED = "Cancelled"
    """The operator stopped it: on request, or because the spec was edited before anything was applied."""
    INTERRUPTED = "Interrupted"
    """Ended from outside (eviction, node loss, deletion): not the user's error."""
    LOST = "Lost"
    """The Job vanished before it was read; a new plan tells what is true."""


class StopCause(StrEnum):
    """Why the operator told a run to stop."""

    REQUESTED = "Requested"
    """The annotation cancelRequestedAt."""
    SUPERSEDED = "Superseded"
    """The spec was edited before anything was applied: it is planned again."""
    STUCK = "Stuck"
    """Something was still being created after the limit."""


class PhaseState(StrEnum):
    """One phase of a run, as the container tells it."""

    WAITING = "Waiting"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    SKIPPED = "Skipped"
    """Never started because an earlier phase ended the run."""


@dataclass(frozen=True)
class PhaseEntry:
    """One phase: its state and, once it ended, when and how. `exit_code` is the container's."""

    name: str
    state: PhaseState
    started: datetime | None = None
    finished: datetime | None = None
    exit_code: int | None = None
    message: str = ""


@dataclass(frozen=True)
class ErrorEntry:
    """One diagnosed error: a code of docs/runbook, what happened, and what to do."""

    code: str
    message: str
    remedy: str
    terminal: bool
    addresses: tuple[str, ...] = ()
    """The OpenTofu addresses that it is about, such as hcloud_server.worker[1]."""
    command: str = ""
    """One line to run, which shows more or mends it."""


@dataclass(frozen=True)
class PlanEntry:
    """What the plan gate wrote: counts of resources, and what would be replaced (at most ten, then a count)."""

    digest: str
    add: int
    change: int
    destroy: int
    adopt: int = 0
    """Objects that an earlier run made and lost sight of."""
    replacing: tuple[str, ...] = ()
    destroying: tuple[str, ...] = ()
    powering_off: tuple[str, ...] = ()
    why: str = ""
    """Why the gate let it pass or stopped it, in the gate's words."""
    creating: tuple[str, ...] = ()
    """The servers that would be made, by name and all of them."""
    settling: int = 0
    """Adopted objects that OpenTofu goes over once more, although nothing of them changes."""
    held: int = 0
    """Of a destroy: objects that the state held before anybody looked for them."""
    missed: tuple[str, ...] = ()
    """Of a destroy: what of it the project did not have any more."""
    differing: tuple[str, ...] = ()
    """Of a run that only plans: the addresses of all that would be touched, but for what is next."""
    of_others: tuple[str, ...] = ()
    """Of a run that only plans: what would be changed only to take away what others added, such as labels."""
    others: int = 0
    """How many those are."""
    off: tuple[str, ...] = ()
    """Of a run that only plans: servers that do not run."""

    @property
    def does_something(self) -> bool:
        """Whether it changes anything, in the cloud or in the state."""
        return self.add + self.change + self.destroy + self.adopt > 0

    @property
    def total(self) -> int:
        """How many operations the plan has."""
        return self.add + self.change + self.destroy + self.settling


@dataclass(frozen=True)
class OutputsEntry:
    """The module's outputs."""

    control_plane_ips: tuple[str, ...]
    load_balancer_ip: str
    network_id: str = ""
    """Of the network that everything else is in; empty for states of before the module had this output."""
    server_ids: dict[str, str] = field(default_factory=dict)
    """Server, such as `worker-0` -> its id at Hetzner's; empty for states of before the module had this output."""


@dataclass(frozen=True)
class ProjectEntry:
    """The cloud project that the Sovereign is in."""

    fingerprint: str
    """Of the token that was last seen to open it; see `core.project.identity`."""
    project_id: str = ""
    """spec.projectID as it was then: what people call the project."""
    confirmed: bool = False
    """Nothing of the Sovereign was in it, but a person said that it is the right one: what is not there is gone."""


@dataclass(frozen=True)
class SweepEntry:
    """What destroy runs saw and removed besides what OpenTofu did: kind -> ids."""

    found: Ids = field(default_factory=dict)
    """What was the Sovereign's, what its state listed included."""
    removed: Ids = field(default_factory=dict)
    unclear: Ids = field(default_factory=dict)
    """Volumes of some cluster's claims that hung on no server: left, since nobody can tell whose they are."""
    more: int = 0
    """How many ids a run could not tell, since there were too many."""

    def joined(self, later: SweepEntry) -> SweepEntry:
        """What both tell; of what is unclear, the later knows best."""
        return SweepEntry(
            found=sweeping.joined(self.found, later.found),
            removed=sweeping.joined(self.removed, later.removed),
            unclear=later.unclear or self.unclear,
            more=self.more + later.more,
        )


@dataclass(frozen=True)
class RunEntry:
    """One attempt. `digest` covers its inputs, `credentials` is the version of the owner's Secret it was given."""

    verb: RunVerb
    digest: str
    attempt: int
    credentials: str
    generation: int
    created: datetime
    job: str
    inputs: str = ""
    """Digest of all that it was given, what only a first boot reads included: names its Secret of inputs."""
    approved: str = ""
    """The plan digest that spec.approvePlan named when the run was made."""
    manual: bool = False
    """Whether spec.approval was Manual then."""
    members: tuple[str, ...] = ()
    """The control planes that the cluster had when the run was made."""
    later: tuple[str, ...] = ()
    """The servers that runs after this one are to resize: whoever approves it approves those too."""
    resize_approved: bool = False
    """Whether a run before it was approved, and its resize with it."""
    retry: str = ""
    """The retryRequestedAt annotation that the run answers."""
    tries: int = 1
    """Which try at the same request this is; one with the next size of a ladder counts as the same try."""
    adopt: bool = False
    """Whether an earlier run may have left cloud objects that the state does not know of, so that it looks for them."""
    standing: tuple[str, ...] = ()
    """The servers that were there before it, by name; none before an apply has succeeded."""
    confirmed: bool = False
    """Of a destroy: whether a person said that what the project does not have any more is really gone."""
    state_given: bool = False
    """Of a destroy: whether its state was handed in."""
    given_version: str = ""
    """Of the Secret that it was handed in with."""
    drift_check: bool = False
    """Whether nobody asked for it: it plans to see whether the cloud is as it was left."""
    rebuild: str = ""
    """The server that its owner asked to be made again: that it is, needs nobody's approval."""
    replaces: bool = False
    """Whether it is this run that takes that server away. One that only puts in order what such a run left does not."""
    emptied: tuple[str, ...] = ()
    """The servers that were emptied for it."""
    left_behind: str = ""
    """What did not move from them in time, as a sentence."""
    keys: str = ""
    """Digest of the SSH keys that the servers it makes are given."""
    backend: str = ""
    """Which store outside the management cluster has its state, by its fingerprint; empty: the run namespace."""
    over: tuple[str, ...] = ()
    """Jobs that were known to be over when it was made: a lock in that store that is theirs may be taken away."""
    stopping: StopCause | None = None
    """Why it was told to stop."""
    project: str = ""
    """The mark of the project that its token opens; see `core.queue.turn`."""
    stepped_down: bool = False
    """Whether its failure was answered with the next size of a ladder."""
    state: RunState = RunState.PENDING
    finished: datetime | None = None
    phases: tuple[PhaseEntry, ...] = ()
    plan: PlanEntry | None = None
    errors: tuple[ErrorEntry, ...] = ()
    cause: str = ""
    """What ended it from outside, in words."""
    restarted: tuple[str, ...] = ()
    """Addresses of servers that it had powered off and left so, and that were started again."""
    fraction: float = 0.0
    """How much of the plan is carried out, 0 to 1; only kept while it runs."""

    @property
    def inputs_secret(self) -> str:
        """Name of the Secret that holds its inputs; what names the store is one of them."""
        inputs = self.inputs or self.digest
        return naming.inputs_secret(naming.digest_of([inputs, self.backend]) if self.backend else inputs)

    @property
    def active(self) -> bool:
        """Whether something of it may still run."""
        return self.state in (RunState.PENDING, RunState.RUNNING)

    def phase(self, name: str) -> PhaseEntry | None:
        """The phase called `name`, if the run got as far as having phases."""
        return next((p for p in self.phases if p.name == name), None)

    def over_at(self, now: datetime) -> datetime:
        """When it ended, or began where that is not known; a node whose clock is ahead ends its run in the future."""
        return min(self.finished or self.created, now)


@dataclass(frozen=True)
class DriftEntry:
    """What is known of how the cloud differs from what was applied."""

    at: datetime
    """When the two were compared, by a drift check or by an apply."""
    digest: str = ""
    """Of the inputs that a check planned; empty after an apply."""
    plan: PlanEntry | None = None
    """What a check found; None after an apply, which leaves nothing."""
    off: tuple[str, ...] = ()
    """Addresses of servers that are off, as of the last check: an apply powers none of them on."""
    error: ErrorEntry | None = None
    """Why what was found must not be applied, approved or not."""

    @property
    def differs(self) -> bool:
        """Whether anything is not as it was applied, by more than what others added."""
        return self.plan is not None and bool(self.plan.differing)


@dataclass(frozen=True)
class SizeChoice:
    """The size in use for one server. `asked` is the spec's size when it was chosen: another one there is an edit."""

    size: str
    asked: str


@dataclass(frozen=True)
class RebuildEntry:
    """A server that its owner asked to be made again. Kept from the request until its successor is seen to be there."""

    request: str
    """The annotation's value."""
    server: str
    """Its name within the Sovereign, such as `worker-0`."""
    old: str = ""
    """Id of the server that goes, once a run was made for that: another id at its place is its successor's."""
    begun: bool = False
    """Whether that run may have taken the server away: the request cannot be taken back any more."""


@dataclass(frozen=True)
class DrainEntry:
    """Servers that are emptied before a run takes them away. Its time is counted from here, whoever restarts."""

    servers: tuple[str, ...]
    since: datetime
    cordoned: dict[str, str] = field(default_factory=dict)
    """Node -> UID of those that took new Pods before, and are to do so again if nothing comes of it."""
    ended: bool = False
    """Whether it is over: the run was made, or something else came first."""


@dataclass(frozen=True)
class KustomizationEntry:
    """What a Kustomization of the new cluster said last."""

    revision: str = ""
    """The revision that it had applied when it was ready; empty once it said that it is not."""
    unready_since: datetime | None = None


@dataclass(frozen=True)
class Bootstrap:
    """The new cluster, from its infrastructure to hand-off. Deadlines are counted from here, whoever restarts."""

    since: datetime
    """When the infrastructure stood: until the first sign of life, patience is counted from here."""
    watch_since: datetime
    """From when the time to install everything is counted: `since`, the last rejoin, or the last push of a change."""
    first_seen: datetime | None = None
    """When a HelmRelease was seen for the first time."""
    flux_seen: bool = False
    """Whether Flux's controllers were available once: what is gone later was not just late."""
    cluster_uid: str = ""
    """UID of the cluster's namespace kube-system."""
    outcome: Phase1Outcome | None = None
    """The verdict as it stood last, kept while the cluster cannot be seen."""
    was_ready: bool = False
    """Whether all that Ready stands for held once."""
    installed: bool | None = None
    """Whether the kit stood as a whole since `watch_since`: the time to install it is over then. None in records of
    operators that did not write it down."""
    kustomizations: dict[str, KustomizationEntry] = field(default_factory=dict)
    """`namespace/name` -> what it said last, of those that belong to the kit."""
    joined: tuple[str, ...] = ()
    """The nodes that were asked for and were ready once."""
    applied: str = ""
    """The revision that Flux applied the kit from last. Once there is one, what it follows is not changed any more."""
    corrected: str = ""
    """What Flux was told to follow last, because the spec was corrected; see `core.access.source`."""
    seeded: dict[str, str] = field(default_factory=dict)
    """Secret on the new cluster -> version of the owner's Secret that was put there."""

    @property
    def stood(self) -> bool:
        """Whether the kit stood as a whole since its time began."""
        return self.was_ready if self.installed is None else self.installed


@dataclass(frozen=True)
class HandOff:
    """The hand-off, one deed after another; a crash between two of them goes on where it was."""

    started: datetime
    refused: datetime | None = None
    """When the observer's certificate, still valid, was seen to be refused."""
    finished: datetime | None = None
    """When the last key was gone."""
    given: datetime | None = None
    """When the Sovereign's own Crossplane was seen to have the state."""
    not_given: str = ""
    """Why it can never be given the state, as a clause."""


@dataclass(frozen=True)
class Record:
    """All that must not be forgotten about one Sovereign."""

    # What a newer operator wrote down must not be forgotten by an older one, which would write the record without it.
    # It is in force for all that a record is made of.
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    uid: str
    attempts: int = 0
    runs: tuple[RunEntry, ...] = ()
    applied_digest: str = ""
    """Digest of the inputs that were applied last, with success. Empty from the next apply on until that succeeds: a
    run that fails half way leaves neither the old nor the new."""
    touched: bool = False
    """An apply may have started: cloud objects may exist, so a delete must destroy."""
    destroyed: bool = False
    """A destroy run succeeded after the last apply: nothing is left."""
    state_serial: int = 0
    """The highest serial seen in the state Secret; a lower one later means state was lost."""
    orphans: bool = False
    """An apply ended without certainty that its state holds all it made: the next run looks for orphans."""
    sizes: dict[str, SizeChoice] = field(default_factory=dict)
    """Server, such as `control-plane-0` -> the size chosen for it. Kept, so that later plans replace nothing."""
    resize_approved: str = ""
    """Digest of the sizes that all servers are to have, once somebody approved the first of several resizes."""
    made: tuple[str, ...] = ()
    """The servers that were made, by name. Once control-plane-0 is among them the cluster has begun, and no server ever
    begins one again. Control planes stay in it: etcd counts its majority from all that it has had."""
    nodes: dict[str, str] = field(default_factory=dict)
    """Node of the new cluster -> its UID, as seen before the latest run."""
    dead: dict[str, str] = field(default_factory=dict)
    """Node -> UID of those whose server is gone. As long as they are there, a server of the same name cannot join."""
    rebuild: RebuildEntry | None = None
    drain: DrainEntry | None = None
    keys: dict[str, str] = field(default_factory=dict)
    """Server -> digest of the SSH keys that it was made with."""
    outputs: OutputsEntry | None = None
    project: ProjectEntry | None = None
    """Where the cloud objects are. None before the first apply, and in records of before this was kept."""
    nothing_made: bool = False
    """Every apply so far was refused before it made anything: the next may be in another project."""
    release: str = ""
    """The release of the first apply: servers that are added later boot the same versions."""
    drift: DriftEntry | None = None
    """How the cloud differs from what was applied; None while nobody wants to know."""
    published_plan: str = ""
    """Digest of the plan whose text lies in the owner's namespace."""
    overlay: str = ""
    """Digest of the overlay that was pushed to Git last."""
    overlay_revision: str = ""
    """The commit that has it."""
    bootstrap: Bootstrap | None = None
    hand_off: HandOff | None = None
    overlay_removed: str = ""
    """The commit without it, once a deletion has removed it."""
    sweep: SweepEntry = field(default_factory=SweepEntry)
    state_given: bool = False
    """Whether a deletion was told to work on a state that its owner hands in."""
    given_version: str = ""
    """Of the Secret with that state, as the working state was made from it."""
    handled: dict[str, str] = field(default_factory=dict)
    """Annotations that were answered: annotation -> value."""

    @property
    def begun(self) -> bool:
        """Whether the cluster was started once."""
        return STARTER in self.made

    @property
    def members(self) -> tuple[str, ...]:
        """The control planes that the cluster has."""
        return tuple(name for name in self.made if is_control_plane(name))

    @property
    def handed_off(self) -> bool:
        """Whether the Sovereign is its owner's, and the operator holds no key to it any more."""
        return self.hand_off is not None and self.hand_off.finished is not None

    @property
    def last(self) -> RunEntry | None:
        """The latest attempt."""
        return self.runs[-1] if self.runs else None

    @property
    def last_wanted(self) -> RunEntry | None:
        """The latest attempt that somebody asked for."""
        return next((run for run in reversed(self.runs) if not run.drift_check), None)

    @property
    def last_check(self) -> RunEntry | None:
        """The latest drift check."""
        return next((run for run in reversed(self.runs) if run.drift_check), None)

    def last_of(self, verb: RunVerb) -> RunEntry | None:
        """The latest attempt at `verb` that somebody asked for."""
        return next((run for run in reversed(self.runs) if run.verb == verb and not run.drift_check), None)

    def with_new_run(self, run: RunEntry) -> Record:
        """A record that announces `run`, keeping the last five, and of drift checks the last. One that was announced
        but never made is given up."""
        kept = (r for r in self.runs if not (r.drift_check and run.drift_check))
        settled = (replace(r, state=RunState.LOST, finished=r.created) if r.active else r for r in kept)
        return replace(
            self,
            attempts=run.attempt,
            runs=(*settled, run)[-HISTORY_LENGTH:],
            applied_digest="" if run.verb is RunVerb.APPLY else self.applied_digest,
            destroyed=False,
        )

    def with_run(self, run: RunEntry) -> Record:
        """A record in which the attempt of `run` is replaced by it."""
        return replace(self, runs=tuple(run if r.attempt == run.attempt else r for r in self.runs))


UNSUCCESSFUL = (RunState.FAILED, RunState.INTERRUPTED, RunState.LOST)
"""Ends after which another attempt may be worth it by itself."""


_ADAPTER: TypeAdapter[Record] = TypeAdapter(Record)


def to_json(record: Record) -> str:
    """The record as it lies in the ConfigMap."""
    return _ADAPTER.dump_json(record, indent=1, exclude_defaults=False).decode()


def from_json(text: str) -> Record:
    """Raises ValueError (pydantic's) on a record that someone edited beyond recognition, or that a newer operator wrote
    fields into that this one does not know."""
    return _ADAPTER.validate_json(text)
