"""The floor: the same OpenTofu commands in one plain Pod with one container, with no operator and no Job.

Everything is taken from the operator's own Job: image, module, commands, environment, encryption, volumes, rights. What
is left out is what the operator adds: the sidecar, the gate, and a container for each phase.
"""

from __future__ import annotations

import copy
import json
import re
import secrets
import shlex
import time
import uuid
from contextlib import AbstractContextManager
from datetime import UTC, datetime

from catalyst_operator.adapters.new_cluster import authorities
from catalyst_operator.api import labels
from catalyst_operator.api.phases import RunVerb
from catalyst_operator.api.sovereign import Sovereign as Model
from catalyst_operator.core import manifests, naming
from catalyst_operator.core.record import RunEntry
from catalyst_operator.core.runs import job
from catalyst_operator.core.runs.tfvars import inputs_digest, tfvars
from catalyst_operator.core.settings import CoreSettings
from catalyst_operator.core.tofu import backends
from e2e.bench import pods, steps
from e2e.bench.apis import Api, Object
from e2e.bench.errors import BenchError
from e2e.bench.streams import Stamped, Stream, container_events, watch
from e2e.lab.layout import Layout
from e2e.support.cloud import Project
from e2e.support.kubectl import Kubectl
from e2e.support.sovereigns import Sovereign

CONTAINER = "tofu"
SKIPPED = ("plan-gate", "sweep", "leftovers")
"""Phases that plain OpenTofu does not have."""
MARK = re.compile(r"^@bench (.+) ([0-9.]+)$", re.MULTILINE)


class Floor:
    """One plain Pod in a namespace of its own, which exists, with the Secrets that a run would get."""

    def __init__(self, kubectl: Kubectl, layout: Layout, settings: CoreSettings, namespace: str) -> None:
        self._namespace = namespace
        self._kubectl = kubectl
        self._layout = layout
        self._settings = settings
        self._project = Project()
        raw = Sovereign(kubectl, namespace, self._project.token).manifest
        raw["metadata"] = {"name": namespace, "namespace": namespace, "uid": str(uuid.uuid4()), "generation": 1}
        self._sovereign = Model.parse(raw)
        self._variables = tfvars(self._sovereign, settings)

    def prepare(self) -> None:
        """What the operator makes in a run namespace; not part of what is measured."""
        sovereign, digest = self._sovereign, inputs_digest(RunVerb.APPLY, self._variables)
        files = {
            "tofu.auto.tfvars.json": json.dumps(self._variables, indent=1),
            "backend.tf": backends.backend_file(None, self._namespace, sovereign.metadata.uid),
        }
        trust = authorities.make(datetime.now(UTC))
        wanted = [
            *manifests.access(sovereign, self._settings),
            manifests.state_key(sovereign, secrets.token_bytes(32)),
            manifests.boot_secrets(sovereign, trust.variables),
            manifests.provider_token(sovereign, self._project.token),
            manifests.inputs(sovereign, naming.inputs_secret(digest), files),
        ]
        items = [plain(manifest, manifests.namespace_of(sovereign), self._namespace) for manifest in wanted]
        self._kubectl.apply({"apiVersion": "v1", "kind": "List", "items": items})

    def measure(self, *, seconds: float) -> steps.RunTimes:
        """From `kubectl apply` of the Pod to its Succeeded. Raises BenchError."""
        pod = self._pod(RunVerb.APPLY)
        with self._watch() as seen, container_events(self._layout) as events:
            begin = time.time()
            self._kubectl.apply(pod)
            done = self._await_success(seen, pod, seconds)
            found = pods.times(seen, events, last=CONTAINER)
        log = self._kubectl("-n", self._namespace, "logs", pod["metadata"]["name"])
        return steps.of_floor(begin, found, {name: float(at) for name, at in MARK.findall(log)}, done.at)

    def destroy(self, *, seconds: float) -> None:
        """Take back what the Pod created, in the same way, once it has ended. Raises BenchError when something is
        left."""
        if self._kubectl.find("-n", self._namespace, "pod", _name(RunVerb.APPLY)) is None:
            return
        pod = self._pod(RunVerb.DESTROY)
        with self._watch() as seen:
            seen.first(lambda p: _over(p, _name(RunVerb.APPLY)), "the plain Pod to end", seconds=seconds)
            self._kubectl.apply(pod)
            self._await_success(seen, pod, seconds)
        if left := self._project.inventory():
            raise BenchError(f"{self._namespace}: tofu destroy left {sorted(left)}")

    def _watch(self) -> AbstractContextManager[Stream[Object]]:
        return watch(Api.of_lab(self._layout), f"/api/v1/namespaces/{self._namespace}/pods")

    def _await_success(self, seen: Stream[Object], pod: Object, seconds: float) -> Stamped[Object]:
        name = pod["metadata"]["name"]
        heard = seen.first(lambda p: _over(p, name), f"Pod {self._namespace}/{name} to end", seconds=seconds)
        if heard.what["status"]["phase"] != "Succeeded":
            log = self._kubectl("-n", self._namespace, "logs", name, "--tail=20")
            raise BenchError(f"Pod {self._namespace}/{name} failed; the end of its log:\n{log}")
        return heard

    def _pod(self, verb: RunVerb) -> Object:
        digest = inputs_digest(RunVerb.APPLY, self._variables)
        entry = RunEntry(verb, digest, 1, "", 1, datetime.now(UTC), naming.job_name(verb.value, digest, 1))
        spec = job.job(self._sovereign, entry, self._settings)["spec"]["template"]["spec"]
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": _name(verb), "namespace": self._namespace},
            "spec": in_one_container(spec, verb),
        }


def _name(verb: RunVerb) -> str:
    return f"plain-{verb.value}"


def _over(pod: Object, name: str) -> bool:
    return pod["metadata"]["name"] == name and (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def in_one_container(spec: Object, verb: RunVerb) -> Object:
    """The Pod of a run with all its OpenTofu commands in one container, each followed by a mark in the log."""
    found = {c["name"]: c for c in (*spec["initContainers"], *spec["containers"])}
    keeper = found[job.STATE_KEEPER]
    (lay_out,) = keeper["lifecycle"]["postStart"]["exec"]["command"][2:]
    phases = [name for name in job.phases_of(verb) if name not in SKIPPED]
    lines = ['mark() { echo "@bench $1 $(date +%s.%N)"; }', lay_out, f"mark {shlex.quote(steps.LAID_OUT)}"]
    for name in phases:
        lines += [shlex.join(found[name]["command"]), f"mark {name}"]
    # The one that talks to the provider has every environment variable and mount but the inputs.
    container = copy.deepcopy(found["tofu-apply"])
    container |= {"name": CONTAINER, "command": ["/bin/sh", "-ec", "\n".join(lines)]}
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    container["volumeMounts"] += [mount for mount in keeper["volumeMounts"] if mount["name"] not in mounted]
    rest = {key: value for key, value in spec.items() if key != "initContainers"}
    return {**rest, "containers": [container]}


def plain(manifest: Object, run_namespace: str, namespace: str) -> Object:
    """A manifest of a run namespace, moved to another one. Without our labels: the operator must not be woken."""
    # Also in the subjects of role bindings; the name has the hash of a UID in it, so it cannot be part of another word.
    moved: Object = json.loads(json.dumps(manifest).replace(run_namespace, namespace))
    kept = moved["metadata"].get("labels", {}).items()
    moved["metadata"]["labels"] = {name: value for name, value in kept if not name.startswith(f"{labels.GROUP}/")}
    return moved
