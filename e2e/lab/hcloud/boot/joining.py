"""What k3s compares before a server or an agent joins a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from e2e.lab.hcloud.boot import tokens
from e2e.lab.hcloud.boot.first_boot import FirstBoot, Role

DEFAULTS: dict[str, Any] = {
    "cluster-cidr": "10.42.0.0/16",
    "cluster-dns": "10.43.0.10",
    "cluster-domain": "cluster.local",
    "disable-cloud-controller": False,
    "disable-helm-controller": False,
    "disable-network-policy": False,
    "egress-selector-mode": "agent",
    "embedded-registry": False,
    "flannel-backend": "vxlan",
    "flannel-external-ip": False,
    "flannel-ipv6-masq": False,
    "secrets-encryption": False,
    "service-cidr": "10.43.0.0/16",
    "supervisor-metrics": False,
}
"""Arguments of which k3s lets no server differ, with what they are where nothing is said. It also compares whether
servicelb is among what is disabled; not traefik, and not disable-kube-proxy."""


class NotYet(Exception):
    """k3s does not let the node join, and tries again by itself; the message has its words."""


def refusals(joiner: FirstBoot, contact: FirstBoot, authority: str) -> list[str]:
    """Why a control plane with this server-ca is not trusted, or does not let it in; empty when it joins."""
    return [*_trust(joiner, authority), *_password(joiner, contact), *_agreement(joiner, contact)]


def _trust(joiner: FirstBoot, authority: str) -> Iterator[str]:
    token = tokens.parse(joiner.k3s.get("token"))
    if token is None or not token.trusts(authority):
        yield "the hash in its token is not that of the control plane's server-ca.crt: it trusts another cluster"


def _password(joiner: FirstBoot, contact: FirstBoot) -> Iterator[str]:
    key = "agent-token" if joiner.role is Role.WORKER else "token"
    mine, wanted = tokens.parse(joiner.k3s.get("token")), tokens.parse(contact.k3s.get(key))
    if mine is None or wanted is None or (mine.user, mine.password) != (wanted.user, wanted.password):
        yield f"the control plane has another {key}: 401 Unauthorized"


def _agreement(joiner: FirstBoot, contact: FirstBoot) -> Iterator[str]:
    if joiner.role is Role.WORKER:
        return
    for key, default in DEFAULTS.items():
        if joiner.k3s.get(key, default) != contact.k3s.get(key, default):
            yield _mismatch(key)
    if ("servicelb" in joiner.disabled) != ("servicelb" in contact.disabled):
        yield _mismatch("disable-service-lb")


def _mismatch(argument: str) -> str:
    return f"critical configuration value mismatch between servers: {argument}"
