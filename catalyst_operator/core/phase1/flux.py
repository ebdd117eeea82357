"""Objects of Flux and cert-manager as the API server returns them, made into views.

Nothing here raises: what an object of another version, or one that somebody made by hand, does not say or says in an
unexpected form is taken as not said. Texts are cut and cleaned, since they end up in status.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from catalyst_operator.core.access.git_ref import GitRef
from catalyst_operator.core.phase1.views import (
    FluxCondition,
    FluxObject,
    HelmReleaseView,
    KustomizationView,
    SourceView,
)
from catalyst_operator.core.redact import shorten

MAX_NAME = 253
MAX_REASON = 128
MAX_ITEMS = 64
"""Of a list in an object: conditions, dependencies, revisions. Nothing has half as many."""
MAX_INVENTORY = 2000
YEARS = range(2000, 2200)
RETRIES_EXCEEDED = "RetriesExceeded"
_DEPLOYED = frozenset({"deployed", "superseded"})
"""What Helm calls a revision that was installed well, now or until a newer one came."""


def flux_object(raw: Any) -> FluxObject:
    """What all kinds have in common."""
    return FluxObject(**_common(raw))


def helm_release(raw: Any) -> HelmReleaseView:
    """A HelmRelease of v2, or of one of its betas."""
    common, spec, status = _common(raw), _at(raw, "spec"), _at(raw, "status")
    return HelmReleaseView(
        **common,
        exhausted=_exhausted(spec, status, common["conditions"]),
        failures=max(_number(status, key) for key in ("failures", "installFailures", "upgradeFailures")),
        was_installed=any(_text(s, "status") in _DEPLOYED for s in _items(status, "history")),
        in_sync=_in_sync(status, common["generation"]),
        attempted_generation=_number(status, "lastAttemptedGeneration"),
        chart=_chart(spec, status, common),
        target_namespace=_text(spec, "targetNamespace", MAX_NAME),
    )


def kustomization(raw: Any) -> KustomizationView:
    """A Kustomization of v1."""
    common, spec, status = _common(raw), _at(raw, "spec"), _at(raw, "status")
    entries = _items(_at(status, "inventory"), "entries", MAX_INVENTORY)
    return KustomizationView(
        **common,
        inventory=tuple(filter(None, (_text(entry, "id", 2 * MAX_NAME) for entry in entries))),
        applied_revision=_text(status, "lastAppliedRevision"),
        attempted_revision=_text(status, "lastAttemptedRevision"),
        source=_reference(_at(spec, "sourceRef"), common["namespace"]),
        path=_text(spec, "path"),
    )


def source(raw: Any) -> SourceView:
    """A GitRepository, OCIRepository, HelmRepository or HelmChart."""
    spec = _at(raw, "spec")
    return SourceView(
        **_common(raw),
        url=_text(spec, "url"),
        ref=_ref(_at(spec, "ref")),
        secret=_text(_at(spec, "secretRef"), "name", MAX_NAME),
        verify=_text(_at(spec, "verify"), "mode"),
        revision=_text(_at(_at(raw, "status"), "artifact"), "revision"),
        source=_reference(_at(spec, "sourceRef"), _text(_at(raw, "metadata"), "namespace", MAX_NAME)),
    )


# --- what they have in common -----------------------------------------------------------------------------------------


def _common(raw: Any) -> dict[str, Any]:
    meta, spec, status = _at(raw, "metadata"), _at(raw, "spec"), _at(raw, "status")
    namespace = _text(meta, "namespace", MAX_NAME)
    return {
        "kind": _text(raw, "kind", MAX_REASON),
        "namespace": namespace,
        "name": _text(meta, "name", MAX_NAME),
        "generation": _number(meta, "generation", 1),
        "observed_generation": _number(status, "observedGeneration"),
        "conditions": _conditions(status),
        "suspended": spec.get("suspend") is True,
        "deleting": bool(meta.get("deletionTimestamp")),
        "depends_on": _depends_on(spec, namespace),
        "created": _time(meta, "creationTimestamp"),
    }


def _ref(ref: Mapping[str, Any]) -> GitRef:
    return GitRef(_text(ref, "branch"), _text(ref, "tag"), _text(ref, "commit"))


def _conditions(status: Mapping[str, Any]) -> tuple[FluxCondition, ...]:
    told = tuple(
        FluxCondition(
            type=_text(raw, "type", MAX_REASON),
            status=_text(raw, "status", MAX_REASON),
            reason=_text(raw, "reason", MAX_REASON),
            message=_text(raw, "message"),
            observed_generation=_number(raw, "observedGeneration"),
            since=_time(raw, "lastTransitionTime"),
        )
        for raw in _items(status, "conditions")
        if _text(raw, "type")
    )
    return told or _order_state(status)


def _order_state(status: Mapping[str, Any]) -> tuple[FluxCondition, ...]:
    """ACME's Orders and Challenges have a state and a reason instead of conditions."""
    state = _text(status, "state", MAX_REASON)
    if not state:
        return ()
    truth = "True" if state == "valid" else "False"
    return (FluxCondition("Ready", truth, state, _text(status, "reason"), since=_time(status, "failureTime")),)


