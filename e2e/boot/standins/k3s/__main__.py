"""The command `k3s`, and by its other names `kubectl` and `crictl`."""

from __future__ import annotations

import os
import sys

from e2e.boot.layout import OPT

VERSION = "k3s version v1.31.4+k3s1 (stand-in)"
KUBECONFIG = "/etc/rancher/k3s/k3s.yaml"


def main() -> None:
    """By the name that it is called by, and its first argument."""
    called = os.path.basename(sys.argv[0])  # noqa: PTH119 - the quick way to kubectl imports nothing
    if called in ("kubectl", "crictl"):
        os.environ.setdefault("KUBECONFIG", KUBECONFIG)
        os.execv(f"{OPT}/bin/kubectl", ["kubectl", *sys.argv[1:]])  # noqa: S606 - no shell is wanted
    if sys.argv[1:] not in (["server"], ["agent"]):
        print(VERSION)
        return
    from e2e.boot.standins.k3s.node import run  # noqa: PLC0415 - kubectl must not wait for it

    sys.exit(run(sys.argv[1]))


if __name__ == "__main__":
    main()
