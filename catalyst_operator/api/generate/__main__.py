"""Writes what is generated from the models: `crds/*.yaml` and `docs/api.md`; with `--check`, only compares.

python -m catalyst_operator.api.generate [--check] [--root DIR]
"""

import argparse
import sys
from pathlib import Path

from catalyst_operator.api.generate.files import drift, write


def main(arguments: list[str] | None = None) -> int:
    """Exit code 1 if `--check` found drift."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; fail if a file is out of date")
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="root of the repository")
    options = parser.parse_args(arguments)
    if not options.check:
        write(options.root)
        return 0
    stale = drift(options.root)
    for path in stale:
        print(f"{path} is out of date: run `make generate`", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
