"""The work directory of a run: the module of a Sovereign, its inputs, encrypted state; commands as its containers run
them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from catalyst_operator.api.labels import LABEL_SOVEREIGN_UID
from catalyst_operator.core.tofu import adoption, encryption
from catalyst_operator.core.tofu.apply_progress import Progress, fold_lines
from catalyst_operator.core.tofu.plan_gate import Beside, PlanJudgement, judge
from catalyst_operator.in_job.adopt import ATTACHED
from e2e.support.waiting import OFTEN, wait_for
from tests.integration.hcloud.cluster import Tofu
from tests.integration.hcloud.emulator import Project
from tests.integration.tofu import MODULE, copy_of_module
from tests.support.paths import REPOSITORY

UID = "11111111-2222-3333-4444-555555555555"
STATE = "terraform.tfstate"
_ADOPT = (
    "import pathlib, sys; from catalyst_operator.in_job import adopt; sys.exit(adopt.main(pathlib.Path('said.json')))"
)
_SWEEP = (
    "import pathlib, sys; from catalyst_operator.in_job import sweep; "
    "sys.exit(sweep.main(pathlib.Path('said.json'), sweep.SweepPatience(20, 20, 0.05)))"
)
_PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGVkMjU1MTktc2FtcGxlLWtleS1mb3ItdGhlLXRlc3Rz admin@acme.example"
_KEY = encryption.key_text(bytes(range(32)))


def prepared_module(tofu: Tofu, home: Path) -> Path:
    """The module with what `tofu init` makes, to copy from."""
    module = copy_of_module(home)
    shutil.copy(MODULE / "tests" / "sample.auto.tfvars", module)
    ran = tofu.run("init", "-input=false", cwd=module, environment={})
    assert ran.returncode == 0, f"tofu init failed:\n{ran.stdout}\n{ran.stderr}"
    return module


@dataclass
class RunDirectory:
    """One Sovereign with three control planes and two workers, in a project of its own."""

    tofu: Tofu
    folder: Path
    project: Project
    variables: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def create(cls, tofu: Tofu, module: Path, folder: Path, project: Project) -> RunDirectory:
        shutil.copytree(module, folder, symlinks=True)
        (folder / "key").write_text(_KEY)
        made = cls(tofu, folder, project)
        made.ask(control_plane_sizes=["cx33"] * 3, worker_sizes=["cx43"] * 2, ssh_public_keys=[_PUBLIC_KEY])
        return made

    def ask(self, **variables: Any) -> None:
        """Change what the Sovereign asks for."""
        self.variables |= {"cluster_name": "acme-1a2b3", "labels": {LABEL_SOVEREIGN_UID: UID}, **variables}
        (self.folder / "tofu.auto.tfvars.json").write_text(json.dumps(self.variables))

    @property
    def environment(self) -> dict[str, str]:
        return {
            "HCLOUD_TOKEN": self.project.token,
            "HCLOUD_ENDPOINT": self.project.api.endpoint,
            "TF_ENCRYPTION": encryption.configuration(str(self.folder / "key")),
        }

    def must(self, *arguments: str) -> str:
        ran = self.tofu.run(*arguments, cwd=self.folder, environment=self.environment)
        assert ran.returncode == 0, f"tofu {' '.join(arguments)} failed:\n{ran.stdout}\n{ran.stderr}"
        return ran.stdout

    def adopt(self, verb: str = "apply") -> dict[str, Any]:
        """Run the container `adopt`; what it leaves as its termination message."""
        return self._container(_ADOPT, {"CATALYST_VERB": verb})

    def sweep(self) -> dict[str, Any]:
        """The same of `sweep`."""
        return self._container(_SWEEP, {"CATALYST_SWEEP": "MadeInside"})

    def _container(self, program: str, told: dict[str, str]) -> dict[str, Any]:
        environment = {
            **self.tofu.environment(self.environment),
            "PATH": f"{self.tofu.program.parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(REPOSITORY),
            **told,
            "CATALYST_SOVEREIGN_UID": UID,
        }
        ran = subprocess.run(
            [sys.executable, "-c", program],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, f"the container failed:\n{ran.stdout}\n{ran.stderr}"
        assert self.project.token not in ran.stdout + ran.stderr
        said: dict[str, Any] = json.loads((self.folder / "said.json").read_text())
        return said

    def plan(self, *options: str) -> dict[str, Any]:
        """Plan, and give the plan as JSON."""
        self.must("plan", "-input=false", "-out=plan.bin", *options)
        shown: dict[str, Any] = json.loads(self.must("show", "-json", "plan.bin"))
        return shown

    def judged(self, *options: str, members: tuple[str, ...] = (), standing: tuple[str, ...] = ()) -> PlanJudgement:
        """Plan, and let the gate judge it with what it knows besides, of a cluster with these control planes."""
        told, destroy = self.folder / ATTACHED, "-destroy" in options
        beside = Beside(
            standing=standing,
            attached=json.loads(told.read_text()) if told.exists() else {},
            held=adoption.held(self.state()) if destroy else (),
        )
        return judge(self.plan(*options), uid=UID, destroy_run=destroy, members=members, beside=beside)

    def state(self) -> dict[str, Any]:
        """As `tofu state pull` prints it, which prints nothing where there is none."""
        pulled = self.must("state", "pull")
        state: dict[str, Any] = json.loads(pulled) if pulled.strip() else {}
        return state

    def apply(self) -> None:
        """Apply what was planned last. Import blocks are of one run only."""
        self.must("apply", "-input=false", "plan.bin")
        (self.folder / "imports.tf").unlink(missing_ok=True)

    def apply_failing(self) -> Progress:
        """Apply what was planned last, as a run does, and see it fail: what its log told."""
        ran = self.tofu.run("apply", "-input=false", "-json", "plan.bin", cwd=self.folder, environment=self.environment)
        assert ran.returncode == 1, f"the apply went well:\n{ran.stdout}"
        return fold_lines(ran.stdout.splitlines())

    def apply_refused(self) -> str:
        """Apply what was planned last; what an apply that failed says on one line, nothing for one that did not."""
        ran = self.tofu.run("apply", "-input=false", "plan.bin", cwd=self.folder, environment=self.environment)
        return " ".join((ran.stdout + ran.stderr).replace("│", " ").split()) if ran.returncode else ""

    def build(self) -> None:
        """Everything that is asked for, in one go."""
        self.plan()
        self.apply()

    def forget(self, *addresses: str) -> None:
        """Throw these out of the state; without any, the whole of it."""
        if addresses:
            self.must("state", "rm", *addresses)
        else:
            (self.folder / STATE).unlink()

    def apply_killed_when(self, enough: Callable[[], bool]) -> None:
        """Apply, and kill tofu and its provider without notice as soon as `enough` is there."""
        self.plan()
        process = subprocess.Popen(
            [str(self.tofu.program), "apply", "-input=false", "plan.bin"],
            cwd=self.folder,
            env=self.tofu.environment(self.environment),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

        def far_enough() -> bool:
            assert process.poll() is None, "the apply ended by itself"
            return enough()

        try:
            wait_for(far_enough, "the apply to get that far", seconds=30, every=OFTEN)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
