"""A Sovereign as the stories see it: its manifest, its status, its run namespace."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
import shlex
from collections.abc import Callable, Iterable
from typing import Any

from catalyst_operator.api import labels
from catalyst_operator.core import naming
from e2e.support.kubectl import Kubectl, Object
from e2e.support.waiting import wait_for

PHASES = ("TofuInit", "TofuPlan", "TofuApply", "TofuOutput")
JOB_NAME = "batch.kubernetes.io/job-name"


def public_key(seed: str) -> str:
    """A well-formed public key that differs for each seed: a project takes a key only once."""
    body = b"\0\0\0\x0bssh-ed25519\0\0\0 " + hashlib.sha256(seed.encode()).digest()
    return f"ssh-ed25519 {base64.b64encode(body).decode()} {seed}"


def commands(message: str) -> list[list[str]]:
    """The arguments of each `kubectl ...` that a message tells people to run."""
    return [shlex.split(text) for text in re.findall(r"`kubectl ([^`]*)`", message)]


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

    # --- what a person does ---

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
        """Merge into the spec."""
        patch = json.dumps({"spec": spec})
        self.kubectl("-n", self.namespace, "patch", "sovereign", self.name, "--type=merge", "-p", patch)

    def annotate(self, annotation: str) -> str:
        """Give an annotation a value that it never had, and return that."""
        value = secrets.token_hex(4)
        command = ("annotate", "sovereign", self.name, "--overwrite", f"{annotation}={value}")
        self.kubectl("-n", self.namespace, *command)
        return value

    def rebuild(self, server: str) -> None:
        """Ask for a server to be made again, by its name."""
        command = ("annotate", "sovereign", self.name, "--overwrite", f"{labels.ANNOTATION_REBUILD}={server}")
        self.kubectl("-n", self.namespace, *command)

    def retry(self) -> str:
        """Ask for another try."""
        return self.annotate(labels.ANNOTATION_RETRY)

    def cancel(self) -> str:
        """Ask for the end of the run in progress."""
        return self.annotate(labels.ANNOTATION_CANCEL)

    def delete(self, *, seconds: float = 90) -> None:
        """As a person deletes a protected Sovereign, and wait until it is gone."""
        self.request_deletion()
        self.gone(seconds=seconds)

    def request_deletion(self, **spec: Any) -> None:
        """Delete, after what has to be edited before that; nothing if it is gone already."""
        if self.read() is None:
            return
        self.patch(deletionProtection=False, **spec)
        self.kubectl("-n", self.namespace, "delete", "sovereign", self.name, "--wait=false")

    def free_name(self) -> None:
        """Give back the name, which stays reserved for a Sovereign whose cloud objects stay."""
        self.kubectl("delete", "domainreservation", self.spec["domain"]["fqdn"], "--ignore-not-found", "--timeout=60s")

    def gone(self, *, seconds: float = 90) -> None:
        """Wait until it is."""
        what = f"{self.namespace}/{self.name} to be gone"
        wait_for(lambda: self.read() is None, what, seconds=seconds, shown=self.describe)

    # --- what a person sees ---

    def read(self) -> Object | None:
        return self.kubectl.find("-n", self.namespace, "sovereign", self.name)

    @property
    def status(self) -> Object:
        found: Object = (self.read() or {}).get("status", {})
        return found

    def condition(self, type_: str) -> Object:
        return condition(self.status, type_)

    @property
    def message(self) -> str:
        """The sentence under Ready, which `kubectl get` shows."""
        return str(self.condition("Ready").get("message", ""))

    def until(self, what: str, holds: Callable[[Object], Any], *, seconds: float = 90) -> Object:
        """Wait for a status that speaks of the present spec and of which `holds` is true."""

        def met() -> Object:
            found = self.read() or {"metadata": {}}
            status: Object = found.get("status", {})
            current = status.get("observedGeneration") == found["metadata"].get("generation")
            return status if current and holds(status) else {}

        return wait_for(met, f"{self.namespace}/{self.name}: {what}", seconds=seconds, shown=self.describe)

    def wait(self, what: str, *, seconds: float = 90, **conditions: str) -> Object:
        """Until each condition (`TofuApply="True"`, `Ready="AwaitingFluxBootstrap"`) has that status or reason."""
        return self.until(what, lambda status: has(status, **conditions), seconds=seconds)

    def provisioned(self, *, seconds: float = 90) -> Object:
        """Wait for all phases to be True and nothing to be in progress."""
        wanted = dict.fromkeys(PHASES, "True") | {"Ready": "AwaitingFluxBootstrap"}
        return self.wait("provisioned", seconds=seconds, **wanted)

    def ready(self, *, seconds: float = 150) -> Object:
        """Wait for everything that Ready stands for."""
        return self.wait("ready", seconds=seconds, Ready="True", KitReady="Ready")

    def handed_off(self, *, seconds: float = 150) -> Object:
        """Wait for the end of the hand-off."""
        return self.wait("handed off", seconds=seconds, HandedOff="True")

    def outcome(self, outcome: str, *, seconds: float = 150) -> Object:
        """Wait for this verdict on the kit."""
        return self.until(outcome, lambda status: status.get("phase1Outcome") == outcome, seconds=seconds)

    def look_again(self) -> Object:
        """Have the operator look once more, and wait until it has: what it had to do without being asked, it has done
        or begun by then."""
        value = self.annotate(labels.ANNOTATION_RECONCILE)
        return self.until("it looked again", lambda status: status.get("lastHandledReconcileAt") == value, seconds=30)

    def describe(self) -> str:
        return self.kubectl("-n", self.namespace, "get", "sovereign", self.name, "--ignore-not-found", "-o", "yaml")

    # --- what is behind it ---

    @property
    def uid(self) -> str:
        return str((self.read() or {"metadata": {"uid": ""}})["metadata"]["uid"])

    @property
    def cluster_name(self) -> str:
        """Prefix of the names of its cloud objects."""
        return naming.cluster_name(self.name, self.uid)

    @property
    def run_namespace(self) -> str:
        return str(self.status["runNamespace"])

    @property
    def run_user(self) -> str:
        """Whom its runs act as towards the API server."""
        return f"system:serviceaccount:{self.run_namespace}:{naming.RUN_SERVICE_ACCOUNT}"

    def jobs(self) -> list[Object]:
        return self.kubectl.items("-n", self.run_namespace, "jobs")

    def phases_run(self) -> set[str]:
        """Names of the containers of all runs that are still kept."""
        pods = [job["spec"]["template"]["spec"] for job in self.jobs()]
        return {container["name"] for pod in pods for container in [*pod["initContainers"], *pod["containers"]]}

    def run_pod(self) -> str:
        """Name of the Pod of the run in progress."""
        job = self.status["currentRun"]["jobRef"]["name"]
        pods = self.kubectl.items("-n", self.run_namespace, "pods", "-l", f"{JOB_NAME}={job}")
        assert len(pods) == 1, f"Job {job} has {len(pods)} Pods"
        return str(pods[0]["metadata"]["name"])

    def put_secret(self, secret: Object) -> None:
        """Write back a Secret of the run namespace that was read before it was deleted."""
        kept = {key: secret["metadata"][key] for key in ("name", "namespace", "labels") if key in secret["metadata"]}
        self.kubectl.breaking_glass("create", "-f", "-", stdin=json.dumps({**secret, "metadata": kept}))


def condition(status: Object, type_: str) -> Object:
    """A condition of a status; {} if it is not there."""
    return next((c for c in status.get("conditions", ()) if c["type"] == type_), {})


def has(status: Object, **conditions: str) -> bool:
    """Whether each condition has that status or that reason."""
    found = {c["type"]: (c["status"], c["reason"]) for c in status.get("conditions", ())}
    return all(value in found.get(type_, ()) for type_, value in conditions.items())


def component(status: Object, name: str) -> Object:
    """A component of the kit; {} if it is not there."""
    return next((c for c in status.get("components", ()) if c["name"] == name), {})


def codes(status: Object) -> list[str]:
    """The codes of what went wrong, most telling first."""
    return [error["code"] for error in status.get("lastErrors", ())]


def results(status: Object) -> list[str]:
    """How the recorded runs ended, oldest first."""
    return [run["result"] for run in reversed(status.get("history", ()))]


def take_away(sovereigns: Iterable[Sovereign], *, seconds: float = 60) -> None:
    """Remove Sovereigns at the same time, and leave their emulated cloud objects lie: quick, and no story's subject."""
    made = [sovereign for sovereign in sovereigns if sovereign.read() is not None]
    for sovereign in made:
        sovereign.request_deletion(deletionPolicy="Orphan")
    for sovereign in made:
        sovereign.gone(seconds=seconds)
        sovereign.free_name()


def destroy(sovereigns: Iterable[Sovereign], *, seconds: float = 150) -> None:
    """Delete Sovereigns with all they have, at the same time, and wait until they are gone."""
    for sovereign in sovereigns:
        sovereign.request_deletion()
    for sovereign in sovereigns:
        sovereign.gone(seconds=seconds)
