"""Releases are data that a cluster's life depends on: whole as shipped, and not weakened by overrides."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from catalyst_operator.core.air_gap import mirrors
from catalyst_operator.core.kit import releases
from catalyst_operator.core.kit.releases import OverrideError, ReleaseCatalogue, UnknownReleaseError

DIGEST = "0123456789abcdef" * 4


def shipped() -> ReleaseCatalogue:
    return releases.load()


def changed(path: tuple[str, ...], value: object) -> str:
    """releases.yaml's text with one value of the default release replaced."""
    data = {
        "default": "r",
        "releases": {"r": {"downloads": _downloads(), "kit": {"bp-flux": "1.1.2"}}},
        "charts": {"bp-flux": {"1.1.2": {"wraps": "flux2", "version": "2.14.1", "app_version": "2.4.0"}}},
        "upstream": {"flux2": {"2.14.1": "2.4.0"}},
    }
    target: Any = data
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    return yaml.safe_dump(data)


def _downloads() -> dict[str, dict[str, str | None]]:
    one = {"version": "1", "url": "https://vendor.example/a/file", "sha256": DIGEST, "checksums_url": None}
    return {name: copy.copy(one) for name in ("k3s", "gateway_api", "helm", "cilium", "flux")}


def test_the_default_is_the_row_of_the_runbook() -> None:
    release = shipped().get()
    assert release.downloads.k3s.version == "v1.31.4+k3s1"
    assert release.downloads.flux.version == "v2.4.0"
    assert release.kit["bp-flux"] == "1.1.2"
    assert shipped().charts["bp-flux"]["1.1.2"].version == "2.14.1"


@pytest.mark.parametrize("name", sorted(shipped().releases))
def test_every_url_carries_its_version(name: str) -> None:
    """A version bumped without its URL would install the old one under the new name."""
    for download, pins in shipped().get(name).downloads:
        written = pins.version.replace("+", "%2B")
        assert written in pins.url, f"{download} of {name}: {pins.url} is not of version {pins.version}"


@pytest.mark.parametrize("name", sorted(shipped().releases))
def test_every_release_is_what_the_module_takes(name: str) -> None:
    value: Any = shipped().get(name).module_value()
    assert value["name"] == name
    assert set(value["downloads"]) == {"k3s", "gateway_api", "helm", "cilium", "flux"}


def test_an_unknown_release_is_refused_with_those_that_exist() -> None:
    with pytest.raises(UnknownReleaseError, match=r"no release '2001-01'; known: 2026-04"):
        shipped().get("2001-01")


def test_the_longest_mirror_that_fits_replaces_the_beginning_of_a_url() -> None:
    table = mirrors.parse(
        "https://github.com/=https://mirror.lan/github/, https://github.com/k3s-io/=https://mirror.lan/k3s/"
    )
    value: Any = shipped().get().module_value(mirrors=table)
    assert value["downloads"]["k3s"]["url"] == "https://mirror.lan/k3s/k3s/releases/download/v1.31.4%2Bk3s1/k3s"
    assert (
        value["downloads"]["flux"]["url"]
        == "https://mirror.lan/github/fluxcd/flux2/releases/download/v2.4.0/install.yaml"
    )
    assert value["downloads"]["helm"]["url"] == shipped().get().downloads.helm.url


def test_a_mirror_never_vouches_for_its_own_files() -> None:
    value: Any = shipped().get().module_value(mirrors=mirrors.parse("https://github.com/=https://mirror.lan/"))
    assert value["downloads"]["k3s"]["checksums_url"] == shipped().get().downloads.k3s.checksums_url


def test_what_a_mirror_serves_needs_a_checksum_of_ours() -> None:
    """A server cannot ask the vendor there; of what comes from the vendor itself, the vendor may also vouch."""
    release, table = shipped().get(), mirrors.parse("https://github.com/=https://mirror.lan/")
    assert release.unvouched(mirrors.NO_MIRRORS) == ()
    assert release.unvouched(table) == ("k3s", "flux"), "Gateway API has one; Helm and Cilium come from elsewhere"
    assert release.unvouched(table, {"k3s": DIGEST}) == ("flux",)
    assert release.unvouched(table, {"k3s": DIGEST, "flux": DIGEST}) == ()


def test_digests_are_said_for_one_release() -> None:
    name = shipped().default
    found = releases.parse_digests([f"{name}/k3s={DIGEST}", f"{name}/helm={DIGEST}"], shipped())
    assert found == {name: {"k3s": DIGEST, "helm": DIGEST}}


