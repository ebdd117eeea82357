"""Whose a name is, as far as the world shows it: whoever delegates it to our servers, or has it in the account of valid
registrar credentials. What a pool gives out needs no proof.

A delegation that only our own servers tell of proves nothing: they give what any reservation has made them serve.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catalyst_operator.api.conditions import ConditionType
from catalyst_operator.api.domain_reservation import DomainReservation
from catalyst_operator.api.enums import DomainMode
from catalyst_operator.core.domains.claims.names import related
from catalyst_operator.core.domains.observation import Claim, DomainObservation
from catalyst_operator.core.domains.questions import expected, report
from catalyst_operator.core.domains.registering import latest


def was_proven(reservation: DomainReservation) -> bool:
    """Whether status says that the name was proven, and nothing against it was seen since."""
    return claim_of(reservation.to_wire()).proven


def claim_of(raw: Mapping[str, Any]) -> Claim:
    """What a reservation has of its name, by its status. Also one that an earlier version wrote: a name that is
    delegated is proven."""
    spec, status = raw["spec"], raw.get("status") or {}
    reference = spec.get("sovereignRef") or {}
    true = {c["type"] for c in status.get("conditions") or () if c["status"] == "True"}
    held = ConditionType.RESERVED.value in true
    by_itself = held and spec["mode"] == DomainMode.POOL.value
    before = held and ConditionType.DELEGATED.value in true
    return Claim(
        name=raw["metadata"]["name"],
        owner=str(reference.get("uid", "")),
        held=held,
        proven=by_itself or status.get("proven", before),
        namespace=str(reference.get("namespace", "")),
    )


def others(o: DomainObservation) -> tuple[Claim, ...]:
    """The claims of other owners above and below."""
    reference = o.reservation.spec.sovereign_ref
    owner = reference.uid if reference else ""
    return tuple(c for c in o.claims if c.owner != owner and related(c.name, o.name))


def is_proven(o: DomainObservation) -> bool:
    """Whether the name counts as its owner's. Of related names only one owner's ever do: who comes second waits until
    the first proof is taken back."""
    shown = evidence(o)
    if was_proven(o.reservation):
        return shown is not False
    return shown is True and not any(claim.proven for claim in others(o))


def evidence(o: DomainObservation) -> bool | None:
    """What is seen now: True for the owner's, False for not, None for neither."""
    spec = o.reservation.spec
    if spec.mode is DomainMode.POOL:
        return True
    shown = {_delegation(o), _account(o)} if spec.mode is DomainMode.BYO_API else {_delegation(o)}
    if True in shown:
        return True
    return False if shown == {False} else None


def _delegation(o: DomainObservation) -> bool | None:
    told = report(o)
    ours = {server.host for server in o.domains.nameservers} | {server.address for server in o.domains.nameservers}
    answers = [a for a in told.answers if not {a.server, a.address} & ours] if told else []
    if not answers:
        return None
    if all(a.values == expected(o) for a in answers):
        return True
    return None if any(set(a.values) & set(expected(o)) for a in answers) else False


def _account(o: DomainObservation) -> bool | None:
    """Whether the registrar shows the name to these credentials."""
    told = latest(o)
    if told is None:
        return None
    if told.problem is None:
        return True
    return False if not told.problem.trouble.passes else None
