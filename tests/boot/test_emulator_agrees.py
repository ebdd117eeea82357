"""The emulator's fast imitation of a boot, which the stories run on, and a real one: of the same user_data."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from e2e.boot.machine import BOOT_SECONDS
from e2e.lab.hcloud.boot import first_boot
from e2e.lab.hcloud.boot.first_boot import CLUSTER_SCRIPT, K3S_CONFIG, FirstBoot
from e2e.lab.standins import kinds
from e2e.support.waiting import wait_for
from tests.boot.lives.cluster import KINDS, ClusterLife, named
from tests.boot.stage import NAME, Stage
from tests.boot.test_cluster import steps
from tests.integration.hcloud.booted import Booted

pytestmark = pytest.mark.boot

FIRST = f"{NAME}-control-plane-0"
OF_SERVERS = re.compile(r"(Event|Lease|Endpoints|EndpointSlice|APIService|ControllerRevision|Endpoint) ")
"""What API servers write by themselves, and what tells of one moment."""
NOT_EMULATED = (
    r"CustomResourceDefinition /\w+\.gateway\.networking\.k8s\.io",
    r"\w+ kube-system/cilium.*",
    r"Secret kube-system/sh\.helm.*",
)
"""There is neither Helm nor Cilium on the emulator's servers, and of the Gateway API only what the kit uses."""
WITHOUT_SCHEMA = {f"CustomResourceDefinition /{kind.definition['metadata']['name']}" for kind in kinds.GATEWAY_API}
"""The emulator knows their names, and takes whatever is in them."""
ONLY_EMULATED = (r"ConfigMap flux-system/lab-faults",)
"""How stories tell the stand-ins what to do."""
AT_START = {"resolv-conf"}
"""Flags that a server adds to its configuration by itself."""


@dataclass(frozen=True)
class Emulated:
    """What the emulator made of it."""

    boot: FirstBoot
    log: str
    objects: dict[str, Any]


@pytest.fixture(scope="module")
def emulated(lives: object, stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulated]:
    """While the real ones boot."""
    with Booted.emulated(tmp_path_factory.mktemp("emulator"), stage.rendered) as booted:
        booted.order(FIRST)
        up = f"the emulated {FIRST} to be up"
        wait_for(lambda: booted.log(FIRST).endswith(" up\n"), up, seconds=BOOT_SECONDS, shown=lambda: booted.log(FIRST))
        names = booted.kubectl(*KINDS.split()).stdout.split()
        listed = booted.get(",".join(names), "--all-namespaces")["items"]
        boot = first_boot.read(booted.user_data[FIRST])
        yield Emulated(boot, booted.log(FIRST), {named(item): item for item in listed})


def unexplained(names: set[str], explained: tuple[str, ...]) -> list[str]:
    return sorted(name for name in names if not any(re.fullmatch(pattern, name) for pattern in explained))


def test_the_same_files_are_written(emulated: Emulated, cluster: ClusterLife) -> None:
    written = {file.path: file for file in cluster.files if file.server == FIRST}
    for path, file in emulated.boot.config.files.items():
        assert (written[path].content.decode(), oct(written[path].mode)) == (file.content, oct(file.mode)), path


def test_k3s_gets_the_same_flags(emulated: Emulated, cluster: ClusterLife) -> None:
    parts = [file for file in cluster.files if file.server == FIRST and file.path.startswith(K3S_CONFIG)]
    flags = {name: value for part in parts for name, value in yaml.safe_load(part.content).items()}
    assert {name: value for name, value in flags.items() if name not in AT_START} == emulated.boot.k3s


def test_the_steps_are_done_in_the_same_order(emulated: Emulated, cluster: ClusterLife) -> None:
    order = re.findall(r"step ([a-z0-9-]+): done", emulated.log)
    real = [step for step in steps(cluster.log, "done") if step in emulated.boot.steps(CLUSTER_SCRIPT)]
    assert order == real


def test_the_same_objects_stand_at_the_end(emulated: Emulated, cluster: ClusterLife) -> None:
    both = [{name for name in objects if not OF_SERVERS.match(name)} for objects in (emulated.objects, cluster.objects)]
    assert unexplained(both[0] - both[1], ONLY_EMULATED) == []
    assert unexplained(both[1] - both[0], NOT_EMULATED) == []


def test_what_boot_made_says_the_same(emulated: Emulated, cluster: ClusterLife) -> None:
    """Whoever made it for the emulator."""
    made = [name for name, item in cluster.objects.items() if _by_boot(item) and name in emulated.objects]
    assert len(made) > 20
    different = {name for name in made if _content(cluster.objects[name]) != _content(emulated.objects[name])}
    assert different == WITHOUT_SCHEMA


def _by_boot(item: dict[str, Any]) -> bool:
    return any(entry["manager"] == "catalyst-bootstrap" for entry in item["metadata"].get("managedFields", ()))


def _content(item: dict[str, Any]) -> str:
    """Without what the server and controllers add."""
    content = {key: value for key, value in item.items() if key not in ("metadata", "status")}
    return json.dumps({**content, "labels": item["metadata"].get("labels", {})}, sort_keys=True)
