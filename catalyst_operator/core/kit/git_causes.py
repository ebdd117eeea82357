"""Why a Git repository could not be read or written, and what a person does about each cause."""

from __future__ import annotations

from enum import Enum


class GitCause(Enum):
    """What is the matter with a repository. The value says what to do where it is read."""

    REF = "Correct spec.gitops.ref, or push the branch or the tag that it names"
    FOLDER = "Correct spec.gitops.path, or add the folder to what spec.gitops.ref names"
    COMMIT = "Correct spec.gitops.ref.commit, or tag that commit in the repository and follow it by spec.gitops.ref.tag"
    CREDENTIALS = "Correct user name and password in the Secret of spec.gitops.credentialsSecretRef"
    NO_CREDENTIALS = (
        "Correct spec.gitops.url, or name a Secret with a user name and a password that may read it in "
        "spec.gitops.credentialsSecretRef"
    )
    AUTHORITY = (
        "Put the certificate of the authority that signed the server's, in PEM, under ca.crt into the Secret of "
        "spec.gitops.credentialsSecretRef; an expired one or one of another name is to be renewed on the server"
    )
    REPOSITORY = (
        "Correct spec.gitops.url, or give the user in the Secret of spec.gitops.credentialsSecretRef access to it"
    )
    REFUSED = "Correct spec.gitops.url and ref: what they name has to be the kit's tree, and no more than that"
    SILENT = "Wait for the server, or open a way to it on its port from the management cluster"
    UNKNOWN = "Read the operator's log: it is no fault of the repository's"


_PUSHING = {
    GitCause.REF: "Correct spec.gitops.ref.branch",
    GitCause.REFUSED: "Let the user of spec.gitops.credentialsSecretRef push to the branch, which is protected or has "
    "a hook that refuses it, or name another branch in spec.gitops.ref",
    GitCause.CREDENTIALS: "Correct user name and password in the Secret of spec.gitops.credentialsSecretRef, and let "
    "that user push",
}
"""Where what is to be done is another thing when the operator writes there."""


def remedy(cause: GitCause, *, pushes: bool = False) -> str:
    """What to do about it, as a sentence."""
    told = _PUSHING.get(cause, cause.value) if pushes else cause.value
    return f"{told}; it goes on by itself."
