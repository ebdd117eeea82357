"""The parts of a `Sovereign`'s spec, each a small object with its own rules."""

from datetime import timedelta
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from catalyst_operator.api.common import Model, SecretRef
from catalyst_operator.api.enums import (
    BuildingBlock,
    DomainMode,
    DriftMode,
    GitOpsMode,
    GitVerification,
    HandOffMode,
    Location,
    ObjectStorageProvider,
    OwnerKubeconfig,
    RegistrarName,
    Sweep,
    TlsStrategy,
)
from catalyst_operator.api.scalars import (
    BucketName,
    Duration,
    Fqdn,
    GitBranch,
    GitCommit,
    GitPath,
    GitTag,
    GitUrl,
    HttpsUrl,
    Sha256,
    SizeFallbacks,
    SizeName,
    Text,
)
from catalyst_operator.api.schema import ListSet, Rule, RuleReason


class OrganizationSpec(Model):
    """Who the Sovereign is for."""

    name: Annotated[Text, Field(min_length=1, max_length=100)]
    """Name of the organization, as people write it."""

    industry: Annotated[Text, Field(min_length=1, max_length=64)] | None = None
    """Industry, such as telecommunications."""

    size: Annotated[Text, Field(min_length=1, max_length=32)] | None = None
    """Number of employees, such as 50-200."""

    headquarters: Annotated[Text, Field(min_length=1, max_length=100)] | None = None
    """City and country of the headquarters."""

    compliance_frames: Annotated[
        tuple[Annotated[Text, Field(min_length=1, max_length=64)], ...], Field(max_length=16), ListSet()
    ] = ()
    """Rules the organization works under, such as GDPR or ISO-27001."""


class RegistrarSpec(Model):
    """Access to the registrar that holds the domain; byo-api only."""

    name: RegistrarName
    """The registrar."""

    credentials_secret_ref: SecretRef
    """Secret with the registrar's credentials, in the Sovereign's namespace. Which keys it needs is in
    docs/domains.md."""

    acknowledge_live_records: bool = False
    """Change the name servers even if the domain carries live MX, A or AAAA records, which stop answering
    then."""


class DomainSpec(Model):
    """The name of the Sovereign, and how it gets delegated."""

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.mode != 'pool' || (self.fqdn.split('.').size() >= 3 && self.fqdn.split('.')[0].size() >= "
            "3 "
            "&& self.fqdn.split('.')[0].size() <= 32)",
            "in mode pool must be one label of 3 to 32 characters in front of a pool domain, such as "
            "omantel.omani.works",
            field_path=".fqdn",
        ),
        Rule(
            "self.mode != 'byo-api' || has(self.registrar)",
            "is required in mode byo-api: the operator changes the name servers at the registrar",
            field_path=".registrar",
            reason=RuleReason.REQUIRED,
        ),
        Rule(
            "self.mode == 'byo-api' || !has(self.registrar)",
            "is for mode byo-api only: remove it, or set domain.mode to byo-api",
            field_path=".registrar",
        ),
        Rule(
            "(self.mode == 'pool') == (oldSelf.mode == 'pool')",
            "cannot be changed from or to pool, because the name stays the same; create another Sovereign "
            "for another name",
            field_path=".mode",
        ),
    )

    mode: DomainMode
    """pool: a name under one of the operator's own domains. byo-manual: your domain, you set its NS records
    at the registrar. byo-api: your domain, the operator sets them through the registrar's API."""

    fqdn: Fqdn
    """Fully qualified name of the Sovereign, at most 49 characters, because names on the new cluster contain
    it. The console is reached at console.<fqdn>. Can be corrected until it is reserved or an apply began."""

    registrar: RegistrarSpec | None = None
    """The registrar, in mode byo-api."""


