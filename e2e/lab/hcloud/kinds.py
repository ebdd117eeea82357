"""What all kinds of objects share: lists with filters and pages, names, labels, protection, reading and deleting."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from e2e.lab.hcloud.cloud import NO_CONTENT, Call, Reply, Request, Route
from e2e.lab.hcloud.errors import ApiError, invalid_field, name_taken
from e2e.lab.hcloud.labels import check_labels, selects
from e2e.lab.hcloud.store import Object

DEFAULT_PER_PAGE = 25
MAX_PER_PAGE = 50

Render = Callable[[Call, Object], Object]


@dataclass(frozen=True)
class Kind:
    """A kind of object: its names in paths, answers and messages, and how the API shows one."""

    plural: str
    singular: str
    render: Render
    # The words before "name is already used", where the API has some.
    name_prefix: str = ""

    @property
    def what(self) -> str:
        return self.singular.replace("_", " ")

    def wrap(self, call: Call, item: Object) -> Object:
        return {self.singular: self.render(call, item)}

    def from_path(self, call: Call) -> Object:
        """The object that the path names, or `not_found`."""
        text = call.path["id"]
        return call.need(self.plural, int(text) if text.isdigit() else None, f"{self.what} with ID '{text}'")

    def check_name(self, call: Call, name: str, own_id: int | None = None) -> str:
        """The name, if no other object of the kind in the project has it."""
        if not name:
            raise invalid_field("name", "must not be empty")
        if any(item["name"] == name and item["id"] != own_id for item in call.all(self.plural)):
            raise name_taken(self.name_prefix)
        return name


class Update(Request):
    """What `PUT` changes."""

    name: str | None = None
    labels: dict[str, str] | None = None


def common_routes(kind: Kind, *, filters: Sequence[str] = (), delete: bool = True) -> list[Route]:
    """List, read, rename and relabel, and delete without ceremony."""
    one = f"/{kind.plural}/{{id}}"

    def listing(call: Call) -> Reply:
        shown = [kind.render(call, item) for item in call.all(kind.plural)]
        return page(call, kind.plural, filtered(call, shown, ("name", *filters)))

    def read(call: Call) -> Reply:
        return Reply(kind.wrap(call, kind.from_path(call)))

    def update(call: Call) -> Reply:
        item, change = kind.from_path(call), call.parse(Update)
        if change.name is not None:
            item["name"] = kind.check_name(call, change.name, item["id"])
        if change.labels is not None:
            item["labels"] = check_labels(change.labels)
        call.store.save(kind.plural, item)
        return Reply(kind.wrap(call, item))

    def remove(call: Call) -> Reply:
        item = kind.from_path(call)
        check_unprotected(kind, item)
        remove_later(call, kind, item)
        return NO_CONTENT

    routes = [
        Route("GET", f"/{kind.plural}", listing),
        Route("GET", one, read),
        Route("PUT", one, update),
    ]
    return [*routes, Route("DELETE", one, remove)] if delete else routes


def check_unprotected(kind: Kind, item: Object) -> None:
    if item.get("protection", {}).get("delete"):
        raise ApiError("protected", f"{kind.what} deletion is protected")


def remove_later(call: Call, kind: Kind, item: Object) -> None:
    """Delete the object: at once, or after the time that the lab asks for, during which it can still be read."""
    linger = call.cloud.delays.delete_linger_seconds
    if linger:
        call.start(REMOVE, linger, (kind.singular, item["id"]))
    else:
        call.store.delete(kind.plural, item["id"])


REMOVE = "lab_remove"


class ChangeProtection(Request):
    delete: bool | None = None
    rebuild: bool | None = None


def protection_route(kind: Kind) -> Route:
    def change(call: Call) -> Reply:
        item, wanted = kind.from_path(call), call.parse(ChangeProtection)
        item["protection"] |= wanted.model_dump(exclude_none=True)
        call.store.save(kind.plural, item)
        return action_reply(call.quick("change_protection", (kind.singular, item["id"])))

    return action_route(kind, "change_protection", change)


def action_route(kind: Kind, name: str, handler: Callable[[Call], Reply]) -> Route:
    return Route("POST", f"/{kind.plural}/{{id}}/actions/{name}", handler)


def action_reply(action: Object) -> Reply:
    return Reply({"action": action}, 201)


def filtered(call: Call, items: list[Object], fields: Sequence[str]) -> list[Object]:
    """The items that fit the query: any of the values of each field, and the label selector."""
    for field in fields:
        if wanted := call.query.get(field):
            items = [item for item in items if str(item.get(field)) in wanted]
    if selector := call.first("label_selector"):
        items = [item for item in items if selects(selector, item.get("labels", {}))]
    return ordered(items, call.query.get("sort", []))


def ordered(items: list[Object], keys: Sequence[str]) -> list[Object]:
    """Sort by keys such as `id`, `name:desc`; the first key counts most."""
    for key in reversed(keys):
        field, _, direction = key.partition(":")
        if any(field not in item for item in items) or direction not in {"", "asc", "desc"}:
            raise invalid_field("sort", f"cannot sort by '{key}'")
        items = sorted(items, key=lambda item: item[field], reverse=direction == "desc")
    return items


def page(call: Call, name: str, items: list[Object]) -> Reply:
    """One page of a list, with the API's `meta.pagination`."""
    number = _positive(call, "page", 1)
    size = min(_positive(call, "per_page", DEFAULT_PER_PAGE), MAX_PER_PAGE)
    last = max(1, math.ceil(len(items) / size))
    pagination = {
        "page": number,
        "per_page": size,
        "previous_page": number - 1 if number > 1 else None,
        "next_page": number + 1 if number < last else None,
        "last_page": last,
        "total_entries": len(items),
    }
    return Reply({name: items[(number - 1) * size : number * size], "meta": {"pagination": pagination}})


def _positive(call: Call, name: str, default: int) -> int:
    text = call.first(name)
    if text is None:
        return default
    if not text.isdigit() or int(text) < 1:
        raise invalid_field(name, "must be a positive number")
    return int(text)
