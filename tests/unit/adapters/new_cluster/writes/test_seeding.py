"""Deliveries of the owner's Secrets: only what is asked for goes, and what has arrived is told, however it ends."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from catalyst_operator.adapters import kube
from catalyst_operator.adapters.kube import Kind
from catalyst_operator.adapters.new_cluster.writes import seeding
from catalyst_operator.core.access.identity import Access
from catalyst_operator.core.access.seeds import FEDERATION, GIT, OBJECT_STORAGE, PULL, Seed, SeedReport
from catalyst_operator.core.errors import codes
from catalyst_operator.errors import ApiError, NotFound, Refused, TooMuch, Unauthorized, Unavailable, Untrusted
from tests.support.fake_kube import FakeApi, Key, Object
from tests.support.gen import NOW

SPACE = "team-a"
SEEDS = (
    Seed(PULL, "registry", "imagePullSecretRef", (".dockerconfigjson",)),
    Seed(GIT, "git", "gitops.credentialsSecretRef", ("username", "password"), ("ca.crt",)),
    Seed(OBJECT_STORAGE, "bucket", "objectStorage.credentialsSecretRef", ("accessKeyID",)),
)
MINTED = Access(
    servers=("192.0.2.1:6443",),
    tls_name="omantel.omani.works",
    authority="",
    certificate="seeder",
    key=SecretStr(""),
    expires=NOW + timedelta(minutes=10),
)


@dataclass
class Server:
    """A new cluster: what its Secrets were patched with, and what it answers instead, by Secret."""

    answers: dict[str, ApiError] = field(default_factory=dict)
    patches: list[tuple[Kind, str, str, Object]] = field(default_factory=list)
    open: int = 0

    def connect(self, access: Access) -> Any:
        assert access is MINTED
        return self._connected()

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Server]:
        self.open += 1
        try:
            yield self
        finally:
            self.open -= 1

    async def merge(self, kind: Kind, namespace: str, name: str, patch: Object) -> Object:
        assert self.open == 1
        if name in self.answers:
            raise self.answers[name]
        self.patches.append((kind, namespace, name, patch))
        return {}

    @property
    def delivered(self) -> dict[str, Object]:
        return {name: patch["data"] for _, _, name, patch in self.patches}


class Scene:
    """The owner's namespace with a complete Secret for each seed, and a new cluster."""

    def __init__(self) -> None:
        self.api = FakeApi()
        self.server = Server()
        self.minting: ApiError | None = None
        self.api.put("namespaces", {"metadata": {"name": SPACE}})
        self.own("registry", **{".dockerconfigjson": "{}"})
        self.own("git", username="u", password="p")
        self.own("bucket", accessKeyID="id")

    def own(self, name: str, **values: str) -> None:
        """The owner makes this Secret, or makes it anew."""
        self.api.remove("secrets", SPACE, name)
        self.api.put("secrets", {"metadata": {"name": name, "namespace": SPACE}, "data": encoded(**values)})

    async def deliver(self, *seeds: Seed) -> SeedReport:
        async def access() -> Access:
            if self.minting:
                raise self.minting
            return MINTED

        return await seeding.deliver(
            self.api.client(),
            self.server.connect,
            access,
            namespace=SPACE,
            seeds=seeds or SEEDS,
            key="key",
            clock=lambda: NOW,
        )

    def version(self, name: str) -> str:
        meta = (self.api.get("secrets", SPACE, name) or {})["metadata"]
        return f"{meta['uid']}/{meta['resourceVersion']}"


