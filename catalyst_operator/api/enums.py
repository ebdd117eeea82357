"""Closed sets of values in the spec. The CRD's enums are these."""

from enum import StrEnum


class DomainMode(StrEnum):
    """How a name gets delegated to our name servers."""

    POOL = "pool"
    BYO_MANUAL = "byo-manual"
    BYO_API = "byo-api"


class RegistrarName(StrEnum):
    """Registrars with an adapter."""

    CLOUDFLARE = "cloudflare"
    NAMECHEAP = "namecheap"
    GODADDY = "godaddy"
    OVH = "ovh"
    DYNADOT = "dynadot"


class Provider(StrEnum):
    """Clouds known by name; only hetzner is built."""

    HETZNER = "hetzner"
    AWS = "aws"
    GCP = "gcp"
    AZURE = "azure"
    OCI = "oci"
    HUAWEI = "huawei"


class Location(StrEnum):
    """Hetzner Cloud locations."""

    FSN1 = "fsn1"
    NBG1 = "nbg1"
    HEL1 = "hel1"
    ASH = "ash"
    HIL = "hil"
    SIN = "sin"


class BuildingBlock(StrEnum):
    """Roles a region's cluster plays: management, runtime zone, demilitarised zone."""

    MGT = "mgt"
    RTZ = "rtz"
    DMZ = "dmz"


class KeycloakTopology(StrEnum):
    """One Keycloak for each organization, or one for the whole Sovereign."""

    PER_ORGANIZATION = "per-organization"
    SHARED_SOVEREIGN = "shared-sovereign"


class TlsStrategy(StrEnum):
    """Who issues the Sovereign's certificates."""

    LETSENCRYPT = "letsencrypt"
    CERT_MANAGER = "cert-manager"
    CORPORATE_CA = "corporate-ca"


class ObjectStorageProvider(StrEnum):
    """The cold tier behind SeaweedFS: the cloud's own object storage, or any S3."""

    NATIVE = "native"
    S3 = "s3"


class GitOpsMode(StrEnum):
    """Template: the cluster follows the shared template. Commit: the operator pushes an overlay of its
    own."""

    TEMPLATE = "Template"
    COMMIT = "Commit"


class GitVerification(StrEnum):
    """Whose signature Flux checks: of the commit, of the tag, or of both."""

    HEAD = "HEAD"
    TAG = "Tag"
    TAG_AND_HEAD = "TagAndHEAD"


class Approval(StrEnum):
    """Whether every plan waits for a person, or only those that destroy or replace."""

    AUTOMATIC = "Automatic"
    MANUAL = "Manual"


class DriftMode(StrEnum):
    """Whether what differs from what was applied is only told, or put right as well."""

    REPORT = "Report"
    REPAIR = "Repair"


class DeletionPolicy(StrEnum):
    """What becomes of the cloud objects when the Sovereign is deleted."""

    DELETE = "Delete"
    ORPHAN = "Orphan"


class Sweep(StrEnum):
    """What a deletion removes besides what OpenTofu made: what the cluster's controllers made, or also what others
    made, if only this Sovereign uses it."""

    MADE_INSIDE = "MadeInside"
    ALL = "All"


class HandOffMode(StrEnum):
    """Hand over as soon as the Sovereign is ready, or when the annotation asks for it."""

    AUTOMATIC = "Automatic"
    MANUAL = "Manual"


class OwnerKubeconfig(StrEnum):
    """Whether the owner gets an admin kubeconfig at hand-off."""

    KEEP = "Keep"
    NONE = "None"
