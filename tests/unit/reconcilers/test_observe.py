"""Looking: from what the API server returns to an observation, with the real adapter in between."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from catalyst_operator.adapters.project.preflights import Preflights
from catalyst_operator.api import labels
from catalyst_operator.api.phases import RunVerb
from catalyst_operator.core import manifests, naming, record
from catalyst_operator.core.observation import GivenStateView, LockView, Observation, StateView
from catalyst_operator.core.project.preflight import CloudView, Wanted
from catalyst_operator.core.runs import job
from catalyst_operator.core.tofu import backends
from catalyst_operator.errors import CorruptRecord, Unavailable
from catalyst_operator.reconcilers.observe import LOCK_INFO, Observer, state_of
from tests.support import gen
from tests.support.fake_kube import FakeApi, Key, Request
from tests.support.gen import NOW, SETTINGS, SPACE, TOKEN
from tests.support.outside import outside

Raw = dict[str, Any]
S = gen.sovereign()
RUN = gen.run()


def server(*objects: tuple[str, Raw]) -> FakeApi:
    """An API server with the owner's namespace and these objects."""
    api = FakeApi()
    for name in ("team-a", gen.HOME):
        api.put("namespaces", {"metadata": {"name": name}})
    for plural, manifest in objects:
        api.put(plural, manifest)
    return api


SPACE_OBJECT = ("namespaces", manifests.run_namespace(S, SETTINGS))


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


async def observe(api: FakeApi, now: datetime = NOW, preflights: Preflights | None = None) -> Observation:
    client = api.client()
    looks = {"preflights": preflights} if preflights else {}
    return await Observer(client, outside(client, **looks), SETTINGS).observe(S, now)


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


async def test_the_token_of_its_own_crossplane_is_that_of_the_secret_it_names() -> None:
    api = server(secret("own-token", token=TOKEN), secret("hcloud", token="another"))
    wanted = gen.sovereign(gen.spec(crossplane={"credentialsSecretRef": {"name": "own-token"}}))
    for sovereign, token in ((wanted, SecretStr(TOKEN)), (S, None)):
        client = api.client()
        assert (await Observer(client, outside(client), SETTINGS).observe(sovereign, NOW)).crossplane_token == token


async def test_a_token_is_not_shown_by_accident() -> None:
    assert TOKEN not in repr(await observe(server(secret("hcloud", token=TOKEN))))


def somebodys(*, copied_from: Raw | None = None, key: str = "guessed") -> tuple[str, Raw]:
    """A namespace of our name and with our labels, made by somebody who has not got our key."""
    made = manifests.run_namespace(S, replace(SETTINGS, proof_key=key))
    if copied_from is not None:
        made["metadata"]["annotations"] = copied_from["metadata"]["annotations"]
    return "namespaces", made


def unlabelled() -> tuple[str, Raw]:
    plural, made = SPACE_OBJECT
    return plural, {**made, "metadata": {**made["metadata"], "labels": {labels.LABEL_SOVEREIGN_UID: "other"}}}


def unproven() -> tuple[str, Raw]:
    plural, made = SPACE_OBJECT
    return plural, {**made, "metadata": {k: v for k, v in made["metadata"].items() if k != "annotations"}}


@pytest.mark.parametrize(
    "made",
    [
        unlabelled(),
        unproven(),
        somebodys(),
        somebodys(key=""),
        somebodys(copied_from=manifests.run_namespace(gen.sovereign(gen.meta(uid="another")), SETTINGS)),
    ],
    ids=["of another Sovereign", "without a proof", "with a forged proof", "with a proof of no key", "with another's"],
)
async def test_a_namespace_that_we_cannot_have_made_is_not_looked_into(made: tuple[str, Raw]) -> None:
    """Our label is not enough: whoever may make namespaces can write it."""
    api = server(made)
    seen = await observe(api)
    assert seen.namespace is not None
    assert seen.namespace.ours is False
    assert not [request for request in api.requests if request.key.namespace == SPACE]


