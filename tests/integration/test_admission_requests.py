"""What may be asked for by annotation: a server that there is, until the hand-off."""

from __future__ import annotations

from typing import Any

import pytest

from catalyst_operator.api.labels import ANNOTATION_REBUILD
from tests.integration import actors
from tests.integration.admission import sovereign, sovereigns
from tests.integration.apiserver import Api, ApiError

pytestmark = pytest.mark.integration

NAMES = ("omantel-1a2b3-control-plane-0", "omantel-1a2b3-worker-0", "omantel-1a2b3-worker-1")
SERVERS = [{"name": name, "role": "control-plane" if "control" in name else "worker", "size": "cx33"} for name in NAMES]


def asking(request: str | None) -> dict[str, Any]:
    return {"metadata": {"annotations": {ANNOTATION_REBUILD: request}}}


@pytest.fixture
def path(api: Api, namespace: str) -> str:
    """Of a Sovereign whose servers were made."""
    made = f"{sovereigns(namespace)}/omantel"
    api.create(sovereigns(namespace), sovereign())
    actors.operator(api).patch(f"{made}/status", {"status": {"servers": SERVERS}})
    return made


def refused(api: Api, path: str, request: str) -> str:
    with pytest.raises(ApiError) as caught:
        api.patch(path, asking(request))
    assert caught.value.code == 403, caught.value.status
    return str(caught.value)


@pytest.mark.parametrize("request_", [NAMES[1], f"{NAMES[2]}@2026-11-30T12:00:00Z", f"{NAMES[1]}@2"])
def test_a_server_that_there_is_may_be_asked_for(api: Api, path: str, request_: str) -> None:
    assert api.patch(path, asking(request_))["metadata"]["annotations"][ANNOTATION_REBUILD] == request_


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        ("omantel-1a2b3-worker-7", "omantel-1a2b3-worker-7 is none of the servers, which are: omantel-1a2b3-control"),
        ("worker-0", "worker-0 is none of the servers"),
        ("", "takes the name of one server"),
        ("omantel-1a2b3-worker-0, omantel-1a2b3-worker-1", "takes the name of one server"),
        ("omantel-1a2b3-worker-0@", "takes the name of one server"),
        ("omantel-1a2b3-worker-0@" + "x" * 65, "takes the name of one server"),
        ("$(reboot)", "takes the name of one server"),
        (NAMES[0], "the only control plane cannot be made again"),
    ],
)
def test_anything_else_is_refused_by_the_annotations_name(api: Api, path: str, request_: str, says: str) -> None:
    message = refused(api, path, request_)
    assert says in message
    assert ANNOTATION_REBUILD in message


def test_one_of_three_control_planes_may_be_asked_for(api: Api, path: str) -> None:
    api.patch(path, {"spec": {"controlPlane": {"replicas": 3}, "workers": {"size": "cx43", "replicas": 2}}})
    api.patch(path, asking(NAMES[0]))


def test_before_there_are_servers_none_is_made_again(api: Api, namespace: str) -> None:
    api.create(sovereigns(namespace), sovereign())
    assert "not made yet" in refused(api, f"{sovereigns(namespace)}/omantel", NAMES[1])


def test_a_manifest_or_a_backup_that_still_asks_can_be_applied(api: Api, namespace: str) -> None:
    old = sovereign()
    old["metadata"]["annotations"] = {ANNOTATION_REBUILD: NAMES[1]}
    api.create(sovereigns(namespace), old)


def test_what_was_asked_for_once_hinders_no_later_edit(api: Api, path: str) -> None:
    """The server may be gone by then."""
    api.patch(path, asking(NAMES[2]))
    actors.operator(api).patch(f"{path}/status", {"status": {"servers": SERVERS[:2]}})
    api.patch(path, {"spec": {"suspend": True}})
    api.patch(path, asking(None))


def test_after_the_hand_off_it_is_its_owners(api: Api, path: str) -> None:
    handed = {
        "type": "HandedOff",
        "status": "True",
        "reason": "HandedOff",
        "message": "",
        "lastTransitionTime": "2026-11-30T12:00:00Z",
    }
    actors.operator(api).patch(f"{path}/status", {"status": {"conditions": [handed]}})
    told = refused(api, path, NAMES[1])
    assert "after hand-off the servers are their owner's, and spec.crossplane is not set" in told
