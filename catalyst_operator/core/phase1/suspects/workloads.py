"""What becomes of the kit's components: their Pods, and the HelmReleases that failed for good."""

from __future__ import annotations

from catalyst_operator.api.phases import ComponentState
from catalyst_operator.core.errors.codes import (
    COMPONENT_FAILED,
    KIT_IMAGE_PULL,
    KIT_POD,
    KIT_UNSCHEDULABLE,
    KUSTOMIZATION,
)
from catalyst_operator.core.phase1.components import component, state
from catalyst_operator.core.phase1.errors import error
from catalyst_operator.core.phase1.suspects.base import Look, Suspect, Suspects, of_object
from catalyst_operator.core.phase1.suspects.machines import storage
from catalyst_operator.core.phase1.views import FLUX_NAMESPACE, EventView, HelmReleaseView, PodTroubleView
from catalyst_operator.core.record import ErrorEntry

SYSTEM = ("kube-system", FLUX_NAMESPACE)
"""Everything depends on what runs there."""
_IMAGE = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"})
_CRASH = frozenset({"CrashLoopBackOff", "Error", "OOMKilled", "RunContainerError", "CreateContainerError"})
_CONFIG = frozenset({"CreateContainerConfigError"})


def pods(look: Look) -> Suspects:
    """Pods that do not start, those that most depends on first."""
    if look.stuck:
        for pod in sorted(look.survey.pods or (), key=lambda p: (_rank(look, p), p.namespace, p.name)):
            entry = _of_pod(look, pod)
            if entry:
                yield Suspect(entry, pod.since, look.patience)


def _rank(look: Look, pod: PodTroubleView) -> int:
    """Those of the system, then of what is not installed in the order of who waits for whom, then all others."""
    if pod.namespace in SYSTEM:
        return 0
    spaces = [r.target_namespace or r.namespace for r in look.open_releases]
    return 1 + spaces.index(pod.namespace) if pod.namespace in spaces else len(spaces) + 1


def _of_pod(look: Look, pod: PodTroubleView) -> ErrorEntry | None:
    told = f"Pod {pod.namespace}/{pod.name}: {pod.reason}" + (f": {pod.message}" if pod.message else "")
    describe = f"`kubectl -n {pod.namespace} describe pod {pod.name}`"
    if pod.reason in _IMAGE:
        return error(KIT_IMAGE_PULL, told, f"See which image, and what its registry answers: {describe}.")
    if pod.reason == "Unschedulable":
        return _unschedulable(look, pod, told)
    if pod.reason in _CONFIG:
        return error(KIT_POD, told, f"Make the Secret or ConfigMap that the message names: {describe}.")
    if pod.reason in _CRASH:
        logs = f"kubectl -n {pod.namespace} logs {pod.name} --all-containers --previous --tail=50"
        return error(KIT_POD, told, f"Read what it said before it ended: `{logs}`.")
    return None


def _unschedulable(look: Look, pod: PodTroubleView, told: str) -> ErrorEntry | None:
    if "persistentvolumeclaim" not in pod.message.lower():
        remedy = (
            "The kit needs about 20 GB of memory over all nodes. Raise spec.workers.replicas, or take off the taint "
            "that the message names. What each node has left: `kubectl describe nodes`."
        )
        return error(KIT_UNSCHEDULABLE, told, remedy)
    if any(storage(look)):
        return None  # it only waits for a class, which is told as such
    claims = [e for e in look.survey.events or () if e.kind == "PersistentVolumeClaim" and e.namespace == pod.namespace]
    why = f". {_of_claim(claims[-1])}" if claims else ""
    return error(
        KIT_UNSCHEDULABLE, f"{told}{why}", f"See why its volume is not made: `kubectl -n {pod.namespace} describe pvc`."
    )


def _of_claim(event: EventView) -> str:
    return f"Claim {event.name}: {event.reason}: {event.message}"


# --- HelmReleases -----------------------------------------------------------------------------------------------------


def failed(look: Look) -> Suspects:
    """Components that failed for good, and those that cannot begin; first those that wait for no other."""
    for release in look.open_releases:
        if state(release) is ComponentState.FAILED:
            said = component(release.name, release).message
            told = f"{release.name} failed for good: {said}{_aside(look, release)}"
            retry = (
                f"T=$(date +%s); kubectl -n {release.namespace} annotate --overwrite helmrelease {release.name} "
                "reconcile.fluxcd.io/requestedAt=$T reconcile.fluxcd.io/resetAt=$T"
            )
            remedy = f"Once the cause is removed, let helm-controller try again: `{retry}`."
            yield Suspect(error(COMPONENT_FAILED, told, remedy))
        ready = release.condition("Ready")
        if ready and ready.status == "False" and ready.reason == "ValuesError":
            told = f"{release.name} cannot begin, since values of it are missing: {ready.message}"
            remedy = f"Make what the message names: `kubectl -n {release.namespace} get configmaps,secrets`."
            yield of_object(look, release, error(COMPONENT_FAILED, told, remedy), succeeded=release.was_installed)


def unresolved(look: Look) -> Suspects:
    """Components that depend on one that does not exist."""
    there = {r.key for r in look.view.releases}
    for release in look.open_releases:
        absent = [key for key in release.depends_on if key not in there]
        if absent:
            told = f"HelmRelease {release.key}: it depends on HelmRelease {absent[0]}, which does not exist"
            look_up = f"kubectl -n {release.namespace} get helmreleases"
            remedy = f"Add that one to the kit, or take it out of dependsOn. What is there: `{look_up}`."
            yield of_object(look, release, error(KUSTOMIZATION, told, remedy), succeeded=False)


def _aside(look: Look, release: HelmReleaseView) -> str:
    """What is known from its namespace: Helm itself often only tells that it waited in vain."""
    space = release.target_namespace
    found = next((p for p in look.survey.pods or () if p.namespace == space), None)
    if found:
        return f". Pod {found.name}: {found.reason}" + (f": {found.message}" if found.message else "")
    events = [e for e in look.survey.events or () if e.namespace == space]
    return f". {events[-1].kind} {events[-1].name}: {events[-1].reason}: {events[-1].message}" if events else ""