class RegionSpec(Model):
    """A place where the Sovereign runs."""

    location: Location
    """Hetzner location: fsn1 Falkenstein, nbg1 Nuremberg, hel1 Helsinki, ash Ashburn, hil Hillsboro, sin
    Singapore. Can be corrected until status.outputs exists."""

    building_blocks: Annotated[
        tuple[BuildingBlock, ...],
        Field(min_length=2, max_length=3),
        ListSet(),
        Rule("'mgt' in self && 'rtz' in self", "must contain at least mgt and rtz; dmz is optional"),
    ] = (BuildingBlock.MGT, BuildingBlock.RTZ)
    """What runs there: mgt (management) and rtz (runtime zone) at least, dmz optionally. With one region
    all of them share its cluster."""


_FALLBACK_RULE = Rule(
    "!has(self.size) || !has(self.sizeFallbacks) || !(self.size in self.sizeFallbacks)",
    "must not repeat size, which is tried first anyway",
    field_path=".sizeFallbacks",
)


class ControlPlaneSpec(Model):
    """The servers that run the Kubernetes control plane; they take workloads too."""

    cel_rules: ClassVar[tuple[Rule, ...]] = (_FALLBACK_RULE,)

    size: SizeName
    """Hetzner server type, such as cx33. A change powers off the servers that exist, one after the other, each once
    the control planes are ready again, and waits for approval once."""

    replicas: Literal[1, 3] = 1
    """1, or 3 for high availability, which needs a worker besides. Once the infrastructure exists, 1 may become 3, and
    3 stays 3: etcd would lose its majority."""

    size_fallbacks: SizeFallbacks = ()
    """Server types tried in this order for a new server when Hetzner has none of size. A server keeps the type it
    got (status.servers) for as long as size stays the same."""


class WorkersSpec(Model):
    """The servers that run workloads only."""

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.replicas == 0 || has(self.size)",
            "is required as soon as there are workers",
            field_path=".size",
            reason=RuleReason.REQUIRED,
        ),
        _FALLBACK_RULE,
    )

    size: SizeName | None = None
    """Hetzner server type, such as cx43; required as soon as replicas is above 0. A change powers off the servers that
    exist, one after the other, after the control planes if those change too, and waits for approval once."""

    replicas: Annotated[int, Field(ge=0, le=50)] = 0
    """Number of workers. A lower one destroys those with the highest numbers and waits for approval."""

    size_fallbacks: SizeFallbacks = ()
    """Server types tried in this order for a new server when Hetzner has none of size. A server keeps the type it
    got (status.servers) for as long as size stays the same."""


class FederationSpec(Model):
    """An OpenID Connect provider that Keycloak trusts, such as Entra ID, Okta or Google."""

    issuer_url: HttpsUrl
    """Issuer URL of the provider."""

    client_id: Annotated[Text, Field(min_length=1, max_length=256)]
    """Client registered there for this Sovereign."""

    client_secret_ref: SecretRef
    """Secret with the key clientSecret."""


class TlsSpec(Model):
    """Who issues the Sovereign's certificates."""

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.strategy != 'corporate-ca' || has(self.caSecretRef)",
            "is required with strategy corporate-ca: the Secret with the CA to issue from",
            field_path=".caSecretRef",
            reason=RuleReason.REQUIRED,
        ),
        Rule(
            "self.strategy == 'corporate-ca' || !has(self.caSecretRef)",
            "is for strategy corporate-ca only",
            field_path=".caSecretRef",
        ),
    )

    strategy: TlsStrategy = TlsStrategy.LETSENCRYPT
    """letsencrypt: certificates by HTTP-01. cert-manager: the owner configures issuers on day 1.
    corporate-ca: issued from a CA of the organization."""

    ca_secret_ref: SecretRef | None = None
    """Secret with the keys tls.crt and tls.key of the issuing CA, and ca.crt of its root."""


