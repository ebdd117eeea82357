"""What is the operator's alone to write: its finalizers, status, the names and labels that it knows its namespaces and
runs by, and what lies in run namespaces.

RBAC gives tenants no right to most of it. These are for those who have rights on everything: a namespace service, a
GitOps tool, an administrator in a hurry.
"""

from __future__ import annotations

from catalyst_operator.admission import who
from catalyst_operator.admission.policy import Policy, ResourceRule, Validation
from catalyst_operator.api import labels
from catalyst_operator.core import naming

OURS = ("sovereigns", "domainreservations")
FINALIZERS = (labels.FINALIZER_SOVEREIGN, labels.FINALIZER_DOMAIN_RESERVATION)
KEPT_SECRETS = (
    naming.TOKEN_SECRET,
    naming.STATE_KEY_SECRET,
    naming.STATE_BACKEND_SECRET,
    naming.BOOT_SECRETS,
    naming.ARCHIVED_STATE_SECRET,
)
"""Secrets of a run namespace that only the operator writes; the record is a ConfigMap."""
STATE_PREFIX = "tfstate-"
NOT_EMPTYING_IT = f"!(request.operation == 'DELETE' && {who.controller('namespace-controller')})"
"""Of what goes with its namespace, whose deletion was let pass."""
NAME = "(object == null ? oldObject : object).metadata.name"
IS_A_KEY = (
    f"{NAME}.matches('^({naming.CLUSTER_SECRETS_PREFIX}|{naming.REGISTRAR_PREFIX})[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-"
    "[0-9a-f]{12}$')"
)
"""Of a Secret that the operator keeps beside itself: its name ends with the UID of a Sovereign."""


def policies(service_account: str) -> tuple[Policy, ...]:
    """All of them."""
    makers = (
        *(_finalizers, _status, _namespaces, _contents, _proof_key, _keys, _work, _evidence),
        *(_forged_runs, _forged_secrets),
    )
    return tuple(make(service_account) for make in makers)


def _finalizers(service_account: str) -> Policy:
    return Policy(
        "catalyst-finalizers",
        (ResourceRule(labels.GROUP, OURS, ("UPDATE",)),),
        (
            Validation(
                f"{list(FINALIZERS)}.all(name, !(name in variables.before) || name in variables.after)",
                "Only the operator takes its finalizer off: servers, keys, state and domain would stay behind, and "
                "nobody would know of them. Delete the object and let the operator take back what it made; its message "
                "says what it waits for. To leave a Sovereign's servers as they are, set spec.deletionPolicy to "
                f"Orphan. {who.HOW_TO_BREAK_GLASS}",
            ),
        ),
        who.anybody_else(service_account),
        {
            "before": "has(oldObject.metadata.finalizers) ? oldObject.metadata.finalizers : []",
            "after": "has(object.metadata.finalizers) ? object.metadata.finalizers : []",
        },
    )


def _status(service_account: str) -> Policy:
    return Policy(
        "catalyst-status",
        (ResourceRule(labels.GROUP, tuple(f"{plural}/status" for plural in OURS), ("UPDATE",)),),
        (
            Validation(
                "false",
                "Status is what the operator found, and what it goes on from: nobody else writes it. Edit the spec, or "
                f"use the annotations of docs/operations.md. {who.HOW_TO_BREAK_GLASS}",
            ),
        ),
        who.anybody_else(service_account),
    )


def _namespaces(service_account: str) -> Policy:
    """A namespace that was here before the operator came keeps its name."""
    same = "variables.{a}.all(name, !name.contains('{group}/') || (name in variables.{b} && {equal}))"
    unchanged = " && ".join(
        same.format(a=a, b=b, group=labels.GROUP, equal=f"variables.{a}[name] == variables.{b}[name]")
        for kind in ("Labels", "Annotations")
        for a, b in ((f"old{kind}", f"new{kind}"), (f"new{kind}", f"old{kind}"))
    )
    return Policy(
        "catalyst-reserved-namespaces",
        (ResourceRule("", ("namespaces",), ("CREATE", "UPDATE")),),
        (
            Validation(
                f"request.operation == 'UPDATE' || !object.metadata.name.startsWith('{naming.RUN_NAMESPACE_PREFIX}')",
                f"Names that begin with {naming.RUN_NAMESPACE_PREFIX} are reserved: the operator gives them to the "
                "namespaces that it makes for its runs. Choose another name. "
                f"{who.HOW_TO_BREAK_GLASS}",
            ),
            Validation(
                unchanged,
                f"Labels and annotations {labels.GROUP}/* of a namespace are the operator's: it knows its namespaces "
                f"and their owners by them. Leave them as they are. {who.HOW_TO_BREAK_GLASS}",
            ),
        ),
        who.anybody_else(service_account),
        {
            f"{age}{kind.capitalize()}": metadata(thing, kind)
            for age, thing in (("old", "oldObject"), ("new", "object"))
            for kind in ("labels", "annotations")
        },
    )


def metadata(thing: str, kind: str) -> str:
    """The labels or annotations of an object that may have none, or not exist."""
    return f"{thing} != null && has({thing}.metadata.{kind}) ? {thing}.metadata.{kind} : {{}}"


