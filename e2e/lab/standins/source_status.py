"""What source-controller writes to a source at each step of its work."""

from __future__ import annotations

import hashlib

from e2e.lab.standins.objects import Draft, Object

GIT_FAILED, AUTHENTICATION_FAILED = "GitOperationFailed", "AuthenticationFailed"
VERIFICATION_FAILED = "VerificationError"
_PROGRESSING, _RETRYING, _SUCCEEDED = "Progressing", "ProgressingWithRetry", "Succeeded"


def begun(draft: Draft) -> None:
    """A reconciliation began. What is not seen yet, and what there is no artifact for, is not ready."""
    observed = draft.status.get("observedGeneration", -1)
    message = "reconciliation in progress"
    if observed != draft.generation:
        message = f"processing object: new generation {observed} -> {draft.generation}"
    if "artifact" not in draft.status:
        draft.clear("ArtifactInStorage")
        message = "building artifact"
    _progressing(draft, message, drift="artifact" not in draft.status)


def moved(draft: Draft, revision: str) -> None:
    """The remote is at another revision than the artifact."""
    message = f"new upstream revision '{revision}'"
    if "artifact" in draft.status:
        draft.mark("ArtifactOutdated", "True", "NewRevision", message)
    draft.clear("FetchFailed")
    _progressing(draft, f"building artifact: {message}", drift=True)


def stored(draft: Draft, artifact: Object) -> None:
    """The artifact is in place and of the remote's revision."""
    draft.status["artifact"] = artifact
    message = f"stored artifact for revision '{artifact['revision']}'"
    draft.clear("FetchFailed", "ArtifactOutdated", "Reconciling", "Stalled")
    draft.mark("ArtifactInStorage", "True", _SUCCEEDED, message)
    draft.mark("Ready", "True", _SUCCEEDED, message)
    draft.observed()


def index_stored(draft: Draft) -> None:
    """The index of a Helm repository is in place. In the lab it is nowhere, so it has a revision and no artifact."""
    digest = hashlib.sha256(draft.obj["spec"]["url"].encode()).hexdigest()
    draft.clear("FetchFailed", "Reconciling", "Stalled")
    draft.mark("Ready", "True", _SUCCEEDED, f"stored artifact: revision 'sha256:{digest}'")
    draft.observed()


def failed(draft: Draft, reason: str, message: str) -> None:
    """The remote could not be read. It is tried again; the generation counts as not observed until it succeeds."""
    draft.mark("FetchFailed", "True", reason, message)
    draft.mark("Ready", "False", reason, message)
    before = draft.find("Reconciling")
    draft.reconciling(_RETRYING, before["message"] if before else "reconciliation in progress")
    draft.handled()


def _progressing(draft: Draft, message: str, *, drift: bool) -> None:
    draft.reconciling(_PROGRESSING, message)
    ready = draft.find("Ready")
    if drift or ready is None or ready["status"] == "Unknown":
        draft.mark("Ready", "Unknown", _PROGRESSING, message)
