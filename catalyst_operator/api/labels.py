"""Names that objects carry: API group, labels, annotations, finalizers. Other parts refer to these, never
to literals."""

GROUP = "catalyst.openova.io"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

OPERATOR_NAME = "catalyst-operator"
FIELD_MANAGER = OPERATOR_NAME

LABEL_SOVEREIGN = f"{GROUP}/sovereign"
LABEL_SOVEREIGN_NAMESPACE = f"{GROUP}/sovereign-namespace"
LABEL_SOVEREIGN_UID = f"{GROUP}/sovereign-uid"
LABEL_ROLE = f"{GROUP}/role"

# Value of the role label on run namespaces; the admission policies protect what carries it.
ROLE_RUN = "run"
ROLE_ARCHIVE = "archive"
ROLE_KUBECONFIG = "kubeconfig"
ROLE_KEYS = "keys"

# On a Sovereign and on a DomainReservation: what they made is taken back before they go.
FINALIZER_SOVEREIGN = f"{GROUP}/sovereign"
FINALIZER_DOMAIN_RESERVATION = f"{GROUP}/domain-reservation"
# On a run's Pod: its states and messages are recorded before it may vanish.
FINALIZER_OBSERVED = f"{GROUP}/observed"
# On the record ConfigMap: it outlives every accident but the end of its Sovereign.
FINALIZER_RECORD = f"{GROUP}/record"

# Flux's own name, so that `flux reconcile`-style tooling works; the others are ours. Each is answered in status
# (`lastHandled...At`), so that none fires twice.
ANNOTATION_RECONCILE = "reconcile.fluxcd.io/requestedAt"
ANNOTATION_RETRY = f"{GROUP}/retryRequestedAt"
ANNOTATION_CANCEL = f"{GROUP}/cancelRequestedAt"
ANNOTATION_REJOIN = f"{GROUP}/rejoinRequestedAt"
ANNOTATION_HAND_OFF = f"{GROUP}/handOffRequestedAt"
ANNOTATION_CONFIRM_PROJECT = f"{GROUP}/projectConfirmedAt"
# Names the server that is to be made again, as status.servers does; `@` and anything after it tell one request for the
# same server from another.
ANNOTATION_REBUILD = f"{GROUP}/rebuild"

# On a DomainReservation: the name servers found at the registrar before the first change. Metadata survives a backup
# and restore; status does not.
ANNOTATION_PREVIOUS_NAMESERVERS = f"{GROUP}/previous-nameservers"

# On the copy of a Secret: UID and resourceVersion of what it was copied from.
ANNOTATION_COPIED_FROM = f"{GROUP}/copied-from"

# On a run namespace: the operator's proof that it made the namespace, for the Sovereign of its labels.
ANNOTATION_PROOF = f"{GROUP}/proof"

# On a run namespace: which object holds it now, if not the one whose UID its labels carry; written by administrators.
ANNOTATION_HELD_BY = f"{GROUP}/held-by"
# On a DomainReservation that was restored: the UID that its zone and its records are marked with.
ANNOTATION_ORIGINAL_UID = f"{GROUP}/original-uid"

# On the namespace of an owner, one annotation a Sovereign: <prefix><name> = <UID>. It stands as long as our finalizer
# does; the admission policies keep a namespace that has one.
MARK_PREFIX = f"sovereigns.{GROUP}/"

# A verb of RBAC on Sovereigns that nobody has but the operator (and who may do everything): the admission policies tell
# the operator by it, whatever namespace it runs in.
VERB_OPERATE = "operate"
# Who is in this group is refused nothing by the policies that guard what the operator made. Nobody is by himself: an
# administrator impersonates it, for one command.
BREAK_GLASS_GROUP = "catalyst:break-glass"

# On a run's Job and Pod.
LABEL_VERB = f"{GROUP}/verb"
LABEL_ATTEMPT = f"{GROUP}/attempt"
