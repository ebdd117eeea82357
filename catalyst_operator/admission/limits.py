"""What the operator itself and its runs may not do, although RBAC, which knows neither patterns of names nor types,
lets them.

Whoever gets hold of its ServiceAccount's token must not become an administrator of the management cluster by it: no
Secret that makes a token, no rights in namespaces of others, no edit of what is not its own.
"""

from __future__ import annotations

from catalyst_operator.admission import who
from catalyst_operator.admission.policy import Policy, ResourceRule, Validation
from catalyst_operator.admission.reserved import IS_A_KEY, KEPT_SECRETS, NAME, STATE_PREFIX, metadata
from catalyst_operator.api import labels
from catalyst_operator.core import naming

IN_RUN_NAMESPACE = (
    f"request.namespace.startsWith('{naming.RUN_NAMESPACE_PREFIX}') && has(namespaceObject.metadata.labels) && "
    f"'{labels.LABEL_ROLE}' in namespaceObject.metadata.labels && "
    f"namespaceObject.metadata.labels['{labels.LABEL_ROLE}'] == '{labels.ROLE_RUN}'"
)
POD_SECURITY = "pod-security.kubernetes.io/enforce"


def policies(service_account: str) -> tuple[Policy, ...]:
    """All of them."""
    it = {"is-the-operator": who.operator(service_account)}
    of_operator = (
        _secrets(it),
        _config_maps(it),
        _namespaces(it),
        _role_bindings(it, service_account),
        _sovereigns(it),
    )
    return (*of_operator, _secrets_of_runs())


def _labelled(thing: str, name: str, value: str) -> str:
    held = f"{thing}.metadata.labels"
    return f"has({held}) && '{name}' in {held} && {held}['{name}'] == '{value}'"


def _secrets(it: dict[str, str]) -> Policy:
    names = [*KEPT_SECRETS, naming.ERRORED_STATE_SECRET]
    at_home = f"request.namespace == {who.OPERATORS_NAMESPACE}"
    own = f"{at_home} && {NAME} == '{naming.PROOF_KEY_SECRET}'"
    key = f"{at_home} && {IS_A_KEY}"
    kubeconfig = f"{NAME}.endsWith('{naming.KUBECONFIG_SUFFIX}') && "
    kubeconfig += _labelled("object", labels.LABEL_ROLE, labels.ROLE_KUBECONFIG)
    return Policy(
        "catalyst-operator-secrets",
        (ResourceRule("", ("secrets",), ("CREATE", "UPDATE", "DELETE")),),
        (
            Validation(
                "object == null || !has(object.type) || object.type == 'Opaque'",
                "The operator makes Secrets of type Opaque only: those of other types can be somebody's token.",
            ),
            Validation(
                f"variables.inRunNamespace ? ({NAME} in {names} || {NAME}.startsWith('{naming.INPUTS_PREFIX}') || "
                f"{NAME}.startsWith('{STATE_PREFIX}')) : "
                f"(({key}) || (request.operation == 'CREATE' && (({own}) || ({kubeconfig}))))",
                "The operator writes Secrets of its own names in run namespaces and beside itself, and makes an "
                "owner's kubeconfig; no other Secret is its business.",
            ),
        ),
        it,
        {"inRunNamespace": IN_RUN_NAMESPACE},
    )


def _secrets_of_runs() -> Policy:
    """RBAC binds the right to create to no name. A token of its own ServiceAccount would outlive the run."""
    return Policy(
        "catalyst-run-secrets",
        (ResourceRule("", ("secrets",), ("CREATE", "UPDATE")),),
        (
            Validation(
                f"(!has(object.type) || object.type == 'Opaque') && (object.metadata.name == "
                f"'{naming.ERRORED_STATE_SECRET}' || object.metadata.name == '{naming.STATE_SECRET}')",
                "A run writes its OpenTofu state and no other Secret.",
            ),
        ),
        {"is-a-run": who.RUN},
        in_run_namespaces=True,
    )


