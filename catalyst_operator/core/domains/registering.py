"""The registrar, in mode byo-api: credentials proven by reading, name servers set once what was there is remembered."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from catalyst_operator.api import labels
from catalyst_operator.api.conditions import Reason
from catalyst_operator.core.domains.actions import AskRegistrar, Hold, RememberNameservers
from catalyst_operator.core.domains.observation import DomainObservation, RegistrarProblem, RegistrarReport, Trouble
from catalyst_operator.core.domains.questions import ask, expected, report
from catalyst_operator.core.domains.registrar import RegistrarView
from catalyst_operator.core.domains.steps import AT_ONCE, PARENT_LOOK_AGAIN, Step, done, stalled, working
from catalyst_operator.core.errors import codes
from catalyst_operator.core.errors.codes import Code
from catalyst_operator.core.naming import digest_of

VENDOR_SOON = timedelta(seconds=5)
"""How soon to look again at a change that is under way, or at a registrar that did not answer."""
AFTER_REFUSAL = timedelta(minutes=5)
"""How soon to ask again after a refusal: nobody tells us that an account was put in order."""
SECRET_POLL = timedelta(seconds=10)
"""How soon to look for a Secret that is missing or was not accepted."""
CHECK_AGAIN = timedelta(minutes=5)
"""How soon to ask whether what was set is still set, while the parent's servers do not give it."""
TRY_AGAIN = timedelta(minutes=1)
"""How soon a change is asked for again of which nothing is to be seen: not accepted, or the answer was lost."""
SET_AGAIN = timedelta(minutes=10)
"""How soon a change is asked for again that was accepted, or failed, and is not in force."""
MOST_TRIES = 8
"""How often something is asked for that is answered in a way nobody knows, or refused: for some ten minutes."""


def key_of(o: DomainObservation) -> str:
    """Of a talk about this domain with these credentials."""
    meta, registrar = o.reservation.metadata, o.reservation.spec.registrar
    version = o.credentials.version if o.credentials else ""
    # Whoever asks for another try has put something in order that is seen nowhere here.
    asked = [meta.annotations.get(name, "") for name in (labels.ANNOTATION_RECONCILE, labels.ANNOTATION_RETRY)]
    return digest_of([o.name, registrar.name if registrar else "", version, *asked])[:16]


def latest(o: DomainObservation) -> RegistrarReport | None:
    """The last talk, if it was with these credentials."""
    return o.registrar if o.registrar is not None and o.registrar.key == key_of(o) else None


def valid(o: DomainObservation) -> Step:
    """Whether the registrar accepts the credentials: seen by reading, before anything is changed."""
    registrar = o.reservation.spec.registrar
    if registrar is None:
        return _credentials_missing("spec.registrar is missing.")
    secret = f"{registrar.credentials_secret_ref.namespace}/{registrar.credentials_secret_ref.name}"
    if o.denied:
        return _credentials_missing(o.denied)
    if o.credentials is None:
        told = f"Secret {secret} does not exist; create it with {registrar.name}'s credentials (docs/domains.md)."
        return _credentials_missing(told, secret, again=SECRET_POLL)
    told_last = latest(o)
    if told_last is None:
        message = f"Asking {registrar.name} whether it accepts the credentials."
        return working(Reason.PENDING, message, _look(o), again=PARENT_LOOK_AGAIN, status="Unknown")
    if told_last.problem is not None:
        return trouble(o, told_last, told_last.problem, secret)
    return done(Reason.PASSED, f"{registrar.name} accepts the credentials; tested by reading.")


def _credentials_missing(message: str, *affected: str, again: timedelta = PARENT_LOOK_AGAIN) -> Step:
    error = codes.REGISTRAR_CREDENTIALS.entry(message, addresses=affected)
    return stalled(Reason.CREDENTIALS_MISSING, message, error=error, again=again)


def flipped(o: DomainObservation) -> Step | None:
    """Have our servers set at the registrar; None once they are, and only the parent's servers are waited for."""
    told = latest(o)
    registrar = o.reservation.spec.registrar
    if told is None or told.view is None or registrar is None:
        return working(Reason.AWAITING_DELEGATION, "The registrar has not been asked yet.", status="Unknown")
    view = told.view
    if view.nameservers == expected(o):
        return None
    return _first_change(o, told) if o.previous is None else _change(o, told, view, registrar.name)


