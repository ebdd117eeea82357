"""Which blueprints a Sovereign gets, and what is said of those it did not ask for."""

from __future__ import annotations

import pytest

from catalyst_operator.api.sovereign import SovereignSpec
from catalyst_operator.core import kit
from catalyst_operator.core.kit import releases
from catalyst_operator.core.kit.releases import Release
from tests.support import gen
from tests.support.postbuild import everything

RELEASE = releases.load().get()


def spec(*components: str, **changes: object) -> SovereignSpec:
    return gen.sovereign(gen.spec(components=list(components), **changes)).spec


def with_flux(version: str) -> Release:
    downloads = RELEASE.downloads
    flux = downloads.flux.model_copy(update={"version": version})
    return RELEASE.model_copy(update={"downloads": downloads.model_copy(update={"flux": flux})})


def paths(*names: str) -> tuple[str, ...]:
    return tuple(f"../components/{name}" for name in names)


@pytest.mark.parametrize(
    ("asked", "added"),
    [
        ((), ()),
        (("harbor",), ("valkey", "seaweedfs", "harbor")),
        (("librechat",), ("ferretdb", "librechat")),
        (("langfuse", "cnpg"), ("langfuse",)),
        (("no-such", "umami"), ("umami",)),
        (("cilium", "external-dns"), ()),
    ],
)
def test_what_is_asked_for_comes_with_what_it_needs(asked: tuple[str, ...], added: tuple[str, ...]) -> None:
    """As folders for the Kustomization, and as HelmReleases to be waited for: the same ones."""
    assert kit.components(spec(*asked), RELEASE) == paths(*added)
    assert kit.selected(spec(*asked)) == tuple(f"bp-{name}" for name in added)


def test_expected_is_all_that_is_rendered() -> None:
    """Never a constant: the template and the catalogue say it."""
    plain = kit.expected(spec())
    assert set(plain) == {*everything("bootstrap-kit"), *everything("infrastructure")}
    assert plain[:3] == ("bp-cilium", "bp-cert-manager", "bp-flux")
    assert plain[11] == "bp-catalyst-platform"
    assert kit.expected(spec("umami")) == (*plain, "bp-umami")


@pytest.mark.parametrize(
    ("asked", "pulled"),
    [
        ((), {}),
        (("harbor",), {"bp-valkey": ("harbor",), "bp-seaweedfs": ("harbor",)}),
        (("harbor", "valkey", "axon"), {"bp-seaweedfs": ("harbor",)}),
        (
            ("axon", "librechat", "harbor", "seaweedfs"),
            {"bp-valkey": ("harbor", "axon"), "bp-ferretdb": ("librechat",)},
        ),
        (("loki",), {"bp-seaweedfs": ("loki",)}),
        (("cnpg",), {}),
    ],
)
def test_what_is_pulled_in_says_by_whom(asked: tuple[str, ...], pulled: dict[str, tuple[str, ...]]) -> None:
    """People see what they did not ask for, and want to know why it is there."""
    assert kit.pulled_in(spec(*asked)) == pulled


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (("harbor", "external-dns"), ""),
        (
            ("harbour",),
            "spec.components names 'harbour' (did you mean harbor?), which is no blueprint of this version of the "
            "operator: correct it or take it out.",
        ),
        (
            ("bp-loki", "umami", "qqqqqqq"),
            "spec.components names 'bp-loki' (did you mean loki?), 'qqqqqqq', which are no blueprints of this version "
            "of the operator: correct it or take it out.",
        ),
    ],
)
def test_unknown_names_are_refused_with_what_was_meant(asked: tuple[str, ...], told: str) -> None:
    """A name that is ignored would never be installed, and nobody would know why."""
    assert kit.refusal(spec(*asked)) == told


@pytest.mark.parametrize(
    ("flux", "added"),
    [("v2.4.0", False), ("v2.5.0", True), ("v2.5.1", True), ("v2.10.0", True), ("v2.3.0", False), ("v3.0.0", True)],
)
def test_the_field_that_flux_2_4_does_not_know_is_left_out_for_it(flux: str, added: bool) -> None:
    """Server-side apply of an undeclared field fails the whole Kustomization."""
    assert ("../components/flux-take-ownership" in kit.components(spec(), with_flux(flux))) is added


def test_the_default_release_does_not_have_that_field() -> None:
    """The rule above, for what every cluster gets today."""
    assert kit.components(spec(), RELEASE) == ()


def test_credentials_for_charts_need_no_folder_of_the_tree() -> None:
    """A published tree has none for them, and names the Secret itself."""
    named = spec("umami", imagePullSecretRef={"name": "registry"})
    assert kit.components(named, RELEASE) == paths("umami")


def test_servers_are_taken_over_only_by_a_crossplane_with_a_token() -> None:
    """Without one its provider would do nothing but fail."""
    named = spec(crossplane={"credentialsSecretRef": {"name": "own"}})
    assert kit.components(named, RELEASE) == paths("adoption")
    assert kit.expected(named) == kit.expected(spec())


@pytest.mark.parametrize(
    ("path", "added"),
    [
        ("clusters/_template/bootstrap-kit", True),
        ("./forked/clusters/_template/bootstrap-kit", True),
        ("clusters/omantel.omani.works", False),
        ("platform", False),
    ],
)
def test_a_folder_of_ones_own_names_its_components_itself(path: str, added: bool) -> None:
    """The paths are relative to the kit's folder, and lead nowhere from another one."""
    assert bool(kit.components(spec("umami", gitops={"path": path}), RELEASE)) is added
