"""Time to ready of the kit, one after the other and as the graph: `python -m docs.kit_times.simulate [--check]`.

A simulation, not a measurement: of helm-controller as it comes (four workers, dependencies looked at every half minute)
with the times of times.yaml. It writes its table into docs/performance.md, run by `make generate`. With `--check`
nothing is written, and the exit code is 1 where something would be.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from catalyst_operator.core.kit import blueprints
from catalyst_operator.core.kit.blueprints import Folder

TIMES = Path(__file__).with_name("times.yaml")
PAGE = Path(__file__).parents[1] / "performance.md"
TEMPLATE = Path(__file__).parents[2] / "clusters" / "_template"
BEGIN, END = "<!-- kit times: begin -->\n", "<!-- kit times: end -->"

WORKERS = 4
LOOK_SECONDS = 30.0
"""How often helm-controller looks whether a dependency is ready by now."""
OWN_CHECK = frozenset({"cert-manager"})
"""Charts with a hook that waits for their workloads, whether or not Helm is to wait."""


@dataclass(frozen=True)
class Step:
    """One chart's installation."""

    apply: float
    start: float
    """Until its workloads are ready."""
    waits: bool
    """Whether the release is ready only with its workloads."""
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Finish:
    """When all of it was done, in seconds."""

    ready: float
    """All HelmReleases are Ready."""
    running: float
    """All workloads are ready, where each can only start when those it needs have."""


def run(steps: Mapping[str, Step]) -> Finish:
    """Install them all. In `steps`, each stands below what it needs."""
    free = [0.0] * WORKERS
    ready: dict[str, float] = {}
    running: dict[str, float] = {}
    for begins, name in _queue(steps, ready):
        step, worker = steps[name], min(range(WORKERS), key=free.__getitem__)
        applied = max(begins, free[worker]) + step.apply
        ready[name] = free[worker] = applied + (step.start if step.waits else 0.0)
        needed = max((running[need] for need in step.needs), default=0.0)
        running[name] = max(ready[name], max(applied, needed) + step.start)
    return Finish(max(ready.values()), max(running.values()))


def _queue(steps: Mapping[str, Step], ready: Mapping[str, float]) -> Iterator[tuple[float, str]]:
    """Who is installed next, and when helm-controller first sees that it can be; `ready` grows meanwhile."""
    left = dict(steps)
    while left:
        seen = {name: _seen(step, ready) for name, step in left.items() if all(need in ready for need in step.needs)}
        name = min(seen, key=seen.__getitem__)
        del left[name]
        yield seen[name], name


def _seen(step: Step, ready: Mapping[str, float]) -> float:
    latest = max((ready[need] for need in step.needs), default=0.0)
    return math.ceil(latest / LOOK_SECONDS) * LOOK_SECONDS


# --- the two orders ---------------------------------------------------------------------------------------------------


def chain(bound: str) -> dict[str, Step]:
    """One after the other in the product's order, each waited for; what is beside the kit follows."""
    names = [blueprint.name for blueprint in blueprints.load().of(Folder.KIT)]
    before = {"external-dns": "powerdns", "external-secrets": "openbao", **dict(zip(names[1:], names, strict=False))}
    order = [*names, "external-dns", "external-secrets"]
    return {name: _step(name, bound, (before[name],) if name in before else (), waits=True) for name in order}


def graph(bound: str, slower: float = 1.0) -> dict[str, Step]:
    """As clusters/_template has it. `slower`: how much longer a start takes because others start beside it."""
    catalogue, waited = blueprints.load(), _waited()
    names = [b for b in catalogue.blueprints.values() if b.folder is not Folder.COMPONENTS]
    return {b.name: _step(b.name, bound, b.dependencies, waits=b.name in waited, slower=slower) for b in names}


def _step(name: str, bound: str, needs: tuple[str, ...], *, waits: bool, slower: float = 1.0) -> Step:
    times = _times()
    return Step(times["apply"][bound], times["start"][name][bound] * slower, waits, needs)


def _waited() -> set[str]:
    """Charts whose release is ready only with their workloads."""
    found = set(OWN_CHECK)
    for file in [*TEMPLATE.glob("bootstrap-kit/*.yaml"), *TEMPLATE.glob("infrastructure/*.yaml")]:
        for obj in yaml.safe_load_all(file.read_text(encoding="utf-8")):
            if obj["kind"] == "HelmRelease" and not obj["spec"]["install"].get("disableWait"):
                found.add(obj["spec"]["releaseName"])
    return found


def _times() -> Any:
    return yaml.safe_load(TIMES.read_text(encoding="utf-8"))


# --- the page ---------------------------------------------------------------------------------------------------------


def table() -> str:
    """Two tables in Markdown: what comes out, and what went in."""
    one_by_one = [run(chain(bound)).running for bound in ("least", "most")]
    rows = {
        "one after the other, each waited for": one_by_one,
        "as the graph: all HelmReleases are Ready": [run(graph(bound)).ready for bound in ("least", "most")],
        "as the graph: all of it runs": [run(graph(bound)).running for bound in ("least", "most")],
        "the same, if starting side by side takes half as long again": [
            run(graph(bound, slower=1.5)).running for bound in ("least", "most")
        ],
    }
    lines = ["| the twelve and what follows them | at least | at most | of one after the other |", "|---|--:|--:|--:|"]
    for told, (least, most) in rows.items():
        lines.append(f"| {told} | {_minutes(least)} | {_minutes(most)} | {_share(least, most, one_by_one)} |")
    return "\n".join([*lines, "", *_inputs()]) + "\n"


def _inputs() -> list[str]:
    times = _times()
    rows = {"any chart: fetched, rendered, applied": times["apply"], **times["start"]}
    head = ["| then, until its workloads are ready | at least | at most | source |", "|---|--:|--:|---|"]
    return [*head, *(f"| {name} | {t['least']} s | {t['most']} s | {t['source']} |" for name, t in rows.items())]


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f} min"


def _share(least: float, most: float, whole: list[float]) -> str:
    return f"{least / whole[0]:.2f} to {most / whole[1]:.2f}"


def page(text: str) -> str:
    """The page with the tables in it."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def main(arguments: list[str]) -> int:
    """Exit code 1 where `--check` finds that something is to be written."""
    text = PAGE.read_text(encoding="utf-8")
    wanted = page(text)
    if "--check" in arguments:
        if wanted != text:
            print(f"{PAGE} is not what it should be: run `make generate`", file=sys.stderr)
        return int(wanted != text)
    PAGE.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
