"""The blueprint catalogue: what `clusters/_template` can install, and what each of it needs.

It is data (`blueprints.yaml`) because the template, the documentation and `spec.components` have to agree on it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from catalyst_operator.api.scalars import NamespaceName, Slug

Version = Annotated[str, Field(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$")]


class Tier(StrEnum):
    """Whether people choose it. Mandatory ones are always included; no spec can leave them out."""

    MANDATORY = "mandatory"
    RECOMMENDED = "recommended"
    OPTIONAL = "optional"


class Folder(StrEnum):
    """The part of clusters/_template that its HelmRelease belongs to."""

    KIT = "bootstrap-kit"
    INFRASTRUCTURE = "infrastructure"
    COMPONENTS = "components"


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Blueprint(_Data):
    """One chart, bp-<name>."""

    name: Slug
    family: Slug
    tier: Tier
    folder: Folder
    namespace: NamespaceName
    version: Version
    dependencies: tuple[Slug, ...]
    """Names of the blueprints that have to be ready before it."""

    @property
    def release(self) -> str:
        """Name of its HelmRelease and of its chart."""
        return f"bp-{self.name}"

    @model_validator(mode="after")
    def _chosen_or_included(self) -> Blueprint:
        if (self.tier is Tier.MANDATORY) == (self.folder is Folder.COMPONENTS):
            raise ValueError(f"{self.name}: components are recommended or optional, and nothing else is")
        return self


class BlueprintCatalogue(_Data):
    """All blueprints, by name, in the order of the file."""

    blueprints: Mapping[str, Blueprint]

    @model_validator(mode="after")
    def _in_order(self) -> BlueprintCatalogue:
        seen: set[str] = set()
        for blueprint in self.blueprints.values():
            unknown = [name for name in blueprint.dependencies if name not in seen]
            if unknown:
                raise ValueError(f"{blueprint.name} depends on {unknown[0]}, which does not stand before it")
            seen.add(blueprint.name)
        return self

    def of(self, folder: Folder) -> tuple[Blueprint, ...]:
        """Those of one part of the template, in the order of the file."""
        return tuple(blueprint for blueprint in self.blueprints.values() if blueprint.folder is folder)

    def closure(self, selected: Iterable[str]) -> tuple[Blueprint, ...]:
        """The components that are selected and those they need, dependencies first; unknown names are ignored.

        What is mandatory is not among them: it is there anyway.
        """
        wanted = set(selected) & self.blueprints.keys()
        for blueprint in reversed(tuple(self.blueprints.values())):
            if blueprint.name in wanted:
                wanted.update(blueprint.dependencies)
        return tuple(blueprint for blueprint in self.of(Folder.COMPONENTS) if blueprint.name in wanted)

    def unknown(self, selected: Iterable[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Each name that no blueprint has, with up to three that resemble it, the most similar first."""
        for name in selected:
            if name not in self.blueprints:
                similar = difflib.get_close_matches(name.removeprefix("bp-"), self.blueprints, n=3)
                yield name, tuple(similar)


def parse(text: str) -> BlueprintCatalogue:
    """blueprints.yaml as a Catalogue; pydantic's ValidationError names what is wrong with it."""
    entries = yaml.safe_load(text)
    return BlueprintCatalogue.model_validate(
        {"blueprints": {name: {"name": name, **entry} for name, entry in entries.items()}}
    )


@cache
def load() -> BlueprintCatalogue:
    """The blueprints that this version of the operator knows."""
    return parse(files(__package__).joinpath("blueprints.yaml").read_text(encoding="utf-8"))