class ObjectStorageSpec(Model):
    """The cold tier behind SeaweedFS, for backups, images and logs."""

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        *(
            Rule(
                f"self.provider != 's3' || has(self.{name})",
                "is required with provider s3",
                field_path=f".{name}",
                reason=RuleReason.REQUIRED,
            )
            for name in ("endpoint", "bucket", "credentialsSecretRef")
        ),
        Rule(
            "self.provider == 's3' || !has(self.endpoint)",
            "is for provider s3 only: native uses the cloud's own endpoint",
            field_path=".endpoint",
        ),
    )

    provider: ObjectStorageProvider = ObjectStorageProvider.NATIVE
    """native: the cloud's own object storage. s3: any S3 endpoint."""

    endpoint: HttpsUrl | None = None
    """URL of the S3 endpoint."""

    bucket: BucketName | None = None
    """Name of the bucket."""

    credentials_secret_ref: SecretRef | None = None
    """Secret with the keys accessKeyID and secretAccessKey."""


class CrossplaneSpec(Model):
    """Access of the Sovereign's own Crossplane to the cloud."""

    credentials_secret_ref: SecretRef
    """Secret with a token of the Sovereign's own, under the key token. The provisioning token never leaves
    the management cluster. With it the Sovereign's Crossplane is given the state at the hand-off, and takes over the
    servers (docs/adoption.md)."""


class GitRefSpec(Model):
    """What of the repository is followed; exactly one of the three."""

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "[has(self.branch), has(self.tag), has(self.commit)].filter(given, given).size() == 1",
            "must have exactly one of branch, tag and commit",
        ),
    )

    branch: GitBranch | None = None
    """A branch, such as main: the cluster follows whatever is pushed to it."""

    tag: GitTag | None = None
    """A tag, such as v1.0.0."""

    commit: GitCommit | None = None
    """A commit, as 40 hexadecimal digits. It has to be in the history of a branch: Flux clones the branches."""


class GitVerifySpec(Model):
    """Whose signature Flux asks for before it applies anything."""

    mode: GitVerification = GitVerification.HEAD
    """HEAD: the commit is signed. Tag: the tag is. TagAndHEAD: both are."""

    secret_ref: SecretRef
    """Secret with the key keys.asc: the OpenPGP public keys that may sign, as `gpg --export --armor` prints them."""


class GitOpsSpec(Model):
    """The Git repository that Flux on the new cluster follows. It is read before anything is bought. All but mode can
    be corrected until status.kitRevision says that Flux has applied something."""

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.mode != 'Commit' || has(self.credentialsSecretRef)",
            "is required in mode Commit: the operator pushes to the repository",
            field_path=".credentialsSecretRef",
            reason=RuleReason.REQUIRED,
        ),
        Rule(
            "self.mode != 'Commit' || (has(self.ref) && has(self.ref.branch))",
            "must name a branch in mode Commit: the operator pushes to it",
            field_path=".ref",
            reason=RuleReason.REQUIRED,
        ),
        Rule(
            "self.mode != 'Commit' || !has(self.verify)",
            "is for mode Template only: the commits that the operator pushes are not signed",
            field_path=".verify",
        ),
        Rule(
            "!has(self.verify) || self.verify.mode == 'HEAD' || !has(self.ref) || has(self.ref.tag)",
            "must be HEAD unless a tag is followed: only a tag has a signature of its own",
            field_path=".verify.mode",
        ),
    )

    mode: GitOpsMode = GitOpsMode.TEMPLATE
    """Template: the cluster follows the shared template with its values substituted. Commit: the operator
    renders clusters/<fqdn>/ and pushes it, and the cluster follows that."""

    url: GitUrl | None = None
    """URL of the repository; default: the operator's setting CATALYST_GIT_URL. One of the two is needed."""

    ref: GitRefSpec | None = None
    """What of it is followed; default: the tag of the operator's own version, such as v1.0.0. Mode Commit needs a
    branch."""

    path: GitPath | None = None
    """Folder of the repository that Flux applies; default: clusters/_template/bootstrap-kit."""

    credentials_secret_ref: SecretRef | None = None
    """Secret with the keys username and password for HTTPS."""

    verify: GitVerifySpec | None = None
    """Have Flux check signatures; default: none is asked for."""


