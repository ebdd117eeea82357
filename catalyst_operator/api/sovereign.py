"""The `Sovereign`: what a platform engineer asks for, with the rules that span more than one part of it."""

from typing import Annotated, ClassVar

from pydantic import Field

from catalyst_operator.api.common import Model, Resource, SecretRef
from catalyst_operator.api.enums import Approval, DeletionPolicy, KeycloakTopology, Provider
from catalyst_operator.api.known_names import ComponentName, ReleaseName
from catalyst_operator.api.scalars import ANYWHERE, Cidr, Email, PlanDigest, ProjectId, SshPublicKey, Uid
from catalyst_operator.api.schema import ListMap, ListSet, Rule, RuleReason
from catalyst_operator.api.sovereign_rules import immutability_rules, naming_rules, signature_rules, size_rules
from catalyst_operator.api.sovereign_spec import (
    ControlPlaneSpec,
    CrossplaneSpec,
    DecommissionSpec,
    DomainSpec,
    DriftDetectionSpec,
    FederationSpec,
    GitOpsSpec,
    HandOffSpec,
    ObjectStorageSpec,
    OrganizationSpec,
    Phase1Spec,
    RegionSpec,
    TlsSpec,
    WorkersSpec,
)
from catalyst_operator.api.sovereign_status import SovereignStatus


