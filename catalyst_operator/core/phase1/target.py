"""What is watched of a new cluster, and how often."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Target:
    """One new cluster. A target that differs only in its pace keeps the connection; any other needs a new one."""

    addresses: tuple[str, ...]
    """Of its API servers."""
    fqdn: str
    balancer: str
    """Address of the load balancer, where the console is asked for."""
    console: bool
    """Whether the console is asked for at all."""
    pace: timedelta
    """How often it is looked at what is not watched."""
