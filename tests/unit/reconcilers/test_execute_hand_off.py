"""The actions of a hand-off, and of a deletion after it: each again, and after the operator was interrupted."""

from __future__ import annotations

import base64
import gzip
import json

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from catalyst_operator.adapters.new_cluster import authorities
from catalyst_operator.api import labels
from catalyst_operator.core import actions, manifests, naming
from catalyst_operator.core.access import kubeconfig
from catalyst_operator.core.access.identity import OWNER, Access
from catalyst_operator.core.actions import Action
from catalyst_operator.errors import Conflict, NotFound, Unavailable
from catalyst_operator.reconcilers.execute import Executor
from catalyst_operator.reconcilers.new_cluster import ADMINISTRATORS, OWNER_LIFETIME
from tests.support import gen
from tests.support.fake_kube import Crash, FakeApi, Key, Object, Request
from tests.support.gen import NOW, SPACE, TOKEN
from tests.support.outside import outside

TRUST = authorities.make(NOW)
STATE = Key("secrets", SPACE, naming.STATE_SECRET)
ARCHIVE = Key("secrets", SPACE, naming.ARCHIVED_STATE_SECRET)
SAVED = Key("secrets", SPACE, naming.ERRORED_STATE_SECRET)
TOKEN_COPY = Key("secrets", SPACE, naming.TOKEN_SECRET)
AUTHORITIES = Key("secrets", gen.HOME, naming.cluster_secrets(gen.UID))
STATE_KEY = Key("secrets", SPACE, naming.STATE_KEY_SECRET)
KUBECONFIG = Key("secrets", "team-a", naming.owner_kubeconfig("omantel"))
EACH: tuple[Action, ...] = (
    actions.ArchiveState(),
    actions.WriteOwnerKubeconfig(),
    actions.ForgetKeys(),
    actions.RestoreArchive(),
)


class Scene:
    """A management cluster with a Sovereign that is applied, all its keys, and its state in serial 7."""

    def __init__(self) -> None:
        self.api = FakeApi()
        for name in ("team-a", SPACE, gen.HOME):
            self.api.put("namespaces", {"metadata": {"name": name}})
        sovereign = gen.sovereign()
        self.api.put("secrets", manifests.provider_token(sovereign, TOKEN))
        self.api.put("secrets", manifests.state_key(sovereign, bytes(32)))
        self.api.put("secrets", manifests.cluster_secrets(sovereign, gen.HOME, TRUST.variables))
        self.state(7)

    def state(self, serial: int, lineage: str = "l") -> None:
        """OpenTofu writes its state."""
        self.api.remove(*STATE)
        self.api.put("secrets", manifests.state(gen.sovereign(), packed(serial, lineage)))

    async def run(self, *each: Action) -> None:
        """One executor for the actions of one decision."""
        client = self.api.client()
        o = gen.observation(gen.known(gen.succeeded()))
        executor = Executor(client, outside(client), o, lambda: None, lambda: NOW)
        for action in each:
            await executor.run(action)

    def crash_at(self, method: str, key: Key) -> None:
        """The operator's process ends right before this request of its."""

        def struck(request: Request) -> None:
            named = key.name in (request.key.name, (request.body or {}).get("metadata", {}).get("name"))
            if request.method == method and named:
                self.api.before_request = lambda _: None
                raise Crash

        self.api.before_request = struck

    def there(self, key: Key) -> Object:
        """What must be there."""
        found = self.api.get(*key)
        assert found is not None, f"{key.name} is not there"
        return found

    def owner(self) -> Access:
        """The access that the owner was given."""
        return kubeconfig.parse(base64.b64decode(self.there(KUBECONFIG)["data"][manifests.KUBECONFIG_KEY]).decode())


def packed(serial: int, lineage: str = "l") -> str:
    """The data of a state Secret."""
    text = json.dumps({"serial": serial, "lineage": lineage, "encrypted_data": "..."})
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.mark.parametrize("action", EACH, ids=lambda action: type(action).__name__)
async def test_doing_it_again_changes_nothing(scene: Scene, action: Action) -> None:
    """The step may have been done, and the operator ended before it saw that it was."""
    if isinstance(action, actions.ForgetKeys):
        await scene.run(actions.ArchiveState())
    if isinstance(action, actions.RestoreArchive):
        await scene.run(actions.ArchiveState(), actions.ForgetKeys())
    before = len(scene.api.writes)
    await scene.run(action)
    after = len(scene.api.writes)
    assert after > before, "it does something the first time"
    await scene.run(action)
    assert len(scene.api.writes) == after


# --- the archive ------------------------------------------------------------------------------------------------------