def _change(o: DomainObservation, told: RegistrarReport, view: RegistrarView, name: str) -> Step:
    """Ask for the change, or wait for what was asked for."""
    unbelieved = signed(o) or _unsure(o)
    if unbelieved is not None:
        return unbelieved
    if view.pending:
        message = f"{name} is changing the name servers: {view.pending}."
        return working(Reason.AWAITING_DELEGATION, message, *look_if_due(o, VENDOR_SOON), again=VENDOR_SOON)
    if told.accepted(expected(o), o.now - SET_AGAIN):
        return _accepted(o, told, view, name)
    if refused := held_back(o, told):
        return refused
    if told.tried_at is not None and o.now < told.tried_at + TRY_AGAIN:
        message = f"{name} was asked to set the name servers of {o.name}, and has not; it is asked once more soon."
        return working(Reason.AWAITING_DELEGATION, message, again=told.tried_at + TRY_AGAIN - o.now)
    message = f"Having {name} set the name servers of {o.name}."
    change = AskRegistrar(key_of(o), o.domain, expected(o))
    return working(Reason.AWAITING_DELEGATION, message, change, again=PARENT_LOOK_AGAIN)


def _accepted(o: DomainObservation, told: RegistrarReport, view: RegistrarView, name: str) -> Step:
    """The change was accepted: it is carried out, or it was not possible."""
    if not view.failed:
        message = f"{name} accepted the change of the name servers, and does not show it yet."
        return working(Reason.AWAITING_DELEGATION, message, *look_if_due(o, VENDOR_SOON), again=VENDOR_SOON)
    message = f"{name} did not change the name servers: {view.failed}. Tried again every ten minutes."
    error = codes.REGISTRAR_DENIED.entry(message, addresses=(o.name,))
    due = told.set_at + SET_AGAIN if told.set_at else None
    looks = look_if_due(o, PARENT_LOOK_AGAIN)
    return stalled(Reason.REGISTRAR_DENIED, message, *looks, error=error, retry_at=due)


def held_back(o: DomainObservation, told: RegistrarReport) -> Step | None:
    """What becomes of a change that was refused: asked for some times more, ever later, then no more; None once the
    next try is due, and where none was refused."""
    registrar, problem = o.reservation.spec.registrar, told.refused
    if problem is None or told.tried_at is None or registrar is None:
        return None
    due = told.tried_at + max(TRY_AGAIN, pause_after(told.refusals))
    spent = told.refusals >= MOST_TRIES
    if not spent and o.now >= due:
        return None
    message = f"{registrar.name} does not set the name servers of {o.name}: {problem.message}."
    when = _no_more(told.refusals) if spent else f"Next try at {due:%H:%M:%S} UTC."
    error = codes.REGISTRAR_DENIED.entry(message, remedy=problem.remedy, addresses=(o.name,))
    looks = look_if_due(o, AFTER_REFUSAL)
    words = " ".join(filter(None, (message, problem.remedy, when)))
    return stalled(
        Reason.REGISTRAR_DENIED, words, *looks, error=error, again=SECRET_POLL, retry_at=None if spent else due
    )


def pause_after(tries: int) -> timedelta:
    """How long to wait after so many tries in a row: twice as long each time, up to five minutes."""
    doublings = min(max(tries, 1) - 1, 10)
    return min(VENDOR_SOON * (1 << doublings), AFTER_REFUSAL)


def _no_more(tries: int) -> str:
    return (
        f"It was asked {tries} times and is not asked again before the Secret or spec.registrar changes, or somebody "
        f"asks for it: annotate with {labels.ANNOTATION_RETRY}=<any new value>."
    )


def _first_change(o: DomainObservation, told: RegistrarReport) -> Step:
    """Before anything is changed: is something live there, and what is there to come back to?"""
    obstacle = live_records(o) or signed(o) or _unsure(o)
    if obstacle is not None:
        return obstacle
    looks = look_if_due(o, PARENT_LOOK_AGAIN)
    if looks:
        # Read when the name was reserved; somebody may have set others while the cluster was built.
        message = "Reading the name servers that are set now, to come back to."
        return working(Reason.AWAITING_DELEGATION, message, *looks, again=VENDOR_SOON)
    found = told.view.nameservers if told.view else ()
    message = "Remembering the name servers that are set now, to come back to."
    hold = () if o.held else (Hold(),)
    return working(Reason.AWAITING_DELEGATION, message, *hold, RememberNameservers(found), again=AT_ONCE)


def live_records(o: DomainObservation) -> Step | None:
    """A registered domain that is in use is not taken over without a word from its owner; None when nothing is."""
    registrar = o.reservation.spec.registrar
    if registrar is None or registrar.acknowledge_live_records or not o.domain.is_registered or o.previous is not None:
        return None
    told, asking = report(o), ask(o)
    if told is None:
        message = f"Looking whether {o.name} is in use."
        return working(Reason.AWAITING_DELEGATION, message, *asking.actions, again=asking.again, status="Unknown")
    if told.live_error:
        message = f"Whether {o.name} is in use cannot be seen: {told.live_error}. Nothing is changed before it can."
        return working(Reason.AWAITING_DELEGATION, message, *asking.actions, again=asking.again, status="Unknown")
    if not told.live:
        return None
    records = "; ".join(told.live)
    message = (
        f"{o.name} is in use ({records}); these records stop answering once the name servers change. Copy what must "
        "stay into the new zone afterwards, and set registrar.acknowledgeLiveRecords to true if that may happen."
    )
    error = codes.LIVE_RECORDS.entry(message, addresses=told.live)
    return stalled(Reason.LIVE_RECORDS, message, *asking.actions, error=error, again=asking.again)