def encoded(**values: str) -> dict[str, str]:
    return {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_each_goes_to_where_boot_made_it(scene: Scene) -> None:
    """The seeder may patch these by name; the report says in which version each has arrived."""
    report = await scene.deliver()
    assert report == SeedReport(
        "key",
        NOW,
        {PULL: scene.version("registry"), GIT: scene.version("git"), OBJECT_STORAGE: scene.version("bucket")},
    )
    places = [(kind, namespace, name) for kind, namespace, name, _ in scene.server.patches]
    assert places == [(kube.SECRETS, "flux-system", seed.target) for seed in SEEDS]
    assert scene.server.delivered[GIT] == encoded(username="u", password="p")
    assert scene.server.open == 0
    assert scene.api.writes == []


async def test_only_the_keys_that_are_asked_for_go(scene: Scene) -> None:
    """What else an owner keeps in the Secret is nobody's business on the new cluster; neither are its labels."""
    scene.own("git", username="u", password="p", identity="another key", **{"ca.crt": "PEM"})
    scene.api.change(Key("secrets", SPACE, "git"), lambda o: o["metadata"].update(labels={"secret": "plan"}))
    await scene.deliver()
    (patch,) = [patch for _, _, name, patch in scene.server.patches if name == GIT]
    assert patch == {"data": encoded(username="u", password="p", **{"ca.crt": "PEM"})}


async def test_a_value_of_a_chart_goes_in_a_document_of_values(scene: Scene) -> None:
    """What Helm reads of it is not what an owner's comma or brace makes of it."""
    scene.own("idp", clientSecret="a,{b}")
    await scene.deliver(Seed(FEDERATION, "idp", "federation.clientSecretRef", ("clientSecret",)))
    document = '{"keycloak": {"federation": {"clientSecretBase64": "YSx7Yn0="}}}'
    assert scene.server.delivered[FEDERATION] == encoded(**{"values.yaml": document})


async def test_a_change_is_another_version(scene: Scene) -> None:
    """Also of a Secret that was deleted and made anew."""
    first = await scene.deliver(SEEDS[1])
    scene.api.change(Key("secrets", SPACE, "git"), lambda o: o["data"].update(encoded(password="new")))
    second = await scene.deliver(SEEDS[1])
    assert scene.server.delivered[GIT]["password"] == encoded(password="new")["password"]
    scene.own("git", username="u", password="p")
    third = await scene.deliver(SEEDS[1])
    assert len({report.seeded[GIT] for report in (first, second, third)}) == 3


@pytest.mark.parametrize("index", range(len(SEEDS)))
@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Refused(403, "is forbidden"), codes.REMOTE_UNAUTHORIZED),
        (Unauthorized(401, "Unauthorized"), codes.REMOTE_UNAUTHORIZED),
        (Unavailable(0, "connection refused"), codes.API_UNREACHABLE),
        (Untrusted(0, "of another authority"), codes.API_UNREACHABLE),
        (TooMuch("an answer of more than 2 MiB"), codes.REMOTE_TOO_BIG),
    ],
    ids=["403", "401", "silence", "another server", "too much"],
)
async def test_what_went_before_a_failure_has_gone(
    scene: Scene, index: int, answer: ApiError, code: codes.Code
) -> None:
    """The next delivery needs only what is left."""
    scene.server.answers[SEEDS[index].target] = answer
    report = await scene.deliver()
    assert report.seeded == {seed.target: scene.version(seed.source) for seed in SEEDS[:index]}
    assert report.error is not None
    assert (report.error.code, report.error.terminal) == (code.code, False)
    assert str(answer) in report.error.message
    assert (report.key, report.at) == ("key", NOW)
    assert scene.server.open == 0


async def test_no_error_says_what_is_in_a_secret(scene: Scene) -> None:
    scene.own("git", username="u", password="correct-horse")
    scene.server.answers[GIT] = Refused(422, "data is invalid")
    report = await scene.deliver()
    for secret in ("correct-horse", encoded(password="correct-horse")["password"]):
        assert secret not in repr(report)


async def test_what_boot_has_not_made_yet_is_no_error(scene: Scene) -> None:
    """First boot makes the Secrets a moment after the API server answers. Whether it is past that, others know."""
    scene.server.answers[GIT] = NotFound(404, "secrets catalyst-git not found")
    assert await scene.deliver() == SeedReport("key", NOW, {PULL: scene.version("registry")}, absent=GIT)


async def test_what_the_owner_took_away_is_no_error_of_the_cluster(scene: Scene) -> None:
    """It is told as what it is, a Secret that is missing, by who looks for it."""
    scene.api.remove("secrets", SPACE, "git")
    assert await scene.deliver() == SeedReport("key", NOW, {PULL: scene.version("registry")})
    assert GIT not in scene.server.delivered


async def test_after_the_authorities_are_gone_nothing_is_delivered(scene: Scene) -> None:
    """A hand-off went on meanwhile."""
    scene.minting = NotFound(404, "secrets cluster-secrets not found")
    assert await scene.deliver() == SeedReport("key", NOW, {})
    assert scene.server.patches == []


async def test_without_access_nothing_is_delivered(scene: Scene) -> None:
    scene.minting = Unavailable(503, "etcd is away")
    report = await scene.deliver()
    assert report.seeded == {}
    assert report.error is not None
    assert "etcd is away" in report.error.message
    assert scene.server.patches == []


async def test_a_secret_without_content_is_delivered_as_such(scene: Scene) -> None:
    """That it lacks keys is told elsewhere; here nothing breaks."""
    scene.api.remove("secrets", SPACE, "git")
    scene.api.put("secrets", {"metadata": {"name": "git", "namespace": SPACE}})
    report = await scene.deliver(SEEDS[1])
    assert (scene.server.delivered, report.error) == ({GIT: {}}, None)
