"""kubectl, as a person uses it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from catalyst_operator.api import labels
from e2e.lab.layout import API_URL, Layout

Object = dict[str, Any]


class KubectlError(AssertionError):
    """kubectl ended with an error; its message is what a person would read."""


class Kubectl:
    """Runs kubectl against one kubeconfig."""

    def __init__(self, kubeconfig: Path, path: str) -> None:
        self._environ = {**os.environ, "KUBECONFIG": str(kubeconfig), "PATH": path}

    @classmethod
    def of_lab(cls, layout: Layout | None = None) -> Kubectl:
        """For the lab of this checkout. Stories create and delete things: any other cluster is refused."""
        layout = layout or Layout.of_checkout()
        if not layout.kubeconfig.exists():
            raise SystemExit(f"{layout.checkout} has no lab: `make lab-up` starts one")
        kubectl = cls(layout.kubeconfig, f"{layout.bin}:{os.environ['PATH']}")
        server = kubectl("config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}")
        if server != API_URL:
            raise SystemExit(f"{layout.kubeconfig} points to {server}, which is not the lab; refusing to touch it")
        return kubectl

    def __call__(self, *arguments: str, stdin: str | None = None, timeout: float = 120) -> str:
        """Standard output without the last line break. Raises KubectlError."""
        done = subprocess.run(
            ["kubectl", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            env=self._environ,
            timeout=timeout,
            check=False,
        )
        if done.returncode != 0:
            raise KubectlError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout.rstrip("\n")

    def breaking_glass(self, *arguments: str, stdin: str | None = None) -> str:
        """As an administrator does, once, what the admission policies keep for the operator."""
        groups = ("system:masters", labels.BREAK_GLASS_GROUP)
        return self(*arguments, "--as=root", *(f"--as-group={group}" for group in groups), stdin=stdin)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """kubectl in the background, such as a watch; its output is a pipe."""
        return subprocess.Popen(["kubectl", *arguments], stdout=subprocess.PIPE, text=True, env=self._environ)

    def get(self, *arguments: str) -> Object:
        """`kubectl get` as JSON."""
        found: Object = json.loads(self("get", *arguments, "-o", "json"))
        return found

    def find(self, *arguments: str) -> Object | None:
        """`kubectl get` as JSON, or None for what is not there."""
        text = self("get", *arguments, "--ignore-not-found", "-o", "json")
        return json.loads(text) if text else None

    def items(self, *arguments: str) -> list[Object]:
        """The items of `kubectl get`."""
        return list(self.get(*arguments)["items"])

    def apply(self, *manifests: Object | str) -> str:
        """`kubectl apply` of objects or YAML texts."""
        return "\n".join(self("apply", "-f", "-", stdin=m if isinstance(m, str) else json.dumps(m)) for m in manifests)
