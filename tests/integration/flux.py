"""A cluster as the lab boots one: a real API server with Flux' CRDs, a real kustomize-controller, and the stand-ins."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from catalyst_operator.core.phase1.views import SOURCE
from e2e.lab import toolchain
from e2e.lab.standins import kinds
from e2e.lab.timeline import Timeline
from e2e.support.waiting import OFTEN, wait_for
from tests.integration.apiserver import Api, ApiError, ApiServer, ToolMissing, api_server, free_port
from tests.support.paths import REPOSITORY

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
CORE = "/api/v1/namespaces/flux-system"
GIT_REPOSITORIES = "/apis/source.toolkit.fluxcd.io/v1/namespaces/flux-system/gitrepositories"
KUSTOMIZATIONS = "/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/flux-system/kustomizations"
RELEASES = "/apis/helm.toolkit.fluxcd.io/v2/namespaces/flux-system/helmreleases"
CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
_SERVED = (GIT_REPOSITORIES, KUSTOMIZATIONS, RELEASES)


@dataclass(frozen=True)
class Flux:
    """A cluster with Flux' objects."""

    server: ApiServer
    address: str
    """Of the cluster's node, where the stand-ins open its ports: one of the loopback's own addresses."""
    folder: Path

    @property
    def api(self) -> Api:
        return self.server.api

    def release(self, name: str) -> Any:
        """A HelmRelease; an empty object while it is not there."""
        try:
            return self.api.get(f"{RELEASES}/{name}")
        except ApiError as error:
            if error.code == 404:
                return {}
            raise

    def faults(self, **content: Any) -> None:
        """Put faults in force."""
        body = {"metadata": {"name": "lab-faults"}, "data": {"faults.json": json.dumps(content)}}
        self.api.apply(f"{CORE}/configmaps/lab-faults", {"apiVersion": "v1", "kind": "ConfigMap", **body})


@contextmanager
def flux(folder: Path) -> Iterator[Flux]:
    """Start the API server and kustomize-controller; the stand-ins are started by `standins`."""
    controller, crds = _tool("kustomize-controller"), _crds()
    with ExitStack() as stack:
        server = stack.enter_context(api_server(folder / "server"))
        for file in crds:
            server.api.create(CRDS, yaml.safe_load(file.read_text("utf-8")))
        for kind in kinds.GATEWAY_API:
            server.api.create(CRDS, kind.definition)
        server.api.create("/api/v1/namespaces", {"metadata": {"name": "flux-system"}})
        wait_until(lambda: all(_answers(server.api, path) for path in _SERVED), "Flux' kinds are served")
        address = f"127.{secrets.randbelow(250) + 1}.{secrets.randbelow(250)}.{secrets.randbelow(250) + 1}"
        stack.enter_context(
            _running([controller, *_options()], _environment(server), folder / "kustomize-controller.log")
        )
        yield Flux(server, address, folder)


@contextmanager
def standins(cluster: Flux, ca: Path | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Stand in for the rest of Flux until the block ends, which has to be in good order."""
    command = [sys.executable, "-m", "e2e.lab.standins", f"--kubeconfig={cluster.server.kubeconfig}"]
    command += [f"--address={cluster.address}", f"--folder={cluster.folder / 'standins'}"]
    environment = {**os.environ, **({"GIT_SSL_CAINFO": str(ca)} if ca else {})}
    with _running(command, environment, cluster.folder / "standins.log") as process:
        yield process
        assert process.poll() is None, (cluster.folder / "standins.log").read_text()
        process.terminate()
        assert process.wait(timeout=10) == 0, (cluster.folder / "standins.log").read_text()


@contextmanager
def booted(folder: Path, ca: Path) -> Iterator[Flux]:
    """A cluster as first boot leaves it, before it follows anything: the stand-ins at work, and a default class.
    `ca` is what the Git server is trusted by."""
    with flux(folder) as cluster, standins(cluster, ca):
        annotation = {"storageclass.kubernetes.io/is-default-class": "true"}
        body = {"metadata": {"name": "local-path", "annotations": annotation}, "provisioner": "rancher.io/local-path"}
        cluster.api.create(CLASSES, body)
        yield cluster


def follow(cluster: Flux, name: str, url: str, spec: dict[str, Any]) -> None:
    """What first boot applies last: the repository, and the Kustomization `name` with this spec."""
    source = {"interval": "1s", "url": url, "ref": {"branch": "main"}}
    cluster.api.create(GIT_REPOSITORIES, _object("source", "GitRepository", SOURCE, source))
    reference = {"sourceRef": {"kind": "GitRepository", "name": SOURCE}}
    fixed = {"interval": "10m", "retryInterval": "1s", "timeout": "5m", "prune": True}
    cluster.api.create(KUSTOMIZATIONS, _object("kustomize", "Kustomization", name, {**fixed, **reference, **spec}))


def wait_until(condition: Callable[[], Any], what: str, timeout: float = 30.0) -> Any:
    """Wait for a condition; what it was at last."""
    return wait_for(condition, what, seconds=timeout, every=OFTEN)


def condition(obj: Any, type_: str = "Ready") -> Any:
    """A condition of an object; an empty one where there is none."""
    found = obj.get("status", {}).get("conditions", [])
    return next((entry for entry in found if entry["type"] == type_), {})


def told(read: Callable[[], Any], reason: str, type_: str = "Ready") -> Any:
    """Wait until an object's condition has a reason; the condition."""
    return wait_until(lambda: (got := condition(read(), type_)).get("reason") == reason and got, f"{type_}: {reason}")


def _object(group: str, kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    version = f"{group}.toolkit.fluxcd.io/v1"
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}


def _options() -> list[str]:
    ports = [f"--metrics-addr=127.0.0.1:{free_port()}", f"--health-addr=127.0.0.1:{free_port()}"]
    dependencies = "--requeue-dependency=2s"
    return [*ports, dependencies, "--events-addr=", "--enable-leader-election=false", "--log-level=error"]


def _environment(server: ApiServer) -> dict[str, str]:
    return {**os.environ, "RUNTIME_NAMESPACE": "flux-system", "KUBECONFIG": str(server.kubeconfig)}


@contextmanager
def _running(command: list[str], environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as output:
        process = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _answers(api: Api, path: str) -> bool:
    try:
        return bool(api.get(path))
    except ApiError:
        return False


def _tool(name: str) -> str:
    found = next((file for folder in _folders(f"{name}-*") if (file := folder / name).exists()), None)
    if found is None:
        raise ToolMissing(f"{name} is not built: run `make lab-tools`")
    return str(found)


def _crds() -> list[Path]:
    """Of the Flux that this checkout's clusters boot; made where they are not in the lab's cache."""
    return sorted(toolchain.flux_crds_folder(Timeline()).glob("*fluxcd.io_*.yaml"))


def _folders(pattern: str) -> list[Path]:
    """Where built tools lie: LAB_BIN, then the lab's cache, the newest first."""
    given = os.environ.get("LAB_BIN")
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    cache = Path(os.environ.get("LAB_CACHE") or home / "catalyst-lab")
    built = sorted((cache / "tools").glob(pattern), key=lambda folder: folder.stat().st_mtime, reverse=True)
    return [*([Path(given)] if given else []), *built]
