"""What is expected comes from the cluster, never from a constant."""

from __future__ import annotations

from dataclasses import replace

import pytest

from catalyst_operator.core.phase1.expected import Expected, expected
from catalyst_operator.core.phase1.views import KustomizationView
from tests.unit.core.phase1 import kit
from tests.unit.core.phase1.kit import CHAIN, KIT

LARGE = tuple(f"bp-{number:02}" for number in range(38))


@pytest.mark.parametrize("names", [CHAIN, LARGE, CHAIN[:3]], ids=["12", "38", "3"])
def test_the_inventory_is_what_is_expected(names: tuple[str, ...]) -> None:
    """A kit of any size is judged by what it has, whatever the operator thought."""
    found = expected(kit.kustomization(KIT, kit.applied(names)), CHAIN, ())
    assert (found.names, found.known, found.complete) == (names, True, True)


def _infrastructure(*mods: kit.Mod) -> KustomizationView:
    return kit.kustomization("infrastructure", *mods)


def test_a_kustomization_in_the_kit_counts_too() -> None:
    """The infrastructure has HelmReleases of its own."""
    outer = kit.kustomization(KIT, kit.applied(("bp-a",)), kit.inventory(("infrastructure",), "Kustomization"))
    found = expected(outer, (), (), (outer, _infrastructure(kit.applied(("external-dns",)))))
    assert (found.names, found.complete) == (("bp-a", "external-dns"), True)


def test_one_that_follows_the_kit_counts_too() -> None:
    """Whether it is inside the kit or made beside it is a matter of the template."""
    outer = kit.kustomization(KIT, kit.applied(("bp-a",)))
    found = expected(outer, (), (), (_infrastructure(kit.depends_on(KIT), kit.applied(("external-dns",))), outer))
    assert (found.names, found.complete) == (("bp-a", "external-dns"), True)


def test_one_that_has_nothing_to_do_with_the_kit_does_not_count() -> None:
    """People make Kustomizations of their own."""
    outer = kit.kustomization(KIT, kit.applied(("bp-a",)))
    mine = kit.kustomization("mine", kit.applied(("my-app",)))
    found = expected(outer, (), (), (outer, mine))
    assert found == Expected(("bp-a",), known=True, complete=True, kustomizations=(outer.key,))


@pytest.mark.parametrize("others", [(), (_infrastructure(),)], ids=["not there", "not applied"])
def test_a_kustomization_that_did_not_apply_yet_leaves_it_incomplete(others: tuple[KustomizationView, ...]) -> None:
    """It may still add HelmReleases: too early for a verdict that all is there."""
    outer = kit.kustomization(KIT, kit.applied(("bp-a",)), kit.inventory(("infrastructure",), "Kustomization"))
    found = expected(outer, (), (), (outer, *others))
    assert (found.names, found.known, found.complete) == (("bp-a",), True, False)


def test_what_is_still_to_come_counts_from_the_start() -> None:
    """Or progress would go back when it comes; and nothing is said to be missing that only is not there yet."""
    outer = kit.kustomization(KIT, kit.applied(("bp-a",)), kit.inventory(("infrastructure",), "Kustomization"))
    rendered = ("bp-a", "external-dns")
    before = expected(outer, rendered, (), (outer,))
    after = expected(outer, rendered, (), (outer, _infrastructure(kit.applied(("external-dns",)))))
    assert before.names == after.names == rendered
    assert before.notes == after.notes == ()


def test_an_inventory_of_a_first_revision_that_is_not_healthy_yet_is_known_and_incomplete() -> None:
    """With `wait`, Flux writes the inventory first and the applied revision once all is healthy."""
    outer = kit.kustomization(KIT, kit.inventory(("bp-a",)), kit.status(lastAttemptedRevision="main@sha1:1"))
    assert expected(outer, (), ()) == Expected(("bp-a",), known=True, complete=False, kustomizations=(outer.key,))


