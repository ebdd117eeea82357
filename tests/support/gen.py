"""Objects for tests, made by generators with modifiers: `sovereign(deleting(), workers(2))`.

What a test does not name has a value that is valid and does not matter to it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from pydantic import SecretStr

from catalyst_operator.api import labels
from catalyst_operator.api.common import Condition
from catalyst_operator.api.conditions import CONDITIONS
from catalyst_operator.api.phases import Phase1Outcome, PreflightResult, RunVerb
from catalyst_operator.api.sovereign import Sovereign
from catalyst_operator.core import naming, provision
from catalyst_operator.core.actions import Decision, WriteRecord
from catalyst_operator.core.errors import codes
from catalyst_operator.core.observation import (
    ContainerView,
    CredentialsView,
    JobView,
    NamespaceView,
    Observation,
    PodView,
    StateView,
)
from catalyst_operator.core.project.identity import ProjectAnswer, ProjectReport, fingerprint
from catalyst_operator.core.project.preflight import Check, Report
from catalyst_operator.core.project.sizing import Choices
from catalyst_operator.core.provision import repository
from catalyst_operator.core.provision.preflight_due import standing
from catalyst_operator.core.record import (
    Bootstrap,
    ErrorEntry,
    KustomizationEntry,
    OutputsEntry,
    PhaseEntry,
    PhaseState,
    PlanEntry,
    ProjectEntry,
    Record,
    RunEntry,
    RunState,
)
from catalyst_operator.core.runs import own_project
from catalyst_operator.core.runs.job import phases_of
from catalyst_operator.core.runs.tfvars import inputs_digest, of_any_release, tfvars
from catalyst_operator.core.settings import CoreSettings
from catalyst_operator.core.tofu.apply_progress import Diagnostic, Progress, ResourceProgress
from tests.support import new_cluster

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
GRACE_ENDS = NOW + timedelta(minutes=14)
"""When a Pod that was told to stop a minute ago has to have ended."""
UID = "3b0d9f0e-6f3a-4c57-9a53-0f6f6f1f2a11"
TOKEN = "HCloud0Token" + "x" * 52
SETTINGS = CoreSettings(
    image="registry.example/catalyst-operator:test",
    proof_key="key of the tests",
    default_git_url="https://github.com/openova-io/openova",
)
PUSHED = {"mode": "Commit", "ref": {"branch": "main"}, "credentialsSecretRef": {"name": "git"}}
"""spec.gitops in mode Commit."""
SPACE = naming.run_namespace("omantel", UID)
HOME = SETTINGS.operator_namespace
NETWORK = "4711"
OUTPUTS = OutputsEntry(("203.0.113.10",), "203.0.113.20", NETWORK)
PROJECT = ProjectEntry(fingerprint(UID, SecretStr(TOKEN)))
"""The project that TOKEN opens."""
PLAN = PlanEntry(digest="d" * 64, add=9, change=0, destroy=0)

READY = Bootstrap(
    since=NOW - timedelta(hours=1),
    watch_since=NOW - timedelta(hours=1),
    first_seen=NOW - timedelta(minutes=55),
    flux_seen=True,
    cluster_uid="cluster-1",
    outcome=Phase1Outcome.READY,
    was_ready=True,
    installed=True,
    applied=new_cluster.REVISION,
    kustomizations={"flux-system/omantel.omani.works-bootstrap-kit": KustomizationEntry(new_cluster.REVISION)},
    joined=("omantel-d2faa-control-plane-0",),
)
"""A new cluster that came up within the hour."""

Raw = dict[str, Any]
RawMod = Callable[[Raw], None]
SceneMod = Callable[[Observation], Observation]

# --- the Sovereign ----------------------------------------------------------------------------------------------------


def raw_sovereign(*mods: RawMod) -> Raw:
    """A Sovereign as the API server returns it: one control plane, no workers, held by our finalizer."""
    raw: Raw = {
        "apiVersion": labels.API_VERSION,
        "kind": "Sovereign",
        "metadata": {
            "name": "omantel",
            "namespace": "team-a",
            "uid": UID,
            "generation": 1,
            "resourceVersion": "100",
            "finalizers": [labels.FINALIZER_SOVEREIGN],
        },
        "spec": {
            "organization": {"name": "Omantel"},
            "adminEmail": "admin@omantel.example",
            "domain": {"mode": "pool", "fqdn": "omantel.omani.works"},
            "provider": "hetzner",
            "credentialsSecretRef": {"name": "hcloud"},
            "regions": [{"location": "fsn1"}],
            "controlPlane": {"size": "cpx22"},
            "sshPublicKeys": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGxpYS1zdW1tZXItdGVzdC1rZXktbm90LXJlYWwhIQ00 ops"],
            # So that what was provisioned stays where it is, until a test says otherwise.
            "handOff": {"mode": "Manual"},
        },
    }
    for mod in mods:
        mod(raw)
    return raw


def sovereign(*mods: RawMod) -> Sovereign:
    """The same, parsed."""
    return Sovereign.parse(raw_sovereign(*mods))


def meta(**values: Any) -> RawMod:
    """Set metadata fields, in their wire names."""
    return lambda raw: raw["metadata"].update(values)


def spec(**values: Any) -> RawMod:
    """Set spec fields, in their wire names."""
    return lambda raw: raw["spec"].update(values)


def status(**values: Any) -> RawMod:
    """Set status fields, in their wire names."""
    return lambda raw: raw.setdefault("status", {}).update(values)


def annotated(**values: str) -> RawMod:
    """Set annotations by the last part of their names: `annotated(retryRequestedAt="1")`."""
    named = {f"{labels.GROUP}/{name}": value for name, value in values.items()}
    return lambda raw: raw["metadata"].setdefault("annotations", {}).update(named)


def workers(count: int, size: str = "cpx32") -> RawMod:
    """So many workers."""
    return spec(workers={"size": size, "replicas": count})


def deleting(raw: Raw) -> None:
    """A deletion that protection does not hold back."""
    raw["metadata"].update(deletionTimestamp="2026-11-22T11:59:00Z", generation=raw["metadata"]["generation"] + 1)
    raw["spec"]["deletionProtection"] = False


# --- runs and records -------------------------------------------------------------------------------------------------


def digest(*mods: RawMod, verb: RunVerb = RunVerb.APPLY, sizes: Choices = MappingProxyType({})) -> str:
    """The digest of the inputs that this Sovereign asks for, with these sizes chosen."""
    return inputs_digest(verb, variables(*mods, sizes=sizes))


def variables(*mods: RawMod, sizes: Choices = MappingProxyType({})) -> Raw:
    """The inputs that this Sovereign asks for."""
    return tfvars(sovereign(*mods), SETTINGS, sizes)


def run(state: RunState = RunState.RUNNING, attempt: int = 1, verb: RunVerb = RunVerb.APPLY, **values: Any) -> RunEntry:
    """An attempt at what the plain Sovereign asks for, made a minute ago; ended ones ended ten seconds ago."""
    wanted = values.pop("digest", None) or digest(verb=verb)
    made = RunEntry(
        verb=verb,
        digest=wanted,
        attempt=attempt,
        credentials="s/1",
        generation=1,
        created=NOW - timedelta(minutes=1),
        job=naming.job_name(verb.value, wanted, attempt),
        state=state,
        finished=None if state in (RunState.PENDING, RunState.RUNNING) else NOW - timedelta(seconds=10),
    )
    return replace(made, **values)


def failed(code: str = "ERR_TOFU", terminal: bool = False, phase: str = "tofu-apply", **values: Any) -> RunEntry:
    """An attempt that failed in `phase`."""
    error = ErrorEntry(code, "it broke", "Mend it.", terminal)
    verb = values.get("verb", RunVerb.APPLY)
    return run(RunState.FAILED, errors=(error,), phases=phases_until(phase, verb), **values)


def phases_until(
    name: str, verb: RunVerb = RunVerb.APPLY, end: PhaseState = PhaseState.FAILED
) -> tuple[PhaseEntry, ...]:
    """Phases of a run whose phase `name` ended so; those before succeeded, those after were not reached."""
    names = phases_of(verb)
    at = names.index(name)
    ended = NOW - timedelta(seconds=10)
    states = [*[PhaseState.SUCCEEDED] * at, end, *[PhaseState.SKIPPED] * (len(names) - at - 1)]
    return tuple(
        PhaseEntry(
            phase,
            state,
            started=None if state is PhaseState.SKIPPED else ended - timedelta(seconds=5),
            finished=None if state is PhaseState.SKIPPED else ended,
            exit_code={PhaseState.SUCCEEDED: 0, PhaseState.FAILED: 1}.get(state),
        )
        for phase, state in zip(names, states, strict=True)
    )


def failures(count: int, code: str = "ERR_TOFU", first: int = 1, **values: Any) -> tuple[RunEntry, ...]:
    """So many attempts at one request, each of which failed; the first of them has this number."""
    return tuple(failed(code, attempt=first + n, tries=n + 1, **values) for n in range(count))


def succeeded(attempt: int = 1, verb: RunVerb = RunVerb.APPLY, **values: Any) -> RunEntry:
    """An attempt that went well."""
    last = phases_of(verb)[-1]
    values = {"phases": phases_until(last, verb, PhaseState.SUCCEEDED), "plan": PLAN, **values}
    return run(RunState.SUCCEEDED, attempt, verb, **values)


def record(*runs: RunEntry, **values: Any) -> Record:
    """A record with these runs, as `with_new_run` and what the runs told would have made it."""
    applies = [r for r in runs if r.verb is RunVerb.APPLY]
    made = Record(uid=UID, attempts=max((r.attempt for r in runs), default=0), runs=runs, touched=bool(applies))
    last = applies[-1] if applies else None
    if last:
        made = replace(made, project=PROJECT)
    if last and last.state is RunState.SUCCEEDED:
        made = replace(made, applied_digest=last.digest, outputs=OUTPUTS, state_serial=7)
    if runs and runs[-1].plan:
        made = replace(made, published_plan=runs[-1].plan.digest)
    made = replace(made, **values)
    return replace(made, bootstrap=READY) if made.outputs and "bootstrap" not in values else made


def applied() -> Record:
    """The record of a Sovereign that was provisioned in one go."""
    return record(succeeded())


# --- what runs in the cluster -----------------------------------------------------------------------------------------


def job(run: RunEntry, **values: Any) -> JobView:
    """The Job of a run, in progress."""
    return replace(JobView(name=run.job, verb=run.verb, attempt=run.attempt), **values)


def ended_container(exit_code: int = 0, message: str = "", reason: str = "") -> ContainerView:
    """A container that ran for five seconds and ended ten seconds ago."""
    return ContainerView(
        "terminated",
        reason=reason or ("Completed" if exit_code == 0 else "Error"),
        message=message,
        exit_code=exit_code,
        started=NOW - timedelta(seconds=15),
        finished=NOW - timedelta(seconds=10),
    )


def creating(address: str, minutes: float = 1, state: str = "running", action: str = "create") -> SceneMod:
    """The log of the run says that this has been in creation, or in another operation, for so long."""
    started = NOW - timedelta(minutes=minutes)

    def told(o: Observation) -> Observation:
        before = o.progress.resources if o.progress else {}
        return replace(o, progress=Progress({**before, address: ResourceProgress(action, started, state)}))

    return told


def refused(
    address: str = "hcloud_server.control_plane[0]", code: str = "resource_unavailable", action: str = "create"
) -> SceneMod:
    """The log of the run says that Hetzner refused to create or change this."""

    def told(o: Observation) -> Observation:
        before = o.progress or Progress()
        tried = {**before.resources, address: ResourceProgress(action, NOW - timedelta(seconds=12), "failed")}
        error = Diagnostic(f"the API refused ({code}, 0123456789abcdef)", "", address)
        return replace(o, progress=replace(before, resources=tried, errors=(*before.errors, error)))

    return told


def running_container(seconds: float = 20) -> ContainerView:
    """A container that has been running for so long."""
    return ContainerView("running", started=NOW - timedelta(seconds=seconds))


GATE_MESSAGE = json.dumps({"digest": "d" * 64, "add": 9, "change": 0, "destroy": 0, "replacing": []})
LEFT_MESSAGE = json.dumps({"left": [], "count": 0})
OUTPUT_MESSAGE = json.dumps(
    {
        "control_plane_ips": {"value": ["203.0.113.10"]},
        "load_balancer_ip": {"value": "203.0.113.20"},
        "network_id": {"value": NETWORK},
    }
)


def pod(run: RunEntry, at: str = "", container: ContainerView | None = None, **values: Any) -> PodView:
    """The Pod of a run: phases before `at` went well, `at` is as given (running if not), those after wait.

    With an ended `container` that is not the last, or one that failed, the Pod has failed.
    """
    names = phases_of(run.verb, adopt=run.adopt)
    here = names.index(at) if at else 0
    done = {name: ended_container(0, _message(name)) for name in names[:here]}
    current = {at: container or running_container()} if at else {}
    waiting = {name: ContainerView("waiting", reason="PodInitializing") for name in names if name not in done | current}
    broke = container is not None and container.state == "terminated" and container.exit_code != 0
    view = PodView(
        name=f"{run.job}-abcde",
        uid="pod-1",
        job=run.job,
        node="node-1",
        phase="Failed" if broke else "Running",
        containers={**done, **current, **waiting},
    )
    return replace(view, **values)


def finished_pod(run: RunEntry, **values: Any) -> PodView:
    """The Pod of a run in which every phase went well."""
    containers = {name: ended_container(0, _message(name)) for name in phases_of(run.verb, adopt=run.adopt)}
    name = f"{run.job}-abcde"
    view = PodView(name=name, uid="pod-1", job=run.job, node="node-1", phase="Succeeded", containers=containers)
    return replace(view, **values)


def _message(phase: str) -> str:
    told = {"plan-gate": GATE_MESSAGE, "tofu-output": OUTPUT_MESSAGE, "sweep": LEFT_MESSAGE, "leftovers": LEFT_MESSAGE}
    return told.get(phase, "")


# --- observations -----------------------------------------------------------------------------------------------------


def observation(*mods: SceneMod) -> Observation:
    """A Sovereign that was just applied, with good credentials and a project in which all is well; nothing was made
    for it yet. What preflight found is about what the modifiers leave, unless one of them says otherwise; and where it
    is deleted, nobody else was seen in its network."""
    seen = Observation(
        now=NOW,
        settings=SETTINGS,
        sovereign=sovereign(),
        credentials=CredentialsView("s/1", SecretStr(TOKEN)),
        namespace=None,
        record=None,
        state=None,
    )
    for mod in mods:
        seen = mod(seen)
    watched = seen.record and seen.record.bootstrap and seen.sovereign.metadata.deletion_timestamp is None
    if seen.cluster is None and watched and unseen not in mods:
        seen = with_nodes_known(replace(seen, cluster=new_cluster.healthy(seen.sovereign, seen.now)))
    if seen.project is None and seen.sovereign.metadata.deletion_timestamp is not None and unasked not in mods:
        seen = replace(seen, project=looked_round(seen))
    if seen.repository is None and unread not in mods:
        seen = replace(seen, repository=read_at(seen))
    if seen.preflight is not None or unlooked in mods:
        return seen
    return replace(seen, preflight=looked_at(seen))


def with_nodes_known(o: Observation) -> Observation:
    """The nodes of a cluster that was ready once joined before now."""
    begun = o.record.bootstrap if o.record else None
    survey = o.cluster.survey if o.cluster else None
    if o.record is None or begun is None or not begun.was_ready or survey is None:
        return o
    known = replace(begun, joined=tuple(node.name for node in survey.nodes or ()))
    return replace(o, record=replace(o.record, bootstrap=known))


PASSED = (Check("token", PreflightResult.PASSED, "Hetzner accepts the token."),)


IN_THE_WAY = Check(
    "names",
    PreflightResult.FAILED,
    "networks/7 omantel exists already and is not this Sovereign's.",
    codes.NAME_CONFLICT.entry("networks/7 omantel exists already and is not this Sovereign's."),
)
"""Something else in the project is in the way."""
UNKNOWN_SIZE = Check(
    "sizes",
    PreflightResult.FAILED,
    "Hetzner has no server type cpx99.",
    codes.SIZE_UNKNOWN.entry("Hetzner has no server type cpx99."),
)
"""The project does not offer what is wanted."""


def looked_at(o: Observation, *checks: Check, **values: Any) -> Report:
    """The report of a look a moment ago at what this observation's Sovereign wants; by default all is well."""
    kept = o.record or Record(uid=UID)
    variables = of_any_release(o.sovereign, o.settings, kept.sizes)
    asked = standing(replace(o, preflight=None), variables, kept).ask[0]
    mark = fingerprint(o.uid, o.run_token) if o.run_token else ""
    return replace(Report(asked.key, o.now, checks or PASSED, mark=mark), **values)


