"""The errands for Sovereigns, and what is reported of one that ended in an error that nobody foresaw."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypedDict

from catalyst_operator.adapters.errands import Errands
from catalyst_operator.adapters.turns import Turns
from catalyst_operator.clock import Clock
from catalyst_operator.core.access.dead_nodes import RemovalReport
from catalyst_operator.core.access.farewell import FarewellReport
from catalyst_operator.core.access.seeds import SeedReport
from catalyst_operator.core.access.source import CorrectionReport
from catalyst_operator.core.access.transfer import TransferReport
from catalyst_operator.core.observation import TakingReport
from catalyst_operator.core.telling.trouble import of_errand


class AllErrands(TypedDict):
    """Parts of `Outside`."""

    seeds: Errands[SeedReport]
    corrections: Errands[CorrectionReport]
    removals: Errands[RemovalReport]
    transfers: Errands[TransferReport]
    takings: Errands[TakingReport]
    farewells: Errands[FarewellReport]


def errands(clock: Clock, turns: Callable[[], Turns | None]) -> AllErrands:
    """`turns`: new ones for each kind."""

    def seeds(key: str, error: Exception) -> SeedReport:
        return SeedReport(key, clock(), {}, of_errand(error, "the delivery of Secrets to the new cluster"))

    def correction(key: str, error: Exception) -> CorrectionReport:
        return CorrectionReport(key, clock(), of_errand(error, "the correction of what Flux follows"))

    def removal(key: str, error: Exception) -> RemovalReport:
        return RemovalReport(key, clock(), of_errand(error, "the removal of dead nodes"))

    def transfer(key: str, error: Exception) -> TransferReport:
        return TransferReport(key, clock(), error=of_errand(error, "the transfer of the state"))

    def taking(key: str, error: Exception) -> TakingReport:
        return TakingReport(key, clock(), error=of_errand(error, "the taking of the state that was handed in"))

    def farewell(key: str, error: Exception) -> FarewellReport:
        entry = of_errand(error, "the giving up of access")
        return FarewellReport(key, clock(), False, message=entry.message, error=entry)

    return {
        "seeds": Errands("delivery of Secrets", turns(), failed=seeds),
        "corrections": Errands("correction of what is followed", turns(), failed=correction),
        "removals": Errands("removal of dead nodes", turns(), failed=removal),
        "transfers": Errands("transfer of a state", turns(), failed=transfer),
        "takings": Errands("taking of a state", turns(), failed=taking),
        "farewells": Errands("farewell", turns(), failed=farewell),
    }
