"""What errors are called, whether they pass by themselves, and what is to be done about each: one row a code."""

from __future__ import annotations

from dataclasses import dataclass

from catalyst_operator.api import labels
from catalyst_operator.core import naming

UNKNOWN = "ERR_TOFU"


@dataclass(frozen=True)
class Code:
    """One row of the table. The runbook has a chapter of the same name."""

    code: str
    remedy: str
    """What to do about it, in one or two sentences."""
    terminal: bool
    """Lasting: waiting does not help, somebody has to change something. Else it is worth another attempt."""


_RETRY = f"annotate the Sovereign with {labels.ANNOTATION_RETRY}=<any new value>"

TOKEN_READONLY = Code(
    "ERR_TOKEN_READONLY",
    "Create a token with Read & Write permission in the project (Security, API tokens) and put it under the key "
    "'token' of the credentials Secret; it goes on by itself.",
    terminal=True,
)
TOKEN_INVALID = Code(
    "ERR_TOKEN_INVALID",
    "Put a valid token under the key 'token' of the credentials Secret; it goes on by itself.",
    terminal=True,
)
QUOTA_EXCEEDED = Code(
    "ERR_QUOTA_EXCEEDED",
    "Ask Hetzner to raise the project's limit (Console, Limits), free something in the project, or lower "
    f"spec.workers.replicas; unless you edited the spec, {_RETRY} then.",
    terminal=True,
)
CAPACITY = Code(
    "ERR_CAPACITY",
    "Hetzner has no room for this size in this location at the moment. Name other sizes in spec.workers.sizeFallbacks "
    "or spec.controlPlane.sizeFallbacks, or choose another size, or another location as long as status.outputs does "
    "not exist.",
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
)
SIZE_UNKNOWN = Code(
    "ERR_SIZE_UNKNOWN",
    "Correct size or sizeFallbacks in spec.controlPlane or spec.workers.",
    terminal=True,
)
SIZE_RETIRED = Code(
    "ERR_SIZE_RETIRED",
    "Edit size or sizeFallbacks in spec.controlPlane or spec.workers; servers that exist stay as they are.",
    terminal=True,
)
SIZE_NOT_IN_LOCATION = Code(
    "ERR_SIZE_NOT_IN_LOCATION",
    "Hetzner does not offer this size in this location. Choose another size, or another location as long as "
    "status.outputs does not exist.",
    terminal=True,
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
)
RESOURCE_IN_USE = Code(
    "ERR_RESOURCE_IN_USE",
    "Something else in the project still uses this object: look it up there, and detach or remove what is not of "
    "this Sovereign.",
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
    f"operator's manifests again, ClusterRole {naming.RUN_CLUSTER_ROLE} is not what it was.",
    terminal=False,
)
STATE_WRITE = Code(
    "ERR_STATE_WRITE",
    "See in the message why the management cluster's API server did not take the state: out of reach, a quota, an "
    "admission policy, or more than the 1 MiB that a Secret holds.",
    terminal=False,
)
STATE_KEY = Code(
    "ERR_STATE_KEY",
    f"Restore Secret '{naming.STATE_KEY_SECRET}' of the run namespace from a backup of this Sovereign; the operator "
    f"never starts with an empty state instead. If it was there but did not fit, {_RETRY} afterwards.",
    terminal=True,
)
STATE_LOST = Code(
    "ERR_STATE_LOST",
    "Restore it from a backup: applying without it would create everything a second time.",
    terminal=True,
)
CLUSTER_SECRETS = Code(
    "ERR_CLUSTER_SECRETS",
    "Restore it from a backup of this Sovereign: with others, no new node could join the cluster.",
    terminal=True,
)
RECORD = Code(
    "ERR_RECORD",
    "Restore it from a backup of this Sovereign, or mend it by hand; it goes on by itself.",
    terminal=True,
)
CLUSTER_REFUSED = Code(
    "ERR_CLUSTER_REFUSED",
    "See in the message what the management cluster's API server objects to: a right that is missing (apply the "
    "operator's manifests again), a quota, or an admission policy.",
    terminal=False,
)
LEFTOVERS = Code(
    "ERR_LEFTOVERS",
    "Objects that carry this Sovereign's label are still in the project; the message lists them. Remove them, or wait "
    "if they are being deleted.",
    terminal=False,
)
PLAN_REFUSED = Code(
    "ERR_PLAN_REFUSED",
    "This plan is never applied, approved or not. Edit the spec so that it plans something else.",
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
)
INTERNAL = Code(UNKNOWN, "Read the run's log (kubectl logs, named in the message) and the runbook.", terminal=False)