READ = Check("git", PreflightResult.PASSED, "The branch is there.")


def read_at(o: Observation, *checks: Check, **values: Any) -> Report | None:
    """The report of a look a moment ago at the Git repository that this observation's Sovereign is to follow; by
    default all is well. None where nobody needs to look."""
    stands = repository.standing(provision.look(replace(o, repository=None)))
    if stands is None:
        return None
    (asked,) = stands.ask
    return replace(Report(asked.key, o.now, checks or (READ,)), **values)


def read(*checks: Check, **values: Any) -> SceneMod:
    """The last look at the Git repository, at what the modifiers before this one leave."""
    return lambda o: replace(o, repository=read_at(o, *checks, **values))


def unread(o: Observation) -> Observation:
    """Nobody has looked at the Git repository yet."""
    return replace(o, repository=None)


OWN_NETWORK = f"networks/{NETWORK} omantel-d2faa"
"""What tells that a project is the Sovereign's own."""


def looked_round(o: Observation, found: str = OWN_NETWORK, **values: Any) -> ProjectReport:
    """The report of a look a moment ago at whose project the token at hand opens; by default it is the Sovereign's
    own. Without `found` it is another's, and with an error nothing is known."""
    kept = o.record or Record(uid=UID)
    (asked,) = own_project.standing(replace(o, project=None), kept).ask
    foreign = values.pop("foreign", ())
    answer = None if "error" in values else ProjectAnswer(found, foreign)
    return replace(ProjectReport(asked.key, o.now, answer), **values)


