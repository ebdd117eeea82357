"""Giving a name back: the delegation first, so that nobody is sent to servers that do not know it; then the zone.

What is not ours is left as it is, and what cannot be taken back keeps the finalizer and says why.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from catalyst_operator.api.conditions import Reason
from catalyst_operator.api.enums import DomainMode
from catalyst_operator.core.domains import registering
from catalyst_operator.core.domains import zone as zones
from catalyst_operator.core.domains.actions import AskRegistrar, ChangePool, DeleteZone, DomainAction, LetGo
from catalyst_operator.core.domains.claims.names import parent_of, plain
from catalyst_operator.core.domains.delegating import still_ours
from catalyst_operator.core.domains.observation import DomainObservation, RegistrarReport
from catalyst_operator.core.domains.questions import expected, report
from catalyst_operator.core.domains.registrar import RegistrarView
from catalyst_operator.core.domains.serving import unreadable
from catalyst_operator.core.domains.steps import AFTER_CHANGE, PARENT_LOOK_AGAIN, Step, done, stalled, working
from catalyst_operator.core.errors import codes

PROPAGATION = timedelta(minutes=5)
"""How long after a talk with the registrar the parent's servers may give what was there before it."""


def next_step(o: DomainObservation) -> Step:
    """What is to be taken back next; done with `LetGo` once nothing is left."""
    return next(step for check in CHECKS if (step := check(o)))


def _registrar(o: DomainObservation) -> Step | None:
    """The registrar gets back what it had."""
    if o.reservation.spec.mode is not DomainMode.BYO_API or o.previous is None:
        return None
    if o.talking:
        # It may be having our servers set: whatever was read before says nothing.
        return _giving("The registrar is being talked to.", again=registering.VENDOR_SOON)
    if _is_undone(o) and registering.latest(o) is None and o.credentials is None:
        # Somebody else has undone it, and there is nothing to look with: the parent's servers are proof enough.
        return None
    validity = registering.valid(o)
    last = registering.latest(o)
    if last is None or last.view is None or last.problem is not None:
        return _unreachable(o, validity)
    return _given_back(o, last, last.view)


def _is_undone(o: DomainObservation) -> bool:
    """Whether the parent's servers do not delegate to ours any more, long enough after the registrar was talked to: it
    takes them minutes to give what was set there."""
    told = report(o)
    late = told is not None and (o.registrar is None or told.at >= o.registrar.at + PROPAGATION)
    return late and still_ours(told, expected(o)) is False


def _given_back(o: DomainObservation, last: RegistrarReport, view: RegistrarView) -> Step | None:
    target = wanted_back(o)
    looks = registering.look_if_due(o, registering.VENDOR_SOON)
    # Who changed the name servers before the deletion began is to keep them.
    if not _is_since_deletion(o, last.at):
        return _giving(f"Looking which name servers {o.name} has now.", *looks, again=registering.VENDOR_SOON)
    if view.pending:
        # Whatever is set now, it may be something else in a moment.
        message = f"The registrar is changing the name servers of {o.name}: {view.pending}."
        return _giving(message, *looks, again=registering.VENDOR_SOON)
    if view.nameservers == target or not set(view.nameservers) & set(expected(o)):
        # Given back, or neither ours nor what was there before: a person has set it since, and that stays.
        return None
    return _set_back(o, last, view, target)