def signed(o: DomainObservation) -> Step | None:
    """Whoever validates refuses the answers of servers that do not sign, where the zone above says that they do; None
    where it does not say so, or was not asked yet."""
    told = report(o)
    if told is None or not told.signed:
        return None
    where = "at its registrar" if o.domain.is_registered else f"in the zone {told.parent}"
    message = (
        f"{o.name} has DNSSEC (a DS record in {told.parent}), and the zone it is to be delegated to is not signed: "
        f"resolvers that validate would not answer for it. Turn DNSSEC off {where}; it goes on by itself."
    )
    asking = ask(o)
    error = codes.DNSSEC.entry(message, command=f"dig {o.name} DS +short", addresses=told.signed)
    return stalled(Reason.DNSSEC_ENABLED, message, *asking.actions, error=error, again=asking.again)


def _unsure(o: DomainObservation) -> Step | None:
    """Nothing is changed that might stop answering: whether the name is signed has to be known."""
    told = report(o)
    if told is None or not told.signed_error:
        return None
    message = f"Whether {o.name} has DNSSEC cannot be seen: {told.signed_error}. Nothing is changed before it can."
    asking = ask(o)
    return working(Reason.AWAITING_DELEGATION, message, *asking.actions, again=asking.again, status="Unknown")


def trouble(o: DomainObservation, told: RegistrarReport, problem: RegistrarProblem, secret: str) -> Step:
    """What a registrar's refusal means."""
    registrar = o.reservation.spec.registrar
    name = registrar.name if registrar else "the registrar"
    if problem.trouble is Trouble.INCOMPLETE:
        return _refused(Reason.CREDENTIALS_MISSING, codes.REGISTRAR_CREDENTIALS, f"Secret {secret}", problem)
    due = _due(told, problem)
    looks = (_look(o),) if due is not None and o.now >= due else ()
    if problem.trouble.passes or (problem.trouble is Trouble.UNCLEAR and due is not None):
        message = f"{name}: {problem.message}."
        words = " ".join(filter(None, (message, problem.remedy, f"Next try at {due:%H:%M:%S} UTC.")))
        # A Secret that is replaced meanwhile is another talk, which waits for nothing.
        again = min(max(due - o.now if due else SECRET_POLL, VENDOR_SOON), SECRET_POLL)
        return working(
            Reason.REGISTRAR_UNREACHABLE,
            words,
            *looks,
            again=again,
            summary=Reason.RETRYING,
            status="Unknown",
            error=codes.REGISTRAR_UNAVAILABLE.entry(message, remedy=problem.remedy),
            retry_at=due,
        )
    after = "" if due else _no_more(told.tries)
    if problem.trouble is Trouble.UNAUTHORIZED:
        after = f"The Secret is {secret}."
        reason, code = Reason.CREDENTIALS_INVALID, codes.REGISTRAR_CREDENTIALS
    else:
        reason, code = Reason.REGISTRAR_DENIED, codes.REGISTRAR_DENIED
    return replace(_refused(reason, code, name, problem, after), actions=looks, retry_at=due)


def _due(told: RegistrarReport, problem: RegistrarProblem) -> datetime | None:
    """When to ask again after a problem; None for never, until something changes."""
    if problem.until is not None:
        return problem.until
    if problem.trouble.passes:
        return told.at + pause_after(told.tries)
    if problem.trouble is Trouble.UNCLEAR:
        return None if told.tries >= MOST_TRIES else told.at + pause_after(told.tries)
    return told.at + AFTER_REFUSAL


def _refused(reason: Reason, code: Code, whose: str, problem: RegistrarProblem, after: str = "") -> Step:
    message = f"{whose}: {problem.message}."
    words = " ".join(filter(None, (message, problem.remedy, after)))
    return stalled(reason, words, error=code.entry(message, remedy=problem.remedy), again=SECRET_POLL)


def _look(o: DomainObservation) -> AskRegistrar:
    return AskRegistrar(key_of(o), o.domain)


def look_if_due(o: DomainObservation, pause: timedelta) -> tuple[AskRegistrar, ...]:
    """Read what is set, unless that was done within the pause."""
    told = latest(o)
    return () if told is not None and o.now < told.at + pause else (_look(o),)
