"""From spec to variables, and the digest that decides whether there is anything to run."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from catalyst_operator.api import labels
from catalyst_operator.api.phases import RunVerb
from catalyst_operator.core.air_gap import mirrors
from catalyst_operator.core.kit.releases import UnknownReleaseError
from catalyst_operator.core.project import sizing
from catalyst_operator.core.record import SizeChoice
from catalyst_operator.core.runs.tfvars import inputs_digest, tfvars
from tests.support import gen
from tests.support.gen import SETTINGS, RawMod, spec


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
    assert values["git"]["ref"] == {"tag": SETTINGS.default_git_tag}


def test_the_secret_for_charts_has_one_name_in_boot_and_kit() -> None:
    """Boot makes it, and the kit's HelmRepository names it."""
    found = tfvars(
        gen.sovereign(spec(imagePullSecretRef={"name": "mine"})), replace(SETTINGS, pull_secret="registry-login")
    )
    assert found["kit_values"]["PULL_SECRET_REF"] == '{"name": "registry-login"}'
    assert "name: registry-login" in found["boot_manifests"]["30-secrets.yaml"]


def test_without_workers_there_are_no_sizes() -> None:
    assert tfvars(gen.sovereign(), SETTINGS)["worker_sizes"] == []


HA = (spec(controlPlane={"size": "cpx22", "replicas": 3, "sizeFallbacks": ["cpx32"]}), gen.workers(2))


@pytest.mark.parametrize(
    ("choices", "control_planes", "workers", "why"),
    [
        ({}, ["cpx22"] * 3, ["cpx32"] * 2, "as the spec asks"),
        (
            {"control-plane-1": SizeChoice("cpx32", "cpx22")},
            ["cpx22", "cpx32", "cpx22"],
            ["cpx32"] * 2,
            "each server has its own",
        ),
        ({"worker-1": SizeChoice("cx33", "cpx32")}, ["cpx22"] * 3, ["cpx32", "cx33"], "a fallback that was there then"),
        (
            {"worker-0": SizeChoice("cx33", "cpx22")},
            ["cpx22"] * 3,
            ["cpx32"] * 2,
            "chosen when the spec asked otherwise",
        ),
        ({"worker-2": SizeChoice("cx33", "cpx32")}, ["cpx22"] * 3, ["cpx32"] * 2, "no such worker is wanted"),
    ],
)
def test_sizes_are_those_that_were_chosen(
    choices: sizing.Choices, control_planes: list[str], workers: list[str], why: str
) -> None:
    values = tfvars(gen.sovereign(*HA), SETTINGS, choices)
    assert (values["control_plane_sizes"], values["worker_sizes"]) == (control_planes, workers), why


def test_another_choice_of_size_is_another_run() -> None:
    """A step down the ladder has to be planned and applied; the same choices again have nothing to run."""
    chosen = {"worker-0": SizeChoice("cx33", "cpx32")}
    assert gen.digest(gen.workers(1), sizes=chosen) != gen.digest(gen.workers(1))
    assert gen.digest(gen.workers(1), sizes=dict(chosen)) == gen.digest(gen.workers(1), sizes=chosen)


def test_a_choice_that_is_the_specs_own_size_changes_nothing() -> None:
    """A success holds every server to its size; that alone must not start a run."""
    kept = {"control-plane-0": SizeChoice("cpx22", "cpx22"), "worker-0": SizeChoice("cpx32", "cpx32")}
    assert gen.digest(gen.workers(1), sizes=kept) == gen.digest(gen.workers(1))


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
        (spec(apiAllowedCIDRs=["203.0.113.0/24"]), "the firewall changes"),
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
        (spec(controlPlane={"size": "cpx22", "sizeFallbacks": ["cpx32"]}), "what is tried only if need be"),
        (spec(components=["harbor"]), "the kit's concern"),
        (spec(gitops={"ref": {"branch": "release"}}), "only cloud-init carries it, which runs once"),
        (gen.annotated(retryRequestedAt="now"), "a wish to try again"),
    ],
)
def test_what_does_not_is_not(mod: RawMod, why: str) -> None:
    assert digest(mod) == digest(), why


@pytest.mark.parametrize(
    "settings",
    [
        replace(SETTINGS, default_git_url="https://other.example/kit"),
        replace(
            SETTINGS, mirrors=mirrors.parse("https://github.com/=https://a.example/,oci://ghcr.io/=oci://b.example/")
        ),
        replace(SETTINGS, pull_secret="registry-login"),
        replace(SETTINGS, poll=timedelta(seconds=1), image="other"),
    ],
)
def test_a_new_operator_with_other_defaults_starts_no_run(settings: object) -> None:
    assert digest(settings=settings) == digest()


def test_each_verb_is_another_run_of_the_same() -> None:
    """What was only planned was not applied."""
    assert len({digest(verb=verb) for verb in RunVerb}) == len(RunVerb)


# --- what the module takes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2001:DB8::/32", "2001:db8::/32"),
        ("::0/0", "::/0"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("2001:db8:0::/48", "2001:db8::/48"),
    ],
)
def test_a_network_is_written_as_the_module_and_hetzner_write_it(given: str, expected: str) -> None:
    found = tfvars(gen.sovereign(gen.spec(sshAllowedCIDRs=[given])), gen.SETTINGS)
    assert found["ssh_allowed_cidrs"] == [expected]


EGRESS = replace(SETTINGS, egress_cidrs=("198.51.100.7/32", "2001:db8:1::/48"))


@pytest.mark.parametrize("given", [None, ["0.0.0.0/0", "::/0"], ["::0/0", "203.0.113.0/24", "0.0.0.0/0"]])
def test_an_api_that_is_open_to_everybody_is_what_it_always_was(given: list[str] | None) -> None:
    """Clusters from before the field must not be planned anew, whatever networks the operator comes from."""
    sovereign = gen.sovereign(*([spec(apiAllowedCIDRs=given)] if given else []))
    assert "api_allowed_cidrs" not in tfvars(sovereign, EGRESS)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["203.0.113.0/24"], ["203.0.113.0/24", "198.51.100.7/32", "2001:db8:1::/48"]),
        (["0.0.0.0/0"], ["0.0.0.0/0", "198.51.100.7/32", "2001:db8:1::/48"]),
        (["2001:DB8:1::/48", "198.51.100.7/32"], ["2001:db8:1::/48", "198.51.100.7/32"]),
    ],
)
def test_a_narrow_api_lets_the_operator_in(given: list[str], expected: list[str]) -> None:
    assert tfvars(gen.sovereign(spec(apiAllowedCIDRs=given)), EGRESS)["api_allowed_cidrs"] == expected


@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        (" ada@example.com", " ada@example.com"),
        (" Ada <ada@example.com>", ""),
        (" CORP\\ada", ""),
        (" $(id)", ""),
        ("", ""),
    ],
)
def test_a_comment_that_something_could_act_on_stays_behind(comment: str, expected: str) -> None:
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43
    found = tfvars(gen.sovereign(gen.spec(sshPublicKeys=[key + comment])), gen.SETTINGS)
    assert found["ssh_public_keys"] == [key + expected]
