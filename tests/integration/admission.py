"""What the admission tests share: valid objects to start from, edits to them, and what a refusal must say."""

import copy
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import yaml

from catalyst_operator.api import known_names
from tests.integration.apiserver import Api, ApiError
from tests.support.paths import REPOSITORY

GROUP = "/apis/catalyst.openova.io/v1alpha1"
RESERVATIONS = f"{GROUP}/domainreservations"
SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGprpwJJCjdHkXUYIA5pberQHjLL3Nyg3TrCvzVomCq1 admin@omantel"

REMOVED: Any = object()
"""As the value of an edit: take the field out."""

Edits = dict[str, Any]

NAME_OF_A_TYPE = re.compile(r'Invalid value: "(string|object|array|integer)"')


@dataclass(frozen=True)
class Case:
    """One edit of a valid object, and what the API server must answer to it."""

    name: str
    edits: Edits
    where: str = ""
    says: str = ""
    before: Edits = field(default_factory=dict)
    """For changes of an existing object: what it looked like."""

    def expect_refusal(self, error: ApiError) -> None:
        """The refusal names the field and says why, and no value that is only the name of a type."""
        matching = [message for place, message in error.causes if place == self.where]
        assert matching, f"no cause for {self.where}; the causes were {error.causes or error}"
        assert any(self.says in message for message in matching), f"{self.says!r} not in {matching}"
        assert not [
            message for message in matching if re.match(r'Invalid value: "(string|object|array|integer)"', message)
        ]


def cases(*table: Case) -> pytest.MarkDecorator:
    """Parametrize a test over a table, with the cases' names as ids."""
    return pytest.mark.parametrize("case", table, ids=lambda case: case.name)


def sovereigns(namespace: str) -> str:
    """Path of a namespace's Sovereigns."""
    return f"{GROUP}/namespaces/{namespace}/sovereigns"


def sovereign(edits: Edits | None = None, name: str = "omantel") -> dict[str, Any]:
    """The smallest valid Sovereign, edited. Edits are paths below spec, or below the object with a leading slash."""
    return edited(
        {
            "apiVersion": "catalyst.openova.io/v1alpha1",
            "kind": "Sovereign",
            "metadata": {"name": name},
            "spec": {
                "organization": {"name": "Omantel"},
                "adminEmail": "admin@omantel.example",
                "domain": {"mode": "pool", "fqdn": "omantel.omani.works"},
                "provider": "hetzner",
                "credentialsSecretRef": {"name": "hetzner-token"},
                "regions": [{"location": "fsn1"}],
                "controlPlane": {"size": "cx33"},
                "sshPublicKeys": [SSH_KEY],
            },
        },
        edits or {},
    )


EITHER_OR = frozenset({".gitops.ref.branch", ".gitops.ref.tag"})
"""Fields of the spec that a Sovereign has instead of others."""


def full_sovereign(edits: Edits | None = None) -> dict[str, Any]:
    """A valid Sovereign in which every field of the spec is given, but for EITHER_OR."""
    secret = {"name": "a-secret"}
    everything: Edits = {
        "organization": {
            "name": "Omantel",
            "industry": "telecommunications",
            "size": "1000-5000",
            "headquarters": "Muscat, Oman",
            "complianceFrames": ["ISO-27001"],
        },
        "domain": {
            "mode": "byo-api",
            "fqdn": "cloud.omantel.om",
            "registrar": {"name": "ovh", "credentialsSecretRef": secret, "acknowledgeLiveRecords": True},
        },
        "projectID": "1234567",
        "regions": [{"location": "fsn1", "buildingBlocks": ["mgt", "rtz", "dmz"]}],
        "controlPlane": {"size": "cx33", "replicas": 3, "sizeFallbacks": ["cpx32"]},
        "workers": {"size": "cx43", "replicas": 2, "sizeFallbacks": ["cpx42"]},
        "sshAllowedCIDRs": ["203.0.113.0/24"],
        "apiAllowedCIDRs": ["203.0.113.0/24"],
        "keycloakTopology": "shared-sovereign",
        "federation": {"issuerURL": "https://login.example/v2", "clientID": "catalyst", "clientSecretRef": secret},
        "tls": {"strategy": "corporate-ca", "caSecretRef": secret},
        "objectStorage": {
            "provider": "s3",
            "endpoint": "https://s3.example",
            "bucket": "cold-tier",
            "credentialsSecretRef": secret,
        },
        "imagePullSecretRef": secret,
        "crossplane": {"credentialsSecretRef": secret},
        "components": ["harbor", "langfuse"],
        "release": known_names.releases()[-1],
        "gitops": {
            "mode": "Template",
            "url": "https://git.example/org/clusters",
            "ref": {"commit": "4f1c" * 10},
            "path": "clusters/omantel",
            "credentialsSecretRef": secret,
            "verify": {"mode": "HEAD", "secretRef": secret},
        },
        "approval": "Manual",
        "approvePlan": "sha256:" + 64 * "a",
        "originalUID": "3b0d9f0e-6f3a-4c57-9a53-0f6f6f1f2a11",
        "suspend": True,
        "dryRun": True,
        "driftDetection": {"interval": "24h", "mode": "Repair"},
        "deletionPolicy": "Orphan",
        "deletionProtection": False,
        "phase1": {"firstSeenTimeout": "15m", "watchTimeout": "1h30m", "minComponents": 11},
        "handOff": {"mode": "Manual", "ownerKubeconfig": "Keep"},
        "decommission": {
            "acknowledgeExported": True,
            "stateSecretRef": secret,
            "export": {"sha256": 64 * "a", "location": "s3://backups/omantel/openbao.snap"},
            "sweep": "All",
            "removeOverlay": False,
        },
    }
    return sovereign(everything | (edits or {}))


