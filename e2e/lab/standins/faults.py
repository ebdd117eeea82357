"""Faults that stories ask for: the ConfigMap `lab-faults` in `flux-system`, key `faults.json`.

{"install_seconds": 0.3, "console": "down" | 404 | 502, "releases": {"bp-keycloak": {
   "fail": "for-good" | "once" | "retrying",   its actions fail: until retries are exhausted, once, for ever
   "message": "...",                           what the failure says
   "hold": true,                               the action that runs never ends
   "flap": {"times": 3, "seconds": 1},         once installed: Ready, not Ready, Ready, so many times
   "degrade": true,                            once installed: not Ready for as long as this stands
   "pvc_pending": true,                        the install waits for a volume that nobody provides
   "rollback": true}}}                         bp-flux only: a failed release is rolled back and takes Flux with it
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

CONFIG_MAP, DATA_KEY = "lab-faults", "faults.json"
INSTALL_SECONDS = 0.3
MESSAGE = "context deadline exceeded"


class BadFaults(ValueError):
    """The ConfigMap does not say what it should."""


class Fail(StrEnum):
    """How often the actions of a release fail."""

    FOR_GOOD = "for-good"
    ONCE = "once"
    RETRYING = "retrying"


@dataclass(frozen=True)
class Flap:
    """Readiness that comes and goes."""

    times: int = 1
    seconds: float = 1.0


@dataclass(frozen=True)
class ReleaseFault:
    """What is wrong with one release."""

    fail: Fail | None = None
    message: str = MESSAGE
    hold: bool = False
    flap: Flap | None = None
    degrade: bool = False
    pvc_pending: bool = False
    rollback: bool = False


@dataclass(frozen=True)
class Faults:
    """What is wrong with the cluster."""

    install_seconds: float = INSTALL_SECONDS
    console: str | int | None = None
    releases: Mapping[str, ReleaseFault] = field(default_factory=dict)

    def of(self, release: str) -> ReleaseFault:
        """What is wrong with the release of that name."""
        return self.releases.get(release, _NONE)


_NONE = ReleaseFault()


def parse(config_map: Mapping[str, Any] | None) -> Faults:
    """The faults in a ConfigMap; none where there is no ConfigMap. Raises BadFaults."""
    text = (config_map or {}).get("data", {}).get(DATA_KEY, "{}")
    try:
        return _faults(json.loads(text))
    except (ValueError, TypeError, AttributeError) as error:
        raise BadFaults(f"{CONFIG_MAP}: {DATA_KEY}: {error}") from error


def _faults(content: dict[str, Any]) -> Faults:
    known = _known(Faults, content)
    console = known.get("console")
    if console not in (None, "down", 404, 502):
        raise BadFaults(f"console is {console!r}, not down, 404 or 502")
    releases = {name: _release(wish) for name, wish in known.pop("releases", {}).items()}
    return Faults(releases=releases, **known)


def _release(wish: dict[str, Any]) -> ReleaseFault:
    known = _known(ReleaseFault, wish)
    if known.get("fail") is not None:
        known["fail"] = Fail(known["fail"])
    if known.get("flap") is not None:
        known["flap"] = Flap(**_known(Flap, known["flap"]))
    return ReleaseFault(**known)


def _known(kind: type, content: dict[str, Any]) -> dict[str, Any]:
    names = {entry.name for entry in fields(kind)}
    if unknown := content.keys() - names:
        raise BadFaults(f"unknown: {', '.join(sorted(unknown))}")
    return dict(content)
