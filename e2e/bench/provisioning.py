"""One Sovereign from `kubectl apply` to TofuOutput True, watched from outside."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from catalyst_operator.api import labels
from catalyst_operator.api.conditions import ConditionType
from catalyst_operator.core.runs.job import STATE_KEEPER
from catalyst_operator.core.telling.phase_conditions import PHASE_CONDITIONS
from e2e.bench import pods, steps
from e2e.bench.apis import Api, Object
from e2e.bench.errors import BenchError
from e2e.bench.streams import Stamped, Stream, container_events, watch
from e2e.lab.layout import Layout
from e2e.support.cloud import Project
from e2e.support.kubectl import Kubectl
from e2e.support.sovereigns import Sovereign


@dataclass(frozen=True)
class Provisioned:
    """What one run took, and how soon each of its phases was told."""

    times: steps.RunTimes
    told: tuple[steps.Told, ...]


class Provisioning:
    """A Sovereign of the benchmark, in a project of its own. `namespace` exists."""

    def __init__(self, kubectl: Kubectl, layout: Layout, namespace: str, name: str, **spec: Any) -> None:
        self.name = name
        self._kubectl = kubectl
        self._layout = layout
        self._sovereign = Sovereign(kubectl, name, Project().token, **spec)
        self._sovereign.namespace = namespace
        self._sovereign.spec["credentialsSecretRef"] = {"name": f"token-{name}"}

    def prepare(self) -> None:
        """The credentials; not part of what is measured."""
        metadata = {"name": f"token-{self.name}", "namespace": self._sovereign.namespace}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata}
        self._kubectl.apply({**secret, "stringData": {"token": self._sovereign.token}})

    def measure(self, *, seconds: float) -> Provisioned:
        """Raises BenchError when the run fails or something of it could not be seen."""
        place = f"/apis/{labels.API_VERSION}/namespaces/{self._sovereign.namespace}/sovereigns"
        ours = f"{labels.LABEL_SOVEREIGN}={self.name}"
        api = Api.of_lab(self._layout)
        with (
            watch(api, place, fieldSelector=f"metadata.name={self.name}") as sovereigns,
            watch(api, "/api/v1/pods", labelSelector=ours) as seen,
            container_events(self._layout) as events,
        ):
            begin = time.time()
            self._kubectl.apply(self._sovereign.manifest)
            done = self._await_outputs(sovereigns, seconds)
            found = pods.times(seen, events, last=steps.PHASES[-1], sidecar=STATE_KEEPER)
            return Provisioned(steps.of_run(begin, found, done.at), told(found, seen, sovereigns))

    def _await_outputs(self, sovereigns: Stream[Object], seconds: float) -> Stamped[Object]:
        def over(found: Object) -> bool:
            return true(found, ConditionType.TOFU_OUTPUT) or true(found, ConditionType.STALLED)

        heard = sovereigns.first(over, f"Sovereign {self.name} to have outputs", seconds=seconds)
        if not true(heard.what, ConditionType.TOFU_OUTPUT):
            raise BenchError(f"Sovereign {self.name} is stalled:\n{self._sovereign.describe()}")
        return heard

    def remove(self, *, seconds: float) -> None:
        """As a person would, and wait until the operator has taken everything back."""
        self._sovereign.delete(seconds=seconds)


def true(sovereign: Object, type_: ConditionType) -> bool:
    found = (sovereign.get("status") or {}).get("conditions") or ()
    return any(c["type"] == type_.value and c["status"] == "True" for c in found)


def told(times: steps.PodTimes, seen: Stream[Object], sovereigns: Stream[Object]) -> tuple[steps.Told, ...]:
    """For each condition of a run: from the end of the container that it waits for to the event that carries it."""
    return tuple(_told(type_, names[-1], times, seen, sovereigns) for type_, names in PHASE_CONDITIONS.items())


def _told(
    type_: ConditionType, container: str, times: steps.PodTimes, seen: Stream[Object], sovereigns: Stream[Object]
) -> steps.Told:
    in_pod = pods.await_end(seen, container).at
    in_status = sovereigns.first(lambda s: true(s, type_), f"{type_.value} to be True", seconds=pods.LATE_SECONDS).at
    return steps.Told(type_.value, in_pod - times.phases[container].end, in_status - in_pod)
