"""How far the lab is to be believed: hcloud/fidelity.yaml, and the page that it is written to.

python -m e2e.lab.fidelity
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field

from e2e.lab.layout import REPOSITORY

TABLE = Path(__file__).parent / "hcloud" / "fidelity.yaml"
PAGE = REPOSITORY / "docs" / "lab-fidelity.md"

_HEAD = """\
# How far the lab is to be believed

The lab has an emulator of the Hetzner Cloud API, a stand-in for the provider `hetznercloud/hcloud`, and servers that
boot without k3s. Here is what they do that tests and stories rely on, and what each was compared with:

| compared with | which means |
|---|---|
| real | seen with the real provider 1.68 |
| vendor | the vendor's API reference |
| sdk | a real program that runs in the lab: hcloud-go, OpenTofu, etcd, kube-apiserver, kustomize-controller |
| source | the source of the real program, of this or of an earlier version |
| guess | nothing: it may be otherwise |

`python -m e2e.lab.fidelity` writes this page from `e2e/lab/hcloud/fidelity.yaml`. Whoever finds that a row is wrong
changes the lab, its test, and the row.
"""


class Compared(StrEnum):
    """What a behaviour was compared with."""

    REAL = "real"
    VENDOR = "vendor"
    SDK = "sdk"
    SOURCE = "source"
    GUESS = "guess"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Row(_Strict):
    """One behaviour."""

    what: str
    compared: Compared
    differs: str = ""
    tests: tuple[str, ...] = Field(min_length=1)
    """`path::name`, or `path::Class::name`."""


class Part(_Strict):
    """A part of the lab."""

    part: str
    rows: tuple[Row, ...]


def parts(path: Path = TABLE) -> list[Part]:
    """The whole table. Raises pydantic's ValidationError."""
    return [Part.model_validate(entry) for entry in yaml.safe_load(path.read_text("utf-8"))]


def page(table: Sequence[Part]) -> str:
    """The document."""
    return "\n".join([_HEAD, *(_section(part) for part in table)])


def _section(part: Part) -> str:
    lines = [f"## {part.part}", "", "| behaviour | compared with | in the lab otherwise | tests |", "|---|---|---|---|"]
    for row in part.rows:
        tests = ", ".join(f"`{test.rpartition('::')[2]}`" for test in row.tests)
        lines.append(f"| {row.what} | {row.compared} | {row.differs} | {tests} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(parts()), "utf-8")
