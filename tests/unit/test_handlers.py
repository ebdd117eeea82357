"""Who is woken by a run: its Sovereign, and nobody by what only looks like one."""

from __future__ import annotations

from typing import Any

import pytest

from catalyst_operator.adapters import kube
from catalyst_operator.api import labels
from catalyst_operator.errors import NotFound
from catalyst_operator.reconcilers.sovereign import Key
from tests.support import gen
from tests.support.fake_kube import FakeApi
from tests.support.wakes import Wakes

OURS = {
    labels.LABEL_SOVEREIGN_NAMESPACE: "team-a",
    labels.LABEL_SOVEREIGN: "omantel",
    labels.LABEL_SOVEREIGN_UID: gen.UID,
}


def event(namespace: str, held: dict[str, str]) -> dict[str, Any]:
    return {"metadata": {"name": "apply-1", "namespace": namespace, "labels": held}}


@pytest.mark.parametrize("plural", ["jobs", "pods"])
async def test_a_run_wakes_its_sovereign(plural: str) -> None:
    wakes = Wakes()
    await wakes.event(plural, event(gen.SPACE, OURS))
    assert (wakes.names, wakes.sovereigns) == ([], [Key("team-a", "omantel")])


@pytest.mark.parametrize("plural", ["jobs", "pods"])
@pytest.mark.parametrize(
    ("namespace", "held"),
    [
        (gen.SPACE, {labels.LABEL_SOVEREIGN_UID: gen.UID}),
        (gen.SPACE, dict.fromkeys(OURS, "")),
        (gen.SPACE, {**OURS, labels.LABEL_SOVEREIGN: ""}),
        (gen.SPACE, {**OURS, labels.LABEL_SOVEREIGN_NAMESPACE: ""}),
        (gen.SPACE, {**OURS, labels.LABEL_SOVEREIGN: "another"}),
        (gen.SPACE, {**OURS, labels.LABEL_SOVEREIGN_UID: "another"}),
        ("team-b", OURS),
    ],
    ids=["only the UID", "all empty", "no name", "no namespace", "another name", "another UID", "another namespace"],
)
async def test_what_only_carries_our_labels_wakes_nobody(plural: str, namespace: str, held: dict[str, str]) -> None:
    """Everybody may label a Pod so: it must neither fail at each of its events, nor have others' Sovereigns looked
    at."""
    wakes = Wakes()
    await wakes.event(plural, event(namespace, held))
    assert (wakes.names, wakes.sovereigns) == ([], [])


@pytest.mark.parametrize("kind", [kube.SOVEREIGNS, kube.SECRETS, kube.DOMAIN_RESERVATIONS])
async def test_what_has_no_name_is_not_there(kind: kube.Kind) -> None:
    """The API server would answer with the list of all."""
    api = FakeApi()
    with pytest.raises(NotFound):
        await api.client().get(kind, "team-a", "")
    assert await api.client().find(kind, "", "") is None
    assert api.requests == []
