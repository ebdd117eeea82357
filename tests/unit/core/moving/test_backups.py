"""What a backup holds, and what is made of it again."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from catalyst_operator.api.common import Model, SecretRef
from catalyst_operator.api.schema import wire_name
from catalyst_operator.api.sovereign import SovereignSpec
from catalyst_operator.core import manifests, naming, proof
from catalyst_operator.core.moving import contents, restoring
from catalyst_operator.core.moving.restoring import NotRestorableError, Saved
from tests.support import gen

HERE = "99999999-6f3a-4c57-9a53-0f6f6f1f2a11"
FROM = gen.raw_sovereign(gen.annotated(retryRequestedAt="1"), gen.status(runNamespace=gen.SPACE))
SPACE = manifests.run_namespace(gen.sovereign(), gen.SETTINGS)


def saved(*others: dict[str, Any]) -> Saved:
    return restoring.read({"items": [*map(contents.saved, others), contents.saved(FROM)]})


def fields_that_name_secrets(model: type[Model]) -> set[str]:
    found = set()
    for name, field in model.model_fields.items():
        kinds = [t for t in (field.annotation, *getattr(field.annotation, "__args__", ())) if isinstance(t, type)]
        found |= {wire_name(name) for kind in kinds if issubclass(kind, SecretRef)}
        for kind in kinds:
            if issubclass(kind, Model) and not issubclass(kind, SecretRef):
                found |= fields_that_name_secrets(kind)
    return found


def test_every_secret_that_a_spec_may_name_is_found() -> None:
    names = fields_that_name_secrets(SovereignSpec)
    assert {"credentialsSecretRef", "imagePullSecretRef", "stateSecretRef", "secretRef"} <= names
    spec = {name: {"name": name.lower()} for name in names}
    assert set(contents.secrets_named({"a": [{"b": spec}]})) == {name.lower() for name in names}


def test_what_only_its_api_server_knows_is_left_out() -> None:
    raw = copy.deepcopy(FROM)
    raw["metadata"] |= {"managedFields": [], "creationTimestamp": "2026-11-22T12:00:00Z", "ownerReferences": []}
    raw["metadata"]["annotations"] |= {"kubectl.kubernetes.io/last-applied-configuration": "{}"}
    found = contents.saved(raw)
    assert set(found["metadata"]) == {"name", "namespace", "annotations"}
    assert list(found["metadata"]["annotations"].values()) == ["1"], "an annotation that was answered fires not again"
    assert "status" not in found
    assert found["spec"]["originalUID"] == gen.UID


def test_one_that_is_moved_a_second_time_stays_who_it_was() -> None:
    raw = gen.raw_sovereign(gen.meta(uid=HERE), gen.spec(originalUID=gen.UID))
    assert contents.uid_of(raw) == contents.uid_of(contents.saved(raw)) == gen.UID
    assert contents.Reference("Namespace", "", gen.SPACE) in contents.belonging(raw, gen.HOME)


def test_the_record_is_read_before_the_state_and_keeps_its_finalizer() -> None:
    names = [r.name for r in contents.belonging(FROM, gen.HOME)]
    assert names.index(naming.RECORD) < names.index(naming.STATE_SECRET)
    kept = contents.saved(manifests.record(gen.sovereign(), "{}"))
    assert kept["metadata"]["finalizers"]


@pytest.mark.parametrize(("uid", "its"), [(gen.UID, True), (HERE, False)])
def test_a_domain_that_is_somebody_elses_is_not_saved(uid: str, its: bool) -> None:
    reservation = {"kind": "DomainReservation", "metadata": {"name": "d", "uid": "r-1"}, "spec": {}}
    reservation["spec"] = {"sovereignRef": {"uid": uid}}
    assert contents.is_its(reservation, FROM) is its
    again = contents.saved(
        contents.saved(reservation) | {"metadata": {**contents.saved(reservation)["metadata"], "uid": "r-2"}}
    )
    assert list(again["metadata"]["annotations"].values()) == ["r-1"], "its zone is marked with the first"


def test_it_is_made_suspended_and_held_by_the_object_that_is_there_now() -> None:
    found = saved(SPACE)
    made = restoring.sovereign(found)
    assert made["spec"]["suspend"] is True
    there = {"metadata": {"uid": HERE}, "spec": made["spec"]}
    assert restoring.marks(found, there, "another key") == {
        "catalyst.openova.io/proof": proof.of("another key", gen.UID),
        "catalyst.openova.io/held-by": HERE,
    }
    assert restoring.marks(found, FROM, "k")["catalyst.openova.io/held-by"] is None, "it is taken back"


def test_the_run_namespace_is_made_without_a_word_about_whose_it_is() -> None:
    """Until the last step nobody may act on it."""
    (made,) = restoring.manifests(saved(SPACE), gen.HOME)
    assert made["metadata"]["annotations"] == {}
    assert made["metadata"]["labels"] == SPACE["metadata"]["labels"]


def test_keys_go_to_where_the_operator_is_on_the_new_cluster() -> None:
    key = manifests.cluster_secrets(gen.sovereign(), "elsewhere", {})
    space, found = restoring.manifests(saved(key, SPACE), gen.HOME)
    assert (space["kind"], found["metadata"]["namespace"]) == ("Namespace", gen.HOME)


@pytest.mark.parametrize(
    ("there", "key", "says"),
    [
        (None, "", "restore operator.json first"),
        (gen.raw_sovereign(gen.meta(uid=HERE)), "k", "is another one"),
        (gen.raw_sovereign(gen.deleting), "k", "is being deleted"),
    ],
)
def test_what_does_not_allow_it_is_told_before_anything_is_done(there: Any, key: str, says: str) -> None:
    with pytest.raises(NotRestorableError, match=says):
        restoring.refuse(saved(), there, key)


@pytest.mark.parametrize(
    "document", [None, [], {}, {"items": []}, {"items": [FROM]}, {"items": [FROM, FROM]}, {"items": 1}]
)
def test_what_is_no_backup_is_refused(document: Any) -> None:
    with pytest.raises(NotRestorableError, match="catalyst_operator backup"):
        restoring.read(document)
