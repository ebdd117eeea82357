"""Names: what lies under what, and which names a pool does not give out. All are lower-case, in A-label form, without a
trailing dot."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.resources import files

import yaml


@cache
def reserved_labels() -> frozenset[str]:
    """Labels that no pool gives out."""
    text = files(__package__).joinpath("reserved_names.yaml").read_text(encoding="utf-8")
    return frozenset(yaml.safe_load(text))


def is_under(name: str, ancestor: str) -> bool:
    """Whether `name` lies below `ancestor`; a name is not below itself."""
    return name.endswith(f".{ancestor}")


def related(one: str, other: str) -> bool:
    """Whether one of the two lies below the other: delegating one takes the other along."""
    return is_under(one, other) or is_under(other, one)


def pool_of(name: str, pools: Iterable[str]) -> str | None:
    """The pool that the name is in, or is, or would take along."""
    return next((pool for pool in pools if name == pool or related(name, pool)), None)


def parent_of(name: str) -> str:
    """The name without its first label; empty for a top-level domain."""
    return name.partition(".")[2]


def absolute(name: str) -> str:
    """With its trailing dot, as zone files and APIs of name servers have it."""
    return name if name.endswith(".") else f"{name}."


def plain(name: str) -> str:
    """Lower-case, without the trailing dot."""
    return name.lower().rstrip(".")
