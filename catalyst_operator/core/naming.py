"""Every name the operator derives, in one place, so that two parts cannot spell one thing differently.

All functions are deterministic: a crash and a repeat meet the same objects again.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

RUN_SERVICE_ACCOUNT = "run"
RUN_CLUSTER_ROLE = "catalyst-run"
OPERATOR_RUN_CLUSTER_ROLE = "catalyst-operator-run-namespace"

TOKEN_SECRET = "provider-token"  # noqa: S105 - the name of a Secret, not its content
STATE_KEY_SECRET = "state-key"  # noqa: S105
STATE_KEY = "provider-output"
BOOT_SECRETS = "boot-secrets"
STATE_SUFFIX = "sovereign"
STATE_SECRET = f"tfstate-default-{STATE_SUFFIX}"
STATE_LEASE = f"lock-{STATE_SECRET}"
ERRORED_STATE_SECRET = "errored-state"  # noqa: S105
ARCHIVED_STATE_SECRET = "archived-state"  # noqa: S105
STATE_BACKEND_SECRET = "state-backend"  # noqa: S105
RECORD = "record"

RUN_NAMESPACE_PREFIX = "sov-"
PROOF_KEY_SECRET = "run-namespace-key"  # noqa: S105
PROOF_KEY = "key"
CLUSTER_SECRETS_PREFIX = "cluster-secrets-"
REGISTRAR_PREFIX = "registrar-credentials-"
INPUTS_PREFIX = "inputs-"
KUBECONFIG_SUFFIX = "-kubeconfig"
RECEIPT = "receipt"
PLAN = "plan"

WORKDIR_ROOT = "/tmp/catalyst/tofu"  # noqa: S108 - a mount point inside the run's Pod


def hash5(uid: str) -> str:
    """Five characters that tell two Sovereigns of one name apart, also after one was deleted and made again."""
    return hashlib.sha256(uid.encode()).hexdigest()[:5]


def run_namespace(name: str, uid: str) -> str:
    """The namespace that holds all the operator makes for one Sovereign; at most 50 characters."""
    return f"{RUN_NAMESPACE_PREFIX}{name}-{hash5(uid)}"


def cluster_name(name: str, uid: str) -> str:
    """Prefix of every cloud object's name; at most 46 characters."""
    return f"{name}-{hash5(uid)}"


def job_name(verb: str, digest: str, attempt: int) -> str:
    """One name for one attempt at one set of inputs: creating it twice is a conflict, and the first is adopted."""
    return f"{verb}-{digest[:8]}-{attempt}"


def inputs_secret(digest: str) -> str:
    """The Secret with the rendered inputs of a run."""
    return f"{INPUTS_PREFIX}{digest[:8]}"


def cluster_secrets(uid: str) -> str:
    """The Secret, beside the operator, with the authorities and join tokens of a Sovereign's cluster. The UID is all of
    a Sovereign's own: one that is made again under the same name never meets what is its predecessor's."""
    return f"{CLUSTER_SECRETS_PREFIX}{uid}"


def registrar_secret(uid: str) -> str:
    """The Secret, beside the operator, with the copy of what a Sovereign's owner has for the registrar."""
    return f"{REGISTRAR_PREFIX}{uid}"


def plan_config_map(name: str, uid: str) -> str:
    """The ConfigMap in the owner's namespace that has the text of the last plan."""
    return f"{name}-{PLAN}-{hash5(uid)}"


def owner_kubeconfig(name: str) -> str:
    """The Secret, in the owner's namespace, with an administrator's kubeconfig of the new cluster."""
    return f"{name}{KUBECONFIG_SUFFIX}"


def receipt(name: str, uid: str) -> str:
    """The ConfigMap, in the owner's namespace, with what a deletion removed and left."""
    return f"{name}-{RECEIPT}-{hash5(uid)}"


def workdir(fqdn: str) -> str:
    """Where the phases of a run work together, inside the Pod."""
    return f"{WORKDIR_ROOT}/{fqdn}"


def digest_of(value: Any) -> str:
    """sha256 over the canonical JSON of `value`, 64 hexadecimal characters."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def share(uid: str) -> float:
    """A Sovereign's own place between 0 and 1, so that what all do from time to time is not done by all at once."""
    return int(digest_of(uid)[:8], 16) / 2**32


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no white space, so that equal values are equal texts."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
