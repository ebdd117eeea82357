"""The form of the tables of decisions: a row names the check that has to answer, so that the tables also prove the
order of the checks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from catalyst_operator.api.sovereign_status import SovereignStatus
from catalyst_operator.core.actions import Action, WatchCluster
from catalyst_operator.core.observation import ContainerView
from catalyst_operator.core.record import RunEntry
from tests.support import gen
from tests.support.gen import SETTINGS, SceneMod, seen

POLL = SETTINGS.poll
AT_ONCE = timedelta(0)
START = ("TakeTurn", "PrepareNamespace", "WriteInputs", "WriteRecord", "GiveBootSecrets", "CreateJob")
START_DESTROY = ("TakeTurn", "PrepareNamespace", "WriteInputs", "WriteRecord", "CreateJob")
"""A destroy makes no servers, and is given no secrets for any."""
RECORDED = ("WriteRecord", "ReleasePod", "ForgetLogs")
"""A run has ended: what it left is written before its Pod is let go."""
BIGGER = gen.digest(gen.workers(2))
RETRY = gen.annotated(retryRequestedAt="now")
CANCEL = gen.annotated(cancelRequestedAt="now")
CONFIRM = gen.annotated(projectConfirmedAt="now")
NO_CODE = "none"
"""Of a row in which status.lastErrors has to be empty."""
SERVER = "hcloud_server.control_plane[0]"


@dataclass(frozen=True)
class Case:
    """One row: `given` what is seen, this check answers, and says and does this."""

    why: str
    given: tuple[SceneMod, ...]
    check: str
    reason: str
    says: tuple[str, ...] = ()
    summary: str = "Reconciling"
    ready: str = "False"
    does: tuple[str, ...] = ()
    again: timedelta | None = None
    operation: str = "Processing"
    code: str = ""
    """Code of the first of status.lastErrors, or NO_CODE; empty where it does not matter."""
    shows: tuple[str, ...] = ()
    """Further conditions, as `type=status reason`."""
    phase: str = ""
    """Phase and progress, as `phase percent`; empty where they do not matter."""
    goes_on: bool = False
    """Whether what is recorded is itself what the next look goes on from, so that it finds something else."""


@dataclass(frozen=True)
class Deleted:
    """One row of a deletion. Without a reason the Sovereign goes."""

    why: str
    given: tuple[SceneMod, ...]
    check: str
    deleting: str = ""
    says: tuple[str, ...] = ()
    summary: str = "Reconciling"
    does: tuple[str, ...] = ()
    again: timedelta | None = None
    operation: str = "Processing"
    code: str = ""
    ready: str = ""
    """Reason of Ready, where it matters."""
    goes_on: bool = False
    """Whether what is done changes what the next look says."""


def at_work(run: RunEntry, at: str = "", container: ContainerView | None = None, **pod: object) -> SceneMod:
    """The run's Job and Pod; see `gen.pod`."""
    return seen(jobs=(gen.job(run),), pods=(gen.pod(run, at, container, **pod),))


def stopped(run: RunEntry, at: str = "tofu-apply") -> SceneMod:
    """The run's Pod ended in this phase after it was told to stop; its Job is gone."""
    return seen(pods=(gen.pod(run, at, gen.ended_container(1), deletion=gen.GRACE_ENDS),))


def names(actions: tuple[Action, ...]) -> tuple[str, ...]:
    """What is done, in order. That the new cluster is watched goes without saying: every look says so."""
    return tuple(type(action).__name__ for action in actions if not isinstance(action, WatchCluster))


def conditions_of(status: SovereignStatus) -> set[str]:
    """The conditions as `type=status reason`."""
    return {f"{c.type}={c.status} {c.reason}" for c in status.conditions}


def first_error(status: SovereignStatus) -> str:
    """The code of the first error, NO_CODE if there is none."""
    return status.last_errors[0].code if status.last_errors else NO_CODE
