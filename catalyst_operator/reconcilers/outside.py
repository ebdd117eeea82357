"""What the reconciler knows of the world besides the management cluster's API: caches that work goes on behind.

None of them is the truth: all can be lost at any time, as at a restart, and are filled again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from catalyst_operator.adapters.errands import Errands
from catalyst_operator.adapters.git.overlays import Overlays
from catalyst_operator.adapters.git.repository_looks import RepositoryLooks
from catalyst_operator.adapters.new_cluster.clusters import AccessSource
from catalyst_operator.adapters.new_cluster.remote import Connect
from catalyst_operator.adapters.project.preflights import Preflights
from catalyst_operator.adapters.project.project_looks import ProjectLooks
from catalyst_operator.adapters.run_logs import RunLogs
from catalyst_operator.adapters.sealing import Seal
from catalyst_operator.api.sovereign import Sovereign
from catalyst_operator.core.access.dead_nodes import RemovalReport
from catalyst_operator.core.access.draining import DrainReport
from catalyst_operator.core.access.farewell import FarewellReport
from catalyst_operator.core.access.seeds import SeedReport
from catalyst_operator.core.access.source import CorrectionReport
from catalyst_operator.core.access.transfer import TransferReport
from catalyst_operator.core.domains.actions import AskRegistrar
from catalyst_operator.core.domains.observation import DomainObservation
from catalyst_operator.core.observation import TakingReport
from catalyst_operator.core.phase1.target import Target
from catalyst_operator.core.phase1.views import ClusterView
from catalyst_operator.reconcilers.run_queue import RunQueue


class Clusters(Protocol):
    """Keeps an eye on new clusters; see `adapters.clusters`."""

    def view(self, uid: str) -> ClusterView | None: ...

    def watch(self, uid: str, target: Target, access: AccessSource, changed: Callable[[], None]) -> None: ...

    def look_again(self, uid: str) -> None: ...

    async def forget(self, uid: str) -> None: ...

    async def close(self) -> None: ...


class Cache(Protocol):
    """What was found or done for each Sovereign."""

    def forget(self, uid: str) -> None: ...

    async def close(self) -> None: ...


class Names(Protocol):
    """Looks at names before they are reserved; see `domains.beforehand`."""

    async def look(self, sovereign: Sovereign) -> DomainObservation | None: ...

    async def ask(self, sovereign: Sovereign, ask: AskRegistrar, changed: Callable[[], None]) -> None: ...

    def forget(self, uid: str) -> None: ...


@dataclass(frozen=True)
class Outside:
    """Built once by the composition."""

    logs: RunLogs
    projects: ProjectLooks
    crossplane_projects: ProjectLooks
    """The same with the tokens that the Sovereigns' own Crossplanes are given."""
    preflights: Preflights
    repositories: RepositoryLooks
    overlays: Overlays
    clusters: Clusters
    seeds: Errands[SeedReport]
    corrections: Errands[CorrectionReport]
    removals: Errands[RemovalReport]
    drains: Errands[DrainReport]
    transfers: Errands[TransferReport]
    takings: Errands[TakingReport]
    farewells: Errands[FarewellReport]
    connect: Connect
    """Opens one connection to a new cluster, for the errands."""
    seal: Seal
    """Seals a state with another key."""
    runs: RunQueue = field(default_factory=RunQueue)
    """The runs of all Sovereigns, and those that wait."""
    names: Names | None = None
    """None for an operator that serves no domains."""

    async def forget(self, uid: str) -> None:
        """The Sovereign is gone."""
        for cache in self._by_uid:
            cache.forget(uid)
        if self.names is not None:
            self.names.forget(uid)
        await self.clusters.forget(uid)

    async def close(self) -> None:
        """Give up all that is under way."""
        self.runs.close()
        await asyncio.gather(self.logs.close(), self.clusters.close(), *(cache.close() for cache in self._by_uid))

    @property
    def _by_uid(self) -> tuple[Cache, ...]:
        looks = (self.projects, self.crossplane_projects, self.preflights, self.repositories)
        return (
            *looks,
            self.overlays,
            self.seeds,
            self.corrections,
            self.removals,
            self.drains,
            self.transfers,
            self.takings,
            self.farewells,
        )
