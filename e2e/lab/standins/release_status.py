"""What helm-controller writes to a HelmRelease at each step of its work."""

from __future__ import annotations

import hashlib
from typing import Any

from e2e.lab.standins.objects import Draft, Object, stamp
from e2e.lab.standins.release import Release, Step, deployed, failures, latest

_PROGRESSING, _RETRYING = "Progressing", "ProgressingWithRetry"
_FULFILLING = "Fulfilling prerequisites"
_RUNNING = "Running '"
_WORDS = {"install": "Install", "upgrade": "Upgrade"}
_KEPT_SNAPSHOTS = 5


def waiting(draft: Draft, message: str) -> None:
    """A dependency is not ready: neither failed nor observed."""
    _not_ready(draft, "DependencyNotReady", message)


def values_missing(draft: Draft, message: str) -> None:
    """A Secret or ConfigMap of valuesFrom is not there."""
    _not_ready(draft, "ValuesError", message)


def source_not_ready(draft: Draft, message: str) -> None:
    """The chart of a release cannot be had."""
    _not_ready(draft, "SourceNotReady", message)


def source_lost(draft: Draft, message: str) -> None:
    """The chart of a release that is installed cannot be loaded any more."""
    _not_ready(draft, "ArtifactFailed", f"Could not load chart: {message}")


def running(draft: Draft) -> bool:
    """Whether an action was begun for the present generation and has not ended."""
    found = draft.find("Reconciling")
    if found is None or found["observedGeneration"] != draft.generation:
        return False
    return bool(found["reason"] == _PROGRESSING and found["message"].startswith(_RUNNING))


def started(draft: Draft, release: Release, step: Step) -> None:
    """A Helm action begins."""
    if draft.status.get("lastAttemptedGeneration") != draft.generation:
        forget_failures(draft)
    draft.status |= {
        "storageNamespace": release.storage,
        "helmChart": f"{release.namespace}/{release.namespace}-{release.name}",
        "lastAttemptedGeneration": draft.generation,
        "lastAttemptedRevision": release.version,
        "lastAttemptedConfigDigest": release.values,
    }
    message = f"{_RUNNING}{step.value}' action with timeout of {release.timeout_of(step)}"
    draft.reconciling(_PROGRESSING, message)
    if step in (Step.INSTALL, Step.UPGRADE):
        draft.mark("Ready", "Unknown", _PROGRESSING, message)
    draft.handled()


def succeeded(draft: Draft, release: Release, step: Step) -> None:
    """An install or upgrade ended well."""
    _snapshot(draft, release, step, "deployed")
    newest = latest(draft.status)
    assert newest
    message = f"Helm {step.value} succeeded for release {_full(newest)} with chart {release.title}"
    draft.status["lastAttemptedReleaseAction"] = step.value
    draft.clear("Remediated")
    draft.mark("Released", "True", f"{_WORDS[step.value]}Succeeded", message)
    forget_failures(draft)
    in_sync(draft)


def in_sync(draft: Draft) -> None:
    """Nothing is to be done: the last release stands, whatever was in between."""
    draft.clear("Reconciling", "Stalled")
    if draft.find("Remediated"):
        # What was rolled back to is what the spec wants by now.
        newest = latest(draft.status)
        assert newest
        chart = f"{newest['chartName']}@{newest['chartVersion']}"
        message = f"Helm upgrade succeeded for release {_full(newest)} with chart {chart}"
        draft.mark("Released", "True", "UpgradeSucceeded", message)
        draft.clear("Remediated")
    released = draft.find("Released")
    assert released
    draft.mark("Ready", released["status"], released["reason"], released["message"])
    draft.status["lastAttemptedGeneration"] = draft.generation
    draft.observed()


def failed(draft: Draft, release: Release, step: Step, reason: str) -> str:
    """An install or upgrade failed, for the reason that Helm gave. Returns the message."""
    chart = f"{release.target}/{release.release} with chart {release.title}"
    message = f"Helm {step.value} failed for release {chart}: {reason}"
    _snapshot(draft, release, step, "failed")
    draft.status["lastAttemptedReleaseAction"] = step.value
    for counter in ("failures", f"{step.value}Failures"):
        draft.status[counter] = draft.status.get(counter, 0) + 1
    draft.clear("Remediated")
    draft.mark("Released", "False", f"{_WORDS[step.value]}Failed", message)
    draft.mark("Ready", "False", f"{_WORDS[step.value]}Failed", message)
    return message


def remediated(draft: Draft, release: Release, step: Step) -> None:
    """A failed release was uninstalled or rolled back; the action is tried again."""
    history = [dict(snapshot) for snapshot in draft.status["history"]]
    if step is Step.UNINSTALL:
        history[0]["status"] = "uninstalled"
        reason = "UninstallSucceeded"
        message = f"Helm uninstall remediation for release {_full(history[0])} with chart {release.title} succeeded"
    else:
        before = next(snapshot for snapshot in history if snapshot["status"] in ("deployed", "superseded"))
        chart = f"{before['chartName']}@{before['chartVersion']}"
        message = f"Helm rollback to previous release {_full(before)} with chart {chart} succeeded"
        reason = "RollbackSucceeded"
        history = [{**before, "version": history[0]["version"] + 1, "status": "deployed"}, *history]
    draft.status["history"] = history[:_KEPT_SNAPSHOTS]
    draft.mark("Remediated", "True", reason, message)
    draft.mark("Ready", "False", reason, message)
    draft.reconciling(_RETRYING, message)


def stalled(draft: Draft) -> None:
    """Retries are exhausted: nothing happens until the spec changes or a person resets the release."""
    action = draft.status.get("lastAttemptedReleaseAction", "install")
    attempts = failures(draft.status, action)
    draft.stalled("RetriesExceeded", f"Failed to {action} after {attempts} attempt(s)")
    draft.observed()


def forget_failures(draft: Draft) -> None:
    """As after a change of the spec, or `flux reconcile helmrelease --reset`."""
    for counter in ("failures", "installFailures", "upgradeFailures"):
        draft.status.pop(counter, None)


def _not_ready(draft: Draft, reason: str, message: str) -> None:
    draft.reconciling(_PROGRESSING, _FULFILLING)
    draft.mark("Ready", "False", reason, message)
    draft.handled()


def _snapshot(draft: Draft, release: Release, step: Step, status: str) -> None:
    """Note what the action made. An install begins a new history."""
    before: list[Object] = [] if step is Step.INSTALL else [dict(entry) for entry in draft.status.get("history", [])]
    for entry in before:
        if status == "deployed" and entry["status"] == "deployed":
            entry["status"] = "superseded"
    now = stamp()
    newest: dict[str, Any] = {
        "name": release.release,
        "namespace": release.target,
        "version": before[0]["version"] + 1 if before else 1,
        "status": status,
        "chartName": release.chart,
        "chartVersion": release.version,
        "configDigest": release.values,
        "firstDeployed": before[-1]["firstDeployed"] if before else now,
        "lastDeployed": now,
    }
    newest["digest"] = f"sha256:{hashlib.sha256(repr(sorted(newest.items())).encode()).hexdigest()}"
    history = [newest, *before]
    if status == "deployed" and deployed({"history": before}):
        history = history[:2]
    draft.status["history"] = history[:_KEPT_SNAPSHOTS]


def _full(snapshot: Any) -> str:
    return f"{snapshot['namespace']}/{snapshot['name']}.v{snapshot['version']}"
