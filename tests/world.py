"""A world for the real operator to live in: an API server in memory, and around it everything else, simulated.

The operator's half is real (observer, decision, executor, status writer, adapters). Simulated are the controllers of
Kubernetes that touch a run, the kubelet, OpenTofu with its state, the cloud, and people. Nothing happens by itself:
a test lets one small step after the other happen, in any order, and the world checks after each change that what must
always hold does hold.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from prometheus_client import CollectorRegistry
from pydantic import ValidationError

from catalyst_operator.adapters.run_logs import RunLogs
from catalyst_operator.api import labels
from catalyst_operator.api.conditions import CONDITIONS
from catalyst_operator.api.scalars import format_time
from catalyst_operator.api.sovereign import Sovereign
from catalyst_operator.core import conditions, naming, record
from catalyst_operator.core.plan_gate import EXIT_APPROVAL_NEEDED, EXIT_DIGEST_MISMATCH
from catalyst_operator.errors import ApiError
from catalyst_operator.metrics import Metrics
from catalyst_operator.reconcilers.sovereign import Key as SovereignKey
from catalyst_operator.reconcilers.sovereign import SovereignReconciler
from tests import gen
from tests.fake_kube import Crash, FakeApi, Key, Object, Request

SECRET = Key("secrets", "team-a", "hcloud")
SOVEREIGN = Key("sovereigns", "team-a", "omantel")
RECORD = Key("configmaps", gen.SPACE, naming.RECORD)
STATE = Key("secrets", gen.SPACE, naming.STATE_SECRET)
TRACKED = "batch.kubernetes.io/job-tracking"
WRONG_TOKEN = "Wrong0Token0" + "y" * 52
UID_OF = labels.LABEL_SOVEREIGN_UID


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


@dataclass
class _Tofu:
    """What happens inside the Pod of one run."""

    verb: str
    uid: str
    inputs: dict[str, Any]
    token: str = ""
    plan: list[tuple[str, str]] = field(default_factory=list)
    done: int = 0


class World:
    """One Sovereign's world. Steps are methods; `enabled` lists those of the cluster that could happen now."""

    def __init__(self, *mods: gen.RawMod) -> None:
        self.now = gen.NOW
        self.api = FakeApi(lambda: self.now)
        self.cloud = Cloud()
        self.events: list[str] = []
        """What happened, for the reader of a failure."""
        self.wake = True
        self.timer: datetime | None = None
        self.reconciles = 0
        self._tofu: dict[str, _Tofu] = {}
        self._ran: dict[str, str] = {}
        self._stamp = 0
        self.api.on_change = self._changed
        self.api.put("namespaces", {"metadata": {"name": "team-a"}})
        self.set_token(gen.TOKEN)
        raw = gen.raw_sovereign(*mods)
        raw["metadata"].pop("finalizers")
        self.api.put("sovereigns", raw)
        self.api.change(SOVEREIGN, lambda o: o["metadata"].update(uid=gen.UID))
        self.restart()

    # --- the operator -------------------------------------------------------------------------------------------------

    def restart(self) -> None:
        """A new process of the operator: it remembers nothing, lists everything, and so is woken."""
        client = self.api.client()
        self.logs = RunLogs(client)
        self._reconciler = SovereignReconciler(
            client, self.logs, gen.SETTINGS, Metrics(CollectorRegistry()), clock=lambda: self.now
        )
        self._reconciler.wake = lambda _: self._wake()
        self._wake()

    async def reconcile(self) -> None:
        """One reconcile, as the work queue runs it: an error of the API is tried again soon, a crash is a restart."""
        self.wake, self.timer = False, None
        self.reconciles += 1
        try:
            again = await self._reconciler.reconcile(SovereignKey(SOVEREIGN.namespace, SOVEREIGN.name))
        except ApiError as error:
            self.events.append(f"reconcile failed: {error}")
            self.timer = self.now + timedelta(seconds=1)
        except Crash:
            self.events.append("operator crashed")
            self.restart()
        else:
            self.timer = None if again is None else self.now + again

    def _wake(self) -> None:
        self.wake = True

    # --- what can be seen ---------------------------------------------------------------------------------------------

    @property
    def sovereign(self) -> Object | None:
        """The Sovereign as it lies in the API server."""
        return self.api.get(*SOVEREIGN)

    def condition(self, type_: str) -> Object:
        """A condition of the Sovereign, {} if absent."""
        held = ((self.sovereign or {}).get("status") or {}).get("conditions") or ()
        return next((c for c in held if c["type"] == type_), {})

    def wanted(self) -> set[str]:
        """The cloud objects that the spec asks for."""
        spec = (self.sovereign or {})["spec"]
        return _wanted(spec.get("workers", {}).get("replicas", 0))

    def pods(self) -> list[Object]:
        """The Pods of runs."""
        return self.api.all("pods")

    def jobs(self) -> list[Object]:
        """The Jobs of runs."""
        return self.api.all("jobs")

    # --- people -------------------------------------------------------------------------------------------------------

    def set_token(self, token: str | None) -> None:
        """The owner writes the credential Secret, or removes it."""
        self.api.remove(*SECRET)
        if token is not None:
            data = {"token": base64.b64encode(token.encode()).decode()}
            self.api.put("secrets", {"metadata": {"name": SECRET.name, "namespace": SECRET.namespace}, "data": data})

    def edit(self, **spec: Any) -> None:
        """The owner edits the spec, if the Sovereign is still there."""
        if self.sovereign is not None:
            self.api.change(SOVEREIGN, gen.spec(**spec))

    def annotate(self, name: str) -> None:
        """The owner sets one of our annotations to a value that was not there before."""
        self._stamp += 1
        if self.sovereign is not None:
            self.api.change(SOVEREIGN, gen.annotated(**{name: f"at-{self._stamp}"}))

    def delete(self) -> None:
        """The owner deletes the Sovereign, protected or not (a CRD's deletion does so, past admission)."""
        self.api.remove(*SOVEREIGN)

    def delete_job(self) -> None:
        """Somebody deletes the latest Job."""
        for job in self.jobs()[-1:]:
            self.api.remove("jobs", gen.SPACE, job["metadata"]["name"])

    def delete_pod(self) -> None:
        """Somebody deletes a run's Pod, or drains its node."""
        for pod in self.pods()[-1:]:
            self.api.remove("pods", gen.SPACE, pod["metadata"]["name"])

    def evict_pod(self) -> None:
        """The kubelet evicts a run's Pod."""
        for pod in filter(_alive, self.pods()):
            if pod["spec"].get("nodeName"):
                self._end_pod(_key("pods", pod), 137, reason="Evicted")

    # --- the cluster --------------------------------------------------------------------------------------------------

    def enabled(self) -> list[Callable[[], None]]:
        """What the cluster could do next, one small step each."""
        steps: list[Callable[[], None]] = []
        steps += [lambda j=job: self._make_pod(j) for job in self.jobs() if self._wants_pod(job)]
        steps += [lambda j=job: self._end_job(j) for job in self.jobs() if self._ended_pod_of(job)]
        for pod in self.pods():
            steps += [lambda p=pod, s=step: s(p) for step in self._pod_steps(pod)]
        steps += [lambda n=space: self._empty(n) for space in self.api.all("namespaces") if _going(space)]
        return steps

    def _wants_pod(self, job: Object) -> bool:
        ended = (job.get("status") or {}).get("conditions")
        return not ended and not any(_owned(pod, job) for pod in self.pods())

    def _make_pod(self, job: Object) -> None:
        template, name = job["spec"]["template"], job["metadata"]["name"]
        held = {**template["metadata"]["labels"], "batch.kubernetes.io/job-name": name}
        self._stamp += 1
        self.api.put(
            "pods",
            {
                "metadata": {
                    "name": f"{name}-{self._stamp}",
                    "namespace": gen.SPACE,
                    "labels": held,
                    "finalizers": [*template["metadata"]["finalizers"], TRACKED],
                    "ownerReferences": [{"uid": job["metadata"]["uid"]}],
                },
                "spec": template["spec"],
                "status": {"phase": "Pending"},
            },
        )

    def _ended_pod_of(self, job: Object) -> Object | None:
        if (job.get("status") or {}).get("conditions"):
            return None
        return next((pod for pod in self.pods() if _owned(pod, job) and _ended(pod)), None)

    def _end_job(self, job: Object) -> None:
        pod = self._ended_pod_of(job)
        assert pod is not None
        type_ = "Complete" if pod["status"]["phase"] == "Succeeded" else "Failed"
        ended = {"conditions": [{"type": type_, "status": "True"}]}
        self.api.change(_key("jobs", job), lambda o: o.update(status=ended))
        self._untrack(pod)

    def _untrack(self, pod: Object) -> None:
        self.api.change(_key("pods", pod), _without_finalizer(TRACKED))

    def _pod_steps(self, pod: Object) -> list[Callable[[Object], None]]:
        orphan = not any(_owned(pod, job) for job in self.jobs())
        if orphan and not _going(pod):
            return [lambda p: self.api.remove("pods", gen.SPACE, p["metadata"]["name"])]
        if orphan and _ended(pod) and TRACKED in pod["metadata"].get("finalizers", ()):
            return [self._untrack]
        if _ended(pod):
            return []
        if not pod["spec"].get("nodeName"):
            return [self._collect if _going(pod) else self._schedule]
        return [self._stop if _going(pod) else self._run]

    def _collect(self, pod: Object) -> None:
        """The garbage collector of Pods that were deleted before they found a node."""
        self.api.change(_key("pods", pod), lambda o: o.update(status={"phase": "Failed"}))

    def _schedule(self, pod: Object) -> None:
        names = [c["name"] for c in (*pod["spec"]["initContainers"], *pod["spec"]["containers"])]
        waiting = [{"name": name, "state": {"waiting": {"reason": "PodInitializing"}}} for name in names]

        def bind(o: Object) -> None:
            o["spec"]["nodeName"] = "node-1"
            o["status"] = {"phase": "Pending", "initContainerStatuses": waiting[:-1], "containerStatuses": waiting[-1:]}

        self.api.change(_key("pods", pod), bind)

    def _stop(self, pod: Object) -> None:
        """SIGTERM: tofu keeps what it did, and ends with an error."""
        self._end_pod(_key("pods", pod), 1)

    def _end_pod(self, key: Key, exit_code: int, reason: str = "") -> None:
        def end(o: Object) -> None:
            o["status"].update(phase="Failed", reason=reason)
            for status in _statuses(o):
                if "running" in status["state"]:
                    status["state"] = self._terminated(status["state"]["running"]["startedAt"], exit_code)

        self.api.change(key, end)

    def _terminated(self, started: str, exit_code: int, message: str = "") -> Object:
        ended = {"exitCode": exit_code, "startedAt": started, "finishedAt": format_time(self.now), "message": message}
        return {"terminated": ended}

    def _empty(self, space: Object) -> None:
        """The namespace controller: everything in it is deleted, and it goes when nothing is left."""
        name = space["metadata"]["name"]
        held = [key for key, _ in self.api.everything() if key.namespace == name]
        for key in held:
            self.api.remove(*key)
        if not any(key.namespace == name for key, _ in self.api.everything()):
            self.api.finish(Key("namespaces", "", name))

    # --- the kubelet and OpenTofu -------------------------------------------------------------------------------------

    def _run(self, pod: Object) -> None:
        """Let the Pod's next phase begin, go on, or end."""
        for status in _statuses(pod):
            if status["name"] == "state-keeper":
                continue
            if "waiting" in status["state"]:
                self._begin(pod, status["name"])
                return
            if "running" in status["state"]:
                self._work(pod, status["name"])
                return
        self._finish(pod)

    def _begin(self, pod: Object, phase: str) -> None:
        meta = pod["metadata"]
        self._check_single(meta["labels"][labels.LABEL_ATTEMPT], meta["uid"])
        if meta["uid"] not in self._tofu:
            self._tofu[meta["uid"]] = self._mount(pod)
        self._set(pod, phase, {"running": {"startedAt": format_time(self.now)}}, "Running")

    def _mount(self, pod: Object) -> _Tofu:
        """What the kubelet reads for the containers when they start."""
        sources = next(v for v in pod["spec"]["volumes"] if v["name"] == "inputs")
        name = sources["projected"]["sources"][0]["secret"]["name"]
        secret = self.api.get("secrets", gen.SPACE, name)
        token = self.api.get("secrets", gen.SPACE, naming.TOKEN_SECRET)
        key = self.api.get("secrets", gen.SPACE, naming.STATE_KEY_SECRET)
        if secret is None or token is None or key is None:
            raise Broken(f"a Pod was let start before its Secrets were there: {pod['metadata']['name']}")
        verb = pod["metadata"]["labels"][labels.LABEL_VERB]
        inputs = json.loads(base64.b64decode(secret["data"]["tofu.auto.tfvars.json"]))
        return _Tofu(verb, pod["metadata"]["uid"], inputs, base64.b64decode(token["data"]["token"]).decode())

    def _work(self, pod: Object, phase: str) -> None:
        tofu = self._tofu[pod["metadata"]["uid"]]
        if phase == "tofu-apply" and tofu.done < len(tofu.plan):
            self._act(pod, tofu)
            return
        work = {"tofu-plan": self._plan, "plan-gate": self._gate, "tofu-output": self._output}.get(phase)
        leftovers = phase == "leftovers" and gen.UID in self.cloud.objects.values()
        exit_code, message = work(pod, tofu) if work else (6 if leftovers else 0, "")
        self._end(pod, phase, exit_code, message)

    def _plan(self, pod: Object, tofu: _Tofu) -> tuple[int, str]:
        have = set(self._resources())
        want = set() if tofu.verb == "destroy" else _wanted(len(tofu.inputs["worker_sizes"]))
        if have and tofu.token != gen.TOKEN:
            self._log(pod, "tofu-plan", _diagnostic("unauthorized"))
            return 1, ""
        tofu.plan = [*(("delete", n) for n in sorted(have - want)), *(("create", n) for n in sorted(want - have))]
        return 0, ""

    def _gate(self, pod: Object, tofu: _Tofu) -> tuple[int, str]:
        creates = [name for action, name in tofu.plan if action == "create"]
        destroys = [name for action, name in tofu.plan if action == "delete"]
        digest = naming.digest_of([tofu.uid and tofu.plan])
        words = {"digest": digest, "add": len(creates), "change": 0, "destroy": len(destroys), "replacing": []}
        if tofu.verb == "destroy" or not destroys:
            return 0, json.dumps(words)
        approved = _env(pod, "plan-gate", "CATALYST_APPROVED_PLAN")
        code = 0 if approved == digest else EXIT_DIGEST_MISMATCH if approved else EXIT_APPROVAL_NEEDED
        return code, json.dumps(words)

    def _act(self, pod: Object, tofu: _Tofu) -> None:
        """One resource of the plan: the cloud is asked, and the state is written."""
        action, name = tofu.plan[tofu.done]
        self._log(pod, "tofu-apply", _hook("apply_start", action, name, self.now))
        code = self.cloud.call(tofu.token)
        if code:
            self._log(pod, "tofu-apply", _diagnostic(code))
            self._end(pod, "tofu-apply", 1, "")
            return
        have = self._resources()
        if action == "create":
            if name in self.cloud.objects:
                raise Broken(f"{name} was created twice")
            self.cloud.objects[name] = gen.UID
            have.append(name)
        else:
            del self.cloud.objects[name]
            have.remove(name)
        self._write_state(have)
        tofu.done += 1
        self._log(pod, "tofu-apply", _hook("apply_complete", action, name, self.now))

    def _output(self, pod: Object, tofu: _Tofu) -> tuple[int, str]:
        return 0, gen.OUTPUT_MESSAGE

    def _resources(self) -> list[str]:
        found = self.api.get(*STATE)
        if found is None:
            return []
        names: list[str] = json.loads(gzip.decompress(base64.b64decode(found["data"]["tfstate"])))["resources"]
        return names

    def _write_state(self, resources: list[str]) -> None:
        found = self.api.get(*STATE)
        serial = 0
        if found is not None:
            serial = json.loads(gzip.decompress(base64.b64decode(found["data"]["tfstate"])))["serial"]
        content = json.dumps({"serial": serial + 1, "lineage": "l", "resources": resources}).encode()
        data = {"tfstate": base64.b64encode(gzip.compress(content)).decode()}
        if found is None:
            self.api.put("secrets", {"metadata": {"name": STATE.name, "namespace": gen.SPACE}, "data": data})
        else:
            self.api.change(STATE, lambda o: o.update(data=data))

    def _end(self, pod: Object, phase: str, exit_code: int, message: str) -> None:
        current = self.api.get(*_key("pods", pod))
        assert current is not None
        started = next(s for s in _statuses(current) if s["name"] == phase)["state"]["running"]["startedAt"]
        self._set(current, phase, self._terminated(started, exit_code, message), "Failed" if exit_code else "Running")

    def _finish(self, pod: Object) -> None:
        """The sidecar is told to stop after the last phase, and then the Pod is over."""
        self.api.change(_key("pods", pod), lambda o: o["status"].update(phase="Succeeded"))

    def _set(self, pod: Object, phase: str, state: Object, pod_phase: str) -> None:
        def edit(o: Object) -> None:
            o["status"]["phase"] = pod_phase
            next(s for s in _statuses(o) if s["name"] == phase)["state"] = state

        self.api.change(_key("pods", pod), edit)

    def _log(self, pod: Object, container: str, line: Object) -> None:
        self.api.logs.setdefault((gen.SPACE, pod["metadata"]["name"], container), []).append(json.dumps(line))

    # --- what must always hold ----------------------------------------------------------------------------------------

    def _changed(self, key: Key, before: Object | None, after: Object | None) -> None:
        """Called by the API server with every change: wakes the operator as its watches do, and checks."""
        if key.plural in ("sovereigns", "jobs", "pods"):
            self.wake = True
        if key == SOVEREIGN and before is not None:
            self._check_sovereign(before, after)
        if key.plural == "pods" and before is not None:
            self._check_evidence(before, after)
        if key.plural == "jobs" and before is None:
            self._check_one_job()

    def _check_sovereign(self, before: Object, after: Object | None) -> None:
        if after is None:
            orphaned = before["spec"].get("deletionPolicy") == "Orphan"
            if self.cloud.objects and not orphaned:
                raise Broken(f"the finalizer was removed while the cloud still has {sorted(self.cloud.objects)}")
            return
        if after.get("status") != before.get("status"):
            self._check_status(before, after)

    def _check_status(self, before: Object, after: Object) -> None:
        try:
            new, old = Sovereign.parse(after), Sovereign.parse(before)
        except ValidationError as error:
            raise Broken(f"the schema refuses the status: {error}") from error
        wrong = conditions.violations(new.status.conditions, new.metadata.generation)
        wrong += [f"{c.type}={c.reason} is not documented" for c in new.status.conditions if not _documented(c)]
        known = {c.type: c for c in old.status.conditions}
        for c in new.status.conditions:
            same = c.type in known and known[c.type].status == c.status
            expected = known[c.type].last_transition_time if same else self.now.replace(microsecond=0)
            if c.last_transition_time != expected:
                wrong.append(f"lastTransitionTime of {c.type} is {c.last_transition_time}, not {expected}")
        if old.status.outputs and not new.status.outputs:
            wrong.append("outputs were forgotten")
        if wrong:
            raise Broken("; ".join(wrong))

    def _check_evidence(self, before: Object, after: Object | None) -> None:
        held = labels.FINALIZER_OBSERVED in before["metadata"].get("finalizers", ())
        if not held or (after and labels.FINALIZER_OBSERVED in after["metadata"].get("finalizers", ())):
            return
        text = (self.api.get(*RECORD) or {}).get("data", {}).get("record.json")
        attempt = int(before["metadata"]["labels"][labels.LABEL_ATTEMPT])
        if text is None or any(r.active for r in record.from_json(text).runs if r.attempt == attempt):
            raise Broken(f"Pod of attempt {attempt} was let go before its end was recorded")
        if not _ended(before) and not (_going(before) and not before["spec"].get("nodeName")):
            raise Broken(f"Pod of attempt {attempt} was let go while it was running")

    def _check_one_job(self) -> None:
        live = [job["metadata"]["name"] for job in self.jobs() if not self._over(job)]
        if len(live) > 1:
            raise Broken(f"two Jobs are live: {live}")
        if [job for job in self.jobs() if self._over(job)] and any(map(_at_work, self.pods())):
            raise Broken("a Job was created while a Pod of an earlier one still runs")

    def _over(self, job: Object) -> bool:
        ended = bool((job.get("status") or {}).get("conditions"))
        return ended or any(_owned(pod, job) and _over(pod) for pod in self.pods())

    def _check_single(self, attempt: str, pod_uid: str) -> None:
        if self._ran.setdefault(attempt, pod_uid) != pod_uid:
            raise Broken(f"attempt {attempt} ran in two Pods")


