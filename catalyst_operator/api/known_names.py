"""Names that a spec may use and that are data of the kit: admission refuses others, and says which there are.

Only the kit's files are read here, because the API knows nothing of what is computed from them (`core.kit`). The rules
are for the API server alone: an object may have a name that a later version dropped, and has to be read all the same.
The API server asks them of what is new only.
"""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Annotated, Any

import yaml

from catalyst_operator.api.scalars import Slug
from catalyst_operator.api.schema import Rule, cel_string


def blueprints() -> tuple[str, ...]:
    """All blueprints, in the order of their file; what is always included may be named too."""
    return tuple(_read("blueprints.yaml"))


def components() -> tuple[str, ...]:
    """Those that are there to be chosen, sorted."""
    chosen = (name for name, entry in _read("blueprints.yaml").items() if entry["folder"] == "components")
    return tuple(sorted(chosen))


def releases() -> tuple[str, ...]:
    """All releases, sorted."""
    return tuple(sorted(_read("releases.yaml")["releases"]))


@cache
def _read(name: str) -> dict[str, Any]:
    kit = files("catalyst_operator").joinpath("core", "kit")
    found: dict[str, Any] = yaml.safe_load(kit.joinpath(name).read_text("utf-8"))
    return found


def _one_of(known: Sequence[str], what: str, there_are: Sequence[str]) -> Rule:
    names = ", ".join(map(cel_string, known))
    told = f"is no {what} of this version of the operator; there are {', '.join(there_are)}"
    return Rule(f"self in [{names}]", told, message_expression=f"self + {cel_string(' ' + told)}")


ComponentName = Annotated[Slug, _one_of(blueprints(), "blueprint", components())]
ReleaseName = Annotated[Slug, _one_of(releases(), "release", releases())]