def _config_maps(it: dict[str, str]) -> Policy:
    told = f"{NAME}.matches('-({naming.PLAN}|{naming.RECEIPT})-[0-9a-f]{{5}}$') && object != null && "
    told += f"has(object.metadata.labels) && '{labels.LABEL_SOVEREIGN_UID}' in object.metadata.labels"
    return Policy(
        "catalyst-operator-configmaps",
        (ResourceRule("", ("configmaps",), ("CREATE", "UPDATE", "DELETE")),),
        (
            Validation(
                f"variables.inRunNamespace ? {NAME} == '{naming.RECORD}' : ({told})",
                "The operator writes the record in run namespaces, and for owners the text of a plan and the receipt "
                "of a deletion; no other ConfigMap is its business.",
            ),
        ),
        it,
        {"inRunNamespace": IN_RUN_NAMESPACE},
    )


def _namespaces(it: dict[str, str]) -> Policy:
    is_run = {
        thing: f"{thing}.metadata.name.startsWith('{naming.RUN_NAMESPACE_PREFIX}') && "
        + _labelled(thing, labels.LABEL_ROLE, labels.ROLE_RUN)
        for thing in ("object", "oldObject")
    }
    same = "variables.{a}.all(name, name.startsWith('{prefix}') || (name in variables.{b} && {equal}))"
    only_marks = " && ".join(
        same.format(a=a, b=b, prefix=labels.MARK_PREFIX, equal=f"variables.{a}[name] == variables.{b}[name]")
        for a, b in (("before", "after"), ("after", "before"))
    )
    unlabelled = f"({metadata('object', 'labels')}) == ({metadata('oldObject', 'labels')})"
    return Policy(
        "catalyst-operator-namespaces",
        (ResourceRule("", ("namespaces",), ("CREATE", "UPDATE", "DELETE")),),
        (
            Validation(
                f"request.operation != 'CREATE' || ({is_run['object']} && "
                f"{_labelled('object', POD_SECURITY, 'restricted')})",
                f"The operator makes only namespaces {naming.RUN_NAMESPACE_PREFIX}* for its runs, with Pod Security "
                "restricted.",
            ),
            Validation(
                f"request.operation != 'UPDATE' || ({is_run['oldObject']}) || ({unlabelled} && {only_marks})",
                "On a namespace that it did not make the operator changes only the annotations "
                f"{labels.MARK_PREFIX}*, which keep the namespace while it holds Sovereigns.",
            ),
            Validation(
                f"request.operation != 'DELETE' || ({is_run['oldObject']})",
                "The operator deletes only the namespaces that it made for its runs.",
            ),
        ),
        it,
        {name: metadata(thing, "annotations") for name, thing in (("before", "oldObject"), ("after", "object"))},
    )


def _role_bindings(it: dict[str, str], service_account: str) -> Policy:
    """Which roles it may bind is in its ClusterRole, by the verb `bind`."""
    bound = " || ".join(
        f"(object.roleRef.name == '{role}' && subject.name == '{name}' && subject.namespace == {namespace})"
        for role, name, namespace in (
            (naming.OPERATOR_RUN_CLUSTER_ROLE, service_account, who.OPERATORS_NAMESPACE),
            (naming.RUN_CLUSTER_ROLE, naming.RUN_SERVICE_ACCOUNT, "request.namespace"),
        )
    )
    return Policy(
        "catalyst-operator-rolebindings",
        (ResourceRule("rbac.authorization.k8s.io", ("rolebindings",), ("CREATE", "UPDATE")),),
        (
            Validation(IN_RUN_NAMESPACE, "The operator binds roles only in the namespaces that it made for its runs."),
            Validation(
                "has(object.subjects) && object.subjects.all(subject, subject.kind == 'ServiceAccount' && "
                f"has(subject.namespace) && ({bound}))",
                "The operator gives rights in a run namespace to itself and to the runs in it, and to nobody else.",
            ),
        ),
        it,
    )


def _sovereigns(it: dict[str, str]) -> Policy:
    same = " && ".join(
        f"({metadata('object', part)}) == ({metadata('oldObject', part)})" for part in ("labels", "annotations")
    )
    return Policy(
        "catalyst-operator-sovereigns",
        (ResourceRule(labels.GROUP, ("sovereigns",), ("UPDATE",)),),
        (
            Validation(
                f"object.spec == oldObject.spec && {same}",
                "The operator puts its finalizer on a Sovereign and takes it off; what is asked for is its owner's.",
            ),
        ),
        it,
    )
