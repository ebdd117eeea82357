"""Condition types and their reasons: the vocabulary in which the operator explains itself.

Every reason that can appear is listed under the condition it appears in (`CONDITIONS`), with what it means;
the API reference is rendered from that table.
"""

from dataclasses import dataclass
from enum import StrEnum


class ConditionType(StrEnum):
    """Types of conditions, of both resources."""

    # The kstatus summary. Ready is always present; the other two only while True, and never together.
    READY = "Ready"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"
    # One per phase, in the order of a provisioning.
    TOFU_INIT = "TofuInit"
    TOFU_PLAN = "TofuPlan"
    TOFU_APPLY = "TofuApply"
    TOFU_OUTPUT = "TofuOutput"
    FLUX_BOOTSTRAP = "FluxBootstrap"
    # Aspects of a Sovereign.
    PREFLIGHT_PASSED = "PreflightPassed"
    DOMAIN_RESERVED = "DomainReserved"
    DOMAIN_READY = "DomainReady"
    KIT_READY = "KitReady"
    HANDED_OFF = "HandedOff"
    DRIFTED = "Drifted"
    DELETING = "Deleting"
    # Aspects of a DomainReservation.
    RESERVED = "Reserved"
    ZONE_READY = "ZoneReady"
    DELEGATED = "Delegated"
    REGISTRAR_CREDENTIALS_VALID = "RegistrarCredentialsValid"


class Reason(StrEnum):
    """Reasons of conditions. Which appears where, and what it means, is in `CONDITIONS`."""

    # Progress
    SUCCEEDED = "Succeeded"
    RUNNING = "Running"
    WAITING = "Waiting"
    SKIPPED = "Skipped"
    FAILED = "Failed"
    PROGRESSING = "Progressing"
    QUEUED = "Queued"
    PENDING = "Pending"
    PROVISIONING = "Provisioning"
    RETRYING = "Retrying"
    # What a person has to do something about
    INVALID_SPEC = "InvalidSpec"
    CREDENTIALS_MISSING = "CredentialsMissing"
    CREDENTIALS_INVALID = "CredentialsInvalid"
    PROJECT_MISMATCH = "ProjectMismatch"
    AWAITING_APPROVAL = "AwaitingApproval"
    PROTECTED_DELETION = "ProtectedDeletion"
    RUN_FAILED = "RunFailed"
    RUN_CANCELLED = "RunCancelled"
    RUN_LOST = "RunLost"
    STATE_LOST = "StateLost"
    STATE_LOCKED = "StateLocked"
    STATE_UNREADABLE = "StateUnreadable"
    NAME_CONFLICT = "NameConflict"
    REBUILD_REFUSED = "RebuildRefused"
    IDENTITY_UNCONFIRMED = "IdentityUnconfirmed"
    MOVED = "Moved"
    # Pauses
    SUSPENDED = "Suspended"
    DRY_RUN = "DryRun"
    CANCELLED = "Cancelled"
    # Preflight
    PASSED = "Passed"
    CHECK_FAILED = "CheckFailed"
    NOT_CHECKED = "NotChecked"
    # Flux and the kit
    AWAITING_FLUX_BOOTSTRAP = "AwaitingFluxBootstrap"
    API_UNREACHABLE = "APIUnreachable"
    UNAUTHORIZED = "Unauthorized"
    ANSWERS_TOO_LARGE = "APIAnswersTooLarge"
    FLUX_MISSING = "FluxMissing"
    READY = "Ready"
    FLUX_NOT_RECONCILING = "FluxNotReconciling"
    TIMEOUT = "Timeout"
    UPGRADING = "Upgrading"
    KIT_NOT_READY = "KitNotReady"
    KUSTOMIZATION_NOT_READY = "KustomizationNotReady"
    NODES_NOT_READY = "NodesNotReady"
    DNS_NOT_READY = "DNSNotReady"
    CONSOLE_UNREACHABLE = "ConsoleUnreachable"
    # Hand-off and drift
    AWAITING_HAND_OFF = "AwaitingHandOff"
    HANDED_OFF = "HandedOff"
    NO_DRIFT = "NoDrift"
    DRIFT_DETECTED = "DriftDetected"
    SERVERS_OFF = "ServersOff"
    # Deletion
    DELETING = "Deleting"
    DESTROYING = "Destroying"
    DESTROY_FAILED = "DestroyFailed"
    REMOVING_OVERLAY = "RemovingOverlay"
    RELEASING_DOMAIN = "ReleasingDomain"
    LEFTOVERS = "Leftovers"
    CLEANING_UP = "CleaningUp"
    ORPHANED = "Orphaned"
    EXPORT_NOT_ACKNOWLEDGED = "ExportNotAcknowledged"
    # Domains
    RESERVED = "Reserved"
    COMMITTED = "Committed"
    DOMAIN_TAKEN = "DomainTaken"
    DOMAIN_QUOTA = "DomainQuota"
    NAME_RESERVED = "NameReserved"
    NOT_IN_POOL = "NotInPool"
    UNDER_POOL = "UnderPool"
    EXPIRED = "Expired"
    AWAITING_ADDRESS = "AwaitingAddress"
    ZONE_FOREIGN = "ZoneForeign"
    POWERDNS_UNREACHABLE = "PowerDNSUnreachable"
    DNS_NOT_CONFIGURED = "DNSNotConfigured"
    AWAITING_DELEGATION = "AwaitingDelegation"
    SERVERS_DISAGREE = "ServersDisagree"
    LIVE_RECORDS = "LiveRecords"
    DNSSEC_ENABLED = "DNSSECEnabled"
    REGISTRAR_DENIED = "RegistrarDenied"
    REGISTRAR_UNREACHABLE = "RegistrarUnreachable"


