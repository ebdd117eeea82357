"""kubectl on a booted server, as its scripts use it."""

from __future__ import annotations

import asyncio
import json
from asyncio.subprocess import PIPE
from collections.abc import Sequence
from typing import Any

from e2e.lab.hcloud.boot.place import Place

Object = dict[str, Any]
BOOTSTRAP, STAND_IN = "catalyst-bootstrap", "lab-stand-in"
"""Who applied what: the boot's own scripts, or what speaks for programs that are not there."""


class KubectlFailed(Exception):
    """kubectl ended with an error: `said` is what it wrote."""

    def __init__(self, verb: str, said: str) -> None:
        super().__init__(f"kubectl {verb}: {said[:500]}")
        self.said = said


class Kubectl:
    """An administrator of one cluster."""

    def __init__(self, place: Place) -> None:
        self._place = place

    async def __call__(self, *arguments: str, stdin: str = "") -> str:
        """Its output. Raises KubectlFailed."""
        options = (f"--kubeconfig={self._place.kubeconfig}", f"--cache-dir={self._place.disk / 'kubectl'}")
        process = await asyncio.create_subprocess_exec(
            str(self._place.layout.bin / "kubectl"),
            *(*arguments, *options, "--request-timeout=10s"),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env=self._place.environment({}),
            group=self._place.group,
        )
        try:
            out, err = await process.communicate(stdin.encode())
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            raise KubectlFailed(arguments[0], err.decode("utf-8", "replace").strip())
        return out.decode()

    async def apply(self, manifest: str, *, manager: str = BOOTSTRAP, status: bool = False) -> None:
        """Apply YAML or JSON on the server's side; with `status`, the status of what is there already."""
        options = ("--subresource=status",) if status else ()
        command = ("apply", "--server-side", "--force-conflicts", f"--field-manager={manager}", *options)
        await self(*command, "-f", "-", stdin=manifest)

    async def create_missing(self, manifest: str) -> None:
        """Create what is not there, and leave alone what is. Raises KubectlFailed."""
        try:
            await self("create", f"--field-manager={BOOTSTRAP}", "-f", "-", stdin=manifest)
        except KubectlFailed as failed:
            if any("(AlreadyExists)" not in line for line in failed.said.splitlines()):
                raise

    async def apply_objects(self, objects: Sequence[Object]) -> None:
        """Apply objects for programs that are not there, and their status where they have one."""
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
        await self.apply(text, manager=STAND_IN)
        if any("status" in entry for entry in objects):
            await self.apply(text, manager=STAND_IN, status=True)

    async def has(self, kind: str, name: str, namespace: str = "default") -> bool:
        """Whether an object is there; also false where its kind is not served."""
        try:
            return bool(await self("get", kind, name, "-n", namespace, "--ignore-not-found", "-o", "name"))
        except KubectlFailed:
            return False
