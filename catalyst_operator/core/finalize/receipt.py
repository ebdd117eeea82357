"""What a deletion leaves for the owner to read: what was found and removed, what stays, and what that costs."""

from __future__ import annotations

from typing import Any

from catalyst_operator.api import labels
from catalyst_operator.api.enums import GitOpsMode
from catalyst_operator.api.sovereign_status import Cost
from catalyst_operator.core import kit
from catalyst_operator.core.access import source
from catalyst_operator.core.domains import of_sovereign
from catalyst_operator.core.finalize.deletion import Deletion
from catalyst_operator.core.project import prices, sweeping
from catalyst_operator.core.project.sweeping import Ids


def of_deletion(scene: Deletion) -> dict[str, Any]:
    """The content of the receipt; ids by kind, as the API spells it."""
    meta, run = scene.o.sovereign.metadata, scene.last
    plan = run.plan if run else None
    return {
        "sovereign": f"{meta.namespace}/{meta.name}",
        "uid": meta.uid,
        "fqdn": scene.o.sovereign.spec.domain.fqdn,
        "result": "orphaned" if scene.orphaned else "destroyed",
        "held": plan.held if plan else 0,
        "adopted": plan.adopt if plan else 0,
        "removed": plan.destroy if plan else 0,
        "goneBefore": list(plan.missed) if plan else [],
        "left": [f"everything labelled {labels.LABEL_SOVEREIGN_UID}={meta.uid}"] if scene.orphaned else [],
        "destroyJob": run.job if run else "",
        "objects": _objects(scene),
        "domain": _domain(scene),
        "overlay": _overlay(scene),
        **_export(scene),
        **(_staying(scene) if scene.orphaned else {}),
    }


def staying_words(scene: Deletion) -> str:
    """What stays with policy Orphan, and what it costs, in sentences."""
    label = f"What exists stays, as spec.deletionPolicy says; its label is {labels.LABEL_SOVEREIGN_UID}={scene.o.uid}"
    if not scene.record.touched:
        return label
    words = _cost_words(_cost(scene))
    return f"{label}. {words[0].upper()}{words[1:]}"


def _objects(scene: Deletion) -> dict[str, Any]:
    """Everything that destroy runs saw and removed. With success nothing of what they found is left: what OpenTofu
    removed besides is the rest of it."""
    sweep = scene.record.sweep
    left: Ids = {} if scene.record.destroyed else sweeping.without(sweep.found, sweep.removed)
    told = {"found": sweep.found, "swept": sweep.removed, "left": left, "unclear": sweep.unclear}
    listed: dict[str, Any] = {name: {k: list(v) for k, v in ids.items()} for name, ids in told.items()}
    return {**listed, "notListed": sweep.more}


def _domain(scene: Deletion) -> dict[str, str]:
    """What became of the name. A reservation is seen to be gone before the receipt is written."""
    o, name = scene.o, scene.o.sovereign.spec.domain.fqdn
    if o.settings.domains is None:
        return {"name": name, "reservation": "none", "dns": "this operator serves no domains"}
    if o.reservation is None:
        return {"name": name, "reservation": "released", "dns": "zone, records and delegation were taken back"}
    if not of_sovereign.is_ours(o.sovereign, o.reservation):
        return {"name": name, "reservation": "of another owner", "dns": "not touched"}
    address = o.record.outputs.load_balancer_ip if o.record and o.record.outputs else ""
    where = f"goes on pointing to {address}" if address else "stays as it is"
    return {"name": name, "reservation": "kept", "dns": where}


def _overlay(scene: Deletion) -> dict[str, str]:
    spec, record = scene.o.sovereign.spec, scene.record
    if spec.gitops.mode is not GitOpsMode.COMMIT or not record.overlay:
        return {"state": "none"}
    place = {"folder": kit.overlay_path(spec.domain.fqdn), "url": source.wanted(spec, scene.o.settings).url}
    if record.overlay_removed:
        return {**place, "state": "removed", "commit": record.overlay_removed}
    return {**place, "state": "left", "commit": record.overlay_revision}


def _export(scene: Deletion) -> dict[str, Any]:
    """What the owner stated; nobody has checked it."""
    export = scene.o.sovereign.spec.decommission.export
    return {"export": {"sha256": export.sha256, "location": export.location}} if export else {}


def _staying(scene: Deletion) -> dict[str, Any]:
    cost = _cost(scene)
    monthly = cost.model_dump(mode="json", by_alias=True) if cost else None
    return {"stays": {"servers": list(scene.record.made), "monthlyCost": monthly, "note": _cost_words(cost)}}


def _cost(scene: Deletion) -> Cost | None:
    return prices.cost_of(scene.o.sovereign.spec, scene.record.sizes)


def _cost_words(cost: Cost | None) -> str:
    """A sentence; what the cluster itself made is not in the table of prices."""
    if cost is None:
        return "what it costs is not known, and goes on being charged"
    return (
        f"its servers, their IPv4 addresses and the load balancer go on costing about {cost.monthly} {cost.currency} a "
        f"month (net, prices of {cost.prices_as_of}), and what the cluster itself made costs more"
    )
