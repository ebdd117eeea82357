"""The registrar, in mode byo-api: credentials proven by reading, name servers set once what was there is remembered."""

from __future__ import annotations

from datetime import timedelta

from catalyst_operator.api.conditions import Reason
from catalyst_operator.core.domains.actions import AskRegistrar, Hold, RememberNameservers
from catalyst_operator.core.domains.observation import DomainObservation, RegistrarProblem, RegistrarReport, Trouble
from catalyst_operator.core.domains.questions import ask, expected, report
from catalyst_operator.core.domains.registrar import RegistrarView
from catalyst_operator.core.domains.steps import AT_ONCE, PARENT_LOOK_AGAIN, Step, done, stalled, working
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


def key_of(o: DomainObservation) -> str:
    """Of a talk about this domain with these credentials."""
    registrar = o.reservation.spec.registrar
    version = o.credentials.version if o.credentials else ""
    return digest_of([o.name, registrar.name if registrar else "", version])[:16]


def latest(o: DomainObservation) -> RegistrarReport | None:
    """The last talk, if it was with these credentials."""
    return o.registrar if o.registrar is not None and o.registrar.key == key_of(o) else None


def valid(o: DomainObservation) -> Step:
    """Whether the registrar accepts the credentials: seen by reading, before anything is changed."""
    registrar = o.reservation.spec.registrar
    if registrar is None:
        return stalled(Reason.CREDENTIALS_MISSING, "spec.registrar is missing.")
    secret = f"{registrar.credentials_secret_ref.namespace}/{registrar.credentials_secret_ref.name}"
    if o.denied:
        return stalled(Reason.CREDENTIALS_MISSING, o.denied)
    if o.credentials is None:
        told = f"Secret {secret} does not exist; create it with {registrar.name}'s credentials (docs/domains.md)."
        return stalled(Reason.CREDENTIALS_MISSING, told, again=SECRET_POLL)
    told_last = latest(o)
    if told_last is None:
        message = f"Asking {registrar.name} whether it accepts the credentials."
        return working(Reason.PENDING, message, _look(o), again=PARENT_LOOK_AGAIN, status="Unknown")
    if told_last.problem is not None:
        return trouble(o, told_last, told_last.problem, secret)
    return done(Reason.PASSED, f"{registrar.name} accepts the credentials; tested by reading.")


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
    asked = told.accepted(expected(o), o.now - SET_AGAIN)
    if view.failed and asked:
        message = f"{name} did not change the name servers: {view.failed}. Tried again every ten minutes."
        return stalled(Reason.REGISTRAR_DENIED, message, *look_if_due(o, PARENT_LOOK_AGAIN))
    if asked:
        message = f"{name} accepted the change of the name servers, and does not show it yet."
        return working(Reason.AWAITING_DELEGATION, message, *look_if_due(o, VENDOR_SOON), again=VENDOR_SOON)
    if told.tried_at is not None and o.now < told.tried_at + TRY_AGAIN:
        message = f"{name} was asked to set the name servers of {o.name}, and has not; it is asked once more soon."
        return working(Reason.AWAITING_DELEGATION, message, again=told.tried_at + TRY_AGAIN - o.now)
    message = f"Having {name} set the name servers of {o.name}."
    change = AskRegistrar(key_of(o), o.domain, expected(o))
    return working(Reason.AWAITING_DELEGATION, message, change, again=PARENT_LOOK_AGAIN)


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
    return stalled(Reason.LIVE_RECORDS, message, *asking.actions, again=asking.again)


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
    return stalled(Reason.DNSSEC_ENABLED, message, *asking.actions, again=asking.again)


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
    remedy = f" {problem.remedy}" if problem.remedy else ""
    if problem.trouble is Trouble.INCOMPLETE:
        message = f"Secret {secret}: {problem.message}.{remedy}"
        return stalled(Reason.CREDENTIALS_MISSING, message, again=SECRET_POLL)
    said = f"{name}: {problem.message}.{remedy}"
    if problem.trouble.passes:
        until = problem.until or told.at + VENDOR_SOON
        looks: tuple[AskRegistrar, ...] = () if o.now < until else (_look(o),)
        again = max(until - o.now, VENDOR_SOON)
        when = f" Next try at {until:%H:%M:%S} UTC." if problem.until else " Tried again every few seconds."
        return working(
            Reason.REGISTRAR_UNREACHABLE, said + when, *looks, again=again, summary=Reason.RETRYING, status="Unknown"
        )
    looks = look_if_due(o, AFTER_REFUSAL)
    if problem.trouble is Trouble.UNAUTHORIZED:
        return stalled(Reason.CREDENTIALS_INVALID, f"{said} The Secret is {secret}.", *looks, again=SECRET_POLL)
    return stalled(Reason.REGISTRAR_DENIED, said, *looks, again=SECRET_POLL)


def _look(o: DomainObservation) -> AskRegistrar:
    return AskRegistrar(key_of(o), o.domain)


def look_if_due(o: DomainObservation, pause: timedelta) -> tuple[AskRegistrar, ...]:
    """Read what is set, unless that was done within the pause."""
    told = latest(o)
    return () if told is not None and o.now < told.at + pause else (_look(o),)
