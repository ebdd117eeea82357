"""What first boot applies, object by object; what it means is told by a real API server (tests/integration)."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
import yaml

from catalyst_operator.core.access import boot, seeds, transfer
from catalyst_operator.core.access.identity import NODE_REMOVER, OBSERVER, SEEDER

SECRETS = {
    seeds.PULL,
    seeds.GIT,
    seeds.GIT_KEYS,
    seeds.CROSSPLANE,
    seeds.FEDERATION,
    seeds.CERTIFICATE_AUTHORITY,
    seeds.OBJECT_STORAGE,
}
FOR_CROSSPLANE = "40-adoption.yaml"


def files(pull: str = seeds.PULL) -> dict[str, list[Any]]:
    return {name: list(yaml.safe_load_all(text)) for name, text in boot.manifests("omantel.omani.works", pull).items()}


def by_name(*groups: list[Any]) -> dict[tuple[str, str], Any]:
    return {(obj["kind"], obj["metadata"]["name"]): obj for objects in groups for obj in objects}


def of_flux(made: dict[str, list[Any]]) -> dict[tuple[str, str], Any]:
    """All but what lies in Crossplane's namespace, where the seeder has a Role of the same name."""
    return by_name(*(objects for name, objects in made.items() if name != FOR_CROSSPLANE))


FILES = files()
OBJECTS, ADOPTION = of_flux(FILES), by_name(FILES[FOR_CROSSPLANE])


def test_the_secret_for_charts_is_called_as_the_setting_says() -> None:
    """The tree that a cluster follows knows it by that name; who may fill it in, too."""
    found = of_flux(files("registry-login"))
    assert found["Secret", "registry-login"]["type"] == "kubernetes.io/dockerconfigjson"
    assert ("Secret", seeds.PULL) not in found
    [patched] = [rule for rule in found["Role", SEEDER]["rules"] if "secrets" in rule["resources"]]
    assert set(patched["resourceNames"]) == SECRETS - {seeds.PULL} | {"registry-login"}


def test_a_published_tree_finds_it_without_a_setting() -> None:
    """Its HelmRepository names this one."""
    assert ("Secret", "ghcr-pull") in OBJECTS


def rules(kind: str, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = OBJECTS[kind, name]["rules"]
    return found


def test_the_files_are_applied_rights_first() -> None:
    """The module takes names like these, and boot goes by their order."""
    assert list(boot.manifests("omantel.omani.works", seeds.PULL)) == [
        "10-observer.yaml",
        "20-seeder.yaml",
        "25-node-remover.yaml",
        "30-secrets.yaml",
        "40-adoption.yaml",
    ]


@pytest.mark.parametrize(
    ("binding", "name", "role", "kind"),
    [
        ("ClusterRoleBinding", OBSERVER, "ClusterRole", OBSERVER),
        ("RoleBinding", SEEDER, "Role", SEEDER),
        ("ClusterRoleBinding", NODE_REMOVER, "ClusterRole", NODE_REMOVER),
    ],
)
def test_each_identity_has_its_own_rights(binding: str, name: str, role: str, kind: str) -> None:
    """By the name in its certificate, which the binding and the role have too."""
    found = OBJECTS[binding, name]
    assert found["roleRef"] == {"apiGroup": "rbac.authorization.k8s.io", "kind": role, "name": kind}
    assert found["subjects"] == [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}]
    assert (role, kind) in OBJECTS


def test_no_rule_has_a_wildcard_or_reads_secrets() -> None:
    """Rights that are named are rights that somebody thought of."""
    for rule in [*rules("ClusterRole", OBSERVER), *rules("Role", SEEDER), *rules("ClusterRole", NODE_REMOVER)]:
        assert "*" not in {*rule["apiGroups"], *rule["resources"], *rule["verbs"]}
    assert not any("secrets" in rule["resources"] for rule in rules("ClusterRole", OBSERVER))


def test_who_removes_nodes_may_do_nothing_else() -> None:
    """Not even look at them; and its own rights it may take away, as the others do."""
    nodes, own = rules("ClusterRole", NODE_REMOVER)
    assert (nodes["resources"], nodes["verbs"]) == (["nodes"], ["delete"])
    assert (own["resources"], own["verbs"], own["resourceNames"]) == (
        ["clusterrolebindings"],
        ["get", "delete"],
        [NODE_REMOVER],
    )


