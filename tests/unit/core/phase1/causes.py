"""The table of first causes: what is seen, and what has to be said of it.

Messages are those of the controllers of Flux 2.4, cert-manager 1.16, k3s 1.31 and Let's Encrypt.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from catalyst_operator.api.phases import Phase1Outcome
from catalyst_operator.core.phase1.expected import expected
from catalyst_operator.core.phase1.views import (
    SOURCE,
    ClaimView,
    ClusterView,
    ConsoleView,
    EventView,
    HelmReleaseView,
    KustomizationView,
    NodeView,
    PodTroubleView,
    SourceView,
    StorageClassView,
)
from tests.unit.core.phase1 import kit
from tests.unit.core.phase1.kit import CHAIN, GIT_URL, KIT, NOW, Mod

MINUTE = timedelta(minutes=1)
LONG_AGO = NOW - 20 * MINUTE
READY, TIMEOUT = Phase1Outcome.READY, Phase1Outcome.TIMEOUT
NOTHING_SEEN, FAILED = Phase1Outcome.FLUX_NOT_RECONCILING, Phase1Outcome.FAILED
NODES = tuple(node.name for node in kit.NODES)


@dataclass(frozen=True)
class Case:
    """One row: what is seen leads to this code, and message and remedy say this."""

    why: str
    view: ClusterView
    code: str
    says: tuple[str, ...] = ()
    command: str = ""
    """What the one command has to contain."""
    lasting: bool | None = None
    with_: dict[str, Any] = field(default_factory=dict)
    """Further arguments of `first_cause`."""


def broken(
    *releases: HelmReleaseView,
    kustomizations: tuple[KustomizationView, ...] = (),
    survey: dict[str, Any] | None = None,
    **values: Any,
) -> ClusterView:
    """A cluster whose kit has not come far: no HelmRelease but these, and a Kustomization that has just begun."""
    begun = (kit.kustomization(KIT, kit.condition("Ready", "Unknown", "Progressing", "Reconciliation in progress")),)
    return kit.cluster(
        releases=releases, kustomizations=kustomizations or begun, survey=kit.survey(**(survey or {})), **values
    )


def kustomization(reason: str, message: str, *mods: Mod, name: str = KIT) -> KustomizationView:
    """One that is not ready."""
    return kit.kustomization(name, kit.not_ready(reason, message), *mods)


# --- the Git repository -----------------------------------------------------------------------------------------------

NO_ARTIFACT = kustomization("ArtifactFailed", "Source artifact not found, retrying in 30s")


def git(message: str, *mods: Mod) -> ClusterView:
    """The Git server answered so, and the kit waits for it."""
    told = f"failed to checkout and determine revision: unable to clone '{GIT_URL}': {message}"
    marks = (
        kit.not_ready("GitOperationFailed", told),
        kit.condition("FetchFailed", "True", "GitOperationFailed", told),
    )
    found = kit.source("GitRepository", SOURCE, *marks, *mods)
    return broken(kustomizations=(NO_ARTIFACT,), survey={"sources": (found,)})


GIT = (
    Case(
        "Git: wrong password",
        git("authentication required: Unauthorized"),
        "ERR_GIT_SOURCE",
        ("GitRepository flux-system/openova-public", "(401)", "spec.gitops.credentialsSecretRef"),
        "describe gitrepository openova-public",
        lasting=True,
    ),
    Case(
        "Git: credentials not delivered",
        git("", kit.not_ready("AuthenticationFailed", "failed to get secret 'flux-system/catalyst-git': not found")),
        "ERR_GIT_SOURCE",
        ("(401)", "catalyst-git"),
    ),
    Case("Git: no right to read", git("authorization failed: Forbidden"), "ERR_GIT_SOURCE", ("(403)",), lasting=True),
    Case(
        "Git: no such repository",
        git("repository not found: Not Found"),
        "ERR_GIT_SOURCE",
        ("(404)",),
        """--type merge -p '{"spec":{"url":"<url>"}}'""",
        lasting=True,
    ),
    Case(
        "Git: no such repository, as it is told to who has no credentials",
        git("authentication required: Repository not found."),
        "ERR_GIT_SOURCE",
        ("does not exist (404), or is not shown to these credentials", "spec.gitops.url"),
        lasting=True,
    ),
    Case(
        "Git: an object that was not found says nothing of the repository",
        git("entry not found"),
        "ERR_GIT_SOURCE",
        ("entry not found",),
        "describe gitrepository",
        lasting=False,
    ),
    Case(
        "Git: asked too often",
        git("unexpected client error: status code: 429"),
        "ERR_GIT_SOURCE",
        ("was asked too often (429)",),
        lasting=False,
    ),
    Case(
        "Git: no such branch",
        git('couldn\'t find remote ref "refs/heads/production"'),
        "ERR_GIT_SOURCE",
        ("the branch, tag or commit does not exist", "refs/heads/production", "spec.gitops.ref"),
        """-p '{"spec":{"ref":{"branch":"<branch>","tag":null,"commit":null}}}'""",
        lasting=True,
    ),
    Case(
        "Git: a commit that is in no branch",
        git("unable to resolve commit object for '4f1c4f1c': object not found"),
        "ERR_GIT_SOURCE",
        ("the branch, tag or commit does not exist", "4f1c4f1c"),
        lasting=True,
    ),
    Case(
        "Git: not signed by any of the keys",
        git("", kit.not_ready("VerificationError", "failed to verify the signature of the commit")),
        "ERR_GIT_SOURCE",
        ("not signed as it should be", "spec.gitops.verify"),
        lasting=True,
    ),
    Case(
        "Git: a commit that none of the keys signed",
        git(
            "",
            kit.not_ready(
                "InvalidCommitSignature",
                "signature verification of commit 'fcf573111bd82600052f99195a"
                "67f33d8242bf17' failed: unable to verify commit with any of the given key rings",
            ),
        ),
        "ERR_GIT_SOURCE",
        ("not signed as it should be", "spec.gitops.verify"),
        lasting=True,
    ),
    Case(
        "Git: a tag that none of the keys signed",
        git(
            "",
            kit.not_ready(
                "InvalidTagSignature",
                "signature verification of tag '6.4.0@sha1:dd3869b1' failed: "
                "unable to verify tag with any of the given key rings",
            ),
        ),
        "ERR_GIT_SOURCE",
        ("not signed as it should be", "spec.gitops.verify"),
        lasting=True,
    ),
    Case(
        "Git: a tag without any signature",
        git(
            "",
            kit.not_ready(
                "InvalidGitObject",
                "cannot verify signature of tag '6.4.0@sha1:dd3869b1' since it is not signed",
            ),
        ),
        "ERR_GIT_SOURCE",
        ("not signed as it should be", "spec.gitops.verify"),
        lasting=True,
    ),
    Case(
        "Git: nobody answers",
        git(
            f'Get "{GIT_URL}/info/refs?service=git-upload-pack": dial tcp 203.0.113.5:443: connect: connection refused'
        ),
        "ERR_GIT_SOURCE",
        ("does not answer", "connection refused"),
        "logs deploy/source-controller",
        lasting=False,
    ),
    Case(
        "Git: name not resolved",
        git(f'Get "{GIT_URL}/info/refs": dial tcp: lookup github.com on 10.43.0.10:53: no such host'),
        "ERR_GIT_SOURCE",
        ("does not answer",),
        lasting=False,
    ),
    Case(
        "Git: unknown authority",
        git("tls: failed to verify certificate: x509: certificate signed by unknown authority"),
        "ERR_GIT_SOURCE",
        ("not trusted", "ca.crt"),
        "get secret catalyst-git",
    ),
    Case(
        "Git: something else, and given up",
        git("object not found or whatever", kit.stalled("URLInvalid", "")),
        "ERR_GIT_SOURCE",
    ),
    Case(
        "Git: the next attempt has just begun, and the last one's event is there",
        broken(
            survey={
                "sources": (
                    kit.source(
                        "GitRepository",
                        SOURCE,
                        kit.condition("Ready", "Unknown", "Progressing", "building artifact", minutes=0.1),
                    ),
                ),
                "events": (
                    EventView("flux-system", "GitRepository", SOURCE, "GitOperationFailed", "branch?", LONG_AGO),
                    EventView(
                        "flux-system",
                        "GitRepository",
                        SOURCE,
                        "GitOperationFailed",
                        "authentication required",
                        NOW - 0.2 * MINUTE,
                    ),
                ),
            }
        ),
        "ERR_GIT_SOURCE",
        ("(401)",),
    ),
    Case(
        "Git: a new revision cannot be fetched and the kit is not whole",
        replace(
            git("authentication required"),
            survey=kit.survey(sources=(kit.source("GitRepository", SOURCE, kit.fetched, kit.not_ready("X", "401")),)),
        ),
        "ERR_GIT_SOURCE",
    ),
)

# --- Kustomizations ---------------------------------------------------------------------------------------------------

_DRY_RUN = "HelmRelease/flux-system/bp-flux dry-run failed: "


WEBHOOK = (
    'Internal error occurred: failed calling webhook "webhook.cert-manager.io": failed to call webhook: Post '
    '"https://cert-manager-webhook.cert-manager.svc:443/validate?timeout=30s": no endpoints available for service '
    '"cert-manager-webhook"'
)


def build(message: str, reason: str = "BuildFailed") -> ClusterView:
    """The kit's Kustomization says so."""
    return broken(kustomizations=(kustomization(reason, message),))


