"""The services of a load balancer: what it listens on and where it forwards to."""

from __future__ import annotations

from typing import Any, Literal

from e2e.lab.hcloud.cloud import Call, Reply, Request, Route
from e2e.lab.hcloud.errors import ApiError, invalid_field, not_found
from e2e.lab.hcloud.kinds import action_route
from e2e.lab.hcloud.routes.load_balancers import KIND, started
from e2e.lab.hcloud.store import Object

Protocol = Literal["tcp", "http", "https"]

_DEFAULT_PORTS = {"http": (80, 80), "https": (443, 80)}
_DEFAULT_CHECK = {"interval": 15, "timeout": 10, "retries": 3}
_DEFAULT_CHECK_HTTP = {"domain": "", "path": "/", "response": "", "status_codes": ["2??", "3??"], "tls": False}
_DEFAULT_HTTP = {
    "cookie_name": "HCLBSTICKY",
    "cookie_lifetime": 300,
    "certificates": [],
    "redirect_http": False,
    "sticky_sessions": False,
    "timeout_idle": 60,
}


class Http(Request):
    cookie_name: str | None = None
    cookie_lifetime: int | None = None
    certificates: list[int] | None = None
    redirect_http: bool | None = None
    sticky_sessions: bool | None = None
    timeout_idle: int | None = None


class CheckHttp(Request):
    domain: str | None = None
    path: str | None = None
    response: str | None = None
    status_codes: list[str] | None = None
    tls: bool | None = None


class HealthCheck(Request):
    protocol: Literal["tcp", "http"] | None = None
    port: int | None = None
    interval: int | None = None
    timeout: int | None = None
    retries: int | None = None
    http: CheckHttp | None = None


class Service(Request):
    protocol: Protocol | None = None
    listen_port: int | None = None
    destination_port: int | None = None
    proxyprotocol: bool | None = None
    http: Http | None = None
    health_check: HealthCheck | None = None


class DeleteService(Request):
    listen_port: int


def _given(part: Request | None) -> dict[str, Any]:
    return part.model_dump(exclude_none=True) if part else {}


def _new(wanted: Service) -> Object:
    """A service with the API's defaults where the request is silent."""
    if wanted.protocol is None:
        raise invalid_field("protocol", "is required")
    listen, destination = _DEFAULT_PORTS.get(wanted.protocol, (None, None))
    listen, destination = wanted.listen_port or listen, wanted.destination_port or destination
    if listen is None or destination is None:
        raise invalid_field("listen_port", "listen_port and destination_port are required for protocol tcp")
    is_http = wanted.protocol != "tcp"
    check = {"protocol": "http" if is_http else "tcp", "port": destination, **_DEFAULT_CHECK}
    service: Object = {
        "protocol": wanted.protocol,
        "listen_port": listen,
        "destination_port": destination,
        "proxyprotocol": wanted.proxyprotocol or False,
        "health_check": check | {"http": dict(_DEFAULT_CHECK_HTTP) if is_http else None},
    }
    if is_http:
        service["http"] = dict(_DEFAULT_HTTP)
    _merge(service, wanted)
    return service


def _merge(service: Object, wanted: Service) -> None:
    """Write what the request says of the nested parts into the service."""
    if wanted.http:
        service["http"] = service.get("http", dict(_DEFAULT_HTTP)) | _given(wanted.http)
    if wanted.health_check:
        check = _given(wanted.health_check)
        http = check.pop("http", None)
        service["health_check"] |= check
        if http is not None:
            service["health_check"]["http"] = (service["health_check"]["http"] or _DEFAULT_CHECK_HTTP) | http


def _find(balancer: Object, listen_port: int | None) -> Object:
    service: Object | None = next((item for item in balancer["services"] if item["listen_port"] == listen_port), None)
    if service is None:
        raise not_found("load balancer service")
    return service


def _add(call: Call) -> Reply:
    balancer, service = KIND.from_path(call), _new(call.parse(Service))
    kind = call.cloud.catalogue.load_balancer_type(balancer["load_balancer_type"])
    if any(item["listen_port"] == service["listen_port"] for item in balancer["services"]):
        raise ApiError("source_port_already_used", f"source port {service['listen_port']} is already in use")
    if kind and len(balancer["services"]) >= kind["max_services"]:
        raise ApiError("resource_limit_exceeded", "load balancer service limit exceeded")
    balancer["services"].append(service)
    return started(call, balancer, "add_service")


def _update(call: Call) -> Reply:
    balancer, wanted = KIND.from_path(call), call.parse(Service)
    service = _find(balancer, wanted.listen_port)
    plain = {"protocol", "destination_port", "proxyprotocol"}
    service |= {name: value for name, value in _given(wanted).items() if name in plain}
    _merge(service, wanted)
    return started(call, balancer, "update_service")


def _delete(call: Call) -> Reply:
    balancer = KIND.from_path(call)
    balancer["services"].remove(_find(balancer, call.parse(DeleteService).listen_port))
    return started(call, balancer, "delete_service")


ROUTES: list[Route] = [
    action_route(KIND, "add_service", _add),
    action_route(KIND, "update_service", _update),
    action_route(KIND, "delete_service", _delete),
]
