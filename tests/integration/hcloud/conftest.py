"""One emulator for all tests of this folder, a project for each, and real OpenTofu with the stand-in provider."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.hcloud.cluster import Cluster, Tofu
from tests.integration.hcloud.emulator import FAST, Emulator, Project
from tests.integration.hcloud.rundir import prepared_module


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    emulator = Emulator(tmp_path_factory.mktemp("hcloud"))
    emulator.start()
    emulator.lab.must_post("/_lab/delays", FAST)
    yield emulator
    emulator.stop()


@pytest.fixture
def project(emulator: Emulator) -> Iterator[Project]:
    yield emulator.project()
    emulator.lab.delete("/_lab/faults")


@pytest.fixture(scope="session")
def tofu(tmp_path_factory: pytest.TempPathFactory) -> Tofu:
    return Tofu.prepared(tmp_path_factory.mktemp("tofu"))


@pytest.fixture(scope="session")
def module(tofu: Tofu, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The module, initialised, to copy from."""
    return prepared_module(tofu, tmp_path_factory.mktemp("module"))


@pytest.fixture
def cluster(tofu: Tofu, project: Project, tmp_path: Path) -> Callable[..., Cluster]:
    """Makes a work folder with the test's module for the project; `cluster("other")` is a second one."""

    def make(folder: str = "work", *, token: str | None = None) -> Cluster:
        return Cluster.create(tofu, tmp_path / folder, project.api.endpoint, token or project.token)

    return make
