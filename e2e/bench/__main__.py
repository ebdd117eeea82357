"""`make bench`: measures the operator against floors taken in the same run; see docs/performance.md."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from e2e.bench import domains, idle, new_cluster, pairs, report, surroundings
from e2e.bench.errors import BenchError
from e2e.bench.fleet import measure as fleet
from e2e.bench.hostile import measure as hostile
from e2e.bench.hostile.shapes import Shape
from e2e.bench.scale import measure as scale
from e2e.bench.scale import picture, population
from e2e.bench.workplace import PREFIX, Workplace
from e2e.lab.errors import LabError
from e2e.lab.layout import REPOSITORY, Layout
from e2e.lab.timeline import Timeline
from e2e.support import operator
from e2e.support.kubectl import Kubectl

SECTIONS = ("runs", "latency", "idle", "new-cluster", "fleet", "hostile", "scale", "domains")
JSON_FILE = REPOSITORY / "build" / "bench.json"
SCALE_FILE = REPOSITORY / "build" / "scale.svg"
SCALE_PICTURE = REPOSITORY / "docs" / "pictures" / "scale.svg"
DOCS_FILE = REPOSITORY / "docs" / "performance.md"
BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"
EXIT_FAILED, EXIT_INTERRUPTED = 1, 130

INTERRUPTED = b"\ninterrupted; cleaning up, which may take a minute (Ctrl-C again to leave it to the next run) ...\n"

EPILOG = """\
sections: runs         `kubectl apply` of a Sovereign to TofuOutput True, beside the same commands in one plain Pod
          latency      the end of a phase's container to its condition (from the same runs; alone, without the floor)
          idle         memory, processor time and writes of the operator at rest, alone and with suspended Sovereigns
          new-cluster  a HelmRelease's change on a new cluster to the Sovereign's status, beside a bare watcher there
          fleet        the same with many fake new clusters; five black holes among them; a restart. The operator is
                       a process of the machine meanwhile, always of this tree, and the installed one steps aside
          hostile      a new cluster that does its worst beside good ones, with the same operator's process
          scale        thousands of Sovereigns, most handed off: memory, edits, restarts, requests at rest; in stages
          domains      many reservations at once until all are served and delegated, beside plain calls for the same

exit codes: 0 measured, whatever the figures; 1 something could not be measured; 2 wrong arguments; 130 interrupted
What was measured is published in any case. Ctrl-C cleans up first; what a killed benchmark leaves is removed by the
next.
"""


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="python -m e2e.bench",
        description="Measure the operator against floors in the same run. Prints a table, writes build/bench.json.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = top.add_argument
    add("--only", type=_sections, default=SECTIONS, metavar="A,B", help=f"sections: {','.join(SECTIONS)} (all)")
    add("--pairs", type=_count, default=5, metavar="N", help="pairs of plain Pod and operator (5)")
    add("--server-seconds", type=float, metavar="S", help="add pairs in which a server takes this long to create")
    add("--slow-pairs", type=_count, default=3, metavar="N", help="how many of those (3)")
    add("--sovereigns", type=_count, default=50, metavar="N", help="idle Sovereigns (50)")
    add("--idle-seconds", type=float, default=60, metavar="S", help="how long to look at the operator at rest (60)")
    add(
        "--changes",
        type=_count,
        default=200,
        metavar="N",
        help="changes on a new cluster, before and after Ready (200)",
    )
    add("--clusters", type=_fleet, default=100, metavar="N", help="fake new clusters of the fleet (100)")
    add("--fleet-seconds", type=float, default=60, metavar="S", help="length of each stretch of the fleet (60)")
    add("--hostile-seconds", type=float, default=20, metavar="S", help="length of each stretch of hostile (20)")
    add("--scale", type=_scale, default=5000, metavar="N", help="Sovereigns of the section scale (5000)")
    add("--scale-seconds", type=float, default=60, metavar="S", help="length of each of its stretches (60)")
    add("--scale-rest-seconds", type=float, default=660, metavar="S", help="how long all of them rest (660)")
    add("--names", type=_count, default=500, metavar="N", help="reservations of the section domains (500)")
    add("--installed", action="store_true", help="measure the operator that is installed, not the one of this tree")
    add("--write-docs", action="store_true", help="write the table into docs/performance.md")
    return top


def _sections(text: str) -> tuple[str, ...]:
    wanted = tuple(text.split(","))
    if unknown := [name for name in wanted if name not in SECTIONS]:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: expected some of {', '.join(SECTIONS)}")
    return wanted


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number, 0 or more")
    return int(text)


def _fleet(text: str) -> int:
    if (count := _count(text)) < fleet.LEAST:
        raise argparse.ArgumentTypeError(f"{text!r}: expected {fleet.LEAST} or more: some of them fall silent")
    return count


def _scale(text: str) -> int:
    if (count := _count(text)) < population.LEAST:
        raise argparse.ArgumentTypeError(f"{text!r}: expected {population.LEAST} or more: there is a stage of a fifth")
    return count


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code."""
    options = parser().parse_args(arguments)
    try:
        with interruptible():
            results = run(options, partial(publish, write_docs=options.write_docs))
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except (BenchError, LabError, AssertionError) as error:
        remedy = f"\n  what to do: {error.remedy}" if isinstance(error, LabError) else ""
        print(f"bench: {error}{remedy}", file=sys.stderr)
        return EXIT_FAILED
    return EXIT_FAILED if results.failed else 0


