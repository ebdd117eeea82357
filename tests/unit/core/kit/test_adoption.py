"""What a Sovereign's own Crossplane runs: the names that both sides agree on, and what must never be deleted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from catalyst_operator.core import naming
from catalyst_operator.core.access import module, seeds, transfer
from catalyst_operator.core.phase1.views import FLUX_NAMESPACE, SOURCE
from catalyst_operator.core.settings import CoreSettings
from catalyst_operator.core.tofu import encryption
from tests.support import gen
from tests.support.paths import REPOSITORY
from tests.support.postbuild import TEMPLATE, objects, substituted

FOLDER = "infrastructure/adoption"
ADDED = [obj for _, obj in objects("components/adoption") if obj["kind"] != "Component"]
STEPS = {obj["metadata"]["name"]: obj["spec"] for obj in ADDED}
FOUND = {obj["kind"]: obj for _, obj in objects(FOLDER) if obj["kind"] != "Kustomization"}
WORKSPACE, CONFIG = FOUND["Workspace"]["spec"], FOUND["ProviderConfig"]["spec"]
OPERATORS = replace(gen.SETTINGS, default_git_url="https://git.example/openova", default_git_tag="v1.2.3+4")
NONE = replace(gen.SETTINGS, default_git_url="")
OWNERS = {"url": "https://git.example/a.git", "ref": {"branch": "v1/x"}}


def test_each_step_waits_for_the_kinds_of_the_next() -> None:
    """One object of an unknown kind makes Flux refuse the whole step, and tell people so."""
    assert list(STEPS) == ["adoption", "adoption-provider", "adoption-workspace"]
    waits = {name: [step["name"] for step in spec.get("dependsOn", [])] for name, spec in STEPS.items()}
    assert waits == {"adoption": [], "adoption-provider": ["adoption"], "adoption-workspace": ["adoption-provider"]}
    checks = {name: [check["name"] for check in spec.get("healthChecks", [])] for name, spec in STEPS.items()}
    assert checks == {
        "adoption": ["bp-crossplane"],
        "adoption-provider": ["providerconfigs.opentofu.upbound.io", "workspaces.opentofu.upbound.io"],
        "adoption-workspace": [],
    }
    assert not STEPS["adoption-workspace"]["wait"], "it is given its state only after all that is waited for is ready"


@pytest.mark.parametrize("name", STEPS)
def test_a_step_follows_the_same_source(name: str) -> None:
    spec = STEPS[name]
    assert spec["sourceRef"] == {"kind": "GitRepository", "name": SOURCE}
    assert (TEMPLATE.parents[1] / spec["path"] / "kustomization.yaml").exists()


def test_the_folders_hold_what_they_should() -> None:
    """Each kind is in the folder of the step that may have it."""
    found = {obj["kind"]: file.parent.name for file, obj in objects(FOLDER) if obj["kind"] != "Kustomization"}
    assert found == {
        "ConfigMap": "adoption",
        "Provider": "provider",
        "ProviderConfig": "workspace",
        "Workspace": "workspace",
    }


def test_deleting_the_workspace_deletes_no_server() -> None:
    """By whoever it is: a slip, or Flux that prunes."""
    assert WORKSPACE["deletionPolicy"] == "Orphan"
    assert "managementPolicies" not in WORKSPACE, "any but the default would win over the deletionPolicy"
    assert "destroyArgs" not in WORKSPACE["forProvider"]


def test_it_finds_the_state_where_the_operator_puts_it() -> None:
    """Namespace, suffix and workspace make the name of the Secret."""
    backend = CONFIG["configuration"]
    assert f'secret_suffix     = "{naming.STATE_SUFFIX}"' in backend
    assert f'namespace         = "{transfer.NAMESPACE}"' in backend
    workspace = FOUND["Workspace"]["metadata"]["annotations"]["crossplane.io/external-name"]
    assert f"tfstate-{workspace}-{naming.STATE_SUFFIX}" == naming.STATE_SECRET


def test_it_opens_the_state_as_the_operator_sealed_it() -> None:
    sealed = FOUND["ConfigMap"]["data"]["encryption"]
    key, git = CONFIG["credentials"]
    assert sealed == encryption.configuration(key["filename"])
    assert key["secretRef"] == {"namespace": transfer.NAMESPACE, "name": transfer.ADOPTION, "key": transfer.KEY}
    assert git["secretRef"]["key"] == transfer.GIT_LOGIN


def references() -> dict[str, Any]:
    env = {entry.pop("name"): entry for entry in map(dict, WORKSPACE["forProvider"]["env"])}
    return {**env, "inputs": WORKSPACE["forProvider"]["varFiles"][0]}


def test_inputs_and_token_are_those_that_were_delivered() -> None:
    """The token is the Sovereign's own: the one that provisioned it never leaves the management cluster."""
    found = references()
    assert found["inputs"] == {
        "source": "SecretKey",
        "format": "JSON",
        "secretKeyRef": {"namespace": transfer.NAMESPACE, "name": transfer.ADOPTION, "key": transfer.INPUTS},
    }
    assert found["HCLOUD_TOKEN"]["secretKeyRef"] == {
        "namespace": FLUX_NAMESPACE,
        "name": seeds.CROSSPLANE,
        "key": "token",
    }
    assert found["TF_ENCRYPTION"]["configMapKeyRef"] == {
        "namespace": transfer.NAMESPACE,
        "name": FOUND["ConfigMap"]["metadata"]["name"],
        "key": "encryption",
    }


