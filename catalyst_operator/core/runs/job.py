"""The Job of a run: a phase is a container, so the kubelet itself keeps start, end and exit code.

Why: docs/explanation.md#a-run-is-one-job
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catalyst_operator.api import labels
from catalyst_operator.api.phases import RunVerb
from catalyst_operator.api.sovereign import Sovereign
from catalyst_operator.core import naming
from catalyst_operator.core.air_gap import authorities
from catalyst_operator.core.manifests import Manifest, labels_for, namespace_of
from catalyst_operator.core.record import RunEntry
from catalyst_operator.core.settings import CoreSettings
from catalyst_operator.core.tofu import encryption
from catalyst_operator.core.tofu.backends import StateBackend
from catalyst_operator.core.tofu.plan_gate import (
    EXIT_APPROVAL_NEEDED,
    EXIT_CLUSTER_LOST,
    EXIT_DIGEST_MISMATCH,
    EXIT_NOTHING_FOUND,
    EXIT_REFUSED,
    EXIT_STATE_REFUSED,
)
from catalyst_operator.core.tofu.server_names import address_of, packed

STATE_KEEPER = "state-keeper"
LEFTOVERS = "leftovers"
SWEEP = "sweep"
ADOPT = "adopt"
_PHASES: dict[RunVerb, tuple[str, ...]] = {
    RunVerb.PLAN: ("tofu-init", "tofu-plan", "plan-gate"),
    RunVerb.APPLY: ("tofu-init", "tofu-plan", "plan-gate", "tofu-apply", "tofu-output"),
    RunVerb.DESTROY: ("tofu-init", "tofu-plan", "plan-gate", SWEEP, "tofu-apply", LEFTOVERS),
}

MODULE_DIR = "/opt/catalyst/module"
INPUTS_DIR = "/run/catalyst/inputs"
STATE_KEY_DIR = "/run/catalyst/state-key"
STATE_COPY_DIR = "/run/catalyst/state-copy"
PLAN_FILE = "plan.bin"
TOFU_INIT = ("tofu", "init", "-input=false", "-no-color", "-lockfile=readonly")
TOFU_OUTPUT = ("tofu", "output", "-no-color", "-json-into=/dev/termination-log")
_WITH_STORE = {"tofu-init": "state-open", "tofu-output": "state-close"}
"""What these phases run where the state is in a store outside: they do what they are called after, and see to the copy
that the run namespace has. They are no phases of their own, since each has its share of what the kubelet keeps."""
SYSTEM_TRUST = "/etc/ssl/certs/ca-certificates.crt"
TRUST = "trusted.crt"
"""In the work directory: the image's authorities and those of the setting."""
USER = 65534


def phases_of(verb: RunVerb, *, adopt: bool = False) -> tuple[str, ...]:
    """The phases of a run in order: all but the last are init containers. A run that adopts looks for cloud objects
    that the state does not know of before it plans."""
    first, *others = _PHASES[verb]
    return (first, ADOPT, *others) if adopt else (first, *others)


def authorities_file(variables: Mapping[str, Any]) -> dict[str, str]:
    """File name -> the certificates that a run trusts besides its image's, as the module's variables have them."""
    found = "".join(variables.get("trusted_authorities", ()))
    return {authorities.INPUTS_FILE: found} if found else {}


def job(sovereign: Sovereign, run: RunEntry, settings: CoreSettings) -> Manifest:
    """The Job of `run`. Its Pod keeps a finalizer until its evidence was recorded."""
    run_labels = {
        **labels_for(sovereign, labels.ROLE_RUN),
        labels.LABEL_VERB: run.verb.value,
        labels.LABEL_ATTEMPT: str(run.attempt),
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": run.job, "namespace": namespace_of(sovereign), "labels": run_labels},
        "spec": {
            "backoffLimit": 0,
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": {"rules": [_gate_rule()]},
            "template": {
                "metadata": {"labels": run_labels, "finalizers": [labels.FINALIZER_OBSERVED]},
                "spec": _pod(sovereign, run, settings),
            },
        },
    }


def _gate_rule() -> dict[str, Any]:
    codes = sorted(
        (
            EXIT_APPROVAL_NEEDED,
            EXIT_REFUSED,
            EXIT_DIGEST_MISMATCH,
            EXIT_NOTHING_FOUND,
            EXIT_STATE_REFUSED,
            EXIT_CLUSTER_LOST,
        )
    )
    return {
        "action": "FailJob",
        "onExitCodes": {"containerName": "plan-gate", "operator": "In", "values": codes},
    }


