"""The table of mirrors: what goes elsewhere, what does not, and a row that says nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from catalyst_operator.core.air_gap import mirrors
from catalyst_operator.core.air_gap.mirrors import ADOPTION_PROVIDER, CHARTS, MirrorError
from catalyst_operator.core.kit import releases
from catalyst_operator.core.runs.tfvars import tfvars
from tests.support import gen
from tests.support.gen import SETTINGS
from tests.support.postbuild import objects, substituted

TABLE = mirrors.parse(
    "https://github.com/=https://mirror.example/github/\n"
    "https://github.com/k3s-io/=https://mirror.example/k3s/,\n"
    "oci://ghcr.io/=oci://mirror.example:5000/ghcr/, oci://docker.io/=oci://hub.example/\n"
    "oci://xpkg.upbound.io/=oci://mirror.example:5000/xpkg/"
)
CROSSPLANE = gen.spec(crossplane={"credentialsSecretRef": {"name": "own"}})


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://github.com/openova-io/openova", "https://mirror.example/github/openova-io/openova"),
        ("https://GitHub.com/Openova-io/openova", "https://mirror.example/github/Openova-io/openova"),
        ("https://github.com/k3s-io/k3s", "https://mirror.example/k3s/k3s"),
        ("https://github.com.evil.example/k3s", "https://github.com.evil.example/k3s"),
        ("https://github.com", "https://github.com"),
        ("https://get.helm.sh/helm.tar.gz", "https://get.helm.sh/helm.tar.gz"),
        ("oci://ghcr.io/openova-io", "oci://mirror.example:5000/ghcr/openova-io"),
        ("ssh://github.com/openova-io", "ssh://github.com/openova-io"),
        ("", ""),
    ],
)
def test_the_longest_beginning_that_fits_is_replaced(url: str, place: str) -> None:
    assert TABLE.of(url) == place
    assert TABLE.covers(url) is (url != place)


@given(st.text())
def test_without_rows_nothing_goes_elsewhere(url: str) -> None:
    assert mirrors.NO_MIRRORS.of(url) == url


@given(st.text())
def test_whatever_is_written_is_a_table_or_refused_with_a_reason(text: str) -> None:
    try:
        table = mirrors.parse(text)
    except MirrorError as error:
        assert str(error)
        return
    for place in (*table.prefixes, *table.prefixes.values()):
        assert place.endswith("/") and place.isascii()


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("https://github.com/", "no '='"),
        ("https://github.com=https://mirror.example/", "ends with '/'"),
        ("https://github.com/=https://mirror.example", "ends with '/'"),
        ("https://github.com/=http://mirror.example/", "does not begin with https:// or oci://"),
        ("github.com/=mirror.example/", "does not begin with https:// or oci://"),
        ("https://me:secret@github.com/=https://mirror.example/", "a host in small letters"),
        ("https://GitHub.com/=https://mirror.example/", "a host in small letters"),
        ("https://github.com/?a=https://mirror.example/", "a host in small letters"),
        ("https:///=https://mirror.example/", "a host in small letters"),
        ("https://github.com/=https://mirror.example/'$(id)/", "a host in small letters"),
        ("https://ghcr.io/=oci://mirror.example/", "mixes https:// and oci://"),
        ("oci://ghcr.io/openova-io/=oci://mirror.example/", "a part of a registry"),
    ],
)
def test_a_row_that_says_nothing_is_refused(row: str, why: str) -> None:
    with pytest.raises(MirrorError, match="expected") as refused:
        mirrors.parse(f"https://get.helm.sh/=https://mirror.example/helm/,{row}")
    assert why in str(refused.value)


def test_a_beginning_that_is_there_twice_is_refused() -> None:
    with pytest.raises(MirrorError, match=r"https://github\.com/ is there twice"):
        mirrors.parse("https://github.com/=https://a.example/,https://github.com/=https://b.example/")


def test_registries_become_k3s_own_file() -> None:
    """docker.io is where k3s has its own images from, too."""
    assert yaml.safe_load(TABLE.registries_yaml) == {
        "mirrors": {
            "docker.io": {"endpoint": ["https://hub.example"]},
            "ghcr.io": {"endpoint": ["https://mirror.example:5000"], "rewrite": {"^(.*)$": "ghcr/$1"}},
            "xpkg.upbound.io": {"endpoint": ["https://mirror.example:5000"], "rewrite": {"^(.*)$": "xpkg/$1"}},
        }
    }
    assert mirrors.parse("https://github.com/=https://mirror.example/").registries_yaml == ""


def test_the_template_says_itself_what_is_mirrored_of_it() -> None:
    """What the template has as its own places stands in the code a second time, to be looked up in the table."""
    [charts] = [obj for _, obj in objects("bootstrap-kit") if obj["kind"] == "HelmRepository"]
    assert substituted(charts, {})["spec"]["url"] == CHARTS
    step = next(obj for _, obj in objects("components/adoption") if obj["metadata"].get("name") == "adoption-provider")
    own = {"ADOPTION_MODULE": "x"}
    assert substituted(step, own)["spec"]["postBuild"]["substitute"]["ADOPTION_PROVIDER"] == ADOPTION_PROVIDER


def test_a_new_cluster_is_told_the_mirrors_of_all_that_it_fetches() -> None:
    settings = replace(SETTINGS, mirrors=TABLE)
    told = tfvars(gen.sovereign(CROSSPLANE), settings)
    assert told["release"]["downloads"]["k3s"]["url"].startswith("https://mirror.example/k3s/")
    assert told["git"]["url"] == "https://mirror.example/github/openova-io/openova"
    assert told["registries_yaml"] == TABLE.registries_yaml
    values = told["kit_values"]
    assert values["CHART_REGISTRY"] == "oci://mirror.example:5000/ghcr/openova-io"
    assert values["ADOPTION_PROVIDER"] == "mirror.example:5000/xpkg/upbound/provider-opentofu:v1.1.5"
    assert values["ADOPTION_MODULE"].startswith("git::https://mirror.example/github/openova-io/openova//")


def test_a_place_of_the_settings_is_looked_up_as_well() -> None:
    settings = replace(SETTINGS, mirrors=TABLE, chart_registry="oci://ghcr.io/mine", adoption_provider="ghcr.io/p:v1")
    assert (settings.charts, settings.adoption_package) == (
        "oci://mirror.example:5000/ghcr/mine",
        "mirror.example:5000/ghcr/p:v1",
    )


def test_without_a_table_a_new_cluster_is_told_what_it_was_told_before() -> None:
    told = tfvars(gen.sovereign(CROSSPLANE), SETTINGS)
    assert not {"CHART_REGISTRY", "ADOPTION_PROVIDER"} & told["kit_values"].keys()
    assert told["release"] == releases.load().get().module_value()
    assert "registries_yaml" not in told
