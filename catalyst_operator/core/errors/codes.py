"""What errors are called, whether they pass by themselves, and what is to be done about each: one row a code."""

from __future__ import annotations

import re
from dataclasses import dataclass

from catalyst_operator.api import labels
from catalyst_operator.core import naming
from catalyst_operator.core.conditions import MAX_MESSAGE
from catalyst_operator.core.record import ErrorEntry
from catalyst_operator.core.redact import shorten

UNKNOWN = "ERR_TOFU"


@dataclass(frozen=True)
class Code:
    """One row of the table. The runbook has a chapter of the same name."""

    code: str
    remedy: str
    """What to do about it, in one or two sentences."""
    terminal: bool
    """Lasting: waiting does not help, somebody has to change something. Else it is worth another attempt."""
    command: str = ""
    """The one line to run that goes with the remedy, where there is one; {namespace}, {name} and {secret} stand for the
    Sovereign's own."""

    def entry(
        self,
        message: str,
        *,
        remedy: str = "",
        lasting: bool | None = None,
        command: str = "",
        addresses: tuple[str, ...] = (),
    ) -> ErrorEntry:
        """An error of this code. Remedy, command and whether it lasts are the code's, unless more is known."""
        return ErrorEntry(
            code=self.code,
            message=shorten(message, MAX_MESSAGE),
            remedy=remedy or self.remedy,
            terminal=self.terminal if lasting is None else lasting,
            addresses=addresses,
            command=command or _command_in(remedy) or self.command,
        )


def _command_in(remedy: str) -> str:
    """A remedy that is made for one case has its command in back quotes."""
    found = _COMMAND.search(remedy)
    return found.group(1) if found else ""


_COMMAND = re.compile(r"`(kubectl [^`]+)`")


_RETRY = f"annotate the Sovereign with {labels.ANNOTATION_RETRY}=<any new value>"
_RETRY_COMMAND = (
    f"kubectl -n {{namespace}} annotate sovereign {{name}} --overwrite {labels.ANNOTATION_RETRY}=$(date +%s)"
)
_GIVE_CREDENTIALS = (
    """echo 'Paste the token, then Enter'; read -rs TOKEN; printf %s "$TOKEN" | """
    "kubectl -n {namespace} create secret generic {secret} --from-file=token=/dev/stdin --dry-run=client -o yaml "
    "| kubectl apply --server-side --force-conflicts -f -"
)


def give_token(secret: str) -> str:
    """The one line that puts a token into another Secret than that of the credentials."""
    return _GIVE_CREDENTIALS.replace("{secret}", secret)


_EDIT_COMMAND = "kubectl -n {namespace} edit sovereign {name}"

