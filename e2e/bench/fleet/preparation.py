"""Sovereigns whose infrastructure stands, without a run of OpenTofu for each: the objects that a run leaves behind are
made directly. From there on everything is the operator's own doing.

What is made is what a first apply would have left: the run namespace with the operator's rights in it, the key of the
state, the authorities of the new cluster, a state, and the record of an apply that succeeded.
"""

from __future__ import annotations

import base64
import gzip
import json
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from catalyst_operator.adapters import kube
from catalyst_operator.adapters.kube import Kind
from catalyst_operator.adapters.new_cluster import authorities
from catalyst_operator.adapters.new_cluster.authorities import Trust
from catalyst_operator.api import labels
from catalyst_operator.api.phases import RunVerb
from catalyst_operator.api.sovereign import Sovereign as Model
from catalyst_operator.core import kit, manifests, naming, record
from catalyst_operator.core.kit import releases
from catalyst_operator.core.project import sizing
from catalyst_operator.core.record import OutputsEntry, PhaseEntry, PhaseState, Record, RunEntry, RunState
from catalyst_operator.core.runs.job import phases_of
from catalyst_operator.core.runs.tfvars import inputs_digest, tfvars
from catalyst_operator.core.settings import CoreSettings
from e2e.bench.apis import Client, Object
from e2e.bench.fleet.fakes import Fake
from e2e.bench.fleet.objects import Kit
from e2e.bench.workplace import PREFIX
from e2e.lab import images
from e2e.support.kubectl import Kubectl
from e2e.support.sovereigns import Sovereign

NAME = f"{PREFIX}fleet"
RELEASES = 12
SERIAL = 1
KINDS = {
    "Namespace": kube.NAMESPACES,
    "ServiceAccount": kube.SERVICE_ACCOUNTS,
    "RoleBinding": kube.ROLE_BINDINGS,
    "NetworkPolicy": kube.NETWORK_POLICIES,
    "Secret": kube.SECRETS,
    "ConfigMap": kube.CONFIG_MAPS,
    "Sovereign": kube.SOVEREIGNS,
}


@dataclass(frozen=True)
class Preparation:
    """Makes Sovereigns in one namespace, which exists. Nobody must act on them meanwhile."""

    kubectl: Kubectl
    client: Client
    as_operator: Client
    """What only the operator may make is made in its name."""
    namespace: str
    proof_key: str
    """The operator's: it takes no run namespace for its own without a proof."""
    name: str = NAME
    """What the names of the Sovereigns begin with."""

    def sovereigns(self, count: int, token: str) -> Iterator[Fake]:
        """Make so many, each with a fake new cluster, which is the caller's to serve."""
        self.credentials(token)
        yield from self.more(range(count))

    def credentials(self, token: str) -> None:
        """Make the Secret that all of them name."""
        meta = {"name": "hcloud", "namespace": self.namespace}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": meta}
        self._create({**secret, "data": {"token": base64.b64encode(token.encode()).decode()}})

    def more(self, numbers: Iterable[int]) -> Iterator[Fake]:
        """Make those of these numbers."""
        return map(self._sovereign, numbers)

    def _sovereign(self, number: int) -> Fake:
        # What is made here is nobody's in any cloud: there is nothing to destroy.
        wanted = Sovereign(self.kubectl, f"{self.name}-{number}", "", deletionPolicy="Orphan", deletionProtection=False)
        wanted.namespace = self.namespace
        manifest = wanted.manifest
        manifest["metadata"]["finalizers"] = [labels.FINALIZER_SOVEREIGN]
        sovereign = Model.parse(self._create(manifest))
        trust = authorities.make(datetime.now(UTC))
        address = address_of(number)
        for made in left_behind(sovereign, trust, address, self.proof_key):
            self._create(made, self.as_operator)
        return Fake(sovereign.metadata.name, address, kit_of(sovereign), trust.files)

    def _create(self, manifest: Object, client: Client | None = None) -> Object:
        kind: Kind = KINDS[manifest["kind"]]
        path = kind.path(manifest["metadata"].get("namespace", ""))
        return (client or self.client)("POST", path, manifest)


def address_of(number: int) -> str:
    """All of 127.0.0.0/8 is this machine; nobody else uses this corner of it."""
    return f"127.99.{number // 250}.{number % 250 + 1}"


def kit_of(sovereign: Model) -> Kit:
    """A kit of twelve releases on the servers that were asked for."""
    prefix = naming.cluster_name(sovereign.metadata.name, sovereign.metadata.uid)
    nodes = tuple(f"{prefix}-{server.key}" for server in sizing.servers(sovereign.spec))
    return Kit(sovereign.spec.domain.fqdn, nodes, kit.expected(sovereign.spec)[:RELEASES])


def left_behind(sovereign: Model, trust: Trust, address: str, proof_key: str) -> list[Object]:
    """Everything that a first apply leaves in the management cluster."""
    settings = CoreSettings(image=images.OPERATOR_IMAGE, proof_key=proof_key)
    state = gzip.compress(json.dumps({"serial": SERIAL, "lineage": sovereign.metadata.uid}).encode())
    return [
        manifests.run_namespace(sovereign, settings),
        *manifests.access(sovereign, settings),
        manifests.state_key(sovereign, secrets.token_bytes(32)),
        manifests.cluster_secrets(sovereign, settings.operator_namespace, trust.variables),
        manifests.state(sovereign, base64.b64encode(state).decode()),
        manifests.record(sovereign, record.to_json(applied(sovereign, settings, address))),
    ]


def applied(sovereign: Model, settings: CoreSettings, address: str) -> Record:
    """The record after a first apply that succeeded."""
    sizes = sizing.in_turn(sizing.servers(sovereign.spec), {}, ())
    release = releases.load().get(None).name
    digest = inputs_digest(RunVerb.APPLY, tfvars(sovereign, settings, sizes, release))
    now = datetime.now(UTC)
    run = RunEntry(
        verb=RunVerb.APPLY,
        digest=digest,
        attempt=1,
        credentials="",
        generation=sovereign.metadata.generation,
        created=now,
        job=naming.job_name(RunVerb.APPLY.value, digest, 1),
        state=RunState.SUCCEEDED,
        finished=now,
        phases=_phases(phases_of(RunVerb.APPLY), now),
    )
    return replace(
        Record(uid=sovereign.metadata.uid).with_new_run(run),
        applied_digest=digest,
        touched=True,
        state_serial=SERIAL,
        sizes=sizes,
        made=tuple(sizes),
        outputs=OutputsEntry((address,), address),
        release=release,
    )


def _phases(names: Sequence[str], now: datetime) -> tuple[PhaseEntry, ...]:
    return tuple(PhaseEntry(name, PhaseState.SUCCEEDED, started=now, finished=now, exit_code=0) for name in names)
