"""Has the API server refuse what a run writes, as a full disk, a quota or a policy of somebody else would."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from catalyst_operator.core import naming
from e2e.support.kubectl import Kubectl, KubectlError, Object
from e2e.support.sovereigns import Sovereign
from e2e.support.waiting import wait_for

NAME = "story-state-refused"
REFUSAL = "the story refuses this write"


@contextmanager
def state_refused(kubectl: Kubectl, sovereign: Sovereign) -> Iterator[None]:
    """While this holds, the Sovereign's runs cannot write their state; whoever else writes it can."""
    try:
        kubectl.apply(*_manifests(sovereign.run_user))
        wait_for(lambda: _in_force(kubectl, sovereign), f"policy {NAME} to be in force", seconds=20)
        yield
    finally:
        kinds = "validatingadmissionpolicybinding,validatingadmissionpolicy"
        kubectl("delete", kinds, NAME, "--ignore-not-found")


def _manifests(user: str) -> tuple[Object, Object]:
    group = "admissionregistration.k8s.io"
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["secrets"]}
    expression = f"request.userInfo.username == '{user}' && request.name == '{naming.STATE_SECRET}'"
    policy = {
        "apiVersion": f"{group}/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": NAME},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [rule]},
            "matchConditions": [{"name": "state-of-a-run", "expression": expression}],
            "validations": [{"expression": "false", "message": REFUSAL}],
        },
    }
    binding = {
        "apiVersion": f"{group}/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": NAME},
        "spec": {"policyName": NAME, "validationActions": ["Deny"]},
    }
    return policy, binding


def _in_force(kubectl: Kubectl, sovereign: Sovereign) -> bool:
    """Whether a run's write is refused, by trying one that changes nothing."""
    state = kubectl.get("-n", sovereign.run_namespace, "secret", naming.STATE_SECRET)
    try:
        kubectl("replace", "--dry-run=server", "-f", "-", f"--as={sovereign.run_user}", stdin=json.dumps(state))
    except KubectlError as error:
        if REFUSAL not in str(error):
            raise
        return True
    return False
