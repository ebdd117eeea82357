"""The one entry point of the image: the operator itself, and what runs inside the containers of its Jobs.

Subcommands import what they need when they are chosen: the containers of a run must start fast.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from types import FrameType


def main(argv: list[str] | None = None) -> int:
    """Run the chosen subcommand; the result is the process' exit code."""
    parser = argparse.ArgumentParser(prog="catalyst-operator", description=__doc__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands.add_parser("operator", help="reconcile Sovereigns (the default)")
    commands.add_parser("state-open", help="inside a run: initialise OpenTofu, and see which state it goes on from")
    commands.add_parser("state-close", help="inside a run: keep a copy of the state, and print the outputs")
    commands.add_parser("state-keeper", help="inside a run: save a state that its backend refused")
    gate = commands.add_parser("plan-gate", help="inside a run: show and judge the plan")
    gate.add_argument("plan", help="the saved plan file")
    commands.add_parser("adopt", help="inside a run: find cloud objects that the state does not know of")
    commands.add_parser("sweep", help="inside a destroy run: remove what the cluster itself made in the cloud project")
    commands.add_parser("leftovers", help="inside a destroy run: list what is left in the cloud project")
    render = commands.add_parser("render", help="write a Sovereign's folder for a Git repository of your own")
    render.add_argument("-f", "--file", type=Path, required=True, help="YAML file with the Sovereign")
    render.add_argument("-o", "--out", type=Path, required=True, help="top folder of the repository")
    render.add_argument("--release", help="set of versions; default: the Sovereign's, else this operator's")
    render.add_argument("--template", type=Path, help="the kit's shared template; default: the one of this operator")
    listing = commands.add_parser("mirror-list", help="list what servers and clusters fetch, to mirror it")
    listing.add_argument("--release", help="set of versions; default: this operator's")
    listing.add_argument("-o", "--output", choices=("text", "json"), default="text", help="default: %(default)s")
    _administrators(commands)
    arguments = parser.parse_args(argv)
    return _COMMANDS[arguments.command or "operator"](arguments)


def _administrators(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """What takes kubectl and an administrator's rights."""
    saving = commands.add_parser("backup", help="save every Sovereign with its state and its keys to a folder")
    saving.add_argument("-o", "--out", type=Path, required=True, help="the folder; what is in it is written over")
    restoring = commands.add_parser("restore", help="put a backup back, on this cluster or on another")
    restoring.add_argument("backup", type=Path, help="the folder, or the file of one Sovereign in it")
    giving = commands.add_parser("give-away", help="have this cluster do nothing more for a Sovereign")
    giving.add_argument("-n", "--namespace", required=True, help="namespace of the Sovereign")
    giving.add_argument("name", help="name of the Sovereign")
    for command in (saving, restoring, giving):
        command.add_argument("--context", default="", help="context of the kubeconfig; default: the present one")
    for command in (saving, restoring):
        command.add_argument(
            "--operator-namespace", default="catalyst-system", help="where the operator is; default: %(default)s"
        )


def _operator(_: argparse.Namespace) -> int:
    # The first process of a container is deaf to a signal that it has no handler for. Whoever was told to end while it
    # still loaded would go on, take the Lease, and keep it until it is killed a minute later.
    signal.signal(signal.SIGTERM, _end)
    from catalyst_operator.operator import run  # noqa: PLC0415

    return run()


def _end(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def _state_open(_: argparse.Namespace) -> int:
    from catalyst_operator.in_job import state_store  # noqa: PLC0415

    return state_store.opened()


def _state_close(_: argparse.Namespace) -> int:
    from catalyst_operator.in_job import state_store  # noqa: PLC0415

    return state_store.closed()


def _state_keeper(_: argparse.Namespace) -> int:
    from catalyst_operator.in_job import state_keeper  # noqa: PLC0415

    return state_keeper.main()


def _plan_gate(arguments: argparse.Namespace) -> int:
    from catalyst_operator.in_job import plan_gate  # noqa: PLC0415

    return plan_gate.main(arguments.plan)


def _adopt(_: argparse.Namespace) -> int:
    from catalyst_operator.in_job import adopt  # noqa: PLC0415

    return adopt.main()


def _sweep(_: argparse.Namespace) -> int:
    from catalyst_operator.in_job import sweep  # noqa: PLC0415

    return sweep.main()


def _leftovers(_: argparse.Namespace) -> int:
    from catalyst_operator.in_job import leftovers  # noqa: PLC0415

    return leftovers.main()


def _render(arguments: argparse.Namespace) -> int:
    from catalyst_operator.render import main as render  # noqa: PLC0415

    return render(arguments.file, arguments.out, arguments.release, arguments.template)


def _mirror_list(arguments: argparse.Namespace) -> int:
    from catalyst_operator.mirror_list import main as mirror_list  # noqa: PLC0415

    return mirror_list(arguments.release, arguments.output)


def _backup(arguments: argparse.Namespace) -> int:
    from catalyst_operator.moving import commands, kubectl  # noqa: PLC0415

    return commands.backup(kubectl.Kubectl(arguments.context), arguments.out, arguments.operator_namespace)


def _restore(arguments: argparse.Namespace) -> int:
    from catalyst_operator.moving import commands, kubectl  # noqa: PLC0415

    return commands.restore(kubectl.Kubectl(arguments.context), arguments.backup, arguments.operator_namespace)


def _give_away(arguments: argparse.Namespace) -> int:
    from catalyst_operator.moving import commands, kubectl  # noqa: PLC0415

    return commands.give_away(kubectl.Kubectl(arguments.context), arguments.namespace, arguments.name)


_COMMANDS = {
    "operator": _operator,
    "state-open": _state_open,
    "state-close": _state_close,
    "state-keeper": _state_keeper,
    "plan-gate": _plan_gate,
    "adopt": _adopt,
    "sweep": _sweep,
    "leftovers": _leftovers,
    "render": _render,
    "mirror-list": _mirror_list,
    "backup": _backup,
    "restore": _restore,
    "give-away": _give_away,
}

if __name__ == "__main__":
    sys.exit(main())
