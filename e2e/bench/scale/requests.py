"""How often the operator asks the API server, and for whom: the API server counts that by flow schema, each request of
its service account in the first that fits. The audit log has writes only; reads are what a Sovereign at rest costs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields

from catalyst_operator.api import labels
from e2e.bench.apis import Api, Client, Object
from e2e.bench.errors import BenchError
from e2e.bench.scale.making import APPLY, NAME
from e2e.support import operator

API_VERSION = "flowcontrol.apiserver.k8s.io/v1"
PATH = f"/apis/{API_VERSION}/flowschemas"
LEVEL = "workload-low"
"""Where requests of service accounts are as well without these schemas."""
LEASE, HANDED_OFF, WIDE, REST = (f"{NAME}-{what}" for what in ("lease", "handed-off", "cluster-wide", "rest"))
FIRST = 250
"""Precedence: behind the administrators', before those of all service accounts."""
COUNTED = re.compile(r'^apiserver_flowcontrol_dispatched_requests_total\{flow_schema="([^"]+)"[^}]*\} (\S+)$', re.M)


@dataclass(frozen=True)
class Requests:
    """Of the operator, its Lease aside; watches count when they begin."""

    handed_off: int
    """For namespaces of Sovereigns that were handed off and of their owners, and for all that is in them."""
    cluster_wide: int
    """For what is in no namespace, or in all: lists, and the beginnings of watches."""
    elsewhere: int

    def since(self, before: Requests) -> Requests:
        """Those that came in between."""
        return Requests(*(getattr(self, part.name) - getattr(before, part.name) for part in fields(self)))

    def per_hour(self, sovereigns: int, seconds: float) -> float:
        """For each Sovereign that was handed off, at most: what is cluster-wide may have been for any."""
        return (self.handed_off + self.cluster_wide) * 3600 / seconds / sovereigns


def count_for(client: Client, namespaces: Sequence[str]) -> None:
    """Have requests in these namespaces counted as those for what was handed off."""
    for number, (name, rule) in enumerate(rules(namespaces).items()):
        client(
            "PATCH", f"{PATH}/{name}?fieldManager={labels.FIELD_MANAGER}&force=true", schema(name, number, rule), APPLY
        )


def forget(client: Client) -> None:
    """Count no more, whether anything was counted or not."""
    client("DELETE", f"{PATH}?labelSelector={labels.LABEL_ROLE}%3D{NAME}")


def rules(namespaces: Sequence[str]) -> dict[str, Object]:
    """The resource rule of each schema, in the order in which they are asked."""
    lease = {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "namespaces": [operator.NAMESPACE]}
    everything = {"apiGroups": ["*"], "resources": ["*"]}
    return {
        LEASE: lease,
        HANDED_OFF: {**everything, "namespaces": list(namespaces)},
        WIDE: {**everything, "clusterScope": True},
        REST: {**everything, "namespaces": ["*"]},
    }


def schema(name: str, number: int, rule: Object) -> Object:
    """The flow schema of one rule."""
    account = {"name": "catalyst-operator", "namespace": operator.NAMESPACE}
    subject = {"kind": "ServiceAccount", "serviceAccount": account}
    return {
        "apiVersion": API_VERSION,
        "kind": "FlowSchema",
        "metadata": {"name": name, "labels": {labels.LABEL_ROLE: NAME}},
        "spec": {
            "priorityLevelConfiguration": {"name": LEVEL},
            "matchingPrecedence": FIRST + number,
            "distinguisherMethod": {"type": "ByUser"},
            "rules": [{"subjects": [subject], "resourceRules": [{"verbs": ["*"], **rule}]}],
        },
    }


def read(api: Api) -> Requests:
    """All so far. Raises BenchError."""
    connection = api.connect()
    try:
        connection.request("GET", "/metrics", headers=dict(api.headers))
        response = connection.getresponse()
        text = response.read().decode()
    except OSError as error:
        raise BenchError(f"the API server's metrics could not be read: {error}") from error
    finally:
        connection.close()
    if response.status != 200:
        raise BenchError(f"the API server's metrics could not be read: {response.status}")
    return counted(text)


def counted(metrics: str) -> Requests:
    """What its metrics say."""
    found = {name: int(float(value)) for name, value in COUNTED.findall(metrics)}
    return Requests(found.get(HANDED_OFF, 0), found.get(WIDE, 0), found.get(REST, 0))
