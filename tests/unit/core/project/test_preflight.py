"""What follows from what the cloud answered: each row is a project, and what the Sovereign's owner is told."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from catalyst_operator.api.phases import PreflightResult
from catalyst_operator.core.errors import codes
from catalyst_operator.core.project import ssh_keys
from catalyst_operator.core.project.preflight import (
    CHECKS,
    Check,
    CloudObject,
    CloudView,
    Report,
    SizeOffer,
    Wanted,
    judge,
    key_of,
    rate_limited,
    unauthorized,
    unreachable,
    wanted,
)
from catalyst_operator.core.runs.tfvars import tfvars
from tests.support import gen
from tests.support.gen import RawMod, spec

PASSED, FAILED, UNKNOWN = PreflightResult.PASSED, PreflightResult.FAILED, PreflightResult.UNKNOWN
CLUSTER = "omantel-d2faa"
FIRST, WORKER = f"{CLUSTER}-control-plane-0", f"{CLUSTER}-worker-0"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGxpYS1zdW1tZXItdGVzdC1rZXktbm90LXJlYWwhIQ00"
MARK = "ff:d2:db:d7:ec:15:29:cc:83:9e:64:35:1a:f8:f9:ce"
HAD, SOLD_OUT, RETIRED = SizeOffer(True), SizeOffer(False), SizeOffer(False, retired=True)
OFFERS: Mapping[str, Mapping[str, SizeOffer]] = {
    "cpx22": {"fsn1": HAD, "sin": HAD},
    "cpx32": {"fsn1": HAD},
    "cpx42": {"fsn1": HAD},
    "cpx21": {"fsn1": RETIRED, "ash": HAD},
    "ccx99": {"fsn1": RETIRED},
    "cx23": {"hel1": HAD, "nbg1": SOLD_OUT, "sin": RETIRED},
    "gone9": {"hel1": RETIRED},
    "cax11": {"fsn1": HAD},
    "scarce1": {"fsn1": SOLD_OUT},
    "scarce2": {"fsn1": SOLD_OUT},
}
ARCHITECTURES = {size: "arm" if size == "cax11" else "x86" for size in OFFERS}


def want(*mods: RawMod, **sizes: tuple[str, ...]) -> Wanted:
    """What one Sovereign wants; `sizes` by the servers' short names, with `_` for `-`."""
    ladders = {f"{CLUSTER}-{name.replace('_', '-')}": ladder for name, ladder in sizes.items()}
    found = gen.sovereign(*mods)
    return wanted(found, tfvars(found, gen.SETTINGS), ladders or {FIRST: ("cpx22",)})


def cloud(*objects: CloudObject, **values: Any) -> CloudView:
    return CloudView(offers=OFFERS, architectures=ARCHITECTURES, objects=objects, **values)


def check(name: str, what: Wanted, view: CloudView) -> Check:
    return next(found for found in judge(what, view) if found.name == name)


def code(found: Check) -> str:
    return found.error.code if found.error else ""


class TestWanted:
    def test_the_names_are_those_of_the_module(self) -> None:
        """tests/integration/hcloud/test_hcloud_preflight.py compares them with a plan."""
        assert want(control_plane_0=("cpx22",)).names == {
            "servers": (FIRST,),
            "networks": (CLUSTER,),
            "firewalls": (CLUSTER,),
            "load_balancers": (CLUSTER,),
            "placement_groups": (f"{CLUSTER}-control-plane",),
            "ssh_keys": (f"{CLUSTER}-993b24c51352",),
        }

    @pytest.mark.parametrize(("workers", "groups"), [(0, 0), (1, 1), (10, 1), (11, 2), (25, 3)])
    def test_ten_workers_make_a_placement_group(self, workers: int, groups: int) -> None:
        found = want(gen.workers(workers)).names["placement_groups"]
        assert found == (f"{CLUSTER}-control-plane", *(f"{CLUSTER}-worker-{n}" for n in range(groups)))

    def test_a_key_given_twice_is_one(self) -> None:
        twice = want(spec(sshPublicKeys=[f"{KEY} ops", f"{KEY} admin@laptop", KEY]))
        assert twice.ssh_public_keys == (KEY,)
        assert len(twice.names["ssh_keys"]) == 1