def _pod(sovereign: Sovereign, run: RunEntry, settings: CoreSettings) -> dict[str, Any]:
    phases = phases_of(run.verb, adopt=run.adopt)
    containers = [_container(sovereign, run, settings, phase) for phase in phases]
    return {
        "restartPolicy": "Never",
        "serviceAccountName": naming.RUN_SERVICE_ACCOUNT,
        "automountServiceAccountToken": True,
        "enableServiceLinks": False,
        # The state-keeper sees whether a tofu still runs: it saves what that leaves behind.
        "shareProcessNamespace": True,
        "terminationGracePeriodSeconds": settings.grace_seconds,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        **(
            {"imagePullSecrets": [{"name": n} for n in settings.image_pull_secrets]}
            if settings.image_pull_secrets
            else {}
        ),
        "volumes": _volumes(run),
        "initContainers": [_state_keeper(sovereign, run, settings), *containers[:-1]],
        "containers": containers[-1:],
    }


def _volumes(run: RunEntry) -> list[dict[str, Any]]:
    return [
        {"name": "work", "emptyDir": {"sizeLimit": "2Gi"}},
        {"name": "tmp", "emptyDir": {"sizeLimit": "256Mi"}},
        {
            "name": "inputs",
            "projected": {
                "defaultMode": 0o440,
                "sources": [{"secret": {"name": name}} for name in _inputs(run)],
            },
        },
        {"name": "state-key", "secret": {"secretName": naming.STATE_KEY_SECRET, "defaultMode": 0o440}},
        *([_copy_volume()] if run.backend else []),
    ]


def _copy_volume() -> dict[str, Any]:
    """Before a first apply there is no copy."""
    copy = {"secretName": naming.STATE_SECRET, "defaultMode": 0o440, "optional": True}
    return {"name": "state-copy", "secret": copy}


def _inputs(run: RunEntry) -> tuple[str, ...]:
    """The Secrets whose files OpenTofu reads as variables. A destroy makes no servers, and is told no secret."""
    return (run.inputs_secret,) if run.verb is RunVerb.DESTROY else (run.inputs_secret, naming.BOOT_SECRETS)


def _state_keeper(sovereign: Sovereign, run: RunEntry, settings: CoreSettings) -> dict[str, Any]:
    """The sidecar that lives as long as the run: it lays out the work directory and, when told to stop, puts in order
    what tofu leaves behind. A postStart hook, since the next container waits for it without polling."""
    lay_out = f"cp -r {MODULE_DIR}/. . && cp -L {INPUTS_DIR}/* ."
    if settings.authorities:
        # Whoever is given a file looks at no other. Inputs of an operator that did not know them have none.
        lay_out += (
            f" && if [ -e {authorities.INPUTS_FILE} ]; then cat {SYSTEM_TRUST} {authorities.INPUTS_FILE} > {TRUST}; fi"
        )
    container = _base(sovereign, settings, STATE_KEEPER, ["python3", "-m", "catalyst_operator", STATE_KEEPER])
    container["restartPolicy"] = "Always"
    container["lifecycle"] = {"postStart": {"exec": {"command": ["/bin/sh", "-ec", lay_out]}}}
    container["env"] = [
        *_plain_env(sovereign, run),
        *_outside_env(sovereign, settings),
        {"name": "CATALYST_RUN_NAMESPACE", "value": namespace_of(sovereign)},
    ]
    if run.verb is RunVerb.APPLY:
        # It starts servers that OpenTofu powered off and left so.
        container["env"] += _provider_env(settings)
    container["volumeMounts"].append({"name": "inputs", "mountPath": INPUTS_DIR, "readOnly": True})
    return container


def _container(sovereign: Sovereign, run: RunEntry, settings: CoreSettings, phase: str) -> dict[str, Any]:
    container = _base(sovereign, settings, phase, _command(sovereign, run, phase))
    sealing = encryption.configuration(f"{STATE_KEY_DIR}/{naming.STATE_KEY}")
    container["env"] = [
        *_plain_env(sovereign, run),
        *_outside_env(sovereign, settings),
        {"name": "TF_ENCRYPTION", "value": sealing},
    ]
    container["volumeMounts"].append({"name": "state-key", "mountPath": STATE_KEY_DIR, "readOnly": True})
    if run.backend and settings.state_backend and phase not in (SWEEP, LEFTOVERS):
        container["env"] += _store_env(settings.state_backend)
    if run.backend and phase == "tofu-init":
        container["env"] += _env({"CATALYST_RUNS_OVER": ",".join(run.over)})
        container["volumeMounts"].append({"name": "state-copy", "mountPath": STATE_COPY_DIR, "readOnly": True})
    if run.backend and phase == "tofu-output":
        container["env"] += _env({"CATALYST_RUN_NAMESPACE": namespace_of(sovereign)})
    if phase == "plan-gate":
        container["env"] += _gate_env(run)
    if phase == SWEEP:
        container["env"] += _env({"CATALYST_SWEEP": sovereign.spec.decommission.sweep.value})
    if phase in (ADOPT, "tofu-plan", SWEEP, "tofu-apply", LEFTOVERS):
        container["env"] += _provider_env(settings)
    return container