TOKEN_READONLY = Code(
    "ERR_TOKEN_READONLY",
    "Create a token with Read & Write permission in the project (Security, API tokens) and put it under the key "
    "'token' of the credentials Secret; it goes on by itself.",
    terminal=True,
    command=_GIVE_CREDENTIALS,
)
TOKEN_INVALID = Code(
    "ERR_TOKEN_INVALID",
    "Put a valid token under the key 'token' of the credentials Secret; it goes on by itself.",
    terminal=True,
    command=_GIVE_CREDENTIALS,
)
CREDENTIAL_CODES = frozenset({TOKEN_INVALID.code, TOKEN_READONLY.code})
"""What the token is to blame for: with such a one nothing was ever made."""
_CONFIRM = f"annotate the Sovereign with {labels.ANNOTATION_CONFIRM_PROJECT}=<any new value>"
PROJECT_MISMATCH = Code(
    "ERR_PROJECT_MISMATCH",
    "Put a token of the Sovereign's own project under the key 'token' of the credentials Secret; it goes on by itself. "
    f"Only if it is the right project and somebody deleted everything of the Sovereign there: {_CONFIRM}.",
    terminal=True,
    command=_GIVE_CREDENTIALS,
)
CROSSPLANE_TOKEN = Code(
    "ERR_CROSSPLANE_TOKEN",
    "Put a token of the Sovereign's own project under the key 'token' of the Secret that spec.crossplane names; the "
    "hand-off then begins by itself.",
    terminal=True,
)
OBJECTS_GONE = Code(
    "ERR_OBJECTS_GONE",
    "Put a token of the Sovereign's own project under the key 'token' of the credentials Secret; it goes on by itself. "
    f"Only if all of it was deleted in the project: {_CONFIRM}, or set spec.deletionPolicy to Orphan.",
    terminal=True,
    command=_GIVE_CREDENTIALS,
)
QUOTA_EXCEEDED = Code(
    "ERR_QUOTA_EXCEEDED",
    "Ask Hetzner to raise the project's limit (Console, Limits), free something in the project, or lower "
    f"spec.workers.replicas; unless you edited the spec, {_RETRY} then.",
    terminal=True,
    command=_RETRY_COMMAND,
)
CAPACITY = Code(
    "ERR_CAPACITY",
    "Hetzner has no room for this size in this location at the moment. Name other sizes in spec.workers.sizeFallbacks "
    "or spec.controlPlane.sizeFallbacks, or choose another size, or another location as long as status.outputs does "
    "not exist.",
    terminal=False,
)
RESIZE_REFUSED = (
    "Hetzner has no room for the new size at the moment. Put the size back in the spec, or choose another one; to try "
    f"the same again, which powers the server off again, {_RETRY}."
)
"""What to do where the size that is not to be had is the new one of a server that exists."""
SERVER_OFF = Code(
    "ERR_SERVER_OFF",
    "The next run starts it before anything else. Until then, or if it does not, start it in Hetzner's console, or "
    "with `hcloud server poweron <name>`.",
    terminal=False,
)
RATE_LIMITED = Code(
    "ERR_RATE_LIMITED",
    "The project's request limit refills within the hour. If this comes again and again, find out what else uses it.",
    terminal=False,
)
CLOUD_UNAVAILABLE = Code(
    "ERR_CLOUD_UNAVAILABLE",
    "Nothing to do if it passes. If it lasts, look at status.hetzner.com, and whether Pods of this cluster reach "
    "api.hetzner.cloud over HTTPS.",
    terminal=False,
)
NAME_CONFLICT = Code(
    "ERR_NAME_CONFLICT",
    "Rename or remove it in the project, or use another project. What an earlier run left is adopted by itself.",
    terminal=False,
)
SSH_KEY_CONFLICT = Code(
    "ERR_SSH_KEY_CONFLICT",
    "Hetzner takes an SSH key only once per project. Use another key in spec.sshPublicKeys, or another project, or "
    "remove the key from the project if nothing else needs it.",
    terminal=False,
)
INVALID_INPUT = Code(
    "ERR_INVALID_INPUT",
    "A value was refused; correct the field of the spec that the message names.",
    terminal=True,
    command=_EDIT_COMMAND,
)
SIZE_UNKNOWN = Code(
    "ERR_SIZE_UNKNOWN",
    "Correct size or sizeFallbacks in spec.controlPlane or spec.workers.",
    terminal=True,
    command=_EDIT_COMMAND,
)
SIZE_RETIRED = Code(
    "ERR_SIZE_RETIRED",
    "Edit size or sizeFallbacks in spec.controlPlane or spec.workers; servers that exist stay as they are.",
    terminal=True,
    command=_EDIT_COMMAND,
)
SIZE_NOT_IN_LOCATION = Code(
    "ERR_SIZE_NOT_IN_LOCATION",
    "Hetzner does not offer this size in this location. Choose another size, or another location as long as "
    "status.outputs does not exist.",
    terminal=True,
    command=_EDIT_COMMAND,
)
USERDATA_TOO_BIG = Code(
    "ERR_USERDATA_TOO_BIG",
    "Shorten long values such as spec.gitops.url and spec.gitops.path; if there are none, report it.",
    terminal=True,
)
USERDATA_INVALID = Code(
    "ERR_USERDATA_INVALID",
    "What the first boot is told is not valid cloud-config: a value breaks the document around it. Look for unusual "
    "characters in the spec's keys, names and URLs, and report it: no value should be able to.",
    terminal=True,
)
PROTECTED = Code(
    "ERR_PROTECTED",
    "Somebody protected this object in the project. Turn its protection off (Console, the object, its menu) and "
    f"{_RETRY}; if Hetzner itself locked it, ask their support.",
    terminal=True,
    command=_RETRY_COMMAND,
)
RESOURCE_IN_USE = Code(
    "ERR_RESOURCE_IN_USE",
    "Something else in the project still uses this object: look it up there, and detach or remove what is not of "
    "this Sovereign.",
    terminal=False,
)
OBJECT_VANISHED = Code(
    "ERR_OBJECT_VANISHED",
    "Somebody deleted it in the project between the plan and the apply. Nothing to do: the next run plans with what is "
    "there.",
    terminal=False,
)
ALREADY_EXISTS = Code(
    "ERR_ALREADY_EXISTS",
    "It is there already, and the state had lost sight of it. Nothing to do: the next run takes it into the state.",
    terminal=False,
)
PROVIDER_CRASHED = Code(
    "ERR_PROVIDER_CRASHED",
    "Nothing to do if it passes: the next run plans with what is there, and takes in what this one made. If it lasts, "
    "report it with the run's log.",
    terminal=False,
)
STATE_LOCKED = Code(
    "ERR_STATE_LOCKED",
    "Whoever holds the lock of the state has to end first. If that was a tofu of yours that is gone, release it with "
    "`tofu force-unlock` and the lock's id.",
    terminal=False,
)
STATE_READ = Code(
    "ERR_STATE_READ",
    "See in the message why the state could not be read. Out of reach: nothing to do here. Forbidden: apply the "
    f"operator's manifests again, ClusterRole {naming.RUN_CLUSTER_ROLE} is not what it was. Of a state backend: ask "
    "its administrators.",
    terminal=False,
)
STATE_WRITE = Code(
    "ERR_STATE_WRITE",
    "See in the message why the management cluster's API server, or the state backend, did not take the state: out of "
    "reach, a quota, an admission policy, or more than the 1 MiB that a Secret holds.",
    terminal=False,
)
STATE_BACKEND = Code(
    "ERR_STATE_BACKEND",
    "An administrator of the operator puts the credentials of the state backend into this Secret. It goes on then.",
    terminal=False,
)
STATE_KEY = Code(
    "ERR_STATE_KEY",
    f"Restore Secret '{naming.STATE_KEY_SECRET}' of the run namespace from a backup of this Sovereign; the operator "
    f"never starts with an empty state instead. If it was there but did not fit, {_RETRY} afterwards.",
    terminal=True,
    command=_RETRY_COMMAND,
)
STATE_LOST = Code(
    "ERR_STATE_LOST",
    "Restore it from a backup: applying without it would create everything a second time.",
    terminal=True,
)
STATE_TRANSFER = Code(
    "ERR_STATE_TRANSFER",
    "The hand-off waits, and tries it again. If it does not pass, the chapter tells what to look at.",
    terminal=False,
)
CLUSTER_SECRETS_LOST = Code(
    "ERR_CLUSTER_SECRETS",
    "Restore it from a backup of this Sovereign: with others, no new node could join the cluster.",
    terminal=True,
)
RECORD_LOST = Code(
    "ERR_RECORD",
    "Restore it from a backup of this Sovereign, or mend it by hand; if it was written by a newer version of the "
    "operator, install that version again. It goes on by itself.",
    terminal=True,
)
CLUSTER_REFUSED = Code(
    "ERR_CLUSTER_REFUSED",
    "See in the message what the management cluster's API server answers: a right that is missing (apply the "
    "operator's manifests again), a quota, an admission policy, or a server that is overloaded or out of reach.",
    terminal=False,
)
LEFTOVERS = Code(
    "ERR_LEFTOVERS",
    "Objects in the project are in the way, or are left with this Sovereign's label; the message lists them. Remove or "
    "detach them, or wait if they are being deleted.",
    terminal=False,
)
PLAN_REFUSED = Code(
    "ERR_PLAN_REFUSED",
    "This plan is never applied, approved or not. Edit the spec so that it plans something else.",
    terminal=True,
)
GIVEN_STATE = Code(
    "ERR_GIVEN_STATE",
    "Nothing was destroyed with it. Correct the Secret, which is then taken by itself, or take the field out: the "
    "archived state is then used.",
    terminal=True,
)
CLUSTER_LOST = Code(
    "ERR_CLUSTER_LOST",
    "Only a new cluster helps: save what can be saved, take off spec.deletionProtection, delete the Sovereign and "
    "apply it again.",
    terminal=True,
)
OUT_OF_MEMORY = Code(
    "ERR_OUT_OF_MEMORY",
    "Raise CATALYST_RUN_MEMORY_LIMIT in the operator's Deployment, for example to 1Gi.",
    terminal=False,
)
RUN_INTERRUPTED = Code(
    "ERR_RUN_INTERRUPTED",
    "The next run goes on from the state. If it happens again and again, find out what evicts or deletes the run's "
    "Pods.",
    terminal=False,
)
IMAGE_PULL = Code(
    "ERR_IMAGE_PULL",
    "The node cannot pull the run's image. Correct the image of Deployment catalyst-operator (or CATALYST_IMAGE) or "
    "its imagePullSecrets, and see that the pull Secret is valid.",
    terminal=False,
)
RUN_START = Code(
    "ERR_RUN_START",
    "The kubelet cannot start the run's container; the message says what is missing. See the events of the run "
    "namespace (status.runNamespace).",
    terminal=False,
)
UNSCHEDULABLE = Code(
    "ERR_UNSCHEDULABLE",
    "No node of the management cluster takes the run's Pod. Free or add CPU and memory there, or remove the taint "
    "that the message names.",
    terminal=False,
)
INCOMPLETE_IMAGE = Code(
    UNKNOWN,
    "The module, its lock file and the provider in the operator's image do not fit together. Deploy a released image "
    f"or build yours anew; then {_RETRY}.",
    terminal=False,
    command=_RETRY_COMMAND,
)
OUTDATED_PROVIDER = Code(
    UNKNOWN,
    "Hetzner's API has no more what the provider in the operator's image asks for. Deploy a newer release of the "
    f"operator; then {_RETRY}.",
    terminal=False,
    command=_RETRY_COMMAND,
)
# --- the new cluster --------------------------------------------------------------------------------------------------
# Whatever is said of it is looked at again all the time: once the cause is gone, it goes on by itself. Commands are for
# the new cluster unless they name a Sovereign.

