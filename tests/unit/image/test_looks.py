"""What fails an image: rights, writable paths, differences that nobody explained, parts without a version."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import ValidationError

from e2e.image import checks, differences, parts
from e2e.image.contents import Contents, Entry
from e2e.image.differences import Row, Where
from e2e.image.parts import BUILT_HERE

FILE = Entry("file", 0o644, "0:0", "digest")
FOLDER = Entry("folder", 0o755, "0:0", "")
WHY = "a reason that is long enough"
LIST = "var/lib/dpkg/info/apt.list"
APT = {"usr/bin/apt": FILE, LIST: replace(FILE, text="/usr/bin/apt\n"), "etc/timers": FOLDER}


RIGHTS, WRITABLE = "gives whoever runs it its owner's or group's rights: ", "is writable by everybody: "


@pytest.mark.parametrize(
    ("path", "entry", "fault"),
    [
        ("usr/bin/su", replace(FILE, mode=0o4755), f"{RIGHTS}file rwsr-xr-x 0:0"),
        ("usr/bin/chage", replace(FILE, mode=0o2755), f"{RIGHTS}file rwxr-sr-x 0:0"),
        ("opt/catalyst/x", replace(FILE, mode=0o666), f"{WRITABLE}file rw-rw-rw- 0:0"),
        ("opt/catalyst", replace(FOLDER, mode=0o777), f"{WRITABLE}folder rwxrwxrwx 0:0"),
        ("opt/tmp", replace(FOLDER, mode=0o1777), f"{WRITABLE}folder rwxrwxrwt 0:0"),
        ("tmp", replace(FOLDER, mode=0o777), f"{WRITABLE}folder rwxrwxrwx 0:0"),
    ],
)
def test_a_fault_is_told(path: str, entry: Entry, fault: str) -> None:
    assert checks.faults({path: entry}) == [f"/{path} {fault}"]


@pytest.mark.parametrize(
    ("path", "entry"),
    [
        ("usr/bin/ls", replace(FILE, mode=0o755)),
        ("var/mail", replace(FOLDER, mode=0o2775)),
        ("tmp", replace(FOLDER, mode=0o1777)),
        ("bin", Entry("link", 0o777, "0:0", "usr/bin")),
    ],
)
def test_what_is_no_fault(path: str, entry: Entry) -> None:
    assert checks.faults({path: entry}) == []


@pytest.mark.parametrize(
    ("users", "lab", "said"),
    [
        ({"a": FILE}, {}, "/a (file rw-r--r-- 0:0): only in the users' image"),
        ({}, {"a": FILE}, "/a (file rw-r--r-- 0:0): only in the lab's image"),
        ({"a": FILE}, {"a": replace(FILE, mode=0o600)}, "not the same in both images"),
        ({"a": FILE}, {"a": replace(FILE, owner="1:0")}, "not the same in both images"),
        ({"a": FILE}, {"a": FOLDER}, "not the same in both images"),
        ({"opt/catalyst/a": FILE}, {"opt/catalyst/a": replace(FILE, content="other")}, "not the same in both images"),
    ],
)
def test_a_difference_that_nobody_explained_is_told(users: Contents, lab: Contents, said: str) -> None:
    (complaint,) = differences.complaints([], users, lab)
    assert said in complaint


def test_debians_files_may_be_of_another_day() -> None:
    assert differences.complaints([], {"usr/bin/ls": FILE}, {"usr/bin/ls": replace(FILE, content="older")}) == []


def test_a_package_explains_its_files_and_a_pattern_its_paths() -> None:
    by_package = Row(where=Where.USERS, packages=("apt",), why=WHY)
    by_path = Row(where=Where.USERS, paths=("/etc/tim*",), why=WHY)
    assert differences.complaints([by_package, by_path], APT, {}) == []
    left = differences.complaints([by_path], APT, {})
    assert left == [f"/{path} (file rw-r--r-- 0:0): only in the users' image" for path in ("usr/bin/apt", LIST)]


def test_a_row_is_about_one_image_and_explains_something() -> None:
    row = Row(where=Where.LAB, packages=("apt",), paths=("/etc/*",), why=WHY)
    said = differences.complaints([row], APT, {})
    assert len(said) == len(APT) + 1
    assert said[-1] == "differences.yaml explains what is not there: lab: apt"


def test_a_row_without_a_reason_is_refused() -> None:
    with pytest.raises(ValidationError, match="why"):
        Row(where=Where.LAB, paths=("/x",), why="because")


def test_the_table_is_valid() -> None:
    assert differences.table()


@pytest.mark.parametrize("version", [None, "", "UNKNOWN", "(devel)"])
def test_a_part_without_a_version_is_told(version: str | None) -> None:
    nameless = {"name": "left-pad"} | ({} if version is None else {"version": version})
    assert parts.faults([{"name": "apt", "version": "2.6"}, nameless]) == ["left-pad has no version"]
    assert parts.faults([{"name": BUILT_HERE[0], "version": "UNKNOWN"}]) == []
