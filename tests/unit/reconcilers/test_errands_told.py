"""An errand that ends in an error which nobody foresaw: each kind of report says so."""

from __future__ import annotations

import asyncio

import pytest

from catalyst_operator.errors import TofuError
from catalyst_operator.reconcilers.errands import errands
from tests.support.gen import NOW

KINDS = ("seeds", "corrections", "removals", "transfers", "takings", "farewells")


@pytest.mark.parametrize(
    ("error", "says"), [(KeyError("a secret"), "failed: KeyError."), (TofuError("no room"), "failed: no room.")]
)
@pytest.mark.parametrize("kind", KINDS)
async def test_its_report_has_the_error(kind: str, error: Exception, says: str) -> None:
    """By its kind only: its words may hold what it choked on."""

    async def errand() -> object:
        raise error

    parts, woken = errands(lambda: NOW, lambda: None), asyncio.Event()
    one = parts[kind]  # type: ignore[literal-required]
    one.run("uid", "key", errand, woken.set)
    await asyncio.wait_for(woken.wait(), 5)
    report = one.report("uid")
    assert (report.key, report.at, report.error.code) == ("key", NOW, "ERR_OPERATOR")
    assert says in report.error.message
    assert "a secret" not in report.error.message
    assert "tried again" in report.error.message
