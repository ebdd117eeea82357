"""What the operator is held against. A missed target is told, never enforced: time depends on the machine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """A promise: `limit` is the most that is wanted, in `unit`."""

    what: str
    limit: float
    unit: str

    def verdict(self, measured: float) -> str:
        over = measured - self.limit
        return "met" if over <= 0 else f"missed by {over:.2f}{self.unit}"


OVER = Target("over the plain Pod, median", 7.0, " s")
RATIO = Target("times the plain Pod, median", 1.08, "")
TOLD = Target("Pod's watch event to condition, p95", 0.5, " s")
RESIDENT = Target("resident with idle Sovereigns", 150.0, " MiB")
WRITES = Target("writes a minute when idle", 0.0, "")
CHANGE_USUAL = Target("HelmRelease change to Sovereign status, p50", 0.25, " s")
CHANGE_RARE = Target("HelmRelease change to Sovereign status, p99", 1.0, " s")
FLEET_RARE = Target("fleet: HelmRelease change to Sovereign status, p99", 2.0, " s")
FLEET_RESIDENT = Target("fleet: resident", 400.0, " MiB")
FLEET_BACK = Target("fleet: all watched again after a restart", 60.0, " s")
SCALE_RESIDENT = Target("scale: resident with 5,000", 600.0, " MiB")
SCALE_RARE = Target("scale: edit to its first status, p99", 2.0, " s")
SCALE_BACK = Target("scale: all told after a restart", 60.0, " s")
SCALE_REQUESTS = Target("scale: requests an hour for one that was handed off", 1.0, "")
SCALE_WRITES = Target("scale: writes at rest", 0.0, "")
HOSTILE_RARE = Target("hostile: the good clusters' change to Sovereign status, p99", 1.5, " s")
HOSTILE_MEMORY = Target("hostile: resident over the same without it", 60.0, " MiB")
