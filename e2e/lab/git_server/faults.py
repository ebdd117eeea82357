"""Faults of the git server on demand: a repository's next requests are answered with an error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

STATUSES = (401, 403, 404, 500, 503)


class BadFault(ValueError):
    """A fault that the server does not know."""


@dataclass
class Fault:
    """Answer `status` to requests for a repository; `left` more times, or until removed for None."""

    path: str
    status: int
    left: int | None


class Faults:
    """The faults that are in force."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, wish: dict[str, Any]) -> Fault:
        """Take a fault {"path", "status", "times"}; without `times` it stays until removed. Raises BadFault."""
        path, status, times = wish.get("path"), wish.get("status"), wish.get("times")
        if not isinstance(path, str) or status not in STATUSES or not (times is None or isinstance(times, int)):
            raise BadFault(f'expected {{"path": "acme/gitops.git", "status": one of {STATUSES}, "times": number}}')
        fault = Fault(path.strip("/"), status, times)
        self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Forget all of them."""
        self._faults.clear()

    def listing(self) -> list[dict[str, Any]]:
        """What is in force, as it was asked for."""
        return [{"path": fault.path, "status": fault.status, "times": fault.left} for fault in self._faults]

    def take(self, path: str) -> int | None:
        """The status to answer a request for the repository with, counting it."""
        fault = next((fault for fault in self._faults if fault.path == path), None)
        if fault is None:
            return None
        if fault.left is not None:
            fault.left -= 1
            if fault.left <= 0:
                self._faults.remove(fault)
        return fault.status
