"""What all boots of a test run share: image, vendors, and what real OpenTofu tells the servers of a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from catalyst_operator.adapters.new_cluster import authorities
from catalyst_operator.core.access import boot, seeds
from e2e.boot import image, programs
from e2e.boot.machine import Machine, Parts
from e2e.boot.metadata import Told
from e2e.boot.vendors import Vendors, vendors
from e2e.boot.world import World, world
from e2e.lab.timeline import Timeline
from tests.integration.cloud_init import Rendered, render, sample
from tests.integration.tofu import OpenTofu

NAME, FQDN = "acme-1a2b3", "acme.omani.works"
FIRST, SECOND, WORKER = 10, 11, 50
"""Numbers of servers: the module gives them these private addresses."""
ADDRESSES = [f"10.0.1.{number}" for number in (FIRST, SECOND, SECOND + 1, WORKER, WORKER + 1)]
"""One by one: the stand-in for k3s is no Go program, and knows no networks among a proxy's exceptions."""
MANIFEST_SECRET = "a-secret-in-a-boot-manifest"
REGISTRIES = "mirrors: {}\nconfigs: {registry.example: {auth: {password: a-secret-of-a-registry}}}\n"
AUTHORITY = authorities.make(datetime.now(UTC)).files["server-ca.crt"]
"""Of a company's own, of which nothing here has a certificate."""


@dataclass(frozen=True)
class Stage:
    """Ready for worlds, as many as are wanted."""

    parts: Parts
    vendors: Vendors
    rendered: Rendered
    later: Rendered
    """What servers are told once the cluster stands."""

    @contextmanager
    def world(self, name: str) -> Iterator[World]:
        with world(name, self.vendors) as made:
            yield made

    def server(self, world: World, number: int, *, instance: int = 1, later: bool = False) -> Machine:
        """A new one of the cluster; another `instance` of a number is made in its place."""
        rendered = self.later if later else self.rendered
        role, index = ("worker", number - WORKER) if number >= WORKER else ("control-plane", number - FIRST)
        boots = rendered.workers if number >= WORKER else rendered.control_planes
        told = Told(f"{NAME}-{role}-{index}", number, number * 100 + instance, boots[index].user_data)
        return Machine(world, told, self.parts)


def stage(folder: Path) -> Stage:
    """Built, or found in the cache."""
    timeline = Timeline()
    found = vendors(timeline)
    tofu = OpenTofu.without_provider(folder)
    changes = {
        "release": dict(found.release),
        "registries_yaml": REGISTRIES,
        "trusted_authorities": [AUTHORITY],
        # It leads nowhere: whoever asks it for more than the exceptions name does not boot.
        "proxy": {"url": "http://proxy.invalid:3128", "exceptions": [*found.names, *ADDRESSES]},
        "boot_manifests": {**boot.manifests(FQDN, seeds.PULL), "90-secret.yaml": _manifest()},
    }
    rendered, later = (render(tofu, sample(**changes, cluster_started=started)) for started in (False, True))
    parts = Parts(image.root(timeline), programs.of_servers(timeline))
    return Stage(parts, found, rendered, later)


def _manifest() -> str:
    return (
        "apiVersion: v1\nkind: Secret\nmetadata: {name: given, namespace: flux-system}\n"
        f"stringData: {{value: {MANIFEST_SECRET}}}\n"
    )
