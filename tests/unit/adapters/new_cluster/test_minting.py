"""Minted certificates, judged as strictly as Python and Go do: by a handshake, and by what they say."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from catalyst_operator.adapters.new_cluster import authorities, minting
from catalyst_operator.core.access.identity import OBSERVER, OWNER
from tests.support.fake_cluster import FQDN, server_certificate
from tests.support.gen import NOW

TRUST = authorities.make(NOW)
HOUR = timedelta(hours=1)
SERVERS = ("203.0.113.10:6443", "203.0.113.11:6443")


def minted(groups: tuple[str, ...] = (), lifetime: timedelta = HOUR) -> x509.Certificate:
    text, _, _ = minting.mint(TRUST.files, user=OBSERVER, groups=groups, now=NOW, lifetime=lifetime)
    return x509.load_pem_x509_certificate(text.encode())


def test_user_and_groups_are_where_kubernetes_reads_them() -> None:
    """Anywhere else, the server would know nobody."""
    subject = minted(("system:masters", "crew")).subject
    assert [a.value for a in subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == [OBSERVER]
    assert [a.value for a in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)] == ["system:masters", "crew"]


def test_it_is_for_clients_and_signs_nothing() -> None:
    """Whoever gets hold of it can neither be a server nor mint more."""
    extensions = minted().extensions
    constraints = extensions.get_extension_for_class(x509.BasicConstraints)
    assert (constraints.critical, constraints.value.ca) == (True, False)
    usage = extensions.get_extension_for_class(x509.KeyUsage)
    assert (usage.critical, usage.value.digital_signature, usage.value.key_cert_sign) == (True, True, False)
    assert list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.CLIENT_AUTH]


def test_it_names_its_own_key_and_its_authoritys() -> None:
    """Strict verifiers find the issuer by these."""
    authority = x509.load_pem_x509_certificate(TRUST.files["client-ca.crt"].encode())
    certificate = minted()
    certificate.verify_directly_issued_by(authority)
    own = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert own == x509.SubjectKeyIdentifier.from_public_key(certificate.public_key())
    issuer = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    its = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert issuer.key_identifier == its.digest


def test_the_key_is_its_own_and_shown_to_nobody() -> None:
    """A secret in a repr is a secret in a log."""
    text, key, _ = minting.mint(TRUST.files, user=OBSERVER, groups=(), now=NOW, lifetime=HOUR)
    loaded = serialization.load_pem_private_key(key.get_secret_value().encode(), None)
    assert isinstance(loaded, ec.EllipticCurvePrivateKey)
    assert loaded.public_key() == x509.load_pem_x509_certificate(text.encode()).public_key()
    assert "PRIVATE" not in repr(key)


def test_no_two_are_the_same() -> None:
    """A serial number tells one certificate from another, in the server's audit log for instance."""
    assert minted().serial_number != minted().serial_number
    assert minted().public_key() != minted().public_key()


def test_it_begins_early_and_ends_when_it_says() -> None:
    """A node whose clock is behind takes it; nobody believes in it longer than the server does."""
    text, _, expires = minting.mint(TRUST.files, user=OBSERVER, groups=(), now=NOW, lifetime=HOUR)
    certificate = x509.load_pem_x509_certificate(text.encode())
    assert certificate.not_valid_before_utc == NOW - authorities.CLOCK_SKEW
    assert certificate.not_valid_after_utc == expires == NOW + HOUR


def test_its_end_is_told_to_the_second_as_certificates_have_it() -> None:
    """A fraction more would be a fraction of requests that are refused."""
    now = NOW.replace(microsecond=900_000)
    _, _, expires = minting.mint(TRUST.files, user=OBSERVER, groups=(), now=now, lifetime=HOUR)
    assert expires == NOW + HOUR


