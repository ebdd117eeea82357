"""Looking: from what the API server returns to an observation, with the real adapter in between."""

from __future__ import annotations

import base64
import gzip
import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from catalyst_operator.adapters.run_logs import RunLogs
from catalyst_operator.api import labels
from catalyst_operator.api.phases import RunVerb
from catalyst_operator.core import job, manifests, naming, record
from catalyst_operator.core.observation import Observation
from catalyst_operator.errors import CorruptRecord, Unavailable
from catalyst_operator.reconcilers.observe import Observer
from tests import gen
from tests.fake_kube import FakeApi, Key, Request
from tests.gen import NOW, SETTINGS, SPACE, TOKEN

Raw = dict[str, Any]
S = gen.sovereign()
RUN = gen.run()


def server(*objects: tuple[str, Raw]) -> FakeApi:
    """An API server with the owner's namespace and these objects."""
    api = FakeApi()
    api.put("namespaces", {"metadata": {"name": "team-a"}})
    for plural, manifest in objects:
        api.put(plural, manifest)
    return api


SPACE_OBJECT = ("namespaces", manifests.run_namespace(S))


def secret(name: str, namespace: str = "team-a", **data: str) -> tuple[str, Raw]:
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    return "secrets", {"metadata": {"name": name, "namespace": namespace}, "data": encoded}


def recorded(*runs: record.RunEntry) -> tuple[str, Raw]:
    return "configmaps", manifests.record(S, record.to_json(gen.record(*runs)))


def raw_pod(**status: Any) -> tuple[str, Raw]:
    template = job.job(S, RUN, SETTINGS)["spec"]["template"]
    held = {**template["metadata"]["labels"], "batch.kubernetes.io/job-name": RUN.job}
    meta = {"name": "p", "namespace": SPACE, "labels": held, "finalizers": [labels.FINALIZER_OBSERVED]}
    return "pods", {"metadata": meta, "spec": {"nodeName": "n"}, "status": status}


def terminated(name: str, code: int, finished: str = "2026-11-22T11:59:50Z") -> Raw:
    ended = {"exitCode": code, "reason": "Error", "startedAt": "2026-11-22T11:59:00Z", "finishedAt": finished}
    return {"name": name, "state": {"terminated": ended}}


async def observe(api: FakeApi, now: datetime = NOW) -> Observation:
    client = api.client()
    return await Observer(client, RunLogs(client), SETTINGS).observe(S, now)


async def test_a_world_in_which_nothing_was_made() -> None:
    assert await observe(server()) == Observation(NOW, SETTINGS, S, None, None, None, None)


async def test_the_owners_token_and_the_version_of_its_secret() -> None:
    api = server(secret("hcloud", token=f" {TOKEN}\n"))
    found = (await observe(api)).credentials
    assert found is not None
    assert found.token is not None
    assert found.token.get_secret_value() == TOKEN, "people paste a newline along"
    api.change(Key("secrets", "team-a", "hcloud"), lambda o: o["data"].update(token="eHg="))
    after = (await observe(api)).credentials
    assert after is not None
    assert after.version != found.version


@pytest.mark.parametrize("data", [{}, {"token": ""}, {"token": " \n"}, {"other": "x"}])
async def test_a_secret_without_a_usable_key(data: dict[str, str]) -> None:
    found = (await observe(server(secret("hcloud", **data)))).credentials
    assert found is not None
    assert found.token is None


async def test_a_token_is_not_shown_by_accident() -> None:
    assert TOKEN not in repr(await observe(server(secret("hcloud", token=TOKEN))))


async def test_a_foreign_namespace_is_not_looked_into() -> None:
    api = server(("namespaces", {"metadata": {"name": SPACE, "labels": {labels.LABEL_SOVEREIGN_UID: "other"}}}))
    seen = await observe(api)
    assert seen.namespace is not None
    assert seen.namespace.ours is False
    assert not [request for request in api.requests if request.key.namespace == SPACE]


async def test_record_state_and_token_copy() -> None:
    state = json.dumps({"serial": 7, "lineage": "l", "encrypted_data": "..."}).encode()
    data = {"tfstate": base64.b64encode(gzip.compress(state)).decode()}
    api = server(
        SPACE_OBJECT,
        recorded(RUN),
        ("secrets", {"metadata": {"name": naming.STATE_SECRET, "namespace": SPACE}, "data": data}),
        ("secrets", manifests.provider_token(S, TOKEN)),
    )
    seen = await observe(api)
    assert seen.record == gen.record(RUN)
    assert seen.state is not None
    assert (seen.state.serial, seen.state.lineage, seen.has_token_copy) == (7, "l", True)


@pytest.mark.parametrize("text", ["", "{}", "{not json"])
async def test_a_record_that_cannot_be_read_is_never_taken_for_none(text: str) -> None:
    with pytest.raises(CorruptRecord, match=r"record\.json"):
        await observe(server(SPACE_OBJECT, ("configmaps", manifests.record(S, text))))


