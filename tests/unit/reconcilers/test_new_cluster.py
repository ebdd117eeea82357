"""What is done about a new cluster: started beside the reconcile, as whom it takes, and about the right cluster."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from catalyst_operator.adapters.git.newest import Repository
from catalyst_operator.adapters.git.overlays import Overlays
from catalyst_operator.adapters.git.push import Pushed
from catalyst_operator.adapters.git.repository_looks import RepositoryLooks
from catalyst_operator.adapters.new_cluster import authorities
from catalyst_operator.adapters.new_cluster.clusters import AccessSource
from catalyst_operator.core import actions, manifests, naming
from catalyst_operator.core.access import transfer
from catalyst_operator.core.access.dead_nodes import DeadNode, RemovalReport
from catalyst_operator.core.access.farewell import FarewellReport
from catalyst_operator.core.access.git_ref import GitRef
from catalyst_operator.core.access.identity import NODE_REMOVER, OBSERVER, SEEDER, Access
from catalyst_operator.core.access.seeds import GIT, Seed, SeedReport
from catalyst_operator.core.access.transfer import TransferReport
from catalyst_operator.core.kit.pushed import OverlayChange, OverlayReport
from catalyst_operator.core.kit.repository import RepositoryQuestion, RepositoryView
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.phase1.target import Target
from catalyst_operator.core.tofu import encryption
from catalyst_operator.errors import NotFound, Refused
from catalyst_operator.reconcilers.new_cluster import ERRAND_LIFETIME, NewCluster
from catalyst_operator.reconcilers.outside import Outside
from tests.support import gen
from tests.support.fake_kube import FakeApi, Object
from tests.support.gen import NOW, SPACE, UID
from tests.support.outside import FakeClusters, outside

PATIENCE = 5.0
TRUST = authorities.make(NOW)
TARGET = Target(("203.0.113.99",), "omantel.omani.works", "203.0.113.20", console=True, pace=timedelta(seconds=30))
SEEDS = (Seed(GIT, "git", "gitops.credentialsSecretRef", ("username", "password"), ("ca.crt",)),)
FOLDER = "clusters/omantel.omani.works"
CHANGE = OverlayChange(FOLDER, {f"{FOLDER}/sync.yaml": "a: 1\n"}, "Render it")
MAIN = GitRef(branch="main")
PUSH = actions.PushOverlay("key", "https://git.example/acme/gitops.git", "main", CHANGE)


class Watching(FakeClusters):
    """Also keeps by what means a cluster is to be watched."""

    def __init__(self) -> None:
        super().__init__()
        self.access: AccessSource | None = None
        self.changed: Callable[[], None] | None = None
        self.looked: list[str] = []

    def watch(self, uid: str, target: Target, access: AccessSource, changed: Callable[[], None]) -> None:
        super().watch(uid, target, access, changed)
        self.access, self.changed = access, changed

    def look_again(self, uid: str) -> None:
        self.looked.append(uid)


@dataclass
class Remote:
    """A connection to a new cluster that lets everything happen; rights that were given up are refused."""

    scene: Scene
    user: str

    async def merge(self, _kind: object, _namespace: str, name: str, patch: Object) -> Object:
        self.scene.patched[name] = patch["data"]
        return {}

    async def patch(self, _kind: object, _namespace: str, name: str, operations: list[Object]) -> Object:
        if len(operations) == 1:
            raise Refused(422, "testing value failed")
        self.scene.patched[name] = operations[-1]["value"]
        return {}

    async def delete(self, _kind: object, _namespace: str, name: str, *, uid: str = "") -> None:
        if uid:
            self.scene.removed.append((name, uid))
        else:
            self.scene.given_up.append(self.user)

    async def get(self, *_: object) -> Object:
        return self._refused()

    async def may_list(self, *_: object) -> Object:
        return self._refused()

    def _refused(self) -> Object:
        if self.user in self.scene.given_up:
            raise Refused(403, "is forbidden")
        return {}


class Scene:
    """A management cluster with an applied Sovereign, the owner's Git credentials, and fakes of all that is beside."""

    def __init__(self) -> None:
        self.api = FakeApi()
        self.clusters = Watching()
        self.accesses: list[Access] = []
        """With which the new cluster was connected to."""
        self.patched: dict[str, Object] = {}
        self.given_up: list[str] = []
        self.removed: list[tuple[str, str]] = []
        """Node and UID."""
        self.pushed: list[tuple[Repository, OverlayChange]] = []
        self.looked: list[tuple[str, Repository, RepositoryQuestion]] = []
        self.sealed: list[tuple[bytes, str, str]] = []
        self._wakes = asyncio.Queue[None]()
        for name in ("team-a", SPACE, gen.HOME):
            self.api.put("namespaces", {"metadata": {"name": name}})
        self.api.put("secrets", manifests.cluster_secrets(gen.sovereign(), gen.HOME, TRUST.variables))
        self.git(username="u", password="p")
        self.beside: Outside = outside(
            self.api.client(),
            clusters=self.clusters,
            connect=self._connect,
            overlays=Overlays(self._push, {}, lambda: NOW),
            repositories=RepositoryLooks(self._look, lambda: NOW),
            seal=self._seal,
        )

    def git(self, **values: str) -> None:
        """The owner's credentials for Git."""
        self.api.remove("secrets", "team-a", "git")
        data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
        self.api.put("secrets", {"metadata": {"name": "git", "namespace": "team-a"}, "data": data})

    async def _seal(self, state: bytes, key: str, other: str, *, owner: str) -> bytes:
        self.sealed.append((state, key, owner))
        return b"sealed anew"

    def _connect(self, access: Access) -> Any:
        self.accesses.append(access)
        return self._connected(Remote(self, user_of(access)))

    @asynccontextmanager
    async def _connected(self, remote: Remote) -> AsyncIterator[Remote]:
        yield remote

    def _push(self, repository: Repository, change: OverlayChange, _template: Mapping[str, str]) -> Pushed:
        self.pushed.append((repository, change))
        return Pushed("4f1c" * 10, committed=True)

    async def _look(self, owner: str, repository: Repository, question: RepositoryQuestion) -> RepositoryView:
        self.looked.append((owner, repository, question))
        return RepositoryView("4f1c" * 10)

    def wake(self) -> None:
        self._wakes.put_nowait(None)

    async def run(self, *each: actions.Action, o: Observation | None = None) -> None:
        seen = o or gen.observation(
            gen.of(gen.spec(gitops=gen.PUSHED)),
            gen.known(gen.succeeded()),
        )
        new_cluster = NewCluster(self.api.client(), self.beside, seen, self.wake, lambda: NOW)
        for action in each:
            await new_cluster.run(action)

    async def until_woken(self) -> None:
        """Until somebody who did not wake it yet does so."""
        await asyncio.wait_for(self._wakes.get(), PATIENCE)

    async def end(self) -> bool:
        """All that is beside ends. Whether it was woken once more before."""
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.wait_for(asyncio.gather(*others, return_exceptions=True), PATIENCE)
        return not self._wakes.empty()


