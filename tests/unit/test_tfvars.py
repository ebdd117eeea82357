"""From spec to variables, and the digest that decides whether there is anything to run."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from catalyst_operator.api import labels
from catalyst_operator.api.phases import RunVerb
from catalyst_operator.core.releases import UnknownReleaseError
from catalyst_operator.core.tfvars import inputs_digest, tfvars
from tests import gen
from tests.gen import SETTINGS, RawMod, spec


def digest(*mods: RawMod, settings: object = SETTINGS, verb: RunVerb = RunVerb.APPLY) -> str:
    return inputs_digest(verb, tfvars(gen.sovereign(*mods), settings))  # type: ignore[arg-type]


def test_the_variables_of_the_module() -> None:
    """The names are those of infra/hetzner/variables.tf."""
    values = tfvars(gen.sovereign(gen.workers(2)), SETTINGS)
    assert values["cluster_name"] == "omantel-d2faa"
    assert values["fqdn"] == "omantel.omani.works"
    assert values["labels"][labels.LABEL_SOVEREIGN_UID] == gen.UID
    assert values["location"] == "fsn1"
    assert values["control_plane_sizes"] == ["cpx22"]
    assert values["worker_sizes"] == ["cpx32", "cpx32"]
    assert values["ssh_allowed_cidrs"] == []
    assert values["git"]["branch"] == "main"


def test_without_workers_there_are_no_sizes() -> None:
    assert tfvars(gen.sovereign(), SETTINGS)["worker_sizes"] == []


def test_they_are_json() -> None:
    values = tfvars(gen.sovereign(gen.workers(1)), SETTINGS)
    assert json.loads(json.dumps(values)) == values


def test_an_unknown_release_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(UnknownReleaseError, match="no-such"):
        tfvars(gen.sovereign(spec(release="no-such")), SETTINGS)


@pytest.mark.parametrize(
    ("mod", "why"),
    [
        (gen.workers(1), "another worker"),
        (spec(controlPlane={"size": "cpx32"}), "another size"),
        (spec(regions=[{"location": "nbg1"}]), "another place"),
        (spec(sshAllowedCIDRs=["203.0.113.0/24"]), "the firewall changes"),
        (spec(sshPublicKeys=["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "b" * 43 + " other"]), "another key"),
    ],
)
def test_what_changes_the_infrastructure_is_another_run(mod: RawMod, why: str) -> None:
    assert digest(mod) != digest(), why


@pytest.mark.parametrize(
    ("mod", "why"),
    [
        (spec(adminEmail="other@omantel.example"), "an address"),
        (spec(suspend=True), "a switch of the operator"),
        (spec(deletionProtection=False), "a switch of the operator"),
        (spec(approvePlan="d" * 64), "an approval"),
        (spec(components=["harbor"]), "the kit's concern"),
        (spec(gitops={"branch": "release"}), "only cloud-init carries it, which runs once"),
        (gen.annotated(retryRequestedAt="now"), "a wish to try again"),
    ],
)
def test_what_does_not_is_not(mod: RawMod, why: str) -> None:
    assert digest(mod) == digest(), why


@pytest.mark.parametrize(
    "settings",
    [
        replace(SETTINGS, default_git_url="https://other.example/kit"),
        replace(SETTINGS, download_mirrors={"https://": "https://mirror.example/"}),
        replace(SETTINGS, poll=timedelta(seconds=1), image="other"),
    ],
)
def test_a_new_operator_with_other_defaults_starts_no_run(settings: object) -> None:
    assert digest(settings=settings) == digest()


def test_a_destroy_is_another_run_than_the_apply_of_the_same() -> None:
    assert digest(verb=RunVerb.DESTROY) != digest()