class TestSshKeys:
    @pytest.mark.parametrize(
        ("key", "mark"),
        [
            (KEY, MARK),
            (f" {KEY} ops@laptop with spaces\n", MARK),
            (
                "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGVkMjU1MTktc2FtcGxlLWtleS1mb3ItdGhlLXRlc3Rz",
                "ab:44:b2:98:1d:8f:6a:58:71:9c:ba:be:55:fc:23:05",
            ),
        ],
    )
    def test_a_fingerprint_is_md5_over_the_body(self, key: str, mark: str) -> None:
        """The expected values are what `ssh-keygen -E md5 -l` prints."""
        assert ssh_keys.fingerprint(key) == mark

    @pytest.mark.parametrize(
        ("kind", "parts", "fault"),
        [
            ("ssh-ed25519", [32], ""),
            ("ssh-rsa", [3, 257], ""),
            ("ecdsa-sha2-nistp256", [8, 65], ""),
            ("ecdsa-sha2-nistp384", [8, 97], ""),
            ("ecdsa-sha2-nistp521", [8, 133], ""),
            ("sk-ssh-ed25519@openssh.com", [32, 4], ""),
            ("sk-ecdsa-sha2-nistp256@openssh.com", [8, 65, 4], ""),
            ("ssh-ed25519", [31], "is not a whole ssh-ed25519 key"),
            ("ssh-ed25519", [32, 1], "is not a whole ssh-ed25519 key"),
            ("ssh-rsa", [3], "is not a whole ssh-rsa key"),
            ("ssh-dss", [20], "is not a whole ssh-dss key"),
        ],
    )
    def test_a_body_is_what_its_type_says(self, kind: str, parts: list[int], fault: str) -> None:
        strings = (kind.encode(), *(b"\x04" * length for length in parts))
        body = b"".join(len(part).to_bytes(4) + part for part in strings)
        assert ssh_keys.fault(f"{kind} {base64.b64encode(body).decode()} a comment") == fault
        assert ssh_keys.fault(f"{kind} {base64.b64encode(body[:-1]).decode()}") == "is cut off"

    def test_a_body_of_another_type_is_told(self) -> None:
        other = KEY.replace("ssh-ed25519", "ssh-rsa")
        assert ssh_keys.fault(other) == "begins with ssh-rsa, but its body is of another type"

    @pytest.mark.parametrize("key", ["", "ssh-ed25519", "ssh-ed25519 AAAAC3Nza", "ssh-ed25519 ä", "ssh-rsa AAAA*AAA"])
    def test_what_is_no_key_has_none(self, key: str) -> None:
        assert ssh_keys.fingerprint(key) is None


class TestKey:
    BASE = want(gen.workers(1), control_plane_0=("cpx22",))

    def test_it_is_short_and_the_same_for_the_same(self) -> None:
        again = want(gen.workers(1), control_plane_0=("cpx22",))
        assert key_of(self.BASE, "uid/1", "") == key_of(again, "uid/1", "")
        assert len(key_of(self.BASE, "uid/1", "")) == 16

    @pytest.mark.parametrize("field", [field.name for field in fields(Wanted)])
    def test_whatever_is_wanted_counts(self, field: str) -> None:
        other: Any = {"n-0": ("cpx99",)} if field in {"sizes", "names"} else ("x",) if "keys" in field else "other"
        changed = replace(self.BASE, **{field: other})
        assert key_of(changed, "uid/1", "") != key_of(self.BASE, "uid/1", ""), field

    @pytest.mark.parametrize(
        ("credentials", "retry", "why"),
        [("uid/2", "", "the token may be another"), ("uid/1", "now", "the owner may have made room in the project")],
    )
    def test_so_do_the_token_and_a_wish_to_try_again(self, credentials: str, retry: str, why: str) -> None:
        assert key_of(self.BASE, credentials, retry) != key_of(self.BASE, "uid/1", ""), why


def test_all_is_well() -> None:
    checks = judge(want(), cloud())
    assert [found.name for found in checks] == list(CHECKS)
    assert {found.result for found in checks} == {PASSED}
    assert {found.error for found in checks} == {None}
    assert [found.message for found in checks] == [
        "Hetzner accepts the token; whether it may also write shows when something is created.",
        "All sizes can be ordered in fsn1.",
        "Nothing else in the project has one of the names that are needed.",
        "None of the SSH keys belongs to something else in the project.",
    ]