@dataclass(frozen=True)
class ConditionDoc:
    """What a condition stands for, and what each of its reasons means."""

    type: ConditionType
    meaning: str
    reasons: dict[Reason, str]


_PHASE_REASONS = {
    Reason.WAITING: "an earlier phase of the run has not ended yet",
    Reason.RUNNING: "the phase's container is running",
    Reason.SUCCEEDED: "the phase ended well",
    Reason.FAILED: "the phase ended with an error; status.lastErrors names it and its remedy",
    Reason.SKIPPED: "an earlier phase ended the run",
    Reason.CANCELLED: "the run was stopped before this phase had ended: on request, or because the spec was edited",
    Reason.RUN_LOST: "the run's Pod vanished before its end was seen; the next run starts with a plan",
}

# Conditions of a Sovereign, one entry a type.
CONDITIONS: tuple[ConditionDoc, ...] = (
    ConditionDoc(
        ConditionType.READY,
        "Everything the spec asks for exists and answers. Always present; Unknown while a ready object is "
        "worked on again.",
        {
            Reason.SUCCEEDED: "all that the spec asks for holds",
            Reason.PENDING: "nothing was started yet",
            Reason.PROVISIONING: "the infrastructure is being created",
            Reason.PROGRESSING: "a change is being carried out",
            Reason.QUEUED: "waits until fewer runs are under way; status.lastOperation.queue has its place",
            Reason.AWAITING_FLUX_BOOTSTRAP: "the infrastructure exists; Flux on the new cluster was not seen yet",
            Reason.API_UNREACHABLE: "the new cluster's API server has not answered for too long, or another answers",
            Reason.UNAUTHORIZED: "the new cluster refuses the operator",
            Reason.ANSWERS_TOO_LARGE: "the new cluster's API server answers with more than the operator reads",
            Reason.FLUX_MISSING: "Flux is gone from the new cluster",
            Reason.KIT_NOT_READY: "components of the bootstrap kit are missing or not installed",
            Reason.UPGRADING: "components of a kit that was installed are being upgraded; the message names them",
            Reason.KUSTOMIZATION_NOT_READY: "a Kustomization of the new cluster is not ready",
            Reason.NODES_NOT_READY: "fewer nodes joined than the spec asks for, or one that had joined is gone or is "
            "not ready",
            Reason.DNS_NOT_READY: "the domain is not served and delegated yet; DomainReady says what is missing",
            Reason.CONSOLE_UNREACHABLE: "the console does not answer",
            Reason.AWAITING_APPROVAL: "a plan waits for spec.approvePlan",
            Reason.INVALID_SPEC: "the spec cannot be carried out, or this version of the operator cannot read it; the "
            "message says what to change",
            Reason.CREDENTIALS_MISSING: "the Secret named by credentialsSecretRef, or its key, is not there",
            Reason.CREDENTIALS_INVALID: "the provider refused the token, or it may only read",
            Reason.PROJECT_MISMATCH: "the token opens another project than the one that the Sovereign is in",
            Reason.CHECK_FAILED: "a preflight check failed; nothing was created",
            Reason.RUN_FAILED: "the last run failed; status.lastErrors says why",
            Reason.RUN_CANCELLED: "the run was stopped on request",
            Reason.RUN_LOST: "the run's Pod vanished before its end was seen",
            Reason.RETRYING: "a passing failure, or the provider's rate limit; the message says when it is tried again",
            Reason.STATE_LOST: "the OpenTofu state of an applied Sovereign is missing or older than recorded",
            Reason.STATE_LOCKED: "the OpenTofu state is locked by somebody who may still be at work",
            Reason.STATE_UNREADABLE: "the key of the OpenTofu state is gone, or a state that a run saved is of another "
            "origin than the one in force",
            Reason.NAME_CONFLICT: "an object of the same name, but not ours, is in the way",
            Reason.REBUILD_REFUSED: "the annotation rebuild asks for what cannot be done",
            Reason.IDENTITY_UNCONFIRMED: "its run namespace does not name it as its holder: nothing is done",
            Reason.MOVED: "the Sovereign was given to another management cluster: nothing is done here",
            Reason.SUSPENDED: "spec.suspend is set: nothing is done",
            Reason.DRY_RUN: "spec.dryRun is set: planned and priced, nothing created",
            Reason.PROTECTED_DELETION: "deletion was requested while spec.deletionProtection is true: "
            "nothing is destroyed",
            Reason.DELETING: "the object is being deleted",
            Reason.DESTROY_FAILED: "the destroy run failed; it is tried again, and the finalizer stays",
            Reason.LEFTOVERS: "somebody else's servers, load balancers or volumes hang on what would be destroyed",
            Reason.REMOVING_OVERLAY: "all is destroyed, but the folder in Git could not be removed",
            Reason.EXPORT_NOT_ACKNOWLEDGED: "a handed-off Sovereign is only destroyed once its export is acknowledged",
            Reason.HANDED_OFF: "the Sovereign is its owner's now; this is what held at hand-off",
            Reason.FAILED: "the bootstrap kit failed for good; KitReady says which component",
            Reason.FLUX_NOT_RECONCILING: "no HelmRelease appeared on the new cluster in time",
            Reason.TIMEOUT: "the kit did not settle in time",
            Reason.DOMAIN_TAKEN: "another owner holds this name, a name above it or a name below it",
            Reason.DOMAIN_QUOTA: "the namespace holds as many names as it may",
            Reason.NAME_RESERVED: "the name is kept for the pool's own use",
            Reason.NOT_IN_POOL: "mode pool, but the name is under no pool domain",
            Reason.UNDER_POOL: "mode byo-manual or byo-api, but the name is under a pool domain",
            Reason.LIVE_RECORDS: "the domain carries live records; acknowledgeLiveRecords is not set",
            Reason.DNSSEC_ENABLED: "the parent has a DS record for the name: unsigned answers are not believed",
            Reason.REGISTRAR_DENIED: "the registrar refuses to change this domain",
            Reason.REGISTRAR_UNREACHABLE: "the registrar does not answer; tried again",
        },
    ),
    ConditionDoc(
        ConditionType.RECONCILING,
        "Work is under way and goes on by itself. Present only while True.",
        {
            Reason.PROVISIONING: "the infrastructure is being created",
            Reason.PROGRESSING: "a change is being carried out",
            Reason.QUEUED: "waiting until fewer runs are under way",
            Reason.RETRYING: "a passing failure; the message says when it is tried again",
            Reason.CREDENTIALS_MISSING: "waiting for the Secret named by credentialsSecretRef, or its key",
            Reason.AWAITING_FLUX_BOOTSTRAP: "waiting for Flux on the new cluster",
            Reason.KIT_NOT_READY: "the bootstrap kit is being installed",
            Reason.UPGRADING: "components of the bootstrap kit are being upgraded",
            Reason.KUSTOMIZATION_NOT_READY: "waiting for a Kustomization of the new cluster",
            Reason.NODES_NOT_READY: "waiting for nodes to join",
            Reason.DNS_NOT_READY: "waiting for the domain to be served and delegated",
            Reason.PENDING: "the name is being reserved",
            Reason.REGISTRAR_UNREACHABLE: "waiting for the registrar",
            Reason.CONSOLE_UNREACHABLE: "waiting for the console",
            Reason.DELETING: "what was made is being taken back",
        },
    ),
    ConditionDoc(
        ConditionType.STALLED,
        "Nothing more happens until somebody acts: the message says what to do. Present only while True.",
        {
            Reason.INVALID_SPEC: "change the spec as the message says",
            Reason.CREDENTIALS_MISSING: "create the Secret, or add its key",
            Reason.CREDENTIALS_INVALID: "put a valid read-and-write token into the Secret",
            Reason.PROJECT_MISMATCH: "put a token of the Sovereign's own project into the Secret",
            Reason.CHECK_FAILED: "correct what the failed preflight check names",
            Reason.RUN_FAILED: "follow the remedy in status.lastErrors, then edit the spec or request a retry",
            Reason.RUN_CANCELLED: "request a retry, or edit the spec",
            Reason.AWAITING_APPROVAL: "review status.plan and set spec.approvePlan to its digest",
            Reason.STATE_LOST: "restore the state Secret; an empty state would create everything twice",
            Reason.STATE_UNREADABLE: "restore the state key, or remove the wrong one of two states",
            Reason.STATE_LOCKED: "let the holder end, or do as the message says once it surely has",
            Reason.NAME_CONFLICT: "rename or remove the object that is in the way",
            Reason.REBUILD_REFUSED: "name another server in the annotation rebuild, or remove it",
            Reason.IDENTITY_UNCONFIRMED: "restore its whole backup",
            Reason.MOVED: "work on it where it is now",
            Reason.PROTECTED_DELETION: "set spec.deletionProtection to false to let the deletion go on",
            Reason.DESTROY_FAILED: "follow the remedy in status.lastErrors",
            Reason.REMOVING_OVERLAY: "let the operator push, or set spec.decommission.removeOverlay to false",
            Reason.LEFTOVERS: "remove or detach the listed objects, or set spec.decommission.sweep to All",
            Reason.EXPORT_NOT_ACKNOWLEDGED: "export OpenBao, then set spec.decommission.acknowledgeExported",
            Reason.API_UNREACHABLE: "find out why the new cluster does not answer, as the runbook says",
            Reason.UNAUTHORIZED: "restore the operator's rights on the new cluster",
            Reason.ANSWERS_TOO_LARGE: "remove from the new cluster what is too large or too many, as the runbook says",
            Reason.FLUX_MISSING: "reprovision: nothing installs Flux a second time",
            Reason.FAILED: "repair the component; it goes on by itself",
            Reason.FLUX_NOT_RECONCILING: "find out why the new cluster's Flux applies nothing",
            Reason.TIMEOUT: "repair what is missing; it goes on by itself, and a rejoin gives it its time again",
            Reason.DNS_NOT_READY: "do what DomainReady says about the domain",
            Reason.LIVE_RECORDS: "use a name below the domain, or acknowledge that its live records stop",
            Reason.DNSSEC_ENABLED: "turn DNSSEC off for the domain",
            Reason.REGISTRAR_DENIED: "put the registrar's account in order as the message says",
            Reason.DOMAIN_TAKEN: "choose another name",
            Reason.DOMAIN_QUOTA: "give a name of this namespace back, or ask for a higher quota",
            Reason.NAME_RESERVED: "choose another name: this one is kept for the pool's own use",
            Reason.NOT_IN_POOL: "use a name under one of the operator's pool domains",
            Reason.UNDER_POOL: "use mode pool: the name lies under a pool domain",
        },
    ),
    ConditionDoc(
        ConditionType.TOFU_INIT,
        "OpenTofu is initialised: module, provider and state backend.",
        _PHASE_REASONS,
    ),
    ConditionDoc(
        ConditionType.TOFU_PLAN,
        "A plan exists and the gate let it pass.",
        _PHASE_REASONS
        | {Reason.AWAITING_APPROVAL: "the gate stopped the run; review status.plan and approve its digest"},
    ),
    ConditionDoc(ConditionType.TOFU_APPLY, "The plan is applied: the cloud objects exist.", _PHASE_REASONS),
    ConditionDoc(ConditionType.TOFU_OUTPUT, "status.outputs is read from the state.", _PHASE_REASONS),
    ConditionDoc(
        ConditionType.FLUX_BOOTSTRAP,
        "The new cluster's API answers, Flux runs there and knows its GitRepository and Kustomization.",
        {
            Reason.WAITING: "the infrastructure is not there yet",
            Reason.RUNNING: "cloud-init is at work; the message says what is awaited and since when",
            Reason.API_UNREACHABLE: "the API server does not answer any more, or has not for the first ten minutes",
            Reason.UNAUTHORIZED: "the API server refuses the operator's certificate",
            Reason.ANSWERS_TOO_LARGE: "the API server answers with more than is read; what is there is unknown",
            Reason.FLUX_MISSING: "the API server answers, but Flux's controllers are not there any more",
            Reason.SUCCEEDED: "Flux reconciles the bootstrap kit",
        },
    ),
    ConditionDoc(
        ConditionType.PREFLIGHT_PASSED,
        "Token, sizes, names and SSH keys were checked with the provider before anything was spent; status.preflight "
        "lists each check, and user data, which each plan checks.",
        {
            Reason.PASSED: "every check with the provider passed",
            Reason.CHECK_FAILED: "a check failed; nothing was created",
            Reason.NOT_CHECKED: "something could not be checked; the run goes on and OpenTofu decides, once the "
            "provider's rate limit allows it",
        },
    ),
    ConditionDoc(
        ConditionType.DOMAIN_RESERVED,
        "The DomainReservation of the FQDN is this Sovereign's.",
        {
            Reason.RESERVED: "the name is ours, and nothing stands in the way of serving it",
            Reason.COMMITTED: "the name is ours for good",
            Reason.PENDING: "the reservation was not judged yet",
            Reason.DOMAIN_TAKEN: "another owner holds the name, one above or one below it",
            Reason.DOMAIN_QUOTA: "the namespace holds as many names as it may",
            Reason.NAME_RESERVED: "the name is kept for the pool's own use",
            Reason.NOT_IN_POOL: "the name is not under a pool domain",
            Reason.UNDER_POOL: "a name under a pool domain must use mode pool",
            Reason.INVALID_SPEC: "the name is a public suffix, which nobody can own",
            Reason.EXPIRED: "the reservation ran out",
            Reason.CREDENTIALS_MISSING: "the registrar's Secret or a key of it is not there",
            Reason.CREDENTIALS_INVALID: "the registrar refuses the credentials",
            Reason.REGISTRAR_DENIED: "the registrar's credentials are valid, but lack the right to change this domain",
            Reason.REGISTRAR_UNREACHABLE: "the registrar does not answer; tried again",
            Reason.LIVE_RECORDS: "the domain carries live records; acknowledgeLiveRecords is not set",
            Reason.DNSSEC_ENABLED: "the parent has a DS record for the name: unsigned answers are not believed",
            Reason.DELETING: "the name is being given back",
            Reason.DNS_NOT_CONFIGURED: "the operator serves no domains",
        },
    ),
    ConditionDoc(
        ConditionType.DOMAIN_READY,
        "The zone is served and the parent delegates to it.",
        {
            Reason.SUCCEEDED: "zone and delegation answer",
            Reason.PENDING: "the name is being reserved or served, or was not looked at yet",
            Reason.AWAITING_ADDRESS: "the load balancer's address is not known yet",
            Reason.AWAITING_DELEGATION: "the parent does not delegate yet; the message lists the NS records to set",
            Reason.POWERDNS_UNREACHABLE: "the DNS server's API does not answer; tried again",
            Reason.SERVERS_DISAGREE: "the parent's servers give different answers",
            Reason.ZONE_FOREIGN: "a zone or records of this name are somebody else's",
            Reason.LIVE_RECORDS: "the domain carries live records; acknowledgeLiveRecords is not set",
            Reason.DNSSEC_ENABLED: "the parent has a DS record for the name: unsigned answers are not believed",
            Reason.CREDENTIALS_MISSING: "the registrar's Secret or a key of it is not there",
            Reason.CREDENTIALS_INVALID: "the registrar refuses the credentials",
            Reason.REGISTRAR_DENIED: "the registrar refused the change",
            Reason.REGISTRAR_UNREACHABLE: "the registrar does not answer; tried again",
            Reason.DOMAIN_TAKEN: "another owner holds the name, one above or one below it",
            Reason.DOMAIN_QUOTA: "the namespace holds as many names as it may",
            Reason.NAME_RESERVED: "the name is kept for the pool's own use",
            Reason.NOT_IN_POOL: "the name is not under a pool domain",
            Reason.UNDER_POOL: "a name under a pool domain must use mode pool",
            Reason.INVALID_SPEC: "the name is a public suffix, which nobody can own",
            Reason.EXPIRED: "the reservation ran out",
            Reason.DELETING: "the reservation is being given back",
            Reason.DNS_NOT_CONFIGURED: "the operator serves no domains",
        },
    ),
    ConditionDoc(
        ConditionType.KIT_READY,
        "The bootstrap kit is installed; the reason is status.phase1Outcome in CamelCase.",
        {
            Reason.WAITING: "the infrastructure is not there yet",
            Reason.PROGRESSING: "no verdict yet",
            Reason.UPGRADING: "no verdict any more: it was installed, and components of it are being upgraded",
            Reason.READY: "every expected component is installed",
            Reason.FAILED: "every component settled, at least one failed for good",
            Reason.FLUX_NOT_RECONCILING: "no HelmRelease was seen within firstSeenTimeout; the watch goes on",
            Reason.TIMEOUT: "watchTimeout passed with some components not installed; the watch goes on",
        },
    ),
    ConditionDoc(
        ConditionType.HANDED_OFF,
        "The operator holds no key to the Sovereign any more; the message says what its own Crossplane was given.",
        {
            Reason.AWAITING_HAND_OFF: "not everything is ready, handOff.mode Manual waits for the annotation "
            "handOffRequestedAt, the new cluster has not applied what was pushed last, or the token of spec.crossplane "
            "is not proven",
            Reason.NAME_CONFLICT: "a Secret of the name that the owner's kubeconfig is to have is in the way",
            Reason.PROJECT_MISMATCH: "the token of spec.crossplane opens another project than the Sovereign's",
            Reason.RUNNING: "the state is archived, given to its own Crossplane if it has one, and access given up",
            Reason.HANDED_OFF: "done and proven: the old certificate is refused",
        },
    ),
    ConditionDoc(
        ConditionType.DRIFTED,
        "The cloud differs from what was applied; only checked with spec.driftDetection, from the first apply to the "
        "hand-off.",
        {
            Reason.NO_DRIFT: "the last check found no difference, or an apply since left none",
            Reason.DRIFT_DETECTED: "the last check found differences; the message and status.drift name them",
            Reason.SERVERS_OFF: "nothing differs from what was asked for, but servers are powered off",
            Reason.NOT_CHECKED: "no check was made yet, the last one came to nothing, or the next one cannot be made",
        },
    ),
    ConditionDoc(
        ConditionType.DELETING,
        "Deletion is under way; the message says what is being taken back.",
        {
            Reason.WAITING: "a run in progress is brought to an end first, or the OpenTofu state is put in order",
            Reason.QUEUED: "the destroy run waits until fewer runs are under way",
            Reason.DESTROYING: "the destroy run is at work",
            Reason.DESTROY_FAILED: "the destroy run failed; it is tried again",
            Reason.REMOVING_OVERLAY: "the folder in Git is being removed, since decommission.removeOverlay says so",
            Reason.RELEASING_DOMAIN: "DNS records, delegation and reservation are being removed",
            Reason.LEFTOVERS: "somebody else's servers, load balancers or volumes hang on it, and block",
            Reason.PROJECT_MISMATCH: "the token opens another project than the one that the Sovereign is in",
            Reason.CLEANING_UP: "nothing is left in the cloud; the run namespace is being removed",
            Reason.CREDENTIALS_MISSING: "there is no token to destroy with",
            Reason.PROTECTED_DELETION: "spec.deletionProtection is true: nothing is destroyed",
            Reason.EXPORT_NOT_ACKNOWLEDGED: "a handed-off Sovereign needs decommission.acknowledgeExported",
            Reason.ORPHANED: "deletionPolicy Orphan: the cloud objects stay",
        },
    ),
)

