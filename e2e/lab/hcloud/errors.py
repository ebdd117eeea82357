"""The API's errors: code, HTTP status and message as the real API gives them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

STATUS = {
    "unauthorized": 401,
    "forbidden": 403,
    "token_readonly": 403,
    "resource_limit_exceeded": 403,
    "not_found": 404,
    "load_balancer_target_not_found": 404,
    "timeout": 408,
    "conflict": 409,
    "uniqueness_error": 409,
    "service_error": 409,
    "resource_unavailable": 412,
    "invalid_input": 422,
    "json_error": 400,
    "locked": 423,
    "protected": 423,
    "rate_limit_exceeded": 429,
    "server_error": 500,
    "bad_gateway": 502,
    "maintenance": 503,
    "unavailable": 503,
}
"""Codes that are not listed here come with 422, as the real API does for everything that is about an object's state."""


class ApiError(Exception):
    """An answer of the API that is an error; `details` is the API's own field of that name."""

    def __init__(
        self, code: str, message: str, *, status: int | None = None, details: dict[str, Any] | None = None
    ) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code
        self.message = message
        self.status = status or STATUS.get(code, 422)
        self.details = details

    def body(self) -> dict[str, Any]:
        return {"error": {"code": self.code, "message": self.message, "details": self.details}}


def not_found(what: str) -> ApiError:
    return ApiError("not_found", f"{what} not found")


def invalid_input(message: str, fields: Iterable[tuple[str, str]]) -> ApiError:
    """An `invalid_input` with the fields that were refused, each as (name, why)."""
    details = {"fields": [{"name": name, "messages": [why]} for name, why in fields]}
    return ApiError("invalid_input", message, details=details)


def invalid_field(name: str, why: str) -> ApiError:
    return invalid_input(f"invalid input in field '{name}'", [(name, why)])


def name_taken(what: str = "") -> ApiError:
    return ApiError("uniqueness_error", f"{what} name is already used".strip())