@pytest.mark.parametrize(
    ("ladder", "expected", "message", "why"),
    [
        (
            ("cpx99",),
            codes.SIZE_UNKNOWN,
            "Hetzner has no server type cpx99; in fsn1 it has cpx22, cpx32, cpx42.",
            "neither live nor in the table; cpx21 is not sold there any more",
        ),
        (("xx1",), codes.SIZE_UNKNOWN, "Hetzner has no server type xx1.", "there is nothing like it"),
        (
            ("cx32",),
            codes.SIZE_UNKNOWN,
            "Hetzner has no server type cx32; use cx33 instead.",
            "one that the cloud forgot, and the table knows",
        ),
        (
            ("cx23",),
            codes.SIZE_NOT_IN_LOCATION,
            "cx23 is not offered in fsn1, only in hel1, nbg1.",
            "sold out there is still offered there, retired there is not",
        ),
        (
            ("gone9",),
            codes.SIZE_NOT_IN_LOCATION,
            "gone9 is not offered in fsn1, nor anywhere else.",
            "on its way out of the list",
        ),
        (
            ("cpx21",),
            codes.SIZE_RETIRED,
            "cpx21 can no longer be ordered in fsn1; use cpx22 instead.",
            "the table names a successor",
        ),
        (("ccx99",), codes.SIZE_RETIRED, "ccx99 can no longer be ordered in fsn1.", "the table has no successor"),
        (
            ("cax11",),
            codes.INVALID_INPUT,
            "cax11 has arm processors; spec.controlPlane.size, spec.workers.size and their fallbacks take x86 types "
            "only.",
            "the release's binaries are for x86",
        ),
        (("cpx22", "cpx21"), codes.SIZE_RETIRED, "cpx21 can no longer", "a fallback is checked as well"),
        (("scarce1", "cpx99"), codes.SIZE_UNKNOWN, "no server type cpx99", "the one that would be tried next"),
    ],
)
def test_a_size_that_cannot_be_ordered(ladder: tuple[str, ...], expected: codes.Code, message: str, why: str) -> None:
    found = check("sizes", want(control_plane_0=ladder), cloud())
    assert (found.result, code(found)) == (FAILED, expected.code), why
    assert message in found.message, why
    assert found.error is not None
    assert (found.error.message, found.error.remedy, found.error.terminal) == (found.message, expected.remedy, True)


@pytest.mark.parametrize(
    ("ladder", "message", "why"),
    [
        (
            ("scarce1", "cpx32"),
            "scarce1 is sold out in fsn1 at the moment; cpx32 is tried next.",
            "the run finds out, and steps down",
        ),
        (
            ("scarce1", "scarce2", "cpx32", "cpx42"),
            "scarce1 and scarce2 are sold out in fsn1 at the moment; cpx32 is tried next.",
            "the next that can be had",
        ),
        (
            ("scarce1",),
            "scarce1 is sold out in fsn1 at the moment; there is no other size to try.",
            "it may come back until it is tried",
        ),
        (("cpx22", "scarce1"), "All sizes can be ordered in fsn1.", "a fallback that will not be needed"),
    ],
)
def test_sold_out_is_no_failure(ladder: tuple[str, ...], message: str, why: str) -> None:
    found = check("sizes", want(control_plane_0=ladder), cloud())
    assert (found.result, found.message, found.error) == (PASSED, message, None), why