@contextmanager
def interruptible() -> Iterator[None]:
    """A job that is stopped cleans up as after a person's Ctrl-C. Afterwards, signals are what they were before."""
    before = {number: signal.signal(number, _interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    # Not print: it may be what was interrupted, and its buffer cannot be entered twice.
    os.write(sys.stderr.fileno(), INTERRUPTED)
    raise KeyboardInterrupt


def run(options: argparse.Namespace, publish: Callable[[report.Results], None]) -> report.Results:
    """Measure what was asked for, and leave nothing behind. What was measured is published, whatever became of the
    rest."""
    layout, timeline = Layout.of_checkout(), Timeline()
    workplace = Workplace(Kubectl.of_lab(layout), layout, timeline)
    if not options.installed:
        timeline.say("installing the operator of this tree ...")
        operator.install(workplace.kubectl, layout)
    workplace.clear()
    around = surroundings.look(workplace.kubectl, layout)
    results = report.Results(surroundings=around, with_latency="latency" in options.only)
    try:
        for section, measure in sections(workplace, options).items():
            measured(results, section, measure)
    finally:
        measured(results, "cleaning up", lambda: _cleared(workplace))
        publish(results)
    return results


def _cleared(workplace: Workplace) -> Mapping[str, Any]:
    workplace.clear()
    return {}


def measured(results: report.Results, section: str, measure: Callable[[], Mapping[str, Any]]) -> None:
    """Add what a section measures. One that fails, of whatever reason, takes nothing from the others."""
    try:
        found = measure()
    except Exception as error:
        known = isinstance(error, BenchError | LabError | AssertionError)
        results.failed[section] = str(error) if known else f"{type(error).__name__}: {error}"
        print(f"bench: {section} failed: {results.failed[section]}", file=sys.stderr)
        if not known:
            traceback.print_exception(error)
        return
    for name, value in found.items():
        setattr(results, name, value)


def sections(workplace: Workplace, options: argparse.Namespace) -> dict[str, Callable[[], Mapping[str, Any]]]:
    """What was asked for, each to be measured by calling it."""
    known: dict[str, Callable[[], Mapping[str, Any]]] = {
        "runs": lambda: {"series": measure_runs(workplace, options)},
        "idle": lambda: {"idle": measure_idle(workplace, options)},
        "new-cluster": lambda: {"new_cluster": measure_new_cluster(workplace, options)},
        "fleet": lambda: {"fleet": measure_fleet(workplace, options)},
        "hostile": lambda: {"hostile": measure_hostile(workplace, options)},
        "scale": lambda: {"scale": measure_scale(workplace, options)},
        "domains": lambda: {"domains": domains.measure(workplace, count=options.names)},
    }
    # Both come from the same runs.
    wanted = {"runs" if section == "latency" else section for section in options.only}
    return {section: measure for section, measure in known.items() if section in wanted}


def measure_runs(workplace: Workplace, options: argparse.Namespace) -> list[pairs.Series]:
    with_floor = "runs" in options.only
    found = []
    if options.pairs:
        workplace.timeline.say(f"measuring pairs: {options.pairs}, about {40 * options.pairs} s ...")
        found.append(pairs.measure(workplace, count=options.pairs, with_floor=with_floor))
    if options.server_seconds and options.slow_pairs:
        minutes = options.slow_pairs * (2 * options.server_seconds + 40) / 60
        workplace.timeline.say(
            f"measuring pairs with slow servers: {options.slow_pairs}, about {minutes:.0f} minutes ..."
        )
        slow = pairs.measure(
            workplace, count=options.slow_pairs, with_floor=with_floor, server_seconds=options.server_seconds
        )
        found.append(slow)
    return found


def measure_idle(workplace: Workplace, options: argparse.Namespace) -> list[idle.Idle]:
    kubectl, seconds = workplace.kubectl, options.idle_seconds
    workplace.timeline.say(f"the operator at rest, {seconds:.0f} s ...")
    found = [idle.measure(kubectl, 0, seconds)]
    namespace = workplace.namespace(f"{PREFIX}idle")
    workplace.timeline.say(f"creating {options.sovereigns} suspended Sovereigns ...")
    with idle.suspended(kubectl, namespace, options.sovereigns):
        workplace.timeline.say(f"the operator at rest with them, {seconds:.0f} s ...")
        found.append(idle.measure(kubectl, options.sovereigns, seconds))
    return found


def measure_new_cluster(workplace: Workplace, options: argparse.Namespace) -> list[new_cluster.Series]:
    if not options.changes:
        return []
    workplace.timeline.say("a new cluster boots, about a minute ...")
    return new_cluster.measure(workplace, count=options.changes)


def measure_fleet(workplace: Workplace, options: argparse.Namespace) -> fleet.Fleet:
    minutes = 3 + options.fleet_seconds * 3 / 60
    workplace.timeline.say(f"a fleet of {options.clusters} new clusters, about {minutes:.0f} minutes ...")
    return fleet.measure(workplace, clusters=options.clusters, seconds=options.fleet_seconds)


def measure_hostile(workplace: Workplace, options: argparse.Namespace) -> hostile.Hostile:
    minutes = 2 + (options.hostile_seconds + 10) * 2 * len(Shape) / 60
    workplace.timeline.say(f"a hostile cluster beside {hostile.GOOD} good ones, about {minutes:.0f} minutes ...")
    return hostile.measure(workplace, seconds=options.hostile_seconds)


def measure_scale(workplace: Workplace, options: argparse.Namespace) -> scale.Scale:
    minutes = options.scale / 500 + (options.scale_seconds * 5 + options.scale_rest_seconds) / 60
    workplace.timeline.say(f"{options.scale} Sovereigns in three stages, {minutes:.0f} minutes or more ...")
    return scale.measure(
        workplace, count=options.scale, seconds=options.scale_seconds, rest_seconds=options.scale_rest_seconds
    )


def publish(results: report.Results, *, write_docs: bool) -> None:
    """The table to standard output, JSON to build/, and, if wanted, the table into the documentation: only a whole one,
    since a part would take the place of what was measured before."""
    text = report.as_text(results)
    print(text)
    JSON_FILE.parent.mkdir(exist_ok=True)
    JSON_FILE.write_text(json.dumps(report.as_json(results), indent=1) + "\n", encoding="utf-8")
    if results.scale:
        SCALE_FILE.write_text(picture.draw(results.scale), encoding="utf-8")
    if write_docs and not results.failed:
        write_between(DOCS_FILE, text)
        if results.scale:
            SCALE_PICTURE.write_text(picture.draw(results.scale), encoding="utf-8")


def write_between(path: Path, text: str) -> None:
    """Replace what is between the two marks of a document. Raises BenchError when it has none."""
    document = path.read_text(encoding="utf-8")
    head, begin, rest = document.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        raise BenchError(f"{path} does not have the lines {BEGIN} and {END}; put them where the table belongs")
    path.write_text(f"{head}{BEGIN}\n\n{text}\n\n{END}{tail}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
