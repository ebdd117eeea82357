"""Fixtures of the stories: the operator installed once, and a Sovereign of its own for each story."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from e2e.support import cloud, operator
from e2e.support.cloud import Project
from e2e.support.kubectl import Kubectl
from e2e.support.sovereigns import Sovereign, take_away

Make = Callable[..., tuple[Sovereign, Project]]


@pytest.fixture(scope="session")
def kubectl() -> Kubectl:
    """kubectl for the lab, and for nothing else."""
    return Kubectl.of_lab()


@pytest.fixture(scope="session", autouse=True)
def installed(kubectl: Kubectl, request: pytest.FixtureRequest) -> None:
    """The operator of this tree, installed from deploy/; with --operator-image, from that archive."""
    operator.install(kubectl, archive=request.config.getoption("--operator-image"))


@pytest.fixture
def make(kubectl: Kubectl) -> Iterator[Make]:
    """Makes Sovereigns, each in a project of its own unless one is given, and takes them away after the story.

    What a story leaves in the emulated cloud stays there, though nothing runs on it any more: destroying is a subject
    of the stories that ask for it.
    """
    made: list[Sovereign] = []
    projects: list[Project] = []

    def new(
        name: str, *, project: Project | None = None, readonly: bool = False, **spec: Any
    ) -> tuple[Sovereign, Project]:
        project = project or Project(readonly=readonly)
        sovereign = Sovereign(kubectl, name, project.token, **spec)
        made.append(sovereign)
        projects.append(project)
        return sovereign, project

    yield new
    cloud.clear_faults()
    take_away(made)
    for sovereign in made:
        kubectl("delete", "namespace", sovereign.namespace, "--ignore-not-found", "--wait=false")
    for project in projects:
        project.end_servers()
