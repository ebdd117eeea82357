"""The gateway's certificate, self-signed: the lab has no authority that browsers trust."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAYS = 30


def write_self_signed(folder: Path, fqdn: str) -> Path:
    """Make a key and a certificate for a domain and its names; both in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    # A common name has 64 characters at most, a domain may have more.
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "OpenOva lab gateway")])
    names = x509.SubjectAlternativeName([x509.DNSName(fqdn), x509.DNSName(f"*.{fqdn}")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=_DAYS))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / "gateway.pem"
    file.touch(mode=0o600)
    file.write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))
    return file
