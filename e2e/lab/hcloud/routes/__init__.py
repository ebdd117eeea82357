"""What answers each path of the API, one module per kind of object."""

from __future__ import annotations

from collections.abc import Mapping

from e2e.lab.hcloud.actions import Effect
from e2e.lab.hcloud.cloud import Cloud, Route
from e2e.lab.hcloud.routes import (
    action_reads,
    catalogue_reads,
    certificates,
    firewalls,
    floating_ips,
    images,
    load_balancer_services,
    load_balancer_targets,
    load_balancers,
    networks,
    placement_groups,
    primary_ips,
    removal,
    server_actions,
    server_networks,
    servers,
    ssh_keys,
    volumes,
)

_MODULES = (
    action_reads,
    catalogue_reads,
    certificates,
    firewalls,
    floating_ips,
    images,
    load_balancer_services,
    load_balancer_targets,
    load_balancers,
    networks,
    placement_groups,
    primary_ips,
    server_actions,
    server_networks,
    servers,
    ssh_keys,
    volumes,
)


def all_routes() -> list[Route]:
    """Every route below `/v1`."""
    return [route for module in _MODULES for route in module.ROUTES]


def all_effects(cloud: Cloud) -> Mapping[str, Effect]:
    """What the end of each command does."""
    return {
        **servers.effects(cloud),
        **server_actions.effects(cloud),
        **volumes.effects(cloud),
        **removal.effects(cloud),
    }
