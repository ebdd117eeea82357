"""The folder in Git at the end of a Sovereign: removed by a last commit, if its owner says so."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from catalyst_operator.core import kit
from catalyst_operator.core.access import source
from catalyst_operator.core.access.seeds import SecretView
from catalyst_operator.core.errors import codes
from catalyst_operator.core.kit.pushed import OverlayChange, OverlayReport, key_of
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.scene import SAFETY
from tests.support.gen import NOW, SceneMod, known, seen, spec
from tests.unit.core.decide.deletions import AFTER, APPLIED, DESTROYED, ORPHAN, RUNNING, going
from tests.unit.core.decide.table import AT_ONCE, POLL, Deleted, at_work

GITOPS = {"mode": "Commit", "credentialsSecretRef": {"name": "git"}, "ref": {"branch": "main"}}
REMOVE = spec(gitops=GITOPS, decommission={"removeOverlay": True})
LEAVE = spec(gitops=GITOPS)
CREDENTIALS = SecretView("git/1", frozenset({"username", "password"}))
GIT = seen(owner_secrets={"git": CREDENTIALS})
PUSHED: dict[str, Any] = {**AFTER, "overlay": "d1", "overlay_revision": "c0ffee"}
SILENT = codes.GIT_PUSH.entry("The overlay could not be pushed: it does not come to an end")


def reported(**values: Any) -> SceneMod:
    """The removal was tried a moment ago, and this came of it."""

    def apply(o: Observation) -> Observation:
        sovereign = o.sovereign
        followed, folder = source.wanted(sovereign.spec, o.settings), kit.overlay_path(sovereign.spec.domain.fqdn)
        change = OverlayChange(folder, {}, "x", template=False, removes=True)
        key = key_of(change, followed.url, followed.ref.branch, CREDENTIALS.version, "")
        return replace(o, overlay=replace(OverlayReport(key, NOW), **values))

    return apply


CASES = (
    Deleted(
        "destroyed: the folder is removed while the name is still this Sovereign's",
        (going(REMOVE), known(APPLIED, DESTROYED, **PUSHED), GIT),
        check="overlay_not_removed",
        deleting="RemovingOverlay",
        says=("Removing clusters/omantel.omani.works from", "branch main"),
        does=("PushOverlay",),
        again=SAFETY,
    ),
    Deleted(
        "it is gone: written down, and the deletion goes on",
        (going(REMOVE), known(APPLIED, DESTROYED, **PUSHED), GIT, reported(digest="x", revision="beef")),
        check="overlay_not_removed",
        deleting="RemovingOverlay",
        says=("is not in",),
        does=("WriteRecord",),
        again=AT_ONCE,
        goes_on=True,
    ),
    Deleted(
        "removed before: nothing more to do",
        (going(REMOVE), known(APPLIED, DESTROYED, **PUSHED, overlay_removed="beef"), GIT),
        check="nothing_left",
        deleting="CleaningUp",
        again=AT_ONCE,
    ),
    Deleted(
        "the owner did not ask for it: the folder stays",
        (going(LEAVE), known(APPLIED, DESTROYED, **PUSHED), GIT),
        check="nothing_left",
        deleting="CleaningUp",
        again=AT_ONCE,
    ),
    Deleted(
        "the operator never pushed one: whatever lies there is somebody else's",
        (going(REMOVE), known(APPLIED, DESTROYED, **AFTER), GIT),
        check="nothing_left",
        deleting="CleaningUp",
        again=AT_ONCE,
    ),
    Deleted(
        "policy Orphan: the cluster stays and follows the folder",
        (going(REMOVE, ORPHAN), known(APPLIED, **{**PUSHED, "destroyed": False}), GIT),
        check="nothing_left",
        deleting="CleaningUp",
        says=("What exists stays",),
        again=AT_ONCE,
    ),
    Deleted(
        "something may be left that follows it: destroyed first",
        (going(REMOVE), known(APPLIED, RUNNING, **{**PUSHED, "destroyed": False}), at_work(RUNNING, "tofu-apply"), GIT),
        check="destroy_in_progress",
        deleting="Destroying",
        does=("FollowLog",),
        again=timedelta(seconds=3),
    ),
    Deleted(
        "the Secret that opens the repository is gone: named, with the way out",
        (going(REMOVE), known(APPLIED, DESTROYED, **PUSHED)),
        check="overlay_not_removed",
        deleting="RemovingOverlay",
        says=("Secret team-a/git", "does not exist", "removeOverlay to false"),
        summary="Stalled",
        again=POLL,
        operation="Failed",
    ),
    Deleted(
        "the server does not let the operator push: a person has to act, and it is looked again from time to time",
        (going(REMOVE), known(APPLIED, DESTROYED, **PUSHED), GIT, reported(error=SILENT)),
        check="overlay_not_removed",
        deleting="RemovingOverlay",
        says=("ERR_GIT_PUSH", "removeOverlay to false"),
        summary="Stalled",
        again=POLL,
        operation="Failed",
        code="ERR_GIT_PUSH",
    ),
    Deleted(
        "it may pass by itself: tried again after a while",
        (
            going(REMOVE),
            known(APPLIED, DESTROYED, **PUSHED),
            GIT,
            reported(error=replace(SILENT, terminal=False), at=NOW - timedelta(hours=1)),
        ),
        check="overlay_not_removed",
        deleting="RemovingOverlay",
        does=("PushOverlay",),
        again=POLL,
        code="ERR_GIT_PUSH",
    ),
)
