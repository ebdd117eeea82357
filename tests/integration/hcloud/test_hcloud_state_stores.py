"""States in stores outside: real OpenTofu with the module and its provider, a real PostgreSQL, and a server that speaks
the protocol of the http backend; the containers that open and close a state as a run has them."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from catalyst_operator.core import naming
from catalyst_operator.core.errors import diagnosis
from catalyst_operator.core.tofu import backends, encryption
from catalyst_operator.core.tofu.backends import HTTP, PG, StateBackend
from catalyst_operator.core.tofu.state_copy import EXIT_FOREIGN
from tests.integration import postgres, state_server
from tests.integration.hcloud.cluster import Tofu
from tests.integration.hcloud.emulator import Project
from tests.integration.hcloud.rundir import UID, RunDirectory
from tests.integration.postgres import Postgres, postgres_server
from tests.integration.state_server import StateServer
from tests.integration.state_server import state_server as served
from tests.support.copies import Copies, copies
from tests.support.paths import REPOSITORY

pytestmark = pytest.mark.integration

SPACE = "sov-acme-1a2b3"
OVER, AT_WORK = "apply-1a2b3c4d-7", "apply-1a2b3c4d-8"
COPY = f"/api/v1/namespaces/{SPACE}/secrets/{naming.STATE_SECRET}"
PATH = f"/states/{SPACE}-{UID}"
SCHEMA = f"sovereign_{UID.replace('-', '_')}"
_OPEN = "state_store.opened(pathlib.Path('copy'), pathlib.Path('said'), '1s')"
_CLOSE = (
    "state_store.closed(pathlib.Path(sys.argv[1]), pathlib.Path('said'), "
    "('tofu', 'output', '-no-color', '-json-into=outputs.json'))"
)


@dataclass
class Store:
    """One of the stores: how it is named, what opens it, and which sealed states it holds, by place."""

    backend: StateBackend
    credentials: dict[str, str]
    held: Callable[[], dict[str, bytes]]
    forget: Callable[[], None]


@dataclass
class StoredRun(RunDirectory):
    """A run's work directory whose state is in a store."""

    store: Store | None = None
    api: Copies | None = None

    @property
    def environment(self) -> dict[str, str]:
        assert self.store is not None
        return {**super().environment, **self.store.credentials}

    def take_store(self, store: Store, api: Copies) -> None:
        self.store, self.api = store, api
        (self.folder / "backend.tf").write_text(backends.backend_file(store.backend, SPACE, UID))

    def container(self, call: str) -> subprocess.CompletedProcess[str]:
        """Run one of the two containers; what the other left in the run namespace is mounted."""
        assert self.api is not None
        if COPY in self.api.taken:
            (self.folder / "copy").write_bytes(self.api.taken[COPY])
        environment = {
            **self.tofu.environment(self.environment),
            **self.api.environment,
            "PATH": f"{self.tofu.program.parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(REPOSITORY),
            "CATALYST_RUNS_OVER": f"plan-1a2b3c4d-6,{OVER}",
            "CATALYST_RUN_NAMESPACE": SPACE,
        }
        program = f"import pathlib, sys; from catalyst_operator.in_job import state_store; sys.exit({call})"
        command = [sys.executable, "-c", program, str(self.api.account)]
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)

    def open(self) -> None:
        ran = self.container(_OPEN)
        assert ran.returncode == 0, f"the container failed:\n{ran.stdout}\n{ran.stderr}"

    def close(self) -> dict[str, Any]:
        """What the module's outputs are."""
        ran = self.container(_CLOSE)
        assert ran.returncode == 0, f"the container failed:\n{ran.stdout}\n{ran.stderr}"
        outputs: dict[str, Any] = json.loads((self.folder / "outputs.json").read_text())
        return outputs

    def refused(self) -> tuple[int, str]:
        """Exit code of the first container, and the code of what is told of it."""
        ran = self.container(_OPEN)
        said = (self.folder / "said").read_text()
        assert not any(secret in said for secret in (postgres.PASSWORD, state_server.PASSWORD, self.project.token))
        return ran.returncode, diagnosis.diagnose("tofu-init", ran.returncode, said, ())[0].code

    @property
    def copy(self) -> dict[str, Any]:
        """The copy, sealed as it is."""
        assert self.api is not None
        content: dict[str, Any] = json.loads(gzip.decompress(self.api.taken[COPY]))
        return content


@pytest.fixture(scope="module")
def pg() -> Iterator[Postgres]:
    with postgres_server() as server:
        yield server


@pytest.fixture
def http() -> Iterator[StateServer]:
    with served() as server:
        yield server


