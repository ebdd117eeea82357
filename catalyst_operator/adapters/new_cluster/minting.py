"""Mints client certificates for a new cluster from its own client authority.

Whoever holds the authority's key needs neither SSH nor a call back from the node; a certificate of an hour needs no
revocation either.

Why: docs/explanation.md#reaching-the-new-cluster
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pydantic import SecretStr

from catalyst_operator.adapters.new_cluster.authorities import CLOCK_SKEW, pem
from catalyst_operator.core.access.identity import Access

CLIENT_AUTHORITY, SERVER_AUTHORITY = "client-ca", "server-ca"


def access(
    files: Mapping[str, str],
    *,
    servers: tuple[str, ...],
    fqdn: str,
    user: str,
    groups: tuple[str, ...],
    now: datetime,
    lifetime: timedelta,
) -> Access:
    """Access as `user` of `groups` for `lifetime` from now on. `files` are the cluster's, as `authorities.make` made
    them; `servers` are `host:port`."""
    certificate, key, expires = mint(files, user=user, groups=groups, now=now, lifetime=lifetime)
    return Access(
        servers=servers,
        tls_name=fqdn,
        authority=files[f"{SERVER_AUTHORITY}.crt"],
        certificate=certificate,
        key=key,
        expires=expires,
    )


def mint(
    files: Mapping[str, str], *, user: str, groups: tuple[str, ...], now: datetime, lifetime: timedelta
) -> tuple[str, SecretStr, datetime]:
    """A client certificate, its key, both in PEM, and the certificate's end, which is never after its authority's.

    Kubernetes reads the user from the common name and the groups from the organizations. Raises KeyError without the
    authority's files.
    """
    authority = x509.load_pem_x509_certificate(files[f"{CLIENT_AUTHORITY}.crt"].encode())
    signer = serialization.load_pem_private_key(files[f"{CLIENT_AUTHORITY}.key"].encode(), password=None)
    if not isinstance(signer, ec.EllipticCurvePrivateKey):
        raise TypeError("the client authority's key is not an EC key, as all keys of a cluster are")
    key = ec.generate_private_key(ec.SECP256R1())
    names = [
        *(x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups),
        x509.NameAttribute(NameOID.COMMON_NAME, user),
    ]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name(names))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(min(now + lifetime, authority.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_USAGE, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_issuer_key(authority), critical=False)
        .sign(signer, hashes.SHA256())
    )
    text = certificate.public_bytes(serialization.Encoding.PEM).decode()
    return text, SecretStr(pem(key)), certificate.not_valid_after_utc


def _issuer_key(authority: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    found = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(found.value)


_USAGE = x509.KeyUsage(
    digital_signature=True,
    key_cert_sign=False,
    crl_sign=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)
