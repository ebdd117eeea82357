"""What first boot applies besides the kit: the rights of the operator's identities, and Secrets without content.

The rights are all there ever are: whoever holds a certificate of the observer reads what Phase 1 needs, and may take
its own rights away, which is the last thing it does. What the owner's Secrets hold never travels in user data: boot
makes them empty, and the seeder fills them over the API (core/access/seeds.py). A boot that failed is tried again,
maybe after that: boot therefore only creates what is not there (scripts/bootstrap-cluster.sh), and never wipes what was
filled in.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import yaml

from catalyst_operator.core import naming
from catalyst_operator.core.access import seeds, transfer
from catalyst_operator.core.access.identity import NODE_REMOVER, OBSERVER, SEEDER
from catalyst_operator.core.manifests import state_secret
from catalyst_operator.core.phase1.views import FLUX_NAMESPACE, SOURCE, kit_name

_RBAC = "rbac.authorization.k8s.io"
_READ, _WATCH = ("get", "list"), ("get", "list", "watch")
_LABELS = {"app.kubernetes.io/managed-by": "catalyst-operator"}
_NO_LOGIN = base64.b64encode(b'{"auths":{}}').decode()

Object = dict[str, Any]


def manifests(fqdn: str, pull: str, authorities: tuple[str, ...] = ()) -> dict[str, str]:
    """File name -> YAML, for the module's variable boot_manifests; applied in the order of the names. `pull` is what
    the Secret for charts is called, `authorities` are the certificates that Flux is to trust."""
    return dict(_texts(fqdn, pull, authorities))


@lru_cache(maxsize=4096)
def _texts(fqdn: str, pull: str, authorities: tuple[str, ...]) -> Mapping[str, str]:
    """Made once: they are asked for at every look at every Sovereign."""
    files = {
        "10-observer.yaml": _observer(),
        "20-seeder.yaml": _seeder(fqdn, pull),
        "25-node-remover.yaml": _node_remover(),
        "30-secrets.yaml": _secrets(pull),
        "40-adoption.yaml": _adoption(),
        **({"50-authorities.yaml": _authorities(authorities)} if authorities else {}),
    }
    return {name: yaml.safe_dump_all(objects, sort_keys=False) for name, objects in files.items()}


def _authorities(certificates: tuple[str, ...]) -> list[Object]:
    """What Flux trusts mirrors by: certificates, which anybody may read."""
    meta = {"name": seeds.AUTHORITIES, "namespace": FLUX_NAMESPACE, "labels": _LABELS}
    return [{"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": {"ca.crt": "".join(certificates)}}]


def _observer() -> list[Object]:
    rules = [
        _rule("helm.toolkit.fluxcd.io", ("helmreleases",), _WATCH),
        _rule("kustomize.toolkit.fluxcd.io", ("kustomizations",), _WATCH),
        _rule(
            "source.toolkit.fluxcd.io", ("gitrepositories", "ocirepositories", "helmrepositories", "helmcharts"), _WATCH
        ),
        _rule("", ("nodes", "pods", "persistentvolumeclaims", "events")),
        _rule("events.k8s.io", ("events",)),
        _rule("apps", ("deployments",)),
        _rule("storage.k8s.io", ("storageclasses",)),
        _rule("cert-manager.io", ("certificates", "certificaterequests")),
        _rule("acme.cert-manager.io", ("orders", "challenges")),
        # Its UID tells one cluster from another.
        {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"], "resourceNames": ["kube-system"]},
        _own(("clusterrolebindings",), OBSERVER),
    ]
    return [
        _object("ClusterRole", OBSERVER, rules=rules),
        _object("ClusterRoleBinding", OBSERVER, **_bound("ClusterRole", OBSERVER)),
    ]


def _seeder(fqdn: str, pull: str) -> list[Object]:
    rules = [
        _patched("", "secrets", pull, *seeds.OTHERS),
        # What Flux follows, as long as it has applied nothing (core/access/source.py).
        _patched("source.toolkit.fluxcd.io", "gitrepositories", SOURCE),
        _patched("kustomize.toolkit.fluxcd.io", "kustomizations", kit_name(fqdn)),
        _own(("rolebindings",), SEEDER),
    ]
    return [
        _object("Role", SEEDER, FLUX_NAMESPACE, rules=rules),
        _object("RoleBinding", SEEDER, FLUX_NAMESPACE, **_bound("Role", SEEDER)),
    ]


def _node_remover() -> list[Object]:
    """Names of nodes cannot be listed: workers may be added later."""
    rules = [
        _rule("", ("nodes",), ("patch", "delete")),
        _rule("", ("pods",), ("list",)),
        _rule("", ("pods/eviction",), ("create",)),
        _own(("clusterrolebindings",), NODE_REMOVER),
    ]
    return [
        _object("ClusterRole", NODE_REMOVER, rules=rules),
        _object("ClusterRoleBinding", NODE_REMOVER, **_bound("ClusterRole", NODE_REMOVER)),
    ]


def _secrets(pull: str) -> list[Object]:
    # The API server takes no Secret of this type without the key.
    without_login = {"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": _NO_LOGIN}}
    return [{**_secret(pull), **without_login}, *map(_secret, seeds.OTHERS)]


def _adoption() -> list[Object]:
    """What the Sovereign's own Crossplane is given, and who may fill it in."""
    space = transfer.NAMESPACE
    rules = [_patched("", "secrets", transfer.ADOPTION, naming.STATE_SECRET), _own(("rolebindings",), SEEDER)]
    adoption = _secret(transfer.ADOPTION, space)
    adoption["metadata"]["annotations"] = {transfer.MARK: transfer.EMPTY}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space}},
        _object("Role", SEEDER, space, rules=rules),
        _object("RoleBinding", SEEDER, space, **_bound("Role", SEEDER)),
        adoption,
        state_secret(space),
    ]


def _secret(name: str, namespace: str = FLUX_NAMESPACE) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace, "labels": _LABELS},
        "type": "Opaque",
    }


def _rule(group: str, resources: tuple[str, ...], verbs: tuple[str, ...] = _READ) -> Object:
    return {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}


def _patched(group: str, resource: str, *names: str) -> Object:
    """An identity may patch these objects, by name, and not read them."""
    return {"apiGroups": [group], "resources": [resource], "verbs": ["patch"], "resourceNames": list(names)}


def _own(resources: tuple[str, ...], name: str) -> Object:
    """An identity may see and take away its own rights, and nobody else's."""
    return {"apiGroups": [_RBAC], "resources": list(resources), "verbs": ["get", "delete"], "resourceNames": [name]}


def _object(kind: str, name: str, namespace: str = "", **fields: Any) -> Object:
    meta = {"name": name, **({"namespace": namespace} if namespace else {}), "labels": _LABELS}
    return {"apiVersion": f"{_RBAC}/v1", "kind": kind, "metadata": meta, **fields}


def _bound(kind: str, name: str) -> Object:
    return {
        "roleRef": {"apiGroup": _RBAC, "kind": kind, "name": name},
        "subjects": [{"apiGroup": _RBAC, "kind": "User", "name": name}],
    }
