"""What a Sovereign has left behind that is at rest: made as the operator would have left it, so that it finds nothing
to do.

Of a hand-off there stay the run namespace with the rights in it, the key of the state, the archived state and the
record; the keys are gone. One that was suspended from the beginning has nothing but its status. The status is what the
operator's own decision says of the objects.
"""

from __future__ import annotations

import base64
import gzip
import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from pydantic import SecretStr

from catalyst_operator.api.conditions import ConditionType, Reason
from catalyst_operator.api.phases import ComponentState, Phase1Outcome
from catalyst_operator.api.scalars import format_time
from catalyst_operator.api.sovereign import Sovereign
from catalyst_operator.core import kit, manifests, record
from catalyst_operator.core.decide import decide
from catalyst_operator.core.observation import CredentialsView, NamespaceView, Observation, StateView
from catalyst_operator.core.record import Bootstrap, HandOff, Record
from catalyst_operator.core.settings import CoreSettings
from e2e.bench.fleet.objects import REVISION
from e2e.bench.fleet.preparation import SERIAL, applied

Object = dict[str, Any]
ADDRESS = "192.0.2.1"
"""Of servers that nobody asks (TEST-NET-1)."""
KEY_BYTES = 32
TOKEN = "0" * 64
"""Of a project that nobody looks at."""
LOOKS = 3
"""After so many, what the operator says has to stay the same."""


@dataclass(frozen=True)
class Settled:
    """The objects, in the order in which they are made, and the status on the wire."""

    objects: tuple[Object, ...]
    status: Object


def handed_off(raw: Object, settings: CoreSettings, now: datetime) -> Settled:
    """Of a Sovereign as the API server has it. Raises ValueError where the operator would not leave it at that."""
    sovereign = Sovereign.parse(raw)
    kept = _record(sovereign, settings, now)
    lineage = sovereign.metadata.uid
    state = base64.b64encode(gzip.compress(json.dumps({"serial": SERIAL, "lineage": lineage}).encode())).decode()
    objects = (
        manifests.run_namespace(sovereign, settings),
        *manifests.access(sovereign, settings),
        manifests.state_key(sovereign, secrets.token_bytes(KEY_BYTES)),
        manifests.archived_state(sovereign, state),
        manifests.record(sovereign, record.to_json(kept)),
    )
    before = {**raw, "status": _as_installed(sovereign, now)}
    seen = replace(
        _observed(sovereign, settings, now),
        namespace=NamespaceView(),
        record=kept,
        archived_state=StateView(SERIAL, lineage),
        has_state_key=True,
    )
    return Settled(objects, _told(before, seen))


def suspended(raw: Object, settings: CoreSettings, now: datetime) -> Settled:
    """The same of one for which nothing was ever started."""
    sovereign = Sovereign.parse(raw)
    seen = replace(_observed(sovereign, settings, now), credentials=CredentialsView("", SecretStr(TOKEN)))
    return Settled((), _told(raw, seen))


def _observed(sovereign: Sovereign, settings: CoreSettings, now: datetime) -> Observation:
    return Observation(
        now=now, settings=settings, sovereign=sovereign, credentials=None, namespace=None, record=None, state=None
    )


def _told(raw: Object, seen: Observation) -> Object:
    """What the operator says once it has nothing new to say."""
    status: Mapping[str, Any] = raw.get("status") or {}
    for _ in range(LOOKS):
        before = status
        decision = decide(replace(seen, sovereign=Sovereign.parse({**raw, "status": before})))
        if decision.actions or decision.status is None:
            raise ValueError(f"the operator would not leave {raw['metadata']['name']} alone: {decision.actions}")
        status = decision.status.to_wire()
        if status == before:
            return dict(status)
    raise ValueError(f"what the operator says of {raw['metadata']['name']} does not settle")


def _record(sovereign: Sovereign, settings: CoreSettings, now: datetime) -> Record:
    bootstrap = Bootstrap(
        since=now,
        watch_since=now,
        first_seen=now,
        flux_seen=True,
        cluster_uid=sovereign.metadata.uid,
        outcome=Phase1Outcome.READY,
        was_ready=True,
        installed=True,
        applied=REVISION,
    )
    hand_off = HandOff(started=now, refused=now, finished=now)
    return replace(applied(sovereign, settings, ADDRESS), bootstrap=bootstrap, hand_off=hand_off)


def _as_installed(sovereign: Sovereign, now: datetime) -> Object:
    """The status before the hand-off, as far as it is kept: the kit as it was seen last."""
    types = {ConditionType.FLUX_BOOTSTRAP: Reason.SUCCEEDED, ConditionType.KIT_READY: Reason.READY}
    return {
        "conditions": [
            {
                "type": type_.value,
                "status": "True",
                "reason": reason.value,
                "message": "As it was seen last.",
                "lastTransitionTime": format_time(now),
            }
            for type_, reason in types.items()
        ],
        "components": list(_components(sovereign, now)),
    }


def _components(sovereign: Sovereign, now: datetime) -> Iterator[Object]:
    for name in kit.expected(sovereign.spec):
        chart = name.removeprefix("bp-")
        yield {
            "name": name,
            "state": ComponentState.INSTALLED.value,
            "message": f"Helm install succeeded for release {chart}/{chart}.v1 with chart {name}@1.1.1",
            "since": format_time(now),
        }


def now() -> datetime:
    """In whole seconds, as a status has it."""
    return datetime.now(UTC).replace(microsecond=0)
