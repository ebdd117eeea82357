"""docs/kit.md is read instead of the code, so it has to say the same."""

from __future__ import annotations

import re

from catalyst_operator.core import kit
from catalyst_operator.core.access import seeds
from catalyst_operator.core.kit import blueprints, releases
from catalyst_operator.core.kit.values import version_variable
from tests.support import gen
from tests.support.paths import REPOSITORY

PAGE = (REPOSITORY / "docs" / "kit.md").read_text(encoding="utf-8")


def test_the_table_is_the_catalogue() -> None:
    """Name, family, tier and dependencies, in the same order."""
    told = re.findall(r"^\| ([a-z][a-z-]+) \| ([a-z-]+) \| (mandatory|recommended|optional) \| (.+) \|$", PAGE, re.M)
    assert told == [
        (b.name, b.family, b.tier.value, ", ".join(b.dependencies) or "-")
        for b in blueprints.load().blueprints.values()
    ]


def test_every_variable_is_listed_with_its_kind() -> None:
    """Whoever adds a component has to know which ones stand alone."""
    told = dict(re.findall(r"^\| `([A-Z_]+)` \| .+ \| (plain|quoted|quoted list) \|$", PAGE, re.M))
    values = kit.values(gen.sovereign(), releases.load().get(), pull_secret=seeds.PULL)
    versions = {version_variable(name) for name in blueprints.load().blueprints}
    kinds = {'"': "quoted", "[": "quoted list"}
    assert told == {name: kinds.get(text[0], "plain") for name, text in values.items() if name not in versions}


def test_every_secret_that_the_kit_reads_is_named() -> None:
    """Git's own Secret is Flux' and not the kit's."""
    read = (seeds.PULL, seeds.FEDERATION, seeds.CERTIFICATE_AUTHORITY, seeds.CROSSPLANE, seeds.OBJECT_STORAGE)
    assert [name for name in read if f"`{name}`" not in PAGE] == []
