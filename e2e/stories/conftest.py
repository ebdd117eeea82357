"""Fixtures of the stories: the operator installed once, and a Sovereign of its own for each story."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from e2e.support import operator
from e2e.support.cloud import Project
from e2e.support.kubectl import Kubectl
from e2e.support.sovereigns import Sovereign

Make = Callable[..., tuple[Sovereign, Project]]


@pytest.fixture(scope="session")
def kubectl() -> Kubectl:
    """kubectl for the lab, and for nothing else."""
    return Kubectl.of_lab()


@pytest.fixture(scope="session", autouse=True)
def installed(kubectl: Kubectl) -> None:
    """The operator of this tree, installed from deploy/."""
    operator.install(kubectl)


@pytest.fixture
def make(kubectl: Kubectl) -> Iterator[Make]:
    """Makes Sovereigns in projects of their own, and takes them away after the story."""
    made: list[Sovereign] = []

    def new(name: str, *, readonly: bool = False, **spec: Any) -> tuple[Sovereign, Project]:
        project = Project(readonly=readonly)
        sovereign = Sovereign(kubectl, name, project.token, **spec)
        made.append(sovereign)
        return sovereign, project

    yield new
    for sovereign in made:
        sovereign.delete()
        kubectl("delete", "namespace", sovereign.namespace, "--ignore-not-found", "--wait=false")
