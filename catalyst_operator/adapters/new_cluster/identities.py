"""Access to a new cluster, minted from its authorities whenever it is needed.

Nothing minted is stored but the owner's kubeconfig: certificates of an hour are made anew, and end by themselves.

Why: docs/explanation.md#reaching-the-new-cluster
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from catalyst_operator.adapters.kube import Kube
from catalyst_operator.adapters.new_cluster import authorities, minting
from catalyst_operator.clock import Clock
from catalyst_operator.core.access.identity import API_PORT, Access


@dataclass(frozen=True)
class Identities:
    """Mints for the new cluster of the Sovereign with this UID. `namespace` is the operator's, where its authorities
    are."""

    client: Kube
    clock: Clock
    namespace: str
    uid: str
    addresses: tuple[str, ...]
    fqdn: str

    async def access(self, user: str, lifetime: timedelta, groups: tuple[str, ...] = ()) -> Access:
        """Access as `user`. Raises ApiError; NotFound once the authorities are gone, as after hand-off."""
        content = await authorities.read(self.client, self.namespace, self.uid)
        servers = tuple(f"{address}:{API_PORT}" for address in self.addresses)
        return minting.access(
            content["ca_files"],
            servers=servers,
            fqdn=self.fqdn,
            user=user,
            groups=groups,
            now=self.clock(),
            lifetime=lifetime,
        )