async def test_of_a_namespace_without_our_rights_it_is_told_that_it_is_closed() -> None:
    """As after a crash between the namespace and the binding: half of what there is must not be taken for all."""
    api = server(SPACE_OBJECT, recorded(RUN))
    api.guarded = True
    seen = await observe(api)
    assert seen.namespace is not None
    assert "configmaps is forbidden" in seen.namespace.closed
    assert seen.record is None


async def test_our_namespace_is_known_by_its_proof() -> None:
    seen = await observe(server(SPACE_OBJECT))
    assert seen.namespace is not None
    assert (seen.namespace.ours, seen.namespace.version) == (True, "3")


@pytest.mark.parametrize(
    ("conditions", "told"),
    [
        (
            [
                {"type": "NamespaceDeletionContentFailure", "status": "False", "message": "All content deleted"},
                {"type": "NamespaceDeletionDiscoveryFailure", "status": "True", "message": "Discovery failed for x"},
            ],
            "Discovery failed for x",
        ),
        ([{"type": "NamespaceContentRemaining", "status": "True", "message": "pods. has 1 resource instances"}], ""),
        ([{"type": "NamespaceDeletionDiscoveryFailure", "status": "True"}], "NamespaceDeletionDiscoveryFailure"),
        (None, ""),
    ],
    ids=["of all groups one does not answer", "it gets on", "without words", "nothing is said"],
)
async def test_why_a_namespace_does_not_go(conditions: list[Raw] | None, told: str) -> None:
    """https://github.com/kubernetes/kubernetes/issues/83332"""
    plural, made = SPACE_OBJECT
    seen = await observe(server((plural, {**made, "status": {"phase": "Terminating", "conditions": conditions}})))
    assert seen.namespace is not None
    assert seen.namespace.stuck == told


async def test_without_a_key_nothing_is_proven() -> None:
    """An empty key is everybody's."""
    nobodys = replace(SETTINGS, proof_key="")
    api = server(("namespaces", manifests.run_namespace(S, nobodys)))
    client = api.client()
    seen = await Observer(client, outside(client), nobodys).observe(S, NOW)
    assert seen.namespace is not None
    assert seen.namespace.ours is False


def state_file(serial: int, lineage: str = "l") -> bytes:
    """A state as OpenTofu writes it with encryption: what is needed to tell two apart is in the clear."""
    return json.dumps({"serial": serial, "lineage": lineage, "encrypted_data": "..."}).encode()


def state_secret(name: str, content: bytes) -> tuple[str, Raw]:
    data = {"tfstate": base64.b64encode(content).decode()}
    return "secrets", {"metadata": {"name": name, "namespace": SPACE}, "data": data}


async def test_record_state_and_token_copy() -> None:
    api = server(
        SPACE_OBJECT,
        recorded(RUN),
        state_secret(naming.STATE_SECRET, gzip.compress(state_file(7))),
        ("secrets", manifests.provider_token(S, TOKEN)),
    )
    seen = await observe(api)
    assert seen.record == gen.record(RUN)
    assert (seen.state, seen.token_copy) == (StateView(7, "l"), SecretStr(TOKEN))


async def test_an_empty_run_namespace_holds_nothing() -> None:
    seen = await observe(server(SPACE_OBJECT))
    assert (seen.record, seen.state, seen.saved_state, seen.lock) == (None, None, None, None)
    assert (seen.has_state_key, seen.has_token_copy, seen.pods, seen.jobs) == (False, False, (), ())


async def test_a_state_that_a_run_saved_is_seen_beside_the_one_in_force() -> None:
    """The sidecar saves the file as it is; OpenTofu's backend compresses it."""
    saved = state_secret(naming.ERRORED_STATE_SECRET, state_file(8, "l"))
    seen = await observe(server(SPACE_OBJECT, saved, state_secret(naming.STATE_SECRET, gzip.compress(state_file(7)))))
    assert (seen.state, seen.saved_state) == (StateView(7, "l"), StateView(8, "l"))


