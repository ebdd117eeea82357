"""The OpenTofu module by OpenTofu's own means: format, validation, and the tests in infra/hetzner/tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.tofu import MODULE, OpenTofu, copy_of_module

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