async def test_the_archive_is_the_state_as_it_was(scene: Scene) -> None:
    """Still encrypted, never to be changed, and told apart by its role."""
    await scene.run(actions.ArchiveState())
    archive = scene.there(ARCHIVE)
    assert archive["data"] == {"tfstate": packed(7)}
    assert archive["immutable"] is True
    assert archive["metadata"]["labels"][labels.LABEL_ROLE] == labels.ROLE_ARCHIVE
    assert "tfstate" not in archive["metadata"]["labels"], "OpenTofu's backend must not find it"
    assert scene.there(STATE)["data"] == {"tfstate": packed(7)}, "the working state goes with the keys, not before"


@pytest.mark.parametrize("newer", [(8, "l"), (7, "other")], ids=["serial", "lineage"])
async def test_an_older_archive_is_made_anew(scene: Scene, newer: tuple[int, str]) -> None:
    """A hand-off was interrupted by a run: what that made must be in the archive, or nobody could destroy it."""
    await scene.run(actions.ArchiveState())
    scene.state(*newer)
    await scene.run(actions.ArchiveState())
    assert scene.there(ARCHIVE)["data"] == {"tfstate": packed(*newer)}
    assert scene.there(ARCHIVE)["immutable"] is True


async def test_an_archive_of_the_same_state_is_left_alone(scene: Scene) -> None:
    await scene.run(actions.ArchiveState())
    first = scene.there(ARCHIVE)
    await scene.run(actions.ArchiveState())
    assert scene.there(ARCHIVE) == first


@pytest.mark.parametrize("method", ["DELETE", "POST"])
async def test_an_interrupted_replacement_is_taken_up_again(scene: Scene, method: str) -> None:
    await scene.run(actions.ArchiveState())
    scene.state(8)
    scene.crash_at(method, ARCHIVE)
    with pytest.raises(Crash):
        await scene.run(actions.ArchiveState())
    assert (scene.api.get(*ARCHIVE) is None) is (method == "POST"), "where it was interrupted"
    await scene.run(actions.ArchiveState())
    assert scene.there(ARCHIVE)["data"] == {"tfstate": packed(8)}


async def test_without_a_state_the_archive_stays(scene: Scene) -> None:
    """The keys are gone already: the archive is the only list of what there is in the cloud."""
    await scene.run(actions.ArchiveState(), actions.ForgetKeys())
    with pytest.raises(NotFound):
        await scene.run(actions.ArchiveState())
    assert scene.there(ARCHIVE)["data"] == {"tfstate": packed(7)}


async def test_without_a_state_nothing_is_archived(scene: Scene) -> None:
    """An empty archive would look like a hand-off that may go on."""
    scene.api.remove(*STATE)
    with pytest.raises(NotFound):
        await scene.run(actions.ArchiveState())
    assert scene.api.get(*ARCHIVE) is None


async def test_an_archive_that_cannot_be_looked_at_is_not_replaced(scene: Scene) -> None:
    scene.api.refusals["GET", "secrets"] = (503, "etcd is away")
    with pytest.raises(Unavailable):
        await scene.run(actions.ArchiveState())
    assert scene.api.writes == []


# --- a working state of it --------------------------------------------------------------------------------------------


async def test_a_deletion_gets_a_copy_of_the_archive(scene: Scene) -> None:
    """As OpenTofu's backend would have made it; the archive itself stays, should the destroy go wrong."""
    original = scene.there(STATE)
    await scene.run(actions.ArchiveState(), actions.ForgetKeys(), actions.RestoreArchive())
    restored = scene.there(STATE)
    assert restored["data"] == {"tfstate": packed(7)}
    assert not restored.get("immutable"), "OpenTofu has to write to it"
    for field in ("labels", "annotations"):
        assert restored["metadata"][field] == original["metadata"][field]
    assert scene.there(ARCHIVE)["data"] == {"tfstate": packed(7)}


async def test_a_working_state_that_a_destroy_wrote_is_not_put_back(scene: Scene) -> None:
    """It is newer: some of what the archive lists is destroyed already."""
    await scene.run(actions.ArchiveState(), actions.ForgetKeys(), actions.RestoreArchive())
    scene.state(9)
    await scene.run(actions.RestoreArchive())
    assert scene.there(STATE)["data"] == {"tfstate": packed(9)}


async def test_without_an_archive_there_is_nothing_to_restore(scene: Scene) -> None:
    scene.api.remove(*STATE)
    with pytest.raises(NotFound):
        await scene.run(actions.RestoreArchive())
    assert scene.api.get(*STATE) is None


# --- the keys ---------------------------------------------------------------------------------------------------------


