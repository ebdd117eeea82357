"""The end of a Sovereign's domain: given back once nothing is left in the cloud, and before the run namespace goes."""

from __future__ import annotations

from datetime import timedelta

from catalyst_operator.core.finalize.deletion import CLEAN_UP_AGAIN
from catalyst_operator.core.scene import SAFETY
from tests.support.gen import known
from tests.support.reservations import ready, reserved, served
from tests.unit.core.decide.deletions import AFTER, ANNOUNCED, APPLIED, BEFORE, DESTROYED, MADE, ORPHAN, RUNNING, going
from tests.unit.core.decide.table import Deleted, at_work

CASES = (
    Deleted(
        "destroyed: the name is given back",
        (going(MADE), known(APPLIED, DESTROYED, **AFTER), served(ready())),
        check="domain_not_released",
        deleting="ReleasingDomain",
        says=("omantel.omani.works is being given back",),
        does=("ReleaseDomain",),
        again=SAFETY,
    ),
    Deleted(
        "it is being given back: waited for, and what it is about is said",
        (going(MADE), known(APPLIED, DESTROYED, **AFTER), served(ready(deleted=True))),
        check="domain_not_released",
        deleting="ReleasingDomain",
        says=("is being given back. Ready says so.",),
        again=SAFETY,
    ),
    Deleted(
        "nothing was ever made but the reservation: it is given back, and then the Sovereign goes",
        (going(), served(reserved())),
        check="domain_not_released",
        deleting="ReleasingDomain",
        does=("ReleaseDomain",),
        again=SAFETY,
    ),
    Deleted(
        "servers may still be there: the name stays until they are gone",
        (going(MADE), known(APPLIED, RUNNING, **BEFORE), at_work(RUNNING), served(ready())),
        check="destroy_in_progress",
        deleting="Destroying",
        does=(),
        again=SAFETY,
    ),
    Deleted(
        "the name is given back: what is left is the run namespace",
        (going(MADE), known(APPLIED, DESTROYED, **AFTER), served()),
        check="nothing_left",
        deleting="CleaningUp",
        again=timedelta(0),
    ),
    Deleted(
        "the name was somebody else's all the time: it is not ours to give back",
        (going(), served(ready(owner="another"))),
        check="cleaned_up",
        does=("RemoveFinalizer",),
    ),
    Deleted(
        "policy Orphan: the name goes on pointing to what stays",
        (going(ORPHAN, MADE, ANNOUNCED), known(APPLIED, **BEFORE), served(ready())),
        check="nothing_left",
        deleting="CleaningUp",
        does=("WriteReceipt", "DeleteNamespace"),
        again=CLEAN_UP_AGAIN,
    ),
)
