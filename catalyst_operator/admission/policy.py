"""The shape of a policy, and its manifests: the policy itself and the binding that puts it in force."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from catalyst_operator.api import labels

Manifest = dict[str, Any]
API_VERSION = "admissionregistration.k8s.io/v1"
RUN_NAMESPACE: Mapping[str, str] = {labels.LABEL_ROLE: labels.ROLE_RUN}
"""What tells a run namespace."""


@dataclass(frozen=True)
class ResourceRule:
    """Requests that a policy looks at."""

    group: str
    resources: tuple[str, ...]
    operations: tuple[str, ...]

    def manifest(self) -> Manifest:
        """As an entry of resourceRules."""
        return {
            "apiGroups": [self.group],
            "apiVersions": ["*"],
            "operations": list(self.operations),
            "resources": list(self.resources),
        }


@dataclass(frozen=True)
class Validation:
    """What has to hold, in CEL, and what is said when it does not."""

    holds: str
    message: str
    says: str = ""
    """A message in CEL that names what it is about; `message` speaks where it cannot be made."""

    def manifest(self) -> Manifest:
        """As an entry of validations."""
        made = {"expression": self.holds, "reason": "Forbidden", "message": self.message}
        return {**made, "messageExpression": self.says} if self.says else made


@dataclass(frozen=True)
class Policy:
    """One policy. Its `conditions`, by name, have to hold for it to say anything; validations use its `variables`."""

    name: str
    rules: tuple[ResourceRule, ...]
    validations: tuple[Validation, ...]
    conditions: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    in_run_namespaces: bool | None = None
    """True: there only; False: everywhere else; None: wherever it is."""
    labelled: str = ""
    """Only objects that have a label of this name, whatever its value."""

    def manifests(self) -> list[Manifest]:
        """The policy and its binding."""
        return [
            {
                "apiVersion": API_VERSION,
                "kind": "ValidatingAdmissionPolicy",
                "metadata": {"name": self.name},
                "spec": {
                    "failurePolicy": "Fail",
                    "matchConstraints": self._constraints(),
                    **_named("matchConditions", self.conditions),
                    **_named("variables", self.variables),
                    "validations": [validation.manifest() for validation in self.validations],
                },
            },
            {
                "apiVersion": API_VERSION,
                "kind": "ValidatingAdmissionPolicyBinding",
                "metadata": {"name": self.name},
                "spec": {"policyName": self.name, "validationActions": ["Deny"]},
            },
        ]

    def _constraints(self) -> Manifest:
        made: Manifest = {"resourceRules": [rule.manifest() for rule in self.rules]}
        if self.in_run_namespaces is not None:
            operator = "In" if self.in_run_namespaces else "NotIn"
            ((key, value),) = RUN_NAMESPACE.items()
            expressions = [{"key": key, "operator": operator, "values": [value]}]
            made["namespaceSelector"] = {"matchExpressions": expressions}
        if self.labelled:
            made["objectSelector"] = {"matchExpressions": [{"key": self.labelled, "operator": "Exists"}]}
        return made


def _named(key: str, expressions: Mapping[str, str]) -> Manifest:
    """An entry of a policy that is a list of named expressions; nothing where there are none."""
    return {key: [{"name": n, "expression": e} for n, e in expressions.items()]} if expressions else {}
