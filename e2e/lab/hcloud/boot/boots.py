"""Which projects' servers boot, what goes wrong as they do, and what their clusters' stand-ins are told.

    POST /_lab/boots {"project": "project-1a2b3c4d", "match": "demo-worker-.*", "effect": {"delay_seconds": 5}}

`match` is a regular expression that must match the server's whole name; without it all servers of the project are
meant. What keeps a server from going on does so until it is taken back.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

from pydantic import BaseModel, ConfigDict, NonNegativeFloat, field_validator

from e2e.lab.hcloud.store import Store

_SETTING = "boots"


class BootEffect(BaseModel):
    """What goes wrong."""

    model_config = ConfigDict(extra="forbid")

    never: bool = False
    """Nothing happens on the server."""
    delay_seconds: NonNegativeFloat = 0
    """Nothing happens on it for so long after its start."""
    no_storage_class: bool = False
    """There is no StorageClass, and the boot goes on all the same."""
    never_joins: bool = False
    """A worker or a further control plane does not join."""
    no_flux: bool = False
    """Flux cannot be installed, so nothing that comes after it happens either."""


class BootFault(BaseModel):
    """An effect on some servers of a project."""

    model_config = ConfigDict(extra="forbid")

    project: str
    match: str = ".*"
    effect: BootEffect

    @field_validator("match")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        return pattern

    def fits(self, project: str, server: str) -> bool:
        return self.project == project and re.fullmatch(self.match, server) is not None


class Settings(BaseModel):
    """All of it, as the store keeps it."""

    projects: dict[str, bool] = {}
    """Whether its servers boot; those of other projects do not."""
    faults: list[BootFault] = []
    kit_faults: dict[str, dict[str, Any]] = {}
    """By project: what the stand-ins on its clusters read, see `e2e.lab.standins.faults`."""


class Boots:
    """The settings, and a way to wait for their change."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._settings = Settings.model_validate(store.setting(_SETTING) or {})
        self._changed = asyncio.Event()

    def boots(self, project: str) -> bool:
        """Whether the project's servers do."""
        return self._settings.projects.get(project, False)

    def set_boots(self, project: str, boots: bool) -> None:
        self._settings.projects[project] = boots
        self._save()

    def kit_faults(self, project: str) -> dict[str, Any]:
        return self._settings.kit_faults.get(project, {})

    def set_kit_faults(self, project: str, faults: dict[str, Any]) -> None:
        self._settings.kit_faults[project] = faults
        self._save()

    def add_fault(self, fault: BootFault) -> None:
        """The newest fault that fits a server counts."""
        self._settings.faults.insert(0, fault)
        self._save()

    def clear_faults(self, project: str | None = None) -> None:
        """Take back the boot faults of a project, or of all."""
        self._settings.faults = [fault for fault in self._settings.faults if project not in (None, fault.project)]
        self._save()

    def faults(self) -> list[dict[str, Any]]:
        return [fault.model_dump() for fault in self._settings.faults]

    def forget(self, kept: str) -> None:
        """Everything as at the start, when one project booted."""
        self._settings = Settings(projects={kept: self.boots(kept)})
        self._save()

    def effect(self, project: str, server: str) -> BootEffect:
        """What goes wrong with a server."""
        found = (fault.effect for fault in self._settings.faults if fault.fits(project, server))
        return next(found, BootEffect())

    async def changed(self) -> None:
        """Wait until something is set."""
        await self._changed.wait()

    def _save(self) -> None:
        self._store.set_setting(_SETTING, self._settings.model_dump())
        self._changed.set()
        self._changed = asyncio.Event()