async def test_a_saved_state_may_be_all_there_is() -> None:
    seen = await observe(server(SPACE_OBJECT, state_secret(naming.ERRORED_STATE_SECRET, state_file(1))))
    assert (seen.state, seen.saved_state) == (None, StateView(1, "l"))


async def test_what_was_restored_is_seen_as_what_was_saved() -> None:
    """Else it would be restored again and again."""
    encoded = base64.b64encode(state_file(8)).decode()
    seen = await observe(server(SPACE_OBJECT, ("secrets", manifests.restored_state(S, encoded, ""))))
    assert seen.state == StateView(8, "l")


@pytest.mark.parametrize(
    ("data", "lacks"),
    [
        (None, "does not exist"),
        ({}, "has no keys PGUSER and PGPASSWORD"),
        ({"PGUSER": "dG9mdQ=="}, "has no key PGPASSWORD"),
        ({"PGUSER": "dG9mdQ==", "PGPASSWORD": "Cg=="}, "has no key PGPASSWORD"),
        ({"PGUSER": "dG9mdQ==", "PGPASSWORD": "Zmlyc3QK"}, ""),
    ],
)
async def test_what_the_secret_lacks_that_opens_a_store_of_states(data: Raw | None, lacks: str) -> None:
    store = backends.parse(backends.PG, ("host=pg.example", "database=states"), "pg-login")
    secret = {"metadata": {"name": "pg-login", "namespace": gen.HOME}, "data": data}
    client = server(SPACE_OBJECT, *([] if data is None else [("secrets", secret)])).client()
    seen = await Observer(client, outside(client), replace(SETTINGS, state_backend=store)).observe(S, NOW)
    assert seen.backend_lacks == lacks


async def test_whether_the_key_of_the_state_is_there() -> None:
    seen = await observe(server(SPACE_OBJECT, ("secrets", manifests.state_key(S, bytes(32)))))
    assert seen.has_state_key


# --- the lock of the state --------------------------------------------------------------------------------------------

HOLDER = "f7bd9c1c-0b1f-1c43-2c0d-3a6d6b4c9d10"
INFO = json.dumps(
    {
        "ID": HOLDER,
        "Operation": "OperationTypeApply",
        "Info": "",
        "Who": "@apply-1a2b3c4d-7-x9z8y",
        "Version": "1.12.6",
        "Created": "2026-11-22T11:58:03.123456789Z",
        "Path": "",
    }
)


def lease(holder: str | None, info: str | None = INFO) -> tuple[str, Raw]:
    """OpenTofu's Lease: without a holder it stays, with nothing in it."""
    annotations = {} if info is None else {LOCK_INFO: info}
    meta = {"name": naming.STATE_LEASE, "namespace": SPACE, "annotations": annotations}
    return "leases", {"metadata": meta, "spec": {} if holder is None else {"holderIdentity": holder}}


async def test_who_holds_the_lock_and_since_when() -> None:
    seen = await observe(server(SPACE_OBJECT, lease(HOLDER)))
    expected = LockView(HOLDER, "@apply-1a2b3c4d-7-x9z8y", "OperationTypeApply", "2026-11-22T11:58:03")
    assert seen.lock == expected


@pytest.mark.parametrize("made", [lease(None), lease(None, None), lease("")])
async def test_a_lease_without_a_holder_is_a_free_lock(made: tuple[str, Raw]) -> None:
    assert (await observe(server(SPACE_OBJECT, made))).lock is None


@pytest.mark.parametrize("info", [None, "", "not JSON", "{}", '"a word"', "[]", "null"])
async def test_a_lock_whose_holder_says_nothing_of_himself_is_held_all_the_same(info: str | None) -> None:
    """Anybody may write that annotation; and nobody is never taken for somebody who is dead."""
    assert (await observe(server(SPACE_OBJECT, lease(HOLDER, info)))).lock == LockView(HOLDER, "")


