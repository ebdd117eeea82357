"""The key that proves which run namespaces the operator made: a Secret beside it, from its first start on."""

from __future__ import annotations

import base64
import secrets

from catalyst_operator.adapters import kube
from catalyst_operator.adapters.kube import Kube
from catalyst_operator.core import manifests, naming
from catalyst_operator.errors import SettingsError

KEY_BYTES = 32


async def read(client: Kube, namespace: str) -> str:
    """The key. Raises ApiError, and SettingsError for a Secret that holds none."""
    where = (kube.SECRETS, namespace, naming.PROOF_KEY_SECRET)
    found = await client.find(*where)
    if found is None:
        # Whoever is faster makes it: what counts is the one that is there.
        await client.create_once(manifests.proof_key(namespace, secrets.token_hex(KEY_BYTES)))
        found = await client.get(*where)
    encoded = (found.get("data") or {}).get(naming.PROOF_KEY, "")
    if not encoded:
        raise SettingsError(
            f"Secret {namespace}/{naming.PROOF_KEY_SECRET} has no key {naming.PROOF_KEY!r}. Restore it from a backup; "
            "if there is none, delete it and prove the run namespaces anew, as the runbook says under "
            "ERR_NAMESPACE_FOREIGN."
        )
    return base64.b64decode(encoded).decode()
