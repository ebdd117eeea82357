"""The Kubernetes API of the management cluster, as plain JSON over the official client's transport.

One small surface for everything the operator reads and writes: objects are dicts, writes are server-side applies or
guarded patches, and every failure is one of the typed errors of `catalyst_operator.errors`.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from kubernetes.aio import client, config

from catalyst_operator.adapters.leadership.fence import Fence, traced, unfenced
from catalyst_operator.api import labels
from catalyst_operator.core.redact import shorten
from catalyst_operator.errors import AlreadyExists, ApiError, Conflict, NotFound, Refused, Unavailable

Object = dict[str, Any]
Body = Object | list[Object]
"""What a request carries: an object, or the operations of a JSON patch."""
API_REQUEST_SECONDS = 30
MAX_API_MESSAGE = 2000
PAGE = 200


@dataclass(frozen=True)
class Kind:
    """Where a kind is served."""

    api_version: str
    plural: str
    namespaced: bool = True

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """URL path of one object, or of the collection without a name."""
        root = f"/api/{self.api_version}" if "/" not in self.api_version else f"/apis/{self.api_version}"
        place = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return "".join(
            (
                root,
                place,
                f"/{self.plural}",
                f"/{name}" if name else "",
                f"/{subresource}" if subresource else "",
            )
        )


SOVEREIGNS = Kind(labels.API_VERSION, "sovereigns")
DOMAIN_RESERVATIONS = Kind(labels.API_VERSION, "domainreservations", namespaced=False)
NAMESPACES = Kind("v1", "namespaces", namespaced=False)
SECRETS = Kind("v1", "secrets")
CONFIG_MAPS = Kind("v1", "configmaps")
PODS = Kind("v1", "pods")
EVENTS = Kind("v1", "events")
SERVICE_ACCOUNTS = Kind("v1", "serviceaccounts")
JOBS = Kind("batch/v1", "jobs")
ROLE_BINDINGS = Kind("rbac.authorization.k8s.io/v1", "rolebindings")
LEASES = Kind("coordination.k8s.io/v1", "leases")
NETWORK_POLICIES = Kind("networking.k8s.io/v1", "networkpolicies")

_KINDS = {
    "Namespace": NAMESPACES,
    "Secret": SECRETS,
    "ConfigMap": CONFIG_MAPS,
    "ServiceAccount": SERVICE_ACCOUNTS,
    "Job": JOBS,
    "RoleBinding": ROLE_BINDINGS,
    "NetworkPolicy": NETWORK_POLICIES,
    "Event": EVENTS,
    "Lease": LEASES,
    "DomainReservation": DOMAIN_RESERVATIONS,
}

JSON = "application/json"
METADATA_ALONE = f"{JSON};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


def version_of(raw: Object) -> str:
    """Changes whenever the object's content may have, and when it was made anew."""
    meta = raw["metadata"]
    return f"{meta['uid']}/{meta['resourceVersion']}"