class TestServersThatExist:
    def test_ours_keeps_what_it_has(self) -> None:
        ours = CloudObject("servers", 1, FIRST, uid=gen.UID)
        found = check("sizes", want(control_plane_0=("cpx21",)), cloud(ours))
        assert (found.result, found.message) == (PASSED, "All servers exist already, and keep their sizes.")

    @pytest.mark.parametrize(
        ("standing", "why"),
        [
            (CloudObject("servers", 1, FIRST, uid="another"), "not ours: ours is still to be made"),
            (CloudObject("servers", 1, WORKER, uid=gen.UID), "another server of ours"),
            (CloudObject("networks", 1, FIRST, uid=gen.UID), "no server"),
        ],
    )
    def test_another_does_not_help(self, standing: CloudObject, why: str) -> None:
        assert check("sizes", want(control_plane_0=("cpx21",)), cloud(standing)).result is FAILED, why

    @pytest.mark.parametrize(
        ("ladder", "error", "why"),
        [
            (("cpx22",), "", "there is one to be had"),
            (("scarce1", "cpx32"), "", "so is a fallback"),
            (("scarce1",), "ERR_CAPACITY", "sold out: who is new may wait for it, who stands stays"),
            (("scarce1", "scarce2"), "ERR_CAPACITY", "both are"),
            (("cpx21",), "ERR_SIZE_RETIRED", "not sold there any more"),
        ],
    )
    def test_one_that_is_made_again_is_not_taken_away_while_there_is_none_in_its_place(
        self, ladder: tuple[str, ...], error: str, why: str
    ) -> None:
        ours = CloudObject("servers", 1, FIRST, uid=gen.UID)
        asked = replace(want(control_plane_0=ladder), remade=(FIRST,))
        assert code(check("sizes", asked, cloud(ours))) == error, why

    def test_the_new_ones_are_still_checked(self) -> None:
        ours = CloudObject("servers", 1, FIRST, uid=gen.UID)
        found = check("sizes", want(control_plane_0=("cpx21",), worker_0=("cpx99",)), cloud(ours))
        assert found.message == "Hetzner has no server type cpx99; in fsn1 it has cpx22, cpx32, cpx42."


class TestSeveralProblems:
    def test_servers_of_one_size_are_one_problem(self) -> None:
        found = check("sizes", want(worker_0=("cpx99",), worker_1=("cpx99",)), cloud())
        assert found.message == "Hetzner has no server type cpx99; in fsn1 it has cpx22, cpx32, cpx42."

    def test_the_first_decides_on_the_code(self) -> None:
        found = check("sizes", want(control_plane_0=("cpx21",), worker_0=("cpx99",)), cloud())
        assert code(found) == codes.SIZE_RETIRED.code
        assert found.message.endswith("Hetzner has no server type cpx99; in fsn1 it has cpx22, cpx32, cpx42.")

    def test_three_are_named_and_the_others_counted(self) -> None:
        found = check("sizes", want(control_plane_0=("a1", "b2", "c3", "d4", "e5")), cloud())
        assert found.message == (
            "Hetzner has no server type a1. Hetzner has no server type b2. Hetzner has no server type c3. And 2 more."
        )


OTHER = "99999999-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    ("objects", "message", "why"),
    [
        ((CloudObject("networks", 12, CLUSTER, uid=gen.UID, sovereign="team-a/omantel"),), "", "ours from before"),
        (
            (CloudObject("networks", 12, CLUSTER),),
            f"networks/12 {CLUSTER} exists already and is not this Sovereign's.",
            "made by hand",
        ),
        (
            (CloudObject("networks", 12, CLUSTER, uid=OTHER, sovereign="team-b/omantel"),),
            f"networks/12 {CLUSTER} exists already and belongs to the Sovereign team-b/omantel.",
            "the user can ask its owner",
        ),
        (
            (CloudObject("networks", 12, CLUSTER), CloudObject("servers", 3, FIRST)),
            f"networks/12 {CLUSTER} exists already and is not this Sovereign's. "
            f"servers/3 {FIRST} exists already and is not this Sovereign's.",
            "all of them are in the way",
        ),
    ],
)
def test_names(objects: tuple[CloudObject, ...], message: str, why: str) -> None:
    found = check("names", want(), cloud(*objects))
    expected = (FAILED, codes.NAME_CONFLICT.code) if message else (PASSED, "")
    assert (found.result, code(found)) == expected, why
    assert not message or found.message == message, why


def test_a_name_from_the_cloud_is_cut_and_cleaned() -> None:
    found = check("names", want(), cloud(CloudObject("networks", 1, f"{gen.TOKEN} {'x' * 600}")))
    assert len(found.message) <= 512
    assert gen.TOKEN not in found.message


