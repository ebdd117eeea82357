"""kubectl, as the administrator has it: its context, its plugins for logging in, its rights."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Mapping
from typing import Any

from catalyst_operator.api import labels
from catalyst_operator.core.moving.contents import Reference

Raw = dict[str, Any]
BREAK_GLASS = ("--as=root", "--as-group=system:masters", f"--as-group={labels.BREAK_GLASS_GROUP}")
"""What is written is the operator's: policies let nobody else write it who does not say that he means it."""
KUBECTL_SECONDS = 60
PLURALS = {
    "Sovereign": f"sovereigns.{labels.GROUP}",
    "DomainReservation": f"domainreservations.{labels.GROUP}",
    "Namespace": "namespaces",
    "Secret": "secrets",
    "ConfigMap": "configmaps",
}
_OURS = ("Sovereign", "DomainReservation")


class KubectlError(Exception):
    """kubectl could not do it; the text is its own."""


class Kubectl:
    """The few commands that a backup takes. `context` is one of the kubeconfig's; empty for the present one."""

    def __init__(self, context: str = "", program: str = "kubectl") -> None:
        self._command = [program, *([f"--context={context}"] if context else [])]

    def find(self, kind: str, namespace: str, name: str) -> Raw | None:
        """The object, or None. Raises KubectlError."""
        place = ["-n", namespace] if namespace else []
        said = self._run("get", PLURALS[kind], name, *place, "-o", "json", "--ignore-not-found")
        found: Raw | None = json.loads(said) if said.strip() else None
        return found

    def find_all(self, references: Iterable[Reference]) -> list[Raw]:
        """Those objects that exist, read one after the other in the order given, by one process: starting kubectl costs
        more than an answer. Raises KubectlError."""
        asked = {"apiVersion": "v1", "kind": "List", "items": [_asked(reference) for reference in references]}
        said = self._run("get", "-f", "-", "-o", "json", "--ignore-not-found", stdin=json.dumps(asked))
        found: Raw = json.loads(said) if said.strip() else {"items": []}
        items: list[Raw] = found["items"] if found.get("kind", "List") == "List" else [found]
        return items

    def list(self, kind: str) -> list[Raw]:
        """All objects of a kind, in all namespaces. Raises KubectlError."""
        found: list[Raw] = json.loads(self._run("get", PLURALS[kind], "-A", "-o", "json"))["items"]
        return found

    def create(self, manifest: Raw) -> Raw | None:
        """The object that was made; None if there is one of that name. Raises KubectlError."""
        try:
            made: Raw = json.loads(
                self._run(*BREAK_GLASS, "create", "-f", "-", "-o", "json", stdin=json.dumps(manifest))
            )
        except KubectlError as error:
            if "(AlreadyExists)" in str(error):
                return None
            raise
        return made

    def annotate(self, namespace: str, annotations: Mapping[str, str | None]) -> None:
        """Write annotations of a namespace; None takes one off. Raises KubectlError."""
        told = [f"{name}-" if value is None else f"{name}={value}" for name, value in annotations.items()]
        self._run(*BREAK_GLASS, "annotate", "--overwrite", "namespace", namespace, *told)

    def _run(self, *arguments: str, stdin: str = "") -> str:
        command = [*self._command, *arguments]
        try:
            done = subprocess.run(
                command, input=stdin, capture_output=True, text=True, timeout=KUBECTL_SECONDS, check=False
            )
        except FileNotFoundError as error:
            raise KubectlError(f"{self._command[0]} is not installed here, and this needs it") from error
        except subprocess.TimeoutExpired as error:
            raise KubectlError(f"the API server did not answer within {KUBECTL_SECONDS} seconds") from error
        if done.returncode:
            raise KubectlError(_said(done.stderr))
        return done.stdout


def _asked(reference: Reference) -> Raw:
    place = {"namespace": reference.namespace} if reference.namespace else {}
    version = labels.API_VERSION if reference.kind in _OURS else "v1"
    return {"apiVersion": version, "kind": reference.kind, "metadata": {"name": reference.name, **place}}


def _said(stderr: str) -> str:
    """What kubectl says to people: not the log of its libraries, which comes before it and says the same five times."""
    lines = stderr.strip().splitlines()
    return "\n".join(line for line in lines if not _LOGGED.match(line)) or stderr.strip()


_LOGGED = re.compile(r"[IWEF]\d{4} \d\d:\d\d:\d\d\.\d+ ")