def http_store(server: StateServer) -> Store:
    backend = backends.parse(HTTP, (f"address={server.address}/states", "lock_suffix=/lock"), "s")
    credentials = {"TF_HTTP_USERNAME": state_server.USER, "TF_HTTP_PASSWORD": state_server.PASSWORD}
    return Store(backend, credentials, lambda: dict(server.states), server.states.clear)


def pg_store(server: Postgres) -> Store:
    items = ("host=127.0.0.1", f"port={server.port}", f"database={postgres.DATABASE}", "sslmode=disable")

    def schemas() -> list[str]:
        return server.sql("SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE 'sovereign%'")

    def held() -> dict[str, bytes]:
        # A run that was refused leaves a schema without a state.
        rows = {name: server.sql(f"TABLE {name}.states") for name in schemas()}
        return {name: found[0].split("|", 2)[2].encode() for name, found in rows.items() if found}

    def forget() -> None:
        for name in schemas():
            server.sql(f"DROP SCHEMA {name} CASCADE")

    credentials = {"PGUSER": postgres.USER, "PGPASSWORD": postgres.PASSWORD}
    return Store(backends.parse(PG, items, "s"), credentials, held, forget)


@pytest.fixture(params=[HTTP, PG])
def store(request: pytest.FixtureRequest, pg: Postgres, http: StateServer) -> Iterator[Store]:
    made = http_store(http) if request.param == HTTP else pg_store(pg)
    yield made
    made.forget()


EACH_AT_LENGTH = pytest.mark.parametrize(
    "store", [pytest.param(HTTP, marks=pytest.mark.slow), PG], indirect=True, ids=[HTTP, PG]
)
"""What does not depend on which store it is, and takes long."""


@pytest.fixture
def new_run(tofu: Tofu, module: Path, tmp_path: Path, project: Project) -> Iterator[Callable[[Store], StoredRun]]:
    """Makes work directories of runs of one Sovereign, one after the other, as each has one of its own."""
    account = tmp_path / "account"
    account.mkdir()
    with copies(account) as api:
        numbers = iter(range(9))

        def make(store: Store) -> StoredRun:
            run = StoredRun.create(tofu, module, tmp_path / f"run-{next(numbers)}", project)
            assert isinstance(run, StoredRun)
            run.ask(control_plane_sizes=["cx33"], worker_sizes=[])
            run.take_store(store, api)
            return run

        yield make


NewRun = Callable[[Store], StoredRun]


def test_a_life_in_a_store(store: Store, new_run: NewRun, project: Project) -> None:
    """Made, seen again by another run, destroyed; the copy is as new as the store, sealed, and opens with the key."""
    first = new_run(store)
    first.open()
    first.build()
    outputs = first.close()
    assert outputs["control_plane_ip"]["value"]
    ((place, sealed),) = store.held().items()
    assert place == (PATH if store.backend.kind == HTTP else SCHEMA), "the place is the Sovereign's own"
    held = json.loads(sealed)
    assert held["encrypted_data"]
    assert (first.copy["serial"], first.copy["lineage"]) == (held["serial"], held["lineage"])
    assert first.copy["encrypted_data"]
    second = new_run(store)
    second.open()
    assert not [c for c in second.plan()["resource_changes"] if c["change"]["actions"] != ["no-op"]]
    assert json.loads(second.must("output", "-json"))["control_plane_ip"] == outputs["control_plane_ip"]
    second.close()
    assert (second.copy["serial"], second.copy["lineage"]) == (held["serial"], held["lineage"]), "nothing was written"
    second.plan("-destroy")
    second.apply()
    assert second.state()["resources"] == []


def test_what_opens_the_store_is_in_no_file_of_a_run(store: Store, new_run: NewRun) -> None:
    run = new_run(store)
    run.open()
    run.plan()
    secrets = [value.encode() for name, value in store.credentials.items() if "PASSWORD" in name]
    files = [file for file in run.folder.rglob("*") if file.is_file() and "providers" not in file.parts]
    assert not [file for file in files if any(secret in file.read_bytes() for secret in secrets)]


@EACH_AT_LENGTH
def test_a_store_that_lost_the_state_gets_the_copy(store: Store, new_run: NewRun) -> None:
    """An answer without a state is never taken for a Sovereign without servers. So does a new store."""
    run = new_run(store)
    run.open()
    run.build()
    run.close()
    before = run.state()
    store.forget()
    again = new_run(store)
    again.open()
    after = again.state()
    assert (after["lineage"], after["resources"]) == (before["lineage"], before["resources"])
    assert after["serial"] >= before["serial"]
    assert not [c for c in again.plan()["resource_changes"] if c["change"]["actions"] != ["no-op"]]