def in_project(found: str = OWN_NETWORK, **values: Any) -> SceneMod:
    """The last look at the project, with the token that the modifiers before this one leave."""
    return lambda o: replace(o, project=looked_round(o, found, **values))


def unasked(o: Observation) -> Observation:
    """Nobody has looked whose project it is."""
    return replace(o, project=None)


def unlooked(o: Observation) -> Observation:
    """Nobody has looked at the project yet."""
    return replace(o, preflight=None)


def unseen(o: Observation) -> Observation:
    """The new cluster is not watched yet, as after a restart of the operator."""
    return replace(o, cluster=None)


def looked(*checks: Check, **values: Any) -> SceneMod:
    """The last look at the project, at what the modifiers before this one leave."""
    return lambda o: replace(o, preflight=looked_at(o, *checks, **values))


def of(*mods: RawMod) -> SceneMod:
    """The Sovereign with these modifiers."""
    return lambda o: replace(o, sovereign=sovereign(*mods))


def seen(**values: Any) -> SceneMod:
    """Replace parts of the observation."""
    return lambda o: replace(o, **values)


def known(*runs: RunEntry, **values: Any) -> SceneMod:
    """The run namespace is there, with this record and, once applied, its state."""
    made = record(*runs, **values)
    state = StateView(serial=made.state_serial) if made.state_serial else None
    there: Raw = {"record": made, "state": state}
    kept: Raw = dict.fromkeys(("has_state_key", "has_cluster_secrets"), bool(runs))
    copy = SecretStr(TOKEN) if runs else None
    return lambda o: replace(o, namespace=NamespaceView(), token_copy=copy, **there, **kept)


