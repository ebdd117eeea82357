"""Certificates of authorities that a company has for itself: operator, runs, servers and Flux trust them as well."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

MOST, MOST_BYTES = 4, 6 * 1024
"""Each server's user_data carries them, the first one's twice, and it ends at 32 KiB."""
INPUTS_FILE = "authorities.crt"
"""In a run's inputs and work directory."""


class AuthorityError(ValueError):
    """The file is not what servers could be told to trust; the message says why."""


def parse(text: str) -> tuple[str, ...]:
    """Each certificate of a PEM file, written alike whatever stood around it; each once. Raises AuthorityError."""
    if "PRIVATE KEY" in text:
        raise AuthorityError("it holds a private key, and every server would be told it: expected certificates alone")
    try:
        found = x509.load_pem_x509_certificates(text.encode())
    except ValueError as error:
        raise AuthorityError("expected certificates in PEM, such as -----BEGIN CERTIFICATE-----") from error
    made = tuple(dict.fromkeys(certificate.public_bytes(Encoding.PEM).decode() for certificate in found))
    if len(made) > MOST or sum(map(len, made)) > MOST_BYTES:
        raise AuthorityError(
            f"it holds {len(made)} certificates of {sum(map(len, made))} bytes: expected at most {MOST} of "
            f"{MOST_BYTES} bytes in all, since every server is told them; name your own authorities only"
        )
    return made
