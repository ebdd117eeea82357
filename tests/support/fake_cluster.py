"""The API server of a new cluster, faked over real TLS: it lists, watches and patches, and can be made to misbehave."""

from __future__ import annotations

import asyncio
import json
import ssl
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from catalyst_operator.adapters.kube import Kind
from catalyst_operator.adapters.new_cluster import authorities, minting
from catalyst_operator.adapters.new_cluster.remote import RemoteCluster
from catalyst_operator.core.access.identity import OBSERVER, Access

FQDN = "omantel.omani.works"
FLUX = "/namespaces/flux-system"
RELEASES = "/apis/helm.toolkit.fluxcd.io/v2/helmreleases"
RELEASES_OF_FLUX = f"/apis/helm.toolkit.fluxcd.io/v2{FLUX}/helmreleases"
KUSTOMIZATIONS = "/apis/kustomize.toolkit.fluxcd.io/v1/kustomizations"
GIT_REPOSITORIES = f"/apis/source.toolkit.fluxcd.io/v1{FLUX}/gitrepositories"
KUBE_SYSTEM = "/api/v1/namespaces/kube-system"
DEPLOYMENTS = f"/apis/apps/v1{FLUX}/deployments"
NODES = "/api/v1/nodes"

Object = dict[str, Any]
Fault = Callable[[web.Request], web.StreamResponse | None]
"""An answer instead of the right one, or None."""
Flood = Callable[[web.Request], AsyncIterator[bytes] | None]
"""The pieces of an answer instead of the right one, sent as long as somebody reads them, or None."""
TRUST = authorities.make(datetime.now(UTC))
"""Authorities of all fake clusters that are not given others: they take a while to make."""