def tokened(token: str | None = TOKEN, version: str = "s/1") -> SceneMod:
    """The owner's Secret holds this token."""
    view = CredentialsView(version, SecretStr(token) if token is not None else None)
    return lambda o: replace(o, credentials=view)


def later(delta: timedelta) -> SceneMod:
    """So much later."""
    return lambda o: replace(o, now=o.now + delta)


_REASONS = {doc.type.value: {reason.value for reason in doc.reasons} for doc in CONDITIONS}


def undocumented(conditions: Iterable[Condition]) -> list[str]:
    """Conditions whose reason is not in the API's table of reasons, in words."""
    unknown = (c for c in conditions if c.reason not in _REASONS.get(c.type, ()))
    return [f"{c.type}={c.reason} is not documented" for c in unknown]


def after(o: Observation, decision: Decision) -> Observation:
    """The observation once the decision was carried out, as far as record, status, namespace and finalizer go."""
    records = [action.record for action in decision.actions if isinstance(action, WriteRecord)]
    raw = o.sovereign.model_dump(mode="json", by_alias=True)
    raw["status"] = decision.status.to_wire() if decision.status else {}
    held = {*o.sovereign.metadata.finalizers, labels.FINALIZER_SOVEREIGN}
    raw["metadata"]["finalizers"] = sorted(held)
    return replace(
        o,
        sovereign=Sovereign.parse(raw),
        record=records[-1] if records else o.record,
        namespace=o.namespace or (NamespaceView() if records else None),
    )
