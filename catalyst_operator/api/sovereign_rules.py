"""Rules of a `Sovereign` that look at more than one part of it, or at its status: what may change, and until when.

A field never takes an edit that silently does nothing. What only the first boot could carry is frozen as soon as
`status.outputs` exists, and what Crossplane has taken over is frozen at hand-off.
"""

from catalyst_operator.api.scalars import SOVEREIGN_NAME_MAX
from catalyst_operator.api.schema import Rule, cel_string
from catalyst_operator.api.sizes import RETIRED, SizeCatalogue, catalogue

_OUTPUTS_EXIST = "has(oldSelf.status) && has(oldSelf.status.outputs)"
_CONDITIONS = "has(oldSelf.status) && has(oldSelf.status.conditions) && oldSelf.status.conditions"
_NAMED = (
    f"({_CONDITIONS}.exists(c, c.type == 'DomainReserved' && c.status == 'True')) "
    "|| (has(oldSelf.status) && has(oldSelf.status.servers) && oldSelf.status.servers.size() > 0)"
)
_HANDED_OFF = f"{_CONDITIONS}.exists(c, c.type == 'HandedOff' && c.status == 'True')"
# From its first step on: what is edited while it is under way would silently do nothing.
_HAND_OFF_BEGAN = f"{_CONDITIONS}.exists(c, c.type == 'HandedOff' && c.status != 'False')"

# Carried by cloud-init or by the kit's first rendering; in mode Commit a change is pushed to Git instead.
_KIT_FIELDS = (
    "organization",
    "adminEmail",
    "tls",
    "objectStorage",
    "components",
)
# Of nothing but the realm, which Keycloak takes at its first start and never again.
_REALM_FIELDS = ("keycloakTopology", "federation")
# What the cluster's own GitRepository and Kustomization point at; carried over as long as Flux has applied nothing.
_FOLLOWED_FIELDS = ("url", "path", "verify")
_FLUX_HAS_APPLIED = f"{_OUTPUTS_EXIST} && (has(oldSelf.status.kitRevision) || ({_HAND_OFF_BEGAN}))"
# Mode Commit cannot go on without a branch. A Sovereign that is older than `ref` has none, and may be given it.
_REF_WAS_KNOWN = "(has(oldSelf.spec.gitops.ref) || oldSelf.spec.gitops.mode != 'Commit')"
# Which Secret they name may change until hand-off; that they name one is part of what the first boot was told.
_NAMED_SECRETS = (
    ("gitops.credentialsSecretRef", _FLUX_HAS_APPLIED),
    ("imagePullSecretRef", _OUTPUTS_EXIST),
    ("crossplane", _OUTPUTS_EXIST),
)
_SAME_REGIONS = "oldSelf.value().regions == self.regions"
_INFRASTRUCTURE_FIELDS = ("controlPlane", "workers", "sshPublicKeys", "sshAllowedCIDRs", "apiAllowedCIDRs")
# Of the new cluster: after hand-off nobody carries an edit there any more.
_OWNERS_FIELDS = (
    *_KIT_FIELDS,
    *_REALM_FIELDS,
    "gitops.credentialsSecretRef",
    "imagePullSecretRef",
    "crossplane",
    "phase1",
)


INFRASTRUCTURE_GIVEN = "cannot be changed after hand-off: the servers are their owner's now"


def whose_servers(of: str) -> str:
    """CEL of a text: who changes servers after the hand-off of the Sovereign `of`. Whether it has a Crossplane that was
    given the state was settled at its first boot."""
    crossplane = "and its own Crossplane manages them: change them there (docs/adoption.md)"
    nobody = "and spec.crossplane is not set: change them at Hetzner"
    return f"(has({of}.spec.crossplane) ? {cel_string(crossplane)} : {cel_string(nobody)})"