KUSTOMIZATIONS = (
    Case(
        "SOPS: the key is missing",
        build("Secret \"sops-age\" not found: cannot get sops decryption Secret 'flux-system/sops-age'"),
        "ERR_SOPS",
        (f"Kustomization flux-system/{KIT}", "cannot be decrypted"),
        "create secret generic sops-age",
        lasting=True,
    ),
    Case(
        "SOPS: another key",
        build("failed to decrypt and format 'yaml' Secret data: Error getting data key: 0 successful groups required"),
        "ERR_SOPS",
    ),
    Case(
        "SOPS: not told to decrypt",
        build(
            "Secret/a/b is SOPS encrypted, configuring decryption is required for this secret to be reconciled",
            "ReconciliationFailed",
        ),
        "ERR_SOPS",
        ("not told how to decrypt",),
        '"provider":"sops"',
    ),
    Case(
        "SOPS: the Secret with the key does not exist, and that is all that is said",
        build('secrets "sops-age" not found'),
        "ERR_SOPS",
    ),
    Case(
        "a file that is called after SOPS is missing: that has nothing to do with a key",
        build(
            "kustomize build failed: accumulating resources: accumulation err='accumulating resources from "
            "'secret.sops.yaml': open /tmp/kustomization-351/clusters/kit/secret.sops.yaml: no such file or directory'"
        ),
        "ERR_KUSTOMIZATION",
        ("it cannot be built", "secret.sops.yaml"),
        "kustomize build <path>",
    ),
    Case(
        "an object that is called forbidden",
        build("HelmRelease/apps/forbidden dry-run failed (Invalid): spec.interval: Required value"),
        "ERR_KUSTOMIZATION",
        ("Required value",),
        f"describe kustomization {KIT}",
    ),
    Case(
        "the source that it names does not exist",
        build('gitrepositories.source.toolkit.fluxcd.io "openova" not found', "ArtifactFailed"),
        "ERR_KUSTOMIZATION",
        ("the source that it names does not exist",),
        "get gitrepositories",
    ),
    Case(
        "what was taken out of the repository does not go",
        build("Namespace/old delete failed: finalizers", "PruneFailed"),
        "ERR_KUSTOMIZATION",
        ("cannot be removed",),
    ),
    Case(
        "an apiVersion that this Flux's sources do not have",
        build(
            'HelmRepository/flux-system/openova dry-run failed: no matches for kind "HelmRepository" in version '
            '"source.toolkit.fluxcd.io/v1beta2"'
        ),
        "ERR_KUSTOMIZATION",
        ("does not know such an apiVersion", "source.toolkit.fluxcd.io/v1beta2"),
        "kubectl api-resources --api-group=source.toolkit.fluxcd.io",
    ),
    Case(
        "a CRD is missing",
        build(
            'Certificate/x/console dry-run failed: no matches for kind "Certificate" in version "cert-manager.io/v1"'
        ),
        "ERR_KUSTOMIZATION",
        ("a CustomResourceDefinition is missing", "cert-manager.io/v1"),
        "get customresourcedefinitions",
    ),
    Case(
        "an apiVersion of another Flux",
        build(_DRY_RUN + 'no matches for kind "HelmRelease" in version "helm.toolkit.fluxcd.io/v2beta1"'),
        "ERR_KUSTOMIZATION",
        ("does not know such an apiVersion",),
        "api-resources --api-group=helm.toolkit.fluxcd.io",
    ),
    Case(
        "a field of a newer Flux",
        build(
            f"{_DRY_RUN}failed to create typed patch object (flux-system/bp-flux; helm.toolkit.fluxcd.io/v2, "
            "Kind=HelmRelease): .spec.install.disableTakeOwnership: field not declared in schema"
        ),
        "ERR_KUSTOMIZATION",
        ("a field that this version of Flux does not know", "disableTakeOwnership"),
    ),
    Case(
        "the path does not exist",
        build(
            "kustomization path not found: stat /tmp/kustomization-351/clusters/kit: no such file or directory",
            "ArtifactFailed",
        ),
        "ERR_KUSTOMIZATION",
        ("its path is not in the Git repository",),
        """'{"spec":{"path":"<path>"}}'""",
    ),
    Case(
        "a variable has no value",
        build(
            "post build failed for 'bp-keycloak': variable substitution failed: variable not set (strict mode): FQDN"
        ),
        "ERR_KUSTOMIZATION",
        ("a variable of the template has no value",),
        "jsonpath='{.spec.postBuild}'",
    ),
    Case(
        "braces of a script that Flux takes for a variable",
        build(
            "post build failed for 'HelmRelease/opencode': envsubst error: variable substitution failed: missing "
            "closing brace"
        ),
        "ERR_KUSTOMIZATION",
        ("braces that Flux takes for a variable", "two dollar signs"),
        f"describe kustomization {KIT}",
    ),
    Case(
        "a field that can be set only once",
        build(
            'Job/x/y dry-run failed (Invalid): Job.batch "y" is invalid: spec.template: Invalid value: '
            "core.PodTemplateSpec{}: field is immutable",
            "ReconciliationFailed",
        ),
        "ERR_KUSTOMIZATION",
        ("changes a field that can be set only once", "delete the object"),
        f"describe kustomization {KIT}",
    ),
    Case(
        "an API behind the API server does not answer: no CRD is missing",
        build(
            "failed to get API group resources: unable to retrieve the complete list of server APIs: "
            "metrics.k8s.io/v1beta1: the server is currently unable to handle the request",
            "ReconciliationFailed",
        ),
        "ERR_KUSTOMIZATION",
        ("an API behind the API server does not answer", "metrics.k8s.io/v1beta1"),
        "kubectl get apiservices",
        lasting=False,
    ),
    Case(
        "a webhook cannot be asked, and nothing says more",
        build(f"ClusterIssuer/sovereign dry-run failed (InternalError): {WEBHOOK}", "ReconciliationFailed"),
        "ERR_KUSTOMIZATION",
        ("a webhook that has to admit it cannot be asked", "no endpoints available"),
        "kubectl -n cert-manager get services,endpointslices,pods",
        lasting=False,
    ),
    Case(
        "a webhook cannot be asked, because its Pod does not start",
        broken(
            kustomizations=(kustomization("ReconciliationFailed", f"ClusterIssuer/x dry-run failed: {WEBHOOK}"),),
            survey={
                "pods": (
                    PodTroubleView("cert-manager", "cert-manager-webhook-0", "ImagePullBackOff", "Back-off", LONG_AGO),
                )
            },
        ),
        "ERR_KIT_IMAGE_PULL",
        ("cert-manager/cert-manager-webhook-0",),
    ),
    Case(
        "source-controller does not hand out what it fetched",
        build(
            "failed to download archive: GET http://source-controller.flux-system.svc.cluster.local./gitrepository/"
            "flux-system/openova-public/c1de637b.tar.gz giving up after 10 attempt(s): Get "
            '"http://source-controller.flux-system.svc.cluster.local./gitrepository/x.tar.gz": dial tcp '
            "10.43.89.232:80: connect: connection refused",
            "ArtifactFailed",
        ),
        "ERR_KUSTOMIZATION",
        ("source-controller does not hand out what it fetched", "connection refused"),
        "kubectl -n flux-system get pods,services,networkpolicies",
        lasting=False,
    ),
    Case(
        "a namespace does not exist",
        build('ConfigMap/apps/x dry-run failed (NotFound): namespaces "apps" not found'),
        "ERR_KUSTOMIZATION",
        ("a namespace that does not exist",),
    ),
    Case(
        "it cannot be built",
        build(
            "kustomize build failed: accumulating resources: accumulation err='accumulating resources from 'x.yaml''"
        ),
        "ERR_KUSTOMIZATION",
        ("it cannot be built",),
    ),
    Case(
        "a right is missing",
        build('ClusterRole/x dry-run failed (Forbidden): clusterroles "x" is forbidden: attempting to grant RBAC'),
        "ERR_KUSTOMIZATION",
        ("may not make",),
    ),
    Case(
        "anything else",
        build("something new"),
        "ERR_KUSTOMIZATION",
        ("something new",),
        f"describe kustomization {KIT}",
    ),
    Case(
        "it depends on one that does not exist",
        broken(
            kustomizations=(
                kustomization("DependencyNotReady", "unable to get 'flux-system/crds'", kit.depends_on("crds")),
            )
        ),
        "ERR_KUSTOMIZATION",
        ("depends on Kustomization flux-system/crds, which does not exist",),
    ),
    Case(
        "it depends on one that is broken: that one is the cause",
        broken(
            kustomizations=(
                kustomization(
                    "DependencyNotReady", "dependency 'flux-system/crds' is not ready", kit.depends_on("crds")
                ),
                kustomization("BuildFailed", "kustomize build failed: x", name="crds"),
            )
        ),
        "ERR_KUSTOMIZATION",
        ("Kustomization flux-system/crds: it cannot be built",),
        "",
    ),
    Case(
        "a component depends on one that the kit does not have",
        kit.cluster(
            releases=(kit.release("bp-a", kit.depends_on("bp-x"), kit.waiting_for("bp-x")),),
        ),
        "ERR_KUSTOMIZATION",
        ("HelmRelease flux-system/bp-a: it depends on HelmRelease flux-system/bp-x, which does not exist",),
    ),
    Case(
        "a component depends on one of another namespace, where there is none",
        kit.cluster(
            releases=(
                kit.release(
                    "bp-a",
                    kit.spec(dependsOn=[{"name": "bp-x", "namespace": "apps"}]),
                    kit.not_ready("DependencyNotReady", "unable to get 'apps/bp-x' dependency: not found"),
                ),
                kit.release("bp-x", kit.ready()),
            ),
        ),
        "ERR_KUSTOMIZATION",
        ("it depends on HelmRelease apps/bp-x, which does not exist",),
        "kubectl -n apps get helmreleases",
    ),
    Case(
        "it fails again and again after it was applied once, each time for a moment only",
        broken(
            kustomizations=(
                replace(
                    kit.kustomization(
                        KIT, kit.applied(), kit.not_ready("BuildFailed", "kustomize build failed: x", 0.1)
                    ),
                    unready_since=NOW - 3 * MINUTE,
                ),
            )
        ),
        "ERR_KUSTOMIZATION",
        ("it cannot be built",),
    ),
    Case(
        "the kit is suspended before it was applied",
        broken(kustomizations=(kit.kustomization(KIT, kit.suspended),)),
        "ERR_KIT_SUSPENDED",
        (f"Kustomization flux-system/{KIT} is suspended and never applied anything",),
        f"patch kustomization {KIT} --type merge",
    ),
    Case(
        "the Git repository is suspended before it was fetched",
        broken(
            kustomizations=(NO_ARTIFACT,),
            survey={"sources": (kit.source("GitRepository", SOURCE, kit.suspended),)},
        ),
        "ERR_KIT_SUSPENDED",
        ("GitRepository flux-system/openova-public is suspended and was not fetched before",),
        "patch gitrepository openova-public",
    ),
    Case(
        "an unhealthy kit of which nothing deeper is known",
        broken(
            kustomizations=(kustomization("HealthCheckFailed", "timeout waiting for: [Job/x/y status: 'InProgress']"),)
        ),
        "ERR_KUSTOMIZATION",
        ("Job/x/y",),
    ),
)

