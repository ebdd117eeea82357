"""The kinds that a cluster gets besides Kubernetes' and Flux': the Gateway API at first boot, others with their charts.

There is neither a Gateway API nor a chart in the lab, so most of these have names and no schema: whatever is applied is
taken. Nobody reconciles them either. What has no conditions counts as current, as kustomize-controller's health checks
see it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from e2e.lab.standins import crossplane
from e2e.lab.standins.kube import Kube
from e2e.lab.standins.objects import Object

PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@dataclass(frozen=True)
class CustomKind:
    """One kind and how it is served."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool = True
    spec: Object = field(default_factory=lambda: {"type": "object", "x-kubernetes-preserve-unknown-fields": True})
    """The schema of its spec; anything, unless it is given."""

    @property
    def definition(self) -> Object:
        """Its CustomResourceDefinition."""
        names = {
            "kind": self.kind,
            "plural": self.plural,
            "singular": self.kind.lower(),
            "listKind": f"{self.kind}List",
        }
        status = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": self.spec, "status": status}}}
        version = {
            "name": self.version,
            "served": True,
            "storage": True,
            "schema": schema,
            "subresources": {"status": {}},
        }
        scope = "Namespaced" if self.namespaced else "Cluster"
        return {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            # Groups under k8s.io are the project's own and have to say that it agreed.
            "metadata": {
                "name": f"{self.plural}.{self.group}",
                "annotations": {"api-approved.kubernetes.io": "unapproved, a stand-in of the lab"},
            },
            "spec": {"group": self.group, "names": names, "scope": scope, "versions": [version]},
        }


GATEWAY_API = (
    CustomKind("gateway.networking.k8s.io", "v1", "Gateway", "gateways"),
    CustomKind("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes"),
)
OF_CHARTS = {
    "bp-cert-manager": (
        CustomKind("cert-manager.io", "v1", "ClusterIssuer", "clusterissuers", namespaced=False),
        CustomKind("cert-manager.io", "v1", "Certificate", "certificates"),
        CustomKind("acme.cert-manager.io", "v1", "Order", "orders"),
    ),
    # With the kinds of packages come, from the package manager, those of the provider that the kit installs.
    "bp-crossplane": (
        CustomKind("pkg.crossplane.io", "v1", "Provider", "providers", False, crossplane.PROVIDER),
        CustomKind(
            "opentofu.upbound.io", "v1beta1", "ProviderConfig", "providerconfigs", False, crossplane.PROVIDER_CONFIG
        ),
        CustomKind("opentofu.upbound.io", "v1beta1", "Workspace", "workspaces", False, crossplane.WORKSPACE),
    ),
    "bp-external-secrets": (
        CustomKind("external-secrets.io", "v1beta1", "ClusterSecretStore", "clustersecretstores", namespaced=False),
    ),
}
"""Chart -> the kinds that it brings, as far as the kit has objects of them."""


async def bring(kube: Kube, chart: str) -> None:
    """Define what a chart brings; may be repeated."""
    for kind in OF_CHARTS.get(chart, ()):
        await kube.create(PATH, kind.definition)
