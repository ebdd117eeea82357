"""Objects of a new cluster for tests, made by generators with modifiers: `release("bp-a", ready())`.

They are made as the API server returns them and read by `core.phase1.flux`, so that the tables also prove the reading.
Messages are those of Flux 2.4's controllers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from catalyst_operator.core.phase1 import flux
from catalyst_operator.core.phase1.views import (
    SOURCE,
    ClusterView,
    DeploymentView,
    FluxObject,
    HelmReleaseView,
    KustomizationView,
    Link,
    LinkView,
    NodeView,
    SourceView,
    StorageClassView,
    Survey,
    kit_name,
)

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
FQDN = "omantel.omani.works"
KIT = kit_name(FQDN)
REVISION = "main@sha1:c637d0d1"
GIT_URL = "https://github.com/openova-io/openova"
CHAIN = (
    "bp-cilium",
    "bp-cert-manager",
    "bp-flux",
    "bp-crossplane",
    "bp-sealed-secrets",
    "bp-spire",
    "bp-nats-jetstream",
    "bp-openbao",
    "bp-keycloak",
    "bp-gitea",
    "bp-powerdns",
    "bp-catalyst-platform",
)
"""The kit of the default template, each depending on the one before it."""

Raw = dict[str, Any]
Mod = Callable[[Raw], None]


def ago(minutes: float) -> str:
    """So many minutes before NOW, as the API server writes it."""
    return (NOW - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


# --- modifiers --------------------------------------------------------------------------------------------------------


def condition(type_: str, status: str, reason: str = "", message: str = "", minutes: float = 5) -> Mod:
    """A condition at the present generation, of so many minutes ago."""

    def add(raw: Raw) -> None:
        conditions = raw.setdefault("status", {}).setdefault("conditions", [])
        conditions[:] = [c for c in conditions if c["type"] != type_]
        conditions.append(
            {
                "type": type_,
                "status": status,
                "reason": reason,
                "message": message,
                "observedGeneration": raw["metadata"]["generation"],
                "lastTransitionTime": ago(minutes),
            }
        )

    return add


def ready(reason: str = "InstallSucceeded", minutes: float = 5) -> Mod:
    """Ready, and deployed once."""

    def mark(raw: Raw) -> None:
        condition("Ready", "True", reason, "Helm install succeeded", minutes)(raw)
        status(observedGeneration=raw["metadata"]["generation"])(raw)
        deployed(raw)

    return mark


def not_ready(reason: str, message: str = "", minutes: float = 5) -> Mod:
    """Ready is False."""
    return condition("Ready", "False", reason, message, minutes)


def progressing(message: str = "Running 'install' action with timeout of 5m0s", minutes: float = 1) -> Mod:
    """helm-controller is at work on it."""
    return condition("Ready", "Unknown", "Progressing", message, minutes)


def stalled(
    reason: str = "RetriesExceeded", message: str = "Failed to install after 4 attempt(s)", minutes: float = 5
) -> Mod:
    """helm-controller gave it up."""
    return condition("Stalled", "True", reason, message, minutes)


def install_failed(message: str = "context deadline exceeded", minutes: float = 5) -> Mod:
    """An install failed; whether that was the last try is not said here."""
    told = f"Helm install failed for release keycloak/keycloak with chart bp-keycloak@1.1.2: {message}"
    return not_ready("InstallFailed", told, minutes)


def waiting_for(name: str, minutes: float = 5) -> Mod:
    """Its dependsOn is not ready."""
    return not_ready("DependencyNotReady", f"dependency 'flux-system/{name}' is not ready", minutes)


def deployed(raw: Raw) -> None:
    """It was installed once."""
    raw.setdefault("status", {})["history"] = [{"status": "deployed", "version": 1}]


def in_sync(raw: Raw) -> None:
    """What was meant to be deployed last is deployed."""
    meant = {"lastAttemptedRevision": "1.1.2", "lastAttemptedConfigDigest": "sha256:a"}
    attempted = {"lastAttemptedGeneration": raw["metadata"]["generation"], **meant}
    newest = {"status": "deployed", "version": 1, "chartVersion": "1.1.2", "configDigest": "sha256:a"}
    status(observedGeneration=raw["metadata"]["generation"], history=[newest], **attempted)(raw)


def suspended(raw: Raw) -> None:
    """Somebody told its controller to leave it alone, which is an edit; controllers do not look at such an object."""
    raw["spec"]["suspend"] = True
    raw["metadata"]["generation"] += 1


def edited(raw: Raw) -> None:
    """Its spec was changed after all that its status says."""
    raw["metadata"]["generation"] += 1


def spec(**values: Any) -> Mod:
    """Fields of spec, in their wire names."""
    return lambda raw: raw["spec"].update(values)


def status(**values: Any) -> Mod:
    """Fields of status, in their wire names."""
    return lambda raw: raw.setdefault("status", {}).update(values)


def deleting(raw: Raw) -> None:
    """It is being deleted."""
    raw["metadata"]["deletionTimestamp"] = ago(1)


def depends_on(*names: str) -> Mod:
    """Its spec.dependsOn."""
    return spec(dependsOn=[{"name": name} for name in names])


# --- objects ----------------------------------------------------------------------------------------------------------


def raw_object(kind: str, name: str, *mods: Mod, namespace: str = "flux-system") -> Raw:
    """An object that nobody has looked at yet."""
    meta = {"name": name, "namespace": namespace, "generation": 1, "creationTimestamp": ago(30)}
    raw: Raw = {"kind": kind, "metadata": meta, "spec": {}}
    for mod in mods:
        mod(raw)
    return raw


def release(name: str = "bp-keycloak", *mods: Mod, namespace: str = "flux-system") -> HelmReleaseView:
    """A HelmRelease, which installs into the namespace named after the component."""
    target = spec(targetNamespace=name.removeprefix("bp-"))
    return flux.helm_release(raw_object("HelmRelease", name, target, *mods, namespace=namespace))


def chain(*names: str, mods: Mapping[str, tuple[Mod, ...]] | None = None) -> tuple[HelmReleaseView, ...]:
    """HelmReleases, each of which depends on the one before. All are ready but those with modifiers of their own."""
    names = names or CHAIN
    own = mods or {}
    return tuple(
        release(name, *([depends_on(names[at - 1])] if at else []), *own.get(name, (ready(),)))
        for at, name in enumerate(names)
    )


def inventory(names: Iterable[str], kind: str = "HelmRelease", namespace: str = "flux-system") -> Mod:
    """An inventory of these, and of a namespace that has no part in anything."""
    group = "kustomize.toolkit.fluxcd.io" if kind == "Kustomization" else "helm.toolkit.fluxcd.io"

    def add(raw: Raw) -> None:
        entries = raw.setdefault("status", {}).setdefault("inventory", {"entries": []})["entries"]
        entries.extend({"id": f"{namespace}_{name}_{group}_{kind}", "v": "v1"} for name in names)
        entries.append({"id": "_keycloak__Namespace", "v": "v1"})

    return add


def applied(names: Iterable[str] = CHAIN) -> Mod:
    """It applied these HelmReleases."""

    def mark(raw: Raw) -> None:
        condition("Ready", "True", "ReconciliationSucceeded", f"Applied revision: {REVISION}")(raw)
        status(observedGeneration=1, lastAppliedRevision=REVISION, lastAttemptedRevision=REVISION)(raw)
        inventory(names)(raw)

    return mark


def kustomization(name: str = KIT, *mods: Mod) -> KustomizationView:
    """A Kustomization of flux-system, of the template's source."""
    source_ref = spec(sourceRef={"kind": "GitRepository", "name": SOURCE}, path="./clusters/_template/bootstrap-kit")
    return flux.kustomization(raw_object("Kustomization", name, source_ref, *mods))


