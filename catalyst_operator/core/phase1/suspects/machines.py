"""What the new cluster itself lacks: Flux, a network, nodes, storage."""

from __future__ import annotations

from datetime import datetime, timedelta

from catalyst_operator.api import labels
from catalyst_operator.core.errors.codes import CNI_STUCK, FLUX_GONE, NO_STORAGECLASS, NODE_NOT_READY
from catalyst_operator.core.phase1 import presence
from catalyst_operator.core.phase1.expected import listed
from catalyst_operator.core.phase1.suspects.base import Look, Suspect, Suspects, complaint
from catalyst_operator.core.phase1.views import ClaimView, NodeView
from catalyst_operator.core.record import ErrorEntry

CNI_PATIENCE = timedelta(minutes=10)
NODE_PATIENCE = timedelta(minutes=15)
"""A node that joins takes about three minutes; one that waits for the first control plane takes longer."""
CLAIM_PATIENCE = timedelta(seconds=30)
"""Where no class is the default one, waiting does not help."""
CILIUM = "bp-cilium"
_GONE = (
    "See in the project whether its server is there and runs. A server that was deleted is made again by a run: "
    f"annotate the Sovereign with {labels.ANNOTATION_RETRY}=<any new value>. What has joined: `kubectl get nodes`."
)
_LOCAL_PATH = "https://raw.githubusercontent.com/rancher/local-path-provisioner/v0.0.30/deploy/local-path-storage.yaml"
_DEFAULT = '{"metadata":{"annotations":{"storageclass.kubernetes.io/is-default-class":"true"}}}'


def flux(look: Look) -> Suspects:
    """Flux, if it was there and is not any more."""
    gone = presence.gone(look.view, look.flux_seen)
    if gone:
        namespace, name = look.sovereign
        said = (complaint(look, r).message for r in look.view.releases if r.known_as == "bp-flux")
        why = next(filter(None, said), "")
        told = f"Flux is gone: flux-system has no Deployment {', '.join(gone)}" + (
            f"; bp-flux said: {why}" if why else ""
        )
        remedy = (
            "Nothing on that cluster can bring it back in order: only a new cluster helps. Once what matters is saved, "
            f"take off deletionProtection and delete the Sovereign: `kubectl -n {namespace} delete sovereign {name}`. "
            "Then apply it again, with a release whose pins fit."
        )
        yield Suspect(FLUX_GONE.entry(told, remedy=remedy))


# --- network and nodes ------------------------------------------------------------------------------------------------


def network(look: Look) -> Suspects:
    """Nodes that say so themselves."""
    for node in look.survey.nodes or ():
        if not node.ready and _speaks_of_network(node.message):
            yield Suspect(
                _no_network(f"Node {node.name} has no network: {node.message}"), _since(look, node), CNI_PATIENCE
            )


def cilium(look: Look) -> Suspects:
    """Cilium, which everything else waits for."""
    for release in look.open_releases:
        if release.known_as == CILIUM:
            ready = release.condition("Ready")
            said = complaint(look, release).message or "helm-controller is still at work on it"
            # One that was installed has its time again when it is upgraded.
            since = ready.since if ready and release.was_installed else release.created
            yield Suspect(_no_network(f"Cilium is not ready: {said}"), since, CNI_PATIENCE)


def nodes(look: Look) -> Suspects:
    """Nodes that were asked for and did not join, or are not ready."""
    if look.survey.nodes is None:
        return
    there = {node.name: node for node in look.survey.nodes}
    gone = tuple(name for name in look.nodes_wanted if name not in there and name in look.nodes_joined)
    if gone:
        told = f"Gone from the cluster, which they had joined: {listed(gone)}"
        yield Suspect(NODE_NOT_READY.entry(told, remedy=_GONE))
    absent = tuple(name for name in look.nodes_wanted if name not in there and name not in look.nodes_joined)
    if absent:
        told = f"Not joined: {listed(absent)}"
        yield Suspect(NODE_NOT_READY.entry(told), look.since, NODE_PATIENCE)
    for name in look.nodes_wanted:
        if name in there and not there[name].ready:
            told = f"Node {name} is not ready: {there[name].message or 'the kubelet gives no reason'}"
            remedy = f"See what its kubelet says: `kubectl describe node {name}`."
            patience = look.patience if name in look.nodes_joined else CNI_PATIENCE
            yield Suspect(NODE_NOT_READY.entry(told, remedy=remedy), _since(look, there[name]), patience)


def _speaks_of_network(message: str) -> bool:
    said = message.lower()
    return "cni" in said or "network plugin" in said or "networkpluginnotready" in said or "networkunavailable" in said


def _since(look: Look, node: NodeView) -> datetime:
    return node.since or look.since


# --- storage ----------------------------------------------------------------------------------------------------------


def storage(look: Look) -> Suspects:
    """Claims for a class that does not exist: they wait for ever."""
    if look.survey.storage_classes is None or not look.stuck:
        return
    classes = tuple(c.name for c in look.survey.storage_classes)
    unnamed = tuple(c for c in look.survey.claims or () if not c.storage_class)
    if unnamed and look.view.default_class is False:
        which = f"none of {listed(classes)} is the default one" if classes else "there is none at all"
        told = f"No default StorageClass ({which}), and claims wait for one: {_named(unnamed)}"
        yield _waiting(unnamed, told, _make_default(classes))
    for claim in look.survey.claims or ():
        if claim.storage_class and claim.storage_class not in classes:
            told = f"There is no StorageClass {claim.storage_class}, and a claim waits for it: {_named((claim,))}"
            yield _waiting(
                (claim,), told, "Make that class, or let the chart use another one: `kubectl get storageclass`."
            )


def _waiting(claims: tuple[ClaimView, ...], told: str, remedy: str) -> Suspect:
    since = [c.since for c in claims if c.since]
    return Suspect(NO_STORAGECLASS.entry(told, remedy=remedy), min(since, default=None), CLAIM_PATIENCE)


def _named(claims: tuple[ClaimView, ...]) -> str:
    return listed(tuple(sorted(f"{c.namespace}/{c.name}" for c in claims)))


def _make_default(classes: tuple[str, ...]) -> str:
    name = "local-path" if "local-path" in classes or not classes else classes[0]
    mark = f"kubectl patch storageclass {name} -p '{_DEFAULT}'"
    if classes:
        return f"Make one the default: `{mark}`. Claims that wait bind within half a minute."
    return (
        f"Install local-path, as k3s brings it, and make it the default: `kubectl apply -f {_LOCAL_PATH} && {mark}`. "
        "Claims that wait bind within half a minute."
    )


def _no_network(told: str) -> ErrorEntry:
    return CNI_STUCK.entry(told)
