"""A HelmRelease as helm-controller reads it, and what has to happen to it next."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from e2e.lab.standins.durations import parse, show
from e2e.lab.standins.objects import Object, is_ready

_DEFAULT_TIMEOUT = "5m"


class Step(Enum):
    """What helm-controller would do to a release in its present state."""

    NONE = "none"
    INSTALL = "install"
    UPGRADE = "upgrade"
    UNINSTALL = "uninstall"
    ROLLBACK = "rollback"
    STALL = "stall"


@dataclass(frozen=True)
class Release:
    """The parts of spec that decide what is released, where, and how often it is tried."""

    name: str
    namespace: str
    release: str
    target: str
    """The namespace that it is released to."""
    storage: str
    chart: str
    version: str
    values: str
    """Digest of its values, those from references included."""
    depends_on: tuple[str, ...]
    interval: float
    install: Mapping[str, Any]
    upgrade: Mapping[str, Any]
    timeout: str

    @property
    def title(self) -> str:
        """The chart, as messages name it."""
        return f"{self.chart}@{self.version}"

    def timeout_of(self, step: Step) -> str:
        """How long the step may take, as Go prints it."""
        options = {Step.INSTALL: self.install, Step.UPGRADE: self.upgrade}.get(step, {})
        return show(parse(options.get("timeout") or self.timeout))

    def retries(self, action: str) -> int:
        """How often a failed install or upgrade is tried again; negative for ever."""
        options = self.install if action == "install" else self.upgrade
        return int((options.get("remediation") or {}).get("retries", 0))

    def remediates_last(self, action: str) -> bool:
        """Whether the last failure, after which nothing is tried again, is remediated too."""
        options = self.install if action == "install" else self.upgrade
        remediation = options.get("remediation") or {}
        default = action == "upgrade" and remediation.get("retries", 0) > 0
        return bool(remediation.get("remediateLastFailure", default))

    def remediation(self, action: str) -> Step:
        """What is done after a failure and before it is tried again."""
        strategy = (self.upgrade.get("remediation") or {}).get("strategy", "rollback")
        return Step.UNINSTALL if action == "install" or strategy == "uninstall" else Step.ROLLBACK


def read(obj: Object, referenced: Mapping[str, Any] | None = None) -> Release:
    """The release that a HelmRelease asks for. `referenced`: what its valuesFrom held."""
    meta, spec = obj["metadata"], obj["spec"]
    chart = spec.get("chart", {}).get("spec") or {"chart": spec["chartRef"]["name"]}
    target = spec.get("targetNamespace") or meta["namespace"]
    name = f"{target}-{meta['name']}" if spec.get("targetNamespace") else meta["name"]
    values = json.dumps([spec.get("values"), referenced], sort_keys=True)
    return Release(
        name=meta["name"],
        namespace=meta["namespace"],
        release=spec.get("releaseName") or name,
        target=target,
        storage=spec.get("storageNamespace") or meta["namespace"],
        chart=chart["chart"].rpartition("/")[2],
        version=chart.get("version", "0.0.0"),
        values=f"sha256:{hashlib.sha256(values.encode()).hexdigest()}",
        depends_on=dependencies(obj),
        interval=parse(spec["interval"]),
        install=spec.get("install") or {},
        upgrade=spec.get("upgrade") or {},
        timeout=spec.get("timeout") or _DEFAULT_TIMEOUT,
    )


def dependencies(obj: Object) -> tuple[str, ...]:
    """Keys of the HelmReleases that have to be ready first."""
    own = obj["metadata"]["namespace"]
    return tuple(f"{entry.get('namespace') or own}/{entry['name']}" for entry in obj["spec"].get("dependsOn") or [])


def unmet(obj: Object, known: Mapping[str, Object]) -> str | None:
    """What helm-controller says of the first dependency that is not ready; None when all are."""
    for key in dependencies(obj):
        found = known.get(key)
        if found is None:
            name = key.partition("/")[2]
            return f"unable to get '{key}' dependency: helmreleases.helm.toolkit.fluxcd.io \"{name}\" not found"
        if not is_ready(found):
            return f"dependency '{key}' is not ready"
    return None


def latest(status: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The newest snapshot of the release's history."""
    history: list[Mapping[str, Any]] = status.get("history") or []
    return history[0] if history else None


def deployed(status: Mapping[str, Any]) -> bool:
    """Whether the release was installed and still is."""
    return any(snapshot["status"] in ("deployed", "superseded") for snapshot in status.get("history") or [])


def failures(status: Mapping[str, Any], action: str) -> int:
    """How often the action has failed since the last change."""
    return int(status.get(f"{action}Failures", 0))


def next_step(release: Release, status: Mapping[str, Any], *, retries: int | None = None) -> Step:
    """As helm-controller decides it from the stored release. `retries` overrides the spec's, for faults."""
    newest = latest(status)

    def exhausted(action: str) -> bool:
        allowed = release.retries(action) if retries is None else retries
        return 0 <= allowed < failures(status, action)

    if newest is None or newest["status"] == "uninstalled":
        return Step.STALL if exhausted("install") else Step.INSTALL
    if newest["status"] == "failed":
        action = status.get("lastAttemptedReleaseAction", "install")
        if failures(status, action) <= 0:
            return Step.UPGRADE
        if exhausted(action) and not release.remediates_last(action):
            return Step.STALL
        return release.remediation(action)
    wanted = (release.chart, release.version, release.values)
    if (newest["chartName"], newest["chartVersion"], newest["configDigest"]) == wanted:
        return Step.NONE
    return Step.STALL if exhausted("upgrade") else Step.UPGRADE
