"""Doing, as far as it is a look at the cloud: in the background, with the token that the next run would be given, or
that the Sovereign's own Crossplane is."""

from __future__ import annotations

from collections.abc import Callable

from catalyst_operator.core import actions
from catalyst_operator.core.observation import Observation
from catalyst_operator.reconcilers.outside import Outside


class CloudLooks:
    """Begins the looks that are asked for after one observation. Nothing is looked at without a token."""

    def __init__(self, outside: Outside, o: Observation, changed: Callable[[], None]) -> None:
        self._outside = outside
        self._o = o
        self._changed = changed

    def run(
        self,
        action: actions.AskProject
        | actions.AskCrossplaneProject
        | actions.AskPreflight
        | actions.AskDriftTurn
        | actions.EndDriftTurn,
    ) -> None:
        """`changed` is called once there is a report, or a turn."""
        own = isinstance(action, actions.AskCrossplaneProject)
        token = self._o.crossplane_token if own else self._o.run_token
        uid, owner = self._o.uid, self._o.sovereign.metadata.namespace
        if isinstance(action, actions.EndDriftTurn):
            self._outside.drift_turns.end(uid)
            return
        if token is None:
            return
        match action:
            case actions.AskDriftTurn():
                self._outside.drift_turns.ask(uid, token, self._changed, owner=owner)
            case actions.AskProject(key=key, question=question):
                self._outside.projects.ask(uid, key, token, question, self._changed, owner=owner)
            case actions.AskCrossplaneProject(key=key, question=question):
                self._outside.crossplane_projects.ask(uid, key, token, question, self._changed, owner=owner)
            case actions.AskPreflight(key=key, wanted=wanted, patient=patient):
                self._outside.preflights.ask(uid, key, token, wanted, self._changed, owner=owner, patient=patient)
