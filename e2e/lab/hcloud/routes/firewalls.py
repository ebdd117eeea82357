"""Firewalls: rules, and the servers they are applied to."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Literal

from e2e.lab.hcloud.cloud import NO_CONTENT, Call, Reply, Request, Route
from e2e.lab.hcloud.errors import ApiError, invalid_field
from e2e.lab.hcloud.kinds import Kind, action_route, common_routes, remove_later
from e2e.lab.hcloud.labels import check_labels, selects
from e2e.lab.hcloud.store import Object
from e2e.lab.hcloud.times import rfc3339

MAX_RULES = 50
_PORT = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")
_MAX_PORT = 65535


def render(call: Call, firewall: Object) -> Object:
    by_server = [
        {"type": "server", "server": {"id": server["id"]}}
        for server in call.all("servers")
        if firewall["id"] in server["firewalls"]
    ]
    by_label = [_selected(call, selector) for selector in firewall["label_selectors"]]
    return {
        "id": firewall["id"],
        "name": firewall["name"],
        "labels": firewall["labels"],
        "created": rfc3339(firewall["created"]),
        "rules": firewall["rules"],
        "applied_to": by_server + by_label,
    }


def _selected(call: Call, selector: str) -> Object:
    servers = [server for server in call.all("servers") if selects(selector, server["labels"])]
    return {
        "type": "label_selector",
        "label_selector": {"selector": selector},
        "applied_to_resources": [{"type": "server", "server": {"id": server["id"]}} for server in servers],
    }


KIND = Kind("firewalls", "firewall", render)


class Rule(Request):
    direction: Literal["in", "out"]
    protocol: Literal["tcp", "udp", "icmp", "esp", "gre"]
    port: str | None = None
    source_ips: list[str] = []
    destination_ips: list[str] = []
    description: str | None = None


class ServerReference(Request):
    id: int


class SelectorReference(Request):
    selector: str


class Target(Request):
    type: Literal["server", "label_selector"]
    server: ServerReference | None = None
    label_selector: SelectorReference | None = None


class Create(Request):
    name: str
    labels: dict[str, str] | None = None
    rules: list[Rule] = []
    apply_to: list[Target] = []


class SetRules(Request):
    rules: list[Rule]


class ApplyTo(Request):
    apply_to: list[Target]


class RemoveFrom(Request):
    remove_from: list[Target]


def check_rules(rules: list[Rule]) -> list[Object]:
    """The rules as they are kept, or what is wrong with the first that is wrong."""
    if len(rules) > MAX_RULES:
        raise invalid_field("rules", f"at most {MAX_RULES} rules are allowed")
    for number, rule in enumerate(rules):
        problem = _problem(rule)
        if problem:
            raise invalid_field(f"rules.{number}.{problem[0]}", problem[1])
    return [rule.model_dump() for rule in rules]


def _problem(rule: Rule) -> tuple[str, str] | None:
    needs_port = rule.protocol in {"tcp", "udp"}
    side = "source_ips" if rule.direction == "in" else "destination_ips"
    other = "destination_ips" if rule.direction == "in" else "source_ips"
    if needs_port and not rule.port:
        return "port", "is required for protocols tcp and udp"
    if not needs_port and rule.port:
        return "port", f"is not allowed for protocol {rule.protocol}"
    if rule.port and not _port_fits(rule.port):
        return "port", f"'{rule.port}' is not a port or a range of ports"
    if not getattr(rule, side):
        return side, f"is required for direction '{rule.direction}'"
    if getattr(rule, other):
        return other, f"is not allowed for direction '{rule.direction}'"
    return next(((side, str(why)) for why in map(_range_problem, getattr(rule, side)) if why), None)


def _port_fits(text: str) -> bool:
    match = _PORT.fullmatch(text)
    if not match:
        return False
    first, last = int(match[1]), int(match[2] or match[1])
    return 1 <= first <= last <= _MAX_PORT


def _range_problem(text: str) -> str | None:
    try:
        ip_network(text)
    except ValueError as error:
        return str(error)
    return None


def _create(call: Call) -> Reply:
    wanted = call.parse(Create)
    firewall = {
        "id": call.store.next_id("firewalls"),
        "project": call.project,
        "name": KIND.check_name(call, wanted.name),
        "labels": check_labels(wanted.labels),
        "rules": check_rules(wanted.rules),
        "label_selectors": [],
        "created": call.cloud.clock(),
    }
    actions = [_started(call, firewall, "set_firewall_rules")] if wanted.rules else []
    actions += [_apply(call, firewall, target) for target in wanted.apply_to]
    call.store.save("firewalls", firewall)
    return Reply({**KIND.wrap(call, firewall), "actions": actions}, 201)


def _started(call: Call, firewall: Object, command: str, *servers: int) -> Object:
    return call.quick(command, *(("server", number) for number in servers), ("firewall", firewall["id"]))


def _set_rules(call: Call) -> Reply:
    firewall = KIND.from_path(call)
    firewall["rules"] = check_rules(call.parse(SetRules).rules)
    call.store.save("firewalls", firewall)
    return Reply({"actions": [_started(call, firewall, "set_firewall_rules")]}, 201)


def _server_of(call: Call, target: Target) -> Object:
    number = target.server.id if target.server else None
    server = call.find("servers", number)
    if server is None:
        raise ApiError("firewall_resource_not_found", f"server with ID {number} not found")
    return server


def _apply(call: Call, firewall: Object, target: Target) -> Object:
    if target.label_selector:
        firewall["label_selectors"].append(target.label_selector.selector)
        return _started(call, firewall, "apply_firewall")
    server = _server_of(call, target)
    if firewall["id"] in server["firewalls"]:
        raise ApiError("firewall_already_applied", "firewall is already applied to this server")
    server["firewalls"].append(firewall["id"])
    call.store.save("servers", server)
    return _started(call, firewall, "apply_firewall", server["id"])


def _remove(call: Call, firewall: Object, target: Target) -> Object:
    if target.label_selector:
        selector = target.label_selector.selector
        firewall["label_selectors"] = [known for known in firewall["label_selectors"] if known != selector]
        return _started(call, firewall, "remove_firewall")
    server = _server_of(call, target)
    server["firewalls"] = [number for number in server["firewalls"] if number != firewall["id"]]
    call.store.save("servers", server)
    return _started(call, firewall, "remove_firewall", server["id"])


def _apply_to(call: Call) -> Reply:
    firewall = KIND.from_path(call)
    actions = [_apply(call, firewall, target) for target in call.parse(ApplyTo).apply_to]
    call.store.save("firewalls", firewall)
    return Reply({"actions": actions}, 201)


def _remove_from(call: Call) -> Reply:
    firewall = KIND.from_path(call)
    actions = [_remove(call, firewall, target) for target in call.parse(RemoveFrom).remove_from]
    call.store.save("firewalls", firewall)
    return Reply({"actions": actions}, 201)


def _delete(call: Call) -> Reply:
    firewall = KIND.from_path(call)
    if render(call, firewall)["applied_to"]:
        raise ApiError("resource_in_use", f"firewall with ID {firewall['id']} is still in use")
    remove_later(call, KIND, firewall)
    return NO_CONTENT


ROUTES = [
    Route("POST", "/firewalls", _create),
    *common_routes(KIND, delete=False),
    Route("DELETE", "/firewalls/{id}", _delete),
    action_route(KIND, "set_rules", _set_rules),
    action_route(KIND, "apply_to_resources", _apply_to),
    action_route(KIND, "remove_from_resources", _remove_from),
]
