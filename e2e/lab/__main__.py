"""The lab's command line: `python -m e2e.lab --help`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable

from e2e.lab import lifecycle, packages, toolchain
from e2e.lab.errors import LabError
from e2e.lab.layout import Layout
from e2e.lab.timeline import Timeline

DESCRIPTION = "A real Kubernetes cluster and an emulated Hetzner Cloud on this machine, for tests and demonstrations."

EPILOG = """\
exit codes: 0 done, or for status: all ready; 1 failed, or for status: not ready; 2 wrong arguments;
3 another checkout's lab runs on this machine (see --replace)

The lab holds nothing worth keeping: when in doubt, `down` and `up`. Its files are in .lab: kubeconfig, env, log/.
"""


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="python -m e2e.lab",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    up = commands.add_parser("up", help="bring the lab up, or back up; instant when it is healthy")
    up.add_argument(
        "--replace",
        action="store_true",
        default=os.environ.get("CI") == "true",
        help="take down another checkout's lab that runs on this machine (the default where CI=true)",
    )
    commands.add_parser("down", help="take the lab away; only .lab/log stays")
    commands.add_parser("status", help="say which processes run and are ready")
    commands.add_parser(
        "images", help="build the images anew where something changed, and import them into the running lab"
    )
    commands.add_parser("tools", help="build the programs that are missing and link them into .lab/bin; needs no root")
    commands.add_parser("packages", help="install the Debian packages that are missing")
    restart = commands.add_parser("restart", help="restart one process with the code of now")
    restart.add_argument("name", choices=sorted(lifecycle.COMPONENTS))
    return top


def _up(arguments: argparse.Namespace, layout: Layout, timeline: Timeline) -> int:
    lifecycle.up(layout, timeline, replace=arguments.replace)
    print(timeline.table(), file=sys.stderr)
    print(f"the lab is up; to talk to it: export KUBECONFIG={layout.kubeconfig} PATH={layout.bin}:$PATH")
    return 0


def _down(arguments: argparse.Namespace, layout: Layout, timeline: Timeline) -> int:
    lifecycle.down(layout, timeline)
    print(f"the lab is down in {timeline.elapsed:.1f} s; its logs stay in {layout.log}")
    return 0


def _status(arguments: argparse.Namespace, layout: Layout, timeline: Timeline) -> int:
    states = lifecycle.health(layout)
    for name, state in states.items():
        print(f"{name:<24}{state}")
    return 0 if set(states.values()) == {"ready"} else 1


def _images(arguments: argparse.Namespace, layout: Layout, timeline: Timeline) -> int:
    lifecycle.update_images(layout, timeline)
    print("the node has the images of the sources of now")
    return 0


def _tools(arguments: argparse.Namespace, layout: Layout, timeline: Timeline) -> int:
    toolchain.link(layout, timeline)
    return 0


def _packages(arguments: argparse.Namespace, layout: Layout, timeline: Timeline) -> int:
    packages.install(timeline)
    return 0


def _restart(arguments: argparse.Namespace, layout: Layout, timeline: Timeline) -> int:
    lifecycle.restart(layout, timeline, arguments.name)
    return 0


COMMANDS: dict[str, Callable[[argparse.Namespace, Layout, Timeline], int]] = {
    "up": _up,
    "down": _down,
    "status": _status,
    "images": _images,
    "tools": _tools,
    "packages": _packages,
    "restart": _restart,
}


ROOTLESS = {"tools"}


def _require_root() -> None:
    if os.geteuid() != 0:
        raise LabError("the lab makes bridges, mounts and containers, which needs root", "run it as root, or with sudo")


def main() -> int:
    arguments = parser().parse_args()
    try:
        if arguments.command not in ROOTLESS:
            _require_root()
        return COMMANDS[arguments.command](arguments, Layout.of_checkout(), Timeline())
    except LabError as error:
        print(f"lab {arguments.command}: {error}\n  what to do: {error.remedy}", file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
