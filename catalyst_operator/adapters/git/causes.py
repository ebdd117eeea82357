"""What went wrong in a talk with a Git server, by the error that it ended with."""

from __future__ import annotations

from catalyst_operator.core.kit.git_causes import GitCause
from catalyst_operator.errors import (
    GitAnonymous,
    GitAuthorityUnreadable,
    GitCommitMissing,
    GitCommitUnclear,
    GitDenied,
    GitMissing,
    GitRejected,
    GitUnavailable,
    GitUntrusted,
)

_CAUSES: tuple[tuple[type[Exception], GitCause], ...] = (
    (GitAnonymous, GitCause.NO_CREDENTIALS),
    (GitAuthorityUnreadable, GitCause.AUTHORITY),
    (GitUntrusted, GitCause.AUTHORITY),
    (GitCommitMissing, GitCause.COMMIT),
    (GitCommitUnclear, GitCause.COMMIT),
    (GitDenied, GitCause.CREDENTIALS),
    (GitMissing, GitCause.REPOSITORY),
    (GitRejected, GitCause.REFUSED),
    (GitUnavailable, GitCause.SILENT),
    (TimeoutError, GitCause.SILENT),
)
"""The first that fits; what is more precise comes first."""


def cause_of(error: Exception) -> GitCause:
    """Its cause; UNKNOWN for what is no fault of the other side's."""
    return next((cause for kind, cause in _CAUSES if isinstance(error, kind)), GitCause.UNKNOWN)
