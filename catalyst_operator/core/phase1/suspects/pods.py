"""What becomes of the Pods of the kit's components."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from catalyst_operator.core.errors.codes import (
    CNI_STUCK,
    KIT_IMAGE_PULL,
    KIT_POD,
    KIT_UNSCHEDULABLE,
)
from catalyst_operator.core.phase1.suspects.base import (
    Look,
    Suspect,
    Suspects,
    warnings,
)
from catalyst_operator.core.phase1.suspects.machines import storage
from catalyst_operator.core.phase1.suspects.words import matches
from catalyst_operator.core.phase1.views import FLUX_NAMESPACE, EventView, PodTroubleView
from catalyst_operator.core.record import ErrorEntry

SYSTEM = ("kube-system", FLUX_NAMESPACE)
"""Everything depends on what runs there."""
_IMAGE = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"})
_CRASH = frozenset({"CrashLoopBackOff", "Error", "OOMKilled", "RunContainerError", "CreateContainerError"})
_CONFIG = frozenset({"CreateContainerConfigError"})
_WAITS_FOR_OTHERS = frozenset({"SchedulingGated"})
_HARMLESS = frozenset({"DNSConfigForming", "FailedToRetrieveImagePullSecret"})
"""Reasons of warnings with which Pods start all the same."""
_NO_SANDBOX = frozenset({"FailedCreatePodSandBox", "NetworkNotReady"})
_VOLUMES = frozenset({"FailedMount", "FailedAttachVolume", "FailedMapVolume"})
SILENT_PATIENCE = timedelta(minutes=10)
"""How long a Pod may not get on without anybody saying why: some images are large, some programs slow."""
RECENT_REFUSAL = timedelta(minutes=10)
"""How old a warning of a Pod that could not even be made may be: it is tried again more often than that at first."""


def pods(look: Look) -> Suspects:
    """Pods that do not start, those that most depends on first."""
    if look.stuck:
        for pod in sorted(look.survey.pods or (), key=lambda p: (_rank(look, p.namespace), p.namespace, p.name)):
            entry = _of_pod(look, pod) or _by_warnings(look, pod)
            if entry:
                yield Suspect(entry, pod.since, look.patience)
            elif pod.reason not in _WAITS_FOR_OTHERS and pod.reason not in _STATED:
                yield Suspect(_unexplained(pod), pod.since, SILENT_PATIENCE)


def unmade(look: Look) -> Suspects:
    """Pods that nobody may make: a quota, an admission policy, a webhook. There is no Pod that would tell."""
    spaces = _spaces(look)
    events = [e for e in look.survey.events or () if e.reason == "FailedCreate" and e.namespace in spaces]
    for event in sorted(events, key=lambda e: _rank(look, e.namespace)):
        if look.stuck and event.at and look.now - event.at < RECENT_REFUSAL:
            told = f"{event.kind} {event.namespace}/{event.name} cannot make its Pods: {event.message}"
            see = f"kubectl -n {event.namespace} describe {event.kind.lower()} {event.name}"
            remedy = f"Change what the message names, a quota or an admission policy: `{see}`."
            yield Suspect(KIT_POD.entry(told, remedy=remedy))


def _rank(look: Look, namespace: str) -> int:
    """Those of the system, then of what is not installed in the order of who waits for whom, then all others."""
    if namespace in SYSTEM:
        return 0
    spaces = _spaces(look)
    return 1 + spaces.index(namespace) if namespace in spaces else len(spaces) + 1


def _spaces(look: Look) -> list[str]:
    """Where the components go that are not installed."""
    return [r.target_namespace or r.namespace for r in look.open_releases]


def _of_pod(look: Look, pod: PodTroubleView) -> ErrorEntry | None:
    told = f"Pod {pod.namespace}/{pod.name}: {pod.reason}" + (f": {pod.message}" if pod.message else "")
    describe = f"`kubectl -n {pod.namespace} describe pod {pod.name}`"
    if pod.reason in _IMAGE:
        return KIT_IMAGE_PULL.entry(told, remedy=f"See which image, and what its registry answers: {describe}.")
    if pod.reason == "Unschedulable":
        return _unschedulable(look, pod, told)
    if pod.reason in _CONFIG:
        return KIT_POD.entry(told, remedy=f"Make the Secret or ConfigMap that the message names: {describe}.")
    if pod.reason in _CRASH:
        logs = f"kubectl -n {pod.namespace} logs {pod.name} --all-containers --previous --tail=50"
        return KIT_POD.entry(told, remedy=f"Read what it said before it ended: `{logs}`.")
    return None


_STATED = _IMAGE | _CONFIG | _CRASH | {"Unschedulable"}
"""Reasons that say enough by themselves."""


def _by_warnings(look: Look, pod: PodTroubleView) -> ErrorEntry | None:
    """A Pod whose containers only wait, or run and are not ready: the kubelet says why in events."""
    if pod.reason in _STATED or pod.reason in _WAITS_FOR_OTHERS:
        return None
    mine = [e for e in warnings(look, "Pod", pod.namespace, pod.name) if e.reason not in _HARMLESS]
    return _of_warning(look, pod, mine[-1]) if mine else None


def _of_warning(look: Look, pod: PodTroubleView, event: EventView) -> ErrorEntry | None:
    told = f"Pod {pod.namespace}/{pod.name}: {event.reason}: {event.message}"
    describe = f"`kubectl -n {pod.namespace} describe pod {pod.name}`"
    if event.reason == "FailedScheduling":
        return _unschedulable(look, replace(pod, message=event.message), told)
    if event.reason in _VOLUMES:
        return KIT_POD.entry(told, remedy=f"Make the Secret, ConfigMap or volume that the message names: {describe}.")
    if event.reason == "NetworkNotReady" or (event.reason in _NO_SANDBOX and _of_network(event)):
        return CNI_STUCK.entry(told)
    if event.reason == "Failed" and _of_image(event):
        return KIT_IMAGE_PULL.entry(told, remedy=f"See which image, and what its registry answers: {describe}.")
    return KIT_POD.entry(told, remedy=f"See all that its kubelet says: {describe}.")


def _of_network(event: EventView) -> bool:
    return matches(r"\bnetwork\b|\bcni\b", event.message) is not None


def _of_image(event: EventView) -> bool:
    return matches(r"failed to pull image|errimagepull|imagepullbackoff", event.message) is not None


def _unexplained(pod: PodTroubleView) -> ErrorEntry:
    told = f"Pod {pod.namespace}/{pod.name} does not get on, and nothing says why: {pod.reason}" + (
        f": {pod.message}" if pod.message else ""
    )
    logs = f"kubectl -n {pod.namespace} logs {pod.name} --all-containers --tail=50"
    return KIT_POD.entry(told, remedy=f"Read what it says itself, if it has begun: `{logs}`.")


def _unschedulable(look: Look, pod: PodTroubleView, told: str) -> ErrorEntry | None:
    if "persistentvolumeclaim" not in pod.message.lower():
        remedy = (
            "The kit needs about 20 GB of memory over all nodes. Raise spec.workers.replicas, or take off the taint "
            "that the message names. What each node has left: `kubectl describe nodes`."
        )
        return KIT_UNSCHEDULABLE.entry(told, remedy=remedy)
    if any(storage(look)):
        return None  # it only waits for a class, which is told as such
    claims = [e for e in look.survey.events or () if e.kind == "PersistentVolumeClaim" and e.namespace == pod.namespace]
    why = f". {_of_claim(claims[-1])}" if claims else ""
    return KIT_UNSCHEDULABLE.entry(
        f"{told}{why}", remedy=f"See why its volume is not made: `kubectl -n {pod.namespace} describe pvc`."
    )


def _of_claim(event: EventView) -> str:
    return f"Claim {event.name}: {event.reason}: {event.message}"
