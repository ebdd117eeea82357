"""Proof that a token opens the project that the Sovereign is in, without which no later run is made.

A token is of one project for as long as it lives, so one that was proven once needs no second look: the record keeps
its fingerprint. What a run is given is the very token that is judged here, since both are of one observation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from catalyst_operator.api import labels
from catalyst_operator.api.phases import RunVerb
from catalyst_operator.core import naming
from catalyst_operator.core.actions import AskProject
from catalyst_operator.core.errors import codes
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.project.identity import ProjectQuestion, ProjectReport, fingerprint, key_of
from catalyst_operator.core.record import ProjectEntry, Record, RunState
from catalyst_operator.core.runs.attempts import requested, unanswered

MEMBERS_SEEN_FOR = timedelta(minutes=1)
"""How long a look at the members of network and firewall is good for: other people use the project too."""


@dataclass(frozen=True)
class ProofStanding:
    """What the last look with the token at hand found, if there was one; and what to ask now."""

    report: ProjectReport | None
    ask: tuple[AskProject, ...] = ()


def lacking(o: Observation, record: Record) -> bool:
    """Whether the token that a run would be given has to be seen to open the Sovereign's own project first. As long as
    nothing was made, any project will do."""
    mark = _mark(o)
    return bool(mark) and _something_made(o, record) and (record.project is None or not is_of_token(o, record))


def standing(o: Observation, record: Record) -> ProofStanding:
    """What is known of the project behind the token at hand. A look that failed is repeated from time to time; that the
    project is another one does not change by waiting."""
    asked = _question(o, record)
    key = key_of(asked, _mark(o), requested(o, labels.ANNOTATION_RETRY))
    ask = (AskProject(key, asked),)
    report = o.project
    if report is None or report.key != key:
        return ProofStanding(None, ask)
    if report.error is None:
        return ProofStanding(report)
    again = report.again(o.settings.preflight_interval)
    return ProofStanding(report, ask if o.now >= again else ())


def question(o: Observation, record: Record, secret: str) -> ProjectQuestion:
    """Whether the Sovereign is in the project of the token in `secret`, a `namespace/name`."""
    meta = o.sovereign.metadata
    return ProjectQuestion(
        uid=meta.uid,
        cluster_name=naming.cluster_name(meta.name, meta.uid),
        secret=secret,
        network_id=record.outputs.network_id if record.outputs else "",
    )


def members(o: Observation, record: Record) -> ProofStanding:
    """The same, as to who else is in the Sovereign's network or behind its firewall: that may change at any time."""
    known = standing(o, record)
    report = known.report
    if report is None or report.answer is None or (o.now - report.at <= MEMBERS_SEEN_FOR and not _run_since(o, report)):
        return known
    # What was in the way goes on to be told until the next look says otherwise.
    ask = (AskProject(report.key, _question(o, record)),)
    return ProofStanding(report if report.answer.foreign else None, ask)


def bound(o: Observation, record: Record) -> Record:
    """The record of a Sovereign that is about to get its first objects: it is in the project of the token at hand from
    then on. A dry run makes none, and binds nothing."""
    first = record.last is not None and record.last.verb is RunVerb.APPLY and not _something_made(o, record)
    return replace(record, project=_project(o)) if first else record


def is_of_token(o: Observation, record: Record) -> bool:
    """Whether the record speaks of the project of the token at hand, or of none yet."""
    return record.project is None or record.project.fingerprint == _mark(o)


def advance(o: Observation, record: Record) -> Record:
    """The record after what the last look found, and what a person said about it."""
    if o.record is None:
        return record
    confirmed = unanswered(o, record, labels.ANNOTATION_CONFIRM_PROJECT)
    if lacking(o, record):
        report = standing(o, record).report
        answer = report.answer if report else None
        if answer is None or not (answer.found or confirmed):
            return record
        if answer.found:
            return replace(record, project=_project(o))
        return answered(o, replace(record, project=replace(_project(o), confirmed=True)))
    # Said before it was asked, it must not stand for an answer later.
    return answered(o, record) if confirmed and not _asked_by_a_destroy(record) else record


def gone_is_gone(o: Observation, record: Record) -> bool:
    """Whether a person said that what the project does not have any more is really gone."""
    said = record.project is not None and record.project.confirmed
    return said or unanswered(o, record, labels.ANNOTATION_CONFIRM_PROJECT)


def answered(o: Observation, record: Record) -> Record:
    """The record after a person's word about the project was taken."""
    value = requested(o, labels.ANNOTATION_CONFIRM_PROJECT)
    return replace(record, handled={**record.handled, labels.ANNOTATION_CONFIRM_PROJECT: value})


def _asked_by_a_destroy(record: Record) -> bool:
    last = record.last
    return last is not None and any(error.code == codes.OBJECTS_GONE.code for error in last.errors)


def _project(o: Observation) -> ProjectEntry:
    return ProjectEntry(_mark(o), o.sovereign.spec.project_id or "")


def _mark(o: Observation) -> str:
    return fingerprint(o.uid, o.run_token) if o.run_token else ""


def _something_made(o: Observation, record: Record) -> bool:
    """Whether cloud objects may exist; each of these says so by itself, since any of the others may be lost."""
    states = (o.state, o.saved_state, o.archived_state)
    listed = any(state is not None and state.may_list_something for state in states)
    known = record.touched or record.outputs is not None or listed
    return known and not record.nothing_made


def _question(o: Observation, record: Record) -> ProjectQuestion:
    going = o.sovereign.metadata.deletion_timestamp is not None
    return replace(question(o, record, o.credentials_name), members=going)


def _run_since(o: Observation, report: ProjectReport) -> bool:
    """Whether a run ended after the look: it met something that the look did not see."""
    last = o.record.last if o.record else None
    if last is None or last.state is RunState.PENDING:
        return False
    return last.over_at(o.now) > report.at
