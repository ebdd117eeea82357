"""Certificates of a booted control plane, issued by the authorities that user_data brought, as k3s does it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LIFETIME = timedelta(days=365)
_SKEW = timedelta(hours=1)
_SIGNERS = (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey)
_USAGES = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)


@dataclass(frozen=True)
class Subject:
    """Whom a certificate is for: as a client a user of groups, as a server the names and addresses it answers for."""

    name: str
    groups: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pair:
    """A certificate, its authority's after it, and its key; all in PEM."""

    chain: str
    key: str = field(repr=False)


def issue(files: Mapping[str, str], authority: str, subject: Subject) -> Pair:
    """A certificate by one of the cluster's authorities, such as `server-ca`."""
    issuer = x509.load_pem_x509_certificate(files[f"{authority}.crt"].encode())
    signer = serialization.load_pem_private_key(files[f"{authority}.key"].encode(), password=None)
    assert isinstance(signer, _SIGNERS), "checked before the boot"
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _builder(subject, issuer, key).sign(signer, hashes.SHA256())
    pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
    return Pair(pem + files[f"{authority}.crt"], _pem(key))


def _builder(subject: Subject, issuer: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    organizations = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in subject.groups]
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([*organizations, x509.NameAttribute(NameOID.COMMON_NAME, subject.name)]))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_KEY_USAGE, critical=True)
        .add_extension(x509.ExtendedKeyUsage(_USAGES), critical=False)
        .add_extension(_authority_key(issuer), critical=False)
    )
    alternative = [*map(x509.DNSName, subject.names), *(x509.IPAddress(ip_address(ip)) for ip in subject.addresses)]
    return builder.add_extension(x509.SubjectAlternativeName(alternative), critical=False) if alternative else builder


def _authority_key(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    try:
        found = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key())  # type: ignore[arg-type]
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(found)


def _pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()


def unfit(certificate: str, key: str) -> Iterator[str]:
    """Why these are not an authority: clauses, none when they are."""
    try:
        issuer = x509.load_pem_x509_certificate(certificate.encode())
        signer = serialization.load_pem_private_key(key.encode(), password=None)
    except (ValueError, TypeError):
        yield "certificate or key cannot be read"
        return
    if signer.public_key() != issuer.public_key():
        yield "the key is not the certificate's"
    if not _is_authority(issuer):
        yield "the certificate is not an authority's"
    if issuer.not_valid_after_utc < datetime.now(UTC):
        yield f"the certificate ended at {issuer.not_valid_after_utc:%Y-%m-%d}"


def unfit_key(key: str) -> Iterator[str]:
    """Why service accounts' tokens could not be signed with it."""
    try:
        found: object = serialization.load_pem_private_key(key.encode(), password=None)
    except (ValueError, TypeError):
        found = None
    if not isinstance(found, _SIGNERS):
        yield "it is no key that tokens can be signed with"


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


_KEY_USAGE = x509.KeyUsage(
    digital_signature=True,
    key_encipherment=True,
    key_cert_sign=False,
    crl_sign=False,
    content_commitment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)