@pytest.mark.parametrize("outer", [None, kit.kustomization(KIT)], ids=["no Kustomization", "no inventory"])
def test_without_an_inventory_what_was_rendered_is_shown_only(outer: KustomizationView | None) -> None:
    """People want to see what is to come; a verdict needs the cluster's word."""
    assert expected(outer, ("bp-a", "bp-b"), ("bp-b", "bp-c")) == Expected(("bp-a", "bp-b", "bp-c"))


def test_a_selected_component_that_the_kit_lacks_is_expected_and_noted() -> None:
    """The owner asked for it: silence would be a lie."""
    found = expected(kit.kustomization(KIT, kit.applied(("bp-a",))), ("bp-a", "bp-harbor"), ("bp-harbor",))
    assert found.names == ("bp-a", "bp-harbor")
    assert found.notes == ("bp-harbor: asked for in the spec, but the kit that the cluster applied does not have it.",)


def test_what_differs_from_the_rendering_is_noted() -> None:
    """A template that moved on is no error, but somebody will wonder."""
    found = expected(kit.kustomization(KIT, kit.applied(("bp-a", "bp-new"))), ("bp-a", "bp-old"), ())
    assert found.names == ("bp-a", "bp-new")
    assert [note.partition(":")[0] for note in found.notes] == ["bp-old", "bp-new"]


def test_components_of_other_namespaces_count_under_a_name_that_tells_them_apart() -> None:
    """A kit may put a HelmRelease anywhere, and two of one name."""
    outer = kit.kustomization(KIT, kit.applied(("bp-a",)), kit.inventory(("bp-a", "bp-b"), namespace="apps"))
    assert expected(outer, (), ()).names == ("bp-a", "apps/bp-a", "apps/bp-b")


def test_a_kustomization_of_another_namespace_that_the_kit_contains_counts_too() -> None:
    inside = kit.inventory(("tenants",), "Kustomization", namespace="apps")
    outer = kit.kustomization(KIT, kit.applied(("bp-a",)), inside)
    assert expected(outer, (), (), (outer,)).complete is False
    inner = replace(kit.kustomization("tenants", kit.applied(("bp-b",))), namespace="apps")
    namesake = kit.kustomization("tenants", kit.applied(("my-app",)))
    found = expected(outer, (), (), (outer, inner, namesake))
    assert (found.names, found.complete) == (("bp-a", "bp-b"), True)
    assert found.kustomizations == (outer.key, "apps/tenants")
    assert found.has(inner) and found.has(kit.release("bp-b"))
    assert not found.has(kit.release("bp-b", namespace="apps")), "the owner's own"


def test_other_kinds_and_nonsense_in_the_inventory_do_not_count() -> None:
    """Only HelmReleases are components."""
    odd = [
        {"id": "flux-system_bp-x_source.toolkit.fluxcd.io_HelmRepository"},
        {"id": "_system__controller_rbac.authorization.k8s.io_ClusterRole"},
        {"id": "nonsense"},
    ]
    outer = kit.kustomization(KIT, kit.applied(("bp-a",)))
    mixed = kit.kustomization(KIT, kit.applied(()), kit.status(inventory={"entries": odd}), kit.inventory(("bp-a",)))
    assert expected(mixed, (), ()).names == expected(outer, (), ()).names == ("bp-a",)


def test_kustomizations_that_contain_each_other_end() -> None:
    """Somebody will write a cycle."""
    outer = kit.kustomization(KIT, kit.applied(("bp-a",)), kit.inventory(("b",), "Kustomization"))
    inner = kit.kustomization("b", kit.applied(("bp-b",)), kit.inventory((KIT,), "Kustomization"))
    assert expected(outer, (), (), (outer, inner)).names == ("bp-a", "bp-b")


def test_many_names_are_counted() -> None:
    """A message has 2 KiB."""
    (note,) = expected(kit.kustomization(KIT, kit.applied(LARGE)), LARGE, tuple(f"x-{n}" for n in range(9))).notes
    assert note.startswith("x-0, x-1, x-2, x-3, x-4 and 4 more:")
