"""Doing, as far as a state is concerned that the owner hands in for a deletion: it is opened with its own key, looked
into, and becomes the working state under ours. What is wrong with it is a report, never an error.

Why: docs/adoption.md#deleting-the-sovereign-afterwards
"""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from http import HTTPStatus

from catalyst_operator.adapters import kube, secrets
from catalyst_operator.adapters.kube import Kube, Object
from catalyst_operator.adapters.sealing import Seal
from catalyst_operator.clock import Clock
from catalyst_operator.core import manifests, naming
from catalyst_operator.core.access import transfer
from catalyst_operator.core.errors import codes
from catalyst_operator.core.observation import Observation, TakingReport
from catalyst_operator.core.record import ErrorEntry
from catalyst_operator.core.tofu import given_state
from catalyst_operator.errors import ApiError, CatalystError, Conflict, TofuError, TofuTimeout, TofuUnavailable
from catalyst_operator.reconcilers.observe import MAX_GIVEN_STATE, state_file

log = logging.getLogger(__name__)


async def take(client: Kube, seal: Seal, o: Observation, key: str, clock: Clock) -> TakingReport:
    """Only a Secret of the version that the decision was made from, and never over a working state that is there."""
    try:
        found = await _given(client, o)
        if found is None or kube.version_of(found) != key:
            return TakingReport(key, clock())  # the next look sees what it is now
        ours = secrets.texts(await client.get(kube.SECRETS, o.run_namespace, naming.STATE_KEY_SECRET))
        theirs = secrets.texts(found).get(transfer.KEY, "")
        check = partial(_check, o)
        opened_by, sealed_with = f"{theirs}\n", f"{ours[naming.STATE_KEY]}\n"
        owner = o.sovereign.metadata.namespace
        sealed = await seal(state_file(found, MAX_GIVEN_STATE), opened_by, sealed_with, check, owner=owner)
        await client.create_once(manifests.state(o.sovereign, manifests.packed_state(sealed)))
    except Conflict:
        return TakingReport(key, clock())  # so is what was written meanwhile
    except (ApiError, TofuUnavailable) as error:
        log.warning("%s: the state that was handed in is not taken now", o.run_namespace, exc_info=True)
        return _not_now(o, TakingReport(key, clock()), error)
    except CatalystError as error:
        return TakingReport(key, clock(), f"cannot be used: {error}")
    return TakingReport(key, clock())


def _not_now(o: Observation, report: TakingReport, error: ApiError | TofuUnavailable) -> TakingReport:
    """Each try that comes to no end keeps somebody else waiting: the first may be the machine's doing, the second is
    the state's."""
    before = o.taking is not None and o.taking.key == report.key and o.taking.timed_out
    now = isinstance(error, TofuTimeout)
    if before and now:
        return replace(report, wrong=f"cannot be used: OpenTofu came to no end with it, twice ({error})")
    return replace(report, error=_in_the_way(error), timed_out=before or now)


def _in_the_way(error: ApiError | TofuUnavailable) -> ErrorEntry:
    if isinstance(error, TofuUnavailable):
        return codes.GIVEN_STATE.entry(f"the state could not be opened: {error}", remedy=_NO_TOFU, lasting=False)
    said = _ANSWERS.get(error.status, "The API server does not answer as asked")
    return codes.CLUSTER_REFUSED.entry(f"{said}: {error}")


_ANSWERS = {
    HTTPStatus.FORBIDDEN: "The operator lacks a right",
    HTTPStatus.UNAUTHORIZED: "The API server does not know the operator",
    HTTPStatus.NOT_FOUND: "Something that it takes is not there",
    0: "The API server does not answer",
}
_NO_TOFU = "Look at the limits and the node of the operator's Pod: it lacks OpenTofu, memory or time."


async def _given(client: Kube, o: Observation) -> Object | None:
    reference = o.sovereign.spec.decommission.state_secret_ref
    return await client.find(kube.SECRETS, o.sovereign.metadata.namespace, reference.name if reference else "")


def _check(o: Observation, content: bytes) -> None:
    """Raises TofuError for a state that cannot be what came after the archived one."""
    archived, outputs = o.archived_state, o.record.outputs if o.record else None
    if archived is None:
        raise TofuError("there is no archive that it could have come from")
    network = outputs.network_id if outputs else ""
    if wrong := given_state.wrong(content, lineage=archived.lineage, serial=archived.serial, network=network):
        raise TofuError(wrong)
