"""Makes what a new cluster trusts: its certificate authorities and join tokens, before its first boot.

k3s uses the authorities that it finds in its TLS directory instead of making its own, so whoever holds their keys can
mint certificates for a cluster that does not exist yet. Everything is made once and kept in a Secret; see
https://docs.k3s.io/cli/certificate#using-custom-ca-certificates.

Why: docs/explanation.md#reaching-the-new-cluster
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from catalyst_operator.adapters import kube
from catalyst_operator.adapters.kube import Kube
from catalyst_operator.core import naming
from catalyst_operator.core.manifests import SECRET_VARIABLES_FILE

LIFETIME = timedelta(days=3650)
CLOCK_SKEW = timedelta(hours=1)
"""A node whose clock is behind must not find its own authority not valid yet."""
PASSWORD_BYTES = 24
AUTHORITIES: dict[str, str] = {
    "server-ca": "k3s-server-ca",
    "client-ca": "k3s-client-ca",
    "request-header-ca": "k3s-request-header-ca",
    "etcd/server-ca": "etcd-server-ca",
    "etcd/peer-ca": "etcd-peer-ca",
}
"""File under k3s' TLS directory, without suffix -> common name. They share nothing: a certificate of one is worth
nothing to another."""
SERVICE_ACCOUNT_KEY = "service.key"


@dataclass(frozen=True)
class Trust:
    """What a cluster's nodes are given at their first boot. All of it is secret but the certificates."""

    files: Mapping[str, str]
    """File under k3s' TLS directory -> PEM text."""
    server_token: str
    """By which control planes join, in k3s' secure format: it also tells whom to trust."""
    agent_token: str
    """By which workers join."""

    @property
    def variables(self) -> dict[str, Any]:
        """As the module takes them."""
        return {
            "server_token": self.server_token,
            "agent_token": self.agent_token,
            "ca_files": dict(self.files),
        }


async def read(client: Kube, namespace: str, uid: str) -> dict[str, Any]:
    """What was made for the cluster of the Sovereign with this UID, as the module's variables. `namespace` is the
    operator's. Raises ApiError; NotFound once it is gone, as after hand-off."""
    secret = await client.get(kube.SECRETS, namespace, naming.cluster_secrets(uid))
    found: dict[str, Any] = json.loads(base64.b64decode(secret["data"][SECRET_VARIABLES_FILE]))
    return found


def make(now: datetime) -> Trust:
    """Authorities valid for ten years from `now`, and tokens that name the server's."""
    files: dict[str, str] = {}
    for name, common_name in AUTHORITIES.items():
        key = ec.generate_private_key(ec.SECP256R1())
        files[f"{name}.crt"] = _authority(key, common_name, now)
        files[f"{name}.key"] = pem(key)
    files[SERVICE_ACCOUNT_KEY] = pem(ec.generate_private_key(ec.SECP256R1()))
    digest = hashlib.sha256(files["server-ca.crt"].encode()).hexdigest()
    return Trust(files, _token(digest, "server"), _token(digest, "node"))


def _token(digest: str, role: str) -> str:
    return f"K10{digest}::{role}:{secrets.token_hex(PASSWORD_BYTES)}"


def _authority(key: ec.EllipticCurvePrivateKey, common_name: str, now: datetime) -> str:
    """A self-signed authority, strict enough for clients that check every extension."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_USAGE, critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


_USAGE = x509.KeyUsage(
    digital_signature=True,
    key_cert_sign=True,
    crl_sign=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)


def pem(key: ec.EllipticCurvePrivateKey) -> str:
    """The key as Go reads it for every purpose of k3s, the service account's included."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()
