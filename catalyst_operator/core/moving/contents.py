"""What a backup holds: everything about a Sovereign that nobody could make a second time, without what only the API
server it came from knows."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from catalyst_operator.api import labels
from catalyst_operator.core import naming

Raw = dict[str, Any]
SOVEREIGN, RESERVATION = "Sovereign", "DomainReservation"
_OF_THE_API_SERVER = (
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
    "ownerReferences",
    "selfLink",
)
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@dataclass(frozen=True)
class Reference:
    """One object, whether it exists or not."""

    kind: str
    namespace: str
    name: str


def uid_of(sovereign: Mapping[str, Any]) -> str:
    """The UID that a Sovereign's servers, run namespace and keys carry."""
    return str(sovereign["spec"].get("originalUID") or sovereign["metadata"]["uid"])


def space_of(sovereign: Mapping[str, Any]) -> str:
    """The name of its run namespace."""
    return naming.run_namespace(sovereign["metadata"]["name"], uid_of(sovereign))


def belonging(sovereign: Mapping[str, Any], home: str) -> tuple[Reference, ...]:
    """What belongs to a Sovereign, in the order in which it is read and made again. `home` is the operator's namespace.

    The record is read before the state: a run may write one in between, and a state that is older than the record says
    counts as lost.
    """
    meta, uid, space = sovereign["metadata"], uid_of(sovereign), space_of(sovereign)
    states = (naming.STATE_SECRET, naming.ERRORED_STATE_SECRET, naming.ARCHIVED_STATE_SECRET)
    named = dict.fromkeys((*secrets_named(sovereign["spec"]), naming.owner_kubeconfig(meta["name"])))
    return (
        Reference("Namespace", "", space),
        Reference("ConfigMap", space, naming.RECORD),
        *(Reference("Secret", space, name) for name in (naming.STATE_KEY_SECRET, *states)),
        *(Reference("Secret", home, name) for name in (naming.cluster_secrets(uid), naming.registrar_secret(uid))),
        Reference(RESERVATION, "", sovereign["spec"]["domain"]["fqdn"]),
        Reference("Namespace", "", meta["namespace"]),
        *(Reference("Secret", meta["namespace"], name) for name in named),
    )


def secrets_named(value: Any) -> Iterator[str]:
    """The Secrets that a spec names, wherever: the field that names one is `secretRef`, or ends so."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key.lower().endswith("secretref") and isinstance(item, Mapping) and "name" in item:
                yield str(item["name"])
            yield from secrets_named(item)
    elif isinstance(value, list):
        for item in value:
            yield from secrets_named(item)


def is_its(found: Mapping[str, Any], sovereign: Mapping[str, Any]) -> bool:
    """Whether an object of that name is the Sovereign's: a domain or a namespace may be somebody else's."""
    uid, meta = uid_of(sovereign), found["metadata"]
    if found["kind"] == RESERVATION:
        return bool((found["spec"].get("sovereignRef") or {}).get("uid") == uid)
    if found["kind"] == "Namespace" and meta["name"] == space_of(sovereign):
        return bool((meta.get("labels") or {}).get(labels.LABEL_SOVEREIGN_UID) == uid)
    return True


def saved(found: Mapping[str, Any]) -> Raw:
    """An object as it is kept: what another API server could make again."""
    kind, before = found["kind"], found["metadata"]
    kept = {key: copy.deepcopy(value) for key, value in found.items() if key != "status"}
    meta = {key: value for key, value in kept["metadata"].items() if key not in _OF_THE_API_SERVER}
    annotations = {key: value for key, value in (meta.pop("annotations", None) or {}).items() if _is_kept(key)}
    if not (kind == "ConfigMap" and before["name"] == naming.RECORD):
        # The operator puts its own back, after it has marked what it holds.
        meta.pop("finalizers", None)
    if kind == "Namespace":
        kept.pop("spec", None)
    if kind == RESERVATION:
        # Its zone and its records are marked with it.
        annotations.setdefault(labels.ANNOTATION_ORIGINAL_UID, before["uid"])
    if kind == SOVEREIGN:
        kept["spec"]["originalUID"] = uid_of(found)
    return {**kept, "metadata": {**meta, **({"annotations": annotations} if annotations else {})}}


def _is_kept(annotation: str) -> bool:
    return annotation != _LAST_APPLIED and not annotation.startswith(labels.MARK_PREFIX)