def _given_to(message: str) -> str:
    return f"{cel_string(message + ', ')} + {whose_servers('self')}"


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
    already_applied = "is immutable once the new cluster has applied something (status.kitRevision): change it there"
    no_access = "cannot be changed after hand-off: the operator has no access to it any more; change it there"
    return (
        _frozen(
            "domain.fqdn",
            _NAMED,
            "is immutable once it is reserved or an apply began: certificates, Git paths and DNS carry it; create "
            "another Sovereign for another name",
        ),
        _frozen(
            "regions[0].location",
            _OUTPUTS_EXIST,
            first_boot + "servers cannot move; create another Sovereign in the other location",
            field_path=".spec.regions",
        ),
        Rule(
            f"!({_OUTPUTS_EXIST}) || self.spec.controlPlane.replicas >= oldSelf.spec.controlPlane.replicas",
            "cannot be lowered once the infrastructure exists: etcd counts its majority from all control planes that "
            "it has had, and would lose it with two of three",
            field_path=".spec.controlPlane.replicas",
        ),
        _frozen(
            "regions[0].buildingBlocks",
            f"{_OUTPUTS_EXIST} && self.spec.gitops.mode == 'Template'",
            first_boot + "it was set at the first boot",
            field_path=".spec.regions",
        ),
        _frozen(
            "release",
            _OUTPUTS_EXIST,
            first_boot + "the versions were pinned then; status.release names them. k3s is upgraded from inside the "
            "new cluster: docs/day-2.md",
        ),
        *(
            _frozen(
                field,
                f"{_OUTPUTS_EXIST} && self.spec.gitops.mode == 'Template'",
                first_boot + "in gitops.mode Template only the first boot could carry it",
            )
            for field in _KIT_FIELDS
        ),
        *(
            _frozen(field, _OUTPUTS_EXIST, first_boot + "Keycloak takes it at its first start; change it in its realm")
            for field in _REALM_FIELDS
        ),
        _frozen(
            "gitops.mode", _OUTPUTS_EXIST, first_boot + "the new cluster follows what it was given at its first boot"
        ),
        *(_frozen(f"gitops.{field}", _FLUX_HAS_APPLIED, already_applied) for field in _FOLLOWED_FIELDS),
        _frozen("gitops.ref", f"{_FLUX_HAS_APPLIED} && {_REF_WAS_KNOWN}", already_applied),
        *(
            _frozen(field, _HAND_OFF_BEGAN, INFRASTRUCTURE_GIVEN, message_expression=_given_to(INFRASTRUCTURE_GIVEN))
            for field in _INFRASTRUCTURE_FIELDS
        ),
        *(_frozen(field, _HAND_OFF_BEGAN, no_access) for field in _OWNERS_FIELDS),
        _frozen("regions[0].buildingBlocks", _HAND_OFF_BEGAN, no_access, field_path=".spec.regions"),
        # Until then it may be corrected: a hand-off can wait for a name that the owner's kubeconfig cannot have.
        _frozen("handOff", _HANDED_OFF, no_access),
        _frozen("originalUID", "true", "is immutable: it says which servers are this Sovereign's"),
        *(
            Rule(
                f"!({when}) || has(self.spec.{field}) == has(oldSelf.spec.{field})",
                first_boot + "whether the new cluster has one was set then; another Secret may be named",
                field_path=f".spec.{field}",
            )
            for field, when in _NAMED_SECRETS
        ),
    )


def signature_rules() -> tuple[Rule, ...]:
    """Crossplane fetches the module itself and checks no signature; only a commit is what it is called.

    Whoever had both before keeps them: the fields may be frozen by now, and no other edit is to be refused for that.
    """
    both = "has({0}.crossplane) && has({0}.gitops.verify) && !(has({0}.gitops.ref) && has({0}.gitops.ref.commit))"
    return (
        Rule(
            f"!({both.format('self')}) || (oldSelf.hasValue() && {both.format('oldSelf.value()')})",
            "must name a commit with both gitops.verify and crossplane: Crossplane fetches infra/hetzner by itself, "
            "and nobody checks the signature of a tag or a branch there",
            field_path=".gitops.ref",
            optional_old_self=True,
        ),
    )


def size_rules(table: SizeCatalogue | None = None) -> tuple[Rule, ...]:
    """Refuse sizes that are no longer sold in the chosen location, and name what to use instead.

    Unknown sizes pass: the cloud may have new ones, and preflight asks it. An object that already has a retired size
    keeps it, since its servers go on running.
    """
    sizes = (table or catalogue()).sizes.values()
    places = _cel_map({size.name: _cel_list(size.retired) for size in sizes if size.retired})
    instead = _cel_map({size.name: cel_string(size.successor or "") for size in sizes if size.retired})
    return tuple(
        rule
        for group in ("controlPlane", "workers")
        for rule in (_retired_size(group, places, instead), _retired_fallback(group, places, instead))
    )


def _frozen(
    field: str, when: str, message: str, field_path: str | None = None, *, message_expression: str = ""
) -> Rule:
    new, old = f"self.spec.{field}", f"oldSelf.spec.{field}"
    return Rule(
        f"!({when}) || (has({new}) ? has({old}) && {new} == {old} : !has({old}))",
        message,
        field_path=field_path or f".spec.{field}",
        message_expression=message_expression,
    )


def _retired_size(group: str, places: str, instead: str) -> Rule:
    size = f"self.{group}.size"
    same = f"oldSelf.hasValue() && has(oldSelf.value().{group}.size) && oldSelf.value().{group}.size == {size}"
    return Rule(
        f"!has({size}) || !({size} in {places}) || !self.regions.exists(r, r.location in {places}[{size}]) "
        f"|| ({same} && {_SAME_REGIONS})",
        RETIRED,
        message_expression=f"{size} + ' {RETIRED}: use ' + {instead}[{size}]",
        field_path=f".{group}.size",
        optional_old_self=True,
    )


def _retired_fallback(group: str, places: str, instead: str) -> Rule:
    sizes = f"self.{group}.sizeFallbacks"
    old = f"oldSelf.value().{group}.sizeFallbacks"
    return Rule(
        f"!has({sizes}) || !{sizes}.exists(s, s in {places} && self.regions.exists(r, r.location in {places}[s])) "
        f"|| (oldSelf.hasValue() && has({old}) && {old} == {sizes} && {_SAME_REGIONS})",
        "contains a server type that is no longer sold in this location",
        field_path=f".{group}.sizeFallbacks",
        optional_old_self=True,
    )


def _cel_list(items: tuple[str, ...]) -> str:
    return "[" + ", ".join(cel_string(item) for item in items) + "]"


def _cel_map(items: dict[str, str]) -> str:
    return "{" + ", ".join(f"{cel_string(key)}: {value}" for key, value in items.items()) + "}"