class FakeCluster:
    """One API server on 127.0.0.1. Collections exist once `serve` named them; others are answered with 404."""

    def __init__(self, trust: authorities.Trust = TRUST, name: str = FQDN, host: str = "127.0.0.1") -> None:
        self.trust = trust
        self.host = host
        self.port = 0
        self.uid = "11111111-0000-0000-0000-000000000000"
        self.collections: dict[str, dict[str, Object]] = {}
        self.history: list[tuple[int, str, Object]] = []
        self.version = 1
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.serials: list[int] = []
        """Serial number of the client's certificate, of each request."""
        self.refused: set[int] = set()
        """Serial numbers of certificates that are answered with 401."""
        self.fault: Fault = lambda request: None
        self.flood: Flood = lambda request: None
        self.flood_status = 200
        self.raw: bytes | None = None
        """Sent by each watch instead of events, once; then the watch ends."""
        self.frozen = False
        """Watches send nothing any more, and nobody is told."""
        self.bodies: list[tuple[str, Any]] = []
        self.watching = 0
        self._generation = 0
        self._transports: set[asyncio.Transport] = set()
        self._wake = asyncio.Event()
        self._tls = server_context(trust, name)
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen, on the same port as before if there was one."""
        app = web.Application(client_max_size=4 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.01, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, self.port, ssl_context=self._tls)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Close everything; who asks now is refused."""
        runner, self._runner = self._runner, None
        if runner:
            await runner.cleanup()

    @property
    def server(self) -> str:
        return f"{self.host}:{self.port}"

    def access(
        self, *, servers: tuple[str, ...] = (), fqdn: str = FQDN, lifetime: timedelta = timedelta(hours=1)
    ) -> Access:
        """A freshly minted certificate of the observer."""
        now = datetime.now(UTC)
        return minting.access(
            self.trust.files,
            servers=servers or (self.server,),
            fqdn=fqdn,
            user=OBSERVER,
            groups=(),
            now=now,
            lifetime=lifetime,
        )

    # --- what is there --------------------------------------------------------------------------------------------

    def serve(self, *paths: str) -> None:
        for path in paths:
            self.collections.setdefault(path, {})

    def put(self, path: str, obj: Object) -> None:
        """Create or replace; watches are told."""
        self.serve(path)
        name = obj["metadata"]["name"]
        self.version += 1
        stored = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(self.version)}}
        kind = "MODIFIED" if name in self.collections[path] else "ADDED"
        self.collections[path][name] = stored
        self._tell(path, kind, stored)

    def drop(self, path: str, name: str) -> None:
        self.version += 1
        gone = self.collections[path].pop(name)
        meta = {**gone["metadata"], "resourceVersion": str(self.version)}
        self._tell(path, "DELETED", {**gone, "metadata": meta})

    def bookmark(self, path: str) -> None:
        self.version += 1
        self._tell(path, "BOOKMARK", {"metadata": {"resourceVersion": str(self.version)}})

    def event(self, path: str, kind: str, obj: Any) -> None:
        """Any event, whatever it says."""
        self.version += 1
        self._tell(path, kind, obj)

    def compact(self) -> None:
        """Remember nothing that was: watches from before are answered with 410."""
        self.history.clear()
        self.version += 1

    def wake(self) -> None:
        """Let watches look again, at what they are to send or whether they are frozen."""
        self._wake.set()
        self._wake = asyncio.Event()

    def hang_up(self) -> None:
        """End all watches, as a server does after a while."""
        self._generation += 1
        self.wake()

    def abort(self) -> None:
        """Cut all watches off, in the middle."""
        for transport in self._transports:
            transport.abort()

    def count(self, path: str, *, watch: bool | None = None) -> int:
        """Requests for a path so far."""
        return sum(p == path and watch in (None, q.get("watch") == "true") for _, p, q in self.requests)

    def _tell(self, path: str, kind: str, obj: Any) -> None:
        self.history.append((self.version, path, {"type": kind, "object": obj}))
        self.wake()

    # --- answering ------------------------------------------------------------------------------------------------

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.method, request.path, dict(request.query)))
        serial = _serial(request)
        self.serials.append(serial)
        if request.method == "POST":
            self.bodies.append((request.content_type, await request.json()))
        wrong = refusal(401, "Unauthorized") if serial in self.refused else self.fault(request)
        if wrong is not None:
            return wrong
        pieces = self.flood(request)
        if pieces is not None:
            return await _streamed(request, pieces, self.flood_status)
        if request.method in ("PATCH", "DELETE"):
            return await self._change(request)
        if request.path == KUBE_SYSTEM:
            return web.json_response({"metadata": {"name": "kube-system", "uid": self.uid}})
        if request.path in self.collections:
            return await self._collection(request)
        return self._one(request.path)

    async def _collection(self, request: web.Request) -> web.StreamResponse:
        if request.query.get("watch") == "true":
            return await self._watch(request)
        names = sorted(self.collections[request.path])
        begin, limit = int(request.query.get("continue", "0")), int(request.query.get("limit", "500"))
        page = names[begin : begin + limit]
        meta = {"resourceVersion": str(self.version)}
        if begin + limit < len(names):
            meta["continue"] = str(begin + limit)
        items = [self.collections[request.path][name] for name in page]
        return web.json_response({"metadata": meta, "items": items})

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        seen = int(request.query["resourceVersion"])
        oldest = self.history[0][0] if self.history else self.version
        if seen < oldest - 1:
            return refusal(410, "too old resource version")
        response = web.StreamResponse()
        await response.prepare(request)
        transport = request.transport
        assert transport is not None
        self._transports.add(transport)
        self.watching += 1
        try:
            if self.raw is not None:
                raw, self.raw = self.raw, None
                await response.write(raw)
                return response
            async for line in self._lines(request.path, seen):
                await response.write(line)
        finally:
            self.watching -= 1
            self._transports.discard(transport)
        return response

    async def _lines(self, path: str, seen: int) -> AsyncIterator[bytes]:
        generation = self._generation
        while True:
            wake = self._wake
            if not self.frozen:
                for version, _, event in [h for h in self.history if h[0] > seen and h[1] == path]:
                    yield json.dumps(event).encode() + b"\n"
                    seen = version
            if generation != self._generation:
                return
            if wake is self._wake:
                await wake.wait()

    def _one(self, path: str) -> web.Response:
        collection, _, name = path.rpartition("/")
        found = self.collections.get(collection, {}).get(name)
        return refusal(404, f"{path} not found") if found is None else web.json_response(found)

    async def _change(self, request: web.Request) -> web.Response:
        collection, _, name = request.path.rpartition("/")
        if name not in self.collections.get(collection, {}) and "apply" not in request.content_type:
            return refusal(404, "not found")
        if request.method == "DELETE":
            return await self._delete(request, collection, name)
        body = await request.json()
        self.bodies.append((request.content_type, body))
        if isinstance(body, dict):  # what a JSON patch makes of it is an API server's to say
            self.put(collection, {"metadata": {"name": name}, **body})
        return web.json_response(self.collections[collection][name])

    async def _delete(self, request: web.Request, collection: str, name: str) -> web.Response:
        wanted = json.loads(await request.text() or "{}").get("preconditions", {}).get("uid")
        if wanted not in (None, self.collections[collection][name]["metadata"].get("uid")):
            return refusal(409, f"the UID in the precondition ({wanted}) does not match")
        self.drop(collection, name)
        return web.json_response({"status": "Success"})