class Kube:
    """Built at start; `api` can be given by tests. `fence` is asked before each write, which may take no longer than it
    says."""

    def __init__(self, api: client.ApiClient, fence: Fence = unfenced) -> None:
        self._api = api
        self._fence = fence

    @classmethod
    async def connect(cls, fence: Fence = unfenced) -> Kube:
        """From the Pod's service account, else from the usual kubeconfig. Connections of its own: renewals of the Lease
        do not queue behind other requests."""
        configuration = client.Configuration()
        try:
            config.load_incluster_config(client_configuration=configuration)
        except config.ConfigException:
            await config.load_kube_config(client_configuration=configuration)
        configuration.trace_configs = [traced(fence)]
        return cls(client.ApiClient(configuration), fence)

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def get(self, kind: Kind, namespace: str, name: str) -> Object:
        """Raises NotFound, also for an empty name: there is nothing of that name, but the API server would list all."""
        if not name:
            raise NotFound(404, f"one of {kind.plural} in {namespace or 'the cluster'} is asked for without a name")
        return await self._call("GET", kind.path(namespace, name))

    async def find(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """The object, or None."""
        try:
            return await self.get(kind, namespace, name)
        except NotFound:
            return None

    async def pages(self, kind: Kind) -> AsyncIterator[Object]:
        """All objects of a kind, so many at a time that few of them are in memory at once."""
        query = {"limit": str(PAGE)}
        while True:
            answer = await self._call("GET", kind.path(), query=query)
            for item in answer.get("items") or ():
                yield item
            token = (answer.get("metadata") or {}).get("continue")
            if not token:
                return
            query["continue"] = token

    async def _items(
        self, kind: Kind, namespace: str, selector: str, accept: str = JSON, fields: str = ""
    ) -> list[Object]:
        asked = {"labelSelector": selector, "fieldSelector": fields}
        query = {name: value for name, value in asked.items() if value}
        return list((await self._call("GET", kind.path(namespace), query=query, accept=accept)).get("items") or [])

    async def list_metadata(
        self, kind: Kind, namespace: str = "", *, selector: str = "", fields: str = ""
    ) -> list[Object]:
        """Of all objects that match the selectors of labels and fields the metadata alone: what else is in them, such
        as a tenant's megabyte in each of many Secrets, is not sent."""
        return await self._items(kind, namespace, selector, accept=METADATA_ALONE, fields=fields)

    async def list(self, kind: Kind, namespace: str = "", *, selector: str = "") -> list[Object]:
        """All objects that match the label selector."""
        return await self._items(kind, namespace, selector)

    async def create(self, manifest: Object) -> Object:
        """Raises AlreadyExists when the object does."""
        kind, meta = _KINDS[manifest["kind"]], manifest["metadata"]
        path = kind.path(meta.get("namespace", ""))
        return await self._call("POST", path, body=manifest, query={"fieldManager": labels.FIELD_MANAGER})

    async def create_once(self, manifest: Object) -> bool:
        """Create, or leave alone what is there already. Whether it was created."""
        try:
            await self.create(manifest)
        except AlreadyExists:
            return False
        return True

    async def apply(self, manifest: Object) -> Object:
        """Server-side apply; applying the same again is not a write."""
        kind, meta = _KINDS[manifest["kind"]], manifest["metadata"]
        return await self._apply(kind.path(meta.get("namespace", ""), meta["name"]), manifest)

    async def apply_status(self, kind: Kind, manifest: Object) -> Object:
        """Server-side apply of /status, which is afterwards what was applied and nothing else. With
        metadata.resourceVersion set, raises Conflict when that is stale."""
        meta = manifest["metadata"]
        path = kind.path(meta.get("namespace", ""), meta["name"], "status")
        after = await self._apply(path, manifest)
        # Who may edit an object may empty its managedFields: then nobody owns what was applied before, and it stays.
        rest = _merge_patch(after.get("status") or {}, manifest["status"])
        if not rest:
            return after
        patch = {"metadata": {"resourceVersion": after["metadata"]["resourceVersion"]}, "status": rest}
        return await self._call("PATCH", path, body=patch, content="application/merge-patch+json")

    async def merge(self, kind: Kind, namespace: str, name: str, patch: Object) -> Object:
        """JSON merge patch. With metadata.resourceVersion in it, raises Conflict when that is stale."""
        return await self._call("PATCH", kind.path(namespace, name), body=patch, content="application/merge-patch+json")

    async def patch(self, kind: Kind, namespace: str, name: str, operations: Sequence[Object]) -> Object:
        """JSON patch. A `test` operation that does not hold raises Refused."""
        content = "application/json-patch+json"
        return await self._call("PATCH", kind.path(namespace, name), body=list(operations), content=content)

    async def delete(
        self, kind: Kind, namespace: str, name: str, *, propagation: str = "Background", uid: str = ""
    ) -> None:
        """Deleting what is gone is fine. With a `uid` only that very object is deleted; raises Conflict for another."""
        body: Object = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
        if uid:
            body["preconditions"] = {"uid": uid}
        try:
            await self._call("DELETE", kind.path(namespace, name), body=body)
        except NotFound:
            return

    async def log(self, namespace: str, pod: str, container: str, *, limit_bytes: int) -> str:
        """What a container has logged so far, its first `limit_bytes` bytes."""
        query = {"container": container, "limitBytes": str(limit_bytes)}
        path = PODS.path(namespace, pod, "log")
        response = await self._request("GET", path, query, None, "application/json")
        return (await _body(response, f"GET {path}")).decode(errors="replace")

    async def follow_log(self, namespace: str, pod: str, container: str, idle_seconds: float) -> AsyncIterator[str]:
        """The lines of a container's log as they come, until it ends. Raises Unavailable when nothing was heard for
        `idle_seconds`, so that a dead connection is noticed."""
        query = {"container": container, "follow": "true"}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=API_REQUEST_SECONDS, sock_read=idle_seconds)
        path = PODS.path(namespace, pod, "log")
        response = await self._request("GET", path, query, None, "application/json", timeout)
        try:
            async for line in response.response.content:
                yield line.decode(errors="replace")
        # A line too long for the buffer is the last or the next to last, which depends on aiohttp.
        except (aiohttp.ClientError, TimeoutError, HttpProcessingError, ValueError) as error:
            raise Unavailable(0, f"the log of {namespace}/{pod} broke off: {error}") from error
        finally:
            response.response.close()

    async def _apply(self, path: str, manifest: Object) -> Object:
        query = {"fieldManager": labels.FIELD_MANAGER, "force": "true"}
        return await self._call("PATCH", path, body=manifest, query=query, content="application/apply-patch+yaml")

    async def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Body | None = None,
        content: str = JSON,
        accept: str = JSON,
    ) -> Object:
        response = await self._request(method, path, query or {}, body, content, accept=accept)
        what = f"{method} {path}"
        result = _object(await _body(response, what))
        if result is None:
            raise Unavailable(response.status, f"{what}: an answer that is none of the API server's")
        return result

    async def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Body | None,
        content: str,
        timeout: aiohttp.ClientTimeout | None = None,
        *,
        accept: str = JSON,
    ) -> Any:
        limit = timeout or aiohttp.ClientTimeout(total=API_REQUEST_SECONDS)
        if method != "GET":
            limit = aiohttp.ClientTimeout(total=min(API_REQUEST_SECONDS, self._fence()))
        try:
            _, url, headers, payload, _ = await self._api.param_serialize(
                method,
                path,
                query_params=list(query.items()),
                header_params={"Content-Type": content, "Accept": accept},
                body=body,
                auth_settings=["BearerToken"],
            )
            response = await self._api.rest_client.request(
                method, url, headers=headers, body=payload, _request_timeout=limit
            )
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unavailable(0, f"{method} {path}: no answer: {error or type(error).__name__}") from error
        if response.status >= HTTPStatus.BAD_REQUEST:
            what = f"{method} {path}"
            raise _error(response.status, await _body(response, what), what)
        return response


