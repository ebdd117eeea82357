"""Proof that the token of spec.crossplane opens the project that the Sovereign is in, without which no hand-off begins.

With a token of another project the Sovereign's own Crossplane would find none of its servers, take them for gone and
make all of it a second time; and nobody but its owner could still do anything about that.
"""

from __future__ import annotations

from dataclasses import dataclass

from catalyst_operator.api import labels
from catalyst_operator.api.conditions import Reason
from catalyst_operator.core.actions import AskCrossplaneProject
from catalyst_operator.core.errors import codes
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.project.identity import ProjectReport, fingerprint, key_of
from catalyst_operator.core.record import ErrorEntry, Record
from catalyst_operator.core.runs import own_project
from catalyst_operator.core.runs.attempts import requested


@dataclass(frozen=True)
class TokenStanding:
    """What keeps the hand-off from beginning, and what to ask now."""

    lacking: str = ""
    """In sentences; empty where the token is proven, or none is named."""
    error: ErrorEntry | None = None
    reason: Reason = Reason.AWAITING_HAND_OFF
    """Of the condition HandedOff."""
    ask: tuple[AskCrossplaneProject, ...] = ()


def standing(o: Observation, record: Record) -> TokenStanding:
    """The token of the run that made the servers is proven as it is, unless only a person vouched for it; any other is
    looked at once. A look that failed is repeated from time to time; that it is another project does not change before
    the Secret does."""
    if o.sovereign.spec.crossplane is None:
        return TokenStanding()
    secret = f"{o.sovereign.metadata.namespace}/{o.sovereign.spec.crossplane.credentials_secret_ref.name}"
    if o.crossplane_token is None:
        return _wrong(o, f"Secret {secret}, which spec.crossplane names, has no token under the key 'token'")
    mark = fingerprint(o.uid, o.crossplane_token)
    known = record.project
    if known is not None and not known.confirmed and known.fingerprint == mark:
        return TokenStanding()
    return _looked_at(o, record, secret, mark)


def _looked_at(o: Observation, record: Record, secret: str, mark: str) -> TokenStanding:
    question = own_project.question(o, record, secret)
    key = key_of(question, mark, requested(o, labels.ANNOTATION_RETRY))
    ask, report = AskCrossplaneProject(key, question), o.crossplane_project
    if report is None or report.key != key:
        looking = f"Looking whether the token in Secret {secret} opens the project that this Sovereign is in."
        return TokenStanding(looking, ask=(ask,))
    if report.error is not None:
        return _unknown(o, report, report.error, ask)
    if report.answer is not None and report.answer.found:
        return TokenStanding()
    told = (
        f"The token in Secret {secret}, which spec.crossplane names, opens another project than the one that this "
        "Sovereign is in: nothing with its label is there"
    )
    return _wrong(o, told, Reason.PROJECT_MISMATCH)


def _unknown(o: Observation, report: ProjectReport, error: ErrorEntry, ask: AskCrossplaneProject) -> TokenStanding:
    again = report.again(o.settings.preflight_interval)
    due = (ask,) if o.now >= again else ()
    if error.terminal:
        return _wrong(o, error.message, ask=due)
    told = f"{error.code}: {error.message.rstrip('.')}. It is asked again at {again:%H:%M:%S} UTC."
    return TokenStanding(told, error, ask=due)


def _wrong(
    o: Observation,
    told: str,
    reason: Reason = Reason.AWAITING_HAND_OFF,
    ask: tuple[AskCrossplaneProject, ...] = (),
) -> TokenStanding:
    crossplane = o.sovereign.spec.crossplane
    name = crossplane.credentials_secret_ref.name if crossplane else ""
    error = codes.CROSSPLANE_TOKEN.entry(told, command=codes.give_token(name))
    return TokenStanding(f"{error.code}: {error.message.rstrip('.')}. {error.remedy}", error, reason, ask)
