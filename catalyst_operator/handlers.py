"""kopf's part: watching, login, life cycle. Handlers only wake keys of the work queue; they keep no state.

Only `on.event` is used: it leaves neither annotations nor finalizers. Change handlers, timers and daemons carry state
of their own and are edge-triggered.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import kopf

from catalyst_operator.api import labels
from catalyst_operator.clock import now
from catalyst_operator.core import naming
from catalyst_operator.reconcilers.sovereign import Key

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
WATCH_SERVER_SECONDS = 600
WATCH_SILENCE_SECONDS = 70
LIST_PAGE = 500
"""Objects an answer: a list of thousands would be in memory as a whole, and what Python takes for that it keeps."""
KEEP_SECONDS = 0.1
"""How long kopf keeps an object's last event and a task for the next one. Nothing here waits for that, and with kopf's
own five seconds all objects would be in memory at once after a start, pages or not."""
REREAD_TOKEN_BEFORE = timedelta(minutes=2)
LOGIN_PAUSE_SECONDS = 2.0


def register(
    registry: kopf.OperatorRegistry,
    saw: Callable[[Key, Mapping[str, Any]], None],
    wake: Callable[[Key], None],
    wake_name: Callable[[str], None],
    look_at_all: Callable[[], None],
    *,
    api_server: str,
) -> None:
    """Register all handlers, coroutines all (kopf runs others in threads). `saw` is told of each Sovereign as it is,
    `wake` puts one on its queue, `wake_name` a domain; `look_at_all` has all run namespaces looked at."""

    async def woken_by_sovereign(
        namespace: str | None, name: str | None, type: str | None, body: kopf.Body, **_: Any
    ) -> None:
        key = Key(namespace or "", name or "")
        if type == "DELETED":
            wake(key)
            look_at_all()
        else:
            saw(key, body)

    async def woken_by_run_namespace(meta: kopf.Meta, **_: Any) -> None:
        if "deletionTimestamp" in meta:
            look_at_all()

    async def woken_by_run(namespace: str | None, labels: kopf.Labels, **_: Any) -> None:
        key = owner_of(namespace or "", labels)
        if key is not None:
            wake(key)

    async def woken_by_reservation(name: str | None, spec: kopf.Spec, **_: Any) -> None:
        wake_name(name or "")
        reference = spec.get("sovereignRef")
        if reference:
            wake(Key(reference["namespace"], reference["name"]))

    kopf.on.startup(registry=registry)(_configure)
    kopf.on.login(registry=registry)(login(api_server))
    kopf.on.event(labels.GROUP, labels.VERSION, "sovereigns", registry=registry)(woken_by_sovereign)
    kopf.on.event(labels.GROUP, labels.VERSION, "domainreservations", registry=registry)(woken_by_reservation)
    kopf.on.event("batch", "v1", "jobs", registry=registry)(woken_by_run)
    kopf.on.event("", "v1", "pods", registry=registry)(woken_by_run)
    kopf.on.event("", "v1", "namespaces", registry=registry)(woken_by_run_namespace)


def owner_of(namespace: str, found: Mapping[str, str]) -> Key | None:
    """Whose run an object with these labels is of; None in any namespace but that of the run. Everybody may put our
    labels on a Pod of their own, all of them or some, and must not have others' Sovereigns looked at for that."""
    names = (labels.LABEL_SOVEREIGN_NAMESPACE, labels.LABEL_SOVEREIGN, labels.LABEL_SOVEREIGN_UID)
    space, name, uid = (found.get(label, "") for label in names)
    if not (space and name and uid) or namespace != naming.run_namespace(name, uid):
        return None
    return Key(space, name)


class _NoComparing(kopf.DiffBaseStorage):
    """kopf copies each object twice to find out what was changed in it, which takes half of its time; only handlers of
    kinds that are not used here ask for that."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        return kopf.BodyEssence({})

    def fetch(self, **_: Any) -> kopf.BodyEssence | None:
        return None

    def store(self, **_: Any) -> None:
        pass


async def _configure(settings: kopf.OperatorSettings, **_: Any) -> None:
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.watching.server_timeout = WATCH_SERVER_SECONDS
    settings.watching.inactivity_timeout = WATCH_SILENCE_SECONDS
    settings.watching.chunk_size = LIST_PAGE
    settings.queueing.idle_timeout = KEEP_SECONDS
    settings.persistence.diffbase_storage = _NoComparing()
    for group, plural in (("batch", "jobs"), ("", "pods")):
        settings.watching.label_selectors[group, "v1", plural] = labels.LABEL_SOVEREIGN_UID
    settings.watching.label_selectors["", "v1", "namespaces"] = f"{labels.LABEL_ROLE}={labels.ROLE_RUN}"


def login(
    api_server: str,
    *,
    elapsed: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Callable[..., Awaitable[kopf.ConnectionInfo | None]]:
    """In a Pod the service account's token, until shortly before it expires, so that a rotated one is picked up; else
    the kubeconfig. The server's address comes from the Pod's environment: a broken cluster DNS must not stop us. After
    a 401 kopf logs in and asks again at once, so that a login soon after another waits."""
    last = float("-inf")

    async def log_in(**kwargs: Any) -> kopf.ConnectionInfo | None:
        nonlocal last
        if not api_server:
            return kopf.login_with_kubeconfig(**kwargs)
        if (pause := last + LOGIN_PAUSE_SECONDS - elapsed()) > 0:
            await sleep(pause)
        last = elapsed()
        token = (SERVICE_ACCOUNT / "token").read_text().strip()
        return kopf.ConnectionInfo(
            server=api_server,
            ca_path=str(SERVICE_ACCOUNT / "ca.crt"),
            scheme="Bearer",
            token=token,
            expiration=_expiry(token),
        )

    return log_in


def _expiry(token: str) -> datetime | None:
    """When to read the token again. The kubelet rotates it long before it expires."""
    try:
        claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
        lifetime = timedelta(seconds=claims["exp"] - claims["iat"])
    except (IndexError, ValueError, KeyError):
        return None
    return now() + max(timedelta(minutes=1), min(lifetime / 6, timedelta(minutes=10)) - REREAD_TOKEN_BEFORE)