API_UNREACHABLE = Code(
    "ERR_API_UNREACHABLE",
    "Read on the first control plane why k3s does not answer: `journalctl -u k3s -n 100`. How far its first boot came "
    "is in /var/log/catalyst-bootstrap.log there. See also that the operator may reach port 6443 of the internet, and "
    "that spec.apiAllowedCIDRs holds the addresses it comes from.",
    terminal=False,
)
REMOTE_UNTRUSTED = Code(
    "ERR_REMOTE_UNTRUSTED",
    "Nothing is sent to a server that cannot prove to be this cluster. See whose certificate it is: `openssl s_client "
    "-showcerts -connect <address>:6443 </dev/null`. A server that was rebuilt by hand has to be made anew.",
    terminal=True,
)
REMOTE_UNAUTHORIZED = Code(
    "ERR_REMOTE_UNAUTHORIZED",
    "The new cluster refuses the operator. Give back the rights that its first boot made, on the first control plane: "
    "`kubectl apply --server-side -f /etc/catalyst/manifests/10-observer.yaml`. The clocks of both clusters have to "
    "agree, too.",
    terminal=False,
)
REMOTE_TOO_BIG = Code(
    "ERR_REMOTE_TOO_BIG",
    "The new cluster answers with more than the operator reads of one cluster. Find out what is too large or too many "
    "there, and remove it: `kubectl get all,events -A --chunk-size=50 | cut -d' ' -f1 | sort | uniq -c`. If it is all "
    "meant to be there, report it.",
    terminal=False,
)
FLUX_GONE = Code(
    "ERR_FLUX_GONE",
    "Nothing on that cluster can bring Flux back in order: only a new cluster helps. Once what matters is saved, "
    "delete the Sovereign and apply it again: `kubectl delete sovereign <name>`.",
    terminal=True,
)
FLUX_PIN_DRIFT = Code(
    "ERR_FLUX_PIN_DRIFT",
    "The Flux that booted and the one that bp-flux brings are not of the same version. Before Helm rolls back and "
    "removes Flux, stop it: `kubectl -n flux-system patch helmrelease bp-flux "
    # Under kubectl's own name Flux would take it back.
    "--field-manager=flux-client-side-apply --type merge -p "
    """'{"spec":{"suspend":true}}'`.""",
    terminal=True,
)
FLUX_NOT_RECONCILING = Code(
    "ERR_FLUX_NOT_RECONCILING",
    "See what Flux says of the kit: `kubectl -n flux-system get gitrepositories,kustomizations -o wide`. The runbook "
    "walks on from there.",
    terminal=True,
)
KIT_TIMEOUT = Code(
    "ERR_KIT_TIMEOUT",
    "See what is missing: `kubectl -n flux-system get helmreleases`. It is still watched; to give it more time, "
    f"annotate the Sovereign with {labels.ANNOTATION_REJOIN}=<any new value>.",
    terminal=True,
)
CNI_STUCK = Code(
    "ERR_CNI_STUCK",
    "No Pod starts without a network. Read on the node why Cilium does not come up: `journalctl -u k3s -n 100`.",
    terminal=True,
)
REBUILD_REFUSED = Code(
    "ERR_REBUILD_REFUSED",
    "Name a server as status.servers does in the annotation catalyst.openova.io/rebuild, or remove the annotation.",
    terminal=True,
)
DEAD_NODE = Code(
    "ERR_DEAD_NODE",
    "On the new cluster, delete the node that is not ready: `kubectl delete node <name>`. The server of its name joins "
    "within a minute.",
    terminal=False,
)
NODE_NOT_READY = Code(
    "ERR_NODE_NOT_READY",
    "Read on that server how far its first boot came: `tail -n 50 /var/log/catalyst-bootstrap.log`.",
    terminal=False,
)
GIT_SOURCE = Code(
    "ERR_GIT_SOURCE",
    "See what the Git server answered: `kubectl -n flux-system describe gitrepository openova-public`.",
    terminal=False,
)
GIT_READ = Code(
    "ERR_GIT_READ",
    "Correct spec.gitops.url, ref or path, or user name and password in the Secret of "
    "spec.gitops.credentialsSecretRef; it goes on by itself.",
    terminal=True,
)
GIT_PUSH = Code(
    "ERR_GIT_PUSH",
    "Correct spec.gitops.url and ref, or the user and password in the Secret of spec.gitops.credentialsSecretRef, "
    "which must be allowed to push; it goes on by itself.",
    terminal=True,
)
SOPS = Code(
    "ERR_SOPS",
    "Give Flux the key that the repository's Secrets are encrypted for: `kubectl -n flux-system create secret generic "
    "sops-age --from-file=age.agekey=<file>`.",
    terminal=True,
)
KUSTOMIZATION = Code(
    "ERR_KUSTOMIZATION",
    "Correct what the message names in the Git repository: `kubectl -n flux-system describe kustomizations`.",
    terminal=True,
)
KIT_SUSPENDED = Code(
    "ERR_KIT_SUSPENDED",
    "Let Flux go on with it: `kubectl -n <namespace> patch <kind> <name> --type merge -p "
    """'{"spec":{"suspend":false}}'`.""",
    terminal=True,
)
NO_STORAGECLASS = Code(
    "ERR_NO_STORAGECLASS",
    "Make a class the default one: `kubectl patch storageclass local-path -p "
    """'{"metadata":{"annotations":{"storageclass.kubernetes.io/is-default-class":"true"}}}'`. Claims that wait bind """
    "within half a minute.",
    terminal=True,
)
CHART_SOURCE = Code(
    "ERR_CHART_SOURCE",
    "See what the registry answered: `kubectl -n flux-system get helmcharts,helmrepositories -o wide`.",
    terminal=False,
)
COMPONENT_FAILED = Code(
    "ERR_COMPONENT_FAILED",
    "Once the cause is removed, let helm-controller try again: `T=$(date +%s); kubectl -n flux-system annotate "
    "--overwrite helmrelease <name> reconcile.fluxcd.io/requestedAt=$T reconcile.fluxcd.io/resetAt=$T`.",
    terminal=True,
)
KIT_IMAGE_PULL = Code(
    "ERR_KIT_IMAGE_PULL",
    "A node of the new cluster cannot pull an image; the message has the registry's answer: `kubectl get events -A "
    "--field-selector reason=Failed`.",
    terminal=False,
)
KIT_UNSCHEDULABLE = Code(
    "ERR_KIT_UNSCHEDULABLE",
    "The kit needs about 20 GB of memory over all nodes. See what is left: `kubectl describe nodes`. Raise "
    "spec.workers.replicas, or choose a larger size.",
    terminal=False,
)
KIT_POD = Code(
    "ERR_KIT_POD",
    "Read what it said before it ended: `kubectl -n <namespace> logs <pod> --previous`.",
    terminal=False,
)
CERT_RATE_LIMIT = Code(
    "ERR_CERT_RATE_LIMIT",
    "The certificate authority's limit passes by itself; the message says when. See who asks so often: `kubectl get "
    "certificates,orders -A`.",
    terminal=False,
)
CONSOLE_UNREACHABLE = Code(
    "ERR_CONSOLE_UNREACHABLE",
    "See whether its route and its Pods are there: `kubectl get gateways,httproutes -A`. A fresh DNS record may take "
    "up to half an hour to be seen everywhere.",
    terminal=False,
)
# --- the domain -------------------------------------------------------------------------------------------------------
# All of it is looked at again by itself. The DomainReservation has the same name as the domain.

