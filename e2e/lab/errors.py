"""What can go wrong in the lab, so that the command line can print it and choose an exit code.

LabError                    anything below; exit code 1
├── PackagesMissing         Debian packages to install first
├── BuildFailed             a tool or an image could not be built
├── ProcessDied             a component ended while it was waited for
├── NotReady                a component runs but did not become ready in time
└── MachineTaken            another checkout's lab runs; exit code 3

"""

from __future__ import annotations


class LabError(Exception):
    """Says what happened and why; `remedy` says what to do about it."""

    exit_code = 1

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


class PackagesMissing(LabError):
    """Debian packages that the lab needs are not installed."""


class BuildFailed(LabError):
    """A tool or an image could not be built."""


class ProcessDied(LabError):
    """A process of the lab ended on its own."""


class NotReady(LabError):
    """A process of the lab runs but did not answer in time."""


class MachineTaken(LabError):
    """The lab of another checkout holds the machine's addresses."""

    exit_code = 3
