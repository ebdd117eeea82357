"""The OpenTofu module by OpenTofu's own means: format, validation, and the tests in infra/hetzner/tests."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.tofu import MODULE, OpenTofu, copy_of_module

REPOSITORY = MODULE.parents[1]
pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def tofu(tmp_path_factory: pytest.TempPathFactory) -> OpenTofu:
    return OpenTofu.with_provider(tmp_path_factory.mktemp("tofu"))


@pytest.fixture(scope="module")
def module(tofu: OpenTofu) -> Path:
    copied = copy_of_module(tofu.home)
    tofu.must("init", "-input=false", cwd=copied)
    return copied


def test_the_module_is_formatted(tofu: OpenTofu) -> None:
    assert tofu.must("fmt", "-check", "-recursive", cwd=MODULE) == ""


def test_the_module_is_valid(tofu: OpenTofu, module: Path) -> None:
    tofu.must("validate", cwd=module)


def test_the_modules_own_tests_pass(tofu: OpenTofu, module: Path) -> None:
    tofu.must("test", cwd=module)


def test_no_output_is_a_secret(module: Path) -> None:
    """A run hands the outputs on in a termination message, which everybody who sees the Pod can read."""
    assert "sensitive" not in (module / "outputs.tf").read_text()


def test_by_hand_it_is_done_as_the_readme_says(tofu: OpenTofu, tmp_path: Path) -> None:
    """What makes the variables there has to keep up with the module and with the operator."""
    [block] = re.findall(r"```sh\n(.*?)```", (MODULE / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    given, found, _ = block.partition("export HCLOUD_TOKEN")
    assert found
    module = copy_of_module(tmp_path)
    shutil.copy(REPOSITORY / "deploy/samples/sovereign.yaml", module)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {"PATH": path, "PYTHONPATH": str(REPOSITORY)}
    subprocess.run(["bash", "-euc", given], cwd=module, env=environment, check=True)
    told = json.loads((module / "sovereign.auto.tfvars.json").read_text())
    assert told["kit_values"]["SOVEREIGN_FQDN"] == "omantel.omani.works"
    # A plan of nothing but new objects asks nobody.
    (module / "provider.tf").write_text(f'provider "hcloud" {{\n  token = "{"a" * 64}"\n}}\n')
    tofu.must("init", "-input=false", cwd=module)
    assert "0 to change, 0 to destroy" in tofu.must("plan", "-input=false", cwd=module)
