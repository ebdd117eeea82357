"""How a cluster is reached: addresses, whom to trust there, and as whom to speak."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pydantic import SecretStr

API_PORT = 6443
OBSERVER = "catalyst-observer"
"""Reads what Phase 1 needs; its ClusterRole and ClusterRoleBinding have the same name."""
SEEDER = "catalyst-seeder"
"""May patch the few named Secrets that boot created empty; its Role and RoleBinding have the same name."""
NODE_REMOVER = "catalyst-node-remover"
"""May empty nodes whose servers are to go, and delete those whose servers are gone; its ClusterRole and
ClusterRoleBinding have the same name."""
OWNER = "catalyst-owner"
"""The owner's administrator, of the group system:masters."""


@dataclass(frozen=True)
class Access:
    """Everything it takes to speak to one cluster's API as one identity."""

    servers: tuple[str, ...]
    """`host:port` of every API server; all of them are the same cluster."""
    tls_name: str
    """The name that the server's certificate must carry, whatever address is dialled."""
    authority: str
    """PEM of the authority that signed the server's certificate."""
    certificate: str
    """PEM of the client's certificate."""
    key: SecretStr
    """PEM of its key."""
    expires: datetime
    """When the client's certificate ends."""
    owner: str = ""
    """Namespace of the cluster's Sovereign: what is shared among clusters is shared equally among these."""