async def test_the_lock_is_read_before_the_pods() -> None:
    """Else a Pod could start and take the lock in between, and be thought dead since it was not among the Pods."""
    api = server(SPACE_OBJECT)
    await observe(api)
    order = [r.key.plural for r in api.requests]
    assert order.index("leases") < order.index("pods")


# --- what the last look at the project found --------------------------------------------------------------------------


async def test_the_last_preflight_comes_along_whether_a_namespace_is_there_or_not() -> None:
    async def look(_token: SecretStr, _wanted: Wanted) -> CloudView:
        return CloudView()

    done = asyncio.Event()
    preflights = Preflights(look, lambda: NOW)
    wanted = Wanted(gen.UID, "omantel", "fsn1", {})
    assert (await observe(server(), preflights=preflights)).preflight is None
    preflights.ask(gen.UID, "the key", SecretStr(TOKEN), wanted, done.set)
    await done.wait()
    for api in (server(), server(SPACE_OBJECT)):
        found = (await observe(api, preflights=preflights)).preflight
        assert found is not None
        assert (found.key, found.at) == ("the key", NOW)


# --- Jobs and Pods ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "{}", "{not json"])
async def test_a_record_that_cannot_be_read_is_never_taken_for_none(text: str) -> None:
    with pytest.raises(CorruptRecord, match=f"ConfigMap {SPACE}/record does not hold a record that this version reads"):
        await observe(server(SPACE_OBJECT, ("configmaps", manifests.record(S, text))))


@pytest.mark.parametrize(
    "content",
    [b"no gzip", gzip.compress(state_file(7))[:20], gzip.compress(b"no JSON")],
    ids=["no gzip", "cut off", "no JSON"],
)
async def test_a_state_that_cannot_be_read_is_never_taken_for_none(content: bytes) -> None:
    with pytest.raises(CorruptRecord, match=naming.STATE_SECRET):
        await observe(server(SPACE_OBJECT, state_secret(naming.STATE_SECRET, content)))


async def test_jobs() -> None:
    made = job.job(S, RUN, SETTINGS)
    made["status"] = {"conditions": [{"type": "Failed", "status": "True"}, {"type": "Complete", "status": "False"}]}
    (seen,) = (await observe(server(SPACE_OBJECT, ("jobs", made)))).jobs
    assert (seen.name, seen.verb, seen.attempt, seen.failed, seen.complete) == (RUN.job, RunVerb.APPLY, 1, True, False)


@pytest.mark.parametrize(
    "others", [{}, {labels.LABEL_VERB: "apply"}, {labels.LABEL_VERB: "dance", labels.LABEL_ATTEMPT: "1"}]
)
async def test_a_job_that_only_carries_the_uid_is_nobodys(others: dict[str, str]) -> None:
    """It would break every look at the Sovereign."""
    meta = {"name": "foreign", "namespace": SPACE, "labels": {labels.LABEL_SOVEREIGN_UID: gen.UID, **others}}
    assert (await observe(server(SPACE_OBJECT, ("jobs", {"metadata": meta})))).jobs == ()


async def test_pods_and_their_containers() -> None:
    running = {"name": "tofu-plan", "state": {"running": {"startedAt": "2026-11-22T11:59:55Z"}}}
    waiting = {"name": "tofu-output", "state": {"waiting": {"reason": "PodInitializing"}}}
    status = {"initContainerStatuses": [terminated("tofu-init", 0), running], "containerStatuses": [waiting]}
    (seen,) = (await observe(server(SPACE_OBJECT, raw_pod(phase="Pending", **status)))).pods
    assert (seen.job, seen.held, seen.node, seen.deletion) == (RUN.job, True, "n", None)
    assert (seen.terminating, seen.ended) == (False, False)
    assert seen.containers["tofu-init"].exit_code == 0
    assert seen.containers["tofu-plan"].started == NOW - timedelta(seconds=5)
    assert seen.containers["tofu-output"].reason == "PodInitializing"


