"""A DomainReservation that stands alone, as the stories see it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from e2e.support import operator
from e2e.support.kubectl import Kubectl, Object
from e2e.support.sovereigns import condition, has
from e2e.support.waiting import wait_for


class Reservation:
    """One name."""

    def __init__(self, kubectl: Kubectl, name: str, **spec: Any) -> None:
        self.kubectl = kubectl
        self.name = name
        self.spec: Object = {"mode": "byo-manual", **spec}

    def apply(self) -> None:
        self.kubectl.apply(
            {
                "apiVersion": "catalyst.openova.io/v1alpha1",
                "kind": "DomainReservation",
                "metadata": {"name": self.name},
                "spec": self.spec,
            }
        )

    def patch(self, **spec: Any) -> None:
        """Merge into the spec."""
        self.kubectl("patch", "domainreservation", self.name, "--type=merge", "-p", json.dumps({"spec": spec}))

    def read(self) -> Object | None:
        return self.kubectl.find("domainreservation", self.name)

    @property
    def status(self) -> Object:
        found: Object = (self.read() or {}).get("status", {})
        return found

    def message(self, type_: str = "Ready") -> str:
        """The sentence of a condition."""
        return str(condition(self.status, type_).get("message", ""))

    def until(self, what: str, holds: Callable[[Object], Any], *, seconds: float = 60) -> Object:
        """Wait for a status that speaks of the present spec and of which `holds` is true."""

        def met() -> Object:
            found = self.read() or {"metadata": {}}
            status: Object = found.get("status", {})
            current = status.get("observedGeneration") == found["metadata"].get("generation")
            return status if current and holds(status) else {}

        return wait_for(met, f"{self.name}: {what}", seconds=seconds, shown=self.describe)

    def wait(self, what: str, *, seconds: float = 60, **conditions: str) -> Object:
        """Until each condition has that status or reason."""
        return self.until(what, lambda status: has(status, **conditions), seconds=seconds)

    def ready(self, *, seconds: float = 60) -> Object:
        """Wait until it is served and delegated."""
        return self.wait("ready", seconds=seconds, Ready="True", Delegated="True", ZoneReady="True")

    def seconds_until(self, what: str, *, seconds: float = 60, **conditions: str) -> float:
        """How long that takes from now."""
        begin = time.monotonic()
        self.wait(what, seconds=seconds, **conditions)
        return time.monotonic() - begin

    def delete(self, *, seconds: float = 60) -> None:
        """Give it back, and wait until it is gone."""
        self.kubectl("delete", "domainreservation", self.name, "--ignore-not-found", "--wait=false")
        wait_for(lambda: self.read() is None, f"{self.name} to be gone", seconds=seconds, shown=self.describe)

    def describe(self) -> str:
        return self.kubectl("get", "domainreservation", self.name, "--ignore-not-found", "-o", "yaml")


def put_secret(kubectl: Kubectl, name: str, **content: str) -> None:
    """A registrar's Secret in the operator's namespace, where those of reservations without a Sovereign are."""
    place = {"name": name, "namespace": operator.NAMESPACE}
    kubectl.apply({"apiVersion": "v1", "kind": "Secret", "metadata": place, "stringData": content})