# --- small things -----------------------------------------------------------------------------------------------------


def _wanted(workers: int) -> set[str]:
    return {"network", "load-balancer", "control-plane-0", *(f"worker-{n}" for n in range(workers))}


def _key(plural: str, o: Object) -> Key:
    return Key(plural, o["metadata"].get("namespace", ""), o["metadata"]["name"])


def _owned(pod: Object, job: Object) -> bool:
    owners = pod["metadata"].get("ownerReferences") or ()
    return any(owner["uid"] == job["metadata"]["uid"] for owner in owners)


def _ended(pod: Object) -> bool:
    return pod["status"]["phase"] in ("Succeeded", "Failed")


def _alive(pod: Object) -> bool:
    return not _ended(pod)


def _at_work(pod: Object) -> bool:
    """Whether OpenTofu may still act in it."""
    begun = any("running" in s["state"] or "terminated" in s["state"] for s in _statuses(pod))
    return _alive(pod) and begun and any("terminated" not in s["state"] for s in _phases(pod))


def _over(pod: Object) -> bool:
    phases = _phases(pod)
    never_ran = _going(pod) and not pod["spec"].get("nodeName")
    return _ended(pod) or never_ran or (bool(phases) and all("terminated" in s["state"] for s in phases))


def _phases(pod: Object) -> list[Object]:
    return [s for s in _statuses(pod) if s["name"] != "state-keeper"]


