"""Public SSH keys as Hetzner sees them: what is compared, how it is shown, and the name that infra/hetzner gives it."""

from __future__ import annotations

import base64
import hashlib
import re


def canonical(public_key: str) -> str:
    """Type and body of an OpenSSH public key. The comment is not part of it: two keys that differ there are one."""
    return " ".join(public_key.strip().split(" ")[:2])


def plain(public_key: str) -> str:
    """The key with its comment, or without one in which there is something that shells and templates act on: nobody
    needs it there."""
    key, comment = canonical(public_key), " ".join(public_key.strip().split(" ")[2:])
    return f"{key} {comment}" if comment and not _ODD.search(comment) else key


_ODD = re.compile(r'[$`"\\{}<>]')


def name(cluster_name: str, public_key: str) -> str:
    """Name of the cloud object that holds the key; see `ssh_keys` in infra/hetzner/locals.tf."""
    digest = hashlib.sha256(canonical(public_key).encode()).hexdigest()
    return f"{cluster_name}-{digest[:12]}"


def fingerprint(public_key: str) -> str | None:
    """MD5 over the body, as Hetzner shows it (`aa:bb:...`); None for a body that is not base64."""
    try:
        blob = base64.b64decode(canonical(public_key).partition(" ")[2], validate=True)
    except ValueError:
        return None
    return hashlib.md5(blob, usedforsecurity=False).digest().hex(":") if blob else None