def _contents(service_account: str) -> Policy:
    """Others may keep Secrets of their own there, as tools do that put one into every namespace."""
    runs = f"{NAME} == '{naming.ERRORED_STATE_SECRET}' || {NAME}.startsWith('{STATE_PREFIX}')"
    kept = f"{NAME} in {[*KEPT_SECRETS, naming.RECORD]} || {NAME}.startsWith('{naming.INPUTS_PREFIX}')"
    return Policy(
        "catalyst-run-namespace-contents",
        (ResourceRule("", ("secrets", "configmaps"), ("CREATE", "UPDATE", "DELETE")),),
        (
            Validation(
                "false",
                "State, keys, record and inputs of a Sovereign's runs are the operator's and its runs': what is "
                "changed here by hand can cost the cluster. To change the Sovereign, edit its spec or its Secrets. "
                f"{who.HOW_TO_BREAK_GLASS}",
            ),
        ),
        {
            "ours": f"{kept} || {runs}",
            "not-its-run": f"!({who.RUN} && ({runs}))",
            "not-emptying-it": NOT_EMPTYING_IT,
            **who.anybody_else(service_account),
        },
        in_run_namespaces=True,
    )


def _proof_key(service_account: str) -> Policy:
    """Without it no run namespace is known for the operator's, and with another one anybody's could be."""
    return Policy(
        "catalyst-run-namespace-key",
        (ResourceRule("", ("secrets",), ("UPDATE", "DELETE")),),
        (
            Validation(
                "false",
                "This Secret proves which run namespaces are the operator's: without it, nothing is done for any "
                f"Sovereign. {who.HOW_TO_BREAK_GLASS}",
            ),
        ),
        {
            "the-key": f"oldObject.metadata.name == '{naming.PROOF_KEY_SECRET}'",
            "not-emptying-it": NOT_EMPTYING_IT,
            **who.anybody_else(service_account),
        },
    )


def _keys(service_account: str) -> Policy:
    """Wherever the operator is: nobody else has a use for these names."""
    return Policy(
        "catalyst-sovereign-keys",
        (ResourceRule("", ("secrets",), ("CREATE", "UPDATE", "DELETE")),),
        (
            Validation(
                "false",
                "This Secret holds the keys of a Sovereign's cluster, or what its domain is given back with, and is "
                "the operator's: without it no node can join, and with another one the cluster is somebody else's. "
                f"{who.HOW_TO_BREAK_GLASS}",
            ),
        ),
        {"a-key": IS_A_KEY, "not-emptying-it": NOT_EMPTYING_IT, **who.anybody_else(service_account)},
    )


def _work(service_account: str) -> Policy:
    """What runs in a run namespace can read its Secrets."""
    return Policy(
        "catalyst-run-namespace-work",
        (ResourceRule("", ("pods",), ("CREATE",)), ResourceRule("batch", ("jobs",), ("CREATE",))),
        (
            Validation(
                "false",
                "Only the operator starts something in a run namespace: a Pod there can read the state, its key and "
                f"the provider token. {who.HOW_TO_BREAK_GLASS}",
            ),
        ),
        {
            "not-for-a-job": f"!(request.resource.resource == 'pods' && {who.controller('job-controller')})",
            **who.anybody_else(service_account),
        },
        in_run_namespaces=True,
    )


def _evidence(service_account: str) -> Policy:
    return Policy(
        "catalyst-run-evidence",
        (ResourceRule("", ("pods",), ("UPDATE",)),),
        (
            Validation(
                f"!has(oldObject.metadata.finalizers) || !('{labels.FINALIZER_OBSERVED}' in "
                "oldObject.metadata.finalizers) || (has(object.metadata.finalizers) && "
                f"'{labels.FINALIZER_OBSERVED}' in object.metadata.finalizers)",
                "The operator takes this finalizer off once it has recorded how the run ended; without that nobody "
                f"knows what was applied. {who.HOW_TO_BREAK_GLASS}",
            ),
        ),
        who.anybody_else(service_account),
        in_run_namespaces=True,
    )


def _forged_runs(service_account: str) -> Policy:
    """The operator watches Jobs and Pods of all namespaces by this label."""
    return Policy(
        "catalyst-forged-runs",
        (ResourceRule("", ("pods",), ("CREATE", "UPDATE")), ResourceRule("batch", ("jobs",), ("CREATE", "UPDATE"))),
        (
            Validation(
                "false",
                f"The label {labels.LABEL_SOVEREIGN_UID} tells the runs of a Sovereign, which are in its run namespace "
                "only. Use another label.",
            ),
        ),
        {"glass-not-broken": f"!({who.BROKE_GLASS})"},
        in_run_namespaces=False,
        labelled=labels.LABEL_SOVEREIGN_UID,
    )


def _forged_secrets(service_account: str) -> Policy:
    """What stands in an owner's namespace for the kubeconfig that the operator gave is told by this label. Its owner
    may edit it, and take the label off."""
    label = labels.LABEL_SOVEREIGN_UID
    return Policy(
        "catalyst-forged-secrets",
        (ResourceRule("", ("secrets",), ("CREATE", "UPDATE")),),
        (
            Validation(
                f"!('{label}' in variables.after) || ('{label}' in variables.before && "
                f"variables.before['{label}'] == variables.after['{label}'])",
                f"The label {label} tells the Secrets that the operator made. Use another label; on a copy, leave it "
                f"out. {who.HOW_TO_BREAK_GLASS}",
            ),
        ),
        who.anybody_else(service_account),
        {name: metadata(thing, "labels") for name, thing in (("before", "oldObject"), ("after", "object"))},
        in_run_namespaces=False,
        labelled=label,
    )
