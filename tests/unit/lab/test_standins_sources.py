"""What the source stand-in says of a git remote, in the words of the real source-controller."""

from typing import Any

import pytest

from e2e.lab.standins import source_status
from e2e.lab.standins.git import Credentials, Reference
from e2e.lab.standins.git_errors import go_text
from e2e.lab.standins.objects import Draft

URL = "https://10.99.0.1:8443/acme/gitops.git"
DISCOVERY = f'"{URL}/info/refs?service=git-upload-pack"'
SHA = "1" * 40
NOW = "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (
            f"fatal: could not read Username for '{URL}': terminal prompts disabled",
            "authentication required: Unauthorized",
        ),
        (f"fatal: Authentication failed for '{URL}/'", "authentication required: Unauthorized"),
        (f"fatal: unable to access '{URL}/': The requested URL returned error: 403", "authorization failed: Forbidden"),
        (f"fatal: repository '{URL}/' not found", "repository not found: Not Found"),
        (
            f"fatal: unable to access '{URL}/': The requested URL returned error: 503",
            f"unexpected client error: unexpected requesting {DISCOVERY} status code: 503",
        ),
        (
            f"fatal: unable to access '{URL}/': Failed to connect to 10.99.0.1 port 8443 after 0 ms: Couldn't connect",
            f"Get {DISCOVERY}: dial tcp 10.99.0.1:8443: connect: connection refused",
        ),
        (
            f"fatal: unable to access '{URL}/': server certificate verification failed. CAfile: none CRLfile: none",
            f"Get {DISCOVERY}: tls: failed to verify certificate: x509: certificate signed by unknown authority",
        ),
        (
            f"fatal: unable to access '{URL}/': Could not resolve host: 10.99.0.1",
            f"Get {DISCOVERY}: dial tcp: lookup 10.99.0.1 on 10.43.0.10:53: no such host",
        ),
        ("fatal: something else", "something else"),
    ],
)
def test_git_s_words_become_go_git_s(said: str, text: str) -> None:
    """The operator is tested against the texts that it meets in production."""
    assert go_text(said, URL) == text


@pytest.mark.parametrize(
    ("wanted", "ref", "revision"),
    [
        (Reference(), "refs/heads/master", f"master@sha1:{SHA}"),
        (Reference(branch="main"), "refs/heads/main", f"main@sha1:{SHA}"),
        (Reference(branch="main", tag="v1"), "refs/tags/v1", f"v1@sha1:{SHA}"),
        (Reference(branch="main", commit=SHA), "refs/heads/main", f"main@sha1:{SHA}"),
        (Reference(commit=SHA), "refs/heads/master", f"sha1:{SHA}"),
        (Reference(name="refs/pull/1/head"), "refs/pull/1/head", f"refs/pull/1/head@sha1:{SHA}"),
    ],
)
def test_a_revision_names_what_was_asked_for(wanted: Reference, ref: str, revision: str) -> None:
    """kustomize-controller and the operator show it as it is."""
    assert (wanted.ref, wanted.revision(SHA)) == (ref, revision)


def _draft(generation: int = 1, **status: Any) -> Draft:
    meta = {"name": "x", "namespace": "flux-system", "generation": generation}
    return Draft({"metadata": meta, "status": {"observedGeneration": -1, **status}}, NOW)


def _said(draft: Draft) -> dict[str, tuple[str, str]]:
    return {entry["type"]: (entry["status"], entry["reason"]) for entry in draft.status["conditions"]}


def test_a_first_fetch_is_told_from_its_beginning() -> None:
    """Unknown while it is built, and the generation counts as observed at the end only."""
    draft = _draft()
    source_status.begun(draft)
    source_status.moved(draft, f"main@sha1:{SHA}")
    assert _said(draft) == {"Reconciling": ("True", "Progressing"), "Ready": ("Unknown", "Progressing")}
    assert draft.status["observedGeneration"] == -1
    source_status.stored(draft, {"revision": f"main@sha1:{SHA}"})
    assert _said(draft) == {"ArtifactInStorage": ("True", "Succeeded"), "Ready": ("True", "Succeeded")}
    assert draft.status["observedGeneration"] == 1


def test_a_failure_keeps_the_artifact_and_goes_on() -> None:
    """Not Stalled: the real controller tries again for ever."""
    draft = _draft()
    source_status.stored(draft, {"revision": f"main@sha1:{SHA}"})
    source_status.begun(draft)
    source_status.failed(draft, source_status.GIT_FAILED, "no")
    assert _said(draft) == {
        "Reconciling": ("True", "ProgressingWithRetry"),
        "Ready": ("False", "GitOperationFailed"),
        "FetchFailed": ("True", "GitOperationFailed"),
        "ArtifactInStorage": ("True", "Succeeded"),
    }
    assert "artifact" in draft.status
    source_status.stored(draft, draft.status["artifact"])
    assert _said(draft) == {"ArtifactInStorage": ("True", "Succeeded"), "Ready": ("True", "Succeeded")}


def test_a_new_revision_outdates_the_artifact() -> None:
    """Between a push and its artifact the source is not ready."""
    draft = _draft()
    source_status.stored(draft, {"revision": f"main@sha1:{SHA}"})
    source_status.begun(draft)
    source_status.moved(draft, f"main@sha1:{'2' * 40}")
    assert _said(draft)["ArtifactOutdated"] == ("True", "NewRevision")
    assert _said(draft)["Ready"] == ("Unknown", "Progressing")


def test_a_password_is_not_shown() -> None:
    """Even the lab's log is somebody's to read."""
    assert "s3cret" not in repr(Credentials("jane", "s3cret"))
