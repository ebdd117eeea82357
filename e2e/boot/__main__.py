"""The command line of servers that boot: `python -m e2e.boot --help`."""

from __future__ import annotations

import argparse
import sys

from e2e.boot import cleanup

DESCRIPTION = "Servers that really boot, for `make test-boot`."


def main() -> int:
    """The exit code."""
    top = argparse.ArgumentParser(prog="python -m e2e.boot", description=DESCRIPTION)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("down", help="take away what a killed test left on the machine")
    top.parse_args()
    with cleanup.machine():
        print("no server that boots is left on this machine")
    return 0


if __name__ == "__main__":
    sys.exit(main())