# --- the cluster itself -----------------------------------------------------------------------------------------------

_STORED = (
    "Helm install failed for release flux-system/flux with chart bp-flux@1.1.1: CustomResourceDefinition.apiextensions."
    'k8s.io "helmrepositories.source.toolkit.fluxcd.io" is invalid: status.storedVersions[0]: Invalid value: "v1": '
    "must appear in spec.versions"
)
_STORED_NEWER = _STORED.replace("must appear in spec.versions", "missing from spec.versions; v1 was previously stored")
DRIFTED = {"bp-flux": (kit.not_ready("InstallFailed", _STORED),)}
_NO_CNI = (
    "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin "
    "returns error: cni plugin not initialized"
)
_CLAIMS = (
    ClaimView("keycloak", "data-keycloak-postgresql-0", since=NOW - 0.6 * MINUTE),
    ClaimView("openbao", "data-openbao-0", since=NOW - 0.5 * MINUTE),
)
_WAITING_ON_STORAGE = kit.chain(mods={"bp-spire": (kit.progressing(),), CHAIN[6]: (kit.waiting_for("bp-spire"),)})
_UNBOUND = (
    "0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/2 nodes are available"
)


def node(name: str, message: str, minutes: float = 11) -> dict[str, Any]:
    """A survey in which this node is not ready, and the other is."""
    sick = NodeView(name, False, message, NOW - minutes * MINUTE)
    return {"nodes": (*(n for n in kit.NODES if n.name != name), sick)}


