"""What the subcommands do. Each may be repeated: what is there already is left as it is."""

from __future__ import annotations

import base64
import sys
from pathlib import Path

from catalyst_operator.api import labels
from catalyst_operator.core import naming
from catalyst_operator.core.moving import contents, restoring
from catalyst_operator.core.moving.identity import ELSEWHERE
from catalyst_operator.core.moving.restoring import NotRestorableError
from catalyst_operator.moving import files
from catalyst_operator.moving.kubectl import Kubectl, KubectlError, Raw

WELL, FAILED = 0, 1
"""Exit codes: all was done; something was not, and is told."""


def backup(kubectl: Kubectl, out: Path, home: str) -> int:
    """Save the operator's own key and every Sovereign. One that cannot be saved does not keep the others from it."""
    try:
        key = kubectl.find("Secret", home, naming.PROOF_KEY_SECRET)
        free = [r for r in kubectl.list(contents.RESERVATION) if not r["spec"].get("sovereignRef")]
        sovereigns = kubectl.list(contents.SOVEREIGN)
        files.write(out / files.OPERATOR, [contents.saved(found) for found in (*([key] if key else []), *free)])
    except (KubectlError, OSError) as error:
        return _failed(f"Nothing was saved: {error}")
    return max((_save(kubectl, out, home, sovereign) for sovereign in sovereigns), default=WELL)


def _save(kubectl: Kubectl, out: Path, home: str, sovereign: Raw) -> int:
    meta = sovereign["metadata"]
    called = f"{meta['namespace']}/{meta['name']}"
    if meta.get("deletionTimestamp"):
        return _failed(f"{called}: not saved, because it is being deleted.")
    try:
        found = kubectl.find_all(contents.belonging(sovereign, home))
        items = [contents.saved(raw) for raw in found if contents.is_its(raw, sovereign)]
        files.write(out / meta["namespace"] / f"{meta['name']}.json", [*items, contents.saved(sovereign)])
    except (KubectlError, OSError) as error:
        return _failed(f"{called}: not saved: {error}")
    running = ", while a run is in progress: what that makes is found by its label" if _runs(sovereign) else ""
    print(f"{called}: saved {len(items) + 1} objects{running}.")
    return WELL


def restore(kubectl: Kubectl, path: Path, home: str) -> int:
    """Put a backup back: a folder, or one file of it. Every Sovereign that is made is suspended."""
    try:
        if path.is_dir() and (path / files.OPERATOR).exists():
            made = [kubectl.create(item) for item in files.read(path / files.OPERATOR)["items"]]
            print(f"The operator's own: made {len([m for m in made if m])} of {len(made)}, the others are there.")
        key = _proof_key(kubectl, home)
    except (KubectlError, OSError, ValueError) as error:
        return _failed(f"Nothing was restored: {error}")
    return max((_restore(kubectl, file, home, key) for file in files.of(path)), default=WELL)


def _restore(kubectl: Kubectl, file: Path, home: str, key: str) -> int:
    try:
        saved = restoring.read(files.read(file))
        meta = saved.sovereign["metadata"]
        there = kubectl.find(contents.SOVEREIGN, meta["namespace"], meta["name"])
        restoring.refuse(saved, there, key)
        wanted = restoring.manifests(saved, home)
        made = [item for item in wanted if kubectl.create(item) is not None]
        if there is None:
            kubectl.create(restoring.sovereign(saved))
            there = kubectl.find(contents.SOVEREIGN, meta["namespace"], meta["name"])
        if there is None or contents.uid_of(there) != saved.uid:
            return _failed(f"{saved.called}: somebody else made one of this name meanwhile.")
        kubectl.annotate(restoring.space(saved), restoring.marks(saved, there, key))
    except (NotRestorableError, KubectlError, OSError, ValueError) as error:
        return _failed(f"{file}: not restored: {error}")
    paused = " It is suspended: look at it, then set spec.suspend to false." if there["spec"].get("suspend") else ""
    print(f"{saved.called}: made {len(made)} of {len(wanted)} objects, the others were there.{paused}")
    return WELL


def give_away(kubectl: Kubectl, namespace: str, name: str) -> int:
    """Say that a Sovereign goes on elsewhere. It has to be suspended, with no run in progress."""
    try:
        sovereign = kubectl.find(contents.SOVEREIGN, namespace, name)
        if sovereign is None:
            return _failed(f"There is no Sovereign {namespace}/{name}.")
        if not sovereign["spec"].get("suspend") or _runs(sovereign):
            return _failed(f"{namespace}/{name}: set spec.suspend to true, and wait until no run is in progress.")
        kubectl.annotate(contents.space_of(sovereign), {labels.ANNOTATION_HELD_BY: ELSEWHERE})
    except KubectlError as error:
        return _failed(f"{namespace}/{name}: not given away: {error}")
    print(f"{namespace}/{name}: given away. Nothing is done for it here any more. `restore` takes it back.")
    return WELL


def _runs(sovereign: Raw) -> bool:
    return bool((sovereign.get("status") or {}).get("currentRun"))


def _proof_key(kubectl: Kubectl, home: str) -> str:
    found = kubectl.find("Secret", home, naming.PROOF_KEY_SECRET)
    return base64.b64decode(found["data"][naming.PROOF_KEY]).decode() if found else ""


def _failed(words: str) -> int:
    print(words, file=sys.stderr)
    return FAILED
