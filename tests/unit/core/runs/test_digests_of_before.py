"""A new version of the operator starts no run by itself: what was applied has the digest that it had."""

from __future__ import annotations

import json
from typing import Any

import pytest

from catalyst_operator.api.phases import RunVerb
from catalyst_operator.core.runs.tfvars import inputs_digest, tfvars
from tests.support import gen
from tests.support.samples import of_versions

CASES = [(path.stem, case) for path in of_versions("digests") for case in json.loads(path.read_text(encoding="utf-8"))]
"""Specs, and the digests of their runs as the version of each file made them."""


@pytest.mark.parametrize("verb", [RunVerb.APPLY, RunVerb.PLAN, RunVerb.DESTROY])
@pytest.mark.parametrize(("version", "case"), CASES)
def test_no_run_is_made_because_of_an_upgrade(version: str, case: dict[str, Any], verb: RunVerb) -> None:
    """Another variable of the module, or another value of one, would be a run for every Sovereign at once: leave it out
    where it is the default, or of what only a first boot reads."""
    values = tfvars(gen.sovereign(gen.spec(**case["spec"])), gen.SETTINGS)
    assert inputs_digest(verb, values) == case[verb.value], f"changed since {version}"