# Conditions of a DomainReservation, one entry a type.
DOMAIN_CONDITIONS: tuple[ConditionDoc, ...] = (
    ConditionDoc(
        ConditionType.READY,
        "The name is served and delegated. Always present.",
        {
            Reason.SUCCEEDED: "the name is served and delegated",
            Reason.PENDING: "nothing was done yet",
            Reason.AWAITING_ADDRESS: "the name is held; spec.loadBalancerIP is not set yet",
            Reason.AWAITING_DELEGATION: "the parent zone does not delegate the name yet",
            Reason.DOMAIN_TAKEN: "another owner holds a name above or below this one",
            Reason.DOMAIN_QUOTA: "the namespace holds as many names as it may",
            Reason.NAME_RESERVED: "the name is kept for the pool's own use",
            Reason.NOT_IN_POOL: "mode pool, but the name is under no pool domain",
            Reason.UNDER_POOL: "mode byo-manual or byo-api, but the name is under a pool domain",
            Reason.EXPIRED: "the reservation ran out before it was committed",
            Reason.INVALID_SPEC: "the name is a public suffix, which nobody can own; or this version of the operator "
            "cannot read the spec",
            Reason.PROGRESSING: "zone or delegation are being made or changed",
            Reason.POWERDNS_UNREACHABLE: "the DNS server refuses the operator's key, or does not have the pool's zone",
            Reason.DNS_NOT_CONFIGURED: "the operator serves no domains",
            Reason.CREDENTIALS_MISSING: "the registrar's Secret or a key of it is not there",
            Reason.CREDENTIALS_INVALID: "the registrar refuses the credentials",
            Reason.LIVE_RECORDS: "the domain carries live records; acknowledgeLiveRecords is not set",
            Reason.DNSSEC_ENABLED: "the parent has a DS record for the name: unsigned answers are not believed",
            Reason.REGISTRAR_DENIED: "the registrar refused the change",
            Reason.ZONE_FOREIGN: "a zone of this name belongs to somebody else",
            Reason.RETRYING: "a passing failure; the message says when it is tried again",
            Reason.DELETING: "records, delegation and zone are being removed",
        },
    ),
    ConditionDoc(
        ConditionType.RECONCILING,
        "Work is under way and goes on by itself. Present only while True.",
        {
            Reason.PROGRESSING: "zone or delegation are being changed",
            Reason.AWAITING_DELEGATION: "waiting for the parent zone",
            Reason.RETRYING: "a passing failure; the message says when it is tried again",
            Reason.DELETING: "records, delegation and zone are being removed",
        },
    ),
    ConditionDoc(
        ConditionType.STALLED,
        "Nothing more happens until somebody acts: the message says what to do. Present only while True.",
        {
            Reason.DOMAIN_TAKEN: "choose another name",
            Reason.DOMAIN_QUOTA: "give a name of this namespace back",
            Reason.NAME_RESERVED: "choose another name",
            Reason.NOT_IN_POOL: "use a name under one of the operator's pool domains",
            Reason.UNDER_POOL: "use mode pool",
            Reason.EXPIRED: "nothing: it is removed; apply it again if it is still wanted",
            Reason.INVALID_SPEC: "use a domain that is registered below the public suffix, or do as the message says",
            Reason.POWERDNS_UNREACHABLE: "correct the operator's settings CATALYST_POWERDNS_*",
            Reason.DNS_NOT_CONFIGURED: "give the operator a PowerDNS: docs/domains.md",
            Reason.CREDENTIALS_MISSING: "create the Secret, or add its key",
            Reason.CREDENTIALS_INVALID: "put valid credentials into the Secret",
            Reason.LIVE_RECORDS: "set acknowledgeLiveRecords if the live records may go",
            Reason.DNSSEC_ENABLED: "turn DNSSEC off for the domain",
            Reason.REGISTRAR_DENIED: "correct the registrar's account or token as the message says",
            Reason.ZONE_FOREIGN: "remove the zone or choose another name",
        },
    ),
    ConditionDoc(
        ConditionType.RESERVED,
        "The name is held for this reservation's owner.",
        {
            Reason.RESERVED: "held until status.expiresAt",
            Reason.COMMITTED: "held for good: an address is set",
            Reason.PENDING: "held as soon as the registrar accepts the credentials, or a claim without proof has gone",
            Reason.DOMAIN_TAKEN: "another owner holds a name above or below this one",
            Reason.DOMAIN_QUOTA: "the namespace holds as many names as it may",
            Reason.NAME_RESERVED: "the name is kept for the pool's own use",
            Reason.NOT_IN_POOL: "mode pool, but the name is under no pool domain",
            Reason.UNDER_POOL: "mode byo-manual or byo-api, but the name is under a pool domain",
            Reason.EXPIRED: "the reservation ran out",
            Reason.INVALID_SPEC: "the name is a public suffix, which nobody can own",
            Reason.DNS_NOT_CONFIGURED: "the operator serves no domains",
        },
    ),
    ConditionDoc(
        ConditionType.ZONE_READY,
        "The zone with its records is served.",
        {
            Reason.SUCCEEDED: "the authoritative servers answer with the records",
            Reason.PENDING: "the zone is being made or changed, or its servers do not give it yet",
            Reason.AWAITING_ADDRESS: "spec.loadBalancerIP is not set yet",
            Reason.ZONE_FOREIGN: "a zone of this name exists and is not ours: never touched",
            Reason.POWERDNS_UNREACHABLE: "the DNS server's API does not answer; tried again",
        },
    ),
    ConditionDoc(
        ConditionType.DELEGATED,
        "All servers of the parent zone delegate the name to ours.",
        {
            Reason.SUCCEEDED: "all of the parent's servers agree",
            Reason.AWAITING_ADDRESS: "nothing to delegate before the zone exists",
            Reason.PENDING: "nothing to delegate before the zone exists",
            Reason.POWERDNS_UNREACHABLE: "the pool's zone cannot be read",
            Reason.ZONE_FOREIGN: "the zone is not ours, or the pool's zone holds records that a delegation would hide",
            Reason.CREDENTIALS_MISSING: "the registrar's Secret or a key of it is not there",
            Reason.CREDENTIALS_INVALID: "the registrar refuses the credentials",
            Reason.AWAITING_DELEGATION: "the NS records in status.nameservers are not at the parent yet",
            Reason.SERVERS_DISAGREE: "the parent's servers give different answers",
            Reason.LIVE_RECORDS: "the domain carries live MX, A or AAAA records; acknowledgeLiveRecords is not set",
            Reason.DNSSEC_ENABLED: "the parent has a DS record for the name: unsigned answers are not believed",
            Reason.REGISTRAR_DENIED: "the registrar refused the change",
            Reason.REGISTRAR_UNREACHABLE: "the registrar does not answer; tried again",
        },
    ),
    ConditionDoc(
        ConditionType.REGISTRAR_CREDENTIALS_VALID,
        "The registrar accepts the credentials, tested by reading only. Mode byo-api only.",
        {
            Reason.PASSED: "the registrar accepts them",
            Reason.PENDING: "the registrar has not been asked yet",
            Reason.CREDENTIALS_MISSING: "the Secret or a key of it is not there",
            Reason.CREDENTIALS_INVALID: "the registrar refuses them",
            Reason.REGISTRAR_DENIED: "valid, but without the right to change this domain",
            Reason.REGISTRAR_UNREACHABLE: "the registrar does not answer; tried again",
        },
    ),
)
