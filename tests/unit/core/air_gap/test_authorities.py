"""A company's own authorities: which files are taken, and where what is in them goes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from catalyst_operator.adapters.new_cluster import authorities as made
from catalyst_operator.core import kit
from catalyst_operator.core.access import seeds, source
from catalyst_operator.core.air_gap import authorities, mirrors
from catalyst_operator.core.air_gap.authorities import AuthorityError
from catalyst_operator.core.kit import releases
from catalyst_operator.core.runs.job import authorities_file
from catalyst_operator.core.runs.tfvars import tfvars
from tests.support import gen
from tests.support.gen import SETTINGS
from tests.support.postbuild import objects, substituted

TRUST = made.make(datetime(2026, 11, 30, tzinfo=UTC)).files
ONE, OTHER, KEY = TRUST["server-ca.crt"], TRUST["client-ca.crt"], TRUST["server-ca.key"]
TRUSTING = replace(SETTINGS, authorities=(ONE, OTHER))
MIRRORED = replace(TRUSTING, mirrors=mirrors.parse("oci://ghcr.io/=oci://mirror.example/"))
SECRET = gen.spec(gitops={"credentialsSecretRef": {"name": "git"}})


def test_certificates_are_taken_one_by_one_each_once() -> None:
    text = f"# Ours\n{ONE}\n\n{OTHER.replace(chr(10), chr(13) + chr(10))}{ONE}"
    assert authorities.parse(text) == (ONE, OTHER)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "expected certificates in PEM"),
        ("no certificate", "expected certificates in PEM"),
        (ONE + KEY, "holds a private key"),
        (ONE.replace("A", "B"), "expected certificates in PEM"),
        ("".join(pem for name, pem in TRUST.items() if name.endswith(".crt")), "expected at most 4"),
    ],
)
def test_what_servers_cannot_be_told_is_refused(text: str, why: str) -> None:
    with pytest.raises(AuthorityError, match=why):
        authorities.parse(text)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with pytest.raises(AuthorityError):
        authorities.parse(text)


def test_servers_and_runs_are_told_them() -> None:
    told = tfvars(gen.sovereign(), TRUSTING)
    assert told["trusted_authorities"] == [ONE, OTHER]
    assert authorities_file(told) == {"authorities.crt": ONE + OTHER}


def test_flux_trusts_the_repository_by_a_secret_of_first_boot() -> None:
    told = tfvars(gen.sovereign(), TRUSTING)
    assert told["git"]["secret_name"] == seeds.AUTHORITIES
    [secret] = yaml.safe_load_all(told["boot_manifests"]["50-authorities.yaml"])
    assert (secret["metadata"]["name"], secret["metadata"]["namespace"]) == (seeds.AUTHORITIES, "flux-system")
    assert secret["stringData"] == {"ca.crt": ONE + OTHER}


def test_credentials_bring_their_own_authority() -> None:
    """A GitRepository names one Secret, and that of the owner has a place for it."""
    assert source.wanted(gen.sovereign(SECRET).spec, TRUSTING).secret == seeds.GIT


def test_the_mirror_of_charts_is_trusted_by_the_same() -> None:
    [charts] = [obj for _, obj in objects("bootstrap-kit") if obj["kind"] == "HelmRepository"]
    spec = substituted(charts, tfvars(gen.sovereign(), MIRRORED)["kit_values"])["spec"]
    assert spec["certSecretRef"] == {"name": seeds.AUTHORITIES}
    assert "insecure" not in spec
    overlay = kit.overlay(
        gen.sovereign(), releases.load().get(), pull_secret=seeds.PULL, chart_authorities=MIRRORED.chart_authorities
    )
    assert 'CHARTS_TRUST_FIELD: "certSecretRef"' in "".join(overlay.values())


@pytest.mark.parametrize("settings", [SETTINGS, TRUSTING])
def test_the_vendors_registry_is_not_trusted_by_them(settings: object) -> None:
    """Flux would trust nobody else there."""
    [charts] = [obj for _, obj in objects("bootstrap-kit") if obj["kind"] == "HelmRepository"]
    spec = substituted(charts, tfvars(gen.sovereign(), settings)["kit_values"])["spec"]  # type: ignore[arg-type]
    assert spec["insecure"] is False
    assert "certSecretRef" not in spec


def test_without_any_nothing_is_told() -> None:
    told = tfvars(gen.sovereign(), SETTINGS)
    assert not {"trusted_authorities", "proxy"} & told.keys()
    assert "50-authorities.yaml" not in told["boot_manifests"]
    assert told["git"]["secret_name"] == ""
    assert authorities_file(told) == {}
