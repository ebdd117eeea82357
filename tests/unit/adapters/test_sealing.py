"""Sealing anew, with a program in OpenTofu's place: what it is given, where, and how its failures are told. What
OpenTofu itself makes of it is tried in tests/integration/hcloud/test_hcloud_handed_over.py."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from catalyst_operator.adapters import sealing
from catalyst_operator.adapters.sealing import Sealing
from catalyst_operator.errors import TofuError, TofuTimeout

ALICE, MALLORY = "alice", "mallory"
OPENS_AND_SEALS = """\
#!/bin/sh
env > "{told}/$2.env"; cp key "{told}/$2.key"; ls > "{told}/$2.files"
case "$2" in
  pull) sed s/old/plain/ terraform.tfstate ;;
  push) sed s/plain/new/ > terraform.tfstate ;;
esac
"""


def program(folder: Path, text: str) -> Sealing:
    file = folder / "tofu"
    file.write_text(text)
    file.chmod(0o755)
    return Sealing(str(file))


async def test_a_state_is_opened_with_one_key_and_sealed_with_the_other(tmp_path: Path) -> None:
    """In between it is in no file."""
    sealer = program(tmp_path, OPENS_AND_SEALS.format(told=tmp_path))
    assert await sealer.sealed_anew(b"old state", "one key", "another", owner=ALICE) == b"new state"
    assert [(tmp_path / f"{verb}.key").read_text() for verb in ("pull", "push")] == ["one key", "another"]
    assert (tmp_path / "push.files").read_text().split() == ["key"]


async def test_the_program_is_told_nothing_of_the_operators_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Settings hold credentials, and variables of OpenTofu's own would change what it does."""
    monkeypatch.setenv("TF_VAR_agent_token", "mine")
    monkeypatch.setenv("CATALYST_POWERDNS_KEY", "mine")
    await program(tmp_path, OPENS_AND_SEALS.format(told=tmp_path)).sealed_anew(b"old", "a", "b", owner=ALICE)
    told = (tmp_path / "pull.env").read_text()
    assert "mine" not in told
    assert "enforced = true" in told


async def test_what_is_seen_to_be_wrong_is_not_sealed(tmp_path: Path) -> None:
    """Whoever handed it in may have written anything."""
    seen: list[bytes] = []

    def check(opened: bytes) -> None:
        seen.append(opened)
        raise TofuError("it is of another origin")

    sealer = program(tmp_path, OPENS_AND_SEALS.format(told=tmp_path))
    with pytest.raises(TofuError, match="of another origin"):
        await sealer.sealed_anew(b"old state", "a", "b", check, owner=ALICE)
    assert seen == [b"plain state"]
    assert not (tmp_path / "push.key").exists()


async def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever happens: the keys lie there, too."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    await program(tmp_path, OPENS_AND_SEALS.format(told=tmp_path)).sealed_anew(b"old", "a", "b", owner=ALICE)
    with pytest.raises(TofuError):
        await program(tmp_path, "#!/bin/sh\nexit 1\n").sealed_anew(b"old", "a", "b", owner=ALICE)
    assert list((tmp_path / "temporary").iterdir()) == []


async def test_what_it_said_last_is_told(tmp_path: Path) -> None:
    sealer = program(tmp_path, "#!/bin/sh\necho 'Error: decryption failed' >&2; exit 1\n")
    with pytest.raises(TofuError, match="tofu state pull ended with 1: Error: decryption failed"):
        await sealer.sealed_anew(b"old", "a", "b", owner=ALICE)


async def test_a_program_that_is_not_there_is_told() -> None:
    with pytest.raises(TofuError, match="OpenTofu could not be run"):
        await Sealing("/nowhere/tofu").sealed_anew(b"old", "a", "b", owner=ALICE)


