"""What Kubernetes knows of each resource besides its schema: names, scope, columns, selectable fields."""

from dataclasses import dataclass
from typing import Literal

from catalyst_operator.api.columns import DOMAIN_RESERVATION_COLUMNS, SOVEREIGN_COLUMNS, Column
from catalyst_operator.api.common import Resource
from catalyst_operator.api.domain_reservation import DomainReservation
from catalyst_operator.api.sovereign import Sovereign


@dataclass(frozen=True)
class ResourceDefinition:
    """All that a CustomResourceDefinition needs."""

    model: type[Resource]
    plural: str
    scope: Literal["Namespaced", "Cluster"]
    short_names: tuple[str, ...]
    columns: tuple[Column, ...]
    selectable: tuple[str, ...]

    @property
    def kind(self) -> str:
        """Kind of the resource."""
        return self.model.__name__


SOVEREIGN = ResourceDefinition(
    model=Sovereign,
    plural="sovereigns",
    scope="Namespaced",
    short_names=("sov",),
    columns=SOVEREIGN_COLUMNS,
    selectable=(
        ".spec.domain.fqdn",
        ".spec.domain.mode",
        ".spec.provider",
        ".status.phase",
        ".status.phase1Outcome",
    ),
)

DOMAIN_RESERVATION = ResourceDefinition(
    model=DomainReservation,
    plural="domainreservations",
    scope="Cluster",
    short_names=("domres",),
    columns=DOMAIN_RESERVATION_COLUMNS,
    selectable=(
        ".spec.mode",
        ".spec.sovereignRef.namespace",
        ".spec.sovereignRef.name",
        ".spec.sovereignRef.uid",
    ),
)

RESOURCES = (SOVEREIGN, DOMAIN_RESERVATION)
