"""A Sovereign as the stories see it: its manifest, its status, its run namespace."""

from __future__ import annotations

import base64
import json
from typing import Any

from e2e.support.kubectl import Kubectl, Object
from e2e.support.waiting import wait_for

PHASES = ("TofuInit", "TofuPlan", "TofuApply", "TofuOutput")


def public_key(seed: str) -> str:
    """A well-formed public key that differs for each seed: a project takes a key only once."""
    body = b"\0\0\0\x0bssh-ed25519\0\0\0 " + seed.encode().ljust(32, b".")[:32]
    return f"ssh-ed25519 {base64.b64encode(body).decode()} {seed}"


class Sovereign:
    """One Sovereign in a namespace of its own, with its credentials Secret."""

    def __init__(self, kubectl: Kubectl, name: str, token: str, **spec: Any) -> None:
        self.kubectl = kubectl
        self.name = name
        self.namespace = f"owner-{name}"
        self.token = token
        self.spec: Object = {
            "organization": {"name": "Acme"},
            "adminEmail": "admin@acme.example",
            "domain": {"mode": "pool", "fqdn": f"{name}.omani.works"},
            "provider": "hetzner",
            "credentialsSecretRef": {"name": "hcloud"},
            "regions": [{"location": "fsn1"}],
            "controlPlane": {"size": "cx33", "replicas": 1},
            "workers": {"size": "cx43", "replicas": 1},
            "sshPublicKeys": [public_key(name)],
            **spec,
        }

    @property
    def manifest(self) -> Object:
        return {
            "apiVersion": "catalyst.openova.io/v1alpha1",
            "kind": "Sovereign",
            "metadata": {"name": self.name, "namespace": self.namespace},
            "spec": self.spec,
        }

    def apply(self) -> None:
        """Namespace, Secret and Sovereign; again is what a user does with an edited file."""
        self.kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}})
        self.put_token(self.token)
        self.kubectl.apply(self.manifest)

    def put_token(self, token: str) -> None:
        """Write the credentials Secret."""
        self.kubectl.apply(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": "hcloud", "namespace": self.namespace},
                "stringData": {"token": token},
            }
        )

    def patch(self, **spec: Any) -> None:
        """Merge into the spec, in the cluster and here."""
        patch = json.dumps({"spec": spec})
        self.kubectl("-n", self.namespace, "patch", "sovereign", self.name, "--type=merge", "-p", patch)

    def read(self) -> Object | None:
        return self.kubectl.find("-n", self.namespace, "sovereign", self.name)

    @property
    def status(self) -> Object:
        found: Object = (self.read() or {}).get("status", {})
        return found

    def condition(self, type_: str) -> Object:
        return next((c for c in self.status.get("conditions", ()) if c["type"] == type_), {})

    @property
    def run_namespace(self) -> str:
        return str(self.status["runNamespace"])

    def jobs(self) -> list[Object]:
        return self.kubectl.items("-n", self.run_namespace, "jobs")

    def wait(self, what: str, *, seconds: float = 90, **conditions: str) -> Object:
        """Until each condition (`TofuApply="True"`, `Ready="AwaitingFluxBootstrap"`) has that status or reason."""

        def met() -> Object:
            status = self.status
            current = status.get("observedGeneration") == (self.read() or {}).get("metadata", {}).get("generation")
            found = {c["type"]: (c["status"], c["reason"]) for c in status.get("conditions", ())}
            return status if current and all(v in found.get(t, ()) for t, v in conditions.items()) else {}

        return wait_for(met, f"{self.namespace}/{self.name}: {what}", seconds=seconds, shown=self.describe)

    def provisioned(self, *, seconds: float = 90) -> Object:
        """Wait for all phases to be True and nothing to be in progress."""
        wanted = dict.fromkeys(PHASES, "True") | {"Ready": "AwaitingFluxBootstrap"}
        return self.wait("provisioned", seconds=seconds, **wanted)

    def delete(self, *, seconds: float = 90) -> None:
        """As a person deletes a protected Sovereign, and wait until it is gone."""
        if self.read() is None:
            return
        self.patch(deletionProtection=False)
        self.kubectl("-n", self.namespace, "delete", "sovereign", self.name, "--wait=false")
        gone = f"{self.namespace}/{self.name} to be gone"
        wait_for(lambda: self.read() is None, gone, seconds=seconds, shown=self.describe)

    def describe(self) -> str:
        return self.kubectl("-n", self.namespace, "get", "sovereign", self.name, "--ignore-not-found", "-o", "yaml")
