"""The gate: what needs approval, what is refused, what the digest covers and what it does not."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalyst_operator.core.tofu.plan_gate import (
    EXIT_APPROVAL_NEEDED,
    EXIT_CLUSTER_LOST,
    EXIT_DIGEST_MISMATCH,
    EXIT_NOTHING_FOUND,
    EXIT_REFUSED,
    Beside,
    PlanJudgement,
    judge,
    termination_message,
    verdict,
)
from tests.support.gen import TOKEN, UID

LIMIT = 1500
Raw = dict[str, Any]
SERVER = {"id": "42", "server_type": "cpx22", "name": "a"}


def change(
    address: str = "hcloud_network.this",
    actions: tuple[str, ...] = ("create",),
    before: Raw | None = None,
    after: Raw | None = None,
    **more: Any,
) -> Raw:
    """One entry of resource_changes, as `tofu show -json` prints it."""
    body = {"actions": list(actions), "before": before, "after": after, "after_unknown": {}}
    return {"address": address, "mode": "managed", "type": address.split(".", maxsplit=1)[0], "change": body, **more}


def edited(raw: Raw, *path: str, value: Any) -> Raw:
    result = copy.deepcopy(raw)
    target = result
    for name in path[:-1]:
        target = target[name]
    target[path[-1]] = value
    return result


def imported(address: str, actions: tuple[str, ...], before: Raw, after: Raw) -> Raw:
    """A change that begins with taking an existing object into the state."""
    raw = change(address, actions, before, after)
    return edited(raw, "change", "importing", value={"id": before["id"]})


CREATE = change(after={"name": "n"})
NOOP = change("hcloud_firewall.this", ("no-op",), {"id": "1"}, {"id": "1"})
READ = change("data.hcloud_image.this", ("read",), mode="data")
GROW = change("hcloud_network.this", ("update",), {"id": "1", "name": "a"}, {"id": "1", "name": "b"})
RESIZE = change("hcloud_server.worker[0]", ("update",), SERVER, {**SERVER, "server_type": "cpx32"})
RENAME = change("hcloud_server.worker[0]", ("update",), SERVER, {**SERVER, "name": "b"})
DESTROY = change("hcloud_server.worker[1]", ("delete",), SERVER, None)
REPLACE = change("hcloud_server.worker[0]", ("delete", "create"), SERVER, SERVER)
TAINTED = {**REPLACE, "action_reason": "replace_because_tainted"}
FLAGS = {"keep_disk": None, "ignore_remote_firewall_ids": None, "shutdown_before_deletion": None}
ADOPT = imported("hcloud_network.this", ("no-op",), {"id": "1"}, {"id": "1"})
ADOPT_SERVER = imported("hcloud_server.worker[0]", ("update",), SERVER | FLAGS, SERVER | dict.fromkeys(FLAGS, False))
ATTACH = edited(ADOPT_SERVER, "change", "after", value={**SERVER, "network": [{"ip": "10.0.1.50"}]})
FIRST = change("hcloud_server.control_plane[0]", ("create", "delete"), SERVER, SERVER)
THREE = ("control-plane-0", "control-plane-1", "control-plane-2")
ALONE = THREE[:1]
ASKS = EXIT_APPROVAL_NEEDED
MADE: Raw = {"actions": ["create"], "before": None, "after": SERVER}
REPLACED: Raw = {"actions": ["delete", "create"], "before": SERVER, "after": SERVER}
GONE: Raw = {"actions": ["delete"], "before": SERVER, "after": None}
RESIZED: Raw = {"actions": ["update"], "before": SERVER, "after": {**SERVER, "server_type": "cpx32"}}
OFF: Raw = {"actions": ["no-op"], "before": {**SERVER, "status": "off"}, "after": {**SERVER, "status": "off"}}
OFF_RESIZED: Raw = {**RESIZED, "before": {**SERVER, "status": "off"}}
ISO = change("hcloud_server.worker[0]", ("update",), SERVER, {**SERVER, "iso": "netboot.xyz.iso"})


def control_plane(index: int, deed: Raw) -> Raw:
    """What a plan does to a control plane."""
    raw = change(f"hcloud_server.control_plane[{index}]")
    return {**raw, "change": {"after_unknown": {}, **deed}}


def judged(*changes: Raw, **how: Any) -> PlanJudgement:
    return judge({"resource_changes": list(changes)}, uid=UID, **how)


@pytest.mark.parametrize(
    ("changes", "needs", "why"),
    [
        ((CREATE,), "", "making something new is what was asked for"),
        ((NOOP, READ), "", "nothing is touched"),
        ((GROW,), "", "a change in place that interrupts nothing"),
        ((RENAME,), "", "a server's name changes without a restart"),
        ((RESIZE,), "worker[0] would be powered off to change server_type", "the server is down meanwhile"),
        ((DESTROY,), "worker[1] would be destroyed", "what once applied may hold data"),
        ((REPLACE,), "worker[0] would be replaced", "the same"),
        ((TAINTED,), "", "what a broken first apply left never worked"),
        ((CREATE, DESTROY), "worker[1] would be destroyed", "one reason is enough"),
        ((ADOPT, ADOPT_SERVER, CREATE), "", "what an earlier run made is only taken into the state"),
        ((ATTACH,), "", "a server that was made but not attached yet is attached in place"),
        (
            (edited(ADOPT_SERVER, "change", "after", "server_type", value="cpx32"),),
            "worker[0] would be powered off to change server_type",
            "an adopted server may be at work as any other",
        ),
    ],
)
def test_what_needs_approval(changes: tuple[Raw, ...], needs: str, why: str) -> None:
    code, said = verdict(judged(*changes), manual=False, approved="")
    assert code == (EXIT_APPROVAL_NEEDED if needs else 0), why
    assert needs in said


def server_change(before: Raw, after: Raw, unknown: Raw) -> Raw:
    """An update in place of a server."""
    raw = change("hcloud_server.worker[0]", ("update",), {**SERVER, **before}, {**SERVER, **after})
    return edited(raw, "change", "after_unknown", value=unknown)


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("iso", None, "netboot.xyz.iso"),
        ("rescue", None, "linux64"),
        ("public_net", [{"ipv4_enabled": True}], [{"ipv4_enabled": False}]),
        ("placement_group_id", 1, 2),
        ("an_attribute_of_a_later_provider", None, 1),
        ("server_type", "cpx22", "cpx32"),
    ],
)
def test_a_server_is_not_changed_unasked_unless_that_is_known_to_be_harmless(
    name: str, before: Any, after: Any
) -> None:
    """The provider powers a server off for some of these, and restarts it for others."""
    code, said = verdict(judged(server_change({name: before}, {name: after}, {})), manual=False, approved="")
    assert (code, said) == (
        EXIT_APPROVAL_NEEDED,
        f"hcloud_server.worker[0] would be powered off to change {name}",
    )


@pytest.mark.parametrize(
    ("before", "after", "unknown", "why"),
    [
        ({"labels": {}}, {"labels": {"a": "b"}}, {}, "a label"),
        ({"network": []}, {"network": [{"ip": "10.0.1.50"}]}, {}, "attached while it runs"),
        ({"firewall_ids": [1]}, {"firewall_ids": [1, 2]}, {}, "applied from outside"),
        ({"keep_disk": None}, {"keep_disk": True}, {}, "tells the provider how, and changes nothing"),
        ({"ipv4_address": "203.0.113.9"}, {}, {"ipv4_address": True}, "computed: known only afterwards"),
    ],
)
def test_a_server_is_changed_while_it_runs_without_asking(before: Raw, after: Raw, unknown: Raw, why: str) -> None:
    assert verdict(judged(server_change(before, after, unknown)), manual=False, approved="")[0] == 0, why


def test_manual_needs_approval_for_everything_but_nothing() -> None:
    assert verdict(judged(CREATE), manual=True, approved="")[0] == EXIT_APPROVAL_NEEDED
    assert verdict(judged(NOOP, READ), manual=True, approved="") == (0, "no approval needed")


@pytest.mark.parametrize(
    ("raw", "asks", "why"),
    [
        (ADOPT, False, "nothing but the state changes"),
        (ADOPT_SERVER, False, "the provider only writes down what it would assume anyway"),
        (ATTACH, True, "a server gets an address in the network"),
        (edited(ADOPT_SERVER, "change", "after", "name", value="b"), True, "a server gets another name"),
        (edited(ADOPT_SERVER, "change", "after", "keep_disk", value=True), True, "a choice, not a default"),
        (edited(ADOPT_SERVER, "change", "before", "keep_disk", value=True), True, "somebody had chosen it"),
        (edited(ADOPT_SERVER, "change", "before", "delete_protection", value=None), False, "not in after either"),
        (edited(ADOPT_SERVER, "change", "after", "backups", value=False), True, "the cloud has backups, on or off"),
        (edited(ADOPT_SERVER, "change", "after_unknown", value={"network": [{"mac_address": True}]}), True, "unknown"),
        (edited(ADOPT_SERVER, "change", "after_unknown", value={"network": [], "labels": {}}), False, "all is known"),
        (edited(ADOPT_SERVER, "change", "importing", value=None), True, "of a server that was in the state before"),
    ],
)
def test_manual_does_not_ask_about_what_changes_the_state_alone(raw: Raw, asks: bool, why: str) -> None:
    assert verdict(judged(raw), manual=True, approved="")[0] == (EXIT_APPROVAL_NEEDED if asks else 0), why


def test_manual_asks_when_anything_else_comes_with_an_adoption() -> None:
    assert verdict(judged(ADOPT, CREATE), manual=True, approved="")[0] == EXIT_APPROVAL_NEEDED


PLACE = {"network_id": 7, "ip": "10.0.1.50", "alias_ips": []}
UNKNOWN_PLACE = {"network": [{"mac_address": True, "subnet_id": True}]}
IMPORTED = imported(
    "hcloud_server.worker[0]",
    ("update",),
    {**SERVER, **FLAGS, "network": []},
    {**SERVER, **dict.fromkeys(FLAGS, False), "network": [PLACE]},
)
IN_PLACE = edited(IMPORTED, "change", "after_unknown", value=UNKNOWN_PLACE)
"""A server that is in the network, as the provider imports it: without its place there."""
ATTACHED = Beside(attached={"hcloud_server.worker[0]": "10.0.1.50"})


@pytest.mark.parametrize(
    ("raw", "beside", "asks", "why"),
    [
        (IN_PLACE, ATTACHED, False, "the project has it there already"),
        (edited(IN_PLACE, "change", "before", "network", value=None), ATTACHED, False, "no place is none, too"),
        (IN_PLACE, Beside(), True, "nobody has seen it there"),
        (IN_PLACE, Beside(attached={"hcloud_server.worker[0]": "10.0.1.51"}), True, "it has another address there"),
        (IN_PLACE, Beside(attached={"hcloud_server.worker[1]": "10.0.1.50"}), True, "that is another server"),
        (edited(IN_PLACE, "change", "after", "network", value=[PLACE, PLACE]), ATTACHED, True, "a second place"),
        (
            edited(IN_PLACE, "change", "after", "network", value=[{**PLACE, "alias_ips": ["10.0.1.60"]}]),
            ATTACHED,
            True,
            "further addresses",
        ),
        (edited(IN_PLACE, "change", "before", "network", value=[PLACE]), ATTACHED, True, "the state knew of another"),
        (edited(IN_PLACE, "change", "after", "server_type", value="cpx32"), ATTACHED, True, "another size besides"),
        (edited(IN_PLACE, "change", "after_unknown", value={"name": True}), ATTACHED, True, "a name that is not known"),
        (edited(IN_PLACE, "change", "importing", value=None), ATTACHED, False, "adopted by a run that was broken off"),
        (edited(IN_PLACE, "change", "importing", value=None), Beside(), True, "in the state before, and not seen"),
    ],
)
def test_an_adopted_server_that_is_in_its_place_is_left_as_it_is(
    raw: Raw, beside: Beside, asks: bool, why: str
) -> None:
    judgement = judged(raw, beside=beside)
    code, said = verdict(judgement, manual=True, approved="")
    assert code == (EXIT_APPROVAL_NEEDED if asks else 0), why
    assert judgement.change == int(asks), "what writes nothing is no change"
    assert ("shown as changed, but taken in as it is: hcloud_server.worker[0]" in said) is not asks


# --- what was applied once --------------------------------------------------------------------------------------------

STANDING = Beside(standing=("control-plane-0", "worker-0", "worker-1"))


def creation(address: str) -> Raw:
    return change(address, after={"name": "n"})


@pytest.mark.parametrize(
    ("address", "beside", "asks", "why"),
    [
        ("hcloud_server.worker[1]", STANDING, True, "its data is gone"),
        ("hcloud_server.control_plane[0]", STANDING, True, "the cluster itself is"),
        ("hcloud_network.this", STANDING, True, "with it goes everything: it may be the wrong project"),
        ("hcloud_load_balancer.this", STANDING, True, "it gets another address, and DNS points to the old one"),
        ("hcloud_placement_group.worker[0]", STANDING, True, "in the state of before"),
        ("hcloud_server.worker[2]", STANDING, False, "one more was asked for"),
        ("hcloud_server.control_plane[1]", STANDING, False, "more control planes were asked for"),
        ("hcloud_placement_group.worker[1]", STANDING, False, "a group for further workers"),
        ('hcloud_load_balancer_service.this["http"]', STANDING, False, "a part that holds nothing"),
        ("hcloud_server.worker[1]", Beside(), False, "nothing was ever in service"),
    ],
)
def test_what_was_applied_once_is_not_made_again_unasked(address: str, beside: Beside, asks: bool, why: str) -> None:
    judgement = judged(creation(address), beside=beside)
    code, said = verdict(judgement, manual=False, approved="")
    assert code == (EXIT_APPROVAL_NEEDED if asks else 0), why
    assert judgement.replacing == ((address,) if asks else ())
    assert (f"{address} would be made again" in said) is asks
    assert verdict(judgement, manual=False, approved=judgement.digest)[0] == 0


@pytest.mark.parametrize(("actions", "asks"), [(("delete",), True), (("update",), False)])
def test_what_the_state_holds_and_refreshing_does_not_find_was_applied_once(
    actions: tuple[str, ...], asks: bool
) -> None:
    """Whatever the record knows: a worker that a run added which failed afterwards, or a key."""
    key = 'hcloud_ssh_key.this["4cfe9f355cc2"]'
    plan = {"resource_changes": [creation(key)], "resource_drift": [change(key, actions, SERVER, None)]}
    judgement = judge(plan, uid=UID, beside=STANDING)
    assert verdict(judgement, manual=False, approved="")[0] == (EXIT_APPROVAL_NEEDED if asks else 0)


def test_what_is_replaced_or_adopted_is_not_called_made_again() -> None:
    raws = (edited(TAINTED, "address", value="hcloud_server.worker[1]"), REPLACE, ADOPT)
    judgement = judged(*raws, beside=STANDING)
    assert judgement.replacing == ("hcloud_server.worker[1]", "hcloud_server.worker[0]")
    assert "made again" not in verdict(judgement, manual=False, approved="")[1]


def test_a_dry_run_says_what_would_be_made_again() -> None:
    code, said = verdict(
        judged(creation("hcloud_server.worker[1]"), beside=STANDING), manual=False, approved="", dry_run=True
    )
    assert code == 0
    assert "to apply it would need approval: hcloud_server.worker[1] would be made again" in said


# --- what a destroy finds ---------------------------------------------------------------------------------------------

HELD = ("hcloud_server.worker[1]", "hcloud_network.this")


@pytest.mark.parametrize(
    ("changes", "beside", "code", "why"),
    [
        ((DESTROY,), Beside(held=HELD), 0, "what was found proves that it is the right project"),
        ((), Beside(held=HELD), EXIT_NOTHING_FOUND, "it may be the wrong one, and the state would be emptied"),
        ((), Beside(held=HELD, gone_confirmed=True), 0, "a person said that all of it is gone"),
        ((), Beside(), 0, "the state holds nothing"),
    ],
)
def test_a_destroy_that_finds_nothing_of_what_the_state_holds_is_stopped(
    changes: tuple[Raw, ...], beside: Beside, code: int, why: str
) -> None:
    judgement = judged(*changes, destroy_run=True, beside=beside)
    assert verdict(judgement, manual=False, approved="")[0] == code, why


def test_a_destroy_says_what_it_was_to_remove_and_did_not_find() -> None:
    judgement = judged(DESTROY, destroy_run=True, beside=Beside(held=HELD))
    said = verdict(judgement, manual=False, approved="")[1]
    told = json.loads(termination_message(judgement, said))
    assert (told["held"], told["destroy"], told["missed"]) == (2, 1, ["hcloud_network.this"])
    assert "not in the project any more: hcloud_network.this" in said
    none = verdict(judged(destroy_run=True, beside=Beside(held=HELD)), manual=False, approved="")[1]
    assert "the state holds 2 objects, and the project that the token opens has none of them" in none


def test_an_approval_is_of_one_plan() -> None:
    approved = judged(DESTROY).digest
    assert verdict(judged(DESTROY), manual=False, approved=approved)[0] == 0
    code, said = verdict(judged(DESTROY, RESIZE), manual=False, approved=approved)
    assert code == EXIT_DIGEST_MISMATCH
    assert said == (
        "hcloud_server.worker[1] would be destroyed; spec.approvePlan names another plan; "
        "hcloud_server.worker[0] would be powered off to change server_type"
    ), "what would be done comes first: an old approval may stay in the spec, and is the cause of nothing"


def test_servers_are_named_before_what_only_goes_with_them() -> None:
    """The table of `kubectl get` shows the first words only."""
    target = change('hcloud_load_balancer_target.this["worker-1"]', ("delete",), {"id": "7"}, None)
    judgement = judged(target, DESTROY)
    assert judgement.destroying == ("hcloud_server.worker[1]", target["address"])
    assert judgement.digest == judged(DESTROY, target).digest
    assert verdict(judgement, manual=False, approved="")[1].startswith("hcloud_server.worker[1], ")


def test_what_an_earlier_run_left_unfinished_is_replaced_without_asking_and_named() -> None:
    code, said = verdict(judged(TAINTED), manual=False, approved="")
    assert code == 0
    assert "left unfinished by an earlier run: hcloud_server" in said


def test_an_old_approval_does_not_hold_up_a_plan_that_needs_none() -> None:
    assert verdict(judged(CREATE), manual=False, approved="0" * 64)[0] == 0


def test_a_destroy_run_was_approved_by_the_deletion() -> None:
    """In mode Manual too: else a Sovereign with approval Manual could never be deleted."""
    judgement = judged(DESTROY, FIRST, control_plane(1, GONE), control_plane(2, GONE), destroy_run=True, members=THREE)
    assert verdict(judgement, manual=False, approved="")[0] == 0
    assert verdict(judgement, manual=True, approved="0" * 64)[0] == 0


# --- control planes of a cluster that has begun -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("members", "changes", "code", "says", "why"),
    [
        ((), (control_plane(0, MADE), control_plane(1, MADE), control_plane(2, MADE)), 0, "", "the first apply"),
        ((), (control_plane(0, REPLACED),), ASKS, "would be replaced", "nothing has begun"),
        ((), (control_plane(1, GONE), control_plane(2, GONE)), ASKS, "would be destroyed", "nothing has begun"),
        (ALONE, (control_plane(1, MADE), control_plane(2, MADE)), 0, "", "from one to three: two join the one"),
        (ALONE, (control_plane(0, RESIZED),), ASKS, "powered off", "its data stays, and it needs nobody"),
        (ALONE, (control_plane(0, MADE),), EXIT_CLUSTER_LOST, "it was the only control plane", "nobody to join"),
        (
            ALONE,
            (control_plane(0, MADE), control_plane(1, MADE), control_plane(2, MADE)),
            EXIT_CLUSTER_LOST,
            "control_plane[0] is gone, and the cluster with it",
            "three new ones have nobody to join either",
        ),
        (ALONE, (control_plane(0, REPLACED),), EXIT_REFUSED, "the only control plane", "its disk is the cluster"),
        (ALONE, (control_plane(0, GONE),), EXIT_REFUSED, "would be destroyed", "never fewer"),
        (THREE, (control_plane(0, MADE),), 0, "", "it joins the two that live; that it asks is for others to say"),
        (THREE, (control_plane(0, REPLACED),), ASKS, "control_plane[0] would be replaced", "the same, by intention"),
        (THREE, (control_plane(2, RESIZED),), ASKS, "powered off", "two are a majority"),
        (
            THREE,
            (control_plane(0, MADE), control_plane(2, MADE)),
            EXIT_CLUSTER_LOST,
            "control_plane[0], hcloud_server.control_plane[2] are gone, so that etcd has lost its majority",
            "one of three lets nobody join",
        ),
        (
            THREE,
            (control_plane(1, GONE), control_plane(2, GONE)),
            EXIT_REFUSED,
            "Set spec.controlPlane.replicas to 3 again",
            "from three to one",
        ),
        (
            THREE,
            (control_plane(0, RESIZED), control_plane(1, RESIZED), control_plane(2, RESIZED)),
            EXIT_REFUSED,
            "only while 2 of 3 control planes run",
            "all off at once",
        ),
        (
            THREE,
            (control_plane(0, MADE), control_plane(1, RESIZED)),
            EXIT_REFUSED,
            "control_plane[0], hcloud_server.control_plane[1] would be away at the same time",
            "the one that joins needs the other two",
        ),
        (THREE, (control_plane(0, REPLACED), control_plane(1, REPLACED)), EXIT_REFUSED, "at the same time", "both"),
        (THREE, (control_plane(0, OFF), control_plane(1, RESIZED)), EXIT_REFUSED, "has to run again", "one is off"),
        (THREE, (control_plane(0, OFF), RESIZE), ASKS, "worker[0] would be powered off", "a worker is no member"),
        (THREE, (control_plane(0, OFF_RESIZED),), ASKS, "powered off", "it is the one that is off"),
        (THREE[:2], (control_plane(1, MADE),), EXIT_CLUSTER_LOST, "lost its majority", "two need each other"),
        (THREE[:2], (control_plane(2, MADE),), 0, "", "the third of a first apply that broke off"),
    ],
)
def test_etcd_keeps_its_majority(
    members: tuple[str, ...], changes: tuple[Raw, ...], code: int, says: str, why: str
) -> None:
    found, said = verdict(judged(*changes, members=members), manual=False, approved="")
    assert found == code, why
    assert says in said


def test_a_refusal_is_not_overruled_by_an_approval() -> None:
    for deed, code in ((GONE, EXIT_REFUSED), (MADE, EXIT_CLUSTER_LOST)):
        judgement = judged(control_plane(1, deed), control_plane(2, deed), members=THREE)
        assert verdict(judgement, manual=True, approved=judgement.digest)[0] == code
        assert verdict(judgement, manual=False, approved="", dry_run=True)[0] == code


names = st.sampled_from(THREE)
deeds = st.sampled_from([MADE, REPLACED, GONE, RESIZED, OFF, None])


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.dictionaries(names, deeds))
def test_no_plan_that_passes_takes_the_majority_away(done: dict[str, Raw | None]) -> None:
    """Whatever comes together in it, and whoever approves it."""
    changes = [control_plane(int(name[-1]), deed) for name, deed in done.items() if deed is not None]
    judgement = judged(*changes, members=THREE)
    code, _ = verdict(judgement, manual=False, approved=judgement.digest)
    away = [deed for deed in done.values() if deed is not None]
    assert (code == 0) == (len(away) <= 1 and GONE not in away)


# --- one resize after the other ---------------------------------------------------------------------------------------


def test_an_approval_covers_the_resizes_that_follow_and_says_so() -> None:
    judgement = judged(control_plane(0, RESIZED), members=THREE, later=("control-plane-1", "worker-0"))
    code, said = verdict(judgement, manual=False, approved="")
    assert code == EXIT_APPROVAL_NEEDED
    assert "control_plane[0] would be powered off to change server_type" in said
    assert "the same approval then powers off hcloud_server.control_plane[1], hcloud_server.worker[0]" in said
    assert verdict(judgement, manual=False, approved=judgement.digest)[0] == 0


def test_the_digest_covers_the_resizes_that_follow() -> None:
    """Or a worker that is added to them later would be powered off by an approval that did not name it."""
    digests = {judged(RESIZE, later=later).digest for later in ((), ("worker-1",), ("worker-1", "worker-2"))}
    assert len(digests) == 3


@pytest.mark.parametrize("manual", [False, True])
@pytest.mark.parametrize(
    ("changes", "passes", "why"),
    [
        ((RESIZE,), True, "it was approved with the first of them"),
        ((RESIZE, ADOPT), True, "only the state changes besides"),
        ((RESIZE, CREATE), False, "what comes with it was not in what was approved"),
        ((RESIZE, RENAME), False, "the same"),
        ((RESIZE, DESTROY), False, "something would go"),
        ((ISO,), False, "a server is powered off for another reason"),
    ],
)
def test_a_resize_that_follows_an_approved_one_needs_no_other_approval(
    changes: tuple[Raw, ...], passes: bool, manual: bool, why: str
) -> None:
    judgement = judged(*changes)
    code, said = verdict(judgement, manual=manual, approved="0" * 64, resize_approved=True)
    assert (code == 0) == passes, why
    assert ("approved with the resizes before it" in said) == passes


def test_a_resize_is_not_let_pass_for_the_approval_of_another() -> None:
    assert verdict(judged(RESIZE), manual=False, approved="")[0] == EXIT_APPROVAL_NEEDED


def test_counts_and_replaced_addresses() -> None:
    judgement = judged(CREATE, GROW, DESTROY, REPLACE, NOOP, READ)
    assert (judgement.add, judgement.change, judgement.destroy) == (2, 1, 2)
    assert judgement.replacing == ("hcloud_server.worker[0]",)
    assert judgement.destroying == ("hcloud_server.worker[1]",), "what is replaced is there again afterwards"
    assert (judgement.adopt, judgement.powering_off) == (0, ())


def test_what_is_adopted_is_counted_beside_what_is_done_to_it() -> None:
    judgement = judged(CREATE, ADOPT, ADOPT_SERVER, RESIZE)
    assert (judgement.add, judgement.change, judgement.adopt) == (1, 1, 2)
    assert judgement.settling == ("hcloud_server.worker[0]",), "a change of which nothing is written"
    assert judgement.powering_off == ("hcloud_server.worker[0]",)


# --- the digest -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (edited(RESIZE, "change", "after", value={**SERVER, "server_type": "cpx52"}), "another size was approved"),
        (edited(RESIZE, "change", "before", value={**SERVER, "id": "43"}), "another server would be meant"),
        (edited(RESIZE, "address", value="hcloud_server.worker[1]"), "another address"),
        (edited(RESIZE, "change", "actions", value=["delete", "create"]), "another deed"),
        (edited(RESIZE, "change", "importing", value={"id": "7"}), "an object is adopted"),
        (edited(RESIZE, "deposed", value="abcd1234"), "what a create_before_destroy left over, not the object itself"),
    ],
)
def test_the_digest_covers_what_would_be_done(other: Raw, why: str) -> None:
    assert judged(other).digest != judged(RESIZE).digest, why


def test_the_digest_covers_an_adoption_that_changes_nothing_else() -> None:
    assert judged(CREATE, ADOPT).digest != judged(CREATE).digest
    assert judged(ADOPT).digest != judged(edited(ADOPT, "change", "importing", value={"id": "7"})).digest


def test_the_digest_is_the_sovereigns_own() -> None:
    assert judge({"resource_changes": [CREATE]}, uid="other").digest != judged(CREATE).digest


def test_the_digest_does_not_cover_what_does_not_matter() -> None:
    """A plan made again an hour later must meet the approval it was given."""
    plan = {"resource_changes": [CREATE, NOOP], "timestamp": "2026-11-22T12:00:00Z", "terraform_version": "1.12.6"}
    assert judge(plan, uid=UID).digest == judged(CREATE).digest


changes = st.lists(st.sampled_from([CREATE, GROW, RESIZE, DESTROY, REPLACE, NOOP, READ, FIRST]), max_size=8)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(changes, st.integers())
def test_the_digest_does_not_depend_on_the_order(listed: list[Raw], seed: int) -> None:
    """Also of entries under one address, such as an object and what was deposed of it."""
    listed = [*listed, edited(DESTROY, "deposed", value="abcd1234")]
    shuffled = random.Random(seed).sample(listed, len(listed))  # noqa: S311
    assert judged(*shuffled).digest == judged(*listed).digest


# --- what leaves the gate ---------------------------------------------------------------------------------------------


def test_nothing_secret_leaves_the_gate() -> None:
    secret = change("hcloud_server.worker[0]", ("delete", "create"), {"user_data": TOKEN}, {"user_data": TOKEN + "2"})
    judgement = judged(secret, DESTROY)
    said = termination_message(judgement, verdict(judgement, manual=True, approved="")[1])
    assert TOKEN[:20] not in said


def test_ten_addresses_and_a_count_of_the_rest() -> None:
    many = [edited(REPLACE, "address", value=f"hcloud_server.worker[{n}]") for n in range(25)]
    told = json.loads(termination_message(judged(*many), "why"))
    assert len(told["replacing"]) == 10
    assert told["replacing"][-1] == "and 16 more"
    few = json.loads(termination_message(judged(*many[:10]), "why"))
    assert few["replacing"][-1] == "hcloud_server.worker[9]"


def test_the_message_says_what_comes_of_what_exists() -> None:
    told = json.loads(termination_message(judged(ADOPT, DESTROY, REPLACE, RESIZE), "why"))
    assert told["adopt"] == 1
    assert told["replacing"] == ["hcloud_server.worker[0]"]
    assert told["destroying"] == ["hcloud_server.worker[1]"]
    assert told["powering_off"] == ["hcloud_server.worker[0]"]


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.lists(st.text(min_size=1, max_size=300), max_size=40, unique=True), st.text(max_size=2000))
def test_the_message_fits_into_what_the_kubelet_keeps(addresses: list[str], explanation: str) -> None:
    """In bytes, whatever the addresses and the explanation consist of."""
    judgement = judged(*(edited(raw, "address", value=a) for a in addresses for raw in (REPLACE, DESTROY, RESIZE)))
    said = termination_message(judgement, explanation)
    assert len(said.encode()) <= LIMIT
    assert json.loads(said)["digest"] == judgement.digest


def test_addresses_that_take_many_bytes_give_way_to_a_count() -> None:
    many = [edited(REPLACE, "address", value=f'hcloud_ssh_key.this["{"漢" * 70}{n}"]') for n in range(10)]
    said = termination_message(judged(*many), "漢\x00" * 300)
    assert len(said.encode()) <= LIMIT
    assert "more" in json.loads(said)["replacing"][-1]


def test_a_plan_without_changes_is_judged_too() -> None:
    assert judge({}, uid=UID) == judged()
    assert judge({"resource_changes": None}, uid=UID).add == 0


# --- servers that their owner asked for -------------------------------------------------------------------------------

REQUESTED = {**REPLACE, "action_reason": "replace_by_request"}
TARGET = change('hcloud_load_balancer_target.this["worker-0"]', ("delete", "create"), {"id": "7"}, {"id": None})
WORKER_0 = Beside(standing=("worker-0", "worker-1"), rebuild="worker-0")


@pytest.mark.parametrize(
    ("changes", "asks", "why"),
    [
        ((REQUESTED, TARGET), "", "the server and its place at the load balancer"),
        ((change("hcloud_server.worker[0]", after=SERVER), TARGET), "", "an earlier run has taken it away already"),
        ((REQUESTED, NOOP, READ), "", "what is left alone is nothing else"),
        ((REPLACE,), "worker[0] would be replaced", "replaced for another reason than the request"),
        ((change("hcloud_server.worker[0]", ("delete",), SERVER, None),), "worker[0] would be destroyed", "for good"),
        ((REQUESTED, DESTROY), "worker[1] would be destroyed", "everything else asks as ever"),
        (
            (REQUESTED, RESIZE | {"address": "hcloud_server.worker[1]"}),
            "worker[1] would be powered off",
            "so does this",
        ),
        (
            (change('hcloud_load_balancer_target.this["worker-1"]', ("delete", "create"), {"id": "8"}, {}),),
            "worker-1",
            "another server's place",
        ),
        (
            (REQUESTED, change("hcloud_server.worker[1]", after=SERVER)),
            "worker[1] would be made again",
            "another one that is gone",
        ),
    ],
)
@pytest.mark.parametrize("manual", [False, True])
def test_nobody_is_asked_about_just_the_server_that_its_owner_named(
    changes: tuple[Raw, ...], asks: str, why: str, manual: bool
) -> None:
    code, said = verdict(judged(*changes, beside=WORKER_0), manual=manual, approved="")
    assert code == (EXIT_APPROVAL_NEEDED if asks else 0), why
    assert (asks or "made again, as its owner asked: hcloud_server.worker[0]") in said


def test_in_mode_manual_anything_beside_it_asks() -> None:
    code, said = verdict(judged(REQUESTED, GROW, beside=WORKER_0), manual=True, approved="")
    assert (code, said) == (EXIT_APPROVAL_NEEDED, "approval mode is Manual")


@pytest.mark.parametrize(
    ("members", "others", "says"),
    [
        (THREE, (), ""),
        (ALONE, (), "it is the only control plane"),
        (THREE, (1,), "would be away at the same time"),
    ],
    ids=["one of three", "the only one", "while another is off"],
)
def test_a_request_does_not_overrule_the_majority(members: tuple[str, ...], others: tuple[int, ...], says: str) -> None:
    asked = {**control_plane(0, REPLACED), "action_reason": "replace_by_request"}
    off = (control_plane(index, OFF) for index in others)
    judgement = judged(asked, *off, members=members, beside=Beside(standing=members, rebuild="control-plane-0"))
    code, said = verdict(judgement, manual=False, approved="")
    assert (code, says in said) == (EXIT_REFUSED if says else 0, True)