@pytest.mark.parametrize(
    ("item", "why"),
    [
        (f"2026-04/k8s={DIGEST}", "names no download of a release"),
        (f"2001-01/k3s={DIGEST}", "names no download of a release"),
        (f"k3s={DIGEST}", "expected RELEASE/DOWNLOAD=SHA256"),
        ("2026-04/k3s", "expected a sha256"),
        ("2026-04/k3s=ABC", "expected a sha256"),
        (f"2026-04/gateway_api={DIGEST}", "expected 10f322744a005d4e73e2b067e95fecd4cfec619dc7564930b488c296bfa3bec1"),
    ],
)
def test_a_digest_that_fits_nothing_is_refused(item: str, why: str) -> None:
    with pytest.raises(OverrideError, match="expected") as refused:
        releases.parse_digests([item], shipped())
    assert why in str(refused.value) and item in str(refused.value)


def test_a_digest_can_be_pinned_by_the_operator() -> None:
    value: Any = shipped().get().module_value(digests={"k3s": DIGEST})
    assert value["downloads"]["k3s"]["sha256"] == DIGEST
    assert value["downloads"]["helm"]["sha256"] == shipped().get().downloads.helm.sha256


def test_what_has_no_checksum_of_ours_is_unverified() -> None:
    """A node then believes what the vendor publishes on the day of its first boot."""
    text = changed(
        ("releases", "r", "downloads", "helm"),
        {**_downloads()["helm"], "sha256": None, "checksums_url": "https://v.example/sums"},
    )
    assert releases.parse(text).get().unverified == ("helm",)
    assert releases.parse(changed(("default",), "r")).get().unverified == ()


def test_a_digest_for_something_unknown_is_refused() -> None:
    with pytest.raises(OverrideError, match="k8s, which no release downloads; known: k3s, gateway_api"):
        shipped().get().module_value(digests={"k8s": DIGEST})


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        (("default",), "other", "the default release 'other' is not among the releases"),
        (("releases", "r", "downloads", "k3s", "sha256"), None, "it would be used unchecked"),
        (("releases", "r", "downloads", "k3s", "sha256"), "abc", "should match pattern"),
        (("releases", "r", "downloads", "k3s", "checksums_url"), "http://a/b", "should match pattern"),
        (("releases", "r", "downloads", "k3s", "url"), "file:///k3s", "should match pattern"),
        (("releases", "r", "downloads", "k3s", "sha"), DIGEST, "Extra inputs are not permitted"),
        (("releases", "r", "downloads", "rke2"), {}, "Extra inputs are not permitted"),
        (("charts", "bp-flux", "1.1.2"), {"wraps": "flux2", "version": "2.14.1"}, "app_version\n  Field required"),
        (("upstream", "flux2", "2.14.1"), 2.4, "should be a valid string"),
    ],
)
def test_bad_data_is_refused(path: tuple[str, ...], value: object, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        releases.parse(changed(path, value))


@pytest.mark.parametrize(
    ("flux", "known"),
    [("v2.3.0", False), ("v2.4.0", False), ("v2.5.0", True), ("v2.5.1", True), ("v2.10.0", True), ("v3.0.0", True)],
)
def test_a_field_of_newer_crds_is_only_for_releases_that_have_it(flux: str, known: bool) -> None:
    """Server-side apply of a field that the CRD does not declare fails the whole Kustomization."""
    release = shipped().get()
    flux_pin = release.downloads.flux.model_copy(update={"version": flux})
    downloads = release.downloads.model_copy(update={"flux": flux_pin})
    assert release.model_copy(update={"downloads": downloads}).takes_ownership is known


@pytest.mark.parametrize(
    ("flux2", "flux"),
    [("2.13.0", "2.3.0"), ("2.14.1", "2.4.0"), ("2.15.0", "2.5.1"), ("2.16.4", "2.6.4"), ("2.18.3", "2.8.5")],
)
def test_the_vendors_pairs_are_those_of_the_runbook(flux2: str, flux: str) -> None:
    """The gate believes this table; it has to be what the vendor's index says."""
    assert shipped().upstream["flux2"][flux2] == flux


def test_a_release_cannot_be_changed_by_its_users() -> None:
    kit: Any = shipped().get().kit
    with pytest.raises(TypeError):
        kit["bp-flux"] = "1.1.1"
