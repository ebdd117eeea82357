"""Writes the two Secrets that a run may write: its state, and one that a backend refused.

Standard library only: the process that lives beside every run must stay small and start fast.
"""

from __future__ import annotations

import http.client
import json
import os
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
KEEPER_REQUEST_SECONDS = 20
TROUBLE = (urllib.error.URLError, http.client.HTTPException, TimeoutError, OSError, ValueError)
"""What `put` raises."""


def put(name: str, state: str, account: Path, metadata: Mapping[str, Any] | None = None) -> None:
    """Put a state, in base64, into the Secret `name` of the run namespace, with labels and annotations of `metadata`.
    Server-side apply, so that saving twice is saving once. Raises one of TROUBLE."""
    namespace = os.environ["CATALYST_RUN_NAMESPACE"]
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    if ":" in host:
        host = f"[{host}]"
    url = (
        f"https://{host}:{port}/api/v1/namespaces/{namespace}/secrets/{name}"
        "?fieldManager=catalyst-state-keeper&force=true"
    )
    body = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {**(metadata or {}), "name": name, "namespace": namespace},
        "data": {"tfstate": state},
    }
    request = urllib.request.Request(
        url,
        data=json.dumps(body).encode(),
        method="PATCH",
        headers={
            "Authorization": f"Bearer {(account / 'token').read_text()}",
            "Content-Type": "application/apply-patch+yaml",
        },
    )
    context = ssl.create_default_context(cafile=str(account / "ca.crt"))
    with urllib.request.urlopen(request, timeout=KEEPER_REQUEST_SECONDS, context=context):  # noqa: S310
        pass
