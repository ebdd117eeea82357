"""What no slip of the hand, GitOps prune or uninstall may delete: a protected Sovereign, our CRDs (every Sovereign
would go with them), the namespace in which a Sovereign's state lives, and the one that holds Sovereigns.

`deletecollection` is covered too: the API server asks for each object of the collection.
"""

from __future__ import annotations

from catalyst_operator.admission import who
from catalyst_operator.admission.policy import Policy, ResourceRule, Validation
from catalyst_operator.api import labels

NAMESPACES = ResourceRule("", ("namespaces",), ("DELETE",))
# Whoever finishes a deletion that was let pass is not held up.
NOT_GOING = "!has(oldObject.metadata.deletionTimestamp)"
MARKS = f"oldObject.metadata.annotations.filter(name, name.startsWith('{labels.MARK_PREFIX}'))"


def policies(service_account: str) -> tuple[Policy, ...]:
    """All of them."""
    return (SOVEREIGNS, CRDS, _run_namespaces(service_account), _owners_namespaces(service_account))


SOVEREIGNS = Policy(
    "catalyst-sovereign-deletion-protection",
    (ResourceRule(labels.GROUP, ("sovereigns",), ("DELETE",)),),
    (
        Validation(
            # An object without the field is one from before it had its default, which is true.
            "(has(oldObject.spec.deletionProtection) && !oldObject.spec.deletionProtection) "
            # Its servers are named in status from the first apply on: before that there is nothing to protect.
            "|| !has(oldObject.status) || !has(oldObject.status.servers) || oldObject.status.servers.size() == 0",
            "The Sovereign is protected. To delete it, first set spec.deletionProtection to false.",
            "'Sovereign ' + oldObject.metadata.name + ' is protected: deleting it destroys its servers and their data. "
            "To go on, first run: kubectl -n ' + request.namespace + ' patch sovereign ' + oldObject.metadata.name"
            """ + ' --type merge -p \\'{"spec":{"deletionProtection":false}}\\''""",
        ),
    ),
)
CRDS = Policy(
    "catalyst-crd-protection",
    (ResourceRule("apiextensions.k8s.io", ("customresourcedefinitions",), ("DELETE",)),),
    (
        Validation(
            "false",
            "Deleting this CRD would delete every object of its kind in all namespaces. To uninstall, first delete the "
            "Sovereigns and DomainReservations and see them gone, then run: kubectl delete "
            "validatingadmissionpolicybinding catalyst-crd-protection",
        ),
    ),
    {"ours": f"oldObject.spec.group == '{labels.GROUP}'"},
)


def _run_namespaces(service_account: str) -> Policy:
    role = f"'{labels.LABEL_ROLE}' in oldObject.metadata.labels && oldObject.metadata.labels['{labels.LABEL_ROLE}']"
    return Policy(
        "catalyst-run-namespace-protection",
        (NAMESPACES,),
        (
            Validation(
                "false",
                "This namespace holds the OpenTofu state and the keys of a Sovereign; without them its servers can no "
                "longer be destroyed. Delete the Sovereign instead: the operator then removes this namespace. If its "
                "Sovereign is gone: docs/runbook.md, chapter Orphaned run namespaces.",
            ),
        ),
        {
            "run-namespace": f"has(oldObject.metadata.labels) && {role} == '{labels.ROLE_RUN}'",
            "not-going": NOT_GOING,
            **who.anybody_else(service_account),
        },
    )


def _owners_namespaces(service_account: str) -> Policy:
    """Its Secrets would go at once, while its Sovereigns, being protected, stay."""
    names = f"{MARKS}.map(name, name.split('/')[1]).join(', ')"
    return Policy(
        "catalyst-owner-namespace-protection",
        (NAMESPACES,),
        (
            Validation(
                "false",
                "This namespace holds Sovereigns. Delete them first and see them gone.",
                f"'Namespace ' + oldObject.metadata.name + ' holds Sovereigns (' + {names} + '): with it their tokens "
                "and kubeconfigs would go, while their servers run on. Delete the Sovereigns first and see them gone: "
                "kubectl -n ' + oldObject.metadata.name + ' get sovereigns'",
            ),
        ),
        {
            "holds-sovereigns": f"has(oldObject.metadata.annotations) && {MARKS}.size() > 0",
            "not-going": NOT_GOING,
            **who.anybody_else(service_account),
        },
    )
