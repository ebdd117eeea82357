"""What Kubernetes does to a run, one small step at a time: Job controller, scheduler, kubelet, garbage collector.

Nothing happens by itself: `enabled` lists the steps that could happen next, and the test lets one of them happen.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial

from catalyst_operator.api.scalars import format_time
from catalyst_operator.clock import Clock
from tests.support.fake_kube import FakeApi, Key, Object
from tests.support.tofu import OpenTofu, Run

TRACKED = "batch.kubernetes.io/job-tracking"
"""The finalizer by which the Job controller sees every Pod's end."""


class Cluster:
    """The controllers around one API server. `starting` is called with a Pod before its first container runs."""

    def __init__(self, api: FakeApi, tofu: OpenTofu, clock: Clock, starting: Callable[[Object], None]) -> None:
        self._api = api
        self._tofu = tofu
        self._clock = clock
        self._starting = starting
        self._runs: dict[str, Run] = {}
        self._made = 0

    def enabled(self) -> list[Callable[[], None]]:
        """What could happen next."""
        steps: list[Callable[[], None]] = []
        jobs, pods = self._api.all("jobs"), self._api.all("pods")
        for job in filter(open_, jobs):
            mine = [pod for pod in pods if owned(pod, job)]
            if not mine:
                steps.append(partial(self._make_pod, job))
            steps += [partial(self._end_job, job, pod) for pod in mine if ended(pod)]
        steps += [step for pod in pods if (step := self._pod_step(pod, any(owned(pod, job) for job in jobs)))]
        return [*steps, *(partial(self._empty, space) for space in self._api.all("namespaces") if going(space))]

    # --- Job controller and garbage collector -------------------------------------------------------------------------

    def _make_pod(self, job: Object) -> None:
        template, meta = job["spec"]["template"], job["metadata"]
        self._made += 1
        self._api.put(
            "pods",
            {
                "metadata": {
                    "name": f"{meta['name']}-{self._made}",
                    "namespace": meta["namespace"],
                    "labels": {**template["metadata"]["labels"], "batch.kubernetes.io/job-name": meta["name"]},
                    "finalizers": [*template["metadata"]["finalizers"], TRACKED],
                    "ownerReferences": [{"uid": meta["uid"]}],
                },
                "spec": template["spec"],
                "status": {"phase": "Pending"},
            },
        )

    def _end_job(self, job: Object, pod: Object) -> None:
        type_ = "Complete" if pod["status"]["phase"] == "Succeeded" else "Failed"
        over = {"conditions": [{"type": type_, "status": "True"}]}
        self._api.change(key_of("jobs", job), lambda o: o.update(status=over))
        self._untrack(pod)

    def _untrack(self, pod: Object) -> None:
        self._api.change(key_of("pods", pod), _untracked)

    def _remove(self, pod: Object) -> None:
        self._api.remove(*key_of("pods", pod))

    def _collect(self, pod: Object) -> None:
        """Of a Pod that was deleted before it found a node."""
        self._api.change(key_of("pods", pod), lambda o: o.update(status={"phase": "Failed"}))

    def _empty(self, space: Object) -> None:
        """The namespace controller: everything in it is deleted, and it goes when nothing is left."""
        name = space["metadata"]["name"]
        for key in [key for key, _ in self._api.everything() if key.namespace == name]:
            self._api.remove(*key)
        if not any(key.namespace == name for key, _ in self._api.everything()):
            self._api.finish(Key("namespaces", "", name))

    # --- Pods ---------------------------------------------------------------------------------------------------------

    def _pod_step(self, pod: Object, has_job: bool) -> Callable[[], None] | None:
        step: Callable[[Object], None] | None = None
        if not has_job and not going(pod):
            step = self._remove
        elif ended(pod):
            step = self._untrack if not has_job and TRACKED in pod["metadata"].get("finalizers", ()) else None
        elif not scheduled(pod):
            step = self._collect if going(pod) else self._schedule
        else:
            step = self._stop if going(pod) else self._run
        return partial(step, pod) if step else None

    def _schedule(self, pod: Object) -> None:
        names = [c["name"] for c in (*pod["spec"]["initContainers"], *pod["spec"]["containers"])]
        waiting = [{"name": name, "state": {"waiting": {"reason": "PodInitializing"}}} for name in names]

        def bind(o: Object) -> None:
            o["spec"]["nodeName"] = "node-1"
            o["status"] = {"phase": "Pending", "initContainerStatuses": waiting[:-1], "containerStatuses": waiting[-1:]}

        self._api.change(key_of("pods", pod), bind)

    def _stop(self, pod: Object) -> None:
        """SIGTERM: tofu keeps what it did, and ends with an error."""
        run = self._runs.get(pod["metadata"]["uid"])
        if run is not None and _in_phase(pod, "tofu-apply"):
            self._tofu.stop(run)
        self.fail(pod, 1)

    def fail(self, pod: Object, exit_code: int, reason: str = "") -> None:
        """Everything that runs in a Pod ends with this exit code, and the Pod with it."""

        def end(o: Object) -> None:
            o["status"].update(phase="Failed", reason=reason)
            for status in statuses(o):
                if "running" in status["state"]:
                    status["state"] = self._terminated(status["state"]["running"]["startedAt"], exit_code)

        self._api.change(key_of("pods", pod), end)

    def _run(self, pod: Object) -> None:
        """Let the Pod's next phase begin, go on, or end."""
        status = next((s for s in phases(pod) if "terminated" not in s["state"]), None)
        if status is None:
            self._api.change(key_of("pods", pod), lambda o: o["status"].update(phase="Succeeded"))
        elif "waiting" in status["state"]:
            self._begin(pod, status["name"])
        else:
            self._work(pod, status["name"], status["state"]["running"]["startedAt"])

    def _begin(self, pod: Object, phase: str) -> None:
        self._starting(pod)
        uid = pod["metadata"]["uid"]
        if uid not in self._runs:
            self._runs[uid] = self._tofu.start(pod)
        self._set(pod, phase, {"running": {"startedAt": format_time(self._clock())}}, "Running")

    def _work(self, pod: Object, phase: str, started: str) -> None:
        meta = pod["metadata"]
        lines = self._api.logs.setdefault((meta["namespace"], meta["name"], phase), [])
        over = self._tofu.work(self._runs[meta["uid"]], phase, lambda line: lines.append(json.dumps(line)))
        if over is not None:
            state = self._terminated(started, *over)
            self._set(pod, phase, state, "Failed" if over[0] else "Running")

    def _set(self, pod: Object, phase: str, state: Object, pod_phase: str) -> None:
        def edit(o: Object) -> None:
            o["status"]["phase"] = pod_phase
            next(s for s in statuses(o) if s["name"] == phase)["state"] = state

        self._api.change(key_of("pods", pod), edit)

    def _terminated(self, started: str, exit_code: int, message: str = "") -> Object:
        over = {"exitCode": exit_code, "startedAt": started, "finishedAt": format_time(self._clock())}
        return {"terminated": {**over, "message": message}}


