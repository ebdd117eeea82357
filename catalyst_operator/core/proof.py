"""The proof that a run namespace is of the operator's making.

Its name and labels can be had by whoever may create namespaces. So the operator writes an HMAC of the Sovereign's UID
on it in the very request that makes it, under a key that only it has: before there is a namespace, nobody else can know
what has to stand there.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from catalyst_operator.api import labels


def of(key: str, uid: str) -> str:
    """What stands on the run namespace of the Sovereign with this UID: HMAC-SHA256 in hex."""
    return hmac.new(key.encode(), uid.encode(), hashlib.sha256).hexdigest()


def holds(key: str, uid: str, annotations: Mapping[str, str]) -> bool:
    """Whether annotations of a namespace prove that it was made for the Sovereign with this UID."""
    # An empty key is everybody's.
    shown = annotations.get(labels.ANNOTATION_PROOF, "")
    return bool(key) and hmac.compare_digest(shown.encode(), of(key, uid).encode())
