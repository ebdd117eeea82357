"""Who makes a request, in CEL.

The operator is the ServiceAccount of its name that also holds the verb `operate` on Sovereigns. The verb alone would be
every administrator's, and that of whatever GitOps tool may do everything; the name alone could be had in any namespace.
"""

from __future__ import annotations

from catalyst_operator.api import labels
from catalyst_operator.core import naming

USER = "request.userInfo.username"
BROKE_GLASS = f"has(request.userInfo.groups) && '{labels.BREAK_GLASS_GROUP}' in request.userInfo.groups"
RUN = f"{USER} == 'system:serviceaccount:' + request.namespace + ':{naming.RUN_SERVICE_ACCOUNT}'"
"""The runs of the namespace that the request is about."""
OPERATORS_NAMESPACE = f"{USER}.split(':')[2]"
"""Where the operator runs, of a request that is its own."""
HOW_TO_BREAK_GLASS = "An administrator who has to do it all the same: docs/runbook.md, chapter Breaking the glass."


def operator(service_account: str) -> str:
    """The operator, by the name of its ServiceAccount."""
    name = f"{USER}.startsWith('system:serviceaccount:') && {USER}.endsWith(':{service_account}')"
    right = f"authorizer.group('{labels.GROUP}').resource('sovereigns').check('{labels.VERB_OPERATE}').allowed()"
    return f"{name} && {right}"


def anybody_else(service_account: str) -> dict[str, str]:
    """Conditions of what only the operator may do, or an administrator who breaks the glass."""
    return {"not-the-operator": f"!({operator(service_account)})", "glass-not-broken": f"!({BROKE_GLASS})"}


def controller(name: str) -> str:
    """One of Kubernetes' own controllers, whether it has a ServiceAccount of its own or not."""
    return f"{USER} in ['system:kube-controller-manager', 'system:serviceaccount:kube-system:{name}']"