def claims(*classes: StorageClassView, pending: tuple[ClaimView, ...] = _CLAIMS) -> ClusterView:
    """Components wait for their volumes."""
    trouble = tuple(PodTroubleView(c.namespace, f"{c.name}-pod", "Unschedulable", _UNBOUND, LONG_AGO) for c in pending)
    return kit.cluster(
        releases=_WAITING_ON_STORAGE, survey=kit.survey(storage_classes=classes, claims=pending, pods=trouble)
    )


CLUSTER = (
    Case(
        "Flux was there and is gone",
        broken(survey={"deployments": ()}),
        "ERR_FLUX_GONE",
        ("no Deployment source-controller, kustomize-controller, helm-controller", "only a new cluster helps"),
        "kubectl -n customers delete sovereign omantel",
        lasting=True,
        with_={"flux_seen": True},
    ),
    Case(
        "Flux is gone, and HelmReleases tell why",
        kit.cluster(releases=kit.chain(mods=DRIFTED), survey=kit.survey(deployments=())),
        "ERR_FLUX_GONE",
        ("bp-flux said: Helm install failed", "storedVersions"),
    ),
    Case(
        "bp-flux brings another Flux than the one that booted",
        kit.cluster(releases=kit.chain(mods=DRIFTED)),
        "ERR_FLUX_PIN_DRIFT",
        ("HelmRelease flux-system/bp-flux", "must appear in spec.versions"),
        "patch helmrelease bp-flux",
        lasting=True,
    ),
    Case(
        "the same, as a newer API server says it",
        kit.cluster(releases=kit.chain(mods={"bp-flux": (kit.not_ready("InstallFailed", _STORED_NEWER),)})),
        "ERR_FLUX_PIN_DRIFT",
        ("HelmRelease flux-system/bp-flux", "missing from spec.versions"),
        "patch helmrelease bp-flux",
        lasting=True,
    ),
    Case(
        "the nodes have no network",
        broken(survey=node("omantel-worker-0", _NO_CNI)),
        "ERR_CNI_STUCK",
        ("Node omantel-worker-0 has no network", "cni plugin not initialized"),
        "journalctl -u k3s -n 100",
        lasting=True,
    ),
    Case(
        "Cilium is not ready for more than ten minutes",
        kit.cluster(releases=kit.chain(mods={"bp-cilium": (kit.progressing(),)})),
        "ERR_CNI_STUCK",
        ("Cilium is not ready",),
        "journalctl",
    ),
    Case(
        "a node never joined",
        kit.cluster(),
        "ERR_NODE_NOT_READY",
        ("Not joined: omantel-worker-1",),
        "/var/log/catalyst-bootstrap.log",
        with_={"nodes_wanted": (*NODES, "omantel-worker-1"), "outcome": READY},
    ),
    Case(
        "a node that had joined is gone",
        kit.cluster(survey=kit.survey(nodes=kit.NODES[:1])),
        "ERR_NODE_NOT_READY",
        ("Gone from the cluster, which they had joined: omantel-worker-0", "retryRequestedAt"),
        "get nodes",
        with_={"nodes_wanted": NODES, "nodes_joined": NODES, "outcome": READY, "since": NOW},
    ),
    Case(
        "a node that had joined is not ready for two minutes",
        kit.cluster(survey=kit.survey(**node("omantel-worker-0", "Kubelet stopped posting node status.", 2))),
        "ERR_NODE_NOT_READY",
        ("Node omantel-worker-0 is not ready",),
        with_={"nodes_wanted": NODES, "nodes_joined": NODES, "outcome": READY},
    ),
    Case(
        "a node is not ready for another reason",
        kit.cluster(survey=kit.survey(**node("omantel-worker-0", "Kubelet stopped posting node status."))),
        "ERR_NODE_NOT_READY",
        ("Node omantel-worker-0 is not ready: Kubelet stopped",),
        "describe node omantel-worker-0",
        with_={"nodes_wanted": NODES, "outcome": READY},
    ),
    Case(
        "no StorageClass at all",
        claims(),
        "ERR_NO_STORAGECLASS",
        ("there is none at all", "keycloak/data-keycloak-postgresql-0, openbao/data-openbao-0"),
        "local-path-provisioner/v0.0.30/deploy/local-path-storage.yaml && kubectl patch storageclass local-path",
        lasting=True,
    ),
    Case(
        "no class is the default one",
        claims(StorageClassView("local-path", False)),
        "ERR_NO_STORAGECLASS",
        ("none of local-path is the default one",),
        'kubectl patch storageclass local-path -p \'{"metadata":{"annotations":{"storageclass.kubernetes.io/is-default',
    ),
    Case(
        "no class is the default one, and local-path is not among them",
        claims(StorageClassView("hcloud-volumes", False)),
        "ERR_NO_STORAGECLASS",
        command="kubectl patch storageclass hcloud-volumes",
    ),
    Case(
        "a claim names a class that does not exist",
        claims(
            StorageClassView("local-path", True), pending=(ClaimView("gitea", "data-0", "hcloud-volumes", LONG_AGO),)
        ),
        "ERR_NO_STORAGECLASS",
        ("no StorageClass hcloud-volumes", "gitea/data-0"),
        "get storageclass",
    ),
)

# --- components -------------------------------------------------------------------------------------------------------


def installing(name: str = "bp-keycloak", **survey: Any) -> ClusterView:
    """helm works on this component and the rest waits for it; values are of the survey."""
    at = CHAIN.index(name)
    waiting: dict[str, tuple[Mod, ...]] = {
        CHAIN[n]: (kit.waiting_for(CHAIN[n - 1]),) for n in range(at + 1, len(CHAIN))
    }
    return kit.cluster(releases=kit.chain(mods={name: (kit.progressing(),), **waiting}), survey=kit.survey(**survey))


_FROM_OPENOVA = kit.spec(sourceRef={"kind": "HelmRepository", "name": "openova"})


def chart(
    message: str, *more: SourceView, name: str = "bp-keycloak", reason: str = "ChartPullError", **where: str
) -> ClusterView:
    """The chart of a component is not to be had."""
    failed = kit.source("HelmChart", f"flux-system-{name}", kit.not_ready(reason, message), _FROM_OPENOVA, **where)
    return installing(name, sources=(failed, *more))


def by_reference(kind: str, name: str, namespace: str, *sources: SourceView) -> ClusterView:
    """A component whose chart is in a source that it refers to."""
    reference = kit.spec(chartRef={"kind": kind, "name": name, "namespace": namespace})
    waits = kit.not_ready("SourceNotReady", f"{kind} '{namespace}/{name}' is not ready: unknown state")
    return kit.cluster(releases=kit.chain(mods={"bp-keycloak": (reference, waits)}), survey=kit.survey(sources=sources))


def looping(*mods: Mod, **survey: Any) -> ClusterView:
    """A component that is tried again and again."""
    return kit.cluster(releases=kit.chain(mods={"bp-keycloak": mods}), survey=kit.survey(**survey))


def warning(reason: str, message: str, minutes: float = 1, name: str = "keycloak-0", kind: str = "Pod") -> EventView:
    """A warning of the last minutes."""
    return EventView("keycloak", kind, name, reason, message, NOW - minutes * MINUTE)


def stuck_pod(*events: EventView, reason: str = "ContainerCreating", minutes: float = 5) -> ClusterView:
    """A Pod that its kubelet has taken up and that does not get on, as a kubelet tells it."""
    unready = "containers with unready status: [keycloak]"
    return installing(pods=(pod(reason, unready, minutes=minutes),), events=events)


