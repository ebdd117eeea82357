"""The generated policies: what lies in the repository is what they say, for an installation of any name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from catalyst_operator.admission.generate import PATH, main, manifests, text
from catalyst_operator.api import labels
from tests.support.paths import REPOSITORY

POLICIES = [m for m in manifests() if m["kind"] == "ValidatingAdmissionPolicy"]
BINDINGS = [m for m in manifests() if m["kind"] == "ValidatingAdmissionPolicyBinding"]
CHECKS = [(p["metadata"]["name"], v) for p in POLICIES for v in p["spec"]["validations"]]


def test_the_file_in_the_repository_is_up_to_date() -> None:
    assert (REPOSITORY / PATH).read_text() == text(), "run `make generate`"


def test_a_check_notices_drift(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / PATH).parent.mkdir(parents=True)
    assert main(["--check", f"--root={tmp_path}"]) == 1
    assert "run `make generate`" in capsys.readouterr().err
    assert main([f"--root={tmp_path}"]) == 0
    assert main(["--check", f"--root={tmp_path}"]) == 0
    (tmp_path / PATH).write_text(text("another"))
    assert main(["--check", f"--root={tmp_path}"]) == 1


def test_policies_for_another_name_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--service-account", "eu-catalyst-operator"]) == 0
    printed = capsys.readouterr().out
    assert list(yaml.safe_load_all(printed)) == manifests("eu-catalyst-operator")
    assert ":eu-catalyst-operator'" in printed
    assert f":{labels.OPERATOR_NAME}'" not in printed


def test_no_policy_names_the_operators_namespace() -> None:
    """It may be any: whoever the operator is, is told by its name and its right."""
    assert "catalyst-system" not in text()


def test_each_policy_is_bound_and_denies() -> None:
    names = [p["metadata"]["name"] for p in POLICIES]
    assert [b["spec"]["policyName"] for b in BINDINGS] == names
    assert len(set(names)) == len(names)
    assert all(b["spec"]["validationActions"] == ["Deny"] for b in BINDINGS)
    assert all(p["spec"]["failurePolicy"] == "Fail" for p in POLICIES)


@pytest.mark.parametrize(("policy", "check"), CHECKS)
def test_each_refusal_is_in_whole_sentences(policy: str, check: dict[str, str]) -> None:
    """And short enough for what the API server passes on."""
    message = check["message"]
    assert re.match(r"[A-Z].*[.a-z]$", message), message
    assert len(message) < 1000


@pytest.mark.parametrize("policy", POLICIES, ids=lambda p: p["metadata"]["name"])
def test_what_an_administrator_may_have_to_do_the_policy_lets_pass_once_the_glass_is_broken(policy: object) -> None:
    """All but what has a way of its own (a field of the Sovereign, the CRDs' binding, another server's name), and the
    limits of the operator and its runs."""
    name = policy["metadata"]["name"]  # type: ignore[index]
    own_way = {"catalyst-sovereign-deletion-protection", "catalyst-crd-protection", "catalyst-rebuild-requests"}
    breakable = labels.BREAK_GLASS_GROUP in str(policy)
    assert breakable == (name not in own_way and not name.startswith(("catalyst-operator-", "catalyst-run-secrets")))