async def test_jobs() -> None:
    made = job.job(S, RUN, SETTINGS)
    made["status"] = {"conditions": [{"type": "Failed", "status": "True"}, {"type": "Complete", "status": "False"}]}
    (seen,) = (await observe(server(SPACE_OBJECT, ("jobs", made)))).jobs
    assert (seen.name, seen.verb, seen.attempt, seen.failed, seen.complete) == (RUN.job, RunVerb.APPLY, 1, True, False)


async def test_pods_and_their_containers() -> None:
    running = {"name": "tofu-plan", "state": {"running": {"startedAt": "2026-11-22T11:59:55Z"}}}
    waiting = {"name": "tofu-output", "state": {"waiting": {"reason": "PodInitializing"}}}
    status = {"initContainerStatuses": [terminated("tofu-init", 0), running], "containerStatuses": [waiting]}
    (seen,) = (await observe(server(SPACE_OBJECT, raw_pod(phase="Pending", **status)))).pods
    assert (seen.job, seen.held, seen.scheduled, seen.terminating) == (RUN.job, True, True, False)
    assert seen.containers["tofu-init"].exit_code == 0
    assert seen.containers["tofu-plan"].started == NOW - timedelta(seconds=5)
    assert seen.containers["tofu-output"].reason == "PodInitializing"


async def test_a_pod_that_finds_no_node_tells_why() -> None:
    unscheduled = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available"}
    plural, made = raw_pod(phase="Pending", conditions=[unscheduled])
    made["spec"] = {}
    (seen,) = (await observe(server(SPACE_OBJECT, (plural, made)))).pods
    assert (seen.scheduled, seen.message) == (False, "0/1 nodes are available")


async def test_a_pod_without_any_status_yet() -> None:
    (seen,) = (await observe(server(SPACE_OBJECT, raw_pod()))).pods
    assert (seen.phase, seen.containers) == ("Pending", {})


async def test_pods_of_others_are_not_seen() -> None:
    plural, made = raw_pod(phase="Running")
    made["metadata"]["labels"] = {labels.LABEL_SOVEREIGN_UID: "other"}
    assert (await observe(server(SPACE_OBJECT, (plural, made)))).pods == ()


async def test_the_state_is_read_after_the_pods() -> None:
    """Else a Pod could be seen ended beside the state of before its end, and the loss of that state go unnoticed."""
    api = server(SPACE_OBJECT)
    await observe(api)
    order = [r.key.plural if r.key.name != naming.STATE_SECRET else "state" for r in api.requests]
    assert order.index("pods") < order.index("state")


# --- logs -------------------------------------------------------------------------------------------------------------

WHERE = (SPACE, "p", "tofu-apply")
REFUSED = {
    "type": "diagnostic",
    "diagnostic": {"severity": "error", "summary": "no (token_readonly, 01ab)", "detail": ""},
}


def failed_run(finished: str = "2026-11-22T11:59:50Z") -> FakeApi:
    api = server(
        SPACE_OBJECT,
        recorded(RUN),
        raw_pod(phase="Failed", initContainerStatuses=[terminated("tofu-apply", 1, finished)]),
    )
    api.logs[WHERE] = [json.dumps(REFUSED)]
    return api


async def test_the_log_of_a_failed_phase_is_read() -> None:
    progress = (await observe(failed_run())).progress
    assert progress is not None
    assert [e.summary for e in progress.errors] == ["no (token_readonly, 01ab)"]


async def test_the_log_of_a_run_that_was_recorded_is_not_read_again() -> None:
    api = failed_run()
    ended = record.to_json(gen.record(gen.failed()))
    api.change(Key("configmaps", SPACE, "record"), lambda o: o.update(data={"record.json": ended}))
    assert (await observe(api)).progress is None


@pytest.mark.parametrize("status", [400, 403, 404])
async def test_a_log_that_is_gone_does_not_hold_up_the_evidence(status: int) -> None:
    """The Pod was evicted, its sandbox removed: what the containers' states tell has to do."""
    api = failed_run()
    api.log_refusals[WHERE] = status
    seen = await observe(api)
    assert seen.progress is not None
    assert seen.progress.errors == ()


async def test_a_kubelet_that_does_not_answer_is_asked_again() -> None:
    """It may just be restarting, and its log tells a read-only token from a passing error."""
    api = failed_run()
    api.log_refusals[WHERE] = 503
    with pytest.raises(Unavailable):
        await observe(api)


async def test_a_kubelet_that_never_answers_does_not_hold_up_the_evidence_for_ever() -> None:
    api = failed_run(finished="2026-11-22T11:50:00Z")
    api.log_refusals[WHERE] = 503
    seen = await observe(api)
    assert seen.progress is not None
    assert seen.progress.errors == ()


async def test_an_api_server_that_is_down_is_no_world_in_which_nothing_is() -> None:
    api = server(SPACE_OBJECT)

    def down(_: Request) -> None:
        raise TimeoutError

    api.before_request = down
    with pytest.raises(Unavailable):
        await observe(api)