def pod(
    reason: str, message: str = "", namespace: str = "keycloak", name: str = "keycloak-0", minutes: float = 5
) -> Any:
    """A Pod that does not start."""
    return PodTroubleView(namespace, name, reason, message, NOW - minutes * MINUTE)


_PULL = (
    "chart pull error: failed to download chart for remote reference: "
    "failed to get 'oci://ghcr.io/openova-io/bp-keycloak:1.1.2': "
)
_TOKEN = "unexpected status from GET request to https://ghcr.io/token?scope=repository: 401 Unauthorized"
_DENIED = "response status code 403: denied: requested access to the resource is denied"
_EXHAUSTED = (kit.install_failed(), kit.stalled())
_RELEASE = "release keycloak/keycloak with chart bp-keycloak@1.1.2"
_DEADLINE = f"Helm install failed for {_RELEASE}: context deadline exceeded"
_UNDONE = f"Helm uninstall remediation for {_RELEASE} succeeded"
_RELEASED = kit.condition("Released", "False", "InstallFailed", _DEADLINE)
_ROLLED_BACK = "Helm rollback to previous release keycloak/keycloak.v2 with chart bp-keycloak@1.1.1 succeeded"
_UPGRADE_FAILED = (
    "Helm upgrade failed for release keycloak/keycloak with chart bp-keycloak@1.1.2: post-upgrade hooks failed"
)
_UNMOUNTED = 'MountVolume.SetUp failed for volume "config" : secret "keycloak-db" not found'
_SANDBOX = (
    "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "
    '"6091888ef60975ac": plugin type="cilium-cni" failed (add): unable to connect to Cilium agent'
)
_QUOTA = 'create Pod keycloak-0 in StatefulSet keycloak failed error: pods "keycloak-0" is forbidden: exceeded quota: q'
_BACK_OFF = 'Back-off pulling image "registry.example/keycloak:26.0"'

