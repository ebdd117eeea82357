"""Reads of actions: all, by ids, of one kind of object, of one object."""

from __future__ import annotations

from e2e.lab.hcloud.cloud import Call, Reply, Route
from e2e.lab.hcloud.errors import not_found
from e2e.lab.hcloud.kinds import filtered, page
from e2e.lab.hcloud.store import ACTIONS, KINDS, Object


def _shown(call: Call, actions: list[Object]) -> Reply:
    rendered = [call.cloud.actions.render(action) for action in actions]
    return page(call, "actions", filtered(call, rendered, ("id", "status")))


def _singular(plural: str) -> str:
    return plural.removesuffix("s")


def _of_kind(action: Object, plural: str) -> bool:
    return any(resource["type"] == _singular(plural) for resource in action["resources"])


def _list_all(call: Call) -> Reply:
    wanted = call.query.get("id")
    if not wanted:
        return _shown(call, call.all(ACTIONS))
    # Clients poll by id, many times a second: no look at all actions for that.
    found = [call.find(ACTIONS, int(text)) for text in wanted if text.isdigit()]
    return _shown(call, [action for action in found if action])


def _read(call: Call) -> Reply:
    text = call.path["action_id"]
    action = call.need(ACTIONS, int(text) if text.isdigit() else None, f"action with ID '{text}'")
    return Reply({"action": call.cloud.actions.render(action)})


def _list_of_kind(plural: str) -> Route:
    def listing(call: Call) -> Reply:
        return _shown(call, [action for action in call.all(ACTIONS) if _of_kind(action, plural)])

    return Route("GET", f"/{plural}/actions", listing)


def _list_of_object(plural: str) -> Route:
    def listing(call: Call) -> Reply:
        text = call.path["id"]
        if not text.isdigit():
            raise not_found(f"{_singular(plural)} with ID '{text}'")
        resource = {"type": _singular(plural), "id": int(text)}
        return _shown(call, [action for action in call.all(ACTIONS) if resource in action["resources"]])

    return Route("GET", f"/{plural}/{{id}}/actions", listing)


ROUTES = [
    Route("GET", "/actions", _list_all),
    Route("GET", "/actions/{action_id}", _read),
    # Before the routes with an id in second place, which would take "actions" for one.
    *(_list_of_kind(plural) for plural in KINDS),
    *(Route("GET", f"/{plural}/actions/{{action_id}}", _read) for plural in KINDS),
    *(_list_of_object(plural) for plural in KINDS),
    *(Route("GET", f"/{plural}/{{id}}/actions/{{action_id}}", _read) for plural in KINDS),
]
