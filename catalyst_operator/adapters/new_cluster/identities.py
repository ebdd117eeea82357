"""Access to a new cluster, minted from its authorities whenever it is needed.

Nothing minted is stored but the owner's kubeconfig: certificates of an hour are made anew, and end by themselves.

Why: docs/explanation.md#reaching-the-new-cluster
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import timedelta

from catalyst_operator.adapters import kube
from catalyst_operator.adapters.kube import Kube
from catalyst_operator.adapters.new_cluster import minting
from catalyst_operator.clock import Clock
from catalyst_operator.core import naming
from catalyst_operator.core.access.identity import API_PORT, Access
from catalyst_operator.core.manifests import CLUSTER_SECRETS_FILE


@dataclass(frozen=True)
class Identities:
    """Mints for one new cluster. `space` is the run namespace that holds its authorities."""

    client: Kube
    clock: Clock
    space: str
    addresses: tuple[str, ...]
    fqdn: str

    async def access(self, user: str, lifetime: timedelta, groups: tuple[str, ...] = ()) -> Access:
        """Access as `user`. Raises ApiError; NotFound once the authorities are gone, as after hand-off."""
        secret = await self.client.get(kube.SECRETS, self.space, naming.CLUSTER_SECRETS)
        content = json.loads(base64.b64decode(secret["data"][CLUSTER_SECRETS_FILE]))
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
