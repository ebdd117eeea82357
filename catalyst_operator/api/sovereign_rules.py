"""Rules of a `Sovereign` that look at more than one part of it, or at its status: what may change, and until when.

A field never takes an edit that silently does nothing. What only the first boot could carry is frozen as soon as
`status.outputs` exists, and what Crossplane has taken over is frozen at hand-off.
"""

from catalyst_operator.api.scalars import SOVEREIGN_NAME_MAX
from catalyst_operator.api.schema import Rule, RuleReason, cel_string
from catalyst_operator.api.sizes import SizeCatalogue, catalogue

_OUTPUTS_EXIST = "oldSelf.?status.outputs.hasValue()"
_HANDED_OFF = "oldSelf.?status.conditions.orValue([]).exists(c, c.type == 'HandedOff' && c.status == 'True')"

# Carried by cloud-init or by the kit's first rendering; in mode Commit a change is pushed to Git instead.
_KIT_FIELDS = (
    "organization",
    "adminEmail",
    "keycloakTopology",
    "federation",
    "tls",
    "objectStorage",
    "components",
)
# What the cluster's own Kustomization points at was set at its first boot, whatever the mode.
_GITOPS_FIELDS = ("mode", "url", "branch", "path")
_INFRASTRUCTURE_FIELDS = ("controlPlane", "workers", "sshAllowedCIDRs")


def naming_rules() -> tuple[Rule, ...]:
    """The name ends up in namespaces, labels and the names of cloud objects."""
    return (
        Rule(
            f"size(self.metadata.name) <= {SOVEREIGN_NAME_MAX} && !self.metadata.name.contains('.')",
            f"must have at most {SOVEREIGN_NAME_MAX} characters and no '.': it becomes part of the names of its run "
            "namespace and of every cloud object",
            field_path=".metadata.name",
        ),
    )


def immutability_rules() -> tuple[Rule, ...]:
    """What is frozen once the infrastructure exists, and what once the Sovereign is handed over."""
    first_boot = "is immutable once the infrastructure exists: "
    return (
        _frozen(
            "regions[0].location",
            _OUTPUTS_EXIST,
            first_boot + "servers cannot move; create another Sovereign in the other location",
            field_path=".spec.regions",
        ),
        _frozen(
            "regions[0].buildingBlocks",
            f"{_OUTPUTS_EXIST} && self.spec.gitops.mode == 'Template'",
            first_boot + "it was set at the first boot",
            field_path=".spec.regions",
        ),
        _frozen("?sshPublicKeys", _OUTPUTS_EXIST, first_boot + "servers take keys only when they are created"),
        _frozen("?release", _OUTPUTS_EXIST, first_boot + "the versions were pinned then; status.release names them"),
        *(
            _frozen(
                f"?{field}",
                f"{_OUTPUTS_EXIST} && self.spec.gitops.mode == 'Template'",
                first_boot + "in gitops.mode Template only the first boot could carry it",
            )
            for field in _KIT_FIELDS
        ),
        *(
            _frozen(
                f"gitops.?{field}",
                _OUTPUTS_EXIST,
                first_boot + "the new cluster follows what it was given at its first boot",
            )
            for field in _GITOPS_FIELDS
        ),
        *(
            _frozen(
                f"?{field}",
                _HANDED_OFF,
                "cannot be changed after hand-off: the infrastructure is managed by the Sovereign's own Crossplane",
            )
            for field in _INFRASTRUCTURE_FIELDS
        ),
    )


def size_rules(table: SizeCatalogue | None = None) -> tuple[Rule, ...]:
    """Refuse sizes that are no longer sold in the chosen location, and name what to use instead.

    Unknown sizes pass: the cloud may have new ones, and preflight asks it. An object that already has a retired size
    keeps it, since its servers go on running.
    """
    sizes = (table or catalogue()).sizes.values()
    retired = {size.name: size.retired for size in sizes if size.retired}
    successors = {size.name: size.successor or "a newer type" for size in sizes if size.retired}
    places = _cel_map({name: _cel_list(where) for name, where in retired.items()})
    instead = _cel_map({name: cel_string(to) for name, to in successors.items()})
    return tuple(
        _retired(current, old, path, places, instead)
        for current, old, path in (
            ("[self.controlPlane.size]", "[oldSelf.value().controlPlane.size]", ".controlPlane.size"),
            (
                "self.controlPlane.?sizeFallbacks.orValue([])",
                "oldSelf.value().controlPlane.?sizeFallbacks.orValue([])",
                ".controlPlane.sizeFallbacks",
            ),
            (
                "[self.workers.?size.orValue('')]",
                "[oldSelf.value().workers.?size.orValue('')]",
                ".workers.size",
            ),
            (
                "self.workers.?sizeFallbacks.orValue([])",
                "oldSelf.value().workers.?sizeFallbacks.orValue([])",
                ".workers.sizeFallbacks",
            ),
        )
    )


def _frozen(field: str, when: str, message: str, field_path: str | None = None) -> Rule:
    path = field_path or ".spec." + field.replace("?", "")
    return Rule(
        f"!({when}) || self.spec.{field} == oldSelf.spec.{field}",
        message,
        field_path=path,
        reason=RuleReason.FORBIDDEN,
    )


def _retired(current: str, old: str, path: str, places: str, instead: str) -> Rule:
    gone = f"s in {places} && self.regions.exists(r, r.location in {places}[s])"
    unchanged = f"oldSelf.hasValue() && oldSelf.value().regions == self.regions && {old} == {current}"
    return Rule(
        f"({unchanged}) || !{current}.exists(s, {gone})",
        "names a server type that is no longer sold in this location",
        message_expression=(
            f"{current}.filter(s, s in {instead}).map(s, s + ' is no longer sold in this location: use ' "
            f"+ {instead}[s] + ' instead').join('; ')"
        ),
        field_path=path,
        optional_old_self=True,
    )


def _cel_list(items: tuple[str, ...]) -> str:
    return "[" + ", ".join(cel_string(item) for item in items) + "]"


def _cel_map(items: dict[str, str]) -> str:
    return "{" + ", ".join(f"{cel_string(key)}: {value}" for key, value in items.items()) + "}"