COMPONENTS = (
    Case(
        "the registry wants credentials",
        chart(f"{_PULL}failed to authorize: failed to fetch anonymous token: {_TOKEN}"),
        "ERR_CHART_SOURCE",
        ("HelmChart flux-system/flux-system-bp-keycloak", "(401)", "(for bp-keycloak)", "spec.imagePullSecretRef"),
        "describe helmchart flux-system-bp-keycloak",
        lasting=True,
    ),
    Case("the registry denies the pull", chart(_PULL + _DENIED), "ERR_CHART_SOURCE", ("(403)",)),
    Case(
        "the version does not exist",
        chart("invalid chart reference: failed to get chart version: could not locate a version matching"),
        "ERR_CHART_SOURCE",
        ("does not have this version",),
    ),
    Case(
        "the registry does not answer",
        chart(_PULL + "dial tcp: lookup ghcr.io: i/o timeout"),
        "ERR_CHART_SOURCE",
        ("does not answer",),
        lasting=False,
    ),
    Case(
        "the registry was asked too often: it does answer",
        chart(
            _PULL + "unexpected status code https://registry-1.docker.io/v2/x: 429 Too Many Requests - Server message: "
            "toomanyrequests: You have reached your unauthenticated pull rate limit."
        ),
        "ERR_CHART_SOURCE",
        ("was asked too often (429)", "spec.imagePullSecretRef"),
        lasting=False,
    ),
    Case(
        "the chart's repository is what cannot be fetched",
        chart(
            "no artifact available for HelmRepository source 'openova'",
            kit.source("HelmRepository", "openova", kit.not_ready("Failed", "failed to fetch index: 403 Forbidden")),
        ),
        "ERR_CHART_SOURCE",
        ("HelmRepository flux-system/openova", "(403)"),
    ),
    Case(
        "the chart of the one that all others wait for is told, not that of a later one",
        replace(
            chart(_PULL + _DENIED),
            releases=kit.chain("bp-a", "bp-b", mods={"bp-a": (kit.progressing(),), "bp-b": (kit.waiting_for("bp-a"),)}),
            survey=kit.survey(
                sources=tuple(
                    kit.source("HelmChart", f"flux-system-{name}", kit.not_ready("ChartPullError", "401"))
                    for name in ("bp-b", "bp-a")
                )
            ),
        ),
        "ERR_CHART_SOURCE",
        ("(for bp-a)",),
    ),
    Case(
        "the chart's version has the digits of a status code in it",
        chart(
            "invalid chart reference: failed to get chart version for remote reference: could not locate a version "
            "matching provided version string 37.401.0",
            reason="InvalidChartReference",
        ),
        "ERR_CHART_SOURCE",
        ("does not have this version", "37.401.0"),
        "get helmchart flux-system-bp-keycloak -o yaml",
    ),
    Case(
        "the chart is called after what it is not",
        chart(
            "invalid chart reference: failed to get chart version for remote reference: no 'unauthorized-403' chart "
            "with version matching '>=4.0.1' found",
            reason="InvalidChartReference",
        ),
        "ERR_CHART_SOURCE",
        ("does not have this version",),
    ),
    Case(
        "the Secret of the registry is missing: the reason says so, no word does",
        chart("failed to get secret 'flux-system/ghcr': secrets \"ghcr\" not found", reason="AuthenticationFailed"),
        "ERR_CHART_SOURCE",
        ("(401)", "spec.imagePullSecretRef"),
    ),
    Case(
        "the chart's repository does not exist",
        chart(
            'failed to get source: HelmRepository.source.toolkit.fluxcd.io "openova" not found',
            reason="SourceUnavailable",
        ),
        "ERR_CHART_SOURCE",
        ("the source that it names does not exist",),
        "get helmrepositories",
    ),
    Case(
        "the chart comes from a repository of another namespace, and so does its HelmChart",
        kit.cluster(
            releases=kit.chain(
                mods={
                    "bp-keycloak": (
                        kit.spec(chart={"spec": {"sourceRef": {"name": "openova", "namespace": "charts"}}}),
                        kit.not_ready("SourceNotReady", "HelmChart is not ready"),
                    )
                }
            ),
            survey=kit.survey(
                sources=(
                    kit.source(
                        "HelmChart",
                        "flux-system-bp-keycloak",
                        kit.not_ready("ChartPullError", _PULL + _DENIED),
                        namespace="charts",
                    ),
                )
            ),
        ),
        "ERR_CHART_SOURCE",
        ("HelmChart charts/flux-system-bp-keycloak", "(403)"),
        "kubectl -n charts describe helmchart",
    ),
    Case(
        "chartRef: the registry refuses an OCIRepository of another namespace",
        by_reference(
            "OCIRepository",
            "keycloak",
            "charts",
            kit.source(
                "OCIRepository",
                "keycloak",
                kit.not_ready(
                    "OCIArtifactPullFailed",
                    "failed to determine artifact digest: GET https://ghcr.io/v2/openova-io/bp-keycloak/manifests/1.1: "
                    "DENIED: requested access to the resource is denied",
                ),
                namespace="charts",
            ),
        ),
        "ERR_CHART_SOURCE",
        ("OCIRepository charts/keycloak", "(403)", "(for bp-keycloak)"),
        "kubectl -n charts describe ocirepository keycloak",
        lasting=True,
    ),
    Case(
        "chartRef: a HelmChart that somebody made",
        by_reference(
            "HelmChart",
            "mine",
            "flux-system",
            kit.source("HelmChart", "mine", kit.not_ready("ChartPullError", f"{_PULL}401 Unauthorized")),
        ),
        "ERR_CHART_SOURCE",
        ("HelmChart flux-system/mine", "(401)"),
    ),
    Case(
        "what it refers to does not exist, and only helm-controller says so",
        looping(
            kit.not_ready(
                "ArtifactFailed",
                'could not get Source object: ocirepositories.source.toolkit.fluxcd.io "keycloak" not found',
            )
        ),
        "ERR_CHART_SOURCE",
        ("HelmRelease flux-system/bp-keycloak", '"keycloak" not found'),
    ),
    Case(
        "source-controller does not hand a chart out: no registry is to blame",
        looping(
            kit.not_ready(
                "ArtifactFailed",
                "Could not load chart: GET http://source-controller.flux-system.svc.cluster.local./helmchart/x.tgz "
                'giving up after 10 attempt(s): Get "http://source-controller.flux-system.svc.cluster.local./x.tgz": '
                "dial tcp 10.43.89.232:80: i/o timeout",
            )
        ),
        "ERR_CHART_SOURCE",
        ("source-controller does not hand out what it fetched",),
        "kubectl -n flux-system get pods,services,networkpolicies",
        lasting=False,
    ),
    Case(
        "a Secret that a Pod mounts is missing: the kubelet tells only in events",
        stuck_pod(warning("FailedMount", _UNMOUNTED)),
        "ERR_KIT_POD",
        ("Pod keycloak/keycloak-0: FailedMount: MountVolume.SetUp failed", 'secret "keycloak-db" not found'),
        "kubectl -n keycloak describe pod keycloak-0",
    ),
    Case(
        "the same, of a Pod that waits for its first containers",
        stuck_pod(warning("FailedMount", _UNMOUNTED), reason="PodInitializing"),
        "ERR_KIT_POD",
        ("FailedMount",),
    ),
    Case(
        "the newest of its warnings counts, and none that is harmless",
        stuck_pod(
            warning("FailedMount", _UNMOUNTED, minutes=4),
            warning("FailedAttachVolume", "Multi-Attach error for volume", minutes=2),
            warning("DNSConfigForming", "Nameserver limits were exceeded", minutes=1),
        ),
        "ERR_KIT_POD",
        ("FailedAttachVolume: Multi-Attach error",),
    ),
    Case(
        "a Pod gets no network",
        stuck_pod(warning("FailedCreatePodSandBox", _SANDBOX)),
        "ERR_CNI_STUCK",
        ("Pod keycloak/keycloak-0: FailedCreatePodSandBox",),
        "journalctl",
    ),
    Case(
        "a Pod gets no sandbox for another reason",
        stuck_pod(
            warning(
                "FailedCreatePodSandBox",
                "Failed to create pod sandbox: rpc error: code = DeadlineExceeded desc = context deadline exceeded",
            )
        ),
        "ERR_KIT_POD",
        ("FailedCreatePodSandBox",),
    ),
    Case(
        "a Pod does not become ready, and its probe says why",
        stuck_pod(
            warning("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503"),
            reason="ContainersNotReady",
        ),
        "ERR_KIT_POD",
        ("Unhealthy: Readiness probe failed",),
    ),
    Case(
        "only an event tells of the scheduler",
        stuck_pod(
            warning("FailedScheduling", "0/2 nodes are available: 2 Insufficient memory."), reason="ContainersNotReady"
        ),
        "ERR_KIT_UNSCHEDULABLE",
        ("Insufficient memory",),
    ),
    Case(
        "only an event tells of the image",
        stuck_pod(
            warning("Failed", 'Failed to pull image "registry.example/keycloak:26.0": failed to resolve reference')
        ),
        "ERR_KIT_IMAGE_PULL",
        ("keycloak:26.0",),
    ),
    Case(
        "nobody says for ten minutes why a Pod does not get on",
        stuck_pod(minutes=10),
        "ERR_KIT_POD",
        ("does not get on, and nothing says why: ContainerCreating",),
        "logs keycloak-0",
    ),
    Case(
        "a Pod may not even be made",
        installing(events=(warning("FailedCreate", _QUOTA, name="keycloak", kind="StatefulSet"),)),
        "ERR_KIT_POD",
        ("StatefulSet keycloak/keycloak cannot make its Pods", "exceeded quota"),
        "kubectl -n keycloak describe statefulset keycloak",
    ),
    Case(
        "an install fails, is undone and tried again: the failure is told, and not that it was undone",
        looping(
            kit.spec(install={"remediation": {"retries": -1}}),
            kit.not_ready("UninstallSucceeded", _UNDONE),
            kit.condition("Remediated", "True", "UninstallSucceeded", _UNDONE),
            _RELEASED,
            kit.status(installFailures=7, failures=7, lastAttemptedReleaseAction="install"),
        ),
        "ERR_COMPONENT_FAILED",
        ("bp-keycloak fails and is tried again, 7 times so far", "context deadline exceeded"),
        "kubectl -n flux-system describe helmrelease bp-keycloak",
        lasting=False,
    ),
    Case(
        "the same while the next attempt is at work",
        looping(kit.progressing(), _RELEASED, kit.status(installFailures=2, failures=2)),
        "ERR_COMPONENT_FAILED",
        ("2 times so far", "context deadline exceeded"),
        lasting=False,
    ),
    Case(
        "an upgrade fails, is rolled back and tried again, with what its namespace says",
        looping(
            kit.deployed,
            kit.spec(upgrade={"remediation": {"retries": 9}}),
            kit.not_ready("RollbackSucceeded", _ROLLED_BACK),
            kit.condition("Released", "False", "UpgradeFailed", _UPGRADE_FAILED),
            kit.status(upgradeFailures=3, failures=3, lastAttemptedReleaseAction="upgrade"),
            events=(warning("BackoffLimitExceeded", "Job has reached the specified backoff limit", kind="Job"),),
        ),
        "ERR_COMPONENT_FAILED",
        ("3 times so far", "post-upgrade hooks failed", "Job keycloak-0: BackoffLimitExceeded"),
        lasting=False,
    ),
    Case(
        "something else keeps Helm from beginning",
        looping(kit.not_ready("RESTClientError", "could not get KubeConfig secret 'flux-system/x'")),
        "ERR_COMPONENT_FAILED",
        ("bp-keycloak cannot begin: RESTClientError: could not get KubeConfig secret",),
        "describe helmrelease bp-keycloak",
    ),
    Case(
        "an API behind the API server does not answer, so that Helm cannot begin",
        looping(
            kit.not_ready(
                "RESTClientError",
                "failed to get API group resources: unable to retrieve the complete list of server APIs: "
                "metrics.k8s.io/v1beta1: stale GroupVersion discovery: metrics.k8s.io/v1beta1",
            )
        ),
        "ERR_COMPONENT_FAILED",
        ("bp-keycloak cannot begin", "an API behind the API server does not answer", "stale GroupVersion"),
        "kubectl get apiservices",
        lasting=False,
    ),
    Case(
        "a component is suspended before it was installed",
        looping(kit.suspended),
        "ERR_KIT_SUSPENDED",
        ("HelmRelease flux-system/bp-keycloak is suspended and is not installed",),
        """kubectl -n flux-system patch helmrelease bp-keycloak --type merge -p '{"spec":{"suspend":false}}'""",
        lasting=True,
    ),
    Case(
        "an image cannot be pulled",
        installing(pods=(pod("ImagePullBackOff", _BACK_OFF),)),
        "ERR_KIT_IMAGE_PULL",
        ("Pod keycloak/keycloak-0: ImagePullBackOff", "registry.example/keycloak:26.0"),
        "kubectl -n keycloak describe pod keycloak-0",
    ),
    Case(
        "no node has enough memory",
        installing(pods=(pod("Unschedulable", "0/2 nodes are available: 2 Insufficient memory."),)),
        "ERR_KIT_UNSCHEDULABLE",
        ("Insufficient memory", "spec.workers.replicas"),
        "kubectl describe nodes",
    ),
    Case(
        "its volume is not made, though there is a class",
        installing(
            pods=(pod("Unschedulable", _UNBOUND),),
            events=(EventView("keycloak", "PersistentVolumeClaim", "data-0", "ProvisioningFailed", "no space", NOW),),
        ),
        "ERR_KIT_UNSCHEDULABLE",
        ("Claim data-0: ProvisioningFailed: no space",),
        "kubectl -n keycloak describe pvc",
    ),
    Case(
        "it crashes",
        installing(pods=(pod("CrashLoopBackOff", "back-off 5m0s restarting failed container=keycloak"),)),
        "ERR_KIT_POD",
        ("CrashLoopBackOff",),
        "logs keycloak-0 --all-containers --previous",
    ),
    Case(
        "a Secret that it mounts is missing",
        installing(pods=(pod("CreateContainerConfigError", 'secret "db" not found'),)),
        "ERR_KIT_POD",
        ('secret "db" not found',),
        "describe pod keycloak-0",
    ),
    Case(
        "of two Pods the one that most depends on is told",
        installing(
            pods=(
                pod("ImagePullBackOff", "x", "alpha", "alpha-0"),
                pod("ImagePullBackOff", "x"),
                pod("ImagePullBackOff", "x", "kube-system", "coredns-1"),
            )
        ),
        "ERR_KIT_IMAGE_PULL",
        ("kube-system/coredns-1",),
    ),
    Case(
        "of two Pods the one of the component at work is told",
        installing(pods=(pod("ImagePullBackOff", "x", "alpha", "alpha-0"), pod("ImagePullBackOff", "x"))),
        "ERR_KIT_IMAGE_PULL",
        ("keycloak/keycloak-0",),
    ),
    Case(
        "Cilium's image is deeper than the network that is missing for it",
        replace(
            installing("bp-cilium"),
            survey=kit.survey(pods=(pod("ErrImagePull", "denied", "kube-system", "cilium-x"),)),
        ),
        "ERR_KIT_IMAGE_PULL",
        ("cilium-x",),
    ),
    Case(
        "a component failed for good, and nothing says more",
        kit.cluster(
            releases=kit.chain(mods={"bp-keycloak": _EXHAUSTED, "bp-gitea": (kit.waiting_for("bp-keycloak"),)})
        ),
        "ERR_COMPONENT_FAILED",
        ("bp-keycloak failed for good: Failed to install after 4 attempt(s)", "context deadline exceeded"),
        "annotate --overwrite helmrelease bp-keycloak reconcile.fluxcd.io/requestedAt=$T reconcile.",
        lasting=True,
        with_={"outcome": FAILED},
    ),
    Case(
        "a component failed for good, and its namespace says more",
        kit.cluster(
            releases=kit.chain(mods={"bp-keycloak": _EXHAUSTED}),
            survey=kit.survey(
                events=(EventView("keycloak", "Job", "migrate", "BackoffLimitExceeded", "Job failed", NOW),)
            ),
        ),
        "ERR_COMPONENT_FAILED",
        ("Job migrate: BackoffLimitExceeded: Job failed",),
        with_={"outcome": FAILED},
    ),
    Case(
        "of two that failed the one that waits for no other is told",
        kit.cluster(releases=kit.chain(mods={"bp-gitea": _EXHAUSTED, "bp-keycloak": _EXHAUSTED})),
        "ERR_COMPONENT_FAILED",
        ("bp-keycloak failed for good",),
    ),
    Case(
        "values that it refers to do not exist",
        kit.cluster(
            releases=kit.chain(mods={"bp-gitea": (kit.not_ready("ValuesError", "could not find Secret 'a/b'"),)})
        ),
        "ERR_COMPONENT_FAILED",
        ("bp-gitea cannot begin", "could not find Secret"),
        "get configmaps,secrets",
    ),
)

