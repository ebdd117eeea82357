"""Which HelmReleases a new cluster has to have: never a constant.

What the kit's Kustomization says that it has applied wins over what the operator rendered, since only the former is
what the cluster was really told: its repository may be newer, older, or somebody else's.

Why: docs/explanation.md#phase-1
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from catalyst_operator.core.phase1.views import FLUX_NAMESPACE, FluxObject, KustomizationView, known_as

MAX_NAMED_OBJECTS = 5
MAX_NAME = 253
"""Characters of a name in Kubernetes, and in status; what says to have a longer one is no object of anybody's kit."""
_HELM_RELEASE = ("helm.toolkit.fluxcd.io", "HelmRelease")
_KUSTOMIZATION = ("kustomize.toolkit.fluxcd.io", "Kustomization")


@dataclass(frozen=True)
class Expected:
    """The HelmReleases that have to be there, by what people call them, in a stable order."""

    names: tuple[str, ...]
    """Of those in flux-system the name alone, of others `namespace/name`."""
    known: bool = False
    """Whether the cluster itself told them; if not, they are what was rendered, and only good for display."""
    complete: bool = False
    """Whether the cluster has applied all that it was told: no Kustomization of the kit is still to add any."""
    notes: tuple[str, ...] = ()
    """Where cluster and rendering differ, each a sentence."""
    kustomizations: tuple[str, ...] = ()
    """`namespace/name` of the kit's Kustomization and of those that belong to it."""

    def has(self, found: FluxObject) -> bool:
        """Whether it is the kit's or lies beside it. The owner may have HelmReleases and Kustomizations elsewhere."""
        kit = found.known_as in self.names or found.key in self.kustomizations
        return kit or found.namespace == FLUX_NAMESPACE


def expected(
    kit: KustomizationView | None,
    rendered: tuple[str, ...],
    selected: tuple[str, ...],
    others: tuple[KustomizationView, ...] = (),
) -> Expected:
    """The HelmReleases of the kit, of the Kustomizations it contains, and of those that follow it.

    `rendered` and `selected` are names of HelmReleases: all that the operator rendered, and those of the components
    that the spec asks for, with what they pull in. `others` are the cluster's Kustomizations; the kit may be among
    them.
    """
    if kit is None or not kit.inventory:
        return Expected(_merged(rendered, selected))
    family = _family(kit, others)
    told = tuple(name for k in family for name in _names(k, _HELM_RELEASE))
    contained = {name for k in family for name in _names(k, _KUSTOMIZATION)}
    complete = all(k.applied_revision for k in family) and contained <= {k.known_as for k in family}
    # What a Kustomization is still to add counts from the start: progress must not go back when it comes.
    to_come = () if complete else rendered
    return Expected(
        names=_merged(told, selected, to_come),
        known=True,
        complete=complete,
        notes=_notes(_merged(told, to_come), _merged(rendered), _merged(selected)),
        kustomizations=tuple(k.key for k in family),
    )


def _family(kit: KustomizationView, others: Iterable[KustomizationView]) -> tuple[KustomizationView, ...]:
    """The kit first, then what it contains, what that contains, and what is to follow one of these."""
    found, rest = [kit], {k.key: k for k in others if k.key != kit.key}
    for member in found:  # grows while it is walked
        inside = set(_names(member, _KUSTOMIZATION))
        more = [k for _, k in sorted(rest.items()) if k.known_as in inside or member.key in k.depends_on]
        found.extend(more)
        for k in more:
            del rest[k.key]
    return tuple(found)


def _names(kustomization: KustomizationView, kind: tuple[str, str]) -> tuple[str, ...]:
    """What it applied of this kind, in whichever namespace, by what people call it."""
    parsed = (_parse(entry) for entry in kustomization.inventory)
    found = (known_as(f"{namespace}/{name}") for namespace, name, *which in parsed if name and tuple(which) == kind)
    return tuple(name for name in found if len(name) <= MAX_NAME)


def _parse(entry: str) -> tuple[str, str, str, str]:
    """Namespace, name, group and kind. No name of an object that matters here has an underscore."""
    parts = entry.split("_")
    return (parts[0], "_".join(parts[1:-2]), parts[-2], parts[-1]) if len(parts) > 3 else ("", "", "", "")


def _merged(*groups: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for group in groups for name in group))


# --- where the two differ ---------------------------------------------------------------------------------------------


def _notes(told: tuple[str, ...], rendered: tuple[str, ...], selected: tuple[str, ...]) -> tuple[str, ...]:
    lacking = tuple(name for name in selected if name not in told)
    dropped = tuple(name for name in rendered if name not in told and name not in selected)
    added = tuple(name for name in told if name not in rendered and name not in selected) if rendered else ()
    notes = (
        (lacking, "asked for in the spec, but the kit that the cluster applied does not have it"),
        (dropped, "rendered by the operator, but the kit that the cluster applied does not have it"),
        (added, "in the kit that the cluster applied, but not rendered by the operator"),
    )
    return tuple(f"{listed(names)}: {why}." for names, why in notes if names)


def listed(names: tuple[str, ...]) -> str:
    """The first few names, and how many more."""
    more = f" and {len(names) - MAX_NAMED_OBJECTS} more" if len(names) > MAX_NAMED_OBJECTS else ""
    return ", ".join(names[:MAX_NAMED_OBJECTS]) + more
