"""Writing status: once a reconcile, over what was observed and nothing newer, and events for what turned."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from catalyst_operator.adapters.kube import Kind, Kube, Object
from catalyst_operator.api import labels
from catalyst_operator.api.common import ObjectMeta, Tolerant
from catalyst_operator.core.redact import all_visible
from catalyst_operator.errors import ApiError

log = logging.getLogger(__name__)


async def write_status(
    client: Kube,
    kind: Kind,
    about: tuple[str, ObjectMeta],
    before: Tolerant,
    after: Tolerant,
    version: str,
    news: Sequence[Object],
) -> None:
    """Write the status of `about` (its kind's name and its metadata) if it says something else than before, and tell
    the news; of both what can be seen. Raises Conflict when somebody wrote since `version`."""
    name, meta = about
    wire = all_visible(after.to_wire())
    if wire == before.to_wire():
        return
    place = {"namespace": meta.namespace} if meta.namespace else {}
    manifest: Object = {
        "apiVersion": labels.API_VERSION,
        "kind": name,
        "metadata": {"name": meta.name, **place, "resourceVersion": version},
        "status": wire,
    }
    await client.apply_status(kind, manifest)
    for event in map(all_visible, news):
        level = logging.WARNING if event["type"] == "Warning" else logging.INFO
        subject = {"kind": name, "object": meta.name, "namespace": meta.namespace, "reason": event["reason"]}
        where = f"{meta.namespace}/{meta.name}" if meta.namespace else meta.name
        log.log(level, "%s %s: %s: %s", name, where, event["reason"], event["message"], extra=subject)
        try:
            await client.create_once(event)
        except ApiError as error:
            # An event is a courtesy: status has said it already.
            log.warning("event %s not written: %s", event["reason"], error)
