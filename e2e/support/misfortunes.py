"""What can happen to the operator that acts: it is killed, frozen, or cut off from everybody."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Protocol

from e2e.support import operator, processes
from e2e.support.kubectl import Kubectl, Object


class Misfortune(Protocol):
    """Befalls a Pod of the operator, and is over with the block."""

    def __call__(self, kubectl: Kubectl, pod: Object) -> AbstractContextManager[None]: ...


@contextmanager
def killed(kubectl: Kubectl, pod: Object) -> Iterator[None]:
    """With its Pod, as on a machine that fails: a container alone would be started again within a second or two."""
    name = pod["metadata"]["name"]
    kubectl("-n", operator.NAMESPACE, "delete", "pod", name, "--grace-period=0", "--force", "--wait=false")
    yield


@contextmanager
def frozen(_kubectl: Kubectl, pod: Object) -> Iterator[None]:
    """It goes on as if no time had passed."""
    pid = processes.find_operator(pod["metadata"]["uid"])
    assert pid is not None, "the operator's process is not there"
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        # The kubelet ends it after a minute, because it does not answer.
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


@contextmanager
def cut_off(_kubectl: Kubectl, pod: Object) -> Iterator[None]:
    """No packet of its Pod reaches anybody, and none reaches the Pod."""
    address = pod["status"]["podIP"]
    rules = (("PREROUTING", "--source", address), ("OUTPUT", "--destination", address))
    for chain, *match in rules:
        subprocess.run(["iptables", "--wait", "-t", "raw", "-I", chain, *match, "-j", "DROP"], check=True)
    try:
        yield
    finally:
        for chain, *match in rules:
            subprocess.run(["iptables", "--wait", "-t", "raw", "-D", chain, *match, "-j", "DROP"], check=True)