async def test_a_pod_that_finds_no_node_tells_why() -> None:
    unscheduled = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available"}
    plural, made = raw_pod(phase="Pending", conditions=[unscheduled])
    made["spec"] = {}
    (seen,) = (await observe(server(SPACE_OBJECT, (plural, made)))).pods
    assert (seen.node, seen.message) == ("", "0/1 nodes are available")


async def test_when_the_grace_period_of_a_pod_that_goes_is_over() -> None:
    """Its deletion time is that moment; until then nothing is thought of a node that says nothing."""
    plural, made = raw_pod(phase="Running")
    api = server(SPACE_OBJECT, (plural, made))
    api.change(Key("pods", SPACE, "p"), lambda o: o["metadata"].update(deletionTimestamp="2026-11-22T12:15:00Z"))
    (seen,) = (await observe(api)).pods
    assert (seen.deletion, seen.terminating, seen.ended) == (NOW + timedelta(minutes=15), True, False)


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


@pytest.mark.parametrize("content", [b'{"serial": 7, "lin', b"[]", b"\xff"], ids=["cut off", "no object", "no text"])
async def test_a_saved_state_that_cannot_be_read_is_never_taken_for_none(content: bytes) -> None:
    """The container's disk was full when it was written, say."""
    saved = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": naming.ERRORED_STATE_SECRET, "namespace": SPACE},
    }
    data = {"tfstate": base64.b64encode(content).decode()}
    with pytest.raises(CorruptRecord, match=naming.ERRORED_STATE_SECRET):
        await observe(server(SPACE_OBJECT, ("secrets", {**saved, "data": data})))


# --- a state that was made to do harm ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (gzip.compress(b"{" + b" " * (64 << 20) + b"}"), "more than 32 MiB"),
        (gzip.compress(b'{"serial": 1}')[:-9], "cut off"),
        (b"junk", "not hold an OpenTofu state"),
    ],
    ids=["a bomb", "cut off", "no archive"],
)
def test_a_state_is_unpacked_within_bounds(content: bytes, why: str) -> None:
    raw = {"data": {"tfstate": base64.b64encode(content).decode()}}
    with pytest.raises(CorruptRecord, match=why):
        state_of(raw)


GIVEN = gen.spec(decommission={"acknowledgeExported": True, "stateSecretRef": {"name": "newer"}})


def sealed(content: bytes) -> tuple[str, Raw]:
    plural, made = secret("newer", **{"state-key": "k"})
    return plural, {**made, "data": {**made["data"], "tfstate": base64.b64encode(gzip.compress(content)).decode()}}


async def given(content: bytes, found: record.Record) -> GivenStateView | None:
    """What is seen of a state that the owner of a Sovereign that is being deleted hands in."""
    leaving = gen.sovereign(GIVEN, gen.deleting)
    kept = ("configmaps", manifests.record(leaving, record.to_json(found)))
    space = ("namespaces", manifests.run_namespace(leaving, SETTINGS))
    client = server(space, kept, sealed(content)).client()
    return (await Observer(client, outside(client), SETTINGS).observe(leaving, NOW)).given_state


HANDED_OVER = replace(gen.record(), hand_off=record.HandOff(NOW))


async def test_a_state_that_is_handed_in_is_read_for_a_deletion_after_the_hand_off_only() -> None:
    """Each look reads it, so that whoever may name one could have the operator read for everybody."""
    content = b'{"serial": 9, "lineage": "l"}'
    assert await given(content, gen.record()) is None
    found = await given(content, HANDED_OVER)
    assert found is not None
    assert (found.state, found.has_key) == (StateView(9, "l"), True)


@pytest.mark.parametrize(
    "content",
    [
        b'{"x": [' + b"{}," * (1 << 20) + b"{}]}",
        b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"serial": null}',
        b'{"serial": 1e999}',
        b"[]",
    ],
    ids=["many objects", "nested", "no number", "no finite number", "no object"],
)
async def test_a_state_that_is_handed_in_to_do_harm_is_none(content: bytes) -> None:
    found = await given(content, HANDED_OVER)
    assert found is not None
    assert found.state is None