def test_it_does_not_outlive_its_authority() -> None:
    """It would be worth nothing, and the operator would believe in it."""
    _, _, expires = minting.mint(
        TRUST.files, user=OWNER, groups=("system:masters",), now=NOW, lifetime=2 * authorities.LIFETIME
    )
    assert expires == NOW + authorities.LIFETIME


def test_access_is_everything_that_a_client_needs() -> None:
    """The server is known by the cluster's name, whatever address is dialled."""
    found = minting.access(TRUST.files, servers=SERVERS, fqdn=FQDN, user=OBSERVER, groups=(), now=NOW, lifetime=HOUR)
    assert (found.servers, found.tls_name, found.expires) == (SERVERS, FQDN, NOW + HOUR)
    assert found.authority == TRUST.files["server-ca.crt"]
    assert "PRIVATE" not in repr(found)


def test_another_kind_of_key_is_refused() -> None:
    """The authorities are ours; if their key is not, something else is wrong."""
    other = ed25519.Ed25519PrivateKey.generate()
    pem = other.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    with pytest.raises(TypeError, match="is not an EC key"):
        minting.mint({**TRUST.files, "client-ca.key": pem}, user=OBSERVER, groups=(), now=NOW, lifetime=HOUR)


# --- a handshake, both sides strict -----------------------------------------------------------------------------------


def side(purpose: ssl.Purpose, authority: str, chain: str, folder: Path) -> ssl.SSLContext:
    """A side that trusts one authority only, and checks every extension."""
    file = folder / f"{purpose.name}.pem"
    file.write_text(chain)
    context = ssl.create_default_context(purpose, cadata=authority)
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_STRICT
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(file)
    return context


def shake(client: ssl.SSLContext, server: ssl.SSLContext, name: str) -> None:
    """Shake hands in memory, until both sides are content. Raises SSLError."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname=name),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    while ends:
        for end in list(ends):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            ends.remove(end)


LIVE = authorities.make(datetime.now(UTC))
"""OpenSSL goes by the clock on the wall."""


def client_of(trust: authorities.Trust, folder: Path, since: timedelta = timedelta(0)) -> ssl.SSLContext:
    """One who trusts LIVE's servers, with a certificate of `trust` that was minted for an hour, `since` ago."""
    now = datetime.now(UTC) - since
    text, key, _ = minting.mint(trust.files, user=OBSERVER, groups=(), now=now, lifetime=HOUR)
    return side(ssl.Purpose.SERVER_AUTH, LIVE.files["server-ca.crt"], text + key.get_secret_value(), folder)


@pytest.fixture
def server(tmp_path: Path) -> ssl.SSLContext:
    chain = server_certificate(LIVE, FQDN)
    return side(ssl.Purpose.CLIENT_AUTH, LIVE.files["client-ca.crt"], chain, tmp_path)


def test_strict_sides_are_content(server: ssl.SSLContext, tmp_path: Path) -> None:
    """Python checks by default, since 3.13, what it did not before."""
    shake(client_of(LIVE, tmp_path), server, FQDN)


def test_a_server_of_another_name_is_refused(server: ssl.SSLContext, tmp_path: Path) -> None:
    """Whoever answers at the address is not therefore the cluster."""
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        shake(client_of(LIVE, tmp_path), server, "other.omani.works")


def test_a_certificate_of_another_cluster_is_refused(server: ssl.SSLContext, tmp_path: Path) -> None:
    """Each cluster has authorities of its own, even if they have the same names."""
    with pytest.raises(ssl.SSLError, match="certificate verify failed"):
        shake(client_of(authorities.make(datetime.now(UTC)), tmp_path), server, FQDN)


def test_a_certificate_that_has_ended_is_refused(server: ssl.SSLContext, tmp_path: Path) -> None:
    """There is no revocation: the end is what keeps a lost one harmless."""
    with pytest.raises(ssl.SSLError, match="certificate has expired"):
        shake(client_of(LIVE, tmp_path, since=HOUR + timedelta(seconds=2)), server, FQDN)
