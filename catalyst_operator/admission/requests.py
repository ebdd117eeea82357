"""What may be asked for by annotation, as far as the object tells: the operator's own look is the judge, and says the
rest in status."""

from __future__ import annotations

from catalyst_operator.admission.policy import Policy, ResourceRule, Validation
from catalyst_operator.admission.reserved import metadata
from catalyst_operator.api import labels
from catalyst_operator.api.schema import cel_string
from catalyst_operator.api.sovereign_rules import whose_servers
from catalyst_operator.core.tofu.server_names import STARTER

REBUILD = cel_string(labels.ANNOTATION_REBUILD)
BEFORE, AFTER = (f"({metadata(thing, 'annotations')})" for thing in ("oldObject", "object"))
SHAPE = "^[a-z0-9][a-z0-9-]{0,61}(@[A-Za-z0-9:._+-]{1,64})?$"
ONLY_CONTROL_PLANE = f"-{STARTER}"
STATUS = "has(oldObject.status) && has(oldObject.status"


def policies(_service_account: str) -> tuple[Policy, ...]:
    """All of them."""
    return (SERVERS_MADE_AGAIN,)


# Not when an object is made: a manifest or a backup that still has the annotation is no request.
SERVERS_MADE_AGAIN = Policy(
    "catalyst-rebuild-requests",
    (ResourceRule(labels.GROUP, ("sovereigns",), ("UPDATE",)),),
    (
        Validation(
            f"variables.request.matches({cel_string(SHAPE)})",
            f"The annotation {labels.ANNOTATION_REBUILD} takes the name of one server as status.servers has it; "
            "to have the same one made again once more, with @ and anything new behind it.",
        ),
        Validation(
            f"!({STATUS}.conditions) && oldObject.status.conditions.exists(c, c.type == 'HandedOff' && "
            "c.status != 'False'))",
            f"The annotation {labels.ANNOTATION_REBUILD} comes too late: after hand-off the servers are their owner's.",
            f"'The annotation {labels.ANNOTATION_REBUILD} comes too late: after hand-off the servers are their '"
            f"+ 'owner\\'s, ' + {whose_servers('object')}",
        ),
        Validation(
            f"{STATUS}.servers) && oldObject.status.servers.exists(s, s.name == variables.server)",
            f"The annotation {labels.ANNOTATION_REBUILD} names none of the servers in status.servers.",
            f"'The annotation {labels.ANNOTATION_REBUILD} asks for nobody: ' + variables.server + ' is none of the "
            f"servers, which are: ' + ({STATUS}.servers) ? oldObject.status.servers.map(s, s.name).join(', ') "
            ": 'not made yet')",
        ),
        Validation(
            f"object.spec.controlPlane.replicas != 1 || !variables.server.endsWith('{ONLY_CONTROL_PLANE}')",
            f"The annotation {labels.ANNOTATION_REBUILD} would cost the cluster: the only control plane cannot be made "
            "again, because the cluster's data is on its disk. Set spec.controlPlane.replicas to 3 first.",
        ),
    ),
    {
        "asks-for-it": f"{REBUILD} in {AFTER} && !({REBUILD} in {BEFORE} && {BEFORE}[{REBUILD}] == {AFTER}[{REBUILD}])",
    },
    {
        "request": f"object.metadata.annotations[{REBUILD}]",
        "server": "variables.request.split('@')[0]",
    },
)
