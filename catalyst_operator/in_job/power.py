"""Starts servers that a run powered off and did not start again; and powers off those that are about to be destroyed.

A size is changed while the server is off, and a size that is not to be had leaves it so: the provider gives up, and no
later plan knows of it. The gate notes whom the plan powers off; once OpenTofu has ended, whoever of them is off is
started.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from catalyst_operator.core.project.hetzner import NOT_FOUND
from catalyst_operator.in_job import hcloud

NOTE = Path("powered-off.json")
OFF, GONE = "off", "gone"
_NOT_OURS = ("running", "starting", "initializing", "rebuilding", "migrating", GONE)
"""What needs no start, or cannot be given one."""


@dataclass(frozen=True)
class PowerPatience:
    """How long to try to start servers, and between two tries; in seconds."""

    deadline: float = 120.0
    pause: float = 2.0


@dataclass(frozen=True)
class Started:
    """Which servers were started, and which could not be: their names, or addresses in the module."""

    again: tuple[str, ...] = ()
    not_at_all: tuple[str, ...] = ()


def note(servers: Mapping[str, str]) -> None:
    """Write down the servers, address -> id, that the plan powers off."""
    NOTE.write_text(json.dumps(dict(servers)))


def noted() -> dict[str, str]:
    """What the gate wrote down; nothing if it let nothing pass."""
    servers: dict[str, str] = json.loads(NOTE.read_text()) if NOTE.exists() else {}
    return servers


def start(servers: Mapping[str, str], patience: PowerPatience = PowerPatience()) -> Started:
    """Start those of the servers, name -> id, that are off, and see them run. What the API refuses is tried again until
    time is up."""
    deadline = time.monotonic() + patience.deadline
    pause = threading.Event()
    left, told = dict(servers), set[str]()
    while True:
        statuses = {name: _status(number) for name, number in left.items()}
        told |= {name for name in statuses if statuses[name] == OFF and name not in told and _power_on(left[name])}
        left = {name: number for name, number in left.items() if statuses[name] not in _NOT_OURS}
        if not left or time.monotonic() >= deadline:
            return Started(tuple(name for name in servers if name in told and name not in left), tuple(left))
        pause.wait(patience.pause)


def stop(servers: Iterable[str], deadline_seconds: float, pause_seconds: float) -> tuple[str, ...]:
    """Power servers off, by id, and see them off; those that are not when time is up. What the API refuses is tried
    again, and what cannot be looked at counts as not off."""
    until = time.monotonic() + deadline_seconds
    pause = threading.Event()
    left = tuple(servers)
    while left := tuple(number for number in left if _status(number) not in (OFF, GONE)):
        for number in left:
            _power_off(number)
        if time.monotonic() >= until:
            return left
        pause.wait(pause_seconds)
    return ()


def _power_off(number: str) -> None:
    try:
        hcloud.act("servers", int(number), "poweroff")
    except hcloud.TROUBLE as error:
        print(f"server {number} could not be powered off yet: {error}", flush=True)
        return
    print(f"server {number} is powered off", flush=True)


def _status(number: str) -> str:
    """Empty where the API does not say."""
    try:
        return hcloud.server_status(number)
    except hcloud.TROUBLE as error:
        print(f"server {number} could not be looked at: {error}", flush=True)
        missing = isinstance(error, hcloud.Answered) and error.code == NOT_FOUND
        return GONE if missing else ""


def _power_on(number: str) -> bool:
    try:
        hcloud.power_on(number)
    except hcloud.TROUBLE as error:
        print(f"server {number} could not be started yet: {error}", flush=True)
        return False
    print(f"server {number} was off, and is started", flush=True)
    return True
