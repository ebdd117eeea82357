"""One fake API server of a new cluster: lists, watches and a console, over TLS with the cluster's own authorities.

It keeps count of who watches it. Only what says that it is the operator counts as followed: the benchmark watches too.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import tempfile
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from catalyst_operator.adapters.new_cluster import authorities
from catalyst_operator.adapters.new_cluster.console_probe import HTTPS
from catalyst_operator.api import labels
from catalyst_operator.core.access.identity import API_PORT
from e2e.bench import changes
from e2e.bench.apis import Object
from e2e.bench.fleet import objects
from e2e.bench.fleet.objects import Kit
from e2e.lab.standins.objects import stamp

BOOKMARK_SECONDS = 60.0
"""As a real one, about."""
HISTORY = 1000
WATCHED = frozenset({objects.RELEASES, objects.KUSTOMIZATIONS})


class ApiServer:
    """Of one cluster, at an address of its own."""

    def __init__(self, name: str, address: str, kit: Kit, trust: Mapping[str, str]) -> None:
        self.name, self.address = name, address
        self.watched_since: float | None = None
        """Since when the operator watches all that there is to watch; None while it does not."""
        self._kit = kit
        self._version = 1
        self._objects = {
            path: {item["metadata"]["name"]: item for item in items} for path, items in objects.watched(kit).items()
        }
        # Written once: they never change, and nobody is to measure how long this takes.
        self._answers = {path: _list(items, 1) for path, items in objects.listed(kit).items()}
        self._answers[objects.KUBE_SYSTEM] = json.dumps(objects.kube_system()).encode()
        self._history: deque[tuple[int, str, bytes]] = deque(maxlen=HISTORY)
        self._watches: dict[asyncio.Queue[bytes], str] = {}
        self._followed: Counter[str] = Counter()
        self._tls = server_context(trust, kit.fqdn, address)
        self._runner: web.AppRunner | None = None

    async def start(self, ports: Sequence[int] = (API_PORT, HTTPS)) -> None:
        """Listen where an API server and a console would."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        self._runner = runner
        for port in ports:
            await web.TCPSite(runner, self.address, port, ssl_context=self._tls).start()

    async def stop(self) -> None:
        """Close everything."""
        if self._runner:
            await self._runner.cleanup()

    @property
    def port(self) -> int:
        """The first that it listens on."""
        assert self._runner
        return int(self._runner.addresses[0][1])

    def change(self, release: str, number: int) -> float:
        """Change a HelmRelease as a controller would. Returns when it was."""
        found = self._objects[objects.RELEASES][release]
        self._version += 1
        status = {**found["status"], "conditions": changes.with_change(found, number, stamp())}
        meta = {**found["metadata"], "resourceVersion": str(self._version)}
        self._objects[objects.RELEASES][release] = {**found, "metadata": meta, "status": status}
        line = _event("MODIFIED", self._objects[objects.RELEASES][release])
        at = time.time()
        self._history.append((self._version, objects.RELEASES, line))
        for queue, path in self._watches.items():
            if path == objects.RELEASES:
                queue.put_nowait(line)
        return at

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.path in WATCHED:
            return await self._watch(request) if "watch" in request.query else self._listed(request.path)
        found = self._answers.get(request.path)
        if found is not None:
            return web.Response(body=found, content_type="application/json")
        if request.path == "/":
            return web.Response(text="the console")
        return web.json_response({"kind": "Status", "code": 404, "message": "not found"}, status=404)

    def _listed(self, path: str) -> web.Response:
        body = _list(list(self._objects[path].values()), self._version)
        return web.Response(body=body, content_type="application/json")

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        response, path = web.StreamResponse(), request.path
        await response.prepare(request)
        since, end = int(request.query["resourceVersion"]), float(request.query["timeoutSeconds"])
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        for version, where, line in self._history:
            if version > since and where == path:
                queue.put_nowait(line)
        ours = request.headers.get("User-Agent") == labels.OPERATOR_NAME
        self._watches[queue] = path
        self._follow(path, ours, 1)
        try:
            async with asyncio.timeout(end):
                await self._send(response, queue)
        except TimeoutError:
            pass
        finally:
            del self._watches[queue]
            self._follow(path, ours, -1)
        return response

    async def _send(self, response: web.StreamResponse, queue: asyncio.Queue[bytes]) -> None:
        while True:
            try:
                async with asyncio.timeout(BOOKMARK_SECONDS):
                    line = await queue.get()
            except TimeoutError:
                line = _event("BOOKMARK", {"metadata": {"resourceVersion": str(self._version)}})
            await response.write(line)

    def _follow(self, path: str, ours: bool, by: int) -> None:
        self._followed[path] += by * ours
        if any(self._followed[wanted] < 1 for wanted in WATCHED):
            self.watched_since = None
        elif self.watched_since is None:
            self.watched_since = time.time()


def _event(kind: str, obj: Object) -> bytes:
    return json.dumps({"type": kind, "object": obj}, separators=(",", ":")).encode() + b"\n"


def _list(items: list[Object], version: int) -> bytes:
    return json.dumps({"metadata": {"resourceVersion": str(version)}, "items": items}, separators=(",", ":")).encode()


# --- certificates -----------------------------------------------------------------------------------------------------


def server_context(trust: Mapping[str, str], name: str, address: str) -> ssl.SSLContext:
    """TLS as the cluster's API server speaks it, which looks at the client's certificate if there is one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(_certificate(trust, name, address))
        file.flush()
        context.load_cert_chain(file.name)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(cadata=trust["client-ca.crt"])
    return context


def _certificate(trust: Mapping[str, str], name: str, address: str) -> str:
    """Key and certificate for the cluster's name and address, of its own authority."""
    authority = x509.load_pem_x509_certificate(trust["server-ca.crt"].encode())
    signer = serialization.load_pem_private_key(trust["server-ca.key"].encode(), password=None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    names = [x509.DNSName(name), x509.IPAddress(IPv4Address(address))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "k3s")]))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
    )
    return authorities.pem(key) + certificate.public_bytes(serialization.Encoding.PEM).decode()
