"""The composition: settings to adapters to reconcilers to kopf. Nothing is built at import time."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import signal
import socket
import sys
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import httpx
import kopf
from prometheus_client import GC_COLLECTOR, PLATFORM_COLLECTOR, PROCESS_COLLECTOR, CollectorRegistry, start_http_server
from pydantic import SecretStr

from catalyst_operator import handlers, logs
from catalyst_operator.adapters import health, proof_key, template
from catalyst_operator.adapters.dns import DNS_LOOKS_AT_ONCE, DNS_LOOKS_EACH, Dns, unforeseen
from catalyst_operator.adapters.errands import Errands
from catalyst_operator.adapters.git import push
from catalyst_operator.adapters.git.overlays import Overlays
from catalyst_operator.adapters.git.repository_looks import RepositoryLooks, looking
from catalyst_operator.adapters.git.threads import turns_of_git
from catalyst_operator.adapters.kube import PODS, Kube
from catalyst_operator.adapters.leadership.fence import Fence, cut_connections, hooks
from catalyst_operator.adapters.leadership.lease import Lease
from catalyst_operator.adapters.leadership.watchdog import Watchdog
from catalyst_operator.adapters.new_cluster import console_probe
from catalyst_operator.adapters.new_cluster.clusters import Clusters
from catalyst_operator.adapters.new_cluster.intake import Intake
from catalyst_operator.adapters.new_cluster.remote import RemoteCluster
from catalyst_operator.adapters.pace import Rests
from catalyst_operator.adapters.powerdns import PowerDns
from catalyst_operator.adapters.project import hetzner_preflight, hetzner_project
from catalyst_operator.adapters.project.preflights import Preflights
from catalyst_operator.adapters.project.project_looks import ProjectLooks
from catalyst_operator.adapters.registrars.connect import connect
from catalyst_operator.adapters.registrars.registrar import Registrar
from catalyst_operator.adapters.registrars.talks import RegistrarTalks
from catalyst_operator.adapters.run_logs import RunLogs
from catalyst_operator.adapters.sealing import Sealing
from catalyst_operator.adapters.turns import Turns
from catalyst_operator.api.enums import RegistrarName
from catalyst_operator.clock import now
from catalyst_operator.core.settings import CoreSettings
from catalyst_operator.errors import LeaseLost, SettingsError
from catalyst_operator.metrics import Metrics
from catalyst_operator.reconcilers.domains.beforehand import NameLook
from catalyst_operator.reconcilers.domains.claims import Claims
from catalyst_operator.reconcilers.domains.outside import DomainsOutside
from catalyst_operator.reconcilers.domains.reconciler import DomainReconciler
from catalyst_operator.reconcilers.errands import errands
from catalyst_operator.reconcilers.outside import Outside
from catalyst_operator.reconcilers.queue import WorkQueue
from catalyst_operator.reconcilers.run_namespaces import ALL, RunNamespaces
from catalyst_operator.reconcilers.run_queue import RunQueue
from catalyst_operator.reconcilers.sovereign import Key, SovereignReconciler
from catalyst_operator.settings import Settings

log = logging.getLogger(__name__)
EXIT_SETTINGS = 2
EXIT_LEASE_LOST = 3
ERRANDS_AT_ONCE, ERRANDS_EACH = 32, 8
"""Talks of one kind with new clusters, and of those one namespace's."""
NAMES_AT_ONCE = 32
"""Passes for names: they mostly wait, and those at the same time share what an old server gives of a pool's zone."""
CONTAINER = "operator"
"""Name of the operator's container in deploy/base/deployment.yaml."""


def run() -> int:
    """Run until told to stop; 2 when the settings are wrong, 3 when another operator may act by now."""
    try:
        settings = Settings.from_env()
        logs.configure(settings.log_level, settings.log_format)
        asyncio.run(_run(settings))
    except SettingsError as error:
        print(f"catalyst-operator: {error}", file=sys.stderr)
        return EXIT_SETTINGS
    return 0


async def _run(settings: Settings) -> None:
    """Wait for this operator's turn, act, and let the next one begin."""
    metrics = Metrics(_registry())
    start_http_server(settings.metrics_port, registry=metrics.registry)
    # The Lease has connections of its own, and is the one thing that is written without asking whether it is ours.
    kube = await Kube.connect()
    identity = f"{settings.pod or socket.gethostname()}_{settings.pod_uid or secrets.token_hex(8)}"
    lease = Lease(kube, settings.core.operator_namespace, identity, settings.lease_duration, now)
    metrics.leads(lambda: lease.left() > 0)
    try:
        async with health.served(settings.health_port, lease.standing):
            turn = asyncio.create_task(_take_turn(settings, lease, metrics))
            for number in (signal.SIGTERM, signal.SIGINT):
                # kopf, which stops in good order by itself, puts its own in their place.
                asyncio.get_running_loop().add_signal_handler(number, turn.cancel)
            with suppress(asyncio.CancelledError):
                await turn
    finally:
        await kube.close()


async def _take_turn(settings: Settings, lease: Lease, metrics: Metrics) -> None:
    await lease.acquire()
    client = await Kube.connect(lease.check)
    try:
        await _hold(lease, _act(settings, client, metrics, lease.check))
    finally:
        await client.close()