def user_of(access: Access) -> str:
    """Whom the new cluster takes this for."""
    subject = x509.load_pem_x509_certificate(access.certificate.encode()).subject
    assert not subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME), "the operator itself is of no group"
    return str(subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    made = Scene()
    yield made
    await asyncio.wait_for(made.beside.close(), PATIENCE)


# --- watching ---------------------------------------------------------------------------------------------------------


async def test_it_is_watched_by_the_observer(scene: Scene) -> None:
    """At the addresses of the target, with a certificate that is minted when it is needed and not before."""
    await scene.run(actions.WatchCluster(TARGET))
    assert scene.clusters.watched == {UID: TARGET}
    assert scene.clusters.changed == scene.wake
    assert scene.api.requests == [], "a pass must not wait for it"
    assert scene.clusters.access is not None
    access = await scene.clusters.access()
    assert user_of(access) == OBSERVER
    assert access.servers == ("203.0.113.99:6443",)
    assert access.tls_name == "omantel.omani.works"
    assert access.expires == NOW + gen.SETTINGS.observer_lifetime


async def test_a_watch_ends_with_the_authorities(scene: Scene) -> None:
    await scene.run(actions.WatchCluster(TARGET))
    scene.api.remove("secrets", gen.HOME, naming.cluster_secrets(UID))
    assert scene.clusters.access is not None
    with pytest.raises(NotFound):
        await scene.clusters.access()


async def test_it_is_looked_at_again_and_forgotten(scene: Scene) -> None:
    await scene.run(actions.WatchCluster(TARGET), actions.LookAgain())
    assert scene.clusters.looked == [UID]
    await scene.run(actions.ForgetCluster())
    assert scene.clusters.watched == {}
    await scene.run(actions.ForgetCluster())


# --- errands ----------------------------------------------------------------------------------------------------------


async def test_secrets_are_delivered_by_the_seeder(scene: Scene) -> None:
    """From the owner's namespace to the servers that the record names, beside the reconcile."""
    await scene.run(actions.SeedCluster("key", SEEDS))
    assert (scene.api.requests, scene.beside.seeds.report(UID)) == ([], None), "a pass must not wait for it"
    await scene.until_woken()
    meta = (scene.api.get("secrets", "team-a", "git") or {})["metadata"]
    version = f"{meta['uid']}/{meta['resourceVersion']}"
    assert scene.beside.seeds.report(UID) == SeedReport("key", NOW, {GIT: version})
    assert set(scene.patched) == {GIT}
    (access,) = scene.accesses
    assert user_of(access) == SEEDER
    assert (access.servers, access.expires) == (("203.0.113.10:6443",), NOW + ERRAND_LIFETIME)


async def test_the_same_delivery_is_under_way_once(scene: Scene) -> None:
    """Each pass asks for it anew, and makes its own executor."""
    await scene.run(actions.SeedCluster("key", SEEDS))
    await scene.run(actions.SeedCluster("key", SEEDS))
    await scene.until_woken()
    assert not await scene.end(), "the second was none"
    assert len(scene.accesses) == 1


async def test_a_changed_delivery_takes_over(scene: Scene) -> None:
    """A Secret that changed right after it was delivered is not held back."""
    await scene.run(actions.SeedCluster("older", SEEDS))
    await scene.run(actions.SeedCluster("newer", SEEDS))
    await scene.until_woken()
    report = scene.beside.seeds.report(UID)
    assert report is not None
    assert report.key == "newer"
    assert len(scene.accesses) == 1


NODES = (DeadNode("omantel-c1bcd-worker-0", "old"), DeadNode("omantel-c1bcd-worker-1", "older"))


async def test_dead_nodes_are_removed_beside_the_reconcile(scene: Scene) -> None:
    """As whom it takes, and those very nodes."""
    await scene.run(actions.RemoveNodes("key", NODES))
    assert scene.beside.removals.report(UID) is None
    await scene.until_woken()
    assert scene.beside.removals.report(UID) == RemovalReport("key", NOW)
    assert scene.removed == [(node.name, node.uid) for node in NODES]
    assert [user_of(access) for access in scene.accesses] == [NODE_REMOVER]


STATE_FILE = b'{"serial": 7, "lineage": "l", "encrypted_data": "..."}'
CROSSPLANE = gen.spec(crossplane={"credentialsSecretRef": {"name": "own-token"}})


async def test_the_archived_state_is_given_by_the_seeder(scene: Scene) -> None:
    """With the inputs of the last run and the token of workers; the owner's login for Git only where the module needs
    it."""
    sovereign = gen.sovereign()
    scene.api.put("secrets", manifests.archived_state(sovereign, manifests.packed_state(STATE_FILE)))
    scene.api.put("secrets", manifests.state_key(sovereign, bytes(32)))
    o = gen.observation(
        gen.of(CROSSPLANE, gen.spec(gitops={"credentialsSecretRef": {"name": "git"}})), gen.known(gen.succeeded())
    )
    await scene.run(actions.TransferState("key", gen.variables(CROSSPLANE)), o=o)
    assert scene.beside.transfers.report(UID) is None, "a pass must not wait for it"
    await scene.until_woken()
    assert scene.beside.transfers.report(UID) == TransferReport("key", NOW, done=True)
    assert [user_of(access) for access in scene.accesses] == [SEEDER]
    assert scene.sealed == [(STATE_FILE, encryption.key_text(bytes(32)), "team-a")], "in the turn of its namespace"
    given = {key: base64.b64decode(value).decode() for key, value in scene.patched[transfer.ADOPTION].items()}
    assert json.loads(given[transfer.INPUTS])["agent_token"] == TRUST.agent_token
    assert TRUST.server_token not in "".join(given.values())
    assert given[transfer.GIT_LOGIN] == "https://u:p@github.com\n"


async def test_a_login_is_for_the_repository_that_it_was_given_for(scene: Scene) -> None:
    """In mode Commit the module is the operator's own repository's: the owner's login is none of its business."""
    sovereign = gen.sovereign()
    scene.api.put("secrets", manifests.archived_state(sovereign, manifests.packed_state(STATE_FILE)))
    scene.api.put("secrets", manifests.state_key(sovereign, bytes(32)))
    gitops = {**gen.PUSHED, "url": "https://git.example/acme/gitops.git"}
    o = gen.observation(gen.of(CROSSPLANE, gen.spec(gitops=gitops)), gen.known(gen.succeeded()))
    await scene.run(actions.TransferState("key", gen.variables(CROSSPLANE)), o=o)
    await scene.until_woken()
    assert set(scene.patched[transfer.ADOPTION]) == {transfer.KEY, transfer.INPUTS}


async def test_a_state_that_is_not_archived_is_not_given(scene: Scene) -> None:
    await scene.run(actions.TransferState("key", gen.variables(CROSSPLANE)))
    await scene.until_woken()
    report = scene.beside.transfers.report(UID)
    assert report is not None and report.error is not None
    assert "archived-state" in report.error.message
    assert scene.patched == {}


@pytest.mark.parametrize(
    ("username", "password", "line"),
    [("u", "p", "https://u:p@git.example\n"), ("a@b", "p/:#", "https://a%40b:p%2F%3A%23@git.example\n")],
)
def test_a_login_is_one_line_that_git_reads(username: str, password: str, line: str) -> None:
    assert transfer.git_login("https://git.example/acme/gitops.git", username, password) == line


async def test_all_identities_give_up_their_access(scene: Scene) -> None:
    """With certificates that are still valid for a while: what is refused by then is refused for want of rights."""
    await scene.run(actions.GiveUpAccess("key"))
    assert scene.beside.farewells.report(UID) is None
    await scene.until_woken()
    assert scene.beside.farewells.report(UID) == FarewellReport("key", NOW, True, NOW + ERRAND_LIFETIME)
    assert set(scene.given_up) == {OBSERVER, SEEDER, NODE_REMOVER}
    assert {access.servers for access in scene.accesses} == {("203.0.113.10:6443",)}


async def test_without_authorities_nothing_is_proven(scene: Scene) -> None:
    """Whoever removed them early has not made the new cluster forget the operator."""
    scene.api.remove("secrets", gen.HOME, naming.cluster_secrets(UID))
    await scene.run(actions.GiveUpAccess("key"))
    await scene.until_woken()
    report = scene.beside.farewells.report(UID)
    assert report is not None
    assert (report.refused, report.valid_until) == (False, None)
    assert naming.cluster_secrets(UID) in report.message
    assert scene.accesses == []


async def test_a_farewell_does_not_end_a_delivery(scene: Scene) -> None:
    """They are errands of their own, even of the same key."""
    await scene.run(actions.SeedCluster("key", SEEDS), actions.GiveUpAccess("key"))
    await scene.until_woken()
    await scene.until_woken()
    assert scene.beside.seeds.report(UID) is not None
    assert scene.beside.farewells.report(UID) is not None


async def test_a_cluster_without_known_servers_is_connected_to_nowhere(scene: Scene) -> None:
    """The record may have lost its outputs; the connection itself says that there is no address."""
    await scene.run(actions.SeedCluster("key", SEEDS), o=gen.observation())
    await scene.until_woken()
    assert [access.servers for access in scene.accesses] == [()]


# --- pushing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("authority", ["", "PEM"], ids=["public", "its own authority"])
async def test_an_overlay_is_pushed_with_the_owners_credentials(scene: Scene, authority: str) -> None:
    scene.git(username="u", password="p", **({"ca.crt": authority} if authority else {}))
    await scene.run(PUSH)
    await scene.until_woken()
    assert scene.pushed == [(Repository(PUSH.url, MAIN, "u", SecretStr("p"), authority), CHANGE)]
    assert scene.beside.overlays.report(UID) == OverlayReport("key", NOW, CHANGE.digest, "4f1c" * 10)


async def test_credentials_that_lack_something_are_tried_as_they_are(scene: Scene) -> None:
    """Git's own answer says it better."""
    scene.git(username="u")
    await scene.run(PUSH)
    await scene.until_woken()
    assert [repository.password for repository, _ in scene.pushed] == [SecretStr("")]


async def test_without_credentials_nothing_is_pushed(scene: Scene) -> None:
    """They went since they were looked at: the next pass sees it."""
    scene.api.remove("secrets", "team-a", "git")
    with pytest.raises(NotFound):
        await scene.run(PUSH)
    assert scene.pushed == []


# --- reading ----------------------------------------------------------------------------------------------------------

ASKED = RepositoryQuestion(PUSH.url, MAIN, ("clusters/_template/bootstrap-kit",), "git")


async def test_the_repository_is_read_with_the_owners_credentials(scene: Scene) -> None:
    scene.git(username="u", password="p", **{"ca.crt": "PEM"})
    await scene.run(actions.AskRepository("key", ASKED))
    assert scene.beside.repositories.report(UID) is None, "a pass must not wait for it"
    await scene.until_woken()
    assert scene.looked == [("team-a", Repository(PUSH.url, MAIN, "u", SecretStr("p"), "PEM"), ASKED)]
    report = scene.beside.repositories.report(UID)
    assert report is not None
    assert (report.key, report.at, [check.name for check in report.checks]) == ("key", NOW, ["git"])


async def test_a_public_repository_is_read_by_nobody(scene: Scene) -> None:
    """Also where there is a Secret of some name."""
    question = replace(ASKED, secret="")
    await scene.run(actions.AskRepository("key", question))
    await scene.until_woken()
    assert scene.looked == [("team-a", Repository(PUSH.url, MAIN), question)]


# --- neither ----------------------------------------------------------------------------------------------------------


async def test_an_action_that_nobody_knows_is_a_mistake(scene: Scene) -> None:
    """It would otherwise be asked for in each pass, and never be done."""
    with pytest.raises(AssertionError, match="nobody carries out ForgetLogs"):
        await scene.run(actions.ForgetLogs())
