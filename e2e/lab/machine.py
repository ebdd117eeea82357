"""One lab per machine: its addresses are fixed. This says whose lab holds the machine and hands it over.

The owner is noted outside any checkout, because the next lab may be a fresh clone's (as in CI) while an
earlier one still runs or has left its mounts behind.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from e2e.lab import processes
from e2e.lab.errors import MachineTaken
from e2e.lab.layout import MACHINE_LOCK, MACHINE_OWNER, Layout
from e2e.lab.timeline import Timeline


@contextmanager
def locked(timeline: Timeline) -> Iterator[None]:
    """One command at a time changes the machine's lab; a second one waits. The kernel frees a dead one's lock."""
    with MACHINE_LOCK.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            timeline.say("another lab command is at work on this machine; waiting for it ...")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def owner() -> Layout | None:
    """The lab that was last started on this machine and not taken down since, running or not."""
    try:
        return Layout(Path(json.loads(MACHINE_OWNER.read_text())["lab"]))
    except FileNotFoundError:
        return None


def holds(layout: Layout) -> bool:
    """False while another lab's bridges, cgroups and rules are on the machine: they are not this one's to remove."""
    noted = owner()
    return noted is None or noted == layout


def claim(layout: Layout) -> None:
    MACHINE_OWNER.write_text(json.dumps({"lab": str(layout.root)}) + "\n")


def release() -> None:
    MACHINE_OWNER.unlink(missing_ok=True)


def others(layout: Layout) -> list[Layout]:
    """Labs of other checkouts: those that run, and the noted owner whatever is left of it. What tests boot in folders
    of their own has the mark too, and is in nobody's way: it is on loopback addresses."""
    roots = {Path(mark) for mark in processes.marked().values() if Path(mark).name == layout.root.name}
    noted = owner()
    if noted:
        roots.add(noted.root)
    return [Layout(root) for root in sorted(roots - {layout.root})]


def refuse_if_in_use(other: Layout, *, replace: bool) -> None:
    """A lab whose checkout is still there and which still runs is somebody's: only `replace` takes it down."""
    in_use = bool(processes.of_lab(other.root)) and (other.checkout / "e2e" / "lab").is_dir()
    if in_use and not replace:
        raise MachineTaken(
            f"the lab of {other.checkout} runs on this machine, and there is one set of addresses",
            f"take it down with `make -C {other.checkout} lab-down`, or replace it: `make lab-up LAB_ARGS=--replace`",
        )