def _depends_on(spec: Mapping[str, Any], namespace: str) -> tuple[str, ...]:
    found = _items(spec, "dependsOn")
    return tuple(f"{_text(d, 'namespace') or namespace}/{_text(d, 'name')}" for d in found if _text(d, "name"))


def _reference(raw: Mapping[str, Any], namespace: str) -> str:
    kind, name = _text(raw, "kind", MAX_REASON), _text(raw, "name", MAX_NAME)
    return f"{kind}/{_text(raw, 'namespace', MAX_NAME) or namespace}/{name}" if name else ""


# --- HelmReleases -----------------------------------------------------------------------------------------------------


def _in_sync(status: Mapping[str, Any], generation: int) -> bool:
    """helm-controller writes down what it is about to deploy before it acts, and a snapshot of what it deployed after.
    Where the two agree there is nothing to install or upgrade, whatever Ready says meanwhile."""
    newest = next(iter(_items(status, "history")), {})
    pairs = (("lastAttemptedRevision", "chartVersion"), ("lastAttemptedConfigDigest", "configDigest"))
    return (
        _text(newest, "status") == "deployed"
        and _number(status, "lastAttemptedGeneration") >= generation
        and all(_text(status, meant) == _text(newest, done) for meant, done in pairs)
    )


def _chart(spec: Mapping[str, Any], status: Mapping[str, Any], common: Mapping[str, Any]) -> str:
    """A source that it refers to, or the HelmChart that helm-controller made for it: in the namespace of the chart's
    repository, under a name that status tells."""
    namespace = common["namespace"]
    if referred := _reference(_at(spec, "chartRef"), namespace):
        return referred
    space, _, name = _text(status, "helmChart", 2 * MAX_NAME + 1).partition("/")
    if name:
        return f"HelmChart/{space}/{name}"
    source = _at(_at(_at(spec, "chart"), "spec"), "sourceRef")
    return f"HelmChart/{_text(source, 'namespace', MAX_NAME) or namespace}/{namespace}-{common['name']}"


def _exhausted(spec: Mapping[str, Any], status: Mapping[str, Any], conditions: Sequence[FluxCondition]) -> bool:
    """Whether helm-controller tries no more: it counts failures of an action, and success does not reset them, so that
    only those of the action it took last mean anything."""
    if any(c.type == "Stalled" and c.status == "True" and c.reason == RETRIES_EXCEEDED for c in conditions):
        return True
    last = _text(status, "lastAttemptedReleaseAction")
    return any(_out_of_retries(spec, status, action) for action in ("install", "upgrade") if last in ("", action))


def _out_of_retries(spec: Mapping[str, Any], status: Mapping[str, Any], action: str) -> bool:
    """Retries default to none; a negative number, like the strategy RetryOnFailure of newer versions, has no end."""
    asked = _at(spec, action)
    retries = _number(_at(asked, "remediation"), "retries")
    endless = retries < 0 or _text(_at(asked, "strategy"), "name") == "RetryOnFailure"
    return not endless and _number(status, f"{action}Failures") > retries


# --- reading what may be anything -------------------------------------------------------------------------------------


def _at(raw: Any, key: str) -> Mapping[str, Any]:
    found = raw.get(key) if isinstance(raw, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _items(raw: Mapping[str, Any], key: str, most: int = MAX_ITEMS) -> tuple[Mapping[str, Any], ...]:
    found = raw.get(key)
    return tuple(item for item in found[:most] if isinstance(item, Mapping)) if isinstance(found, list) else ()


def _text(raw: Any, key: str, limit: int = 512) -> str:
    found = raw.get(key) if isinstance(raw, Mapping) else None
    return shorten(found, limit) if isinstance(found, str) else ""


def _number(raw: Mapping[str, Any], key: str, default: int = 0) -> int:
    found = raw.get(key)
    return found if isinstance(found, int) and not isinstance(found, bool) else default


def _time(raw: Mapping[str, Any], key: str) -> datetime | None:
    """None also for a time that is not of any cluster's life: with one near the end of all times none can be
    reckoned."""
    try:
        found = datetime.fromisoformat(_text(raw, key))
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)) if found.year in YEARS else None