async def test_what_opens_the_cluster_or_the_project_goes(scene: Scene) -> None:
    """And nothing else: archive and key together are what a deletion needs."""
    scene.api.put("secrets", {"metadata": {"name": SAVED.name, "namespace": SPACE}, "data": {"tfstate": ""}})
    await scene.run(actions.ArchiveState(), actions.WriteOwnerKubeconfig(), actions.ForgetKeys())
    assert {secret["metadata"]["name"] for secret in scene.api.all("secrets", SPACE)} == {ARCHIVE.name, STATE_KEY.name}
    assert scene.api.get(*KUBECONFIG) is not None, "the owner's is the owner's"


@pytest.mark.parametrize("key", [AUTHORITIES, TOKEN_COPY, STATE], ids=lambda key: str(key.name))
async def test_an_interrupted_removal_of_keys_is_ended(scene: Scene, key: Key) -> None:
    await scene.run(actions.ArchiveState())
    scene.crash_at("DELETE", key)
    with pytest.raises(Crash):
        await scene.run(actions.ForgetKeys())
    assert scene.api.get(*key) is not None, "it was interrupted"
    await scene.run(actions.ForgetKeys())
    assert {secret["metadata"]["name"] for secret in scene.api.all("secrets", SPACE)} == {ARCHIVE.name, STATE_KEY.name}


@pytest.mark.parametrize("newer", [(8, "l"), (7, "other")], ids=["serial", "lineage"])
async def test_a_state_that_changed_since_it_was_archived_stays(scene: Scene, newer: tuple[int, str]) -> None:
    """Somebody wrote it after the look that the decision was made from: the next one archives it anew."""
    await scene.run(actions.ArchiveState())
    scene.state(*newer)
    with pytest.raises(Conflict):
        await scene.run(actions.ForgetKeys())
    assert scene.there(STATE)["data"] == {"tfstate": packed(*newer)}
    assert scene.api.get(*AUTHORITIES) is not None, "nothing else is removed before"


async def test_a_state_that_is_not_archived_stays(scene: Scene) -> None:
    with pytest.raises(Conflict):
        await scene.run(actions.ForgetKeys())
    assert scene.api.get(*STATE) is not None


async def test_an_older_state_that_came_back_with_a_backup_goes(scene: Scene) -> None:
    """The archive has what came after it."""
    await scene.run(actions.ArchiveState(), actions.ForgetKeys())
    scene.state(5)
    await scene.run(actions.ForgetKeys())
    assert scene.api.get(*STATE) is None
    assert scene.there(ARCHIVE)["data"] == {"tfstate": packed(7)}


async def test_keys_that_cannot_be_removed_are_an_error(scene: Scene) -> None:
    """It is not a hand-off while they are there."""
    await scene.run(actions.ArchiveState())
    scene.api.refusals["DELETE", "secrets"] = (409, "being looked at")
    with pytest.raises(Conflict):
        await scene.run(actions.ForgetKeys())


# --- the owner's kubeconfig -------------------------------------------------------------------------------------------


async def test_the_owner_becomes_administrator(scene: Scene) -> None:
    """For a year, of the cluster as it is: by its name, its addresses and its own authority."""
    await scene.run(actions.WriteOwnerKubeconfig())
    access = scene.owner()
    assert access.servers == ("203.0.113.10:6443",)
    assert access.tls_name == "omantel.omani.works"
    assert access.authority == TRUST.files["server-ca.crt"]
    assert access.expires == NOW + OWNER_LIFETIME
    subject = x509.load_pem_x509_certificate(access.certificate.encode()).subject
    assert [a.value for a in subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == [OWNER]
    assert [a.value for a in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)] == [ADMINISTRATORS]
    secret = scene.there(KUBECONFIG)
    assert secret["metadata"]["labels"][labels.LABEL_ROLE] == labels.ROLE_KUBECONFIG
    assert not secret.get("immutable"), "it is the owner's from then on"


async def test_a_kubeconfig_that_is_there_stays(scene: Scene) -> None:
    """The owner may be using it; another one would be just as good, but the first still works."""
    await scene.run(actions.WriteOwnerKubeconfig())
    first = scene.there(KUBECONFIG)
    await scene.run(actions.WriteOwnerKubeconfig())
    assert scene.there(KUBECONFIG) == first


async def test_without_authorities_no_kubeconfig_is_made(scene: Scene) -> None:
    """One that nobody signed would open nothing, and be taken for the real one."""
    await scene.run(actions.ArchiveState(), actions.ForgetKeys())
    with pytest.raises(NotFound):
        await scene.run(actions.WriteOwnerKubeconfig())
    assert scene.api.get(*KUBECONFIG) is None
