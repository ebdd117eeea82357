"""Installing the operator into the lab from deploy/, as a user would with kubectl."""

from __future__ import annotations

from e2e.lab import images
from e2e.lab.layout import REPOSITORY, Layout
from e2e.lab.timeline import Timeline
from e2e.support.kubectl import Kubectl, Object
from e2e.support.waiting import wait_for

NAMESPACE = "catalyst-system"
DEPLOYMENT = "deployment/catalyst-operator"
OVERLAY = REPOSITORY / "deploy" / "overlays" / "lab"


def install(kubectl: Kubectl, layout: Layout | None = None) -> None:
    """Build and import the image of this tree, apply the overlay, wait until the operator is ready."""
    changed = images.update(layout or Layout.of_checkout(), Timeline())
    running = kubectl.find("-n", NAMESPACE, DEPLOYMENT) if kubectl.find("namespace", NAMESPACE) else None
    kubectl("apply", "--server-side", "--force-conflicts", "-k", str(OVERLAY))
    if changed and running:
        # The tag stays the same, so the Deployment does not see that the image is another.
        kubectl("-n", NAMESPACE, "rollout", "restart", DEPLOYMENT)
    kubectl("-n", NAMESPACE, "rollout", "status", DEPLOYMENT, "--timeout=90s")


def kill(kubectl: Kubectl) -> None:
    """End the operator's process without notice, and wait until another one is ready."""
    selector = "app.kubernetes.io/name=catalyst-operator"
    before = {pod["metadata"]["uid"] for pod in kubectl.items("-n", NAMESPACE, "pods", "-l", selector)}
    kubectl("-n", NAMESPACE, "delete", "pods", "-l", selector, "--grace-period=0", "--force", "--wait=false")

    def replaced() -> bool:
        pods = kubectl.items("-n", NAMESPACE, "pods", "-l", selector)
        return any(pod["metadata"]["uid"] not in before and _ready(pod) for pod in pods)

    wait_for(replaced, "another operator Pod to be ready", seconds=60)


def _ready(pod: Object) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions") or ())