def reservation(edits: Edits | None = None, name: str = "omantel.omani.works") -> dict[str, Any]:
    """A valid DomainReservation of a Sovereign, edited."""
    return edited(
        {
            "apiVersion": "catalyst.openova.io/v1alpha1",
            "kind": "DomainReservation",
            "metadata": {"name": name},
            "spec": {
                "mode": "pool",
                "sovereignRef": {"namespace": "customers", "name": "omantel", "uid": "3f1c0f5e"},
            },
        },
        edits or {},
    )


def full_reservation(edits: Edits | None = None) -> dict[str, Any]:
    """A valid DomainReservation in which every field of the spec is given."""
    registrar = {
        "name": "ovh",
        "credentialsSecretRef": {"namespace": "customers", "name": "ovh-api"},
        "acknowledgeLiveRecords": True,
    }
    everything: Edits = {
        "mode": "byo-api",
        "registrar": registrar,
        "loadBalancerIP": "203.0.113.7",
        "ttl": "10m",
        "rollbackNameservers": ["ns1.example.net"],
    }
    return reservation(everything | (edits or {}))


def edited(base: dict[str, Any], edits: Edits) -> dict[str, Any]:
    """A copy of the object with values set, or taken out, at paths such as `regions[0].location`."""
    result = copy.deepcopy(base)
    for path, value in edits.items():
        full = path[1:] if path.startswith("/") else f"spec.{path}"
        _set(result, _steps(full), value)
    return result


def _steps(path: str) -> list[str | int]:
    parts = path.replace("[", ".[").split(".")
    return [int(part[1:-1]) if part.startswith("[") else part for part in parts]


def _set(node: Any, steps: list[str | int], value: Any) -> None:
    *parents, last = steps
    for step in parents:
        node = node.setdefault(step, {}) if isinstance(node, dict) else node[step]
    if value is REMOVED:
        del node[last]
    else:
        node[last] = copy.deepcopy(value)


def refusal(api: Api, method: str, path: str, body: dict[str, Any] | None = None) -> ApiError:
    """The error with which the API server refuses a dry run; the test fails if it does not."""
    options = {"dryRun": "All"} | ({} if method == "DELETE" else {"fieldValidation": "Strict"})
    try:
        api.request(method, path, body, **options)
    except ApiError as error:
        return error
    raise AssertionError(f"{method} {path} was not refused")


def schema(plural: str) -> dict[str, Any]:
    """The generated schema of a resource, as it lies in crds/."""
    text = (REPOSITORY / "crds" / f"catalyst.openova.io_{plural}.yaml").read_text("utf-8")
    root: dict[str, Any] = yaml.safe_load(text)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return root


@contextmanager
def created(api: Api, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A DomainReservation that exists during the block: being cluster-scoped, it would meet those of other tests."""
    name = body["metadata"]["name"]
    yield api.create(RESERVATIONS, body)
    api.delete(f"{RESERVATIONS}/{name}")