def test_the_secrets_are_those_that_are_delivered() -> None:
    """One that is not there could never be filled: the seeder may not create any."""
    made = {name: obj for (kind, name), obj in OBJECTS.items() if kind == "Secret"}
    assert set(made) == SECRETS
    assert {obj["metadata"]["namespace"] for obj in made.values()} == {"flux-system"}
    assert all(obj["metadata"]["labels"]["app.kubernetes.io/managed-by"] for obj in made.values())
    [seeded] = [rule for rule in rules("Role", SEEDER) if rule["resources"] == ["secrets"]]
    assert (set(seeded["resourceNames"]), seeded["verbs"]) == (SECRETS, ["patch"])


def test_the_seeder_may_correct_what_is_followed_and_nothing_else_of_flux() -> None:
    """Whoever may patch another Kustomization could have Flux apply anything anywhere."""
    found = {
        (rule["apiGroups"][0], *rule["resources"]): (rule["verbs"], rule["resourceNames"])
        for rule in rules("Role", SEEDER)
        if rule["apiGroups"][0].endswith("fluxcd.io")
    }
    assert found == {
        ("source.toolkit.fluxcd.io", "gitrepositories"): (["patch"], ["openova-public"]),
        ("kustomize.toolkit.fluxcd.io", "kustomizations"): (["patch"], ["omantel.omani.works-bootstrap-kit"]),
    }


def test_the_secrets_hold_nothing() -> None:
    """user_data is readable from the node; only the pull secret must hold something to be of its type."""
    for (kind, name), obj in OBJECTS.items():
        if kind == "Secret" and name != seeds.PULL:
            assert "data" not in obj
            assert obj["type"] == "Opaque"
    pull = OBJECTS["Secret", seeds.PULL]
    assert pull["type"] == "kubernetes.io/dockerconfigjson"
    assert json.loads(base64.b64decode(pull["data"][".dockerconfigjson"])) == {"auths": {}}


def test_what_crossplane_is_given_has_its_place() -> None:
    """The namespace first; both Secrets are empty, and the state's is the one that OpenTofu looks for."""
    kinds = [obj["kind"] for obj in FILES[FOR_CROSSPLANE]]
    assert kinds == ["Namespace", "Role", "RoleBinding", "Secret", "Secret"]
    assert {obj["metadata"].get("namespace") for obj in FILES[FOR_CROSSPLANE][1:]} == {transfer.NAMESPACE}
    assert ADOPTION["Namespace", transfer.NAMESPACE]
    adoption, state = ADOPTION["Secret", transfer.ADOPTION], ADOPTION["Secret", "tfstate-default-sovereign"]
    assert "data" not in adoption and "data" not in state
    assert adoption["metadata"]["annotations"] == {transfer.MARK: transfer.EMPTY}
    assert state["metadata"]["labels"]["tfstateSecretSuffix"] == "sovereign"
    assert state["metadata"]["annotations"] == {"encoding": "gzip"}


def test_the_seeder_fills_those_two_and_reads_neither() -> None:
    """In this namespace, too, it can take away its own rights."""
    filled, own = ADOPTION["Role", SEEDER]["rules"]
    assert (filled["resources"], filled["verbs"]) == (["secrets"], ["patch"])
    assert filled["resourceNames"] == [transfer.ADOPTION, "tfstate-default-sovereign"]
    assert (own["resources"], own["verbs"], own["resourceNames"]) == (["rolebindings"], ["get", "delete"], [SEEDER])
    assert ADOPTION["RoleBinding", SEEDER]["subjects"][0]["name"] == SEEDER


def test_texts_are_made_once() -> None:
    """They are part of every look at every Sovereign: made anew each time they were a third of what a look costs."""
    first, again = boot.manifests("omantel.omani.works", seeds.PULL), boot.manifests("omantel.omani.works", seeds.PULL)
    assert all(text is again[name] for name, text in first.items())
    first.clear()
    assert boot.manifests("omantel.omani.works", seeds.PULL) == again, (
        "whoever has them may do with them what they like"
    )
