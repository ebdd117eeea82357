"""Brings the lab up and takes it down, whatever state it is in.

`up` has three ways: a healthy lab is left alone; a lab whose etcd, API server and containerd live gets its
other processes back; anything else is cleaned away completely and started afresh. Nothing is repaired in
between: a lab holds nothing worth keeping, and a fresh one takes seconds.
"""

from __future__ import annotations

import secrets
import shlex
import shutil
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

from e2e.lab import cluster, images, machine, network, node, packages, pki, powerdns, processes, toolchain, waiting
from e2e.lab.layout import DNS_API_KEY, DNS_SERVERS, GIT_URL, HCLOUD_URL, REGISTRARS, REGISTRARS_URL, Layout
from e2e.lab.timeline import Timeline

CORE = ("etcd", "kube-apiserver", "containerd")
"""Without one of these the rest cannot be told from a dead lab."""

Maker = Callable[[Layout], cluster.Component]


COMPONENTS: dict[str, Maker] = {
    "etcd": cluster.etcd,
    "kube-apiserver": cluster.apiserver,
    "containerd": cluster.containerd,
    "kube-controller-manager": cluster.controller_manager,
    "kube-scheduler": cluster.scheduler,
    "kube-proxy": cluster.proxy,
    "kubelet": cluster.kubelet,
    "hcloud": cluster.hcloud,
    "git": cluster.git,
    **{name: partial(powerdns.component, name=name) for name in DNS_SERVERS},
    "registrars": cluster.registrars,
}
"""All processes of the lab in the order in which they can start."""


def up(layout: Layout, timeline: Timeline, *, replace: bool) -> None:
    """Bring the lab up; returns when the node is ready and the images are imported."""
    packages.require()
    with machine.locked(timeline):
        for other in machine.others(layout):
            machine.refuse_if_in_use(other, replace=replace)
            timeline.say(f"taking down the lab of {other.checkout}")
            _remove(other)
        toolchain.link(layout, timeline)
        if _core_lives(layout):
            _start_missing(layout, timeline)
            write_env(layout)
            images.update(layout, timeline)
        else:
            _remove(layout)
            _start_afresh(layout, timeline)


def down(layout: Layout, timeline: Timeline) -> None:
    """Take the lab away; only its logs stay."""
    with machine.locked(timeline), timeline.step("take down"):
        _remove(layout)


def update_images(layout: Layout, timeline: Timeline) -> None:
    """Give the running node the images of the sources of now."""
    with machine.locked(timeline):
        images.update(layout, timeline)


def restart(layout: Layout, timeline: Timeline, name: str) -> None:
    """Start one process again, with the code and configuration of now."""
    with machine.locked(timeline):
        processes.stop(layout, name, grace=5)
        _start(layout, timeline, COMPONENTS[name])


def health(layout: Layout) -> dict[str, str]:
    """Each process of the lab as "ready", "not ready" or "not running"."""
    return {name: _health(layout, name, maker(layout)) for name, maker in COMPONENTS.items()}


def _health(layout: Layout, name: str, component: cluster.Component) -> str:
    if processes.find(layout, name) is None:
        return "not running"
    return "ready" if component.ready() else "not ready"


def _state(layout: Layout, name: str, maker: Maker) -> str:
    """As `_health`, but a process that was started from other code, or with other flags, is "outdated"."""
    component = maker(layout)
    health = _health(layout, name, component)
    outdated = health == "ready" and processes.version_of(layout, name) != component.version
    return "outdated" if outdated else health


def _core_lives(layout: Layout) -> bool:
    return network.is_current(layout) and all(_state(layout, name, COMPONENTS[name]) == "ready" for name in CORE)


def _start_missing(layout: Layout, timeline: Timeline) -> None:
    for name, maker in COMPONENTS.items():
        state = _state(layout, name, maker)
        if state != "ready":
            timeline.say(f"{name} is {state}; starting it again")
            processes.stop(layout, name, grace=2)
            _start(layout, timeline, maker)


def _start(layout: Layout, timeline: Timeline, maker: Maker) -> None:
    component = maker(layout)
    with timeline.step(component.name):
        component.prepare()
        environment = {**cluster.base_environment(layout), **component.environment}
        processes.start(layout, component.name, component.command, environment, component.version)
        waiting.until(layout, component.name, component.ready, timeout=component.timeout)


