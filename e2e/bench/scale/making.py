"""Making thousands of Sovereigns that are at rest, over several connections at once."""

from __future__ import annotations

import base64
import queue
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from catalyst_operator.adapters import kube
from catalyst_operator.api import labels
from catalyst_operator.api.sovereign import Sovereign as Model
from catalyst_operator.core import manifests
from catalyst_operator.core.settings import CoreSettings
from e2e.bench.apis import Api, Client, Object
from e2e.bench.fleet.preparation import KINDS
from e2e.bench.scale import settled
from e2e.bench.workplace import PREFIX
from e2e.support import audit
from e2e.support.kubectl import Kubectl
from e2e.support.sovereigns import Sovereign

NAME = f"{PREFIX}scale"
"""All that is made for this section begins so; run namespaces do after `sov-`."""
CONNECTIONS = 8
OF_ONE_OWNER = 50
"""Sovereigns: the marks of all that a namespace holds have to fit into its annotations."""
APPLY = "application/apply-patch+yaml"
AS_THE_OPERATOR = f"fieldManager={labels.FIELD_MANAGER}&force=true"


@dataclass(frozen=True)
class Settler:
    """A Sovereign at rest: where it is, and which namespaces are its own or its owner's."""

    namespace: str
    name: str
    run_namespace: str
    """Empty for one that was never started."""

    @property
    def key(self) -> str:
        """What it is called in reports."""
        return f"{self.namespace}/{self.name}"

    @property
    def path(self) -> str:
        """Where the API server has it."""
        return kube.SOVEREIGNS.path(self.namespace, self.name)


@dataclass(frozen=True)
class Wanted:
    """One that is to be made."""

    number: int
    suspended: bool

    @property
    def namespace(self) -> str:
        """Its owner's; those that were handed off have owners of their own, so that requests for them can be told."""
        return f"{NAME}-{'paused' if self.suspended else 'done'}-{self.number // OF_ONE_OWNER}"


class Makers:
    """So many connections, each as an administrator and as the operator, which alone may make some of the objects."""

    def __init__(self, clients: Sequence[tuple[Client, Client]], kubectl: Kubectl, settings: CoreSettings) -> None:
        self._free: queue.SimpleQueue[tuple[Client, Client]] = queue.SimpleQueue()
        for pair in clients:
            self._free.put(pair)
        self._count = len(clients)
        self._kubectl = kubectl
        self._settings = settings

    def make(self, wanted: Sequence[Wanted], known: set[str]) -> list[Settler]:
        """All of these, and the namespaces of their owners that are not `known` yet. Raises BenchError."""
        owners = sorted({one.namespace for one in wanted} - known)
        with ThreadPoolExecutor(self._count) as pool:
            list(pool.map(self._owner, owners))
            return list(pool.map(self._settler, wanted))

    def _owner(self, name: str) -> None:
        with self._pair() as (admin, _):
            admin("POST", kube.NAMESPACES.path(), {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
            token = base64.b64encode(settled.TOKEN.encode()).decode()
            meta = {"name": "hcloud", "namespace": name}
            secret = {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": {"token": token}}
            admin("POST", kube.SECRETS.path(name), secret)

    def _settler(self, one: Wanted) -> Settler:
        manifest = _manifest(self._kubectl, one)
        make = settled.suspended if one.suspended else settled.handed_off
        with self._pair() as (admin, as_operator):
            raw = admin("POST", kube.SOVEREIGNS.path(one.namespace), manifest)
            left = make(raw, self._settings, settled.now())
            for found in left.objects:
                path = KINDS[found["kind"]].path(found["metadata"].get("namespace", ""))
                as_operator("POST", f"{path}?fieldManager={labels.FIELD_MANAGER}", found)
            place = {"name": raw["metadata"]["name"], "namespace": one.namespace}
            status = {**{k: manifest[k] for k in ("apiVersion", "kind")}, "metadata": place, "status": left.status}
            path = kube.SOVEREIGNS.path(one.namespace, place["name"], "status")
            as_operator("PATCH", f"{path}?{AS_THE_OPERATOR}", status, APPLY)
        space = manifests.namespace_of(Model.parse(raw)) if left.objects else ""
        return Settler(one.namespace, place["name"], space)

    @contextmanager
    def _pair(self) -> Iterator[tuple[Client, Client]]:
        pair = self._free.get()
        try:
            yield pair
        finally:
            self._free.put(pair)


@contextmanager
def makers(api: Api, kubectl: Kubectl, settings: CoreSettings) -> Iterator[Makers]:
    """With their connections open."""
    with ExitStack() as stack:
        as_operator = api.impersonating(audit.OPERATOR)
        pairs = [
            (stack.enter_context(Client(api)), stack.enter_context(Client(as_operator))) for _ in range(CONNECTIONS)
        ]
        yield Makers(pairs, kubectl, settings)


def _manifest(kubectl: Kubectl, one: Wanted) -> Object:
    # What is made here is nobody's in any cloud: there is nothing to destroy.
    spec = {"deletionPolicy": "Orphan", "deletionProtection": False, "suspend": one.suspended}
    wanted = Sovereign(kubectl, f"{NAME}-{'p' if one.suspended else 'd'}{one.number}", "", **spec)
    wanted.namespace = one.namespace
    manifest = wanted.manifest
    manifest["metadata"]["finalizers"] = [labels.FINALIZER_SOVEREIGN]
    return manifest