DOMAIN_TAKEN = Code(
    "ERR_DOMAIN_TAKEN",
    "Choose another name: correct domain.fqdn, which can be changed until a name is reserved. If this one is given "
    "back, this goes on by itself.",
    terminal=True,
)
DOMAIN_QUOTA = Code(
    "ERR_DOMAIN_QUOTA",
    "Give a name of this namespace back by deleting what holds it, or have whoever runs the operator raise "
    "CATALYST_MAX_DOMAINS; it goes on by itself.",
    terminal=True,
    command="kubectl get domainreservations --field-selector spec.sovereignRef.namespace={namespace}",
)
DOMAIN_NAME = Code(
    "ERR_DOMAIN_NAME",
    "Correct domain.fqdn, which can be changed until a name is reserved, or domain.mode: docs/domains.md says what "
    "fits.",
    terminal=True,
)
DOMAIN_EXPIRED = Code(
    "ERR_DOMAIN_EXPIRED",
    "Nothing, if the name is not wanted any more. Else apply the reservation again, with an address or a longer ttl.",
    terminal=True,
)
NS_NOT_DELEGATED = Code(
    "ERR_NS_NOT_DELEGATED",
    "See what each of the parent's servers answers: `kubectl get domainreservation <fqdn> -o yaml`. Set there the name "
    "servers that status.nameservers lists, and no others.",
    terminal=False,
)
REGISTRAR_CREDENTIALS = Code(
    "ERR_REGISTRAR_CREDENTIALS",
    "Put valid credentials into the Secret of domain.registrar.credentialsSecretRef; docs/domains.md says which keys "
    "it needs.",
    terminal=True,
)
REGISTRAR_DENIED = Code(
    "ERR_REGISTRAR_DENIED",
    "Put the registrar's account in order as the message says, or set domain.mode to byo-manual and set the name "
    "servers yourself.",
    terminal=True,
)
REGISTRAR_UNAVAILABLE = Code(
    "ERR_REGISTRAR_UNAVAILABLE",
    "Nothing to do if it passes. If it lasts, look at the registrar's status page, and whether the operator reaches "
    "its API over HTTPS.",
    terminal=False,
)
LIVE_RECORDS = Code(
    "ERR_LIVE_RECORDS",
    "Use a name below this domain, or set domain.registrar.acknowledgeLiveRecords to true if mail and web of the "
    "domain itself may stop.",
    terminal=True,
)
DNSSEC = Code(
    "ERR_DNSSEC",
    "Turn DNSSEC off for the domain at its registrar, or remove its DS record from the zone above, and wait until that "
    "is gone.",
    terminal=True,
)
NAMESPACE_FOREIGN = Code(
    "ERR_NAMESPACE_FOREIGN",
    "If somebody else made it, an administrator deletes it. If it is this Sovereign's own, from a backup or from "
    "before the operator's key was lost, an administrator proves it as the runbook says. It then goes on by itself.",
    terminal=True,
)
IDENTITY_UNCONFIRMED = Code(
    "ERR_IDENTITY_UNCONFIRMED",
    "If it is restored from a backup, restore the whole backup: the last step makes this object the holder. A new "
    "Sovereign is made without spec.originalUID.",
    terminal=True,
)
MOVED = Code(
    "ERR_MOVED",
    "Work on it where it is now, and delete this object once it is well there. To take it back, an administrator does "
    "what the runbook says.",
    terminal=True,
)
ZONE_FOREIGN = Code(
    "ERR_ZONE_FOREIGN",
    "Find out whose the zone or the records are that the message names. Remove them, or choose another name.",
    terminal=True,
)
DNS_UNAVAILABLE = Code(
    "ERR_DNS_UNAVAILABLE",
    "See that PowerDNS runs, that the operator reaches its API (CATALYST_POWERDNS_URL), and that the key fits.",
    terminal=False,
)
SECRET_MISSING = Code(
    "ERR_SECRET_MISSING",
    "Create the Secret in the Sovereign's namespace, or put what is missing under its key; it goes on by itself.",
    terminal=False,
)
SPEC_INVALID = Code(
    "ERR_SPEC_INVALID",
    "Correct the field that the message names; it goes on by itself.",
    terminal=True,
    command=_EDIT_COMMAND,
)
NEWER_VERSION = Code(
    "ERR_NEWER_VERSION",
    "Install the version of the operator that wrote it, or a later one; or, to stay with this version, apply this "
    "version's manifests with its CRDs again. It goes on by itself.",
    terminal=True,
)
NAME_TAKEN = Code(
    "ERR_NAME_TAKEN",
    "Remove or rename the object that has this name in the management cluster; it goes on by itself.",
    terminal=True,
)
APPROVAL_NEEDED = Code(
    "ERR_APPROVAL_NEEDED",
    "Read the plan, then set spec.approvePlan to its digest, or edit the spec.",
    terminal=True,
)
RUN_CANCELLED = Code(
    "ERR_RUN_CANCELLED",
    f"To go on from there, {_RETRY}.",
    terminal=True,
    command=_RETRY_COMMAND,
)
PROTECTED_DELETION = Code(
    "ERR_PROTECTED_DELETION",
    "If the cluster is really to be destroyed, set spec.deletionProtection to false; nothing is destroyed before.",
    terminal=True,
    command="""kubectl -n {namespace} patch sovereign {name} --type merge -p '{"spec":{"deletionProtection":false}}'""",
)
EXPORT_NOT_ACKNOWLEDGED = Code(
    "ERR_EXPORT_NOT_ACKNOWLEDGED",
    "Export what the cluster's OpenBao holds, then set spec.decommission.acknowledgeExported to true.",
    terminal=True,
    command="kubectl -n {namespace} patch sovereign {name} --type merge -p "
    """'{"spec":{"decommission":{"acknowledgeExported":true}}}'""",
)
OPERATOR = Code(
    "ERR_OPERATOR",
    "Nothing is lost. Read what the operator's log says about this Sovereign, and report it as a bug with that text.",
    terminal=False,
)
INTERNAL = Code(UNKNOWN, "Read the run's log (kubectl logs, named in the message) and the runbook.", terminal=False)