def source(kind: str = "GitRepository", name: str = SOURCE, *mods: Mod, namespace: str = "flux-system") -> SourceView:
    """A source, of flux-system unless another namespace is named."""
    return flux.source(raw_object(kind, name, spec(url=GIT_URL), *mods, namespace=namespace))


def fetched(raw: Raw) -> None:
    """The source has an artifact."""
    condition("Ready", "True", "Succeeded", f"stored artifact for revision '{REVISION}'")(raw)
    status(artifact={"revision": REVISION})(raw)


def certificate(kind: str, name: str, *mods: Mod, namespace: str = "catalyst-system") -> FluxObject:
    """One of cert-manager's objects."""
    return flux.flux_object(raw_object(kind, name, *mods, namespace=namespace))


# --- the whole --------------------------------------------------------------------------------------------------------

FLUX = tuple(
    DeploymentView(f"{name}-controller", available=True) for name in ("source", "kustomize", "helm", "notification")
)
NODES = tuple(NodeView(f"omantel-{key}", ready=True) for key in ("control-plane-0", "worker-0"))
UP = LinkView(Link.UP, NOW - timedelta(minutes=20))


def survey(**values: Any) -> Survey:
    """A look at a cluster on which nothing is wrong."""
    fine = Survey(
        at=NOW,
        cluster_uid="uid-1",
        nodes=NODES,
        deployments=FLUX,
        sources=(source("GitRepository", SOURCE, fetched),),
        storage_classes=(StorageClassView("local-path", default=True),),
        claims=(),
        pods=(),
        events=(),
    )
    return replace(fine, **values)


def cluster(**values: Any) -> ClusterView:
    """A cluster on which all is installed. Values of the survey may be given as `survey=`."""
    fine = ClusterView(UP, synced=True, releases=chain(), kustomizations=(kustomization(KIT, applied()),))
    return replace(replace(fine, survey=survey()), **values)
