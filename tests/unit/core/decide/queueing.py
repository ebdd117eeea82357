"""More than may run at once: who waits, what is told of that, and what does not lose its place."""

from __future__ import annotations

from catalyst_operator.api.scalars import format_time
from catalyst_operator.core.queue import turn
from catalyst_operator.core.queue.order import Entry, Queue, RunKind
from catalyst_operator.core.record import RunState
from catalyst_operator.core.scene import SAFETY
from tests.support import gen
from tests.support.gen import NOW, SECOND, SceneMod, known, of, seen, tokened
from tests.unit.core.decide.table import START, Case, Deleted

TOKENED = gen.observation(tokened())
PROJECT = turn.project_mark(TOKENED)


def other(number: int, namespace: str = "team-b", kind: RunKind = RunKind.WANTED) -> Entry:
    """A run of another Sovereign in the same project, older than ours."""
    return Entry(f"uid-{number}", namespace, PROJECT, kind, NOW - number * SECOND)


def running(count: int, *waiting: Entry) -> SceneMod:
    """So many runs of other Sovereigns are under way in the same project."""
    return seen(queue=Queue(tuple(other(n) for n in range(count)), waiting))


A_MINUTE_AGO = format_time(NOW - 60 * SECOND)
IN_QUEUE = gen.status(
    lastOperation={
        "type": "Create",
        "state": "Processing",
        "queue": {"position": 2, "of": 3, "since": A_MINUTE_AGO},
        "project": PROJECT,
        "startTime": A_MINUTE_AGO,
        "lastUpdateTime": A_MINUTE_AGO,
    }
)
"""Its status says that it has waited for a minute."""

CASES = (
    Case(
        "a project has as many runs as may be: it waits, and is told where it stands and why",
        (running(3, other(50, "team-c")),),
        check="awaiting_turn",
        reason="Queued",
        says=("Waiting: 2nd of 2, 3 runs of this project are under way, and at most 3 are at once.",),
        again=SAFETY,
        phase="pending 0",
    ),
    Case(
        "there is room: it starts",
        (running(2),),
        check="new_run",
        reason="Provisioning",
        does=START,
        again=SAFETY,
    ),
    Case(
        "while it waits nothing is looked at again, however old the last look is",
        (of(IN_QUEUE), running(3), gen.unlooked),
        check="queued",
        reason="Queued",
        says=("1st of 1",),
        again=SAFETY,
    ),
    Case(
        "its turn has come, and the project is looked at first: it keeps its place meanwhile",
        (of(IN_QUEUE), running(1), gen.unlooked),
        check="preflight_first",
        reason="Provisioning",
        does=("AskPreflight",),
        again=SAFETY,
    ),
    Case(
        "the operator died between recording a run and creating its Job, and meanwhile others came first",
        (known(gen.run(RunState.PENDING)), running(3)),
        check="job_not_created",
        reason="Queued",
        says=("1st of 1",),
        again=SAFETY,
    ),
    Case(
        "a token that nobody else has is of another project: its runs wait for nobody's",
        (tokened("H" * 64), running(3)),
        check="new_run",
        reason="Provisioning",
        does=START,
        again=SAFETY,
    ),
)

DELETIONS = (
    Deleted(
        "a deletion waits for its turn as well, and says so",
        (of(gen.deleting), known(gen.succeeded()), running(3)),
        check="awaiting_turn",
        deleting="Queued",
        says=("Waiting: 1st of 1, 3 runs of this project are under way",),
        again=SAFETY,
    ),
    Deleted(
        "while a deletion waits nothing is looked at again",
        (of(gen.deleting, IN_QUEUE), known(gen.succeeded()), running(3), gen.unasked),
        check="queued",
        deleting="Queued",
        again=SAFETY,
    ),
)
