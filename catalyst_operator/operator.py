"""The composition: settings to adapters to reconcilers to kopf. Nothing is built at import time."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import httpx
import kopf
from prometheus_client import GC_COLLECTOR, PLATFORM_COLLECTOR, PROCESS_COLLECTOR, CollectorRegistry, start_http_server
from pydantic import SecretStr

from catalyst_operator import handlers, logs
from catalyst_operator.adapters import hetzner, hetzner_project, template
from catalyst_operator.adapters.dns import Dns
from catalyst_operator.adapters.errands import Errands
from catalyst_operator.adapters.git import push
from catalyst_operator.adapters.git.overlays import Overlays
from catalyst_operator.adapters.kube import PODS, Kube
from catalyst_operator.adapters.new_cluster import console_probe
from catalyst_operator.adapters.new_cluster.clusters import Clusters
from catalyst_operator.adapters.new_cluster.remote import RemoteCluster
from catalyst_operator.adapters.powerdns import PowerDns
from catalyst_operator.adapters.preflights import Preflights
from catalyst_operator.adapters.project_looks import ProjectLooks
from catalyst_operator.adapters.registrars.connect import connect
from catalyst_operator.adapters.registrars.registrar import Registrar
from catalyst_operator.adapters.registrars.talks import RegistrarTalks
from catalyst_operator.adapters.run_logs import RunLogs
from catalyst_operator.api.enums import RegistrarName
from catalyst_operator.clock import now
from catalyst_operator.core.settings import CoreSettings
from catalyst_operator.errors import SettingsError
from catalyst_operator.metrics import Metrics
from catalyst_operator.reconcilers.domains.outside import DomainsOutside
from catalyst_operator.reconcilers.domains.reconciler import DomainReconciler
from catalyst_operator.reconcilers.outside import Outside
from catalyst_operator.reconcilers.queue import WorkQueue
from catalyst_operator.reconcilers.sovereign import Key, SovereignReconciler
from catalyst_operator.settings import Settings

EXIT_SETTINGS = 2
CONTAINER = "operator"
"""Name of the operator's container in deploy/base/deployment.yaml."""


def run() -> int:
    """Run until told to stop; 2 when the settings are wrong."""
    try:
        settings = Settings.from_env()
    except SettingsError as error:
        print(f"catalyst-operator: {error}", file=sys.stderr)
        return EXIT_SETTINGS
    logs.configure(settings.log_level, settings.log_format)
    asyncio.run(_run(settings))
    return 0


async def _run(settings: Settings) -> None:
    metrics = Metrics(_registry())
    start_http_server(settings.metrics_port, registry=metrics.registry)
    kube = await Kube.connect()
    core = await _with_own_image(kube, settings)
    outside = _outside(kube, core, settings)
    reconciler = SovereignReconciler(kube, outside, core, metrics, resync=settings.resync)
    queue: WorkQueue[Key] = WorkQueue(reconciler.reconcile)
    reconciler.wake = queue.wake
    domains_outside = _domains_outside(core, settings)
    domains = DomainReconciler(kube, domains_outside, core, metrics, now)
    names: WorkQueue[str] = WorkQueue(domains.reconcile)
    domains.wake = names.wake
    registry = kopf.OperatorRegistry()
    handlers.register(registry, queue.wake, names.wake, api_server=settings.api_server)
    try:
        await kopf.operator(
            registry=registry,
            clusterwide=True,
            standalone=True,
            liveness_endpoint=f"http://0.0.0.0:{settings.health_port}/healthz",
        )
    finally:
        await queue.close()
        await names.close()
        await outside.close()
        if domains_outside:
            await domains_outside.close()
        await kube.close()


def _outside(kube: Kube, core: CoreSettings, settings: Settings) -> Outside:
    return Outside(
        logs=RunLogs(kube),
        projects=ProjectLooks(partial(hetzner_project.look, core.hcloud_endpoint), now),
        preflights=Preflights(partial(hetzner.look, core.hcloud_endpoint), now),
        overlays=Overlays(
            partial(push.push, destinations=settings.destinations), template.read(settings.template), now
        ),
        clusters=Clusters(RemoteCluster, partial(console_probe.probe, clock=now), now),
        seeds=Errands("delivery of Secrets"),
        farewells=Errands("farewell"),
        connect=RemoteCluster,
    )


def _domains_outside(core: CoreSettings, settings: Settings) -> DomainsOutside | None:
    access = settings.dns
    if access is None or core.domains is None:
        return None
    client = httpx.AsyncClient()
    endpoints = access.registrar_endpoints

    def registrar(name: RegistrarName, credentials: Mapping[str, SecretStr]) -> Registrar:
        return connect(name, credentials, client=client, endpoint=endpoints.get(name, ""), clock=now)

    return DomainsOutside(
        zones=PowerDns(access.zones.url, access.zones.key, client),
        pools=PowerDns(access.pools.url, access.pools.key, client),
        dns=Dns(core.domains.nameservers, now, resolvers=access.resolvers),
        looks=Errands("look at name servers"),
        talks=RegistrarTalks(registrar, now),
        client=client,
    )


async def _with_own_image(kube: Kube, settings: Settings) -> CoreSettings:
    """Runs use what the operator itself was started from: one place to set image, pull policy and pull secrets."""
    if settings.core.image:
        return settings.core
    pod = (await kube.get(PODS, settings.core.operator_namespace, settings.pod))["spec"]
    own = next(c for c in pod["containers"] if c["name"] == CONTAINER)
    return replace(
        settings.core,
        image=own["image"],
        image_pull_policy=own["imagePullPolicy"],
        image_pull_secrets=tuple(ref["name"] for ref in pod.get("imagePullSecrets") or ()),
    )


def _registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    for collector in (PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR):
        registry.register(collector)
    return registry