def test_a_state_that_the_store_refused_comes_back_by_the_copy(http: StateServer, new_run: NewRun) -> None:
    """The sidecar saves errored.tfstate, and the operator puts it in the copy's place."""
    run = new_run(http_store(http))
    run.open()
    run.plan()
    http.refuse_writes = True
    failed = run.apply_failing()
    assert diagnosis.diagnose("tofu-apply", 1, "", failed.errors)[0].code == "ERR_STATE_WRITE"
    http.refuse_writes = False
    assert run.api is not None
    run.api.taken[COPY] = gzip.compress((run.folder / "errored.tfstate").read_bytes())
    again = new_run(http_store(http))
    again.open()
    assert not [c for c in again.plan()["resource_changes"] if c["change"]["actions"] != ["no-op"]]


@EACH_AT_LENGTH
def test_a_newer_state_in_the_store_is_not_replaced(store: Store, new_run: NewRun) -> None:
    """A run that was killed wrote to the store, and not the copy."""
    run = new_run(store)
    run.open()
    run.build()
    run.close()
    run.ask(worker_sizes=["cx43"])
    run.build()
    again = new_run(store)
    again.ask(worker_sizes=["cx43"])
    again.open()
    assert not [c for c in again.plan()["resource_changes"] if c["change"]["actions"] != ["no-op"]]


@EACH_AT_LENGTH
def test_a_state_of_another_origin_is_not_touched(store: Store, new_run: NewRun, project: Project) -> None:
    other = new_run(store)
    other.open()
    other.build()
    other.close()
    copy = dict(other.api.taken) if other.api else {}
    other.plan("-destroy")
    other.apply()
    store.forget()
    run = new_run(store)
    assert run.api is not None
    run.api.taken.clear()
    run.open()
    run.build()
    held = store.held()
    run.api.taken.update(copy)
    assert run.refused() == (EXIT_FOREIGN, "ERR_STATE_LOST")
    assert store.held() == held


def locked(http: StateServer, who: str) -> None:
    info = {"ID": "99999999-aaaa-bbbb-cccc-000000000000", "Operation": "OperationTypeApply", "Info": ""}
    http.locks[PATH] = json.dumps(
        {**info, "Who": who, "Version": "1.12.6", "Created": "2026-11-30T12:00:00Z", "Path": ""}
    ).encode()


def test_the_lock_of_a_run_that_is_over_is_released(http: StateServer, new_run: NewRun) -> None:
    run = new_run(http_store(http))
    locked(http, f"@{OVER}-x9z8y")
    ran = run.container(_OPEN)
    assert ran.returncode == 0
    assert f"run {OVER} left the state locked and is over" in ran.stdout
    assert http.locks == {}


@pytest.mark.parametrize(
    "who", [f"@{AT_WORK}-x9z8y", "anna@laptop", f"anna@{OVER}"], ids=["a run", "a person", "alike"]
)
def test_the_lock_of_anybody_else_stays(http: StateServer, new_run: NewRun, who: str) -> None:
    run = new_run(http_store(http))
    locked(http, who)
    lock = dict(http.locks)
    assert run.refused() == (1, "ERR_STATE_LOCKED")
    assert (http.locks, http.states) == (lock, {})


def test_a_session_holds_the_lock_of_postgresql_and_its_end_releases_it(pg: Postgres, new_run: NewRun) -> None:
    """Nobody has to take away what a run that was killed held."""
    store = pg_store(pg)
    run = new_run(store)
    run.open()
    run.apply_killed_when(lambda: bool(run.project.api.get("/networks").body["networks"]))
    run.open()
    store.forget()


def test_a_wrong_key_opens_nothing_and_overwrites_nothing(store: Store, new_run: NewRun) -> None:
    run = new_run(store)
    run.open()
    run.build()
    held = store.held()
    (run.folder / "key").write_text(encryption.key_text(bytes(32)))
    assert run.refused() == (1, "ERR_STATE_KEY")
    assert store.held() == held


def test_wrong_credentials_and_silence_are_told_as_what_they_are(store: Store, new_run: NewRun) -> None:
    run = new_run(store)
    run.store = Store(store.backend, dict.fromkeys(store.credentials, "wrong"), store.held, store.forget)
    assert run.refused() == (1, "ERR_STATE_READ")
    port = str(store.backend.port)
    items = tuple(f"{key}={value.replace(port, '1')}" for key, value in store.backend.config.items())
    silent = backends.parse(store.backend.kind, items, "s")
    quiet = new_run(Store(silent, store.credentials, store.held, store.forget))
    assert quiet.refused() == (1, "ERR_STATE_READ")
    assert store.held() == {}


def test_sovereigns_of_one_store_do_not_meet(store: Store, new_run: NewRun) -> None:
    """Not even two of one name, of which the first is gone."""
    run = new_run(store)
    run.open()
    run.build()
    other = UID.replace("1", "9")
    (run.folder / "backend.tf").write_text(backends.backend_file(store.backend, SPACE, other))
    run.must("init", "-reconfigure", "-input=false")
    assert run.state()["resources"] == []