async def test_a_program_without_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would hold up every other hand-off."""
    monkeypatch.setattr(sealing, "SEAL_SECONDS", 0.05)
    sealer = program(tmp_path, "#!/bin/sh\nexec sleep 60\n")
    with pytest.raises(TofuTimeout, match="did not come to an end"):
        await sealer.sealed_anew(b"old", "a", "b", owner=ALICE)


WAITS = """\
#!/bin/sh
touch "{began}/$(cat key).$2"
while ! [ -e "{told}/go" ]; do sleep 0.02; done
cat > terraform.tfstate
"""
"""Takes its time, and tells by its key whose state it has."""


async def until(there: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not there():  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(0.01)


async def test_nobody_waits_for_the_slow_states_of_another(tmp_path: Path) -> None:
    """However many there are: one who holds up all hand-offs would need no more than a Secret."""
    (tmp_path / "began").mkdir()
    sealer = program(tmp_path, WAITS.format(began=tmp_path / "began", told=tmp_path))
    slow = [asyncio.create_task(sealer.sealed_anew(b"old", f"m{n}", "b", owner=MALLORY)) for n in range(5)]
    await until((tmp_path / "began/m0.pull").exists)
    other = asyncio.create_task(sealer.sealed_anew(b"old", "a", "b", owner=ALICE))
    await until((tmp_path / "began/a.pull").exists)
    assert {file.name for file in (tmp_path / "began").iterdir()} == {"m0.pull", "a.pull"}, "one of each"
    (tmp_path / "go").touch()
    await asyncio.gather(other, *slow)


async def test_two_at_a_time_and_of_one_namespace_one(tmp_path: Path) -> None:
    """Together they take no more than the operator has to spare."""
    text = (
        f'#!/bin/sh\nfor place in 1 2; do if mkdir "{tmp_path}/$place" 2> "{tmp_path}/none"; then sleep 0.05; '
        f'rmdir "{tmp_path}/$place"; cat > terraform.tfstate; exit 0; fi; done; exit 7\n'
    )
    sealer = program(tmp_path, text)
    owners = [ALICE, MALLORY, "bob"] * 2
    await asyncio.gather(*(sealer.sealed_anew(b"old", "a", "b", owner=owner) for owner in owners))
    memory = sealing.SEALED_AT_ONCE * sealing.MOST_MEMORY
    assert memory <= 384 << 20, "as in deploy/base/deployment.yaml"


async def test_what_only_computes_is_ended_long_before_it_is_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "WORK_SECONDS", 1)
    with pytest.raises(TofuTimeout, match="tofu state pull was ended: it took too much time or memory"):
        await program(tmp_path, "#!/bin/sh\nwhile :; do :; done\n").sealed_anew(b"old", "a", "b", owner=MALLORY)


GREEDY = """\
#!{python}
taken = bytearray(1 << 30)
print(len(taken))
"""


async def test_a_state_that_takes_the_operators_memory_is_not_opened(tmp_path: Path) -> None:
    """OpenTofu runs in the operator's own container: what it takes is missing there."""
    with pytest.raises(TofuError, match=r"ended with 1: .*MemoryError"):
        await program(tmp_path, GREEDY.format(python=sys.executable)).sealed_anew(b"old", "a", "b", owner=ALICE)


async def test_what_it_says_is_read_to_a_limit(tmp_path: Path) -> None:
    """A number of six characters may be printed with a thousand."""
    with pytest.raises(TofuError, match="says more than 16 MiB"):
        await program(tmp_path, "#!/bin/sh\nexec yes\n").sealed_anew(b"old", "a", "b", owner=ALICE)


async def test_one_that_does_not_read_what_it_is_given_says_why_itself(tmp_path: Path) -> None:
    stops = "#!/bin/sh\n[ $2 = pull ] && exec head -c 1000000 /dev/zero\necho 'Error: no' >&2; exit 1\n"
    with pytest.raises(TofuError, match="tofu state push - ended with 1: Error: no"):
        await program(tmp_path, stops).sealed_anew(b"old", "a", "b", owner=ALICE)
