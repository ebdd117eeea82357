"""The columns of `kubectl get`."""

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Column:
    """A column of `kubectl get`; a wide one is shown with `-o wide` only."""

    name: str
    path: str
    description: str
    type: Literal["string", "integer", "date"] = "string"
    wide: bool = False

    def to_wire(self) -> dict[str, Any]:
        """The column as the CRD spells it."""
        wire = {"name": self.name, "type": self.type, "jsonPath": self.path, "description": self.description}
        return wire | ({"priority": 1} if self.wide else {})


_READY = '.status.conditions[?(@.type=="Ready")]'

SOVEREIGN_COLUMNS = (
    Column("Ready", f"{_READY}.status", "Whether all that the spec asks for holds."),
    Column("Phase", ".status.phase", "The step in progress."),
    Column("Progress", ".status.progressPercent", "How far it has come, in percent.", type="integer"),
    Column("FQDN", ".spec.domain.fqdn", "Name of the Sovereign."),
    Column("Age", ".metadata.creationTimestamp", "Time since creation.", type="date"),
    Column("Provider", ".spec.provider", "The cloud.", wide=True),
    Column("Region", ".spec.regions[0].location", "Where it runs.", wide=True),
    Column("LB-IP", ".status.outputs.loadBalancerIP", "Address of the load balancer.", wide=True),
    Column("Components", ".status.componentsSummary", "Installed of expected components.", wide=True),
    Column("Outcome", ".status.phase1Outcome", "Verdict on the bootstrap kit.", wide=True),
    Column("Cost", ".status.cost.monthly", "List price of a month in EUR.", wide=True),
    Column("Message", ".status.summary", "What is going on, or what is wrong."),
)

DOMAIN_RESERVATION_COLUMNS = (
    Column("Ready", f"{_READY}.status", "Whether the name is served and delegated."),
    Column("Mode", ".spec.mode", "How the name gets delegated."),
    Column("IP", ".spec.loadBalancerIP", "Address that the records point to."),
    Column(
        "Delegated",
        '.status.conditions[?(@.type=="Delegated")].status',
        "Whether the parent zone delegates the name.",
    ),
    Column("Expires", ".status.expiresAt", "When the reservation ends unless renewed or committed."),
    Column("Sovereign", ".spec.sovereignRef.name", "The Sovereign it is for."),
    Column("Age", ".metadata.creationTimestamp", "Time since creation.", type="date"),
    Column("Message", f"{_READY}.message", "What is going on, or what is wrong.", wide=True),
)
