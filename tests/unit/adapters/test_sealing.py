"""Sealing anew, with a program in OpenTofu's place: what it is given, where, and how its failures are told. What
OpenTofu itself makes of it is tried in tests/integration/hcloud/test_hcloud_handed_over.py."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from catalyst_operator.adapters import sealing
from catalyst_operator.adapters.sealing import Sealing
from catalyst_operator.errors import TofuError

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
    assert await sealer.sealed_anew(b"old state", "one key", "another") == b"new state"
    assert [(tmp_path / f"{verb}.key").read_text() for verb in ("pull", "push")] == ["one key", "another"]
    assert (tmp_path / "push.files").read_text().split() == ["key"]


async def test_the_program_is_told_nothing_of_the_operators_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Settings hold credentials, and variables of OpenTofu's own would change what it does."""
    monkeypatch.setenv("TF_VAR_agent_token", "mine")
    monkeypatch.setenv("CATALYST_POWERDNS_KEY", "mine")
    await program(tmp_path, OPENS_AND_SEALS.format(told=tmp_path)).sealed_anew(b"old", "a", "b")
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
        await sealer.sealed_anew(b"old state", "a", "b", check)
    assert seen == [b"plain state"]
    assert not (tmp_path / "push.key").exists()


async def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever happens: the keys lie there, too."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    await program(tmp_path, OPENS_AND_SEALS.format(told=tmp_path)).sealed_anew(b"old", "a", "b")
    with pytest.raises(TofuError):
        await program(tmp_path, "#!/bin/sh\nexit 1\n").sealed_anew(b"old", "a", "b")
    assert list((tmp_path / "temporary").iterdir()) == []


async def test_what_it_said_last_is_told(tmp_path: Path) -> None:
    sealer = program(tmp_path, "#!/bin/sh\necho 'Error: decryption failed' >&2; exit 1\n")
    with pytest.raises(TofuError, match="tofu state pull ended with 1: Error: decryption failed"):
        await sealer.sealed_anew(b"old", "a", "b")


async def test_a_program_that_is_not_there_is_told() -> None:
    with pytest.raises(TofuError, match="OpenTofu could not be run"):
        await Sealing("/nowhere/tofu").sealed_anew(b"old", "a", "b")


async def test_a_program_without_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would hold up every other hand-off."""
    monkeypatch.setattr(sealing, "SEAL_SECONDS", 0.05)
    sealer = program(tmp_path, "#!/bin/sh\nexec sleep 60\n")
    with pytest.raises(TofuError, match="did not come to an end"):
        await sealer.sealed_anew(b"old", "a", "b")


async def test_one_at_a_time(tmp_path: Path) -> None:
    """Each takes a fifth of the operator's memory."""
    text = (
        f'#!/bin/sh\nmkdir "{tmp_path}/busy" || exit 7\nsleep 0.05\nrmdir "{tmp_path}/busy"\ncat > terraform.tfstate\n'
    )
    sealer = program(tmp_path, text)
    await asyncio.gather(*(sealer.sealed_anew(b"old", "a", "b") for _ in range(3)))


GREEDY = """\
#!{python}
taken = bytearray(1 << 30)
print(len(taken))
"""


async def test_a_state_that_takes_the_operators_memory_is_not_opened(tmp_path: Path) -> None:
    """OpenTofu runs in the operator's own container: what it takes is missing there."""
    with pytest.raises(TofuError, match=r"ended with 1: .*MemoryError"):
        await program(tmp_path, GREEDY.format(python=sys.executable)).sealed_anew(b"old", "a", "b")


async def test_what_it_says_is_read_to_a_limit(tmp_path: Path) -> None:
    """A number of six characters may be printed with a thousand."""
    with pytest.raises(TofuError, match="says more than 16 MiB"):
        await program(tmp_path, "#!/bin/sh\nexec yes\n").sealed_anew(b"old", "a", "b")


async def test_one_that_does_not_read_what_it_is_given_says_why_itself(tmp_path: Path) -> None:
    stops = "#!/bin/sh\n[ $2 = pull ] && exec head -c 1000000 /dev/zero\necho 'Error: no' >&2; exit 1\n"
    with pytest.raises(TofuError, match="tofu state push - ended with 1: Error: no"):
        await program(tmp_path, stops).sealed_anew(b"old", "a", "b")
