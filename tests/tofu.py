"""OpenTofu inside a run's Pod, and the cloud it works on: as much of them as the operator can tell apart.

State is written after every resource, a saved plan is stale once another run wrote the state, and the cloud answers
with the error codes that Hetzner has.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from catalyst_operator.core import naming
from catalyst_operator.core.plan_gate import EXIT_APPROVAL_NEEDED, EXIT_DIGEST_MISMATCH
from tests import gen
from tests.fake_kube import FakeApi, Key, Object

STATE = Key("secrets", gen.SPACE, naming.STATE_SECRET)
Ended = tuple[int, str]
"""Exit code and termination message."""


class Broken(AssertionError):
    """Something that must always hold did not."""


@dataclass
class Cloud:
    """The project at the provider: object name -> UID label."""

    objects: dict[str, str] = field(default_factory=dict)
    trouble: list[str] = field(default_factory=list)
    """What the next calls answer, if not success: an error code of the API."""

    def call(self, token: str) -> str:
        """The error code that a write meets, or nothing."""
        if token != gen.TOKEN:
            return "unauthorized"
        return self.trouble.pop(0) if self.trouble else ""


def wanted(workers: int) -> set[str]:
    """The objects of a Sovereign with so many workers."""
    return {"network", "load-balancer", "control-plane-0", *(f"worker-{n}" for n in range(workers))}


@dataclass
class Run:
    """What happens inside the Pod of one run."""

    verb: str
    approved: str
    token: str
    workers: int
    plan: list[tuple[str, str]] = field(default_factory=list)
    serial: int = 0
    """Of the state that was planned from."""
    done: int = 0


class OpenTofu:
    """The phases of runs. `log` takes a container's line."""

    def __init__(self, api: FakeApi, cloud: Cloud, clock: Callable[[], datetime]) -> None:
        self._api = api
        self._cloud = cloud
        self._clock = clock

    def start(self, pod: Object) -> Run:
        """What the kubelet reads for the containers of a Pod when they start."""
        space = pod["metadata"]["namespace"]
        sources = next(v for v in pod["spec"]["volumes"] if v["name"] == "inputs")["projected"]["sources"]
        inputs = self._api.get("secrets", space, sources[0]["secret"]["name"])
        token = self._api.get("secrets", space, naming.TOKEN_SECRET)
        if inputs is None or token is None or self._api.get("secrets", space, naming.STATE_KEY_SECRET) is None:
            raise Broken(f"a Pod was let start before its Secrets were there: {pod['metadata']['name']}")
        variables = json.loads(base64.b64decode(inputs["data"]["tofu.auto.tfvars.json"]))
        return Run(
            verb=_env(pod, "CATALYST_VERB"),
            approved=_env(pod, "CATALYST_APPROVED_PLAN"),
            token=base64.b64decode(token["data"]["token"]).decode(),
            workers=len(variables["worker_sizes"]),
        )

    def work(self, run: Run, phase: str, log: Callable[[Object], None]) -> Ended | None:
        """One small step of a phase; its end, or None when there is more to do."""
        if phase == "tofu-plan":
            return self._plan(run, log)
        if phase == "plan-gate":
            return self._gate(run)
        if phase == "tofu-apply":
            return self._apply(run, log)
        if phase == "tofu-output":
            return 0, gen.OUTPUT_MESSAGE
        return (6 if phase == "leftovers" and gen.UID in self._cloud.objects.values() else 0), ""

    def _plan(self, run: Run, log: Callable[[Object], None]) -> Ended:
        have = set(self.resources())
        want = set() if run.verb == "destroy" else wanted(run.workers)
        if have and run.token != gen.TOKEN:
            log(_diagnostic("unauthorized"))
            return 1, ""
        run.serial = self.serial()
        run.plan = [*(("delete", n) for n in sorted(have - want)), *(("create", n) for n in sorted(want - have))]
        return 0, ""

    def _gate(self, run: Run) -> Ended:
        destroys = [name for action, name in run.plan if action == "delete"]
        digest = naming.digest_of(run.plan)
        counts = {"add": len(run.plan) - len(destroys), "change": 0, "destroy": len(destroys), "replacing": []}
        message = json.dumps({"digest": digest, **counts, "explanation": "something would be destroyed"})
        if run.verb == "destroy" or not destroys or run.approved == digest:
            return 0, message
        return (EXIT_DIGEST_MISMATCH if run.approved else EXIT_APPROVAL_NEEDED), message

    def _apply(self, run: Run, log: Callable[[Object], None]) -> Ended | None:
        """One resource of the plan: the cloud is asked, and the state is written."""
        if run.done == len(run.plan):
            return 0, ""
        action, name = run.plan[run.done]
        log(_hook("apply_start", action, name, self._clock()))
        code = "stale_plan" if self.serial() != run.serial + run.done else self._cloud.call(run.token)
        if code:
            log(_diagnostic(code))
            return 1, ""
        self._change(action, name)
        run.done += 1
        log(_hook("apply_complete", action, name, self._clock()))
        return None

    def _change(self, action: str, name: str) -> None:
        have = self.resources()
        if action == "create":
            if name in self._cloud.objects:
                raise Broken(f"{name} was created twice")
            self._cloud.objects[name] = gen.UID
            have.append(name)
        else:
            del self._cloud.objects[name]
            have.remove(name)
        self._write(have)

    # --- state --------------------------------------------------------------------------------------------------------

    def resources(self) -> list[str]:
        """What the state knows of."""
        names: list[str] = self._read().get("resources", [])
        return names

    def serial(self) -> int:
        """The state's serial, 0 without a state."""
        return int(self._read().get("serial", 0))

    def _read(self) -> dict[str, Any]:
        found = self._api.get(*STATE)
        if found is None:
            return {}
        content: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(found["data"]["tfstate"])))
        return content

    def _write(self, resources: list[str]) -> None:
        content = json.dumps({"serial": self.serial() + 1, "lineage": "l", "resources": resources}).encode()
        data = {"tfstate": base64.b64encode(gzip.compress(content)).decode()}
        if self._api.get(*STATE) is None:
            self._api.put("secrets", {"metadata": {"name": STATE.name, "namespace": STATE.namespace}, "data": data})
        else:
            self._api.change(STATE, lambda o: o.update(data=data))


def _env(pod: Object, name: str) -> str:
    gate = next(c for c in pod["spec"]["initContainers"] if c["name"] == "plan-gate")
    value: str = next(e for e in gate["env"] if e["name"] == name)["value"]
    return value


def _hook(type_: str, action: str, address: str, at: datetime) -> Object:
    return {"type": type_, "@timestamp": at.isoformat(), "hook": {"resource": {"addr": address}, "action": action}}


def _diagnostic(code: str) -> Object:
    said = {"severity": "error", "summary": f"the API refused ({code}, 0123456789abcdef)", "detail": ""}
    return {"type": "diagnostic", "diagnostic": said}