async def _streamed(request: web.Request, pieces: AsyncIterator[bytes], status: int) -> web.StreamResponse:
    response = web.StreamResponse(status=status, headers={"Content-Type": "application/json"})
    await response.prepare(request)
    async for piece in pieces:
        await response.write(piece)
    return response


@asynccontextmanager
async def running(cluster: FakeCluster) -> AsyncIterator[FakeCluster]:
    """Started, and stopped in the end."""
    await cluster.start()
    try:
        yield cluster
    finally:
        cluster.frozen = False
        await cluster.stop()


@asynccontextmanager
async def saying(text: bytes | None) -> AsyncIterator[str]:
    """A server that says this to whoever comes, whatever they want, and hangs up; with None it only listens. Yields
    `host:port`."""
    tasks: set[asyncio.Task[None]] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if text is None:
                await reader.read()
            else:
                writer.write(text)
        finally:
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)

    def come(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.create_task(answer(reader, writer)))

    async with await asyncio.start_server(come, "127.0.0.1") as server:
        yield "{}:{}".format(*server.sockets[0].getsockname())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def listed(api: RemoteCluster, kind: Kind, namespace: str = "") -> list[Object]:
    """All objects of a list."""
    found: list[Object] = []
    await api.each(kind, namespace, found.extend)
    return found


@asynccontextmanager
async def saying_over_tls(pieces: Callable[[], AsyncIterator[bytes]]) -> AsyncIterator[str]:
    """A server that says this over the TLS of a cluster to whoever comes, whatever they want. Yields `host:port`."""
    tasks: set[asyncio.Task[None]] = set()

    async def answer(writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            async for piece in pieces():
                writer.write(piece)
                await writer.drain()
        writer.transport.abort()

    def come(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.create_task(answer(writer)))

    async with await asyncio.start_server(come, "127.0.0.1", ssl=server_context()) as server:
        yield "{}:{}".format(*server.sockets[0].getsockname())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def refusal(status: int, message: str) -> web.Response:
    """A Status object, as the API server sends it."""
    return web.json_response({"kind": "Status", "code": status, "message": message}, status=status)


def _serial(request: web.Request) -> int:
    certificate = request.transport.get_extra_info("peercert") if request.transport else None
    return int(certificate["serialNumber"], 16) if certificate else 0


def serial_of(access: Access) -> int:
    """Serial number of the client's certificate."""
    return x509.load_pem_x509_certificate(access.certificate.encode()).serial_number


def connections_to(*ports: int) -> int:
    """Established TCP connections of this process to these ports: an API server also has some to itself."""
    ours = {str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()}
    found: dict[int, int] = defaultdict(int)
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "01" and f"socket:[{fields[9]}]" in ours:
            found[int(fields[2].rpartition(":")[2], 16)] += 1
    return sum(found[port] for port in ports)


# --- certificates -----------------------------------------------------------------------------------------------------


def server_context(trust: authorities.Trust = TRUST, name: str = FQDN) -> ssl.SSLContext:
    """TLS as an API server speaks it, which looks at the client's certificate if there is one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(server_certificate(trust, name))
        file.flush()
        context.load_cert_chain(file.name)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(cadata=trust.files["client-ca.crt"])
    return context


def server_certificate(trust: authorities.Trust, name: str) -> str:
    """Key and certificate of an API server for that name, as k3s would make them."""
    authority = x509.load_pem_x509_certificate(trust.files["server-ca.crt"].encode())
    signer = serialization.load_pem_private_key(trust.files["server-ca.key"].encode(), password=None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "k3s")]))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name), x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()),
            critical=False,
        )
        .sign(signer, hashes.SHA256())
    )
    return authorities.pem(key) + certificate.public_bytes(serialization.Encoding.PEM).decode()


# --- objects ----------------------------------------------------------------------------------------------------------


def release(name: str, *, ready: str = "True", message: str = "") -> Object:
    """A HelmRelease."""
    return flux_object("HelmRelease", "helm.toolkit.fluxcd.io/v2", name, ready, message)


def kustomization(name: str = f"{FQDN}-bootstrap-kit", *, ready: str = "True") -> Object:
    """A Kustomization."""
    return flux_object("Kustomization", "kustomize.toolkit.fluxcd.io/v1", name, ready)


def flux_object(kind: str, api_version: str, name: str, ready: str = "True", message: str = "") -> Object:
    """Any of Flux's objects, in flux-system."""
    condition = {"type": "Ready", "status": ready, "reason": "Told", "message": message, "observedGeneration": 1}
    return {
        "kind": kind,
        "apiVersion": api_version,
        "metadata": {"name": name, "namespace": "flux-system", "generation": 1},
        "status": {"observedGeneration": 1, "conditions": [condition]},
    }