# --- from outside -----------------------------------------------------------------------------------------------------

_LIMIT = (
    "Failed to create Order: 429 urn:ietf:params:acme:error:rateLimited: too many certificates (5) already issued for "
    "this exact set of domains in the last 168 hours: *.omantel.omani.works, retry after 2026-11-23 01:29:08 UTC: see "
    "https://letsencrypt.org/docs/rate-limits/"
)
_ORDER = kit.certificate("Order", "console-1", kit.status(state="errored", reason=_LIMIT))
WAITING_CERTIFICATE = kit.certificate(
    "Certificate",
    "entrance",
    kit.not_ready("DoesNotExist", "Issuing certificate as Secret does not exist"),
    namespace="gateway",
)
CHALLENGE = kit.certificate(
    "Challenge",
    "entrance-1-0",
    kit.status(
        state="pending",
        reason="Waiting for HTTP-01 challenge propagation: failed to perform self check GET request "
        "'http://console.omantel.omani.works/.well-known/acme-challenge/x': Get "
        '"http://console.omantel.omani.works/.well-known/acme-challenge/x": dial tcp: lookup '
        "console.omantel.omani.works on 10.43.0.10:53: no such host",
    ),
    namespace="gateway",
)
OUTSIDE = (
    Case(
        "the certificate authority issues no more",
        kit.cluster(survey=kit.survey(certificates=(_ORDER,))),
        "ERR_CERT_RATE_LIMIT",
        ("Order catalyst-system/console-1", "It passes by itself, at 2026-11-23 01:29:08 UTC"),
        "get certificates,orders -A",
        lasting=False,
        with_={"outcome": READY},
    ),
    Case(
        "only an event tells of the limit",
        installing(events=(EventView("x", "Certificate", "c", "Failed", "429 rateLimited: too many new orders", NOW),)),
        "ERR_CERT_RATE_LIMIT",
        ("Certificate x/c", "within a week"),
    ),
    Case(
        "the certificate authority is busy: that is no limit of a week",
        kit.cluster(
            survey=kit.survey(
                certificates=(
                    kit.certificate(
                        "Order",
                        "console-1",
                        kit.status(
                            state="errored",
                            reason="Failed to create Order: 429 urn:ietf:params:acme:error:rateLimited: Service busy; "
                            "retry later.",
                        ),
                    ),
                )
            )
        ),
        "ERR_CERT_RATE_LIMIT",
        ("It passes by itself, once the authority has less to do",),
        with_={"outcome": READY},
    ),
    Case(
        "the console is dead, because its certificate waits for a challenge",
        kit.cluster(
            console=ConsoleView(NOW, False, "it hung up"),
            survey=kit.survey(certificates=(WAITING_CERTIFICATE, CHALLENGE)),
        ),
        "ERR_CONSOLE_UNREACHABLE",
        ("it hung up", "Challenge gateway/entrance-1-0: Waiting for HTTP-01 challenge propagation", "no such host"),
        "describe challenges",
        with_={"outcome": READY, "console_wanted": True},
    ),
    Case(
        "a Kustomization waits for a certificate: what the challenge waits for is told with it",
        broken(
            kustomizations=(
                kustomization(
                    "HealthCheckFailed",
                    "health check failed after 5m0s: timeout waiting for: [Certificate/gateway/entrance status: "
                    "'InProgress']",
                ),
            ),
            survey={"certificates": (WAITING_CERTIFICATE, CHALLENGE)},
        ),
        "ERR_KUSTOMIZATION",
        ("timeout waiting for", "Challenge gateway/entrance-1-0: Waiting for HTTP-01 challenge propagation"),
        f"describe kustomization {KIT}",
    ),
    Case(
        "the console is dead although all is installed",
        kit.cluster(console=ConsoleView(NOW, False, "it answered 404")),
        "ERR_CONSOLE_UNREACHABLE",
        ("https://console.omantel.omani.works", "it answered 404"),
        "get gateways,httproutes -A",
        with_={"outcome": READY, "console_wanted": True},
    ),
    Case(
        "Pods that are too many to be read",
        installing(pods=None, too_much="an answer of more than 2 MiB"),
        "ERR_REMOTE_TOO_BIG",
        ("is not seen", "an answer of more than 2 MiB"),
        "kubectl get all,events -A",
    ),
    Case(
        "no HelmRelease in time, and nothing says why",
        broken(),
        "ERR_FLUX_NOT_RECONCILING",
        ("No HelmRelease appeared",),
        "get gitrepositories,kustomizations",
        with_={"outcome": NOTHING_SEEN},
    ),
    Case(
        "not all in time, and nothing says why",
        installing(),
        "ERR_KIT_TIMEOUT",
        ("Not installed in time: bp-keycloak, ", "bp-keycloak: Running 'install' action"),
        "get helmreleases",
        with_={"outcome": TIMEOUT},
    ),
    Case(
        "a deadline struck, and there is a reason: only that is told",
        git("authentication required"),
        "ERR_GIT_SOURCE",
        with_={"outcome": NOTHING_SEEN},
    ),
)
CASES = (*GIT, *KUSTOMIZATIONS, *CLUSTER, *COMPONENTS, *OUTSIDE)

