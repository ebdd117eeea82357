"""What k3s compares before a server or an agent joins a cluster."""

from __future__ import annotations

from collections.abc import Iterator

from e2e.lab.hcloud.boot import tokens
from e2e.lab.hcloud.boot.first_boot import FirstBoot, Role

AGREED = ("flannel-backend", "disable-network-policy", "disable-kube-proxy")
"""Arguments of which k3s lets no server differ."""


def refusals(joiner: FirstBoot, first: FirstBoot) -> list[str]:
    """Why the first control plane is not trusted, or does not let it in; empty when it joins."""
    return [*_trust(joiner, first), *_password(joiner, first), *_agreement(joiner, first)]


def _trust(joiner: FirstBoot, first: FirstBoot) -> Iterator[str]:
    token = tokens.parse(joiner.k3s.get("token"))
    if token is None or not token.trusts(first.ca_files["server-ca.crt"]):
        yield "the hash in its token is not that of the first control plane's server-ca.crt: it trusts another cluster"


def _password(joiner: FirstBoot, first: FirstBoot) -> Iterator[str]:
    key = "agent-token" if joiner.role is Role.WORKER else "token"
    mine, wanted = tokens.parse(joiner.k3s.get("token")), tokens.parse(first.k3s.get(key))
    if mine is None or wanted is None or (mine.user, mine.password) != (wanted.user, wanted.password):
        yield f"the first control plane has another {key}: 401 Unauthorized"


def _agreement(joiner: FirstBoot, first: FirstBoot) -> Iterator[str]:
    if joiner.role is Role.WORKER:
        return
    for key in AGREED:
        if joiner.k3s.get(key) != first.k3s.get(key):
            yield f"critical configuration value mismatch between servers: {key}"