@pytest.mark.parametrize(
    ("holder", "message", "why"),
    [
        (None, "", "the project does not have it"),
        (CloudObject("ssh_keys", 5, f"{CLUSTER}-993b24c51352", uid=gen.UID), "", "ours from before"),
        (
            CloudObject("ssh_keys", 5, "laptop"),
            f"The key {MARK} is in the project already, as laptop.",
            "uploaded by hand",
        ),
        (
            CloudObject("ssh_keys", 5, "acme-1a2b3-0", uid=OTHER, sovereign="team-b/acme"),
            f"The key {MARK} is in the project already, as acme-1a2b3-0 of the Sovereign team-b/acme.",
            "two Sovereigns of one project",
        ),
    ],
)
def test_ssh_keys(holder: CloudObject | None, message: str, why: str) -> None:
    found = check("ssh-keys", want(), cloud(keys={MARK: holder} if holder else {}))
    expected = (FAILED, codes.SSH_KEY_CONFLICT.code) if message else (PASSED, "")
    assert (found.result, code(found)) == expected, why
    assert not message or found.message == message, why


def test_what_hetzner_would_not_take_for_a_key_is_told_with_what_else_is_in_the_way() -> None:
    broken = replace(want(), ssh_public_keys=(KEY, "ssh-ed25519 AAAAC3Nza"))
    found = check("ssh-keys", broken, cloud())
    assert (found.result, code(found)) == (FAILED, codes.INVALID_INPUT.code)
    assert found.message == (
        "The key ssh-ed25519 AAAAC3Nza… of spec.sshPublicKeys is not whole base64; copy the .pub file again."
    )
    taken = check("ssh-keys", broken, cloud(keys={MARK: CloudObject("ssh_keys", 5, "laptop")}))
    assert code(taken) == codes.SSH_KEY_CONFLICT.code
    assert "not whole base64" in taken.message


def test_a_key_that_the_project_has_of_us_is_not_questioned() -> None:
    """It was taken once, and cannot be changed any more."""
    odd = f"ssh-ed25519 {KEY.split(' ')[1][:-4]}"
    ours = CloudObject("ssh_keys", 5, "ours", uid=want().uid)
    asked = replace(want(), ssh_public_keys=(odd,))
    assert check("ssh-keys", asked, cloud()).result is FAILED
    assert check("ssh-keys", asked, cloud(keys={str(ssh_keys.fingerprint(odd)): ours})).result is PASSED


def test_no_key_is_no_fault() -> None:
    found = check("ssh-keys", want(spec(sshPublicKeys=[])), cloud())
    assert (found.result, found.message) == (PASSED, "No SSH key is named: nobody will log in over SSH.")


class TestNoAnswer:
    def test_a_refused_token_fails_and_leaves_the_rest_unknown(self) -> None:
        checks = unauthorized("team-a/hcloud", "it is not known there, or was revoked")
        assert [(found.name, found.result) for found in checks] == [
            ("token", FAILED),
            ("sizes", UNKNOWN),
            ("names", UNKNOWN),
            ("ssh-keys", UNKNOWN),
        ]
        assert code(checks[0]) == codes.TOKEN_INVALID.code
        assert (
            checks[0].message
            == "Hetzner does not accept the token in Secret team-a/hcloud: it is not known there, or was revoked."
        )

    def test_silence_says_nothing(self) -> None:
        checks = unreachable("Hetzner's API did not answer within 20 s")
        assert [(found.name, found.result) for found in checks] == [(name, UNKNOWN) for name in CHECKS]
        assert {found.message for found in checks} == {
            "Not checked: Hetzner's API did not answer within 20 s. A run goes on all the same, and OpenTofu decides."
        }

    def test_nor_does_a_full_rate_limit(self) -> None:
        checks = rate_limited(datetime(2026, 11, 22, 12, 34, tzinfo=UTC))
        assert [(found.name, found.result) for found in checks] == [(name, UNKNOWN) for name in CHECKS]
        assert "Asked again at 12:34:00 UTC" in checks[0].message


def test_a_report_knows_what_says_no() -> None:
    checks = unauthorized("team-a/hcloud", "revoked")
    assert Report("key", gen.NOW, checks).failed == checks[:1]
    assert Report("key", gen.NOW, unreachable("silence")).failed == ()
