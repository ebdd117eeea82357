"""`python -m e2e.lab.standins`: stand in for k3s' controllers, Flux' source- and helm-controller and the gateway of one
cluster."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from e2e.lab.etcd_gateway import Gateway
from e2e.lab.standins import artifacts, faults, rollback
from e2e.lab.standins.console import Console
from e2e.lab.standins.faults import BadFaults, Faults
from e2e.lab.standins.helm import Helm
from e2e.lab.standins.k3s import K3s
from e2e.lab.standins.kube import Kube
from e2e.lab.standins.kubeconfig import Connection, load
from e2e.lab.standins.objects import FLUX_NAMESPACE, Object
from e2e.lab.standins.repositories import Repositories
from e2e.lab.standins.source import Source
from e2e.lab.standins.watching import Watched

log = logging.getLogger(__name__)

CONFIG_MAPS = f"/api/v1/namespaces/{FLUX_NAMESPACE}/configmaps"


class Cluster:
    """Everything that stands in for something on one cluster."""

    def __init__(self, kube: Kube, etcd: Gateway | None, folder: Path, address: str) -> None:
        self._folder, self._address = folder, address
        self._gone = asyncio.Event()
        self._faults = Faults()
        selector = f"metadata.name={faults.CONFIG_MAP}"
        self._config = Watched(kube, CONFIG_MAPS, self._faults_changed, fieldSelector=selector)
        self._k3s = K3s(kube, etcd) if etcd else None
        self._source = Source(kube, folder, f"{address}:{artifacts.PORT}")
        self._repositories = Repositories(kube)
        self._helm = Helm(kube, lambda: self._faults, self._gone.set)
        self._console = Console(kube, folder, address, lambda: self._faults, lambda: self._helm.releases)

    async def run(self) -> None:
        """Stand in until cancelled; without Flux, once that is gone, for k3s and the gateway only."""
        async with asyncio.TaskGroup() as tasks:
            if self._k3s:
                tasks.create_task(self._k3s.run())
            tasks.create_task(self._config.run())
            tasks.create_task(self._console.run())
            await self._config.synced.wait()
            if not rollback.is_gone(self._folder):
                flux = tasks.create_task(self._flux())
                await self._gone.wait()
                rollback.remember(self._folder)
                flux.cancel()
            log.info("Flux is gone from this cluster: nothing is reconciled any more")

    async def _flux(self) -> None:
        loops: list[Coroutine[Any, Any, None]] = [*self._source.loops, *self._repositories.loops, *self._helm.loops]
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(artifacts.serve(self._folder, self._address))
            for loop in loops:
                tasks.create_task(loop)

    def _faults_changed(self, _key: str, _old: Object | None, new: Object | None) -> None:
        try:
            found = faults.parse(new)
        except BadFaults as error:
            log.error("%s; what stood before stays in force", error)
            return
        if found != self._faults:
            self._faults = found
            log.info("faults: %s", found)
            self._helm.wake_all()


async def _serve(connection: Connection, etcd: Gateway | None, folder: Path, address: str) -> None:
    kube = Kube(connection)
    running = asyncio.create_task(Cluster(kube, etcd, folder, address).run())
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    print(f"standing in at {address} for {connection.server}", flush=True)
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await running
    finally:
        await kube.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m e2e.lab.standins", description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, required=True, help="an administrator's of the cluster")
    parser.add_argument("--address", required=True, help="of one of the cluster's nodes, where its ports are opened")
    parser.add_argument("--folder", type=Path, required=True, help="clones and artifacts, kept over a restart")
    parser.add_argument(
        "--etcd", help="client URL of the cluster's etcd; without it, k3s' controllers have no stand-in"
    )
    parser.add_argument("--etcd-tls", type=Path, help="folder of server-ca.crt, client.crt, client.key")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    options.folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(
        _serve(
            load(options.kubeconfig), Gateway(options.etcd, options.etcd_tls), options.folder.resolve(), options.address
        )
    )


if __name__ == "__main__":
    main()
