"""GitOps on the management cluster: a Sovereign applied from Git by real kustomize-controller."""

from __future__ import annotations

import json

import pytest
import yaml

from e2e.lab.git_server.client import GitServer
from e2e.lab.layout import Layout
from e2e.stories.conftest import Make
from e2e.support import fleet
from e2e.support.cloud import Project
from e2e.support.kubectl import Kubectl, Object
from e2e.support.new_cluster import NewCluster
from e2e.support.sovereigns import condition
from e2e.support.waiting import wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

REPOSITORY = "platform/fleet.git"
NAME = "customers"


def test_a_kustomization_is_ready_when_its_sovereign_is(make: Make, kubectl: Kubectl) -> None:
    """Not before; asked to look again it answers; and pruning a protected Sovereign is refused."""
    git = GitServer("https://10.99.0.1:8443", Layout.of_checkout().pki / "ca.crt")
    project = Project(boots=True)
    project.kit_faults(releases={"bp-catalyst-platform": {"hold": True}})
    sovereign, _ = make("gitops", project=project, workers={"replicas": 0}, handOff={"mode": "Manual"})
    kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": sovereign.namespace}})
    sovereign.put_token(sovereign.token)
    git.create(REPOSITORY, template=False)
    git.commit(REPOSITORY, tree(sovereign.manifest))
    with fleet.flux(kubectl):
        kubectl.apply(*flux_objects(git.repository_url(REPOSITORY)))
        try:
            sovereign.until("all but the last", lambda s: s.get("progressPercent", 0) > 90)
            told = ready(kubectl)
            assert told.get("status") != "True", told
            NewCluster(project).faults()
            sovereign.ready()
            wait_for(lambda: ready(kubectl).get("status") == "True", "the Kustomization to be ready", seconds=60)

            value = sovereign.annotate("reconcile.fluxcd.io/requestedAt")
            sovereign.until("answered", lambda s: s.get("lastHandledReconcileAt") == value, seconds=15)

            git.commit(REPOSITORY, {"customers/sovereign.yaml": None, "customers/kustomization.yaml": EMPTY})
            wait_for(lambda: "is protected" in json.dumps(ready(kubectl)), "the refusal to be told", seconds=60)
            assert sovereign.read() is not None
        finally:
            kubectl("-n", fleet.NAMESPACE, "delete", "kustomization", NAME, "--wait=false", "--ignore-not-found")


EMPTY = yaml.safe_dump({"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": []})


def tree(sovereign: Object) -> dict[str, str]:
    """What a platform team has in Git."""
    kustomization = {**yaml.safe_load(EMPTY), "resources": ["sovereign.yaml"]}
    return {
        "customers/kustomization.yaml": yaml.safe_dump(kustomization),
        "customers/sovereign.yaml": yaml.safe_dump(sovereign),
    }


def flux_objects(url: str) -> tuple[Object, Object]:
    """As deploy/samples/gitops/flux.yaml has them."""
    text = (Layout.of_checkout().checkout / "deploy/samples/gitops/flux.yaml").read_text()
    source, kustomization = yaml.safe_load_all(text)
    source["spec"]["url"] = url
    kustomization["spec"]["interval"] = "1m"
    return source, kustomization


def ready(kubectl: Kubectl) -> Object:
    """The Kustomization's own condition."""
    found = kubectl.find("-n", fleet.NAMESPACE, "kustomization", NAME) or {}
    return condition(found.get("status", {}), "Ready")
