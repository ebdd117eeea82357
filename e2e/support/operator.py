"""Installing the operator into the lab from deploy/, as a user would with kubectl."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from catalyst_operator.api import labels
from catalyst_operator.core import naming
from e2e.lab import images
from e2e.lab.layout import REPOSITORY, Layout
from e2e.lab.timeline import Timeline
from e2e.support.kubectl import Kubectl, Object
from e2e.support.waiting import wait_for

NAMESPACE = "catalyst-system"
DEPLOYMENT = "deployment/catalyst-operator"
SELECTOR = "app.kubernetes.io/name=catalyst-operator"
LEASE = "lease/catalyst-operator"
REPLICAS = 2
OVERLAY = REPOSITORY / "deploy" / "overlays" / "lab"


def install(kubectl: Kubectl, layout: Layout | None = None, *, archive: Path | None = None) -> None:
    """Build and import the image of this tree, apply the overlay, wait until the operator is ready. With an archive,
    the operator and its runs are of the image in it."""
    layout = layout or Layout.of_checkout()
    images.update(layout, Timeline())
    image = images.load_archive(layout, archive, Timeline()) if archive else images.OPERATOR_IMAGE
    kubectl("apply", "--server-side", "--force-conflicts", "-k", str(OVERLAY))
    # The overlay's Pod waits for it: its Git server is trusted as those of the world are.
    authority = {"ca.crt": (layout.pki / "ca.crt").read_text()}
    place = {"name": "lab-authority", "namespace": NAMESPACE}
    kubectl.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": place, "data": authority})
    # The lab's tags never change; the digest, written into the Pod template, does, and rolls out what is new.
    _roll_out(kubectl, image, images.record(layout)[image])


@contextmanager
def upgraded(kubectl: Kubectl, tag: str) -> Iterator[str]:
    """The operator and its runs are of another image, rolled out as an upgrade is; its contents are the same. Gives
    the image's name; afterwards all is as it was."""
    layout = Layout.of_checkout()
    other = f"{images.OPERATOR_IMAGE.rpartition(':')[0]}:{tag}"
    images.tag(layout, images.OPERATOR_IMAGE, other)
    try:
        _roll_out(kubectl, other, tag)
        yield other
    finally:
        _roll_out(kubectl, images.OPERATOR_IMAGE, images.record(layout)[images.OPERATOR_IMAGE])


def _roll_out(kubectl: Kubectl, image: str, version: str) -> None:
    """Have the Deployment's Pods be of this image; `version` tells apart what has one name."""
    annotation = {"catalyst.openova.io/image-digest": version}
    containers = [{"name": "operator", "image": image}]
    patch = {"spec": {"template": {"metadata": {"annotations": annotation}, "spec": {"containers": containers}}}}
    kubectl("-n", NAMESPACE, "patch", DEPLOYMENT, "--type=strategic", "-p", json.dumps(patch))
    _rolled_out(kubectl)


@contextmanager
def setting(kubectl: Kubectl, name: str, value: str) -> Iterator[None]:
    """The operator with another setting; afterwards it has again what it had."""
    before = _set_to(kubectl, name)
    try:
        kubectl("-n", NAMESPACE, "set", "env", DEPLOYMENT, f"{name}={value}")
        _rolled_out(kubectl)
        yield
    finally:
        kubectl("-n", NAMESPACE, "set", "env", DEPLOYMENT, f"{name}-" if before is None else f"{name}={before}")
        _rolled_out(kubectl)


def _set_to(kubectl: Kubectl, name: str) -> str | None:
    """The value of a setting that is a plain text; None for one that is not set."""
    [container] = kubectl.get("-n", NAMESPACE, DEPLOYMENT)["spec"]["template"]["spec"]["containers"]
    return next((env["value"] for env in container["env"] if env["name"] == name), None)


def proof_key(kubectl: Kubectl) -> str:
    """What the operator proves its run namespaces with."""
    held = kubectl.get("-n", NAMESPACE, "secret", naming.PROOF_KEY_SECRET)["data"]
    return base64.b64decode(held[naming.PROOF_KEY]).decode()


def keys_of(kubectl: Kubectl, uid: str) -> list[Object]:
    """The Secrets that the operator keeps beside itself for the Sovereign with this UID."""
    return kubectl.items("-n", NAMESPACE, "secrets", "-l", f"{labels.LABEL_SOVEREIGN_UID}={uid}")


def pods(kubectl: Kubectl) -> list[Object]:
    """Those of the operator, whichever acts."""
    return kubectl.items("-n", NAMESPACE, "pods", "-l", SELECTOR)


def acting(kubectl: Kubectl) -> Object | None:
    """The Pod of the operator that acts; None while that one is gone, or on its way out."""
    holder = kubectl.get("-n", NAMESPACE, LEASE).get("spec", {}).get("holderIdentity")
    stays = (pod["metadata"] for pod in pods(kubectl) if "deletionTimestamp" not in pod["metadata"])
    name = next((meta["name"] for meta in stays if f"{meta['name']}_{meta['uid']}" == holder), "")
    return kubectl.find("-n", NAMESPACE, "pod", name) if name else None


def leader(kubectl: Kubectl) -> Object:
    """The Pod that acts, waited for."""
    found = wait_for(lambda: acting(kubectl), "an operator Pod to act", seconds=60)
    assert found is not None
    return found


def another(kubectl: Kubectl, before: Object) -> Object | None:
    """The Pod that acts, once that is not the one of before."""
    now = acting(kubectl)
    return now if now and now["metadata"]["uid"] != before["metadata"]["uid"] else None


def _rolled_out(kubectl: Kubectl) -> None:
    """All Pods are new ones, and one of them acts: an old one may still be about to end."""
    kubectl("-n", NAMESPACE, "rollout", "status", DEPLOYMENT, "--timeout=90s")
    leader(kubectl)


def kill(kubectl: Kubectl) -> None:
    """End the process of the operator that acts without notice, and wait until another one does."""
    before = leader(kubectl)
    name = before["metadata"]["name"]
    kubectl("-n", NAMESPACE, "delete", "pod", name, "--grace-period=0", "--force", "--wait=false")
    wait_for(lambda: another(kubectl, before), "another operator Pod to act", seconds=60)
