"""The container between plan and apply: shows the plan to people, judges it, and lets the apply start or not.

`tofu show` hides sensitive values, so its output goes to the log. `tofu show -json` does not: it stays in memory.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from catalyst_operator.core.tofu import adoption
from catalyst_operator.core.tofu.plan_gate import Beside, judge, termination_message, verdict
from catalyst_operator.core.tofu.server_names import unpacked
from catalyst_operator.in_job import power
from catalyst_operator.in_job.adopt import ATTACHED, pulled_state

TERMINATION_LOG = Path("/dev/termination-log")


def main(plan_file: str, termination_log: Path = TERMINATION_LOG) -> int:
    """Exit code of the container: 0 to go on, else one of the gate's own (see core.plan_gate)."""
    verb = os.environ["CATALYST_VERB"]
    subprocess.run(["tofu", "show", "-no-color", plan_file], check=True)
    shown = subprocess.run(["tofu", "show", "-json", plan_file], check=True, capture_output=True)
    judgement = judge(
        json.loads(shown.stdout),
        uid=os.environ["CATALYST_SOVEREIGN_UID"],
        destroy_run=verb == "destroy",
        members=_names("CATALYST_MEMBERS"),
        later=_names("CATALYST_RESIZED_LATER"),
        beside=_beside(verb),
    )
    code, explanation = verdict(
        judgement,
        manual=os.environ["CATALYST_APPROVAL"] == "Manual",
        approved=os.environ["CATALYST_APPROVED_PLAN"],
        dry_run=verb == "plan",
        resize_approved=bool(os.environ["CATALYST_RESIZE_APPROVED"]),
    )
    if verb == "apply" and code == 0 and judgement.stopping:
        power.note(judgement.stopping)
    termination_log.write_text(termination_message(judgement, explanation, plan_only=verb == "plan"))
    print(f"plan digest {judgement.digest}: {explanation}", flush=True)
    return code


def _names(variable: str) -> tuple[str, ...]:
    """The servers that a variable lists."""
    return tuple(name for name in os.environ[variable].split(",") if name)


def _beside(verb: str) -> Beside:
    """What the state holds only matters to a destroy: its plan leaves out what was not found."""
    return Beside(
        standing=unpacked(os.environ["CATALYST_STANDING"]),
        attached=json.loads(ATTACHED.read_text()) if ATTACHED.exists() else {},
        held=adoption.held(pulled_state()) if verb == "destroy" else (),
        gone_confirmed=bool(os.environ["CATALYST_GONE_CONFIRMED"]),
        state_given=bool(os.environ["CATALYST_STATE_GIVEN"]),
        rebuild=os.environ["CATALYST_REBUILD"],
    )