class SovereignSpec(Model):
    """What a platform engineer asks for."""

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.controlPlane.replicas == 1 || self.workers.replicas >= 1",
            "must be at least 1 with three control planes",
            field_path=".workers.replicas",
        ),
        Rule(
            "!self.decommission.removeOverlay || self.gitops.mode == 'Commit'",
            "is for gitops.mode Commit: in mode Template the operator writes no folder into Git",
            field_path=".decommission.removeOverlay",
        ),
        *size_rules(),
        *signature_rules(),
    )

    organization: OrganizationSpec
    """Who the Sovereign is for."""

    admin_email: Email
    """Address of the first sovereign-admin; Keycloak sends the password mail there."""

    domain: DomainSpec
    """The name of the Sovereign, and how it gets delegated."""

    provider: Annotated[
        Provider,
        Rule(
            "self == 'hetzner'",
            "is design-only: only hetzner is built today",
        ),
    ]
    """The cloud: hetzner. aws, gcp, azure, oci and huawei are known names that are not built yet."""

    credentials_secret_ref: SecretRef
    """Secret with the cloud's API token, Read & Write, under the key token, in the Sovereign's namespace. Keep it
    valid until the Sovereign is gone: it is needed to destroy what was made."""

    project_id: ProjectId | None = None
    """What people call the cloud's project. The token alone decides which project is used; when it opens
    another one than before, the message names both."""

    regions: Annotated[
        tuple[RegionSpec, ...],
        Field(min_length=1, max_length=6),
        ListMap(("location",)),
        Rule(
            "size(self) <= 1",
            "must have exactly one entry: multi-region is design-only today",
        ),
    ]
    """Where the Sovereign runs; exactly one region today."""

    control_plane: ControlPlaneSpec
    """The servers that run the Kubernetes control plane."""

    workers: WorkersSpec = WorkersSpec()
    """The servers that run workloads only; none by default."""

    ssh_public_keys: Annotated[tuple[SshPublicKey, ...], Field(max_length=10), ListSet()] = ()
    """Public halves of the break-glass keys: ed25519, rsa, ecdsa or sk; none by default, and then nobody logs in over
    SSH. Servers take them when they are made: after an edit those that stand keep theirs, and Ready names them, until
    they are made again (annotation rebuild). Hetzner takes a key once per project: two Sovereigns in one project need
    different keys."""

    ssh_allowed_cidrs: Annotated[tuple[Cidr, ...], Field(max_length=20), ListSet()] = ()
    """Networks that may reach port 22; none by default, and then it stays closed."""

    api_allowed_cidrs: Annotated[
        tuple[Cidr, ...],
        Field(max_length=20),
        ListSet(),
        Rule(
            "size(self) > 0",
            "must let somebody in, the operator at least; leave it out to let everybody in",
            reason=RuleReason.REQUIRED,
        ),
    ] = ANYWHERE
    """Networks that may reach the Kubernetes API, port 6443 of the control planes' public addresses. Everybody by
    default, because the operator and whoever has a kubeconfig come from addresses that nobody knows beforehand; the API
    lets nobody in without a certificate. A shorter list has to hold the addresses from which the operator reaches the
    internet (CATALYST_EGRESS_CIDRS adds them), or it can neither follow nor hand over the cluster. Nodes and load
    balancer reach the API in the private network, whatever is listed."""

    keycloak_topology: KeycloakTopology = KeycloakTopology.PER_ORGANIZATION
    """per-organization: a Keycloak for each organization. shared-sovereign: one for all. Told in the realm
    catalyst-admin, as attribute catalyst.keycloakTopology; the kit itself installs one Keycloak in either case."""

    federation: FederationSpec | None = None
    """An identity provider to federate Keycloak's catalyst-admin realm with. It is switched on on day 1."""

    tls: TlsSpec = TlsSpec()
    """Who issues the Sovereign's certificates."""

    object_storage: ObjectStorageSpec = ObjectStorageSpec()
    """The cold tier behind SeaweedFS. The new cluster is told of it, credentials included, and its owner sets it up on
    day 1."""

    image_pull_secret_ref: SecretRef | None = None
    """Secret of type kubernetes.io/dockerconfigjson for the kit's charts and images."""

    crossplane: CrossplaneSpec | None = None
    """Access of the Sovereign's own Crossplane to the cloud; without it the owner sets one on day 1."""

    components: Annotated[tuple[ComponentName, ...], Field(max_length=64), ListSet()] = ()
    """Optional blueprints to install, such as harbor or langfuse; what they depend on is pulled in, and
    status says why."""

    release: ReleaseName | None = None
    """Name of the set of versions (k3s, Cilium, Flux) that a server installs at its first boot; default: the
    operator's default release at that time. Name one for the same versions on servers that are added later."""

    gitops: GitOpsSpec = GitOpsSpec()
    """The Git repository that Flux on the new cluster follows. It is read before anything is bought. All but mode can
    be corrected until status.kitRevision says that Flux has applied something."""

    approval: Approval = Approval.AUTOMATIC
    """Manual: every plan that changes something in the cloud waits for spec.approvePlan. Automatic: only plans that
    destroy, replace or power off wait; replacing what an earlier run left unfinished does not. Deleting the
    Sovereign is its own approval."""

    approve_plan: PlanDigest | None = None
    """Digest of the plan that may be applied, from status.plan.digest. The plan is made again and applied only if
    it is still the same; the value may stay, because it approves no other plan."""

    original_uid: Uid | None = None
    """Of a Sovereign that was restored from a backup: the UID of the object that it was made as, which its cloud
    objects, its run namespace and its keys carry. `restore` writes it, and it is worth nothing without what that writes
    besides. A new Sovereign has none."""

    suspend: bool = False
    """Start nothing until this is false again; a run in progress goes on to its end, and a deletion is not held
    up."""

    dry_run: bool = False
    """Plan and price, then stop: status.plan and status.cost tell what would be. No apply begins while this is
    true; one that has begun goes on to its end. A deletion is carried out all the same."""

    drift_detection: DriftDetectionSpec | None = None
    """Compare the cloud with what was applied from time to time; off by default."""

    deletion_policy: DeletionPolicy = DeletionPolicy.DELETE
    """Delete: deleting the Sovereign destroys its cloud objects. Orphan: it leaves them alone and removes their
    OpenTofu state with its key, so that they can only be removed by hand."""

    deletion_protection: bool = True
    """While true, deleting the Sovereign is refused from its first apply on; before, there is nothing to lose. It
    does not guard against edits: plans that destroy a part of it wait for approval in any case."""

    phase1: Phase1Spec = Phase1Spec()
    """Patience with the bootstrap kit."""

    hand_off: HandOffSpec = HandOffSpec()
    """How the Sovereign becomes its owner's."""

    decommission: DecommissionSpec = DecommissionSpec()
    """What the owner confirms before a handed-off Sovereign may be destroyed, and what else a deletion removes."""


class Sovereign(Resource):
    """A self-sufficient Catalyst deployment: a k3s cluster with the bootstrap kit, under its own domain."""

    cel_rules: ClassVar[tuple[Rule, ...]] = (*naming_rules(), *immutability_rules())

    spec: SovereignSpec
    """What is asked for."""

    status: SovereignStatus = SovereignStatus()
    """What the operator observed and did."""