async def _hold(lease: Lease, acting: Coroutine[Any, Any, None]) -> None:
    """Act for as long as the Lease is ours."""
    # Before kopf begins, which takes every later task for its own.
    keeping = asyncio.create_task(_keep(lease))
    try:
        with Watchdog(lease.left, partial(_end_at_once, "its Lease ran out")):
            await acting
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping
        await lease.release()


async def _keep(lease: Lease) -> None:
    try:
        await lease.keep()
    except LeaseLost as error:
        _end_at_once(str(error))
    except Exception:
        log.critical("Renewing the Lease failed.", exc_info=True)
        _end_at_once("its Lease cannot be renewed any more")


def _end_at_once(reason: str) -> None:
    """Once the Lease is lost there is no time for a graceful end: another operator begins. Called by any thread."""
    cut_connections()
    log.critical("This operator ends at once, because %s.", reason)
    logging.shutdown()
    os._exit(EXIT_LEASE_LOST)


async def _act(settings: Settings, kube: Kube, metrics: Metrics, fence: Fence) -> None:
    core = await _with_own_image(kube, settings)
    core = replace(core, proof_key=await proof_key.read(kube, core.operator_namespace))
    domains_outside = _domains_outside(core, settings, fence)
    claims = Claims(kube)
    names_ahead = NameLook(kube, claims, domains_outside.talks, core, now) if domains_outside else None
    outside = _outside(kube, core, settings, names_ahead, fence)
    reconciler = SovereignReconciler(kube, outside, core, metrics, resync=settings.resync)
    queue: WorkQueue[Key] = WorkQueue(reconciler.reconcile)
    reconciler.wake = queue.wake
    outside.runs.wake = lambda namespace, name: queue.wake(Key(namespace, name))
    await outside.runs.fill(kube)
    domains = DomainReconciler(kube, domains_outside, core, metrics, now, claims)
    names: WorkQueue[str] = WorkQueue(domains.reconcile, parallel=NAMES_AT_ONCE)
    domains.wake = names.wake
    registry = kopf.OperatorRegistry()
    all_at_once: WorkQueue[str] = WorkQueue(RunNamespaces(kube, core.operator_namespace, metrics, now).reconcile)
    look_at_all = partial(all_at_once.wake, ALL)
    saw = partial(_saw, reconciler, queue)
    handlers.register(registry, saw, queue.wake, names.wake, look_at_all, api_server=settings.api_server)
    look_at_all()
    try:
        await kopf.operator(registry=registry, clusterwide=True, standalone=True)
    finally:
        await all_at_once.close()
        await queue.close()
        await names.close()
        await outside.close()
        if domains_outside:
            await domains_outside.close()


def _saw(reconciler: SovereignReconciler, queue: WorkQueue[Key], key: Key, raw: Mapping[str, Any]) -> None:
    """What rests is looked at when it is its time, everything else now."""
    enough = reconciler.saw(key, dict(raw))
    if enough is None:
        queue.wake(key)
    else:
        queue.look_by(key, enough)


def _outside(kube: Kube, core: CoreSettings, settings: Settings, names: NameLook | None, fence: Fence) -> Outside:
    connect = partial(RemoteCluster, intake=Intake(), fence=fence)
    git = turns_of_git()
    rests = Rests(now)
    return Outside(
        logs=RunLogs(kube),
        projects=ProjectLooks(rests.kept_by(partial(hetzner_project.look, core.hcloud_endpoint)), now),
        crossplane_projects=ProjectLooks(rests.kept_by(partial(hetzner_project.look, core.hcloud_endpoint)), now),
        preflights=Preflights(rests.kept_by(partial(hetzner_preflight.look, core.hcloud_endpoint)), now),
        repositories=RepositoryLooks(looking(git, settings.destinations), now),
        overlays=Overlays(
            partial(push.push, destinations=settings.destinations, fence=fence),
            template.read(settings.template),
            now,
            turns=git,
        ),
        clusters=Clusters(connect, partial(console_probe.probe, clock=now), now),
        **errands(now, _turns),
        connect=connect,
        seal=Sealing().sealed_anew,
        runs=RunQueue(core.limits),
        names=names,
    )


def _turns() -> Turns:
    return Turns(ERRANDS_AT_ONCE, ERRANDS_EACH)


def _domains_outside(core: CoreSettings, settings: Settings, fence: Fence) -> DomainsOutside | None:
    access = settings.dns
    if access is None or core.domains is None:
        return None
    client = httpx.AsyncClient(event_hooks=hooks(fence))
    endpoints = access.registrar_endpoints

    def registrar(name: RegistrarName, credentials: Mapping[str, SecretStr]) -> Registrar:
        return connect(name, credentials, client=client, endpoint=endpoints.get(name, ""), clock=now)

    return DomainsOutside(
        zones=PowerDns(access.zones.url, access.zones.key, client),
        pools=PowerDns(access.pools.url, access.pools.key, client),
        dns=Dns(core.domains.nameservers, now, resolvers=access.resolvers, destinations=settings.destinations),
        looks=Errands(
            "look at name servers", Turns(DNS_LOOKS_AT_ONCE, DNS_LOOKS_EACH), failed=partial(unforeseen, now)
        ),
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
