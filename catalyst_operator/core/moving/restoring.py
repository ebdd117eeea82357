"""How a backup is put back: what is refused, and what is made in which order, so that nothing is made twice."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from catalyst_operator.api import labels
from catalyst_operator.core import naming, proof
from catalyst_operator.core.moving.contents import SOVEREIGN, Raw, space_of, uid_of


class NotRestorableError(Exception):
    """Nothing was done; the text says why, and what to do."""


@dataclass(frozen=True)
class Saved:
    """A backup of one Sovereign."""

    sovereign: Raw
    others: tuple[Raw, ...]

    @property
    def uid(self) -> str:
        """The UID that its servers carry."""
        return uid_of(self.sovereign)

    @property
    def called(self) -> str:
        """The Sovereign, as `namespace/name`."""
        meta = self.sovereign["metadata"]
        return f"{meta['namespace']}/{meta['name']}"


def read(document: Any) -> Saved:
    """A backup's JSON. Raises NotRestorableError for anything else."""
    listed = document.get("items") if isinstance(document, dict) else None
    items = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
    sovereigns = [item for item in items if item.get("kind") == SOVEREIGN]
    if len(sovereigns) != 1:
        raise NotRestorableError("it is no backup of one Sovereign: make backups with `catalyst_operator backup`")
    (sovereign,) = sovereigns
    if not sovereign.get("spec", {}).get("originalUID"):
        raise NotRestorableError("its Sovereign has no spec.originalUID: make backups with `catalyst_operator backup`")
    return Saved(sovereign, tuple(item for item in items if item is not sovereign))


def refuse(saved: Saved, there: Mapping[str, Any] | None, proof_key: str) -> None:
    """Raises NotRestorableError if what is on this cluster does not allow it. `there` is the object of its name."""
    if not proof_key:
        raise NotRestorableError(
            f"Secret {naming.PROOF_KEY_SECRET} is not beside the operator: restore operator.json first, or install "
            "the operator and let it start once"
        )
    if there is not None and uid_of(there) != saved.uid:
        raise NotRestorableError(
            f"Sovereign {saved.called} exists and is another one (its servers carry {uid_of(there)}, those of the "
            f"backup {saved.uid}): delete it first if it made nothing"
        )
    if there is not None and there["metadata"].get("deletionTimestamp"):
        raise NotRestorableError(f"Sovereign {saved.called} is being deleted here")


def manifests(saved: Saved, home: str) -> tuple[Raw, ...]:
    """What is made before the Sovereign, each unless it is there: namespaces before what is in them. `home` is the
    operator's namespace on this cluster."""
    places = [item for item in saved.others if item["kind"] == "Namespace"]
    return tuple(_at_home(item, saved, home) for item in (*places, *(i for i in saved.others if i not in places)))


def sovereign(saved: Saved) -> Raw:
    """The Sovereign as it is made: it starts nothing before a person lets it."""
    made = copy.deepcopy(saved.sovereign)
    made["spec"]["suspend"] = True
    return made


def marks(saved: Saved, there: Mapping[str, Any], proof_key: str) -> dict[str, str | None]:
    """The annotations by which the run namespace is proven and held by the object that is `there` now; None for one to
    take off. They are written last: before, whoever claims to be that Sovereign does nothing."""
    holder = there["metadata"]["uid"] if there["spec"].get("originalUID") else None
    return {labels.ANNOTATION_PROOF: proof.of(proof_key, saved.uid), labels.ANNOTATION_HELD_BY: holder}


def space(saved: Saved) -> str:
    """The name of its run namespace."""
    return space_of(saved.sovereign)


def _at_home(item: Raw, saved: Saved, home: str) -> Raw:
    meta = item["metadata"]
    if meta["name"] == space(saved):
        kept = {k: v for k, v in (meta.get("annotations") or {}).items() if not k.startswith(labels.GROUP)}
        return {**item, "metadata": {**meta, "annotations": kept}}
    if meta["name"] not in (naming.cluster_secrets(saved.uid), naming.registrar_secret(saved.uid)):
        return item
    return {**item, "metadata": {**meta, "namespace": home}}
