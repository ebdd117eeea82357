"""An API server in memory, given to the real `Kube` in place of the generated client.

It stands where the HTTP client stands, so that paths, patches and errors are the ones the operator really sends and
gets. What it keeps of the real server's semantics is what the operator relies on: resourceVersion and generation,
conflicts, server-side apply by one field manager, finalizers, namespaces that take nothing new while they go.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

from catalyst_operator.adapters.kube import METADATA_ALONE, Kube
from catalyst_operator.api.scalars import format_time
from catalyst_operator.clock import Clock
from catalyst_operator.core import naming

Object = dict[str, Any]


EVERYWHERE = {
    *(("POST", plural) for plural in ("configmaps", "secrets", "rolebindings", "events")),
    *(("PATCH", plural) for plural in ("configmaps", "rolebindings")),
    *(("GET", plural) for plural in ("secrets", "jobs", "pods")),
}
"""What the operator may do in any namespace, by method and plural."""


class Key(NamedTuple):
    """An object by plural, namespace and name; events of any kind are told apart by these."""

    plural: str
    namespace: str
    name: str


@dataclass(frozen=True)
class Request:
    """One call of the operator."""

    method: str
    key: Key
    subresource: str
    query: dict[str, str]
    content: str
    body: Any
    accept: str = "application/json"

    @property
    def writes(self) -> bool:
        """Whether it may change something."""
        return self.method != "GET"


class Crash(BaseException):
    """The operator's process ended here: nothing of it catches that."""