def _start_afresh(layout: Layout, timeline: Timeline) -> None:
    machine.claim(layout)
    with timeline.step("network, certificates, configuration"):
        _prepare(layout)
    with ThreadPoolExecutor(max_workers=8) as pool:
        control_plane = pool.submit(_start_control_plane, layout, timeline)
        runtime = pool.submit(_start_runtime, layout, timeline)
        parts = [control_plane, runtime]
        parts += [pool.submit(_start, layout, timeline, maker) for maker in _beside()]
        parts.append(pool.submit(_start_node, layout, timeline, control_plane, runtime))
        parts.append(pool.submit(_import_images, layout, timeline, runtime))
        parts += [
            pool.submit(_start_after, layout, timeline, control_plane, maker)
            for maker in (cluster.controller_manager, cluster.scheduler, cluster.proxy)
        ]
    for part in parts:
        part.result()


def _beside() -> list[Maker]:
    """What stands beside the cluster, and needs nothing of it."""
    return [COMPONENTS[name] for name in ("hcloud", "git", *DNS_SERVERS, "registrars")]


def _prepare(layout: Layout) -> None:
    shutil.rmtree(layout.log, ignore_errors=True)
    for folder in (layout.log, layout.run, layout.data):
        folder.mkdir(parents=True, exist_ok=True)
    network.set_up(layout)
    node.prepare(layout)
    pki.create(layout)
    cluster.write_config(layout)
    layout.dns_key.touch(mode=0o600)
    layout.dns_key.write_text(DNS_API_KEY)
    layout.hcloud_token.touch(mode=0o600)
    layout.hcloud_token.write_text(secrets.token_hex(32) + "\n")
    write_env(layout)


def write_env(layout: Layout) -> None:
    """The contract with tests and people: shell assignments."""
    values = {
        "KUBECONFIG": str(layout.kubeconfig),
        "HCLOUD_ENDPOINT": f"{HCLOUD_URL}/v1",
        "HCLOUD_TOKEN": layout.hcloud_token.read_text().strip(),
        "GIT_URL": GIT_URL,
        "GIT_CA": str(layout.pki / "ca.crt"),
        "LAB_BIN": str(layout.bin),
        "PDNS_API_KEY": DNS_API_KEY,
        **_of_name_servers(layout),
        "REGISTRARS_URL": REGISTRARS_URL,
        **{f"REGISTRAR_{name.upper()}_URL": f"{REGISTRARS_URL}/{name}" for name in REGISTRARS},
    }
    content = "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())
    # Others may be reading it while a healthy lab is asked to come up.
    if not layout.env_file.exists() or layout.env_file.read_text() != content:
        layout.env_file.touch(mode=0o600)
        layout.env_file.write_text(content)


def _of_name_servers(layout: Layout) -> dict[str, str]:
    """API and address of each server."""
    values: dict[str, str] = {}
    for prefix, name in zip(("PDNS", "PDNS_PARENT", "PDNS_PARENT_SECOND"), DNS_SERVERS, strict=True):
        place = powerdns.place_of(layout, name)
        values |= {f"{prefix}_API_URL": place.url, f"{prefix}_DNS": f"{place.address}:{place.dns_port}"}
    return values


def _start_control_plane(layout: Layout, timeline: Timeline) -> None:
    _start(layout, timeline, cluster.etcd)
    _start(layout, timeline, cluster.apiserver)


def _start_runtime(layout: Layout, timeline: Timeline) -> None:
    _start(layout, timeline, cluster.containerd)
    images.load(layout, images.pause(timeline), timeline)


def _start_after(layout: Layout, timeline: Timeline, needed: Future[None], maker: Maker) -> None:
    needed.result()
    _start(layout, timeline, maker)


def _start_node(layout: Layout, timeline: Timeline, *needed: Future[None]) -> None:
    for future in needed:
        future.result()
    _start(layout, timeline, cluster.kubelet)


def _import_images(layout: Layout, timeline: Timeline, runtime: Future[None]) -> None:
    with timeline.step("operator image: build"):
        image = images.operator(layout, timeline)
    runtime.result()
    images.load(layout, image, timeline)


def _remove(layout: Layout) -> None:
    """Processes first, then what held them together, then the files; each step is content with finding nothing."""
    processes.end(processes.of_lab(layout.root), grace=0)
    if machine.holds(layout):
        # After the shims, which could still have started one more.
        processes.end(processes.in_pods(), grace=0)
        node.clean_up(layout)
        network.take_down(layout)
        machine.release()
    for entry in layout.root.glob("*"):
        if entry not in (layout.log, layout.bin):
            _delete(entry)


def _delete(entry: Path) -> None:
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry)
    else:
        entry.unlink()