FINE: tuple[tuple[str, ClusterView, dict[str, Any]], ...] = (
    ("all is well", kit.cluster(console=ConsoleView(NOW, True)), {"outcome": READY, "console_wanted": True}),
    ("helm is at work", installing(), {}),
    (
        "the Git server is down, which harms nothing that is installed",
        kit.cluster(survey=git("connection refused").survey),
        {"outcome": READY},
    ),
    ("somebody's own claim waits", kit.cluster(survey=claims().survey), {"outcome": READY}),
    ("an install failed that is tried again", installing(sources=None), {}),
    (
        "Cilium is upgraded, a long time after it was made",
        kit.cluster(
            releases=kit.chain(mods={"bp-cilium": (kit.deployed, kit.progressing("Running 'upgrade' action"))})
        ),
        {"outcome": None},
    ),
    (
        "a component depends on one of another namespace, which is there",
        kit.cluster(
            releases=(
                kit.release("bp-a", kit.spec(dependsOn=[{"name": "bp-x", "namespace": "apps"}]), kit.waiting_for("x")),
                kit.release("bp-x", kit.progressing(), namespace="apps"),
            )
        ),
        {"outcome": None},
    ),
    (
        "the owner's own does not work, which is no cause of anything",
        replace(
            kit.cluster(survey=kit.survey(events=(warning("FailedCreate", _QUOTA, kind="Job"),))),
            releases=(
                *kit.chain(),
                kit.release("my-app", kit.install_failed(), kit.stalled(), namespace="apps"),
                kit.release("my-other", kit.suspended, namespace="apps"),
            ),
            kustomizations=(
                *kit.cluster().kustomizations,
                replace(kit.kustomization("mine", kit.not_ready("BuildFailed", "x")), namespace="apps"),
            ),
        ),
        {"outcome": READY, "expected": expected(kit.kustomization(KIT, kit.applied()), (), ())},
    ),
    ("a component is suspended, and was installed", looping(kit.ready(), kit.suspended), {"outcome": READY}),
    ("warnings about another Pod", stuck_pod(warning("FailedMount", _UNMOUNTED, name="keycloak-1")), {}),
    ("only warnings with which Pods start all the same", stuck_pod(warning("DNSConfigForming", "limits")), {}),
    ("a Pod that waits for its gate", installing(pods=(pod("SchedulingGated", minutes=20),)), {}),
    (
        "a Pod could not be made a while ago, which was put right",
        installing(events=(warning("FailedCreate", _QUOTA, minutes=11, kind="StatefulSet"),)),
        {},
    ),
    (
        "its repository has a fault of its own, and the chart is there",
        installing(
            sources=(
                kit.source("HelmChart", "flux-system-bp-keycloak", kit.fetched, _FROM_OPENOVA),
                kit.source("HelmRepository", "openova", kit.not_ready("Failed", "403 Forbidden")),
            )
        ),
        {},
    ),
    ("a claim waits for its first consumer", claims(StorageClassView("local-path", True), pending=()), {}),
    ("classes could not be read", replace(claims(), survey=kit.survey(storage_classes=None, claims=_CLAIMS)), {}),
    (
        "the console is not asked for",
        kit.cluster(console=ConsoleView(NOW, False)),
        {"outcome": READY, "console_wanted": False},
    ),
    (
        "a Pod is only being made",
        installing(pods=(pod("ContainerCreating"),)),
        {},
    ),
)
"""What is no cause of anything."""

YOUNG: tuple[tuple[str, ClusterView, dict[str, Any], timedelta], ...] = (
    (
        "no default class, for ten seconds",
        claims(pending=(ClaimView("a", "b", since=NOW - timedelta(seconds=10)),)),
        {},
        timedelta(seconds=20),
    ),
    (
        "Git has just been tried for the first time",
        replace(
            git("authentication required"),
            survey=kit.survey(
                sources=(
                    replace(
                        kit.source("GitRepository", SOURCE, kit.not_ready("X", "401", minutes=0.5)),
                        created=NOW - MINUTE,
                    ),
                )
            ),
        ),
        {},
        MINUTE,
    ),
    (
        "an install that failed a minute ago for the first time",
        looping(kit.not_ready("InstallFailed", _DEADLINE, 1), kit.spec(install={"remediation": {"retries": 3}})),
        {},
        MINUTE,
    ),
    (
        "a Pod that its kubelet could not mount a minute ago",
        stuck_pod(warning("FailedMount", "x"), minutes=1),
        {},
        MINUTE,
    ),
    ("a Pod of which nobody says why it does not get on", stuck_pod(minutes=8), {}, 2 * MINUTE),
    ("an image that fails for the first time", installing(pods=(pod("ErrImagePull", "x", minutes=1),)), {}, MINUTE),
    ("a node that is not ready for nine minutes", broken(survey=node("omantel-worker-0", _NO_CNI, 9)), {}, MINUTE),
    (
        "all was installed four minutes ago",
        kit.cluster(
            releases=kit.chain(mods={CHAIN[-1]: (kit.ready(minutes=4),)}), console=ConsoleView(NOW, False, "refused")
        ),
        {"outcome": READY, "console_wanted": True},
        MINUTE,
    ),
    (
        "a node is awaited since a minute",
        kit.cluster(survey=kit.survey(nodes=kit.NODES[:1])),
        {"outcome": READY, "nodes_wanted": NODES, "since": NOW - MINUTE},
        14 * MINUTE,
    ),
)
"""What is not told yet, and after how long it is."""