def test_the_provider_is_pinned() -> None:
    """A tag that says which, and the module allows the OpenTofu that it brings."""
    assert FOUND["Provider"]["spec"]["package"] == "${ADOPTION_PROVIDER}"
    step = next(obj for _, obj in objects("components/adoption") if obj["metadata"].get("name") == "adoption-provider")
    package = step["spec"]["postBuild"]["substitute"]["ADOPTION_PROVIDER"]
    assert package == "${ADOPTION_PROVIDER:=xpkg.upbound.io/upbound/provider-opentofu:v1.1.5}"
    allowed = (REPOSITORY / module.FOLDER / "versions.tf").read_text(encoding="utf-8")
    assert 'required_version = ">= 1.10.0"' in allowed


@pytest.mark.parametrize(
    ("settings", "gitops", "found"),
    [
        (OPERATORS, {}, "git::https://git.example/openova//infra/hetzner?ref=refs/tags/v1.2.3%2B4%5E0"),
        (OPERATORS, OWNERS, "git::https://git.example/a.git//infra/hetzner?ref=refs/remotes/origin/v1/x%5E0"),
        (
            NONE,
            {**OWNERS, "ref": {"commit": "a" * 40}},
            f"git::https://git.example/a.git//infra/hetzner?ref={'a' * 40}%5E0",
        ),
        (
            OPERATORS,
            {**gen.PUSHED, **OWNERS},
            "git::https://git.example/openova//infra/hetzner?ref=refs/tags/v1.2.3%2B4%5E0",
        ),
        (
            NONE,
            {**gen.PUSHED, **OWNERS},
            "git::https://git.example/a.git//infra/hetzner?ref=refs/remotes/origin/v1/x%5E0",
        ),
        (NONE, {}, ""),
    ],
    ids=[
        "the operator's, of its own version",
        "the owner's",
        "a commit of it",
        "an overlay's repository need not have it",
        "unless there is no other",
        "none is named",
    ],
)
def test_the_module_is_fetched_from_where_the_kit_comes_from(
    settings: CoreSettings, gitops: dict[str, Any], found: str
) -> None:
    assert module.fetched(gen.sovereign(gen.spec(gitops=gitops)).spec, settings) == found


def test_the_module_reaches_the_workspace() -> None:
    """Substituted twice: by the kit's Kustomization, and by that of the step."""
    told = gen.variables(gen.spec(crossplane={"credentialsSecretRef": {"name": "x"}}))["kit_values"]
    handed_on = substituted(STEPS["adoption-workspace"], told)["postBuild"]["substitute"]
    assert substituted(FOUND["Workspace"], handed_on)["spec"]["forProvider"]["module"] == told["ADOPTION_MODULE"]