def _command(sovereign: Sovereign, run: RunEntry, phase: str) -> list[str]:
    if run.backend and phase in _WITH_STORE:
        return ["python3", "-m", "catalyst_operator", _WITH_STORE[phase]]
    return {
        "tofu-init": [*TOFU_INIT],
        ADOPT: ["python3", "-m", "catalyst_operator", ADOPT],
        "tofu-plan": [
            *("tofu", "plan", "-input=false", "-no-color", "-json", "-lock-timeout=60s", f"-out={PLAN_FILE}"),
            *(["-destroy"] if run.verb is RunVerb.DESTROY else []),
            *([f"-replace={address_of(run.rebuild)}"] if run.replaces else []),
        ],
        "plan-gate": ["python3", "-m", "catalyst_operator", "plan-gate", PLAN_FILE],
        "tofu-apply": [
            *("tofu", "apply", "-input=false", "-no-color", "-json", "-lock-timeout=60s", PLAN_FILE),
        ],
        "tofu-output": [*TOFU_OUTPUT],
        SWEEP: ["python3", "-m", "catalyst_operator", SWEEP],
        LEFTOVERS: ["python3", "-m", "catalyst_operator", LEFTOVERS],
    }[phase]


def _base(sovereign: Sovereign, settings: CoreSettings, name: str, command: list[str]) -> dict[str, Any]:
    return {
        "name": name,
        "image": settings.image,
        "imagePullPolicy": settings.image_pull_policy,
        "command": command,
        "workingDir": naming.workdir(sovereign.spec.domain.fqdn),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "resources": {
            "requests": {"cpu": settings.run_cpu_request, "memory": settings.run_memory_request},
            "limits": {"memory": settings.run_memory_limit},
        },
        "volumeMounts": [
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - inside the Pod; the provider needs a TMPDIR
            {"name": "work", "mountPath": naming.workdir(sovereign.spec.domain.fqdn)},
        ],
    }


def _plain_env(sovereign: Sovereign, run: RunEntry) -> list[dict[str, Any]]:
    values = {
        "HOME": "/tmp",  # noqa: S108
        "TF_IN_AUTOMATION": "1",
        "CHECKPOINT_DISABLE": "1",
        "CATALYST_SOVEREIGN_UID": sovereign.metadata.uid,
        "CATALYST_VERB": run.verb.value,
        "CATALYST_APPROVAL": sovereign.spec.approval,
        "CATALYST_APPROVED_PLAN": run.approved,
    }
    return _env(values)


def _outside_env(sovereign: Sovereign, settings: CoreSettings) -> list[dict[str, Any]]:
    """How it reaches what is outside, and whom it trusts there: OpenTofu, its provider, Python alike."""
    trust = {"SSL_CERT_FILE": f"{naming.workdir(sovereign.spec.domain.fqdn)}/{TRUST}"} if settings.authorities else {}
    return _env({**settings.run_proxy, **trust})


def _gate_env(run: RunEntry) -> list[dict[str, Any]]:
    """What the gate has to know of the cluster, of what stood before, and of the resizes that this run is one of."""
    return _env(
        {
            "CATALYST_MEMBERS": ",".join(run.members),
            "CATALYST_RESIZED_LATER": ",".join(run.later),
            "CATALYST_RESIZE_APPROVED": "yes" if run.resize_approved else "",
            "CATALYST_STANDING": packed(run.standing),
            "CATALYST_GONE_CONFIRMED": "yes" if run.confirmed else "",
            "CATALYST_STATE_GIVEN": "yes" if run.state_given else "",
            "CATALYST_REBUILD": run.rebuild,
        }
    )


def _store_env(backend: StateBackend) -> list[dict[str, Any]]:
    """What opens the store; which of them are there is its Secret's to say."""
    of_secret = {"name": naming.STATE_BACKEND_SECRET, "optional": True}
    return [{"name": name, "valueFrom": {"secretKeyRef": {**of_secret, "key": name}}} for name in backend.variables]


def _env(values: dict[str, str]) -> list[dict[str, Any]]:
    return [{"name": name, "value": value} for name, value in values.items()]


def _provider_env(settings: CoreSettings) -> list[dict[str, Any]]:
    token = {"secretKeyRef": {"name": naming.TOKEN_SECRET, "key": "token"}}
    endpoint = [{"name": "HCLOUD_ENDPOINT", "value": settings.hcloud_endpoint}] if settings.hcloud_endpoint else []
    return [{"name": "HCLOUD_TOKEN", "valueFrom": token}, *endpoint]