class DriftDetectionSpec(Model):
    """Periodic comparison of the cloud with what was applied: a run that plans and applies nothing. There is none
    within an hour of an apply, while suspended, or after the hand-off."""

    interval: Annotated[timedelta, Duration("1h", "720h")]
    """Time between two checks, such as 24h. When in it the check comes is each Sovereign's own, so that not all are
    made at once."""

    mode: DriftMode = DriftMode.REPORT
    """Report: status.drift and the condition Drifted tell what differs, and nothing is changed. Repair: what was
    applied is applied again; what destroys, replaces or powers off waits for spec.approvePlan, as after an edit.
    Servers that somebody powered off stay off in either case."""


class Phase1Spec(Model):
    """Patience with the bootstrap kit. What is not set comes from the operator's settings; status.phase1
    shows the values in force."""

    first_seen_timeout: Annotated[timedelta, Duration("1s", "24h")] | None = None
    """How long until the first HelmRelease must be seen; default: CATALYST_PHASE1_FIRST_SEEN_TIMEOUT,
    15m."""

    watch_timeout: Annotated[timedelta, Duration("1s", "168h")] | None = None
    """How long until every component must be installed; default: CATALYST_PHASE1_WATCH_TIMEOUT, 60m."""

    min_components: Annotated[int, Field(ge=1, le=500)] | None = None
    """At least so many HelmReleases must have been seen before a verdict; default:
    CATALYST_PHASE1_MIN_BOOTSTRAP_KIT_HRS, 11."""


class HandOffSpec(Model):
    """How the Sovereign becomes its owner's."""

    mode: HandOffMode = HandOffMode.AUTOMATIC
    """Automatic: as soon as it is ready. Manual: when catalyst.openova.io/handOffRequestedAt is set."""

    owner_kubeconfig: OwnerKubeconfig = OwnerKubeconfig.KEEP
    """Keep: write an admin kubeconfig, valid for a year, to the Secret <name>-kubeconfig, key value, which is the
    owner's from then on. None: nobody is left a way in but the console and what sshAllowedCIDRs opens."""


class ExportSpec(Model):
    """What the owner states of the OpenBao export. Nobody checks it; it stands in the receipt of the deletion."""

    sha256: Sha256
    """SHA-256 of the exported file, as 64 lower-case hex digits (sha256sum prints it)."""

    location: Annotated[
        Text,
        Field(min_length=1, max_length=512),
        Rule(
            "!self.matches('://[^/]*@')",
            "must not have a user or a password in it: the receipt shows it to whoever reads ConfigMaps",
        ),
    ]
    """Where the file is kept, such as s3://backups/omantel/openbao.snap; never with credentials in it."""


class DecommissionSpec(Model):
    """What the owner confirms before a handed-off Sovereign may be destroyed, and what else a deletion removes."""

    acknowledge_exported: bool = False
    """The OpenBao export and the Git bundles are taken and safe; destroying a handed-off Sovereign requires
    it."""

    state_secret_ref: SecretRef | None = None
    """Secret with the state as the Sovereign's own Crossplane left it, for the destroy to start from instead of the
    archive: keys tfstate and state-key (docs/adoption.md)."""

    export: ExportSpec | None = None
    """What the owner states of the OpenBao export, kept in the receipt."""

    sweep: Sweep = Sweep.MADE_INSIDE
    """MadeInside: load balancers and volumes that the cluster's controllers made are removed; what others made and
    hangs on the Sovereign's network or servers blocks the deletion (ERR_LEFTOVERS). All: that is deleted too, servers
    with their disks included, unless others use it as well."""

    remove_overlay: bool = False
    """Remove the folder clusters/<fqdn> from Git by a last commit, once everything is destroyed; gitops.mode Commit
    only. With deletionPolicy Orphan the folder stays: the cluster follows it."""