def _going(o: Object) -> bool:
    return "deletionTimestamp" in o["metadata"]


def _statuses(pod: Object) -> list[Object]:
    return [*pod["status"].get("initContainerStatuses", ()), *pod["status"].get("containerStatuses", ())]


def _without_finalizer(name: str) -> Callable[[Object], None]:
    def edit(o: Object) -> None:
        o["metadata"]["finalizers"] = [f for f in o["metadata"].get("finalizers", ()) if f != name]

    return edit


def _env(pod: Object, container: str, name: str) -> str:
    listed = (*pod["spec"]["initContainers"], *pod["spec"]["containers"])
    env = next(c for c in listed if c["name"] == container)["env"]
    value: str = next(e for e in env if e["name"] == name)["value"]
    return value


def _hook(type_: str, action: str, address: str, at: datetime) -> Object:
    return {"type": type_, "@timestamp": at.isoformat(), "hook": {"resource": {"addr": address}, "action": action}}


def _diagnostic(code: str) -> Object:
    said = {"severity": "error", "summary": f"the API refused ({code}, 0123456789abcdef)", "detail": ""}
    return {"type": "diagnostic", "diagnostic": said}


_REASONS = {doc.type.value: {reason.value for reason in doc.reasons} for doc in CONDITIONS}


_REASONS["Reconciling"].add("CredentialsMissing")


def _documented(c: Any) -> bool:
    return c.reason in _REASONS.get(c.type, ())


__all__ = ["SECRET", "SOVEREIGN", "WRONG_TOKEN", "Broken", "Crash", "Request", "World"]
