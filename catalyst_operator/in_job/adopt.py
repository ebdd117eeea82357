"""Before the plan of a run that follows a broken one: finds what exists in the project but in no state, and has it
adopted.

For an apply it writes `imports.tf`, so that the plan shows what would be adopted and the gate judges it. That does not
reach everything: `tofu plan -destroy` does not look at import blocks, and a block cannot name an address that the
configuration has no more. There `tofu import` is run, which changes the state and nothing in the cloud, so that the
plan destroys what it finds there. Before an apply, servers of ours that the broken run left off are started.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from catalyst_operator.core.tofu import adoption
from catalyst_operator.core.tofu.adoption import Import, Orphans
from catalyst_operator.in_job import hcloud, power

VARIABLES = Path("tofu.auto.tfvars.json")
IMPORTS = Path("imports.tf")
WIDER_VARIABLES = Path("adoption.tfvars.json")
"""Not one of the names that OpenTofu reads by itself."""
ATTACHED = Path("attached.json")
"""For the gate: which servers are in the network already, and with which address; an import does not read that."""
TERMINATION_LOG = Path("/dev/termination-log")
_LOCK = "-lock-timeout=60s"


def main(termination_log: Path = TERMINATION_LOG) -> int:
    """Exit code 0 when the plan may follow, EXIT_UNAUTHORIZED when the token is refused, and 1 when the project or the
    state could not be read, or OpenTofu could not adopt something."""
    try:
        variables, cloud, verb = json.loads(VARIABLES.read_text()), _cloud(), os.environ["CATALYST_VERB"]
        orphans = adoption.find(variables, pulled_state(), cloud)
        adopted = _adopt(orphans, verb)
        ATTACHED.write_text(json.dumps(adoption.attached(variables, cloud)))
    except hcloud.TROUBLE as error:
        print(f"could not find out what there is to adopt: {error}", file=sys.stderr, flush=True)
        return hcloud.exit_code(error)
    except subprocess.CalledProcessError as error:
        print(f"`{' '.join(error.cmd)}` failed with exit code {error.returncode}", file=sys.stderr, flush=True)
        return 1
    if verb == "apply":
        _start(cloud["servers"])
    for unknown in orphans.unknown:
        print(f"{unknown} carries this Sovereign's label but is no part that it has: left as it is", flush=True)
    print(f"adopted: {len(adopted)}" if adopted else "nothing to adopt", flush=True)
    termination_log.write_text(adoption.termination_message(adopted, orphans.unknown))
    return 0


def pulled_state() -> dict[str, Any]:
    """The state, decrypted by OpenTofu; it stays in memory. Nothing at all is printed when there is none."""
    pulled = subprocess.run(["tofu", "state", "pull"], check=True, stdout=subprocess.PIPE).stdout
    state: dict[str, Any] = json.loads(pulled) if pulled.strip() else {}
    return state


def _cloud() -> dict[str, list[dict[str, Any]]]:
    return {kind: hcloud.labelled(kind) for kind in hcloud.KINDS}


def _adopt(orphans: Orphans, verb: str) -> tuple[Import, ...]:
    """Returns what will be in the state. A run that only plans leaves the state alone, and so what takes a command."""
    if verb == "plan":
        _write(orphans.wanted)
        return orphans.wanted
    _forget(orphans.stale)
    if verb == "destroy":
        _import(orphans.wanted)
    else:
        _write(orphans.wanted)
    if orphans.surplus:
        WIDER_VARIABLES.write_text(json.dumps(orphans.wider))
        _import(orphans.surplus, f"-var-file={WIDER_VARIABLES}")
        _learn_dependencies(orphans.surplus)
    return (*orphans.wanted, *orphans.surplus)


def _start(servers: Iterable[dict[str, Any]]) -> None:
    """What a run that was killed powered off is off still; what cannot be started fails no run."""
    power.start({str(server["name"]): str(server["id"]) for server in servers if server.get("status") == power.OFF})


def _forget(stale: Iterable[str]) -> None:
    for address in stale:
        print(f"{address}: the state names an object that is gone, while another has its name", flush=True)
        subprocess.run(["tofu", "state", "rm", "-no-color", _LOCK, address], check=True)


def _write(blocks: Sequence[Import]) -> None:
    for found in blocks:
        print(f"{found} exists already: the plan adopts it", flush=True)
    if blocks:
        IMPORTS.write_text(adoption.import_blocks(blocks))


def _learn_dependencies(surplus: Iterable[Import]) -> None:
    """An import writes down no dependencies, and what the configuration has no more would be destroyed in any order: a
    placement group before its servers, which Hetzner refuses. Refreshing with the wider variables writes them down."""
    refresh = ["tofu", "apply", "-refresh-only", "-auto-approve", "-input=false", "-no-color", _LOCK]
    targets = [f"-target={found.address}" for found in surplus]
    subprocess.run([*refresh, f"-var-file={WIDER_VARIABLES}", *targets], check=True)


def _import(commands: Iterable[Import], *options: str) -> None:
    for found in commands:
        print(f"{found} exists already: adopted, so that the plan can destroy it", flush=True)
        tofu = ["tofu", "import", "-input=false", "-no-color", _LOCK, *options]
        subprocess.run([*tofu, found.address, found.id], check=True)
