"""Public SSH keys as Hetzner sees them: what is compared, how it is shown, and the name that infra/hetzner gives it."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable

from catalyst_operator.core.naming import digest_of


def canonical(public_key: str) -> str:
    """Type and body of an OpenSSH public key. The comment is not part of it: two keys that differ there are one."""
    return " ".join(public_key.strip().split(" ")[:2])


def plain(public_key: str) -> str:
    """The key with its comment, or without one in which there is something that shells and templates act on: nobody
    needs it there."""
    key, comment = canonical(public_key), " ".join(public_key.strip().split(" ")[2:])
    return f"{key} {comment}" if comment and not _ODD.search(comment) else key


_ODD = re.compile(r'[$`"\\{}<>]')


def digest(public_keys: Iterable[str]) -> str:
    """Of a set of keys: another one is another set."""
    return digest_of(sorted(set(map(canonical, public_keys))))


def name(cluster_name: str, public_key: str) -> str:
    """Name of the cloud object that holds the key; see `ssh_keys` in infra/hetzner/locals.tf."""
    digest = hashlib.sha256(canonical(public_key).encode()).hexdigest()
    return f"{cluster_name}-{digest[:12]}"


_PARTS: dict[str, tuple[int | None, ...]] = {
    "ssh-ed25519": (32,),
    "ssh-rsa": (None, None),
    **{f"ecdsa-sha2-nistp{bits}": (8, 2 * -(-bits // 8) + 1) for bits in (256, 384, 521)},
    "sk-ssh-ed25519@openssh.com": (32, None),
    "sk-ecdsa-sha2-nistp256@openssh.com": (8, 65, None),
}
"""Type -> how many bytes each string behind the type has in the body, None for any number."""


def fault(public_key: str) -> str:
    """Why Hetzner would not take it for a key, as the end of a sentence; empty for a whole one."""
    declared, _, body = canonical(public_key).partition(" ")
    try:
        found = _strings(base64.b64decode(body, validate=True))
    except ValueError:
        return "is not whole base64"
    if not found:
        return "is cut off"
    held, parts = found[0].decode("ascii", "replace"), found[1:]
    if held != declared:
        return f"begins with {declared}, but its body is of another type"
    lengths = _PARTS.get(declared, ())
    fits = len(parts) == len(lengths) and all(n in (None, len(part)) for n, part in zip(lengths, parts, strict=True))
    return "" if fits else f"is not a whole {declared} key"


def _strings(blob: bytes) -> list[bytes]:
    """The strings of an SSH key's body, each behind its length in four bytes; none where one is cut off."""
    found = []
    while blob:
        length = int.from_bytes(blob[:4])
        if len(blob) < 4 + length:
            return []
        found.append(blob[4 : 4 + length])
        blob = blob[4 + length :]
    return found


def fingerprint(public_key: str) -> str | None:
    """MD5 over the body, as Hetzner shows it (`aa:bb:...`); None for a body that is not base64."""
    try:
        blob = base64.b64decode(canonical(public_key).partition(" ")[2], validate=True)
    except ValueError:
        return None
    return hashlib.md5(blob, usedforsecurity=False).digest().hex(":") if blob else None
