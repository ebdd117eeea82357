"""Whose an object is when a Sovereign is destroyed: whatever might be another's is never taken for its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalyst_operator.api.labels import LABEL_SOVEREIGN_UID
from catalyst_operator.core.project import belongings
from catalyst_operator.core.project.belongings import CCM_LABEL, Holdings, Reference, Thing, Whose, in_the_way, whose

UID, OTHER = "0d3e", "77aa"
NETWORK: Reference = ("networks", 1)
SERVER: Reference = ("servers", 10)
THEIR_NETWORK: Reference = ("networks", 2)
THEIR_SERVER: Reference = ("servers", 20)
HOLDINGS = Holdings(UID, held=frozenset({NETWORK, SERVER}), members=frozenset({NETWORK, SERVER}))
OURS, THEIRS = {LABEL_SOVEREIGN_UID: UID}, {LABEL_SOVEREIGN_UID: OTHER}
CCM, CSI = {CCM_LABEL: "b1b2"}, {"managed-by": "csi-driver", "pvc-name": "data"}


@dataclass(frozen=True)
class Case:
    why: str
    kind: str
    whose: Whose
    labels: dict[str, str] = field(default_factory=dict)
    members: tuple[Reference, ...] = ()
    untraceable: bool = False
    id: int = 99


CASES = (
    Case("the state lists it", "servers", Whose.HELD, id=10, members=(NETWORK,)),
    Case("the state lists it, whatever somebody wrote on it", "servers", Whose.HELD, THEIRS, id=10),
    Case("an id of the state's, but of another kind", "volumes", Whose.UNRELATED, id=10),
    Case("our label, hanging nowhere", "floating_ips", Whose.LABELLED, OURS),
    Case("our label, on our server", "volumes", Whose.LABELLED, OURS, (SERVER,)),
    Case("our label on what hangs on another's server", "volumes", Whose.SHARED, OURS, (THEIR_SERVER,)),
    Case("our label on another Sovereign's server, in its network", "servers", Whose.SHARED, OURS, (THEIR_NETWORK,)),
    Case(
        "our label on a server that is in a network of others as well",
        "servers",
        Whose.SHARED,
        OURS,
        (NETWORK, THEIR_NETWORK),
    ),
    Case("a claim's volume on our server", "volumes", Whose.MADE_INSIDE, CSI, (SERVER,)),
    Case("a claim's volume on another's server", "volumes", Whose.UNRELATED, CSI, (THEIR_SERVER,)),
    Case("a claim's volume on no server may be of any cluster", "volumes", Whose.UNRELATED, CSI),
    Case("another Sovereign's volume on our server", "volumes", Whose.SHARED, {**CSI, **THEIRS}, (SERVER,)),
    Case("a volume that a person attached", "volumes", Whose.FOREIGN, {}, (SERVER,)),
    Case("a Service's balancer in our network", "load_balancers", Whose.MADE_INSIDE, CCM, (NETWORK,)),
    Case("one in no network, with our servers as targets", "load_balancers", Whose.MADE_INSIDE, CCM, (SERVER,)),
    Case("one that serves others as well", "load_balancers", Whose.SHARED, CCM, (NETWORK, THEIR_SERVER)),
    Case(
        "one in another network that reaches our servers too",
        "load_balancers",
        Whose.SHARED,
        CCM,
        (THEIR_NETWORK, SERVER),
    ),
    Case("one that serves addresses, which may be anybody's", "load_balancers", Whose.SHARED, CCM, (NETWORK,), True),
    Case("another Sovereign's in our network", "load_balancers", Whose.SHARED, {**CCM, **THEIRS}, (NETWORK,)),
    Case(
        "an empty label is somebody's mistake, not a word for us",
        "load_balancers",
        Whose.SHARED,
        {LABEL_SOVEREIGN_UID: ""},
        (NETWORK,),
    ),
    Case("a Service's balancer elsewhere", "load_balancers", Whose.UNRELATED, CCM, (THEIR_NETWORK,)),
    Case("a balancer of no controller's", "load_balancers", Whose.FOREIGN, {}, (NETWORK,)),
    Case("labelled by the controller, without a Service", "load_balancers", Whose.FOREIGN, {CCM_LABEL: ""}, (NETWORK,)),
    Case("somebody's server in our network", "servers", Whose.FOREIGN, {}, (NETWORK,)),
    Case(
        "a server is no controller's making, whatever its labels", "servers", Whose.FOREIGN, {**CCM, **CSI}, (NETWORK,)
    ),
    Case("a claim's label does not make a balancer a claim's", "load_balancers", Whose.FOREIGN, CSI, (NETWORK,)),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.why)
def test_whose(case: Case) -> None:
    made = Thing(case.kind, case.id, "pvc-1", case.labels, frozenset(case.members), case.untraceable)
    assert whose(made, HOLDINGS) is case.whose


REFERENCES = st.sampled_from([NETWORK, SERVER, THEIR_NETWORK, THEIR_SERVER])
LABELS = st.dictionaries(
    st.sampled_from([LABEL_SOVEREIGN_UID, CCM_LABEL, "managed-by", "app"]),
    st.sampled_from([UID, OTHER, "csi-driver", "", "x"]),
)
THINGS = st.builds(
    Thing,
    kind=st.sampled_from(["servers", "load_balancers", "volumes", "floating_ips", "certificates", "images"]),
    id=st.integers(50, 60),
    name=st.sampled_from(["omantel-d2faa-worker-0", "pvc-1", "x"]),
    labels=LABELS,
    members=st.frozensets(REFERENCES),
    untraceable=st.booleans(),
    protected=st.booleans(),
)
SURE = (Whose.LABELLED, Whose.MADE_INSIDE, Whose.FOREIGN)
"""What may be removed, the last of them only if a person says so."""


@given(THINGS)
def test_nothing_that_hangs_on_others_or_is_anothers_is_ever_removed(made: Thing) -> None:
    if made.members - HOLDINGS.members or made.labels.get(LABEL_SOVEREIGN_UID, UID) != UID:
        assert whose(made, HOLDINGS) not in SURE


@given(THINGS)
def test_of_two_sovereigns_in_one_project_at_most_one_removes_a_thing(made: Thing) -> None:
    theirs = Holdings(OTHER, members=frozenset({THEIR_NETWORK, THEIR_SERVER}))
    removed = [holdings for holdings in (HOLDINGS, theirs) if whose(made, holdings) in SURE]
    assert len(removed) <= 1


@given(THINGS)
def test_the_name_says_nothing(made: Thing) -> None:
    renamed = Thing(made.kind, made.id, "else", made.labels, made.members, made.untraceable, made.protected)
    assert whose(renamed, HOLDINGS) is whose(made, HOLDINGS)


@given(THINGS, st.booleans())
def test_what_only_others_have_is_in_nobodys_way(made: Thing, sweep_all: bool) -> None:
    what = whose(made, HOLDINGS)
    if in_the_way(made, what, sweep_all=sweep_all):
        assert what in (Whose.SHARED, Whose.FOREIGN)
    if what is Whose.SHARED and made.kind in belongings.IN_USE:
        assert in_the_way(made, what, sweep_all=sweep_all), "no setting makes what serves others ours"


RAW: dict[str, tuple[str, dict[str, Any], set[Reference], bool]] = {
    "a server": ("servers", {"private_net": [{"network": 1, "ip": "10.0.1.10"}]}, {NETWORK}, False),
    "a volume": ("volumes", {"server": 10}, {SERVER}, False),
    "one that is attached nowhere": ("volumes", {"server": None}, set(), False),
    "a floating IP": ("floating_ips", {"server": 10}, {SERVER}, False),
    "a primary IP that nobody has": ("primary_ips", {"assignee_id": None, "assignee_type": "unassigned"}, set(), False),
    "a primary IP": ("primary_ips", {"assignee_id": 10, "assignee_type": "server"}, {SERVER}, False),
    "a certificate": (
        "certificates",
        {"used_by": [{"id": 3, "type": "load_balancer"}]},
        {("load_balancers", 3)},
        False,
    ),
    "a snapshot": ("images", {"name": None, "description": "before", "created_from": {"id": 10}}, set(), False),
    "a balancer with servers": (
        "load_balancers",
        {"private_net": [{"network": 1}], "targets": [{"type": "server", "server": {"id": 10}}]},
        {NETWORK, SERVER},
        False,
    ),
    "a balancer with a selector": (
        "load_balancers",
        {"targets": [{"type": "label_selector", "targets": [{"type": "server", "server": {"id": 20}}]}]},
        {THEIR_SERVER},
        False,
    ),
    "a balancer with a selector of which the API does not say whom it selects": (
        "load_balancers",
        {"targets": [{"type": "label_selector", "label_selector": {"selector": "a=b"}}]},
        set(),
        True,
    ),
    "a balancer with an address": (
        "load_balancers",
        {"targets": [{"type": "ip", "ip": {"ip": "1.2.3.4"}}]},
        set(),
        True,
    ),
}


@pytest.mark.parametrize("which", RAW)
def test_what_it_hangs_on_is_read_from_the_api(which: str) -> None:
    kind, raw, members, untraceable = RAW[which]
    read = belongings.thing(kind, {"id": 5, "name": "x", "labels": OURS, "protection": {"delete": True}, **raw})
    assert read.members == members
    assert (read.untraceable, read.protected) == (untraceable, True)
    assert str(read) == f"{kind}/5 {raw.get('description', 'x')}"


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        ("servers", {}),
        ("servers", {"id": "x"}),
        ("servers", {"id": 1, "labels": ["a"]}),
        ("servers", {"id": 1, "private_net": [{}]}),
        ("servers", {"id": 1, "private_net": 5}),
        ("volumes", {"id": 1, "server": "many"}),
        ("load_balancers", {"id": 1, "targets": [{}]}),
        ("load_balancers", {"id": 1, "targets": ["x"]}),
        ("certificates", {"id": 1, "used_by": [{"id": 1}]}),
        ("servers", {"id": 1, "protection": "yes"}),
    ],
)
def test_another_shape_is_not_taken_for_hanging_nowhere(kind: str, raw: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        belongings.thing(kind, raw)


@pytest.mark.parametrize("raw", [{"volumes": 5}, {"volumes": ["x"]}, {"volumes": [None]}])
def test_a_list_of_ids_is_one(raw: dict[str, Any]) -> None:
    assert belongings.parts({"volumes": [1, 2]}, "volumes") == (1, 2)
    assert belongings.parts({"volumes": None}, "volumes") == ()
    with pytest.raises(ValueError, match="list of ids"):
        belongings.parts(raw, "volumes")


def test_the_certificates_of_a_balancer_are_in_its_services() -> None:
    services = [{"http": {"certificates": [3, 4]}}, {"http": None}, {"protocol": "tcp"}]
    assert belongings.certificates_of({"services": services}) == (3, 4)
    assert belongings.certificates_of({}) == ()
    with pytest.raises(ValueError, match="services"):
        belongings.certificates_of({"services": [5]})