# --- what can be said of Jobs and Pods --------------------------------------------------------------------------------


def key_of(plural: str, o: Object) -> Key:
    """Where an object lies."""
    return Key(plural, o["metadata"].get("namespace", ""), o["metadata"]["name"])


def open_(job: Object) -> bool:
    """Whether the Job controller has not called it finished."""
    return not (job.get("status") or {}).get("conditions")


def owned(pod: Object, job: Object) -> bool:
    """Whether the Pod was made for this very Job, not for an earlier one of its name."""
    return any(o["uid"] == job["metadata"]["uid"] for o in pod["metadata"].get("ownerReferences") or ())


def going(o: Object) -> bool:
    """Whether it is being deleted."""
    return "deletionTimestamp" in o["metadata"]


def scheduled(pod: Object) -> bool:
    """Whether it found a node."""
    return bool(pod["spec"].get("nodeName"))


def ended(pod: Object) -> bool:
    """Whether the kubelet called it over."""
    return pod["status"]["phase"] in ("Succeeded", "Failed")


def statuses(pod: Object) -> list[Object]:
    """Its containers, in order."""
    return [*pod["status"].get("initContainerStatuses", ()), *pod["status"].get("containerStatuses", ())]


def phases(pod: Object) -> list[Object]:
    """Its containers without the sidecar."""
    return [s for s in statuses(pod) if s["name"] != "state-keeper"]


def _in_phase(pod: Object, phase: str) -> bool:
    return any(s["name"] == phase and "running" in s["state"] for s in phases(pod))


def at_work(pod: Object) -> bool:
    """Whether a phase has begun and the last one has not ended."""
    begun = any("waiting" not in s["state"] for s in phases(pod))
    return not ended(pod) and begun and any("terminated" not in s["state"] for s in phases(pod))


def over(pod: Object) -> bool:
    """Whether no phase runs in it any more, nor ever will."""
    done = bool(phases(pod)) and all("terminated" in s["state"] for s in phases(pod))
    return ended(pod) or done or (going(pod) and not scheduled(pod))


def _untracked(pod: Object) -> None:
    pod["metadata"]["finalizers"] = [f for f in pod["metadata"].get("finalizers", ()) if f != TRACKED]
