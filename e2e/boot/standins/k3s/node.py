"""A start of k3s: a server with its etcd and API server, or an agent."""

from __future__ import annotations

import asyncio
import http.server
import os
import socket
import threading
from typing import Any

from e2e.boot.standins.k3s import joining
from e2e.boot.standins.k3s.configuration import Refused, read
from e2e.boot.standins.k3s.controllers import controllers
from e2e.boot.standins.k3s.disk import Contact, Disk, node_password
from e2e.boot.standins.k3s.silence import is_to_be_silent, stay_silent
from e2e.lab.hcloud.boot import certificates, control_plane, membership, nodes, tokens
from e2e.lab.hcloud.boot import node_password as passwords
from e2e.lab.hcloud.boot.checks_cluster import AUTHORITIES, CA_FILES
from e2e.lab.hcloud.boot.first_boot import FirstBoot, Role
from e2e.lab.hcloud.boot.joining import NotYet
from e2e.lab.hcloud.boot.kubectl import Kubectl

RETRY_SECONDS, LOOK_SECONDS = 2.0, 0.1
KUBELET_PORT = 10248


def run(mode: str) -> int:
    """Until systemd ends it; the exit code."""
    try:
        boot = read(mode)
        disk = Disk.of(boot)
        asyncio.run(_agent(disk, boot) if mode == "agent" else _server(disk, boot))
    except Refused as refused:
        print(f"FATA: {refused}", flush=True)
        return 1
    return 0


async def _agent(disk: Disk, boot: FirstBoot) -> None:
    await _asked(disk, boot)
    _kubelet()
    await asyncio.Event().wait()


async def _asked(disk: Disk, boot: FirstBoot) -> dict[str, Any]:
    """What a control plane tells; k3s asks until one does."""
    while True:
        try:
            return await asyncio.to_thread(joining.ask, boot, node_password())
        except NotYet as waits:
            disk.say(f"ERRO: {waits}")
        await asyncio.sleep(RETRY_SECONDS)


async def _server(disk: Disk, boot: FirstBoot) -> None:
    if boot.role is Role.FIRST:
        control_plane.write_files(disk, _authorities(disk, boot), boot)
        membership.begin(disk, boot)
    elif membership.read(disk) is None:
        await _join(disk, boot)
    silent = is_to_be_silent()
    if silent:
        _kubelet()
        await stay_silent(disk)
    member = await _serving(disk, boot)
    kubectl = Kubectl(disk)
    loop = asyncio.get_running_loop()

    def admit(joiner: FirstBoot, password: str) -> dict[str, Any]:
        return asyncio.run_coroutine_threadsafe(_admit(disk, kubectl, joiner, password), loop).result()

    joining.serve(disk.tls, boot, admit)
    await _registered(kubectl, boot, member)
    if not silent:
        _kubelet()
    _notify("READY=1")
    await controllers(disk, kubectl)


def _authorities(disk: Disk, boot: FirstBoot) -> dict[str, str]:
    """Those of user_data: k3s would make what is missing, and the tokens would not name it. Raises Refused."""
    missing = [name for name in CA_FILES if not (disk.tls / name).exists()]
    if missing:
        raise Refused(f"CA files are missing: {', '.join(missing)}")
    files = {name: (disk.tls / name).read_text() for name in CA_FILES}
    unfit = [why for name in AUTHORITIES for why in certificates.unfit(files[f"{name}.crt"], files[f"{name}.key"])]
    for flag, user in (("token", tokens.SERVER), ("agent-token", tokens.AGENT)):
        token = tokens.parse(boot.k3s.get(flag))
        if token is None or token.user != user or not token.trusts(files["server-ca.crt"]):
            unfit.append(f"{flag} does not name this server-ca.crt, or not the user {user}")
    if unfit:
        raise Refused("; ".join(unfit))
    return files


async def _join(disk: Disk, boot: FirstBoot) -> None:
    told = await _asked(disk, boot)
    [address] = boot.join_addresses
    contact = Contact(disk.layout, 0, "contact", address)
    contact.disk.mkdir(parents=True, exist_ok=True)
    (contact.disk / "etcd.json").write_text(told["membership"])
    control_plane.write_files(disk, told["files"], boot)
    while True:
        try:
            return await membership.join(disk, boot, contact)
        except NotYet as waits:
            disk.say(f"ERRO: {waits}")
        await asyncio.sleep(RETRY_SECONDS)


async def _serving(disk: Disk, boot: FirstBoot) -> str:
    """etcd and the API server answer; the name in etcd."""
    member = membership.read(disk)
    assert member is not None, "it was noted before"
    disk.start(control_plane.ETCD, control_plane.etcd(disk, boot, member), {})
    await membership.vote(disk, control_plane.ETCD)
    while not await control_plane.answers(disk):
        disk.start(control_plane.APISERVER, control_plane.apiserver(disk, boot), {})
        await asyncio.sleep(LOOK_SECONDS)
    return member.name


async def _registered(kubectl: Kubectl, boot: FirstBoot, member: str) -> None:
    """A control plane is its own judge when it starts: another node password is only told."""
    try:
        await passwords.ensure(kubectl, boot.node_name, node_password())
    except NotYet as differs:
        print(f"WARN: {differs}", flush=True)
    await kubectl.apply_objects([nodes.node(boot, ready=False, member=member)])


async def _admit(disk: Disk, kubectl: Kubectl, joiner: FirstBoot, password: str) -> dict[str, Any]:
    if joiner.role is Role.WORKER:
        await passwords.ensure(kubectl, joiner.node_name, password)
        await kubectl.apply_objects([nodes.node(joiner, ready=False)])
        return {}
    return {"files": control_plane.authorities(disk), "membership": (disk.disk / "etcd.json").read_text()}


def _kubelet() -> None:
    """Stand-in for the kubelet's health endpoint."""

    class Healthy(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *args: object) -> None:
            """Not in the journal."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", KUBELET_PORT), Healthy)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def _notify(state: str) -> None:
    """Tell systemd, where it asks for it."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifier:
            notifier.sendto(state.encode(), "\0" + address[1:] if address[0] == "@" else address)
