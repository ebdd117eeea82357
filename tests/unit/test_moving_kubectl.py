"""What kubectl says when it cannot, as people see it after `backup` and `restore`."""

from __future__ import annotations

from pathlib import Path

import pytest

from catalyst_operator.moving.kubectl import Kubectl, KubectlError

LOGGED = 'E1130 21:07:57.433181   17692 memcache.go:265] "Unhandled Error" err="couldn\'t get API group list"'
REFUSED = "The connection to the server localhost:8080 was refused - did you specify the right host or port?"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ([LOGGED, LOGGED, REFUSED], REFUSED),
        ([REFUSED], REFUSED),
        ([LOGGED], LOGGED),
    ],
    ids=["both", "an error alone", "a log alone is better than nothing"],
)
def test_the_log_of_its_libraries_is_no_message(tmp_path: Path, said: list[str], told: str) -> None:
    program = tmp_path / "kubectl"
    lines = "\n".join(said)
    program.write_text(f"#!/bin/sh\ncat >&2 <<'EOF'\n{lines}\nEOF\nexit 1\n")
    program.chmod(0o755)
    with pytest.raises(KubectlError) as refused:
        Kubectl(program=str(program)).find("Namespace", "", "customers")
    assert str(refused.value) == told
