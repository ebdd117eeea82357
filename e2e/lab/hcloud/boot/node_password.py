"""k3s' node passwords: each node makes one at its first start, and the cluster remembers its hash by the node's name.

A server that was made anew has another password, so that it is refused for as long as the one before it is remembered.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets

from e2e.lab.hcloud.boot.joining import NotYet
from e2e.lab.hcloud.boot.kubectl import STAND_IN, Kubectl
from e2e.lab.hcloud.boot.place import Place

NAMESPACE = "kube-system"
REJECTED = (
    "Node password rejected, duplicate hostname or contents of '/etc/rancher/node/password' may not match server "
    "node-passwd entry, try enabling a unique node name with the --with-node-id flag"
)
_FILE = "node-password"
_LOG_N, _R, _P = 15, 8, 1


def secret_name(node: str) -> str:
    return f"{node.lower()}.node-password.k3s"


def of(place: Place) -> str:
    """The server's password, made when it is asked for first."""
    file = place.disk / _FILE
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_hex(16))
    return file.read_text()


async def ensure(kubectl: Kubectl, node: str, password: str) -> None:
    """Remember the password of a node that has none, or compare it. Raises NotYet with k3s' words."""
    name = secret_name(node)
    found = await kubectl("get", "secret", name, "-n", NAMESPACE, "--ignore-not-found", "-o", "jsonpath={.data.hash}")
    if found:
        if not matches(base64.b64decode(found).decode(), password):
            raise NotYet(f"Waiting to retrieve agent configuration; server is not ready: {REJECTED}")
        return
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "immutable": True,
        "stringData": {"hash": hashed(password, secrets.token_bytes(8))},
    }
    await kubectl.apply(json.dumps(secret), manager=STAND_IN)


def hashed(password: str, salt: bytes) -> str:
    """In k3s' format: `$1:<salt>:<N>:<r>:<p>:<scrypt>`."""
    key = hashlib.scrypt(password.encode(), salt=salt, n=2**_LOG_N, r=_R, p=_P, maxmem=64 * 1024**2, dklen=64)
    return f"$1:{salt.hex()}:{_LOG_N}:{_R}:{_P}:{base64.b64encode(key).decode().rstrip('=')}"


def matches(stored: str, password: str) -> bool:
    """Whether a hash is that of the password."""
    return hmac.compare_digest(stored, hashed(password, bytes.fromhex(stored.split(":")[1])))