def _set_back(o: DomainObservation, last: RegistrarReport, view: RegistrarView, target: tuple[str, ...]) -> Step:
    """Our servers are set as yet: have the former ones set, or wait for what was asked for."""
    seldom = registering.look_if_due(o, PARENT_LOOK_AGAIN)
    if not target and o.domain.is_registered:
        message = f"The name servers of {o.name} that were set before are not known."
        remedy = "Set spec.rollbackNameservers, or set them at the registrar yourself; it goes on by itself."
        error = codes.REGISTRAR_DENIED.entry(message, remedy=remedy, addresses=(o.name,))
        return stalled(Reason.REGISTRAR_DENIED, f"{message} {remedy}", *seldom, error=error)
    back = ", ".join(target) or "none"
    asked = last.accepted(target, o.now - registering.SET_AGAIN)
    if asked and view.failed:
        message = (
            f"The registrar did not give {o.name} back its name servers ({back}): {view.failed}. Tried again every "
            "ten minutes."
        )
        error = codes.REGISTRAR_DENIED.entry(message, addresses=(o.name,))
        return stalled(Reason.REGISTRAR_DENIED, message, *seldom, error=error)
    if asked:
        message = f"Waiting for the registrar to give {o.name} back its name servers: {back}."
        soon = registering.look_if_due(o, registering.VENDOR_SOON)
        return _giving(message, *soon, again=registering.VENDOR_SOON)
    tried = last.tried_at
    if tried is not None and _is_since_deletion(o, tried) and (refused := registering.held_back(o, last)):
        return _by_hand(o, refused)
    if tried is not None and _is_since_deletion(o, tried) and o.now < tried + registering.TRY_AGAIN:
        message = f"The registrar did not give {o.name} back its name servers ({back}); it is asked once more soon."
        return _giving(message, again=tried + registering.TRY_AGAIN - o.now)
    message = f"Giving {o.name} back the name servers it had: {back}."
    return _giving(message, AskRegistrar(registering.key_of(o), o.domain, target), again=PARENT_LOOK_AGAIN)


def _giving(message: str, *actions: DomainAction, again: timedelta) -> Step:
    return working(Reason.DELETING, message, *actions, again=again, summary=Reason.DELETING)


def _is_since_deletion(o: DomainObservation, at: datetime) -> bool:
    """The API server cuts fractions of a second off."""
    since = o.reservation.metadata.deletion_timestamp
    return since is not None and at >= since + timedelta(seconds=1)


def wanted_back(o: DomainObservation) -> tuple[str, ...]:
    """The name servers that are set again: those that the spec names, else those found before the change. Ours never:
    they will not know the name."""
    asked = tuple(sorted(map(plain, o.reservation.spec.rollback_nameservers)))
    return asked or tuple(sorted(host for host in (o.previous or ()) if host not in expected(o)))


def _unreachable(o: DomainObservation, validity: Step) -> Step:
    """The registrar cannot be asked: say so, and what else would do."""
    return _by_hand(o, replace(validity, status="False"))


def _by_hand(o: DomainObservation, step: Step) -> Step:
    message = (
        f"The name servers of {o.name} have to be given back, and cannot be: {step.message} Or set them at the "
        "registrar yourself and remove the annotation catalyst.openova.io/previous-nameservers from this reservation."
    )
    return replace(step, message=message)


def _pool(o: DomainObservation) -> Step | None:
    """What the pool's zone holds of ours is removed, whatever mode the spec names by now."""
    pool = parent_of(o.name)
    trouble = unreadable(o.parent, f"pool's zone {pool}")
    if trouble:
        return trouble
    found = o.parent.zone if o.parent else None
    diff = zones.differences(found, (), o.uid, within=o.name) if found else zones.Diff()
    if not diff.changes:
        return None
    message = f"Removing the delegation of {o.name} from {pool}."
    return _giving(message, ChangePool(pool, diff.changes), again=AFTER_CHANGE)


def _zone(o: DomainObservation) -> Step | None:
    """The zone goes with all that its cluster wrote into it, if it is ours."""
    trouble = unreadable(o.zone, "zone")
    if trouble:
        return trouble
    if o.our_zone is None:
        return None
    message = f"Removing the zone {o.name}."
    return _giving(message, DeleteZone(o.name), again=AFTER_CHANGE)


def _nothing_left(o: DomainObservation) -> Step:
    return replace(done(Reason.DELETING, f"{o.name} is given back."), actions=(LetGo(),))


CHECKS: tuple[Callable[[DomainObservation], Step | None], ...] = (_registrar, _pool, _zone, _nothing_left)