class _Failure(Exception):
    """`reason` is the word for programs, where it says more than the status."""

    def __init__(self, status: int, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.told = {"kind": "Status", "status": "Failure", "message": message, "reason": reason, "code": status}


class FakeApi:
    """Construct `Kube(FakeApi(...))`. Tests reach into `objects` through `get`, `put`, `change` and `remove`."""

    def __init__(self, clock: Clock = lambda: datetime(2026, 11, 22, 12, tzinfo=UTC)) -> None:
        self._clock = clock
        self._objects: dict[Key, Object] = {}
        self._applied: dict[tuple[Key, str], Object] = {}
        self._bytes: dict[Key, tuple[str, bytes]] = {}
        self._version = 0
        self.logs: dict[tuple[str, str, str], list[str]] = {}
        self.log_refusals: dict[tuple[str, str, str], int] = {}
        """(namespace, pod, container) -> HTTP status with which asking for its log fails."""
        self.refusals: dict[tuple[str, str], tuple[int, str]] = {}
        """(method, plural) -> status and message with which an admission policy, a quota or RBAC refuses it."""
        self.silence: dict[tuple[str, str], Callable[[], Awaitable[None]]] = {}
        """(method, plural) -> what is waited for before it is answered."""
        self.guarded = False
        """Whether the operator's rights in a run namespace come with its RoleBinding there, as in a cluster."""
        self.requests: list[Request] = []
        self.writes: list[Request] = []
        """Requests of the operator that changed something."""
        self.before_request: Callable[[Request], None] = lambda _: None
        self.after_request: Callable[[Request], None] = lambda _: None
        self.on_change: Callable[[Key, Object | None, Object | None], None] = lambda *_: None
        """Called with every change, whoever made it: key, before, after."""

    def client(self) -> Kube:
        """The real adapter on top of this server."""
        return Kube(self)

    # --- what tests and simulated controllers do ----------------------------------------------------------------------

    def get(self, plural: str, namespace: str, name: str) -> Object | None:
        """The object, to look at only: `change` edits."""
        return self._objects.get(Key(plural, namespace, name))

    def all(self, plural: str, namespace: str | None = None) -> list[Object]:
        """All objects of a kind, in order of their names, to look at only."""
        keys = sorted(k for k in self._objects if k.plural == plural and namespace in (None, k.namespace))
        return [self._objects[key] for key in keys]

    def everything(self) -> Iterable[tuple[Key, Object]]:
        """All there is."""
        return list(self._objects.items())

    def put(self, plural: str, manifest: Object) -> Object:
        """Create an object as somebody else would. Raises when it cannot be."""
        meta = manifest["metadata"]
        return self._create(Key(plural, meta.get("namespace", ""), meta["name"]), manifest)

    def change(self, key: Key, edit: Callable[[Object], None]) -> None:
        """Edit an object as somebody else would; of one that is going, the last finalizer's removal ends it."""
        edited = _copy(self._objects[key])
        edit(edited)
        self._store(key, edited)

    def remove(self, plural: str, namespace: str, name: str) -> None:
        """Delete an object as somebody else would."""
        key = Key(plural, namespace, name)
        if key in self._objects:
            self._delete(key)

    def finish(self, key: Key) -> None:
        """Take an object out, whatever holds it: what the namespace controller and a kubelet do at the end."""
        self._drop(key)

    def take_over(self, other: FakeApi) -> None:
        """Hold what another server holds. Objects are never changed in place, so they can be shared."""
        self._objects, self._applied = dict(other._objects), dict(other._applied)
        self._version = other._version

    def replay(self, request: Request) -> None:
        """Let a request take effect whose sender does not wait any more; what it is answered is heard by nobody."""
        with suppress(_Failure):
            self._answer(request)

    # --- the client's side --------------------------------------------------------------------------------------------

    @property
    def rest_client(self) -> FakeApi:
        """The part of the generated client that sends."""
        return self

    async def close(self) -> None:
        """Nothing is open."""

    async def param_serialize(
        self,
        method: str,
        path: str,
        *,
        query_params: list[tuple[str, str]],
        header_params: dict[str, str],
        body: Object | None,
        auth_settings: list[str],
    ) -> tuple[str, str, dict[str, str], str, None]:
        """As the generated client: what to send."""
        assert auth_settings == ["BearerToken"]
        url = f"https://api.example{path}?{urlencode(query_params)}"
        return method, url, header_params, json.dumps(body), None

    async def request(
        self, method: str, url: str, headers: dict[str, str], body: str, _request_timeout: object
    ) -> _Response:
        """Answer one call."""
        request = replace(_parse(method, url, headers["Content-Type"], body), accept=headers["Accept"])
        self.requests.append(request)
        self.before_request(request)
        if waited := self.silence.get((request.method, request.key.plural)):
            await waited()
        before = self._version
        try:
            answer = self._answer(request)
        except _Failure as failure:
            answer = _Response(failure.status, [json.dumps(failure.told).encode()])
        if self._version != before:
            self.writes.append(request)
        self.after_request(request)
        return answer

    def _answer(self, request: Request) -> _Response:
        if refusal := self.refusals.get((request.method, request.key.plural)):
            raise _Failure(*refusal)
        if self.guarded and self._is_closed(request):
            raise _Failure(403, f"{request.key.plural} is forbidden in the namespace {request.key.namespace}")
        if request.subresource == "log":
            return self._log(request)
        if request.method == "GET":
            return _Response(200, [self._read(request)])
        handle = {"POST": self._post, "PATCH": self._patch, "DELETE": self._remove}[request.method]
        return _Response(200, [json.dumps(handle(request)).encode()])

    def _is_closed(self, request: Request) -> bool:
        key = request.key
        if not key.namespace.startswith(naming.RUN_NAMESPACE_PREFIX) or (request.method, key.plural) in EVERYWHERE:
            return False
        return Key("rolebindings", key.namespace, "catalyst-operator") not in self._objects

    def _log(self, request: Request) -> _Response:
        where = (request.key.namespace, request.key.name, request.query["container"])
        if where in self.log_refusals:
            raise _Failure(self.log_refusals[where], "the kubelet did not give the log")
        if request.key not in self._objects:
            raise _Failure(404, f'pods "{request.key.name}" not found')
        text = "\n".join(self.logs.get(where, ())).encode()
        limit = int(request.query.get("limitBytes", len(text)))
        return _Response(200, text[:limit].splitlines(keepends=True))

    def _read(self, request: Request) -> bytes:
        if request.key.name:
            return self._encoded(self._found(request.key), request.key)
        wanted = request.query.get("labelSelector", "")
        items = self.all(request.key.plural, request.key.namespace or None)
        fields = request.query.get("fieldSelector", "")
        found = [item for item in items if _matches(item, wanted) and _has_fields(item, fields)]
        if limit := int(request.query.get("limit", 0)):
            return _page(found, limit, int(request.query.get("continue", 0)))
        if request.accept == METADATA_ALONE:
            return json.dumps({"items": [{"metadata": item["metadata"]} for item in found]}).encode()
        keys = ((item, request.key._replace(name=item["metadata"]["name"])) for item in found)
        return b'{"items":[' + b",".join(self._encoded(*pair) for pair in keys) + b"]}"

    def _encoded(self, found: Object, key: Key) -> bytes:
        """The object as JSON; encoded once a version, since property tests read much more than they write."""
        version = found["metadata"]["resourceVersion"]
        if self._bytes.get(key, ("", b""))[0] != version:
            self._bytes[key] = version, json.dumps(found).encode()
        return self._bytes[key][1]

    def _post(self, request: Request) -> Object:
        meta = request.body["metadata"]
        return self._create(request.key._replace(name=meta["name"]), request.body)

    def _patch(self, request: Request) -> Object:
        if request.content == "application/merge-patch+json":
            return self._merge(request.key, request.body)
        if request.content == "application/json-patch+json":
            return self._json_patch(request.key, request.body)
        assert request.content == "application/apply-patch+yaml"
        assert request.query["fieldManager"]
        return self._apply(request.key, request.subresource, request.body)

    def _remove(self, request: Request) -> Object:
        found = self._found(request.key)
        wanted = (request.body.get("preconditions") or {}).get("uid", found["metadata"]["uid"])
        if wanted != found["metadata"]["uid"]:
            raise _Failure(409, "Precondition failed: UID in precondition is not the UID in object meta")
        if request.key.plural == "namespaces" and "deletionTimestamp" in found["metadata"]:
            raise _Failure(409, "the system is ensuring all content is removed from this namespace")
        self._delete(request.key)
        return {"status": "Success"}

    # --- semantics ----------------------------------------------------------------------------------------------------

    def _found(self, key: Key) -> Object:
        if key not in self._objects:
            raise _Failure(404, f'{key.plural} "{key.name}" not found')
        return self._objects[key]

    def _create(self, key: Key, manifest: Object) -> Object:
        if key in self._objects:
            raise _Failure(409, f'{key.plural} "{key.name}" already exists', "AlreadyExists")
        if key.namespace:
            space = self._found(Key("namespaces", "", key.namespace))
            if "deletionTimestamp" in space["metadata"]:
                raise _Failure(403, f"namespace {key.namespace} is being terminated")
        made = _copy(manifest)
        made["metadata"].update(uid=f"uid-{self._version + 1}", creationTimestamp=format_time(self._clock()))
        made["metadata"].setdefault("generation", 1)
        return self._store(key, made)

    def _merge(self, key: Key, patch: Object) -> Object:
        found = self._found(key)
        self._check_version(found, patch)
        added = set(patch["metadata"].get("finalizers") or ()) - set(found["metadata"].get("finalizers") or ())
        if added and "deletionTimestamp" in found["metadata"]:
            raise _Failure(422, f"no new finalizers can be added if the object is being deleted: {sorted(added)}")
        return self._store(key, _merged(found, patch))

    def _json_patch(self, key: Key, operations: list[Object]) -> Object:
        """`test` and `remove`, which is what the operator sends."""
        patched = _copy(self._found(key))
        for operation in operations:
            *path, last = operation["path"].strip("/").split("/")
            place = patched
            for part in path:
                place = place[part]
            if operation["op"] == "test" and place.get(last) != operation["value"]:
                raise _Failure(422, "the server rejected our request: testing value failed")
            if operation["op"] == "remove":
                del place[last]
        return self._store(key, patched)

    def _apply(self, key: Key, subresource: str, manifest: Object) -> Object:
        if key not in self._objects and not subresource and "resourceVersion" not in manifest["metadata"]:
            made = self._create(key, manifest)
            self._applied[key, ""] = _without_identity(manifest)
            return made
        found = self._found(key)
        self._check_version(found, manifest)
        part = {"status": manifest["status"]} if subresource == "status" else _without_identity(manifest)
        if found.get("immutable") and part.get("data", found.get("data")) != found.get("data"):
            raise _Failure(422, "data: Forbidden: field is immutable when `immutable` is set")
        result = _server_side_applied(found, self._applied.get((key, subresource), {}), part)
        self._applied[key, subresource] = part
        return self._store(key, result)

    def _check_version(self, found: Object, given: Object) -> None:
        version = given["metadata"].get("resourceVersion")
        if version is not None and version != found["metadata"]["resourceVersion"]:
            raise _Failure(409, "the object has been modified; please apply your changes to the latest version")

    def _delete(self, key: Key) -> None:
        found = self._objects[key]
        if not found["metadata"].get("finalizers") and not _goes_slowly(key, found):
            self._drop(key)
        elif "deletionTimestamp" not in found["metadata"]:
            going = _copy(found)
            going["metadata"]["deletionTimestamp"] = format_time(self._clock())
            going["metadata"]["generation"] = found["metadata"].get("generation", 0) + 1
            self._keep(key, going)

    def _store(self, key: Key, after: Object) -> Object:
        before = self._objects.get(key)
        if before is not None:
            meta = {**after["metadata"], "resourceVersion": before["metadata"]["resourceVersion"]}
            after = {**after, "metadata": meta}
            if after == before:
                return before
            if after.get("spec") != before.get("spec"):
                after["metadata"]["generation"] = before["metadata"].get("generation", 0) + 1
        gone = "deletionTimestamp" in after["metadata"] and not after["metadata"].get("finalizers")
        if gone and not _goes_slowly(key, after):
            self._drop(key)
            return after
        return self._keep(key, after)

    def _keep(self, key: Key, after: Object) -> Object:
        before = self._objects.get(key)
        self._version += 1
        after = {**after, "metadata": {**after["metadata"], "resourceVersion": str(self._version)}}
        self._objects[key] = after
        self.on_change(key, before, after)
        return after

    def _drop(self, key: Key) -> None:
        before = self._objects.pop(key)
        self._applied = {place: value for place, value in self._applied.items() if place[0] != key}
        self._version += 1
        self.on_change(key, before, None)


class _Response:
    """What the operator reads of an HTTP response, the streamed body included."""

    def __init__(self, status: int, lines: list[bytes]) -> None:
        self.status = status
        self._lines = lines
        self.response = self

    async def read(self) -> bytes:
        return b"".join(self._lines)

    @property
    async def content(self) -> AsyncIterator[bytes]:
        for line in self._lines:
            yield line

    def close(self) -> None:
        """Nothing is open."""


def _parse(method: str, url: str, content: str, body: str) -> Request:
    split = urlsplit(url)
    parts = split.path.strip("/").split("/")
    parts = parts[2:] if parts[0] == "api" else parts[3:]
    namespace = ""
    if parts[0] == "namespaces" and len(parts) > 2:
        namespace, parts = parts[1], parts[2:]
    plural, name, subresource = (*parts, "", "")[:3]
    key = Key(plural, namespace, name)
    return Request(method, key, subresource, dict(parse_qsl(split.query)), content, json.loads(body) or {})


def _matches(item: Object, selector: str) -> bool:
    held = item["metadata"].get("labels") or {}
    terms = (term.partition("=") for term in selector.split(",") if term)
    return all(k in held and (not equal or held[k] == v) for k, equal, v in terms)


def _goes_slowly(key: Key, found: Object) -> bool:
    """A namespace is emptied first; a Pod that runs on a node is stopped first."""
    phase = (found.get("status") or {}).get("phase")
    running = bool((found.get("spec") or {}).get("nodeName")) and phase not in ("Succeeded", "Failed")
    return key.plural == "namespaces" or (key.plural == "pods" and running)


def _has_fields(item: Object, selector: str) -> bool:
    """Whether no field is what the selector excludes, such as `status.phase!=Failed`."""
    excluded = (part.partition("!=") for part in selector.split(",") if part)
    return all((item.get("status") or {}).get(path.removeprefix("status.")) != value for path, _, value in excluded)


def _page(items: list[Object], limit: int, begin: int) -> bytes:
    more = {"continue": str(begin + limit)} if begin + limit < len(items) else {}
    return json.dumps({"metadata": more, "items": items[begin : begin + limit]}).encode()


def _copy(value: Object) -> Object:
    copied: Object = json.loads(json.dumps(value))
    return copied


def _merged(target: Object, patch: Object) -> Object:
    result = dict(target)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict):
            known = result.get(name)
            result[name] = _merged(known if isinstance(known, dict) else {}, value)
        else:
            result[name] = value
    return result


def _without_identity(manifest: Object) -> Object:
    meta = {k: v for k, v in manifest["metadata"].items() if k in ("labels", "annotations", "finalizers")}
    return {**{k: v for k, v in manifest.items() if k != "metadata"}, "metadata": meta}


def _server_side_applied(target: Object, before: Object, after: Object) -> Object:
    """Fields that were applied and are no longer vanish; finalizers are a set; other lists are replaced whole."""
    result = {k: v for k, v in target.items() if k not in before or k in after}
    for name, value in after.items():
        old = before.get(name)
        if isinstance(value, dict) and isinstance(result.get(name), dict):
            result[name] = _server_side_applied(result[name], old if isinstance(old, dict) else {}, value)
        elif name == "finalizers":
            kept = [f for f in result.get(name, ()) if f not in (old or ())]
            result[name] = [*kept, *(f for f in value if f not in kept)]
        else:
            result[name] = value
    return result
