"""What lies outside the management cluster, for tests: real caches over fakes that are constructor arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import SecretStr

from catalyst_operator.adapters.git.newest import Repository
from catalyst_operator.adapters.git.overlays import Overlays
from catalyst_operator.adapters.git.push import Pushed
from catalyst_operator.adapters.git.repository_looks import RepositoryLooks
from catalyst_operator.adapters.kube import Kube
from catalyst_operator.adapters.new_cluster.clusters import AccessSource
from catalyst_operator.adapters.new_cluster.remote import RemoteCluster
from catalyst_operator.adapters.project.preflights import Preflights
from catalyst_operator.adapters.project.project_looks import ProjectLooks
from catalyst_operator.adapters.run_logs import RunLogs
from catalyst_operator.adapters.sealing import Check, unchecked
from catalyst_operator.core.kit.pushed import OverlayChange
from catalyst_operator.core.kit.repository import RepositoryQuestion, RepositoryView
from catalyst_operator.core.phase1.target import Target
from catalyst_operator.core.phase1.views import ClusterView
from catalyst_operator.core.project.identity import ProjectAnswer, ProjectQuestion
from catalyst_operator.core.project.preflight import CloudView, SizeOffer, Wanted
from catalyst_operator.reconcilers.errands import errands
from catalyst_operator.reconcilers.outside import Outside
from tests.support import gen


class FakeClusters:
    """New clusters as a test says they are; nobody connects to anything."""

    def __init__(self) -> None:
        self.views: dict[str, ClusterView] = {}
        """What is seen of a cluster, once it is watched."""
        self.watched: dict[str, Target] = {}
        self.looks = 0

    def view(self, uid: str) -> ClusterView | None:
        return self.views.get(uid) if uid in self.watched else None

    def watch(self, uid: str, target: Target, access: AccessSource, changed: Callable[[], None]) -> None:
        self.watched[uid] = target

    def look_again(self, uid: str) -> None:
        self.looks += 1

    async def forget(self, uid: str) -> None:
        self.watched.pop(uid, None)

    async def close(self) -> None:
        self.watched.clear()


async def nobody(_token: SecretStr, _wanted: Wanted) -> CloudView:
    """Of tests that must not ask the cloud."""
    raise AssertionError("the cloud was asked")


async def no_look(_token: SecretStr, _question: ProjectQuestion) -> ProjectAnswer:
    """Of tests that must not look whose project it is."""
    raise AssertionError("the project was looked at")


def no_push(_repository: Repository, _change: OverlayChange, _template: Mapping[str, str]) -> Pushed:
    """Of tests that must not push."""
    raise AssertionError("something was pushed")


async def no_read(_owner: str, _repository: Repository, _question: RepositoryQuestion) -> RepositoryView:
    """Of tests that must not read from Git."""
    raise AssertionError("a Git repository was read")


async def no_sealing(_state: bytes, _key: str, _other: str, _check: Check = unchecked, *, owner: str) -> bytes:
    """Of tests that must not run OpenTofu."""
    raise AssertionError("a state was sealed anew")


async def all_offered(_token: SecretStr, wanted: Wanted) -> CloudView:
    """A cloud that has every size that is asked for."""
    sizes = {size for ladder in wanted.sizes.values() for size in ladder}
    offers = {size: {wanted.location: SizeOffer(available=True)} for size in sizes}
    return CloudView(offers=offers, architectures=dict.fromkeys(sizes, "x86"))


async def any_repository(_owner: str, _repository: Repository, _question: RepositoryQuestion) -> RepositoryView:
    """A repository that has the kit, wherever it is said to be."""
    return RepositoryView("a" * 40, "main")


async def own_project(_token: SecretStr, _question: ProjectQuestion) -> ProjectAnswer:
    """A project that has a server of the Sovereign's."""
    return ProjectAnswer("server/1")


def outside(client: Kube, **parts: Any) -> Outside:
    """All of it, with the parts that a test cares for."""
    made: dict[str, Any] = {
        "logs": RunLogs(client),
        "projects": ProjectLooks(no_look, lambda: gen.NOW),
        "crossplane_projects": ProjectLooks(no_look, lambda: gen.NOW),
        "preflights": Preflights(nobody, lambda: gen.NOW),
        "repositories": RepositoryLooks(no_read, lambda: gen.NOW),
        "overlays": Overlays(no_push, {}, lambda: gen.NOW),
        "clusters": FakeClusters(),
        **errands(lambda: gen.NOW, lambda: None),
        "connect": RemoteCluster,
        "seal": no_sealing,
    }
    return Outside(**{**made, **parts})