async def _body(response: Any, what: str) -> bytes:
    """All of an answer. Raises Unavailable for one that breaks off."""
    try:
        content: bytes = await response.read()
    except (aiohttp.ClientError, TimeoutError, HttpProcessingError, OSError) as error:
        raise Unavailable(0, f"{what}: the answer broke off: {error or type(error).__name__}") from error
    return content


def _object(content: bytes) -> Object | None:
    """The JSON object that an answer holds, if it does."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _error(status: int, raw: bytes, what: str) -> ApiError:
    """What a refusal means. That something is not there, or is there already, only the API server itself can tell: a
    load balancer before it has pages of its own, and a quota that somebody else uses at the same time is a 409 too."""
    told = _object(raw) or {}
    message = told.get("message") or raw.decode(errors="replace")
    text = f"{what}: {status}: {shorten(str(message), MAX_API_MESSAGE)}"
    if status == HTTPStatus.NOT_FOUND:
        return (NotFound if told.get("kind") == "Status" else Unavailable)(status, text)
    if status == HTTPStatus.CONFLICT:
        return (AlreadyExists if told.get("reason") == "AlreadyExists" else Conflict)(status, text)
    passes = status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return (Unavailable if passes else Refused)(status, text)


_PASSING = (HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS)
"""An API server that has only just started knows nobody; and who is not known could not say so in status."""


def _merge_patch(have: Object, want: Object) -> Object:
    """The JSON merge patch that makes the one out of the other; empty where they are equal."""
    patch: Object = {key: None for key in have if key not in want}
    for key, value in want.items():
        before = have.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            if inner := _merge_patch(before, value):
                patch[key] = inner
        elif before != value:
            patch[key] = value
    return patch
